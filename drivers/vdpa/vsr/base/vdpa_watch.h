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
#include <stdint.h>
#include <stdatomic.h>

/** Buffers for one call that make a load: an event for each of them would cost more than a short
 * wait for the next ones. */
#define VDPA_BULK 8u
#define VDPA_LOAD_FULL 256u /**< Load of a ring that was empty and has become full. */

struct vdpa_watch {
	/** Called by the data thread for each event. It must not wait. @return true: call again,
	 * even without an event, after the others had their turn. */
	bool (*fn)(struct vdpa_watch *watch);
	/** Set by fn: how much of the ring has come since the last call, up to VDPA_LOAD_FULL;
	 * 0: fewer than VDPA_BULK buffers. */
	uint16_t load;
	int fd; /**< -1: not watched. */
	atomic_bool gone; /**< vdpa_data_del() was called. */
	bool queued; /**< Data thread: to be called again. */
	struct vdpa_watch *next_queued;
};

#endif /* VDPA_WATCH_H */
