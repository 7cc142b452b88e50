/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_WALK_H
#define VSIM_WALK_H

/**
 * @file
 * A running queue, translation of its addresses, and the walk along a chain of descriptors.
 *
 * Verbs of a device: pop (take the next chain), push (give used chains back), irq_needed (does the
 * driver want an interrupt). The rings are in vsim_split.h and vsim_packed.h, bursts over them in
 * data/vsim_rxtx.c.
 */

#include <string.h>

#include "vsim/core/vsim_dma.h"

/** A piece of memory. */
struct vsim_seg {
	uint8_t *ptr;
	uint32_t len;
};

/** A buffer popped from a ring: the readable or the writable part of a chain, by the direction of
 * the queue. */
struct vsim_buf {
	uint8_t *ptr; /**< First segment. */
	uint32_t len; /**< Of the first segment. */
	uint32_t total; /**< Bytes of all segments. */
	uint16_t id;
	uint16_t nb_descs; /**< Ring slots. */
	uint32_t nb_segs;
	uint32_t used; /**< For push: bytes written. */
	union {
		struct vsim_seg *segs; /**< All segments, valid when nb_segs is not 1. */
		/** Bus address of the only segment, valid when nb_segs is 1 and the queue is hard.
		 * VSIM_NO_IOVA: the chain also has parts of the other direction. */
		uint64_t iova;
	};
};

#define VSIM_NO_IOVA UINT64_MAX

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
	/** Split: free-running indices. Packed: slots. The next push writes at used_i, the next
	 * pop reads at avail_i; popped buffers are between the two. */
	uint16_t avail_i, used_i;
	uint16_t avail_seen; /**< Split: avail idx last read. */
	/** Packed: slots that are certainly available although the ring is not read: rewind gave
	 * them back while the queue was not active, or (strict) a doorbell announced them. */
	uint16_t known;
	uint16_t flags_avail; /**< Packed: AVAIL and USED flags of an available slot in this lap. */
	uint16_t flags_used; /**< Packed: AVAIL and USED flags to write. */
	uint16_t hdr_len;
	bool active; /**< A doorbell was read, and the ring was not found empty since. */
	bool is_packed, in_order, event_idx, indirect, mergeable;
	bool hard; /**< strict or shuffled. */
	bool strict; /**< Buffers that no doorbell announced are not seen, see vsim_nic_conf. */
	bool polled; /**< Doorbells are not needed: the queue stays active. */
	bool shuffled; /**< Buffers complete in another order, see vsim_window.h. */
	bool lapped; /**< Split: the available index has wrapped at least once. */
	bool write; /**< The device writes the buffers: an RX queue. */
	/** A legacy driver has programmed the queue; it does not set num_buffers of packets that
	 * it sends. */
	bool legacy;
	bool dead; /**< The queue failed: its ring is not accessed any more. */
	bool unmapped; /**< The ring is no longer in the DMA map: the next access is a fault. */
	struct vsim_dma_cache cache;
	struct vsim_queue_counters *ctr;
	struct vsim_fn *fn;
	uint16_t qi;

	/* cold */
	struct vsim_window *window; /**< NULL: not shuffled. */
	bool is_ctrl, is_admin, notification_data, notif_config_data;
	uint64_t serial; /**< Serial number: no other queue of the function ever had the same. */
	uint64_t areas[3]; /**< Bus addresses of the ring parts. */
};

/** Segments of the buffers of one burst. */
#define VSIM_POOL_SEGS (2 * VIRTQ_SIZE_MAX)
struct vsim_pool {
	unsigned int nb;
	struct vsim_seg segs[VSIM_POOL_SEGS];
};

/** The driver broke a rule and the queue cannot continue. @return -EPROTO */
int vsim_queue_fail(struct vsim_queue *q, enum virtio_rule rule);
/** The queue needs memory outside the DMA map. @return -EFAULT */
int vsim_queue_fault(struct vsim_queue *q);
/** Translate a range that is inside the segment used last; else NULL. len is not 0. */
VSIM_INLINE uint8_t *
vsim_queue_dma_cached(const struct vsim_queue *q, uint64_t iova, uint32_t len)
{
	uint64_t offset = iova - q->cache.iova;

	if (likely(offset < q->cache.size && len <= q->cache.size - offset))
		return q->cache.ptr + offset;
	return NULL;
}

/** Translate for a queue; *len as in vsim_dma_find(). @return NULL: not mapped; no fault is
 * counted. */
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

/** Copy a descriptor of either layout once. from may be unaligned and may change at any time. */
VSIM_INLINE void
vsim_desc_copy(void *to, const void *from)
{
	memcpy(to, from, sizeof(struct virtq_desc));
	__asm__ volatile("" ::: "memory"); /* The compiler must not read the original again. */
}

/** Copy a descriptor of a table, which may be anywhere (2.7.5.3, 2.8.7), also across a border of
 * the DMA map. @return 0, or -EFAULT: not mapped; no fault is counted. */
int vsim_desc_read(struct vsim_queue *q, uint64_t iova, void *to);

/** A chain during the walk: readable segments first, then writable segments. */
struct vsim_walk {
	struct vsim_seg *segs;
	unsigned int room, nb, nb_readable;
	uint64_t readable_len, writable_len; /**< Bytes of segs. */
	uint64_t total; /**< Bytes of the whole chain. */
	bool writable; /**< A writable descriptor was seen. */
	/** The chain can be followed to its end, but not used from here on: no more segments. */
	bool unfit;
	uint16_t id, nb_descs;
	uint64_t *iovas; /**< Bus addresses of segs, same capacity; may be NULL. */
	uint64_t first_iova; /**< Bus address of the first segment. */
};

/** A length in 32 bits: the longest chain, of 2^32 bytes, becomes one byte shorter. */
VSIM_INLINE uint32_t
vsim_walk_len(uint64_t len)
{
	return len < UINT32_MAX ? len : UINT32_MAX;
}

/** Add one descriptor to the walk. @return 0, or -errno: the queue failed. */
int vsim_walk_add(struct vsim_queue *q, struct vsim_walk *walk, uint64_t addr, uint32_t len,
		bool write);
/**
 * Walk the next chain into segments of the pool, and make a buffer of the direction of the queue.
 * @return 1; -EAGAIN: the pool may have too few free segments, empty it first; else as walk.
 */
int vsim_walk_pool(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_pool *pool,
		int (*walk)(struct vsim_queue *q, struct vsim_walk *walk));

#endif /* VSIM_WALK_H */
