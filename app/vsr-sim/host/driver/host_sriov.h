/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_SRIOV_H
#define VSR_SIM_HOST_SRIOV_H

/**
 * @file
 * VFs of a PF come and go.
 */

#include "../core/host_bus.h"

bool host_any_vf_open(struct host *host, const struct host_fn *pf);
/** VFs that are about to go cannot be opened any more. */
void host_vfs_closing(struct host *host, const struct host_fn *pf, bool closing);
/** The VFs of a PF leave the bus, then VF Enable is cleared. With sriov_lock, without lock. */
int host_vfs_off(struct host *host, const char *pf_bdf);

#endif /* VSR_SIM_HOST_SRIOV_H */
