/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_PROTO_H
#define VSR_SIM_HOST_PROTO_H

/**
 * @file
 * How a preloaded process (shim/) speaks to the simulated kernel (host_serve.c): requests and
 * replies on a SOCK_SEQPACKET UNIX socket, one of each in turn. Both come from one build; the
 * version only catches a preload of another one.
 *
 * An open file is named by the inode of its memory file. Descriptors travel beside the message
 * (SCM_RIGHTS), at most HOST_PROTO_FDS.
 */

#include <stdint.h>

#define HOST_PROTO_VERSION 1
#define HOST_PROTO_DATA 4096 /**< Bytes behind a header, at most. */
#define HOST_PROTO_FDS 64

enum host_op {
	HOST_OP_HELLO = 1, /**< arg[0]: version. Reply: its st_dev, pid. */
	HOST_OP_LOOKUP, /**< Reply: ret is an enum host_kind; for a device see struct host_reply. */
	HOST_OP_OPEN_CONTAINER, /**< Reply: one descriptor. */
	HOST_OP_OPEN_GROUP, /**< arg[0]: number. Reply: one descriptor. */
	HOST_OP_OPEN_DEVICE, /**< ino: of the group; data: name and 0. Reply: one descriptor. */
	HOST_OP_IOCTL, /**< arg[0]: request, arg[1]: argument that is no pointer; data: struct. */
	HOST_OP_MAP_DMA, /**< data: vfio_iommu_type1_dma_map, host_proto_piece...; see below. */
	HOST_OP_READ, /**< arg[0]: offset, arg[1]: bytes. Reply: data. */
	HOST_OP_WRITE, /**< arg[0]: offset; data. */
};

/** arg[0] of HOST_OP_MAP_DMA. */
enum host_map_step {
	HOST_MAP_CHECK, /**< Only say whether the map is allowed. No pieces. */
	HOST_MAP_MORE, /**< Keep the pieces; more follow on this connection. */
	HOST_MAP_LAST, /**< These and the kept ones are all: map. */
};

struct host_proto_piece {
	uint64_t size; /**< Bytes, up to where the next piece starts. */
	uint64_t offset; /**< Into the file. */
	uint32_t fd; /**< Number of the descriptor in this message. */
	uint32_t zero;
};

struct host_request {
	uint32_t op;
	uint32_t data_len; /**< Bytes behind this header. */
	uint64_t ino; /**< Of the file that it is about. */
	uint64_t arg[2];
};

/**
 * LOOKUP of a device gives in arg[] the size of its regions 0..5: a trap handler finds BARs by
 * them.
 */
struct host_reply {
	int32_t ret; /**< What the system call returns, or -errno. */
	uint32_t data_len;
	uint64_t arg[6];
};

#endif /* VSR_SIM_HOST_PROTO_H */
