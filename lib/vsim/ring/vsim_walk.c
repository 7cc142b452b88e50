/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The walk along a chain of descriptors, with checks against every mistake that a driver can make.
 * virtio 1.4 2.7.4, 2.7.5.
 */

#include <errno.h>

#include "vsim/ring/vsim_walk.h"
#include "vsim/core/vsim_event.h"

int
vsim_queue_fail(struct vsim_queue *q, enum virtio_rule rule)
{
	vsim_fn_violation(q->fn, rule);
	q->dead = true;
	vsim_fn_broken(q->fn);
	return -EPROTO;
}

int
vsim_queue_fault(struct vsim_queue *q)
{
	vsim_count(&q->fn->counters->dma_faults, 1);
	q->dead = true;
	vsim_fn_broken(q->fn);
	return -EFAULT;
}

int
vsim_desc_read(struct vsim_queue *q, uint64_t iova, void *to)
{
	uint32_t done = 0, n;

	do {
		const uint8_t *from;

		n = sizeof(struct virtq_desc) - done;
		from = vsim_queue_dma(q, iova + done, &n, false);
		if (from == NULL)
			return -EFAULT;
		memcpy((uint8_t *)to + done, from, n);
		done += n;
	} while (done < sizeof(struct virtq_desc));
	__asm__ volatile("" ::: "memory"); /* As in vsim_desc_copy(). */
	return 0;
}

int
vsim_walk_add(struct vsim_queue *q, struct vsim_walk *walk, uint64_t addr, uint32_t len, bool write)
{
	walk->total += len;
	if (walk->total > UINT64_C(1) << 32) /* 2.7.5.2: 2^32 bytes at most */
		return vsim_queue_fail(q, VIRTIO_RULE_CHAIN);
	if (walk->unfit)
		return 0;
	/* 2.7.4.2, 2.8.17: readable descriptors first. */
	if (!write && walk->writable) {
		vsim_fn_violation(q->fn, VIRTIO_RULE_READABLE_FIRST);
		walk->unfit = true;
		return 0;
	}
	walk->writable = walk->writable || write;
	while (len > 0) {
		uint32_t n = len;
		uint8_t *ptr = vsim_queue_dma(q, addr, &n, write);

		if (ptr == NULL)
			return vsim_queue_fault(q);
		/* Too many segments for this device (2.7.4.1); no rule is broken. */
		if (walk->nb == walk->room) {
			walk->unfit = true;
			return 0;
		}
		if (walk->iovas != NULL)
			walk->iovas[walk->nb] = addr;
		if (walk->nb == 0)
			walk->first_iova = addr;
		walk->segs[walk->nb++] = (struct vsim_seg){ ptr, n };
		*(write ? &walk->writable_len : &walk->readable_len) += n;
		if (!write)
			walk->nb_readable = walk->nb;
		addr += n;
		len -= n;
	}
	return 0;
}

/* Where a buffer without a byte begins. */
static uint8_t nothing[2 * VSIM_CACHE_LINE];

static void
walk_buf(const struct vsim_queue *q, const struct vsim_walk *walk, struct vsim_buf *buf)
{
	unsigned int first = q->write ? walk->nb_readable : 0;

	buf->nb_segs = (q->write ? walk->nb : walk->nb_readable) - first;
	buf->total = vsim_walk_len(q->write ? walk->writable_len : walk->readable_len);
	/* Half a packet is not sent. A buffer to receive into ends where the walk ended. */
	if (walk->unfit && !q->write)
		buf->nb_segs = buf->total = 0;
	buf->id = walk->id;
	buf->nb_descs = walk->nb_descs;
	/* The data path prefetches from ptr without a look at the length. */
	buf->ptr = buf->nb_segs > 0 ? walk->segs[first].ptr : nothing;
	buf->len = buf->nb_segs > 0 ? walk->segs[first].len : 0;
	if (buf->nb_segs == 1)
		buf->iova = walk->nb == 1 ? walk->first_iova : VSIM_NO_IOVA;
	else
		buf->segs = &walk->segs[first];
}

int
vsim_walk_pool(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_pool *pool,
		int (*walk_chain)(struct vsim_queue *q, struct vsim_walk *walk))
{
	struct vsim_walk walk = { .segs = &pool->segs[pool->nb],
		.room = VSIM_POOL_SEGS - pool->nb };
	int ret;

	/* A chain has at most as many descriptors as the queue has slots, and twice as many
	 * segments, because a descriptor may cross a border of the DMA map. */
	if (pool->nb > 0 && walk.room < 2u * q->size)
		return -EAGAIN;
	ret = walk_chain(q, &walk);
	if (ret < 0)
		return ret;
	walk_buf(q, &walk, buf);
	pool->nb += walk.nb;
	return 1;
}
