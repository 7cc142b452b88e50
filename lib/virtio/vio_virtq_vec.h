/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_VIRTQ_VEC_H
#define VIO_VIRTQ_VEC_H

/**
 * @file
 * Reap and post several buffers at once, in both layouts.
 *
 * For files that are compiled for AVX2 or AVX-512; empty for others. A step is VIO_LANES buffers,
 * one 64-bit lane each. The code is the same for both instruction sets: the compiler maps its
 * vector types to either.
 *
 * A step handles all of its buffers or none. It handles buffers of one descriptor each that do not
 * cross the end of a ring. Otherwise it changes nothing and returns false, and the caller uses the
 * scalar functions, which also find out what is wrong with a ring. So values from the device are
 * checked here lane by lane, but only the scalar functions break a queue.
 *
 * The ids of a step may be any ids. Consecutive ids, as from a device that works in order, take one
 * load and one store for all of their cookies; other ids take one for each. One buffer that was
 * completed out of order puts the ids into another order for good, so both cases matter.
 */

#include "vio_virtq.h"

#ifdef __AVX2__

#include <immintrin.h>

#if defined(__AVX512F__)
#define VIO_LANES 8
#else
#define VIO_LANES 4
#endif

/** One 64-bit lane per buffer. */
typedef uint64_t vio_vec __attribute__((vector_size(8 * VIO_LANES)));
/** A vec in memory, of any alignment and type. */
typedef vio_vec vio_vec_mem __attribute__((aligned(2), may_alias));
typedef uint64_t vio_ids_mem __attribute__((aligned(2), may_alias));
/** The part of a step that handles its lanes one by one is kept out of the inlined code. */
#define VIO_VEC_EACH __rte_noinline __rte_unused

/** A descriptor. */
typedef uint64_t vio_desc __attribute__((vector_size(16)));
typedef vio_desc vio_desc_mem __attribute__((may_alias));

#if VIO_LANES == 8
#define VIO_LIST(of) of(0), of(1), of(2), of(3), of(4), of(5), of(6), of(7)
#else
#define VIO_LIST(of) of(0), of(1), of(2), of(3)
#endif
#define VIO_VEC(of)          \
	{                    \
		VIO_LIST(of) \
	}

static __rte_always_inline vio_vec
vio_vec_load(const void *at)
{
	return *(const vio_vec_mem *)at;
}

/* Load words that were just stored one by one. A load of the whole vector would have to wait until
 * these stores, and all stores before them, have left the store buffer. */
static __rte_always_inline vio_vec
vio_vec_gather(const uint64_t *words)
{
#define WORD(i) words[i]
	return (vio_vec)VIO_VEC(WORD);
#undef WORD
}

/* Load memory that the device writes: exactly once, and here. */
static __rte_always_inline vio_vec
vio_vec_load_shared(const volatile void *at)
{
	return *(const volatile vio_vec_mem *)at;
}

static __rte_always_inline void
vio_vec_store(void *at, vio_vec v)
{
	*(vio_vec_mem *)at = v;
}

static __rte_always_inline vio_vec
vio_vec_all(uint64_t value)
{
#define SAME(i) value
	return (vio_vec)VIO_VEC(SAME);
#undef SAME
}

/* 0, 1, 2, ... */
static __rte_always_inline vio_vec
vio_vec_count(void)
{
#define INDEX(i) i
	return (vio_vec)VIO_VEC(INDEX);
#undef INDEX
}

/* True if a bit is set in some lane. */
static __rte_always_inline bool
vio_vec_any(vio_vec v)
{
#if VIO_LANES == 8
	return _mm512_test_epi64_mask((__m512i)v, (__m512i)v) != 0;
#else
	return !_mm256_testz_si256((__m256i)v, (__m256i)v);
#endif
}

/* Bit 63 is set in lanes that are outside of low..high; all values are below 2^63. */
static __rte_always_inline vio_vec
vio_vec_outside(vio_vec v, uint64_t low, uint64_t high)
{
	return ((v - vio_vec_all(low)) | (vio_vec_all(high) - v)) & vio_vec_all(UINT64_C(1) << 63);
}

/* ------------------------------------------------------------------ ids and cookies */

/* The ids first, first + 1, ... of four lanes, 16 bits each. */
static __rte_always_inline uint64_t
vio_vec_four_ids(uint64_t first)
{
	return first * UINT64_C(0x0001000100010001) + UINT64_C(0x0003000200010000);
}

/* True if a step has enough free ids that do not cross the end of free_ids. */
static __rte_always_inline bool
vio_vec_ids_ready(const struct vio_virtq *vq)
{
	return vq->id_head + VIO_LANES <= vq->size;
}

/* The ids of a step to post: one in each lane, four in a word, and where they are in memory. */
struct vio_vec_ids {
	vio_vec each;
	uint64_t four[VIO_LANES / 4];
	const uint16_t *from;
	bool run; /* The ids are consecutive, and perhaps not in memory. */
};

static __rte_always_inline void
vio_vec_ids_run(struct vio_vec_ids *ids, uint16_t first)
{
	ids->each = vio_vec_all(first) + vio_vec_count();
	for (unsigned int i = 0; i < VIO_LANES / 4; i++)
		ids->four[i] = vio_vec_four_ids(first + 4 * i);
	ids->run = true;
}

/* Take the next VIO_LANES free ids, which are ready. */
static __rte_always_inline void
vio_vec_ids_take(struct vio_virtq *vq, struct vio_vec_ids *ids)
{
	const uint16_t *from = &vq->free_ids[vq->id_head];
	uint64_t other = 0;

	vio_vec_ids_run(ids, from[0]);
	for (unsigned int i = 0; i < VIO_LANES / 4; i++)
		other |= ((const vio_ids_mem *)from)[i] ^ ids->four[i];
	vq->id_head = vio_ring_add(vq, vq->id_head, VIO_LANES);
	if (likely(other == 0))
		return;
	ids->run = false;
	ids->from = from;
#if VIO_LANES == 8
	ids->each = (vio_vec)_mm512_cvtepu16_epi64(_mm_loadu_si128((const __m128i *)from));
#else
	ids->each = (vio_vec)_mm256_cvtepu16_epi64(_mm_loadl_epi64((const __m128i *)from));
#endif
	for (unsigned int i = 0; i < VIO_LANES / 4; i++)
		ids->four[i] = ((const vio_ids_mem *)from)[i];
}

/* Four ids, 16 bits each. */
static __rte_always_inline uint64_t
vio_vec_pack_ids(const uint64_t *ids)
{
	return ids[0] | ids[1] << 16 | ids[2] << 32 | ids[3] << 48;
}

/* Give back the ids of a step. */
static __rte_always_inline void
vio_vec_ids_give(struct vio_virtq *vq, const uint64_t *four)
{
	if (unlikely(vq->id_tail + VIO_LANES > vq->size)) {
		for (unsigned int i = 0; i < VIO_LANES; i++)
			vio_id_give(vq, (uint16_t)(four[i / 4] >> i % 4 * 16));
		return;
	}
	for (unsigned int i = 0; i < VIO_LANES / 4; i++)
		((vio_ids_mem *)&vq->free_ids[vq->id_tail])[i] = four[i];
	vq->id_tail = vio_ring_add(vq, vq->id_tail, VIO_LANES);
}

/* Non-zero lanes for buffers that are not outstanding, or were posted as a list. */
static __rte_always_inline vio_vec
vio_vec_cookies_bad(vio_vec cookies)
{
	return (vio_vec)(cookies == vio_vec_all(0)) | (cookies & vio_vec_all(VIO_COOKIE_LIST));
}

/* Take the buffers with these consecutive ids. */
static __rte_always_inline bool
vio_vec_take_run(struct vio_virtq *vq, uint64_t first, vio_vec *cookies)
{
	uint64_t four[VIO_LANES / 4];

	if (unlikely(first + VIO_LANES > vq->size || (vq->in_order && first != vq->oldest)))
		return false;
	*cookies = vio_vec_load(&vq->cookies[first]);
	if (unlikely(vio_vec_any(vio_vec_cookies_bad(*cookies))))
		return false;
	vio_vec_store(&vq->cookies[first], vio_vec_all(0));
	if (vq->in_order) {
		vq->oldest = vio_ring_add(vq, (uint16_t)first, VIO_LANES);
	} else {
		for (unsigned int i = 0; i < VIO_LANES / 4; i++)
			four[i] = vio_vec_four_ids(first + i * 4);
		vio_vec_ids_give(vq, four);
	}
	return true;
}

/* Take the buffers with these ids, in any order. Each lane clears its cookie before the next lane
 * loads one, so an id that is there twice is found. */
static VIO_VEC_EACH bool
vio_vec_take_each(struct vio_virtq *vq, vio_vec ids, vio_vec *cookies)
{
	uint64_t id[VIO_LANES], taken[VIO_LANES], four[VIO_LANES / 4];
	void **const all = vq->cookies;

	if (unlikely(vq->in_order || vio_vec_any(vio_vec_outside(ids, 0, vq->size - 1))))
		return false;
	vio_vec_store(id, ids);
#pragma GCC unroll 8
	for (unsigned int i = 0; i < VIO_LANES; i++) {
		taken[i] = (uintptr_t)all[id[i]];
		all[id[i]] = NULL;
	}
	*cookies = vio_vec_gather(taken);
	if (unlikely(vio_vec_any(vio_vec_cookies_bad(*cookies)))) {
		for (unsigned int i = VIO_LANES; i-- > 0;)
			all[id[i]] = (void *)(uintptr_t)taken[i];
		return false;
	}
	for (unsigned int i = 0; i < VIO_LANES / 4; i++)
		four[i] = vio_vec_pack_ids(&id[4 * i]);
	vio_vec_ids_give(vq, four);
	return true;
}

/* Take the buffers with these ids, and give the ids back. @return false: nothing was taken. */
static __rte_always_inline bool
vio_vec_take(struct vio_virtq *vq, vio_vec ids, vio_vec *cookies)
{
	if (likely(!vio_vec_any(ids ^ (vio_vec_all(ids[0]) + vio_vec_count()))))
		return vio_vec_take_run(vq, ids[0], cookies);
	return vio_vec_take_each(vq, ids, cookies);
}

static VIO_VEC_EACH void
vio_vec_cookies_put_each(struct vio_virtq *vq, const uint16_t *ids, vio_vec cookies)
{
#pragma GCC unroll 8
	for (unsigned int i = 0; i < VIO_LANES; i++)
		vq->cookies[ids[i]] = (void *)(uintptr_t)cookies[i];
}

/* Store the cookies of buffers with these ids. */
static __rte_always_inline void
vio_vec_cookies_put(struct vio_virtq *vq, const struct vio_vec_ids *ids, vio_vec cookies)
{
	if (likely(ids->run))
		vio_vec_store(&vq->cookies[ids->each[0]], cookies);
	else
		vio_vec_cookies_put_each(vq, ids->from, cookies);
}

/* ------------------------------------------------------------------ packed */

/* Lanes 1, 3, 5, ... of both vectors: the second halves of descriptors. */
static __rte_always_inline vio_vec
vio_vec_odd(vio_vec a, vio_vec b)
{
#define ODD(i) 2 * (i) + 1
	return __builtin_shufflevector(a, b, VIO_LIST(ODD));
#undef ODD
}

/* Join the halves of descriptors; half: 0 the first descriptors, 1 the last ones. */
static __rte_always_inline vio_vec
vio_vec_pair(vio_vec addrs, vio_vec tails, const unsigned int half)
{
#define PAIR0(i) ((i) / 2 + ((i) % 2) * VIO_LANES)
#define PAIR1(i) (VIO_LANES / 2 + (i) / 2 + ((i) % 2) * VIO_LANES)
	return half == 0 ? __builtin_shufflevector(addrs, tails, VIO_LIST(PAIR0)) :
			   __builtin_shufflevector(addrs, tails, VIO_LIST(PAIR1));
#undef PAIR0
#undef PAIR1
}

/** Take VIO_LANES used buffers: cookies and lengths. @return false: use the scalar function. */
static __rte_always_inline bool
vio_vec_packed_reap(struct vio_virtq *vq, vio_vec *cookies, vio_vec *lens)
{
	const struct pvirtq_desc *desc = &vq->pdesc[vq->reap_i];
	const uint64_t mask = VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
	const uint64_t want = vq->reap_wrap ? mask : 0;
	vio_vec tails;

	if (unlikely(vq->reap_i + VIO_LANES > vq->size || vq->broken || vq->in_batch))
		return false;
	/* The flags of a descriptor and the length and id that they make valid are one 64-bit word.
	 * The buffer is read later, after the barrier. */
	tails = vio_vec_odd(vio_vec_load_shared(desc), vio_vec_load_shared(desc + VIO_LANES / 2));
	vio_rmb(vq);
	if (vio_vec_any(((tails >> 48) ^ vio_vec_all(want)) & vio_vec_all(mask)) ||
			!vio_vec_take(vq, (tails >> 32) & vio_vec_all(UINT16_MAX), cookies))
		return false;
	*lens = tails & vio_vec_all(UINT32_MAX);
	vq->nb_free += VIO_LANES;
	vq->reap_i += VIO_LANES;
	if (vq->reap_i == vq->size) {
		vq->reap_i = 0;
		vq->reap_wrap = !vq->reap_wrap;
	}
	return true;
}

/** Post VIO_LANES buffers of one descriptor each. @return false: use the scalar function. */
static __rte_always_inline bool
vio_vec_packed_post(struct vio_virtq *vq, vio_vec addrs, vio_vec lens, const uint16_t flags,
		vio_vec cookies)
{
	struct pvirtq_desc *desc = &vq->pdesc[vq->post_i];
	uint64_t tail_flags = flags | (vq->post_wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED);
	struct vio_vec_ids ids;
	vio_vec tails;

	if (unlikely(vq->post_i + VIO_LANES > vq->size || vq->nb_free < VIO_LANES ||
			    (!vq->in_order && !vio_vec_ids_ready(vq))))
		return false;
	if (vq->in_order)
		vio_vec_ids_run(&ids, vq->post_i);
	else
		vio_vec_ids_take(vq, &ids);
	if ((flags & VIRTQ_DESC_F_WRITE) != 0)
		vq->write_len = (uint32_t)lens[0];
	vio_vec_cookies_put(vq, &ids, cookies);
	tails = lens | ids.each << 32 | vio_vec_all(tail_flags << 48);
	/* The first descriptor since the last publish is not made available yet. */
	if (vq->nb_posted == 0) {
		vq->first_flags = (uint16_t)tail_flags;
		tails[0] ^= (uint64_t)VIRTQ_DESC_F_AVAIL << 48;
	}
	vio_vec_store(desc + VIO_LANES / 2, vio_vec_pair(addrs, tails, 1));
	vio_vec_store(desc, vio_vec_pair(addrs, tails, 0));
	vq->nb_posted += VIO_LANES;
	vq->nb_free -= VIO_LANES;
	vq->post_i += VIO_LANES;
	if (vq->post_i == vq->size) {
		vq->post_i = 0;
		vq->post_wrap = !vq->post_wrap;
	}
	return true;
}

/* ------------------------------------------------------------------ split */

/** As vio_vec_packed_reap(). */
static __rte_always_inline bool
vio_vec_split_reap(struct vio_virtq *vq, vio_vec *cookies, vio_vec *lens)
{
	const uint16_t slot = vq->reap_i & (vq->size - 1);
	vio_vec elems;

	if (unlikely(slot + VIO_LANES > vq->size || vq->broken || vq->in_batch))
		return false;
	/* The scalar function reads the index again and detects an impossible value. */
	if ((uint16_t)(vq->used_seen - vq->reap_i) < VIO_LANES) {
		const uint16_t used = vio_load16(&vq->used->idx);

		if ((uint16_t)(used - vq->reap_i) < VIO_LANES ||
				(uint16_t)(used - vq->reap_i) >
						(uint16_t)(vq->publish_i - vq->reap_i))
			return false;
		vq->used_seen = used;
		vio_rmb(vq);
	}
	elems = vio_vec_load_shared(&vq->used->ring[slot]);
	if (!vio_vec_take(vq, elems & vio_vec_all(UINT32_MAX), cookies))
		return false;
	*lens = elems >> 32;
	vq->nb_free += VIO_LANES;
	vq->reap_i += VIO_LANES;
	return true;
}

static VIO_VEC_EACH void
vio_vec_descs_put_each(struct vio_virtq *vq, const uint16_t *ids, vio_vec first, vio_vec last)
{
	const vio_vec halves[] = { first, last };

#pragma GCC unroll 8
	for (unsigned int i = 0; i < VIO_LANES; i++) {
		const vio_vec half = halves[i / (VIO_LANES / 2)];
		const unsigned int at = 2 * i % VIO_LANES;

		*(vio_desc_mem *)&vq->desc[ids[i]] = (vio_desc){ half[at], half[at + 1] };
	}
}

/* Store the descriptors with these ids: the first half of them, and the last half. */
static __rte_always_inline void
vio_vec_descs_put(struct vio_virtq *vq, const struct vio_vec_ids *ids, vio_vec first, vio_vec last)
{
	struct virtq_desc *desc = &vq->desc[ids->each[0]];

	if (likely(ids->run)) {
		vio_vec_store(desc, first);
		vio_vec_store(desc + VIO_LANES / 2, last);
	} else {
		vio_vec_descs_put_each(vq, ids->from, first, last);
	}
}

/** As vio_vec_packed_post(). */
static __rte_always_inline bool
vio_vec_split_post(struct vio_virtq *vq, vio_vec addrs, vio_vec lens, const uint16_t flags,
		vio_vec cookies)
{
	const uint16_t slot = vq->post_i & (vq->size - 1);
	struct vio_vec_ids ids;
	vio_ids_mem *entries;
	vio_vec tails;

	if (unlikely(slot + VIO_LANES > vq->size || vq->nb_free < VIO_LANES ||
			    (vq->in_order ? vq->desc_i + VIO_LANES > vq->size :
					    !vio_vec_ids_ready(vq))))
		return false;
	if (vq->in_order) {
		vio_vec_ids_run(&ids, vq->desc_i);
		vq->desc_i = (vq->desc_i + VIO_LANES) & (vq->size - 1);
	} else {
		vio_vec_ids_take(vq, &ids);
	}
	if ((flags & VIRTQ_DESC_F_WRITE) != 0)
		vq->write_len = (uint32_t)lens[0];
	vio_vec_cookies_put(vq, &ids, cookies);
	tails = lens | vio_vec_all((uint64_t)flags << 32);
	vio_vec_descs_put(vq, &ids, vio_vec_pair(addrs, tails, 0), vio_vec_pair(addrs, tails, 1));
	/* As vio_split_avail_put(). */
	entries = (vio_ids_mem *)&vq->avail->ring[slot];
	for (unsigned int i = 0; i < VIO_LANES / 4; i++)
		if (entries[i] != ids.four[i])
			entries[i] = ids.four[i];
	vq->post_i += VIO_LANES;
	vq->nb_posted += VIO_LANES;
	vq->nb_free -= VIO_LANES;
	return true;
}

#endif /* __AVX2__ */

#endif /* VIO_VIRTQ_VEC_H */
