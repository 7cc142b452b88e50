/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_PCI_H
#define VSR_SIM_HOST_PCI_H

/**
 * @file
 * The PCI core of the simulated kernel: set up a function, reset it, write its SR-IOV registers.
 */

#include "../core/host_bus.h"

/** Find capabilities and place BARs. @return 0, or -ENOTSUP: no configuration space. */
int host_pci_setup(struct host *host, struct host_fn *fn);
/**
 * Function level reset, then restore what a kernel restores (for a PF its VFs too).
 * @return 0, -ENOTTY: the function has no reset, or the error of the function.
 */
int host_pci_reset(struct host *host, struct host_fn *fn);
/** Write NumVFs, and VF Enable unless num_vfs is 0. No effect without the capability. */
void host_pci_sriov_registers(struct host_fn *pf, uint16_t num_vfs);

#endif /* VSR_SIM_HOST_PCI_H */
