/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_CFG_H
#define VSR_SIM_HOST_CFG_H

/**
 * @file
 * Reads and writes of configuration space by the host itself.
 */

#include "host_bus.h"

/** Access a register of 1, 2 or 4 bytes. A read that fails returns all ones. */
uint32_t host_cfg_read(struct host_fn *fn, unsigned int offset, unsigned int width);
void host_cfg_write(struct host_fn *fn, unsigned int offset, unsigned int width, uint32_t value);

#endif /* VSR_SIM_HOST_CFG_H */
