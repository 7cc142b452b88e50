/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_SRIOV_H
#define VSR_SIM_HOST_SRIOV_H

/**
 * @file
 * Create and remove the VFs of a PF.
 */

#include "../core/host_bus.h"

bool host_sriov_any_open(struct host *host, const struct host_fn *pf);
/** With closing, the VFs of a PF cannot be opened any more. */
void host_sriov_set_closing(struct host *host, const struct host_fn *pf, bool closing);
/**
 * Remove the VFs of a PF from the bus, then clear VF Enable. The caller holds sriov_lock, and does
 * not hold host->lock.
 */
int host_sriov_remove_vfs(struct host *host, const char *pf_bdf);

#endif /* VSR_SIM_HOST_SRIOV_H */
