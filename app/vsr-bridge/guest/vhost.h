/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_VHOST_H
#define BRIDGE_VHOST_H

/**
 * @file
 * Guests in rte_vhost: each has a socket in a private folder, on which rte_vhost listens and to
 * which the gate connects. Any thread.
 */

#include <stdbool.h>
#include <stdint.h>

#include "daemon/err.h"

/** Called by the thread of rte_vhost, with the path of a guest's socket. */
struct vhost_calls {
	void (*came)(const char *path, int vid); /**< The guest has started its device. */
	void (*stopped)(const char *path); /**< The guest has stopped its device. */
	/** A ring runs, or stops. Must not wait: rte_vhost has locks of the rings. */
	void (*ring)(const char *path, int vid, unsigned int ring, bool on);
	void (*left)(const char *path); /**< Everything of a connection is gone. */
};

/**
 * Start, once, before the first guest.
 * @param folder  Private folder. @return 0 or -errno with a sentence.
 */
int vhost_init(const struct vhost_calls *set, const char *folder, struct err *err);

/**
 * Listen for the guest of a VF that was opened with class=vdpa: the VF has the rings.
 * @return 0 or -errno with a sentence.
 */
int vhost_start(const char *path, const char *bdf, struct err *err);
/**
 * Listen for a guest whose rings rte_vhost itself has.
 * @param features_off  Features that the guest is not offered.
 * @return 0 or -errno with a sentence.
 */
int vhost_start_rings(const char *path, uint64_t features_off, struct err *err);
/** Listen no more. No connection exists any more. */
void vhost_stop(const char *path);

#endif /* BRIDGE_VHOST_H */
