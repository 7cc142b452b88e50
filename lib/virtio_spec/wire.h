/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIRTIO_SPEC_WIRE_H
#define VIRTIO_SPEC_WIRE_H

/**
 * @file
 * Macros for structures that driver and device exchange.
 *
 * Headers only, for driver and simulator, independent of DPDK. Every multi-byte field is
 * little-endian (virtio 1.4 1.4 "Structure Specifications"), shown by the types le16, le32 and
 * le64; use the functions of endian.h to convert. Each structure is followed by assertions of its
 * size and of the offset and size of each field.
 */

#include <assert.h>
#include <endian.h>
#include <stddef.h>
#include <stdint.h>

typedef uint16_t virtio_le16; /**< Little-endian 16 bits, as on the wire. */
typedef uint32_t virtio_le32; /**< Little-endian 32 bits, as on the wire. */
typedef uint64_t virtio_le64; /**< Little-endian 64 bits, as on the wire. */

#define VIRTIO_WIRE_PACKED __attribute__((packed))

/** The structure has exactly this many bytes. */
#define VIRTIO_WIRE_STRUCT(type, bytes) \
	static_assert(sizeof(struct type) == (bytes), #type " has a wrong size")

/** The field starts at this offset and has this many bytes. */
#define VIRTIO_WIRE_FIELD(type, field, offset, bytes)                                              \
	static_assert(offsetof(struct type, field) == (offset), #type "." #field " is misplaced"); \
	static_assert(sizeof(((struct type *)0)->field) == (bytes),                                \
			#type "." #field " has a wrong size")

#endif /* VIRTIO_SPEC_WIRE_H */
