/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef GATE_CHECK_H
#define GATE_CHECK_H

/**
 * @file
 * The rules for vhost-user messages: which a front end may send, when, and with which contents.
 *
 * A front end is not trusted. A message that passes here is harmless for a back end that believes
 * its peer: its length fits its kind, its descriptors are of the right number and kind, its rings
 * exist and are inside the memory that the front end shares, aligned and apart.
 *
 * Nothing here waits. One thread at a time per state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "daemon/budget.h"

#include "gate_proto.h"

#define GATE_MAX_RINGS 256 /**< The protocol has 8 bits for the number of a ring. */

/** A message with its descriptors. */
struct gate_msg {
	struct vhu_header header;
	union {
		uint64_t u64;
		struct vhu_state state;
		struct vhu_addr addr;
		struct vhu_memory memory;
		struct vhu_one_region one_region;
		struct vhu_log log;
		struct vhu_config config;
		struct vhu_area area;
	} payload;
	int fds[VHU_MAX_FDS];
	unsigned int nb_fds;
};

#define GATE_MAX_PAYLOAD sizeof(((struct gate_msg *)0)->payload)

/** A file that a front end shares, to be found again after a fault. */
struct gate_file {
	dev_t dev;
	ino_t ino;
	uint64_t page; /**< Bytes of its pages. */
};

struct gate_region {
	struct vhu_region at;
	struct gate_file file;
};

struct gate_ring {
	uint32_t num; /**< 0: not set yet. */
	uint64_t desc, avail, used; /**< desc 0: not set yet. */
	bool started; /**< From its doorbell until GET_VRING_BASE. */
};

/** What one connection has agreed on so far. */
struct gate_state {
	unsigned int max_rings;
	uint64_t offered, features; /**< Feature bits. */
	uint64_t protocol_offered, protocol;
	struct gate_region regions[VHU_MAX_REGIONS];
	unsigned int nb_regions;
	struct budget_guest memory; /**< Bytes of these regions: a device pins them. */
	struct gate_file log; /**< ino 0: none. */
	struct gate_ring *rings; /**< max_rings of them. */
};

/** @return 0 or -ENOMEM. */
int gate_state_init(struct gate_state *state, unsigned int max_rings);
void gate_state_free(struct gate_state *state);

/** Name of a request of the front end, "request N" for a number without a name. */
const char *gate_request_name(uint32_t request, char buf[24]);

/**
 * Check the header of a request, before its payload is read.
 * @return 0, or -EPROTO with a sentence.
 */
int gate_check_header(const struct vhu_header *header, struct err *err);

/**
 * Check a complete request and note what it agrees on.
 * @return 0, or -EPROTO with a sentence: the connection must end.
 */
int gate_check(struct gate_state *state, const struct gate_msg *msg, struct err *err);

/** Whether the protocol has an answer of its own for a request, besides the wish for an ack. */
bool gate_has_reply(const struct gate_state *state, uint32_t request);

/** Adapt the answer of the back end to a request, and note what it offers. */
void gate_filter_reply(struct gate_state *state, uint32_t request, struct gate_msg *reply);

/**
 * Check an answer on the channel for requests of the back end.
 * @return 0, or -EPROTO with a sentence.
 */
int gate_check_back_reply(const struct gate_msg *msg, struct err *err);

#endif /* GATE_CHECK_H */
