/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_PLUG_H
#define VSIM_PLUG_H

/**
 * @file
 * Plugging wires in and out; vsim_nic_wire() and vsim_nic_wire_spec() are declared in vsim.h.
 */

#include "vsim/core/vsim_fn.h"

/** Unplug and free all wires of the NIC; nobody polls. */
void vsim_wires_close(struct vsim_nic *nic);

#endif /* VSIM_PLUG_H */
