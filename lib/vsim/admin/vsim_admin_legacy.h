/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_ADMIN_LEGACY_H
#define VSIM_ADMIN_LEGACY_H

/**
 * @file
 * Commands that access the legacy registers of VFs.
 */

#include "vsim/admin/vsim_admin_call.h"

uint16_t vsim_admin_legacy_write(struct vsim_admin_call *call);
uint16_t vsim_admin_legacy_read(struct vsim_admin_call *call);
uint16_t vsim_admin_notify_info(struct vsim_admin_call *call);

#endif /* VSIM_ADMIN_LEGACY_H */
