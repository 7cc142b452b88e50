/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_WATCH_H
#define VDPA_WATCH_H

/**
 * @file
 * A descriptor that the data thread watches.
 */

#include <stdbool.h>
#include <stdatomic.h>

/** Buffers for one call that make a load: an event for each of them would cost more than a short
 * wait for the next ones. */
#define VDPA_BULK 8u

struct vdpa_watch {
	/** Called by the data thread for each event. It must not wait. @return true: call again,
	 * even without an event, after the others had their turn. */
	bool (*fn)(struct vdpa_watch *watch);
	bool bulk; /**< Set by fn: the call was for VDPA_BULK buffers or more. */
	int fd; /**< -1: not watched. */
	atomic_bool gone; /**< vdpa_data_del() was called. */
	bool queued; /**< Data thread: to be called again. */
	struct vdpa_watch *next_queued;
};

#endif /* VDPA_WATCH_H */
