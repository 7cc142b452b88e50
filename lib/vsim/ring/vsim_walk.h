/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_WALK_H
#define VSIM_WALK_H

/**
 * @file
 * A running queue, its memory, and the walk along a chain of descriptors.
 *
 * Ring vocabulary of a device: pop (take the next chain), push (give chains back), call
 * (interrupt the driver, if it asked). The rings stand in vsim_split.h and vsim_packed.h, the
 * bursts over them in data/vsim_rxtx.c.
 */

#include <string.h>

#include "vsim/core/vsim_dma.h"

/** A piece of memory. */
struct vsim_seg {
	uint8_t *ptr;
	uint32_t len;
};

/** A buffer taken from a ring, in the direction of its queue. */
struct vsim_buf {
	uint8_t *ptr; /**< First segment. */
	uint32_t len; /**< Of the first segment. */
	uint32_t total; /**< Bytes of all segments. */
	uint16_t id;
	uint16_t nb_descs; /**< Ring slots. */
	uint32_t nb_segs;
	struct vsim_seg *segs; /**< All segments, valid when nb_segs is not 1. */
	uint32_t used; /**< For push: bytes written. */
};

struct vsim_queue {
	_Atomic uint32_t *doorbell;
	union {
		struct {
			struct virtq_desc *desc;
			struct virtq_avail *avail;
			struct virtq_used *used;
		} split;
		struct {
			struct pvirtq_desc *desc;
			struct pvirtq_event_suppress *driver, *device;
		} packed;
	};
	uint16_t size;
	/** Split: free-running indices. Packed: slots. used_i is where the next push goes, avail_i
	 * where the next pop looks; buffers in hand stand between them. */
	uint16_t avail_i, used_i;
	uint16_t avail_seen; /**< Split: avail idx last read. */
	uint16_t known; /**< Packed: buffers given back to the ring by rewind, while not active. */
	uint16_t flags_avail; /**< Packed: AVAIL and USED of a slot made available in this round. */
	uint16_t flags_used; /**< Packed: AVAIL and USED to write. */
	uint16_t hdr_len;
	bool active; /**< A doorbell was taken, and the ring was not found empty since. */
	bool is_packed, in_order, event_idx, indirect, mergeable;
	bool lapped; /**< Split: the index has been through all its values once. */
	bool write; /**< RX: the device writes its buffers. */
	bool legacy; /**< Of a legacy driver, which leaves num_buffers of what it sends alone. */
	bool dead; /**< Faulted, or its ring was unmapped: not touched any more. */
	bool unmapped; /**< The ring left the DMA map: a fault once it is needed. */
	struct vsim_dma_cache cache;
	struct vsim_queue_counters *ctr;
	struct vsim_fn *fn;
	uint16_t qi;

	/* cold */
	bool is_ctrl, is_admin, notification_data, notif_config_data;
	uint64_t serial; /**< No other queue of the function ever had it. */
	uint64_t areas[3]; /**< Bus addresses of the ring parts. */
};

/** Segments for the buffers of one burst. */
#define VSIM_POOL_SEGS (2 * VIRTQ_SIZE_MAX)
struct vsim_pool {
	unsigned int nb;
	struct vsim_seg segs[VSIM_POOL_SEGS];
};

/** The driver broke a rule and the queue cannot go on. @return -EPROTO */
int vsim_queue_fail(struct vsim_queue *q, enum virtio_rule rule);
/** Memory outside the DMA map. @return -EFAULT */
int vsim_queue_fault(struct vsim_queue *q);
/** Translate what stands whole in the segment last used; NULL otherwise. len is not 0. */
VSIM_INLINE uint8_t *
vsim_queue_dma_cached(const struct vsim_queue *q, uint64_t iova, uint32_t len)
{
	uint64_t offset = iova - q->cache.iova;

	if (likely(offset < q->cache.size && len <= q->cache.size - offset))
		return q->cache.ptr + offset;
	return NULL;
}

/** Translate for a queue; *len as in vsim_dma_find(). NULL: not mapped (nothing counted). */
VSIM_INLINE uint8_t *
vsim_queue_dma(struct vsim_queue *q, uint64_t iova, uint32_t *len, bool write)
{
	uint8_t *ptr = vsim_queue_dma_cached(q, iova, *len);
	uint64_t n = *len;

	if (likely(ptr != NULL))
		return ptr;
	ptr = vsim_dma_find(q->fn->dma, iova, &n, write ? PROT_WRITE : PROT_READ, &q->cache);
	*len = n;
	return ptr;
}

/** Copy a descriptor of either layout once; from may be unaligned, and may change any time. */
VSIM_INLINE void
vsim_desc_copy(void *to, const void *from)
{
	memcpy(to, from, sizeof(struct virtq_desc));
	__asm__ volatile("" ::: "memory"); /* From here on only the copy is looked at. */
}

/** A chain being walked: readable segments first, then writable ones. */
struct vsim_walk {
	struct vsim_seg *segs;
	unsigned int room, nb, nb_readable;
	uint64_t readable_len, writable_len;
	uint16_t id, nb_descs;
	uint64_t *iovas; /**< Bus addresses of segs, as much room; may be NULL. */
};

/** Take one descriptor into the walk. @return 0 or -errno with the queue failed. */
int vsim_walk_add(struct vsim_queue *q, struct vsim_walk *walk, uint64_t addr, uint32_t len,
		bool write);
/**
 * Walk the next chain into segments of the pool: a buffer of the direction of the queue.
 * @return 1; -EAGAIN: the pool may have too little room left, empty it first; -EPROTO: as walk.
 */
int vsim_walk_pool(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_pool *pool,
		int (*walk)(struct vsim_queue *q, struct vsim_walk *walk));

#endif /* VSIM_WALK_H */
