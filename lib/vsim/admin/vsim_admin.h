/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_ADMIN_H
#define VSIM_ADMIN_H

/**
 * @file
 * The admin queues of a function. Under the lock, unless it says otherwise.
 */

#include "vsim/core/vsim_fn.h"

/** For a function that offers ADMIN_VQ. @return NULL: out of memory. */
struct vsim_admin *vsim_admin_create(void);
void vsim_admin_free(struct vsim_admin *admin);
/** VF Enable is about to change: the group of VFs ceases, or begins anew. */
void vsim_admin_vfs_changed(struct vsim_fn *fn);

/** A doorbell of an admin queue was taken, or an answer of one is due: from the worker, cheap.
 * @return true when vsim_admin_run() has something to do. */
bool vsim_admin_due(const struct vsim_fn *fn, bool rung);
/** Serve the admin queues of a function, with the NIC's lock held: commands reach any function.
 * @return commands begun and ended. */
unsigned int vsim_admin_run(struct vsim_fn *fn);

#endif /* VSIM_ADMIN_H */
