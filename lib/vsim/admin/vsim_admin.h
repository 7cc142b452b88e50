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

/** Make the admin queues of a function that offers ADMIN_VQ. @return NULL: out of memory. */
struct vsim_admin *vsim_admin_create(void);
void vsim_admin_free(struct vsim_admin *admin);
/** VF Enable is about to change: the group of VFs ends, or starts again. */
void vsim_admin_vfs_changed(struct vsim_fn *fn);

/** Is there work for vsim_admin_run()? Fast; called by the worker without the lock. rung: a queue
 * is active.
 * @return true: call vsim_admin_run(). */
bool vsim_admin_due(const struct vsim_fn *fn, bool rung);
/** Serve the admin queues of a function. Needs the lock of the NIC, because commands access any
 * function.
 * @return number of commands started plus number of commands completed. */
unsigned int vsim_admin_run(struct vsim_fn *fn);

#endif /* VSIM_ADMIN_H */
