/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_VIRTQ_SPLIT_H
#define VIO_VIRTQ_SPLIT_H

/**
 * @file
 * The functions of a split virtqueue (virtio 1.4 2.7), described at struct vio_ring_ops.
 */

#include "vio_virtq.h"

static inline uint16_t
vio_split_next_id(const struct vio_virtq *vq)
{
	return vq->in_order ? vq->desc_i : vq->free_ids[vq->id_head];
}

/* Take the next free descriptor: in ring order with IN_ORDER (virtio 1.4 2.7.9). */
static inline uint16_t
vio_split_take(struct vio_virtq *vq)
{
	uint16_t id;

	if (vq->in_order) {
		id = vq->desc_i;
		vq->desc_i = (uint16_t)(id + 1) & (vq->size - 1);
	} else {
		id = vio_id_take(vq);
	}
	vq->nb_free--;
	return id;
}

static inline void
vio_split_avail_put(struct vio_virtq *vq, uint16_t head)
{
	virtio_le16 *entry = &vq->avail->ring[vq->post_i & (vq->size - 1)];

	/* Skip the store when the entry is unchanged, so that the cache line stays clean. */
	if (*entry != rte_cpu_to_le_16(head))
		*entry = rte_cpu_to_le_16(head);
	vq->post_i++;
	vq->nb_posted++;
}

static inline void
vio_split_desc_put(struct vio_virtq *vq, uint16_t id, const struct vio_seg *seg, uint16_t flags,
		uint16_t next)
{
	struct virtq_desc *desc = &vq->desc[id];

	desc->addr = rte_cpu_to_le_64(seg->iova);
	desc->len = rte_cpu_to_le_32(seg->len);
	desc->flags = rte_cpu_to_le_16(flags);
	desc->next = rte_cpu_to_le_16(next);
}

static inline void
vio_split_post(struct vio_virtq *vq, const struct vio_seg *seg, uint16_t flags, void *cookie)
{
	const uint16_t id = vio_split_take(vq);

	vio_split_desc_put(vq, id, seg, flags, 0);
	vq->cookies[id] = cookie;
	if ((flags & VIRTQ_DESC_F_WRITE) != 0)
		vq->write_len = seg->len;
	vio_split_avail_put(vq, id);
}

static inline void
vio_split_post_list(struct vio_virtq *vq, const struct vio_seg *segs, uint16_t nb_segs,
		uint16_t nb_readable, void *cookie)
{
	const uint16_t head = vio_split_take(vq);
	uint16_t id = head;
	uint32_t len = 0;

	for (uint16_t i = 0; i < nb_segs; i++) {
		const bool last = i + 1 == nb_segs;
		const uint16_t next = last ? 0 : vio_split_take(vq);
		uint16_t flags = last ? 0 : VIRTQ_DESC_F_NEXT;

		if (i >= nb_readable) {
			flags |= VIRTQ_DESC_F_WRITE;
			len += segs[i].len;
		}
		vio_split_desc_put(vq, id, &segs[i], flags, next);
		vq->chains[id].next = next;
		id = next;
	}
	vio_cookie_put_list(vq, head, cookie, nb_segs, len);
	vio_split_avail_put(vq, head);
}

static inline void
vio_split_indirect_fill(void *table, const struct vio_seg *segs, uint16_t nb_segs)
{
	struct virtq_desc *desc = table;

	for (uint16_t i = 0; i < nb_segs; i++) {
		const bool last = i + 1 == nb_segs;

		desc[i].addr = rte_cpu_to_le_64(segs[i].iova);
		desc[i].len = rte_cpu_to_le_32(segs[i].len);
		desc[i].flags = rte_cpu_to_le_16(last ? 0 : VIRTQ_DESC_F_NEXT);
		desc[i].next = rte_cpu_to_le_16(last ? 0 : i + 1);
	}
}

static inline void
vio_split_publish(struct vio_virtq *vq)
{
	/* Descriptors and ring entries must be visible before the index (virtio 1.4 2.7.13.3). */
	vio_wmb(vq);
	vio_store16(&vq->avail->idx, vq->post_i);
	vq->publish_i = vq->post_i;
	vq->nb_unannounced += vq->nb_posted;
	vq->nb_posted = 0;
}

/* True if, as of now, the device wants a doorbell for the last `added` buffers. */
static inline bool
vio_split_doorbell_wanted(const struct vio_virtq *vq, uint16_t added)
{
	const virtio_le16 *event = (const virtio_le16 *)&vq->used->ring[vq->size];

	if (vq->event_idx)
		return vio_event_passed(vio_load16(event), vq->publish_i,
				(uint16_t)(vq->publish_i - added));
	return (vio_load16(&vq->used->flags) & VIRTQ_USED_F_NO_NOTIFY) == 0;
}

static inline bool
vio_split_doorbell_needed(struct vio_virtq *vq)
{
	const uint16_t added = vq->nb_unannounced;

	vq->nb_unannounced = 0;
	if (vio_split_doorbell_wanted(vq, added))
		return true;
	/* The index must be visible before "not wanted" is final (virtio 1.4 2.7.13.4.1). */
	vio_mb(vq);
	if (vio_split_doorbell_wanted(vq, added))
		return true;
	vq->nb_doorbells_saved++;
	return false;
}

/* Ring position to write with a doorbell, right after a publish (virtio 1.4 4.1.5.2). */
static inline uint16_t
vio_split_position(const struct vio_virtq *vq)
{
	return vq->publish_i;
}

static inline void
vio_split_doorbell_ring(struct vio_virtq *vq)
{
	vio_virtq_doorbell_ring(vq, vio_split_position(vq));
}

/* Read the used index of the device and check it. @return true if it has moved. */
static inline bool
vio_split_used_more(struct vio_virtq *vq)
{
	vq->used_seen = vio_load16(&vq->used->idx);
	if (vq->used_seen == vq->reap_i)
		return false;
	if (unlikely((uint16_t)(vq->used_seen - vq->reap_i) >
			    (uint16_t)(vq->publish_i - vq->reap_i))) {
		vio_virtq_break(vq, "used index runs ahead of what is available");
		return false;
	}
	vio_rmb(vq);
	return true;
}

static inline void
vio_split_release(struct vio_virtq *vq, uint16_t id, uint16_t nb_descs)
{
	vq->nb_free += nb_descs;
	if (vq->in_order)
		return;
	vio_id_give(vq, id);
	while (unlikely(--nb_descs != 0)) {
		id = vq->chains[id].next;
		vio_id_give(vq, id);
	}
}

static inline void *
vio_split_reap(struct vio_virtq *vq, uint32_t *len)
{
	const struct virtq_used_elem *elem;
	uint32_t id = 0;
	uint16_t nb_descs;
	void *cookie;

	if (unlikely(vq->broken))
		return NULL;
	if (vq->reap_i == vq->used_seen) {
		if (unlikely(vq->in_batch))
			return vio_virtq_break(vq, "a batch reaches past the used index");
		if (!vio_split_used_more(vq))
			return NULL;
	}
	if (!vq->in_batch) {
		elem = &vq->used->ring[vq->reap_i & (vq->size - 1)];
		id = vio_load32(&elem->id);
		*len = vio_load32(&elem->len);
		if (unlikely(id >= vq->size || vq->cookies[id] == NULL))
			return vio_virtq_break(vq, "used id names no outstanding buffer");
	}
	if (vq->in_order) {
		if (!vq->in_batch) {
			vq->in_batch = true;
			vq->batch_id = (uint16_t)id;
			vq->batch_len = *len;
		}
		id = vio_in_order_next(vq, len);
	}
	cookie = vio_cookie_take(vq, (uint16_t)id, &nb_descs);
	vio_split_release(vq, (uint16_t)id, nb_descs);
	vq->reap_i++;
	return cookie;
}

static inline uint16_t
vio_split_reap_batch(struct vio_virtq *vq, void **cookies, uint16_t nb)
{
	if (!vq->in_batch)
		return 0;
	/* The next reap detects a batch that reaches past the used index. */
	nb = vio_in_order_run(vq, cookies, RTE_MIN(nb, (uint16_t)(vq->used_seen - vq->reap_i)));
	vq->nb_free += nb;
	vq->reap_i += nb;
	return nb;
}

static inline bool
vio_split_used_ahead(const struct vio_virtq *vq, uint16_t nb)
{
	return (uint16_t)(vq->used_seen - vq->reap_i) >= nb ||
			(uint16_t)(vio_load16(&vq->used->idx) - vq->reap_i) >= nb;
}

static inline uint16_t
vio_split_id_ahead(const struct vio_virtq *vq, uint16_t skip)
{
	return vio_load32(&vq->used->ring[(vq->reap_i + skip) & (vq->size - 1)].id) &
			(vq->size - 1);
}

static inline void
vio_split_prefetch_reap(const struct vio_virtq *vq, uint16_t skip, uint16_t nb)
{
	vio_prefetch_ring(vq, vq->used->ring, sizeof(vq->used->ring[0]),
			(vq->reap_i + skip) & (vq->size - 1), nb);
}

static inline bool
vio_split_intr_enable(struct vio_virtq *vq)
{
	/* With EVENT_IDX the flags stay zero (virtio 1.4 2.7.10). */
	if (vq->event_idx)
		vio_store16(&vq->avail->ring[vq->size], vq->reap_i);
	else
		vio_store16(&vq->avail->flags, 0);
	vio_mb(vq);
	return vio_load16(&vq->used->idx) != vq->reap_i;
}

static inline void
vio_split_intr_disable(struct vio_virtq *vq)
{
	if (vq->event_idx) /* the most distant index */
		vio_store16(&vq->avail->ring[vq->size], vq->reap_i + 0x8000);
	else
		vio_store16(&vq->avail->flags, VIRTQ_AVAIL_F_NO_INTERRUPT);
}

static const struct vio_ring_ops vio_ring_split = {
	.next_id = vio_split_next_id,
	.post = vio_split_post,
	.post_list = vio_split_post_list,
	.indirect_fill = vio_split_indirect_fill,
	.publish = vio_split_publish,
	.doorbell_needed = vio_split_doorbell_needed,
	.doorbell_ring = vio_split_doorbell_ring,
	.reap = vio_split_reap,
	.reap_batch = vio_split_reap_batch,
	.used_ahead = vio_split_used_ahead,
	.id_ahead = vio_split_id_ahead,
	.prefetch_reap = vio_split_prefetch_reap,
	.intr_enable = vio_split_intr_enable,
	.intr_disable = vio_split_intr_disable,
};

#endif /* VIO_VIRTQ_SPLIT_H */
