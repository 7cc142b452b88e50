/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VUSER_PROTO_H
#define VUSER_PROTO_H

/**
 * @file
 * Messages of vfio-user 0.1, "Protocol Specification". The specification defines all fields in host
 * byte order. Payloads that the protocol shares with the kernel's ioctl
 * interface (region info, IRQ info, IRQ set) are those of linux/vfio.h.
 */

#include <stddef.h>
#include <stdint.h>

#include <linux/vfio.h>

#include "vuser.h"

/** Assert offset and size of a field at compile time. */
#define VUSER_WIRE_FIELD(type, field, off, len)                                     \
	_Static_assert(offsetof(struct type, field) == (off) &&                     \
					sizeof(((struct type *)0)->field) == (len), \
			#type "." #field)
#define VUSER_WIRE_STRUCT(type, len) _Static_assert(sizeof(struct type) == (len), #type)

#define VUSER_PROTO_MAJOR 0
#define VUSER_PROTO_MINOR 1

/** Commands, "Commands" of the specification. */
enum vuser_command {
	VUSER_VERSION = 1,
	VUSER_DMA_MAP = 2,
	VUSER_DMA_UNMAP = 3,
	VUSER_DEVICE_GET_INFO = 4,
	VUSER_DEVICE_GET_REGION_INFO = 5,
	VUSER_DEVICE_GET_REGION_IO_FDS = 6,
	VUSER_DEVICE_GET_IRQ_INFO = 7,
	VUSER_DEVICE_SET_IRQS = 8,
	VUSER_REGION_READ = 9,
	VUSER_REGION_WRITE = 10,
	VUSER_DMA_READ = 11, /**< Server to client; unused: all memory has a descriptor. */
	VUSER_DMA_WRITE = 12, /**< As DMA_READ. */
	VUSER_DEVICE_RESET = 13,
};

/** Every message starts with this. */
struct vuser_header {
	uint16_t msg_id; /**< Chosen by the sender; the reply has the same id. */
	uint16_t command;
	uint32_t size; /**< Bytes of the whole message, this header included. */
	uint32_t flags;
	uint32_t error; /**< errno value in a reply with VUSER_FLAG_ERROR; 0 is allowed there. */
};
VUSER_WIRE_STRUCT(vuser_header, 16);
VUSER_WIRE_FIELD(vuser_header, msg_id, 0, 2);
VUSER_WIRE_FIELD(vuser_header, command, 2, 2);
VUSER_WIRE_FIELD(vuser_header, size, 4, 4);
VUSER_WIRE_FIELD(vuser_header, flags, 8, 4);
VUSER_WIRE_FIELD(vuser_header, error, 12, 4);

#define VUSER_FLAG_TYPE_MASK 0xfu
#define VUSER_FLAG_TYPE_COMMAND 0x0u
#define VUSER_FLAG_TYPE_REPLY 0x1u
#define VUSER_FLAG_NO_REPLY 0x10u
#define VUSER_FLAG_ERROR 0x20u

/** VUSER_VERSION, both ways; a NUL-terminated JSON text may follow. */
struct vuser_version {
	uint16_t major;
	uint16_t minor;
};
VUSER_WIRE_STRUCT(vuser_version, 4);
VUSER_WIRE_FIELD(vuser_version, major, 0, 2);
VUSER_WIRE_FIELD(vuser_version, minor, 2, 2);

/** VUSER_DMA_MAP request; the reply has no payload. */
struct vuser_dma_map {
	uint32_t argsz;
	uint32_t flags; /**< VUSER_DMA_* below. */
	uint64_t offset; /**< Of the range in the descriptor. */
	uint64_t iova;
	uint64_t size;
};
VUSER_WIRE_STRUCT(vuser_dma_map, 32);
VUSER_WIRE_FIELD(vuser_dma_map, argsz, 0, 4);
VUSER_WIRE_FIELD(vuser_dma_map, flags, 4, 4);
VUSER_WIRE_FIELD(vuser_dma_map, offset, 8, 8);
VUSER_WIRE_FIELD(vuser_dma_map, iova, 16, 8);
VUSER_WIRE_FIELD(vuser_dma_map, size, 24, 8);

#define VUSER_DMA_READ_OK 0x1u /**< The device may read. */
#define VUSER_DMA_WRITE_OK 0x2u /**< The device may write. */
#define VUSER_DMA_BY_MMAP 0x4u /**< Set by clients of libvfio-user with a descriptor. */

/** VUSER_DMA_UNMAP, both ways; flags are VFIO_DMA_UNMAP_FLAG_*. */
struct vuser_dma_unmap {
	uint32_t argsz;
	uint32_t flags;
	uint64_t iova;
	uint64_t size;
};
VUSER_WIRE_STRUCT(vuser_dma_unmap, 24);
VUSER_WIRE_FIELD(vuser_dma_unmap, argsz, 0, 4);
VUSER_WIRE_FIELD(vuser_dma_unmap, flags, 4, 4);
VUSER_WIRE_FIELD(vuser_dma_unmap, iova, 8, 8);
VUSER_WIRE_FIELD(vuser_dma_unmap, size, 16, 8);

/** VUSER_DEVICE_GET_INFO, both ways. Not vfio_device_info, which grew a cap_offset. */
struct vuser_dev_info {
	uint32_t argsz;
	uint32_t flags;
	uint32_t nb_regions;
	uint32_t nb_irqs;
};
VUSER_WIRE_STRUCT(vuser_dev_info, 16);
VUSER_WIRE_FIELD(vuser_dev_info, argsz, 0, 4);
VUSER_WIRE_FIELD(vuser_dev_info, flags, 4, 4);
VUSER_WIRE_FIELD(vuser_dev_info, nb_regions, 8, 4);
VUSER_WIRE_FIELD(vuser_dev_info, nb_irqs, 12, 4);

/** VUSER_DEVICE_GET_REGION_IO_FDS, both ways. */
struct vuser_io_fds {
	uint32_t argsz;
	uint32_t flags;
	uint32_t index;
	uint32_t count;
};
VUSER_WIRE_STRUCT(vuser_io_fds, 16);
VUSER_WIRE_FIELD(vuser_io_fds, argsz, 0, 4);
VUSER_WIRE_FIELD(vuser_io_fds, flags, 4, 4);
VUSER_WIRE_FIELD(vuser_io_fds, index, 8, 4);
VUSER_WIRE_FIELD(vuser_io_fds, count, 12, 4);

/** VUSER_REGION_READ and _WRITE, both ways; data follows a write and the reply to a read. */
struct vuser_region_access {
	uint64_t offset;
	uint32_t region;
	uint32_t count; /**< Bytes of data. */
};
VUSER_WIRE_STRUCT(vuser_region_access, 16);
VUSER_WIRE_FIELD(vuser_region_access, offset, 0, 8);
VUSER_WIRE_FIELD(vuser_region_access, region, 8, 4);
VUSER_WIRE_FIELD(vuser_region_access, count, 12, 4);

/* Structures of the kernel: their sizes must be those of the protocol. */
VUSER_WIRE_STRUCT(vfio_region_info, 32);
VUSER_WIRE_FIELD(vfio_region_info, argsz, 0, 4);
VUSER_WIRE_FIELD(vfio_region_info, flags, 4, 4);
VUSER_WIRE_FIELD(vfio_region_info, index, 8, 4);
VUSER_WIRE_FIELD(vfio_region_info, cap_offset, 12, 4);
VUSER_WIRE_FIELD(vfio_region_info, size, 16, 8);
VUSER_WIRE_FIELD(vfio_region_info, offset, 24, 8);
VUSER_WIRE_STRUCT(vfio_info_cap_header, 8);
VUSER_WIRE_FIELD(vfio_info_cap_header, id, 0, 2);
VUSER_WIRE_FIELD(vfio_info_cap_header, version, 2, 2);
VUSER_WIRE_FIELD(vfio_info_cap_header, next, 4, 4);
VUSER_WIRE_STRUCT(vfio_region_info_cap_sparse_mmap, 16);
VUSER_WIRE_FIELD(vfio_region_info_cap_sparse_mmap, nr_areas, 8, 4);
VUSER_WIRE_STRUCT(vfio_region_sparse_mmap_area, 16);
VUSER_WIRE_FIELD(vfio_region_sparse_mmap_area, offset, 0, 8);
VUSER_WIRE_FIELD(vfio_region_sparse_mmap_area, size, 8, 8);
VUSER_WIRE_STRUCT(vfio_irq_info, 16);
VUSER_WIRE_FIELD(vfio_irq_info, argsz, 0, 4);
VUSER_WIRE_FIELD(vfio_irq_info, flags, 4, 4);
VUSER_WIRE_FIELD(vfio_irq_info, index, 8, 4);
VUSER_WIRE_FIELD(vfio_irq_info, count, 12, 4);
VUSER_WIRE_STRUCT(vfio_irq_set, 20);
VUSER_WIRE_FIELD(vfio_irq_set, argsz, 0, 4);
VUSER_WIRE_FIELD(vfio_irq_set, flags, 4, 4);
VUSER_WIRE_FIELD(vfio_irq_set, index, 8, 4);
VUSER_WIRE_FIELD(vfio_irq_set, start, 12, 4);
VUSER_WIRE_FIELD(vfio_irq_set, count, 16, 4);

/** The largest payload of any message: a region write of the largest size. */
#define VUSER_MAX_PAYLOAD (sizeof(struct vuser_region_access) + VUSER_MAX_DATA)

#define VUSER_PAGE_SIZE 4096u /**< Granule of DMA maps, "pgsizes" of the version message. */

#endif /* VUSER_PROTO_H */
