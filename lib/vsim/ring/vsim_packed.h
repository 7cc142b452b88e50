/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_PACKED_H
#define VSIM_PACKED_H

/**
 * @file
 * Device side of a packed ring. virtio 1.4 2.8.
 *
 * The same verbs as vsim_split.h. Length, id and flags of a descriptor are one aligned 64-bit word
 * ("tail"), read and written at once.
 */

#include "vsim/core/vsim_event.h"
#include "vsim/ring/vsim_walk.h"

#define PACKED_WRAP_FLAGS (VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED)

VSIM_INLINE uint64_t
vsim_packed_tail(const struct pvirtq_desc *d, int order)
{
	return le64toh(__atomic_load_n((const uint64_t *)(const void *)&d->len, order));
}

VSIM_INLINE void
vsim_packed_avail_skip(struct vsim_queue *q, uint16_t nb)
{
	uint32_t i = q->avail_i + nb;

	if (i >= q->size) {
		i -= q->size;
		q->flags_avail ^= PACKED_WRAP_FLAGS;
	}
	q->avail_i = i;
}

/** Is the next slot available? */
VSIM_INLINE int
vsim_packed_look(const struct vsim_queue *q)
{
	uint64_t tail = vsim_packed_tail(&q->packed.desc[q->avail_i], __ATOMIC_ACQUIRE);

	return ((tail >> 48) & PACKED_WRAP_FLAGS) == q->flags_avail;
}

/** Number of slots that are available now. */
static VSIM_COLD uint16_t
vsim_packed_count(const struct vsim_queue *q)
{
	uint16_t i = q->avail_i, flags = q->flags_avail, nb = 0;

	while (nb < q->size &&
			((vsim_packed_tail(&q->packed.desc[i], __ATOMIC_ACQUIRE) >> 48) &
					PACKED_WRAP_FLAGS) == flags) {
		nb++;
		if (++i == q->size) {
			i = 0;
			flags ^= PACKED_WRAP_FLAGS;
		}
	}
	return nb;
}

/** Number of slots from the position of the device to the position in a NOTIFICATION_DATA
 * doorbell. */
static inline uint32_t
vsim_packed_distance(const struct vsim_queue *q, uint32_t pos)
{
	uint32_t off = pos & 0x7fff, wrap = pos >> 15;
	uint32_t here = q->avail_i + (q->flags_avail & VIRTQ_DESC_F_AVAIL ? 0 : q->size);
	uint32_t there = off + (wrap ? 0 : q->size);

	return (there + 2 * q->size - here) % (2 * q->size);
}

/** All that a strict device sees from now on: up to a position that a doorbell named, or all slots
 * that are available now. */
static VSIM_COLD void
vsim_packed_announce(struct vsim_queue *q, bool named, uint16_t pos)
{
	uint32_t nb = named ? vsim_packed_distance(q, pos) : vsim_packed_count(q);

	/* A longer way is to a position of the past: nothing new. pop checks each slot. */
	q->known = nb <= q->size ? nb : 0;
}

/** The ring is empty: request a doorbell, then look again. */
static VSIM_COLD int
vsim_packed_arm(struct vsim_queue *q)
{
	uint32_t wrap = q->flags_avail & VIRTQ_DESC_F_AVAIL ? 1u << RING_EVENT_WRAP_SHIFT : 0;

	if (q->polled)
		return 0;
	q->active = false;
	q->known = 0;
	if (!q->event_idx)
		return 0;
	__atomic_store_n((uint32_t *)(void *)q->packed.device,
			htole32(q->avail_i | wrap | (RING_EVENT_FLAGS_DESC << 16)),
			__ATOMIC_RELAXED);
	/* Pairs with the driver's barrier between flags and the device event structure. */
	atomic_thread_fence(memory_order_seq_cst);
	if (!vsim_packed_look(q))
		return 0;
	if (q->strict)
		vsim_packed_announce(q, false, 0);
	q->active = true;
	return 1;
}

static inline int
vsim_packed_more(struct vsim_queue *q)
{
	if (!q->active)
		return q->known > 0;
	if (unlikely(q->strict && q->known == 0))
		return vsim_packed_arm(q);
	return likely(vsim_packed_look(q)) ? 1 : vsim_packed_arm(q);
}

static inline int
vsim_packed_indirect_walk(struct vsim_queue *q, struct vsim_walk *walk, uint64_t addr, uint32_t len)
{
	uint32_t nb = len / sizeof(struct pvirtq_desc); /* 2.8.7: bytes behind are no descriptor */

	if (nb > q->size)
		return vsim_queue_fail(q, VIRTIO_RULE_PACKED_LIST);
	for (uint32_t i = 0; i < nb; i++) {
		struct pvirtq_desc d;
		uint16_t flags;
		int ret;

		if (vsim_desc_read(q, addr + i * sizeof(d), &d) < 0)
			return vsim_queue_fault(q);
		flags = le16toh(d.flags);
		/* 2.8.19: the driver sets no other flag. 2.8.7: the device ignores other flags. */
		if (flags & ~VIRTQ_DESC_F_WRITE)
			vsim_fn_violation(q->fn, VIRTIO_RULE_PACKED_INDIRECT);
		ret = vsim_walk_add(q, walk, le64toh(d.addr), le32toh(d.len),
				flags & VIRTQ_DESC_F_WRITE);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/** Take the whole list at the next slot. Call only after vsim_packed_more() returned 1. */
static inline int
vsim_packed_walk(struct vsim_queue *q, struct vsim_walk *walk)
{
	uint16_t i = q->avail_i, want = q->flags_avail;
	int ret;

	walk->nb_descs = 0;
	for (;;) {
		struct pvirtq_desc d;
		uint16_t flags;

		if (walk->nb_descs == q->size)
			return vsim_queue_fail(q, VIRTIO_RULE_PACKED_LIST);
		vsim_desc_copy(&d, &q->packed.desc[i]);
		flags = le16toh(d.flags);
		/* 2.8.17: the list is complete before its first descriptor is published. */
		if (walk->nb_descs > 0 && (flags & PACKED_WRAP_FLAGS) != want)
			return vsim_queue_fail(q, VIRTIO_RULE_PACKED_LIST);
		walk->nb_descs++;
		walk->id = le16toh(d.id);
		if (flags & VIRTQ_DESC_F_INDIRECT) {
			if (!q->indirect)
				return vsim_queue_fail(q, VIRTIO_RULE_INDIRECT);
			if (walk->nb_descs > 1 || (flags & VIRTQ_DESC_F_NEXT))
				return vsim_queue_fail(q, VIRTIO_RULE_PACKED_INDIRECT);
			ret = vsim_packed_indirect_walk(q, walk, le64toh(d.addr), le32toh(d.len));
		} else {
			ret = vsim_walk_add(q, walk, le64toh(d.addr), le32toh(d.len),
					flags & VIRTQ_DESC_F_WRITE);
		}
		if (ret < 0)
			return ret;
		if (!(flags & VIRTQ_DESC_F_NEXT))
			break;
		if (++i == q->size) {
			i = 0;
			want ^= PACKED_WRAP_FLAGS;
		}
	}
	vsim_packed_avail_skip(q, walk->nb_descs);
	/* A doorbell that named the middle of the list announced less than the list. */
	q->known -= walk->nb_descs < q->known ? walk->nb_descs : q->known;
	return 1;
}

static VSIM_COLD int
vsim_packed_pop_slow(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_pool *pool)
{
	return vsim_walk_pool(q, buf, pool, vsim_packed_walk);
}

/** As vsim_split_pop(). */
VSIM_INLINE int
vsim_packed_pop(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_pool *pool,
		const bool write, const bool hard)
{
	const struct pvirtq_desc *d = &q->packed.desc[q->avail_i];
	uint64_t tail, iova;
	uint32_t len;
	uint16_t flags;
	uint8_t *ptr;

	if ((!q->active || (hard && q->strict)) && q->known == 0 &&
			(!hard || !q->active || vsim_packed_arm(q) == 0))
		return 0;
	tail = vsim_packed_tail(d, __ATOMIC_ACQUIRE);
	flags = tail >> 48;
	if ((flags & PACKED_WRAP_FLAGS) != q->flags_avail) {
		if (!q->active || vsim_packed_arm(q) == 0)
			return 0;
		tail = vsim_packed_tail(d, __ATOMIC_ACQUIRE);
		flags = tail >> 48;
	}
	/* Fast path: one direct descriptor of the right direction in cached memory. */
	len = tail;
	iova = le64toh(__atomic_load_n(&d->addr, __ATOMIC_RELAXED));
	ptr = vsim_queue_dma_cached(q, iova, len);
	if (unlikely((flags & 7) != (write ? VIRTQ_DESC_F_WRITE : 0) || ptr == NULL || len == 0))
		return vsim_packed_pop_slow(q, buf, pool);
	buf->ptr = ptr;
	buf->len = len;
	buf->total = len;
	buf->id = tail >> 32;
	buf->nb_descs = 1;
	buf->nb_segs = 1;
	if (hard)
		buf->iova = iova;
	vsim_packed_avail_skip(q, 1);
	if (unlikely(!q->active) || (hard && q->strict))
		q->known--;
	return 1;
}

/** Undo the pops of the last nb slots. */
static inline void
vsim_packed_rewind(struct vsim_queue *q, uint16_t nb)
{
	if (!q->active || q->strict)
		q->known += nb;
	if (q->avail_i < nb) {
		q->avail_i += q->size;
		q->flags_avail ^= PACKED_WRAP_FLAGS;
	}
	q->avail_i -= nb;
}

/** As vsim_split_prefetch(): the descriptors of a burst, which push writes. */
VSIM_INLINE void
vsim_packed_prefetch(const struct vsim_queue *q)
{
	const uint32_t step = VSIM_CACHE_LINE / sizeof(struct pvirtq_desc);
	uint32_t at = q->avail_i;

	for (unsigned int i = 0; i < VSIM_BURST / step; i++) {
		__builtin_prefetch(&q->packed.desc[at], 1);
		at += step;
		if (at >= q->size)
			at = 0;
	}
}

VSIM_INLINE void
vsim_packed_used_write(struct pvirtq_desc *d, uint64_t tail, int order)
{
	__atomic_store_n((uint64_t *)(void *)&d->len, htole64(tail), order);
}

/** As vsim_split_push(). @return ring slots given back. */
VSIM_INLINE uint16_t
vsim_packed_push(struct vsim_queue *q, const struct vsim_buf *bufs, unsigned int n,
		const bool write)
{
	struct pvirtq_desc *const ring = q->packed.desc, *first = &ring[q->used_i];
	const bool batch = q->in_order && !write; /* see below */
	uint64_t flags = q->flags_used | (write ? VIRTQ_DESC_F_WRITE : 0);
	/* The first descriptor becomes visible last: before that, the driver reads no descriptor
	 * of this push. */
	uint64_t first_tail = (uint64_t)bufs[batch ? n - 1 : 0].id << 32 | flags << 48;
	/* In local variables: the compiler has to assume that a write to the ring changes the
	 * queue. */
	const uint32_t size = q->size;
	uint32_t at = q->used_i, slots = 0;

	for (unsigned int i = 0; i < n; i++) {
		/* 2.8.8: with IN_ORDER one descriptor for the batch, in the slot of its first
		 * buffer. */
		if (i > 0 && !batch)
			vsim_packed_used_write(&ring[at],
					(write ? bufs[i].used : 0) | (uint64_t)bufs[i].id << 32 |
							flags << 48,
					__ATOMIC_RELAXED);
		slots += bufs[i].nb_descs;
		at += bufs[i].nb_descs;
		if (at >= size) {
			at -= size;
			flags ^= PACKED_WRAP_FLAGS;
		}
	}
	q->used_i = at;
	q->flags_used = flags & PACKED_WRAP_FLAGS;
	vsim_packed_used_write(first, first_tail | (write ? bufs[0].used : 0), __ATOMIC_RELEASE);
	return slots;
}

/** Does the driver want an interrupt for the last `added` slots? virtio 1.4 2.8.10. */
VSIM_INLINE bool
vsim_packed_irq_needed(const struct vsim_queue *q, uint16_t added)
{
	uint32_t event;
	uint16_t flags, off;

	/* Pairs with the driver's barrier between its event structure and used flags. */
	atomic_thread_fence(memory_order_seq_cst);
	event = le32toh(__atomic_load_n((const uint32_t *)(const void *)q->packed.driver,
			__ATOMIC_RELAXED));
	flags = (event >> 16) & 3;
	if (flags != RING_EVENT_FLAGS_DESC || !q->event_idx)
		return flags != RING_EVENT_FLAGS_DISABLE;
	off = event & 0x7fff;
	if (!(event >> RING_EVENT_WRAP_SHIFT & 1) != (q->flags_used == 0))
		off -= q->size;
	return (uint16_t)(q->used_i - off - 1) < added;
}

#endif /* VSIM_PACKED_H */
