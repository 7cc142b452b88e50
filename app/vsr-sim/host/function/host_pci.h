/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_PCI_H
#define VSR_SIM_HOST_PCI_H

/**
 * @file
 * A function as a kernel's PCI core handles it: bring up, reset, SR-IOV registers.
 */

#include "../core/host_bus.h"

/** Find capabilities, place BARs. */
int host_pci_setup(struct host *host, struct host_fn *fn);
/** Function level reset; what the system keeps through one is put back (for a PF the VFs too). */
int host_pci_reset(struct host *host, struct host_fn *fn);
/** Write NumVFs and VF Enable. */
void host_sriov_registers(struct host_fn *pf, uint16_t num_vfs);

#endif /* VSR_SIM_HOST_PCI_H */
