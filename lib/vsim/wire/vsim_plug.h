/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_PLUG_H
#define VSIM_PLUG_H

/**
 * @file
 * Wires of a NIC; vsim.h declares vsim_nic_wire() and vsim_nic_wire_spec().
 */

#include "vsim/core/vsim_fn.h"

/** Disconnect and free all wires of the NIC. No worker may be polling. */
void vsim_wires_close(struct vsim_nic *nic);

#endif /* VSIM_PLUG_H */
