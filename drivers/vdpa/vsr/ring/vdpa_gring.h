/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_GRING_H
#define VDPA_GRING_H

/**
 * @file
 * The ring of a guest, device side, in either layout (virtio 1.4 2.7, 2.8).
 *
 * The guest is not trusted, and it runs while its ring is read: every value is read once, checked,
 * and used as checked. A chain is followed for at most as many steps as the ring has descriptors.
 * The first value that no driver writes ends the queue: calls then return -EPROTO, and err has the
 * reason.
 *
 * Addresses of the guest become pointers only through struct vdpa_mem, for each call of
 * vdpa_gring_map() and for each use of an indirect table. One thread at a time per ring.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_branch_prediction.h>

#include "virtio/vio_virtq.h"

/** Memory of a guest. Both functions are called by the thread that uses the ring. */
struct vdpa_mem {
	/**
	 * Find the memory at a guest physical address.
	 * @param len  In: bytes that are wanted, not 0; out: bytes that are at the pointer, not
	 *         more.
	 * @return the pointer, or NULL: the guest has no memory there.
	 */
	void *(*find)(void *arg, uint64_t gpa, uint64_t *len);
	/** These bytes of guest memory were written. May lie outside of guest memory: a guest can
	 * name any address. NULL: nobody keeps a log of written pages. */
	void (*written)(void *arg, uint64_t gpa, uint64_t len);
	void *arg;
};

/** A ring as the guest has set it up. */
struct vdpa_gring_conf {
	uint16_t size; /**< Descriptors; split: a power of two. */
	bool packed, event_idx, indirect, in_order; /**< Accepted by the guest. */
	bool write; /**< The device writes the buffers: an RX queue. */
	uint64_t desc, driver, device; /**< Guest physical addresses of the three areas. */
};

/** A chain of descriptors that the guest made available. */
struct vdpa_chain {
	uint16_t id; /**< Head (split) or buffer id (packed). */
	uint16_t nb_descs; /**< Packed: slots of the ring; split: 1. */
	uint16_t nb_segs; /**< Segments: nb_readable readable ones, then writable ones. */
	uint16_t nb_readable;
	bool indirect; /**< The one segment is an indirect table. */
	uint64_t writable; /**< Bytes that the device may write; 0 for a table. */
};

struct vdpa_gring {
	union {
		struct virtq_desc *desc; /**< Split. */
		struct pvirtq_desc *pdesc; /**< Packed. */
	};
	union {
		struct virtq_avail *avail; /**< Split. */
		struct pvirtq_event_suppress *driver_event; /**< Packed. */
	};
	union {
		struct virtq_used *used; /**< Split. */
		struct pvirtq_event_suppress *device_event; /**< Packed. */
	};
	const struct vdpa_mem *mem;
	struct vdpa_gring_conf conf;
	uint16_t avail_i; /**< Next available. Split: free-running index. Packed: slot. */
	uint16_t avail_seen; /**< Split: available index of the guest as last read. */
	uint16_t used_i; /**< Next used, as avail_i. */
	bool avail_wrap, used_wrap; /**< Packed wrap counters. */
	bool expand; /**< Follow all indirect tables instead of passing them through. */
	bool intr_due; /**< Raise an interrupt at the next flush, whatever the guest wants. */
	bool doorbells; /**< Doorbells of the guest are wanted. */
	/** Buffers (split) or slots (packed) that the guest made available and that were not used
	 * yet. */
	uint16_t nb_out;
	uint16_t nb_staged; /**< The same, used but not yet shown to the guest. */
	uint16_t staged_i; /**< Packed: slot of the first staged used descriptor. */
	uint64_t staged_tail; /**< Packed: its length, id and flags. */
	const char *err; /**< One sentence: why the queue ended; NULL: it has not. */
};

/** Position of a packed ring in one word: slot, and wrap counter in bit 15. */
#define VDPA_PACKED_AT(slot, wrap) ((uint16_t)((slot) | ((wrap) ? 1u << RING_EVENT_WRAP_SHIFT : 0)))

/** Where a ring begins: index 0, or slot 0 with wrap counter 1. */
#define VDPA_RING_START(packed) ((packed) ? VDPA_PACKED_AT(0, true) : 0)

/**
 * Begin to use a ring.
 * @param avail, used  Next available and next used: index (split) or VDPA_PACKED_AT().
 * @param nb_out  Buffers (split) or slots (packed) between the two.
 * @return 0, -EINVAL (size or position), or as vdpa_gring_map().
 */
int vdpa_gring_init(struct vdpa_gring *g, const struct vdpa_gring_conf *conf,
		const struct vdpa_mem *mem, uint16_t avail, uint16_t used, uint16_t nb_out);

/**
 * Find the three areas of the ring in guest memory again, because regions may have moved.
 * @return 0, or -EFAULT: an area is not completely in one region, or not aligned.
 */
int vdpa_gring_map(struct vdpa_gring *g);

/** End the queue. @return -EPROTO. */
int vdpa_gring_fail(struct vdpa_gring *g, const char *err);

/** Next available, in the form of vdpa_gring_init(). */
static inline uint16_t
vdpa_gring_avail_at(const struct vdpa_gring *g)
{
	return g->conf.packed ? VDPA_PACKED_AT(g->avail_i, g->avail_wrap) : g->avail_i;
}

/** Next used. While nothing is out, the same position. */
static inline uint16_t
vdpa_gring_used_at(const struct vdpa_gring *g)
{
	return g->conf.packed ? VDPA_PACKED_AT(g->used_i, g->used_wrap) : g->used_i;
}

/**
 * Read the next available chain, without taking it.
 * @param segs  Out: segments of the chain; room for conf.size of them.
 * @return 1; 0: none is available; -EPROTO.
 */
int vdpa_gring_peek(struct vdpa_gring *g, struct vdpa_chain *chain, struct vio_seg *segs);

/** As vdpa_gring_peek(), the chain of this head (split) or at this slot (packed). @return 1 or
 * -EPROTO. */
int vdpa_gring_read(struct vdpa_gring *g, uint16_t at, struct vdpa_chain *chain,
		struct vio_seg *segs);

/** Take the chain that vdpa_gring_peek() has read. */
void vdpa_gring_take(struct vdpa_gring *g, const struct vdpa_chain *chain);

/**
 * Read an indirect table again: call `written` for the first len writable bytes of it.
 * @param written  As in struct vdpa_mem; NULL: only count.
 * @return bytes; less than len if the table has less, or is wrong.
 */
uint64_t vdpa_gring_table_written(const struct vdpa_gring *g, const struct vio_seg *table,
		uint64_t len, void (*written)(void *arg, uint64_t gpa, uint64_t len));

/** Write a used entry. The guest sees it after vdpa_gring_flush(). */
void vdpa_gring_use(struct vdpa_gring *g, uint16_t id, uint32_t len, uint16_t nb_descs);

/** Show all used entries to the guest. @return true if the guest wants an interrupt. */
bool vdpa_gring_flush(struct vdpa_gring *g);

/** Ask the guest for doorbells. @return true if a buffer is available already. */
bool vdpa_gring_doorbells_on(struct vdpa_gring *g);

/** Tell the guest that no doorbells are needed. */
void vdpa_gring_doorbells_off(struct vdpa_gring *g);

/** Read the AVAIL and USED flags of a slot: as the wrap counters of driver and device. */
static inline void
vdpa_slot_flags(const struct pvirtq_desc *desc, bool *avail, bool *used)
{
	const uint16_t flags = vio_load16(&desc->flags);

	*avail = (flags & VIRTQ_DESC_F_AVAIL) != 0;
	*used = (flags & VIRTQ_DESC_F_USED) != 0;
}

#endif /* VDPA_GRING_H */
