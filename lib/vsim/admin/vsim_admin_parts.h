/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_ADMIN_PARTS_H
#define VSIM_ADMIN_PARTS_H

/**
 * @file
 * Device parts.
 */

#include "vsim/admin/vsim_admin_call.h"

uint16_t vsim_admin_metadata_get(struct vsim_admin_call *call);
uint16_t vsim_admin_parts_get(struct vsim_admin_call *call);
uint16_t vsim_admin_parts_set(struct vsim_admin_call *call);
uint16_t vsim_admin_mode_set(struct vsim_admin_call *call);

#endif /* VSIM_ADMIN_PARTS_H */
