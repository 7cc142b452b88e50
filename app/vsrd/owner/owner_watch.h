/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_WATCH_H
#define VSRD_OWNER_WATCH_H

/**
 * @file
 * One thread per PF looks for errors and for changes by others, and emits events: the trouble of
 * one PF delays no other. It gives a PF back that the kernel requests, agrees on commands again
 * when the number of VFs has changed, and resets a PF whose admin queue is dead.
 */

#include "owner_types.h"

#define OWNER_WATCH_MS 500 /**< Time between two looks. */
#define OWNER_REPAIR_MS 1000 /**< Time between the first two repairs; it doubles with each. */
#define OWNER_REPAIR_MAX_MS 60000 /**< Longest; after that long without trouble it begins anew. */

/** Watch the place of a PF from now on, until the daemon ends. Once more: nothing. Any
 * thread. */
void owner_watch_start(struct owner_pf *pf);
/** Wait for the end of the thread, after owner_stop(). @return false: not in time. */
bool owner_watch_end(struct owner_pf *pf, unsigned int wait_ms);

#endif /* VSRD_OWNER_WATCH_H */
