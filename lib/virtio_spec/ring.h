/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIRTIO_SPEC_RING_H
#define VIRTIO_SPEC_RING_H

/**
 * @file
 * Memory layout of split and packed virtqueues.
 *
 * virtio 1.4 2.7 "Split Virtqueues", 2.8 "Packed Virtqueues". Layout only: driver and simulator do
 * not share the code that uses it, so that each checks the other.
 */

#include "wire.h"

#define VIRTQ_SIZE_MAX 32768 /**< Descriptors, both layouts. */

/* Descriptor flags, both layouts */
#define VIRTQ_DESC_F_NEXT 1
#define VIRTQ_DESC_F_WRITE 2 /**< The device writes this buffer. */
#define VIRTQ_DESC_F_INDIRECT 4
/* Packed only */
#define VIRTQ_DESC_F_AVAIL (1 << 7)
#define VIRTQ_DESC_F_USED (1 << 15)

/* --- split, virtio 1.4 2.7 --- */
#define VIRTQ_DESC_ALIGN 16
#define VIRTQ_AVAIL_ALIGN 2
#define VIRTQ_USED_ALIGN 4
#define VIRTQ_AVAIL_F_NO_INTERRUPT 1
#define VIRTQ_USED_F_NO_NOTIFY 1

struct virtq_desc {
	virtio_le64 addr;
	virtio_le32 len;
	virtio_le16 flags;
	virtio_le16 next;
};
VIRTIO_WIRE_STRUCT(virtq_desc, 16);
VIRTIO_WIRE_FIELD(virtq_desc, addr, 0, 8);
VIRTIO_WIRE_FIELD(virtq_desc, len, 8, 4);
VIRTIO_WIRE_FIELD(virtq_desc, flags, 12, 2);
VIRTIO_WIRE_FIELD(virtq_desc, next, 14, 2);

/** Followed by le16 used_event at ring[queue size]. */
struct virtq_avail {
	virtio_le16 flags;
	virtio_le16 idx;
	virtio_le16 ring[];
};
VIRTIO_WIRE_STRUCT(virtq_avail, 4);
static_assert(offsetof(struct virtq_avail, idx) == 2, "virtq_avail.idx is misplaced");
static_assert(offsetof(struct virtq_avail, ring) == 4, "virtq_avail.ring is misplaced");

struct virtq_used_elem {
	virtio_le32 id;
	virtio_le32 len;
};
VIRTIO_WIRE_STRUCT(virtq_used_elem, 8);
VIRTIO_WIRE_FIELD(virtq_used_elem, id, 0, 4);
VIRTIO_WIRE_FIELD(virtq_used_elem, len, 4, 4);

/** Followed by le16 avail_event after ring[queue size]. */
struct virtq_used {
	virtio_le16 flags;
	virtio_le16 idx;
	struct virtq_used_elem ring[];
};
VIRTIO_WIRE_STRUCT(virtq_used, 4);
static_assert(offsetof(struct virtq_used, idx) == 2, "virtq_used.idx is misplaced");
static_assert(offsetof(struct virtq_used, ring) == 4, "virtq_used.ring is misplaced");

/** Bytes of each part for a queue of this many descriptors. */
#define VIRTQ_DESC_BYTES(size) ((size_t)16 * (size))
#define VIRTQ_AVAIL_BYTES(size) ((size_t)6 + (size_t)2 * (size))
#define VIRTQ_USED_BYTES(size) ((size_t)6 + (size_t)8 * (size))

/* --- packed, virtio 1.4 2.8 --- */
#define VIRTQ_PACKED_DESC_ALIGN 16
#define VIRTQ_PACKED_EVENT_ALIGN 4

struct pvirtq_desc {
	virtio_le64 addr;
	virtio_le32 len;
	virtio_le16 id;
	virtio_le16 flags;
};
VIRTIO_WIRE_STRUCT(pvirtq_desc, 16);
VIRTIO_WIRE_FIELD(pvirtq_desc, addr, 0, 8);
VIRTIO_WIRE_FIELD(pvirtq_desc, len, 8, 4);
VIRTIO_WIRE_FIELD(pvirtq_desc, id, 12, 2);
VIRTIO_WIRE_FIELD(pvirtq_desc, flags, 14, 2);

struct pvirtq_event_suppress {
	virtio_le16 desc; /**< Bits 14:0 ring position, bit 15 wrap counter. */
	virtio_le16 flags; /**< RING_EVENT_FLAGS_*, other bits zero. */
};
VIRTIO_WIRE_STRUCT(pvirtq_event_suppress, 4);
VIRTIO_WIRE_FIELD(pvirtq_event_suppress, desc, 0, 2);
VIRTIO_WIRE_FIELD(pvirtq_event_suppress, flags, 2, 2);

#define RING_EVENT_WRAP_SHIFT 15
#define RING_EVENT_FLAGS_ENABLE 0
#define RING_EVENT_FLAGS_DISABLE 1
#define RING_EVENT_FLAGS_DESC 2

#endif /* VIRTIO_SPEC_RING_H */
