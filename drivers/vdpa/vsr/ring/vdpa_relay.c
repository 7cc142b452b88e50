/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Descriptors of one queue between the ring of a guest and the shadow ring of a VF. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vdpa_relay.h"
#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"

#define NIL UINT16_MAX /* No buffer, no segment. A queue has at most 32768. */

/* A buffer that was taken from the guest and not given back: the cookie in the shadow ring. */
struct relay_buf {
	struct vio_seg seg; /* The only segment, or the indirect table. */
	uint64_t writable; /* Bytes that the VF may write; unknown for a table. */
	uint64_t number; /* In the order of the guest. */
	uint16_t id, nb_descs; /* As in struct vdpa_chain. */
	uint16_t nb_segs, nb_readable;
	uint16_t first_seg; /* In segs, with nb_segs > 1. */
	uint16_t prev, next; /* In the order of the guest; free buffers: next. */
	bool indirect;
};

/* Segments of a list. */
struct relay_seg {
	struct vio_seg seg;
	uint16_t next;
};

struct vdpa_relay {
	struct vdpa_gring g;
	struct vio_virtq *vf; /* NULL: not running. */
	bool suspended;
	struct relay_buf *bufs;
	struct relay_seg *segs;
	uint16_t free_buf, free_seg; /* Lists. */
	uint16_t oldest, newest; /* Buffers in the order of the guest. */
	uint64_t nb_taken; /* Number of the next buffer. */
	uint64_t newest_used; /* Number behind the newest buffer that the VF has used. */
	uint16_t size, vf_size; /* Room. */
	uint16_t again_i; /* Next of from.held. */
	uint16_t resume; /* Next buffer to give to the VF once more; NIL: none. */
	bool stop; /* Take no buffer behind the start. */
	bool full; /* The shadow ring had no room for the next chain. */
	bool armed;
	bool doorbell_due; /* Ring it in any case: the VF is fresh. */
	struct vdpa_takeover from;
	struct vdpa_relay_stats stats;
	struct vio_seg *chain; /* Room for one chain of the guest. */
};

/* ------------------------------------------------------------------ memory */

static void
lists_init(struct vdpa_relay *r)
{
	for (uint32_t i = 0; i < r->vf_size; i++) {
		const uint16_t next = i + 1u == r->vf_size ? NIL : (uint16_t)(i + 1);

		r->bufs[i].next = next;
		r->segs[i].next = next;
	}
	r->free_buf = r->free_seg = 0;
	r->oldest = r->newest = r->resume = NIL;
	r->nb_taken = r->newest_used = 0;
}

struct vdpa_relay *
vdpa_relay_create(uint16_t size, uint16_t vf_size)
{
	struct vdpa_relay *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->size = size;
	r->vf_size = vf_size;
	r->bufs = calloc(vf_size, sizeof(*r->bufs));
	r->segs = calloc(vf_size, sizeof(*r->segs));
	r->chain = calloc(size, sizeof(*r->chain));
	if (size == 0 || vf_size == 0 || vf_size > VIRTQ_SIZE_MAX || r->bufs == NULL ||
			r->segs == NULL || r->chain == NULL) {
		vdpa_relay_free(r);
		return NULL;
	}
	lists_init(r);
	return r;
}

void
vdpa_relay_free(struct vdpa_relay *r)
{
	if (r == NULL)
		return;
	vdpa_takeover_free(&r->from);
	free(r->chain);
	free(r->segs);
	free(r->bufs);
	free(r);
}

int
vdpa_relay_start(struct vdpa_relay *r, const struct vdpa_gring_conf *ring,
		const struct vdpa_mem *mem, struct vio_virtq *vf, struct vdpa_takeover *from)
{
	int ret;

	vdpa_takeover_free(&r->from);
	r->from = *from;
	from->held = NULL;
	r->vf = NULL;
	r->suspended = false;
	if (ring->size > r->size || vf->size > r->vf_size || vf->chains == NULL ||
			vf->nb_free != vf->size || (ring->in_order && !vf->in_order))
		return -EINVAL;
	ret = vdpa_gring_init(&r->g, ring, mem, r->from.avail, r->from.used, r->from.nb_out);
	if (ret != 0)
		return ret;
	/* The entries of a table are laid out as those of its ring. */
	r->g.expand = ring->packed != vf->packed;
	lists_init(r);
	r->again_i = 0;
	r->stop = r->full = r->armed = false;
	r->doorbell_due = true;
	r->vf = vf;
	return 0;
}

/* ------------------------------------------------------------------ buffers and segments */

static inline struct relay_buf *
buf_append(struct vdpa_relay *r)
{
	const uint16_t i = r->free_buf;
	struct relay_buf *buf = &r->bufs[i];

	r->free_buf = buf->next;
	buf->prev = r->newest;
	buf->next = NIL;
	if (r->newest == NIL)
		r->oldest = i;
	else
		r->bufs[r->newest].next = i;
	r->newest = i;
	buf->number = r->nb_taken++;
	return buf;
}

static inline void
buf_remove(struct vdpa_relay *r, struct relay_buf *buf)
{
	const uint16_t i = (uint16_t)(buf - r->bufs);

	if (buf->prev == NIL)
		r->oldest = buf->next;
	else
		r->bufs[buf->prev].next = buf->next;
	if (buf->next == NIL)
		r->newest = buf->prev;
	else
		r->bufs[buf->next].prev = buf->prev;
	if (unlikely(buf->nb_segs > 1)) {
		uint16_t last = buf->first_seg;

		for (uint16_t n = 1; n < buf->nb_segs; n++)
			last = r->segs[last].next;
		r->segs[last].next = r->free_seg;
		r->free_seg = buf->first_seg;
	}
	buf->next = r->free_buf;
	r->free_buf = i;
}

/* Keep the segments of a chain, which were checked to fit. */
static void
segs_keep(struct vdpa_relay *r, struct relay_buf *buf)
{
	uint16_t i = r->free_seg;

	buf->first_seg = i;
	for (uint16_t n = 0; n < buf->nb_segs; n++) {
		r->segs[i].seg = r->chain[n];
		r->free_seg = r->segs[i].next;
		i = r->free_seg;
	}
}

static void
segs_load(struct vdpa_relay *r, const struct relay_buf *buf)
{
	uint16_t i = buf->first_seg;

	for (uint16_t n = 0; n < buf->nb_segs; n++) {
		r->chain[n] = r->segs[i].seg;
		i = r->segs[i].next;
	}
}

/* Note for the log that the VF wrote the first len bytes of the writable segments. */
static void
segs_written(const struct vdpa_mem *mem, const struct vio_seg *segs, uint16_t nb, uint64_t len)
{
	for (uint16_t i = 0; i < nb && len != 0; i++) {
		const uint64_t part = RTE_MIN((uint64_t)segs[i].len, len);

		if (part != 0)
			mem->written(mem->arg, segs[i].iova, part);
		len -= part;
	}
}

static void
buf_written(struct vdpa_relay *r, const struct relay_buf *buf, uint32_t len)
{
	const struct vdpa_mem *mem = r->g.mem;

	if (buf->indirect) {
		/* If the guest has changed the table meanwhile, the log misses pages of this guest,
		 * and harms nobody else. */
		vdpa_gring_table_written(&r->g, &buf->seg, len, mem->written);
	} else if (buf->nb_segs == 1) {
		segs_written(mem, &buf->seg, 1 - buf->nb_readable, len);
	} else {
		segs_load(r, buf);
		segs_written(mem, r->chain + buf->nb_readable, buf->nb_segs - buf->nb_readable,
				len);
	}
}

/* ------------------------------------------------------------------ from the VF to the guest */

static inline void
give_back(struct vdpa_relay *r, struct relay_buf *buf, uint32_t len)
{
	if (unlikely(r->g.mem->written != NULL) && len != 0)
		buf_written(r, buf, len);
	vdpa_gring_use(&r->g, buf->id, len, buf->nb_descs);
	buf_remove(r, buf);
	r->stats.nb_buffers++;
}

/* Bytes that the VF has written to a buffer that is not the last one of its batch: all. */
static uint32_t
full_len(struct vdpa_relay *r, const struct relay_buf *buf)
{
	uint64_t len = buf->writable;

	if (buf->indirect)
		len = vdpa_gring_table_written(&r->g, &buf->seg, UINT64_MAX, NULL);
	return (uint32_t)RTE_MIN(len, (uint64_t)UINT32_MAX);
}

/* Give all buffers back that the VF has used. As nothing is posted meanwhile, these are at most
 * those of the shadow ring. */
static __rte_always_inline void
reap(struct vdpa_relay *r, const struct vio_ring_ops *ops)
{
	struct vio_virtq *vf = r->vf;
	struct relay_buf *buf;
	uint32_t len = 0;

	while ((buf = ops->reap(vf, &len)) != NULL) {
		if (unlikely(buf->prev != NIL))
			r->stats.nb_disorder++;
		r->newest_used = RTE_MAX(r->newest_used, buf->number + 1);
		give_back(r, buf, unlikely(vf->in_batch) ? full_len(r, buf) : len);
	}
}

/* ------------------------------------------------------------------ from the guest to the VF */

/* Post the buffer, whose segments are in `segs`. */
static __rte_always_inline void
post(struct vdpa_relay *r, const struct vio_ring_ops *ops, struct relay_buf *buf,
		const struct vio_seg *segs)
{
	if (unlikely(buf->nb_segs > 1))
		ops->post_list(r->vf, segs, buf->nb_segs, buf->nb_readable, buf);
	else
		ops->post(r->vf, segs,
				buf->indirect                         ? VIRTQ_DESC_F_INDIRECT :
						buf->nb_readable != 0 ? 0 :
									VIRTQ_DESC_F_WRITE,
				buf);
}

/* Give outstanding buffers to the VF once more. */
static __rte_always_inline void
post_again(struct vdpa_relay *r, const struct vio_ring_ops *ops)
{
	while (r->resume != NIL) {
		struct relay_buf *buf = &r->bufs[r->resume];

		r->resume = buf->next;
		if (buf->nb_segs > 1)
			segs_load(r, buf);
		post(r, ops, buf, buf->nb_segs > 1 ? r->chain : &buf->seg);
		r->stats.nb_again++;
	}
}

/* The next chain: of those that the last VF left, or of those that are available.
 * @return as vdpa_gring_peek() */
static inline int
next_chain(struct vdpa_relay *r, struct vdpa_chain *chain)
{
	if (unlikely(r->again_i < r->from.nb_again)) {
		const struct vdpa_held *held = &r->from.held[r->again_i];
		int ret = vdpa_gring_read(&r->g, held->at, chain, r->chain);

		if (ret < 0)
			return ret;
		if (chain->id != held->id || chain->nb_descs != held->nb_descs)
			return vdpa_gring_fail(&r->g, "the guest changed an outstanding buffer");
		return 1;
	}
	if (unlikely(r->stop) && vdpa_gring_avail_at(&r->g) == VDPA_RING_START(r->g.conf.packed))
		return 0;
	return vdpa_gring_peek(&r->g, chain, r->chain);
}

static inline void
chain_taken(struct vdpa_relay *r, const struct vdpa_chain *chain)
{
	if (likely(r->again_i == r->from.nb_again)) {
		vdpa_gring_take(&r->g, chain);
		return;
	}
	r->stats.nb_again++;
	r->again_i++;
}

static __rte_always_inline unsigned int
take(struct vdpa_relay *r, const struct vio_ring_ops *ops, unsigned int budget)
{
	unsigned int nb;

	r->full = false;
	for (nb = 0; nb < budget; nb++) {
		struct vdpa_chain chain;
		struct relay_buf *buf;

		if (r->free_buf == NIL || r->vf->nb_free == 0) {
			r->full = true;
			break;
		}
		if (next_chain(r, &chain) <= 0)
			break;
		if (unlikely(chain.nb_segs > r->vf->nb_free)) {
			if (chain.nb_segs > r->vf->size)
				vdpa_gring_fail(&r->g,
						"a chain of the guest is longer than the "
						"queue of the VF");
			r->full = true;
			break;
		}
		chain_taken(r, &chain);
		buf = buf_append(r);
		buf->seg = r->chain[0];
		buf->writable = chain.writable;
		buf->id = chain.id;
		buf->nb_descs = chain.nb_descs;
		buf->nb_segs = chain.nb_segs;
		buf->nb_readable = chain.nb_readable;
		buf->indirect = chain.indirect;
		if (unlikely(buf->nb_segs > 1))
			segs_keep(r, buf);
		post(r, ops, buf, r->chain);
	}
	return nb;
}

/* Buffers whose descriptors are gone are used with length 0. */
static void
give_empty(struct vdpa_relay *r)
{
	for (; r->from.nb_empty != 0; r->from.nb_empty--) {
		const struct vdpa_held *held =
				&r->from.held[r->from.nb_again + r->from.nb_empty - 1];

		vdpa_gring_use(&r->g, held->id, 0, held->nb_descs);
		r->stats.nb_empty++;
	}
}

/* ------------------------------------------------------------------ poll */

static __rte_always_inline unsigned int
poll_rings(struct vdpa_relay *r, const struct vio_ring_ops *ops, unsigned int budget)
{
	const uint64_t before = r->stats.nb_buffers;
	unsigned int ret = 0, nb;

	if (r->armed) {
		ops->intr_disable(r->vf);
		vdpa_gring_doorbells_off(&r->g);
		r->armed = false;
	}
	/* Buffers that go to the VF once more must all be there before one is reaped: the order of
	 * an IN_ORDER queue is that of its posts. */
	if (unlikely(r->resume != NIL))
		post_again(r, ops);
	reap(r, ops);
	nb = take(r, ops, budget);
	if (nb == budget)
		ret |= VDPA_RELAY_MORE;
	if (nb + r->stats.nb_buffers - before >= VDPA_RELAY_BULK_MIN)
		ret |= VDPA_RELAY_BULK;
	/* A used descriptor may overwrite one that is still to be read. */
	if (unlikely(r->from.nb_empty != 0) && r->again_i == r->from.nb_again)
		give_empty(r);
	if (r->vf->nb_posted != 0) {
		ops->publish(r->vf);
		if (ops->doorbell_needed(r->vf) || r->doorbell_due)
			ret |= VDPA_RELAY_DOORBELL;
		r->doorbell_due = false;
	}
	if (vdpa_gring_flush(&r->g))
		ret |= VDPA_RELAY_INTERRUPT;
	return ret;
}

unsigned int
vdpa_relay_poll(struct vdpa_relay *r, unsigned int budget)
{
	unsigned int ret = 0;

	if (unlikely(r->vf == NULL))
		return 0;
	if (unlikely(vdpa_gring_map(&r->g) != 0))
		vdpa_gring_fail(&r->g, "the ring is not in the memory of the guest");
	if (likely(r->g.err == NULL)) {
		ret = r->vf->packed ? poll_rings(r, &vio_ring_packed, budget) :
				      poll_rings(r, &vio_ring_split, budget);
	}
	if (unlikely(r->g.err != NULL)) {
		r->stats.nb_violations++;
		r->vf = NULL; /* for good: suspended is false */
		return (ret & ~VDPA_RELAY_MORE) | VDPA_RELAY_GUEST_BROKEN;
	}
	if (unlikely(r->vf->broken))
		ret = (ret & ~VDPA_RELAY_MORE) | VDPA_RELAY_VF_BROKEN;
	if (unlikely(r->stop) && vdpa_relay_at_start(r))
		ret |= VDPA_RELAY_AT_START;
	return ret;
}

bool
vdpa_relay_arm(struct vdpa_relay *r)
{
	const struct vio_ring_ops *ops;
	bool more;

	if (r->vf == NULL || r->vf->broken || vdpa_gring_map(&r->g) != 0)
		return false;
	r->armed = true;
	ops = r->vf->packed ? &vio_ring_packed : &vio_ring_split;
	more = ops->intr_enable(r->vf);
	/* If the shadow ring is full, the VF is what makes room. Behind the start nothing is taken.
	 *  */
	if (r->full || (r->stop && vdpa_gring_avail_at(&r->g) == VDPA_RING_START(r->g.conf.packed)))
		return more;
	return vdpa_gring_doorbells_on(&r->g) || more;
}

void
vdpa_relay_doorbell(struct vdpa_relay *r)
{
	if (r->vf == NULL)
		return;
	if (r->vf->packed)
		vio_packed_doorbell_ring(r->vf);
	else
		vio_split_doorbell_ring(r->vf);
}

/* ------------------------------------------------------------------ changes of the VF's ring */

unsigned int
vdpa_relay_suspend(struct vdpa_relay *r)
{
	unsigned int ret = 0;

	if (r->vf == NULL)
		return 0;
	if (vdpa_gring_map(&r->g) == 0) {
		if (r->vf->packed)
			reap(r, &vio_ring_packed);
		else
			reap(r, &vio_ring_split);
		if (vdpa_gring_flush(&r->g))
			ret = VDPA_RELAY_INTERRUPT;
	}
	r->vf = NULL;
	r->suspended = true;
	return ret;
}

unsigned int
vdpa_relay_settle(struct vdpa_relay *r)
{
	if (!r->suspended || vdpa_gring_map(&r->g) != 0)
		return 0;
	while (r->oldest != NIL && r->bufs[r->oldest].number < r->newest_used) {
		give_back(r, &r->bufs[r->oldest], 0);
		r->stats.nb_empty++;
	}
	return vdpa_gring_flush(&r->g) ? VDPA_RELAY_INTERRUPT : 0;
}

int
vdpa_relay_resume(struct vdpa_relay *r, struct vio_virtq *vf)
{
	uint32_t nb_descs = 0;

	for (uint16_t i = r->oldest; i != NIL; i = r->bufs[i].next)
		nb_descs += r->bufs[i].nb_segs;
	if (!r->suspended || (r->g.conf.in_order && !vf->in_order) || vf->size > r->vf_size ||
			vf->nb_free != vf->size || nb_descs > vf->size || vf->chains == NULL ||
			(r->g.conf.packed != vf->packed) != r->g.expand)
		return -EINVAL;
	r->vf = vf;
	r->suspended = false;
	r->resume = r->oldest;
	r->doorbell_due = true;
	r->armed = r->full = false;
	return 0;
}

void
vdpa_relay_stop_at_start(struct vdpa_relay *r, bool stop)
{
	r->stop = stop;
}

bool
vdpa_relay_at_start(const struct vdpa_relay *r)
{
	return (r->vf != NULL || r->suspended) && r->g.nb_out == 0 &&
			vdpa_gring_avail_at(&r->g) == VDPA_RING_START(r->g.conf.packed) &&
			vdpa_gring_used_at(&r->g) == VDPA_RING_START(r->g.conf.packed);
}

void
vdpa_relay_leave(struct vdpa_relay *r)
{
	if ((r->vf != NULL || r->suspended) && vdpa_gring_map(&r->g) == 0)
		vdpa_gring_doorbells_on(&r->g);
	r->vf = NULL;
	r->suspended = false;
}

uint16_t
vdpa_relay_position(const struct vdpa_relay *r)
{
	return vdpa_gring_used_at(&r->g);
}

uint16_t
vdpa_relay_nb_out(const struct vdpa_relay *r)
{
	return r->g.nb_out;
}

const char *
vdpa_relay_error(const struct vdpa_relay *r)
{
	return r->g.err;
}

void
vdpa_relay_stats(const struct vdpa_relay *r, struct vdpa_relay_stats *stats)
{
	*stats = r->stats;
}
