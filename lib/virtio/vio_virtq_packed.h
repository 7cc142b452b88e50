/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_VIRTQ_PACKED_H
#define VIO_VIRTQ_PACKED_H

/**
 * @file
 * The functions of a packed virtqueue (virtio 1.4 2.8), described at struct vio_ring_ops.
 */

#include "vio_virtq.h"

static inline uint16_t
vio_packed_next_id(const struct vio_virtq *vq)
{
	return vq->in_order ? vq->post_i : vq->free_ids[vq->id_head];
}

static inline uint16_t
vio_packed_take_id(struct vio_virtq *vq)
{
	return vq->in_order ? vq->post_i : vio_id_take(vq);
}

/* Fill the next slot. Publish writes the flags of the first descriptor since the last publish, so
 * that the device, which works in ring order, sees no descriptor before (virtio 1.4 2.8.21). */
static inline void
vio_packed_desc_put(struct vio_virtq *vq, const struct vio_seg *seg, uint16_t id, uint16_t flags)
{
	struct pvirtq_desc *desc = &vq->pdesc[vq->post_i];

	flags |= vq->post_wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
	desc->addr = rte_cpu_to_le_64(seg->iova);
	desc->len = rte_cpu_to_le_32(seg->len);
	desc->id = rte_cpu_to_le_16(id);
	if (vq->nb_posted == 0)
		vq->first_flags = flags;
	else
		desc->flags = rte_cpu_to_le_16(flags);
	vq->nb_posted++;
	vq->nb_free--;
	if (++vq->post_i == vq->size) {
		vq->post_i = 0;
		vq->post_wrap = !vq->post_wrap;
	}
}

static inline void
vio_packed_post(struct vio_virtq *vq, const struct vio_seg *seg, uint16_t flags, void *cookie)
{
	const uint16_t id = vio_packed_take_id(vq);

	vq->cookies[id] = cookie;
	if ((flags & VIRTQ_DESC_F_WRITE) != 0)
		vq->write_len = seg->len;
	vio_packed_desc_put(vq, seg, id, flags);
}

static inline void
vio_packed_post_list(struct vio_virtq *vq, const struct vio_seg *segs, uint16_t nb_segs,
		uint16_t nb_readable, void *cookie)
{
	const uint16_t id = vio_packed_take_id(vq);
	uint32_t len = 0;

	for (uint16_t i = 0; i < nb_segs; i++) {
		uint16_t flags = i + 1 == nb_segs ? 0 : VIRTQ_DESC_F_NEXT;

		if (i >= nb_readable) {
			flags |= VIRTQ_DESC_F_WRITE;
			len += segs[i].len;
		}
		vio_packed_desc_put(vq, &segs[i], id, flags);
	}
	vio_cookie_put_list(vq, id, cookie, nb_segs, len);
}

/* The entries are in sequence; of the flags only WRITE has a meaning here (virtio 1.4 2.8.7). */
static inline void
vio_packed_indirect_fill(void *table, const struct vio_seg *segs, uint16_t nb_segs)
{
	struct pvirtq_desc *desc = table;

	for (uint16_t i = 0; i < nb_segs; i++) {
		desc[i].addr = rte_cpu_to_le_64(segs[i].iova);
		desc[i].len = rte_cpu_to_le_32(segs[i].len);
		desc[i].id = 0;
		desc[i].flags = 0;
	}
}

static inline void
vio_packed_publish(struct vio_virtq *vq)
{
	if (vq->nb_posted == 0)
		return;
	vio_wmb(vq);
	vio_store16(&vq->pdesc[vq->publish_i].flags, vq->first_flags);
	vq->publish_i = vq->post_i;
	vq->nb_unannounced += vq->nb_posted;
	vq->nb_posted = 0;
}

/* True if, as of now, the device wants a doorbell for the last `added` descriptors. */
static inline bool
vio_packed_doorbell_wanted(const struct vio_virtq *vq, uint16_t added)
{
	const uint32_t both = vio_load32((const virtio_le32 *)vq->device_event);
	uint16_t event;

	switch (both >> 16 & 3) {
	case RING_EVENT_FLAGS_DISABLE:
		return false;
	case RING_EVENT_FLAGS_DESC:
		if (!vq->event_idx)
			return true;
		event = both & 0x7fff;
		if ((both >> RING_EVENT_WRAP_SHIFT & 1) != vq->post_wrap)
			event -= vq->size;
		return vio_event_passed(event, vq->publish_i, (uint16_t)(vq->publish_i - added));
	default:
		return true;
	}
}

static inline bool
vio_packed_doorbell_needed(struct vio_virtq *vq)
{
	const uint16_t added = vq->nb_unannounced;

	vq->nb_unannounced = 0;
	if (vio_packed_doorbell_wanted(vq, added))
		return true;
	/* The flags must be visible before "not wanted" is final (virtio 1.4 2.8.21.3.1). */
	vio_mb(vq);
	if (vio_packed_doorbell_wanted(vq, added))
		return true;
	vq->nb_doorbells_saved++;
	return false;
}

/* Ring position to write with a doorbell, right after a publish (virtio 1.4 4.1.5.2). */
static inline uint16_t
vio_packed_position(const struct vio_virtq *vq)
{
	return vq->publish_i | (uint16_t)(vq->post_wrap << 15);
}

static inline void
vio_packed_doorbell_ring(struct vio_virtq *vq)
{
	vio_virtq_doorbell_ring(vq, vio_packed_position(vq));
}

/* Length, id and flags of a descriptor as one word (virtio 1.4 2.8.13). */
static inline uint64_t
vio_packed_tail(const struct pvirtq_desc *desc)
{
	return vio_load64((const virtio_le64 *)(const void *)&desc->len);
}

static inline void
vio_packed_advance(struct vio_virtq *vq, uint16_t nb_descs)
{
	vq->nb_free += nb_descs;
	vq->reap_i += nb_descs;
	if (vq->reap_i >= vq->size) {
		vq->reap_i -= vq->size;
		vq->reap_wrap = !vq->reap_wrap;
	}
}

static inline void *
vio_packed_reap(struct vio_virtq *vq, uint32_t *len)
{
	uint16_t id = 0, nb_descs;
	void *cookie;

	if (unlikely(vq->broken))
		return NULL;
	if (!vq->in_batch) {
		const uint64_t tail = vio_packed_tail(&vq->pdesc[vq->reap_i]);
		const bool avail = (tail >> 48 & VIRTQ_DESC_F_AVAIL) != 0;
		const bool used = (tail >> 48 & VIRTQ_DESC_F_USED) != 0;

		if (avail != used || used != vq->reap_wrap || vq->nb_free == vq->size)
			return NULL;
		vio_rmb(vq);
		id = (uint16_t)(tail >> 32);
		*len = (uint32_t)tail;
		if (unlikely(id >= vq->size || vq->cookies[id] == NULL))
			return vio_virtq_break(vq, "used id names no outstanding buffer");
	}
	if (vq->in_order) {
		if (!vq->in_batch) {
			vq->in_batch = true;
			vq->batch_id = id;
			vq->batch_len = *len;
		}
		id = vio_in_order_next(vq, len);
	} else {
		vio_id_give(vq, id);
	}
	cookie = vio_cookie_take(vq, id, &nb_descs);
	vio_packed_advance(vq, nb_descs);
	return cookie;
}

static inline uint16_t
vio_packed_reap_batch(struct vio_virtq *vq, void **cookies, uint16_t nb)
{
	if (!vq->in_batch)
		return 0;
	nb = vio_in_order_run(vq, cookies, nb);
	vio_packed_advance(vq, nb);
	return nb;
}

static inline bool
vio_packed_used_ahead(const struct vio_virtq *vq, uint16_t nb)
{
	uint16_t last, flags;
	bool wrap;

	if (unlikely(nb > vq->size))
		return false;
	last = vio_ring_add(vq, vq->reap_i, nb - 1);
	flags = vio_load16(&vq->pdesc[last].flags);
	wrap = vq->reap_wrap ^ (last < vq->reap_i);
	return ((flags & VIRTQ_DESC_F_AVAIL) != 0) == wrap &&
			((flags & VIRTQ_DESC_F_USED) != 0) == wrap;
}

static inline uint16_t
vio_packed_id_ahead(const struct vio_virtq *vq, uint16_t skip)
{
	const uint16_t id = vio_load16(&vq->pdesc[vio_ring_add(vq, vq->reap_i, skip)].id);

	return id < vq->size ? id : 0;
}

static inline void
vio_packed_prefetch_reap(const struct vio_virtq *vq, uint16_t skip, uint16_t nb)
{
	vio_prefetch_ring(vq, vq->pdesc, sizeof(*vq->pdesc), vq->reap_i + skip, nb);
}

static inline bool
vio_packed_intr_enable(struct vio_virtq *vq)
{
	uint16_t flags;

	vio_store16(&vq->driver_event->flags, RING_EVENT_FLAGS_ENABLE);
	vio_mb(vq);
	flags = vio_load16(&vq->pdesc[vq->reap_i].flags);
	/* The rest of a batch has no used descriptor of its own (virtio 1.4 2.8.8). */
	return vq->in_batch ||
			(((flags & VIRTQ_DESC_F_AVAIL) != 0) == vq->reap_wrap &&
					((flags & VIRTQ_DESC_F_USED) != 0) == vq->reap_wrap);
}

static inline void
vio_packed_intr_disable(struct vio_virtq *vq)
{
	vio_store16(&vq->driver_event->flags, RING_EVENT_FLAGS_DISABLE);
}

static const struct vio_ring_ops vio_ring_packed = {
	.next_id = vio_packed_next_id,
	.post = vio_packed_post,
	.post_list = vio_packed_post_list,
	.indirect_fill = vio_packed_indirect_fill,
	.publish = vio_packed_publish,
	.doorbell_needed = vio_packed_doorbell_needed,
	.doorbell_ring = vio_packed_doorbell_ring,
	.reap = vio_packed_reap,
	.reap_batch = vio_packed_reap_batch,
	.used_ahead = vio_packed_used_ahead,
	.id_ahead = vio_packed_id_ahead,
	.prefetch_reap = vio_packed_prefetch_reap,
	.intr_enable = vio_packed_intr_enable,
	.intr_disable = vio_packed_intr_disable,
};

#endif /* VIO_VIRTQ_PACKED_H */
