/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_CONFIG_H
#define VSIM_CONFIG_H

/**
 * @file
 * Accesses to configuration space. Call these functions with the lock held.
 */

#include "vsim/core/vsim_fn.h"

/** @return as vsim_fn_read() and vsim_fn_write(). */
int vsim_config_read(struct vsim_fn *fn, uint64_t offset, void *data, size_t len);
int vsim_config_write(struct vsim_fn *fn, uint64_t offset, const void *data, size_t len);

#endif /* VSIM_CONFIG_H */
