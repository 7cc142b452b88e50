/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_CFG_H
#define VSR_SIM_HOST_CFG_H

/**
 * @file
 * Configuration space of a function, as the host itself reads and writes it.
 */

#include "host_bus.h"

/** Registers of 1, 2 or 4 bytes; all ones when the function does not answer. */
uint32_t host_cfg_read(struct host_fn *fn, unsigned int offset, unsigned int width);
void host_cfg_write(struct host_fn *fn, unsigned int offset, unsigned int width, uint32_t value);

#endif /* VSR_SIM_HOST_CFG_H */
