/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_FNS_H
#define VSIM_FNS_H

/**
 * @file
 * Creation and reset of functions, creation and removal of VFs. Call these functions with the
 * lock held.
 */

#include "vsim/core/vsim_fn.h"

/**
 * Make a function; the caller calls vsim_fn_power_up() next. Once per function: a VF that is
 * removed stays allocated, and is used again when VF Enable is set the next time. mem_size is the
 * same for all functions of a NIC.
 * @return 0, or -errno, for instance -ENOMEM or -EMFILE: nothing stays allocated.
 */
int vsim_fn_create(struct vsim_nic *nic, unsigned int index, struct vsim_fn **out);
void vsim_fn_destroy(struct vsim_fn *fn);
/** Set the offered features of a new function, and reset it as by power-up. */
void vsim_fn_power_up(struct vsim_fn *fn, const struct vsim_features *offered);
/** Make VFs 1..n exist; 0: none. @return 0, or -errno as of vsim_fn_create(): no VF exists. */
int vsim_nic_vfs_set(struct vsim_nic *nic, uint16_t n);
/** Bytes of doorbells of each function; admin_queues is not 0. */
uint64_t vsim_doorbell_len(const struct vsim_nic_conf *conf);
/** Make the doorbell memory, or replace it. @return 0 or -errno: nothing has changed. */
int vsim_fn_mem_create(struct vsim_fn *fn);
/** Function level reset. */
void vsim_fn_flr(struct vsim_fn *fn);

#endif /* VSIM_FNS_H */
