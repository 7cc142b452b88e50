/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_WORKER_H
#define VSIM_WORKER_H

/**
 * @file
 * Creation and destruction of workers; vsim.h declares the polling. Not under the lock.
 */

#include "vsim/core/vsim_fn.h"

/** @return 0, -ENOMEM, -EMFILE. */
int vsim_worker_create(struct vsim_nic *nic, unsigned int w);
/** Worker 0 has to be the last one; the wires are freed with it. */
void vsim_worker_destroy(struct vsim_nic *nic, unsigned int w);

#endif /* VSIM_WORKER_H */
