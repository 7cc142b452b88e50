/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_PROTO_H
#define VSR_SIM_HOST_PROTO_H

/**
 * @file
 * The protocol between a preloaded process (shim/) and the simulated host (host_serve.c): requests
 * and replies, in turn, on a SOCK_SEQPACKET UNIX socket. Both peers come from one build; the
 * version detects a preload of another build.
 *
 * A request names an open file by the inode of its memory file. A message carries at most
 * HOST_PROTO_FDS descriptors (SCM_RIGHTS).
 */

#include <stdint.h>

#define HOST_PROTO_VERSION 1
#define HOST_PROTO_DATA 4096 /**< Most bytes after a header. */
#define HOST_PROTO_FDS 64

enum host_op {
	HOST_OP_HELLO = 1, /**< arg[0]: version. Reply: st_dev of memory files, pid. */
	HOST_OP_LOOKUP, /**< Reply: ret is an enum host_kind; for a device see struct host_reply. */
	HOST_OP_OPEN_CONTAINER, /**< Reply: one descriptor. */
	HOST_OP_OPEN_GROUP, /**< arg[0]: number of the group. Reply: one descriptor. */
	HOST_OP_OPEN_DEVICE, /**< ino: of the group; data: name, terminated. Reply: descriptor. */
	HOST_OP_IOCTL, /**< arg[0]: request, arg[1]: argument other than a pointer; data: struct. */
	HOST_OP_MAP_DMA, /**< data: vfio_iommu_type1_dma_map, host_proto_piece...; see below. */
	HOST_OP_READ, /**< arg[0]: offset, arg[1]: bytes. Reply: data. */
	HOST_OP_WRITE, /**< arg[0]: offset; data. */
};

/** arg[0] of HOST_OP_MAP_DMA. */
enum host_map_step {
	HOST_MAP_CHECK, /**< Only check whether the map is allowed. No pieces. */
	HOST_MAP_MORE, /**< Keep the pieces; more pieces follow on this connection. */
	HOST_MAP_LAST, /**< The last pieces: map them and the kept ones. */
};

struct host_proto_piece {
	uint64_t size; /**< In bytes; the next piece starts at its end. */
	uint64_t offset; /**< In the file. */
	uint32_t fd; /**< Index of the descriptor in this message. */
	uint32_t zero;
};

struct host_request {
	uint32_t op;
	uint32_t data_len; /**< Bytes after this header. */
	uint64_t ino; /**< Of the file that the request names. */
	uint64_t arg[2];
};

/**
 * The reply to HOST_OP_LOOKUP of a device has the sizes of regions 0..5 in arg[], by which a trap
 * handler finds the BAR of an address.
 */
struct host_reply {
	int32_t ret; /**< Result of the system call, or -errno. */
	uint32_t data_len;
	uint64_t arg[6];
};

#endif /* VSR_SIM_HOST_PROTO_H */
