/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_SPLIT_H
#define VSIM_SPLIT_H

/**
 * @file
 * Device side of a split ring. virtio 1.4 2.7.
 *
 * Used idx and available idx count the same chains: the device completes as many as it takes, if
 * not always in the same order (vsim_window.h).
 */

#include "vsim/core/vsim_event.h"
#include "vsim/ring/vsim_walk.h"

/** Read the available index. @return 1: there is a new chain, 0, or -errno. */
static inline int
vsim_split_look(struct vsim_queue *q)
{
	uint16_t idx = le16toh(__atomic_load_n(&q->split.avail->idx, __ATOMIC_ACQUIRE));
	uint16_t nb = idx - q->avail_i;

	/* 2.7.13.3: idx never decreases, and at most the whole ring is available. */
	if (unlikely(nb > q->size))
		return vsim_queue_fail(q, VIRTIO_RULE_AVAIL_INDEX);
	q->lapped |= idx < q->avail_i;
	q->avail_seen = idx;
	return nb > 0;
}

/** The device polls the ring: tell the driver that it needs no doorbells. */
static inline void
vsim_split_doorbells_off(struct vsim_queue *q)
{
	uint16_t *event = (uint16_t *)(void *)&q->split.used->ring[q->size];
	const uint16_t far = htole16(q->avail_i + (1u << 15));

	/* With EVENT_IDX the flags are always 0 (2.7.10): ask for an index that is as far away as
	 * can be, also for a driver that asks once for several bursts. */
	if (!q->event_idx)
		__atomic_store_n(&q->split.used->flags, htole16(VIRTQ_USED_F_NO_NOTIFY),
				__ATOMIC_RELAXED);
	else if (__atomic_load_n(event, __ATOMIC_RELAXED) != far)
		__atomic_store_n(event, far, __ATOMIC_RELAXED);
}

/** The ring is empty: request a doorbell, then look again. @return as vsim_split_look(). */
static VSIM_COLD int
vsim_split_arm(struct vsim_queue *q)
{
	int ret;

	if (q->polled) {
		if (q->event_idx)
			vsim_split_doorbells_off(q);
		return 0;
	}
	q->active = false;
	if (!q->event_idx)
		return 0;
	__atomic_store_n((uint16_t *)(void *)&q->split.used->ring[q->size], htole16(q->avail_i),
			__ATOMIC_RELAXED);
	/* Pairs with the driver's barrier between avail idx and reading avail_event. */
	atomic_thread_fence(memory_order_seq_cst);
	ret = vsim_split_look(q);
	if (ret > 0)
		q->active = true;
	return ret;
}

/** @param strict  q->strict, or false as a constant. */
static inline int
vsim_split_more(struct vsim_queue *q, const bool strict)
{
	int ret;

	if (q->avail_i != q->avail_seen)
		return 1;
	if (!q->active)
		return 0;
	ret = strict ? 0 : vsim_split_look(q);
	return likely(ret != 0) ? ret : vsim_split_arm(q);
}

static inline int
vsim_split_indirect_walk(struct vsim_queue *q, struct vsim_walk *walk, uint64_t addr, uint32_t len,
		uint32_t *hops)
{
	uint32_t nb = len / sizeof(struct virtq_desc); /* 2.7.5.3: bytes behind are no descriptor */
	uint32_t i = 0;

	if (nb == 0)
		return 0;
	for (;;) {
		struct virtq_desc d;
		uint16_t flags;
		int ret;

		if (vsim_desc_read(q, addr + i * sizeof(d), &d) < 0)
			return vsim_queue_fault(q);
		flags = le16toh(d.flags);
		if (flags & VIRTQ_DESC_F_INDIRECT) /* 2.7.5.3.1: tables are not nested */
			return vsim_queue_fail(q, VIRTIO_RULE_INDIRECT);
		if ((*hops)++ >= q->size)
			return vsim_queue_fail(q, VIRTIO_RULE_CHAIN);
		ret = vsim_walk_add(q, walk, le64toh(d.addr), le32toh(d.len),
				flags & VIRTQ_DESC_F_WRITE);
		if (ret < 0)
			return ret;
		if (!(flags & VIRTQ_DESC_F_NEXT))
			return 0;
		if (q->in_order && le16toh(d.next) != i + 1)
			vsim_fn_violation(q->fn, VIRTIO_RULE_CHAIN_IN_ORDER);
		i = le16toh(d.next);
		if (i >= nb)
			return vsim_queue_fail(q, VIRTIO_RULE_CHAIN);
	}
}

/** Take the whole chain at the head of the available ring. Call only after vsim_split_more()
 * returned 1. */
static inline int
vsim_split_walk(struct vsim_queue *q, struct vsim_walk *walk)
{
	uint16_t mask = q->size - 1;
	uint16_t i = le16toh(__atomic_load_n(&q->split.avail->ring[q->avail_i & mask],
			__ATOMIC_RELAXED));
	uint32_t hops = 0;
	int ret;

	walk->id = i;
	walk->nb_descs = 0;
	for (;;) {
		struct virtq_desc d;
		uint16_t flags;

		if (i >= q->size ||
				hops++ >= q->size) /* 2.7.5: no loop, not longer than the queue */
			return vsim_queue_fail(q, VIRTIO_RULE_CHAIN);
		vsim_desc_copy(&d, &q->split.desc[i]);
		flags = le16toh(d.flags);
		walk->nb_descs++;
		if (flags & VIRTQ_DESC_F_INDIRECT) {
			if (!q->indirect || (flags & VIRTQ_DESC_F_NEXT))
				return vsim_queue_fail(q, VIRTIO_RULE_INDIRECT);
			hops--; /* The referring descriptor is not part of the message. */
			ret = vsim_split_indirect_walk(q, walk, le64toh(d.addr), le32toh(d.len),
					&hops);
			if (ret < 0)
				return ret;
			break;
		}
		ret = vsim_walk_add(q, walk, le64toh(d.addr), le32toh(d.len),
				flags & VIRTQ_DESC_F_WRITE);
		if (ret < 0)
			return ret;
		if (!(flags & VIRTQ_DESC_F_NEXT))
			break;
		if (q->in_order && le16toh(d.next) != ((i + 1) & mask)) /* 2.7.5 with IN_ORDER */
			vsim_fn_violation(q->fn, VIRTIO_RULE_CHAIN_IN_ORDER);
		i = le16toh(d.next);
	}
	q->avail_i++;
	return 1;
}

static VSIM_COLD int
vsim_split_pop_slow(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_pool *pool)
{
	return vsim_walk_pool(q, buf, pool, vsim_split_walk);
}

/**
 * Take the next chain, if one was announced.
 * @param write  The device writes the buffers of this queue (q->write as a constant).
 * @param hard   q->hard as a constant.
 * @return 1, 0 (none), -EAGAIN (the pool is full, finish the burst), or -errno (the queue failed).
 */
VSIM_INLINE int
vsim_split_pop(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_pool *pool, const bool write,
		const bool hard)
{
	const struct virtq_desc *d;
	uint64_t tail, iova;
	uint32_t len;
	uint8_t *ptr;
	uint16_t i;
	int ret = vsim_split_more(q, hard && q->strict);

	if (ret <= 0)
		return ret;
	i = le16toh(__atomic_load_n(&q->split.avail->ring[q->avail_i & (q->size - 1)],
			__ATOMIC_RELAXED));
	if (unlikely(i >= q->size))
		return vsim_queue_fail(q, VIRTIO_RULE_CHAIN);
	d = &q->split.desc[i];
	tail = le64toh(__atomic_load_n((const uint64_t *)(const void *)&d->len, __ATOMIC_RELAXED));
	/* Fast path: one direct descriptor of the right direction in cached memory. */
	len = tail;
	iova = le64toh(__atomic_load_n(&d->addr, __ATOMIC_RELAXED));
	ptr = vsim_queue_dma_cached(q, iova, len);
	if (unlikely(((tail >> 32) & 7) != (write ? VIRTQ_DESC_F_WRITE : 0) || ptr == NULL ||
			    len == 0))
		return vsim_split_pop_slow(q, buf, pool);
	buf->ptr = ptr;
	buf->len = len;
	buf->total = len;
	buf->id = i;
	buf->nb_descs = 1;
	buf->nb_segs = 1;
	if (hard)
		buf->iova = iova;
	q->avail_i++;
	return 1;
}

/** Undo the last nb pops. */
static inline void
vsim_split_rewind(struct vsim_queue *q, uint16_t nb)
{
	q->avail_i -= nb;
}

/** Prefetch the ring memory of the next burst: transfers from another core's cache are slow, but
 * many can run at the same time. Chains are mostly in ring order. */
VSIM_INLINE void
vsim_split_prefetch(const struct vsim_queue *q)
{
	const uint32_t step = VSIM_CACHE_LINE / sizeof(struct virtq_desc);
	const uint32_t used_step = VSIM_CACHE_LINE / sizeof(struct virtq_used_elem);
	const uint32_t mask = q->size - 1;

	__builtin_prefetch(&q->split.avail->ring[q->avail_i & mask]);
	for (uint32_t i = 0; i < VSIM_BURST; i += step)
		__builtin_prefetch(&q->split.desc[(q->avail_i + i) & mask]);
	for (uint32_t i = 0; i < VSIM_BURST; i += used_step)
		__builtin_prefetch(&q->split.used->ring[(q->used_i + i) & mask], 1);
}

/** Give n chains back, in the order in which they were popped. @return used entries written. */
VSIM_INLINE uint16_t
vsim_split_push(struct vsim_queue *q, const struct vsim_buf *bufs, unsigned int n, const bool write)
{
	struct virtq_used *const used = q->split.used;
	const uint16_t mask = q->size - 1, at = q->used_i;

	if (q->in_order && !write) {
		/* 2.7.9: one element for the batch, in the slot of its first buffer. */
		used->ring[at & mask] = (struct virtq_used_elem){ htole32(bufs[n - 1].id), 0 };
	} else {
		for (unsigned int i = 0; i < n; i++)
			used->ring[(at + i) & mask] = (struct virtq_used_elem){ htole32(bufs[i].id),
				htole32(write ? bufs[i].used : 0) };
	}
	q->used_i = at + n;
	__atomic_store_n(&used->idx, htole16(at + n), __ATOMIC_RELEASE);
	return n;
}

/** Does the driver want an interrupt for the last `added` used entries? virtio 1.4 2.7.7. */
VSIM_INLINE bool
vsim_split_irq_needed(const struct vsim_queue *q, uint16_t added)
{
	/* Pairs with the driver's barrier between used_event (or flags) and used idx. */
	atomic_thread_fence(memory_order_seq_cst);
	if (q->event_idx) {
		uint16_t event = le16toh(
				__atomic_load_n(&q->split.avail->ring[q->size], __ATOMIC_RELAXED));

		return (uint16_t)(q->used_i - event - 1) < added;
	}
	return !(le16toh(__atomic_load_n(&q->split.avail->flags, __ATOMIC_RELAXED)) &
			VIRTQ_AVAIL_F_NO_INTERRUPT);
}

#endif /* VSIM_SPLIT_H */
