/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_FNS_H
#define VSIM_FNS_H

/**
 * @file
 * Functions: made, reset, and VFs that come and go. Under the lock.
 */

#include "vsim/core/vsim_fn.h"

/**
 * Make a function with all that it keeps; nothing of it is reset yet. Once per function: a VF that
 * goes is reset, unmapped and disconnected by the public calls, and found again when VF Enable is
 * set next time. mem_size comes out equal for all functions of a NIC.
 * @return 0, -ENOMEM, -EMFILE; then nothing is left allocated.
 */
int vsim_fn_create(struct vsim_nic *nic, unsigned int index, struct vsim_fn **out);
void vsim_fn_destroy(struct vsim_fn *fn);
/** What a new function offers, and everything as after power-up. */
void vsim_fn_power_up(struct vsim_fn *fn, const struct vsim_features *offered);
/** Make VFs 1..n exist, or none. @return 0, -ENOMEM, -EMFILE (then none exist). */
int vsim_nic_vfs_set(struct vsim_nic *nic, uint16_t n);
/** Function level reset. */
void vsim_fn_flr(struct vsim_fn *fn);

#endif /* VSIM_FNS_H */
