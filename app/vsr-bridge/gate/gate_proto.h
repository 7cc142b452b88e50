/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef GATE_PROTO_H
#define GATE_PROTO_H

/**
 * @file
 * Layouts and numbers of the vhost-user protocol, from its text ("Vhost-user Protocol", QEMU).
 * All numbers have the byte order of this machine.
 */

#include <assert.h>
#include <stdint.h>

/** Requests of the front end. */
enum vhu_request {
	VHU_GET_FEATURES = 1,
	VHU_SET_FEATURES = 2,
	VHU_SET_OWNER = 3,
	VHU_RESET_OWNER = 4,
	VHU_SET_MEM_TABLE = 5,
	VHU_SET_LOG_BASE = 6,
	VHU_SET_LOG_FD = 7,
	VHU_SET_VRING_NUM = 8,
	VHU_SET_VRING_ADDR = 9,
	VHU_SET_VRING_BASE = 10,
	VHU_GET_VRING_BASE = 11,
	VHU_SET_VRING_KICK = 12,
	VHU_SET_VRING_CALL = 13,
	VHU_SET_VRING_ERR = 14,
	VHU_GET_PROTOCOL_FEATURES = 15,
	VHU_SET_PROTOCOL_FEATURES = 16,
	VHU_GET_QUEUE_NUM = 17,
	VHU_SET_VRING_ENABLE = 18,
	VHU_SEND_RARP = 19,
	VHU_NET_SET_MTU = 20,
	VHU_SET_BACKEND_REQ_FD = 21,
	VHU_IOTLB_MSG = 22,
	VHU_GET_CONFIG = 24,
	VHU_SET_CONFIG = 25,
	VHU_GET_INFLIGHT_FD = 31,
	VHU_SET_INFLIGHT_FD = 32,
	VHU_RESET_DEVICE = 34,
	VHU_GET_MAX_MEM_SLOTS = 36,
	VHU_ADD_MEM_REG = 37,
	VHU_REM_MEM_REG = 38,
	VHU_SET_STATUS = 39,
	VHU_GET_STATUS = 40,
	VHU_NB_REQUESTS, /**< Higher numbers are not known here. */
};

/** Requests of the back end, on the channel that SET_BACKEND_REQ_FD opens. */
enum vhu_back_request {
	VHU_BACK_IOTLB_MSG = 1,
	VHU_BACK_CONFIG_CHANGE = 2,
	VHU_BACK_HOST_NOTIFIER = 3,
};

/* Protocol features, as bits. */
#define VHU_PROTOCOL_MQ (1ULL << 0)
#define VHU_PROTOCOL_LOG_SHMFD (1ULL << 1)
#define VHU_PROTOCOL_RARP (1ULL << 2)
#define VHU_PROTOCOL_REPLY_ACK (1ULL << 3)
#define VHU_PROTOCOL_MTU (1ULL << 4)
#define VHU_PROTOCOL_BACKEND_REQ (1ULL << 5)
#define VHU_PROTOCOL_CONFIG (1ULL << 9)
#define VHU_PROTOCOL_BACKEND_SEND_FD (1ULL << 10)
#define VHU_PROTOCOL_HOST_NOTIFIER (1ULL << 11)
#define VHU_PROTOCOL_STATUS (1ULL << 16)

/* Feature bits with a meaning for the protocol. */
#define VHU_F_LOG_ALL (1ULL << 26)
#define VHU_F_PROTOCOL_FEATURES (1ULL << 30)
#define VHU_F_RING_PACKED (1ULL << 34)

/* Flags of a message. */
#define VHU_VERSION 0x1u
#define VHU_VERSION_MASK 0x3u
#define VHU_REPLY 0x4u
#define VHU_NEED_REPLY 0x8u

#define VHU_VRING_INDEX 0xffu /**< In the payload of KICK, CALL, ERR and HOST_NOTIFIER. */
#define VHU_VRING_NO_FD 0x100u
#define VHU_ADDR_LOG 0x1u /**< In the flags of SET_VRING_ADDR. */

#define VHU_MAX_REGIONS 8 /**< Of a memory table. */
#define VHU_MAX_FDS VHU_MAX_REGIONS
#define VHU_MAX_CONFIG 256 /**< Bytes of the configuration space. */

struct vhu_header {
	uint32_t request, flags, size; /**< size: bytes that follow. */
};
static_assert(sizeof(struct vhu_header) == 12, "three words");

/** Payload of SET_VRING_NUM, SET_VRING_BASE, SET_VRING_ENABLE, GET_VRING_BASE. */
struct vhu_state {
	uint32_t index, num;
};
static_assert(sizeof(struct vhu_state) == 8, "two words");

/** Payload of SET_VRING_ADDR; addresses are those of the front end's process. */
struct vhu_addr {
	uint32_t index, flags;
	uint64_t desc, used, avail, log;
};
static_assert(sizeof(struct vhu_addr) == 40, "two words and four long ones");

struct vhu_region {
	uint64_t gpa; /**< Guest physical address. */
	uint64_t size;
	uint64_t uva; /**< Address in the front end's process. */
	uint64_t offset; /**< In the file of its descriptor. */
};
static_assert(sizeof(struct vhu_region) == 32, "four long words");

/** Payload of SET_MEM_TABLE; as many regions follow as nb says. */
struct vhu_memory {
	uint32_t nb, padding;
	struct vhu_region regions[VHU_MAX_REGIONS];
};

/** Payload of ADD_MEM_REG and REM_MEM_REG. */
struct vhu_one_region {
	uint64_t padding;
	struct vhu_region region;
};

struct vhu_log {
	uint64_t size, offset;
};

struct vhu_config {
	uint32_t offset, size, flags;
	uint8_t data[VHU_MAX_CONFIG];
};

/** Payload of HOST_NOTIFIER. */
struct vhu_area {
	uint64_t ring, size, offset;
};

#endif /* GATE_PROTO_H */
