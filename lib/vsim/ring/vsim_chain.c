/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Requests of control and admin queues, for both ring layouts. virtio 1.4 2.7.4.
 */

#include <errno.h>

#include "vsim/ring/vsim_chain.h"
#include "vsim/core/vsim_irq.h"
#include "vsim/ring/vsim_packed.h"
#include "vsim/ring/vsim_split.h"

int
vsim_chain_pop(struct vsim_queue *q, struct vsim_chain *chain)
{
	struct vsim_walk walk = { .segs = chain->segs,
		.room = sizeof(chain->segs) / sizeof(chain->segs[0]),
		.iovas = chain->iovas };
	int ret;

	if (q->dead)
		return -EPROTO;
	ret = q->is_packed ? vsim_packed_more(q) : vsim_split_more(q, q->strict);
	if (ret > 0)
		ret = q->is_packed ? vsim_packed_walk(q, &walk) : vsim_split_walk(q, &walk);
	if (ret <= 0)
		return ret;
	chain->id = walk.id;
	chain->nb_descs = walk.nb_descs;
	/* A request that cannot be used is an empty one: it is given back without an answer. */
	chain->nb_segs = chain->nb_readable_segs = 0;
	chain->readable_len = chain->writable_len = 0;
	if (walk.unfit)
		return 1;
	chain->readable_len = vsim_walk_len(walk.readable_len);
	chain->writable_len = vsim_walk_len(walk.writable_len);
	chain->nb_segs = walk.nb;
	chain->nb_readable_segs = walk.nb_readable;
	return 1;
}

size_t
vsim_chain_read(const struct vsim_chain *chain, size_t offset, void *buf, size_t len)
{
	size_t done = 0;

	for (unsigned int i = 0; i < chain->nb_readable_segs && done < len; i++) {
		const struct vsim_seg *seg = &chain->segs[i];
		size_t n;

		if (offset >= seg->len) {
			offset -= seg->len;
			continue;
		}
		n = seg->len - offset < len - done ? seg->len - offset : len - done;
		memcpy((uint8_t *)buf + done, seg->ptr + offset, n);
		done += n;
		offset = 0;
	}
	memset((uint8_t *)buf + done, 0, len - done);
	return done;
}

size_t
vsim_chain_write(const struct vsim_chain *chain, size_t offset, const void *buf, size_t len)
{
	size_t done = 0;

	for (unsigned int i = chain->nb_readable_segs; i < chain->nb_segs && done < len; i++) {
		const struct vsim_seg *seg = &chain->segs[i];
		size_t n;

		if (offset >= seg->len) {
			offset -= seg->len;
			continue;
		}
		n = seg->len - offset < len - done ? seg->len - offset : len - done;
		memcpy(seg->ptr + offset, (const uint8_t *)buf + done, n);
		done += n;
		offset = 0;
	}
	return done;
}

int
vsim_chain_relocate(struct vsim_queue *q, struct vsim_chain *chain)
{
	if (q->dead)
		return -EFAULT;
	if (q->unmapped)
		return vsim_queue_fault(q);
	for (unsigned int i = chain->nb_readable_segs; i < chain->nb_segs; i++) {
		uint32_t len = chain->segs[i].len;

		chain->segs[i].ptr = vsim_queue_dma(q, chain->iovas[i], &len, true);
		if (chain->segs[i].ptr == NULL || len < chain->segs[i].len)
			return vsim_queue_fault(q);
	}
	return 0;
}

void
vsim_chain_push(struct vsim_queue *q, const struct vsim_chain *chain, uint32_t written)
{
	const struct vsim_buf buf = { .id = chain->id,
		.nb_descs = chain->nb_descs,
		.used = written };
	uint16_t added;
	bool irq;

	added = q->is_packed ? vsim_packed_push(q, &buf, 1, chain->writable_len > 0) :
			       vsim_split_push(q, &buf, 1, chain->writable_len > 0);
	/* Requests are not packets: they have their own counter. */
	vsim_count(&q->ctr->descriptors, chain->nb_descs);
	if (vsim_irq_no_vector(q->fn, q->qi))
		return;
	irq = q->is_packed ? vsim_packed_irq_needed(q, added) : vsim_split_irq_needed(q, added);
	if (irq)
		vsim_irq_queue(q->fn, q->qi);
}
