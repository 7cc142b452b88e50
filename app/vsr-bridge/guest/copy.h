/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_COPY_H
#define BRIDGE_COPY_H

/**
 * @file
 * Mode copy: one thread copies packets between the rings of guests, which rte_vhost reads and
 * writes, and the queues of their VFs, which net_vsr has. The thread polls while there are packets,
 * and sleeps otherwise.
 *
 * A guest is named by its socket of rte_vhost. Calls with a path that has no guest in mode copy do
 * nothing.
 */

#include <stdbool.h>

#include "copy_port.h"

/** What a guest does, for people. */
struct copy_info {
	bool attached; /**< The guest has started its device. */
	bool blocked; /**< Its front end has filled an interrupt descriptor: it is not served. */
	bool link_up, packed, logging;
	uint16_t max_pairs; /**< Of the VF. */
	uint16_t nb_pairs; /**< Enabled by the guest. */
	uint16_t mtu;
	uint32_t speed; /**< Mb/s; UINT32_MAX: unknown. */
	uint8_t mac[6]; /**< Of the VF. */
	/** Feature bits 0 to 63. */
	uint64_t features_device, features_offered, features_guest, features_vf;
	unsigned long nb_attached, nb_repaired;
};

/** A queue of a guest. RX queue of pair n: 2 * n, TX queue: 2 * n + 1. */
struct copy_queue_info {
	bool enabled;
	unsigned long packets, bytes; /**< Copied. */
	unsigned long drops; /**< Packets that did not fit, or that no VF sends. */
};

struct copy;

/** Start, once, before the first guest. @return 0 or -errno with a sentence. */
int copy_init(copy_event_fn event, struct err *err);

/**
 * Use a VF that was opened with class=net; no guest is attached yet.
 * @param path  Socket of rte_vhost. @param mac  That the guest sees; empty: that of the VF.
 * @return NULL with *ret and a sentence.
 */
struct copy *copy_open(const char *path, const char *bdf, unsigned int pairs, const char *mac,
		int *ret, struct err *err);
/** Start the VF. @return 0, or -errno with a sentence: copy_stop() follows. */
int copy_start(struct copy *copy, struct err *err);
/** Use the VF no more. The path has no guest any more; copy_free() follows when the VF is closed.
 * No effect the second time. */
void copy_stop(struct copy *copy);
void copy_free(struct copy *copy);
/** Reset the VF while its guest stays. @return 0 or -errno with a sentence. */
int copy_repair(struct copy *copy, struct err *err);

/** The guest has started its device: number vid of rte_vhost. Waits for one round of the thread. */
void copy_came(const char *path, int vid);
/** The guest has stopped its device. Returns when the thread does not use the number any more. */
void copy_stopped(const char *path);
/** A ring has begun to run, or stops. Never waits: rte_vhost holds locks that the thread needs. */
void copy_ring(const char *path, int vid, unsigned int ring, bool on);

/** Features that a guest is not offered. */
uint64_t copy_features_off(void);

/* For people. */

/** Waits for one round of the thread. */
void copy_info(struct copy *copy, struct copy_info *info);
/** @return false: there is no such queue. */
bool copy_queue_info(const struct copy *copy, unsigned int queue, struct copy_queue_info *info);

#endif /* BRIDGE_COPY_H */
