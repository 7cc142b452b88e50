/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_COPY_PORT_H
#define BRIDGE_COPY_PORT_H

/**
 * @file
 * A VF of net_vsr for a guest in mode copy: the port of ethdev, and its memory.
 *
 * One thread at a time per port. Functions that start or stop the VF wait for the VF, as long as
 * its argument reset_timeout_ms says.
 */

#include <rte_mempool.h>

#include "base/base_bdf.h"
#include "daemon/err.h"

#define COPY_BURST 32 /**< Packets that are copied together. */
#define COPY_DESC 512 /**< Of each queue of the VF, if it has as many. */

/** What a VF reports, from a thread of EAL. */
enum copy_event {
	COPY_REMOVE, /**< The kernel wants the VF back. */
	COPY_NEEDS_RESET,
	COPY_LINK,
};

/** Must not wait. */
typedef void (*copy_event_fn)(const char *bdf, enum copy_event event);

struct copy_port {
	char bdf[BASE_BDF_LEN];
	uint16_t id; /**< Of ethdev. */
	uint16_t pairs, max_pairs;
	char mac[18]; /**< That the guest has; empty: that of the VF. */
	/** Packets that come from the VF, and from the guest: a guest that sends a lot takes no
	 * buffer from the RX queues. */
	struct rte_mempool *rx_pool, *tx_pool;
	uint32_t max_len; /**< Of a frame, bytes. */
	copy_event_fn event;
};

/** Queue pairs of a VF that was opened with class=net; 0: net_vsr has no such device. */
unsigned int copy_port_max_pairs(const char *bdf);

/**
 * Prepare the port of a VF that was opened with class=net. bdf, pairs (not more than the VF has),
 * mac and event are set.
 * @return 0, or -errno with a sentence, and nothing is left.
 */
int copy_port_open(struct copy_port *port, struct err *err);
/** Configure and start. @return 0, or -errno with a sentence. */
int copy_port_start(struct copy_port *port, struct err *err);
/** Stop a VF that needs a reset, reset it, and start it again. @return as copy_port_start(). */
int copy_port_restart(struct copy_port *port, struct err *err);
/** Stop, and report no events any more. */
void copy_port_stop(struct copy_port *port);
/** Free the memory; the VF was closed. */
void copy_port_free(struct copy_port *port);

#endif /* BRIDGE_COPY_PORT_H */
