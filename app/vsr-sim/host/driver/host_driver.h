/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_DRIVER_H
#define VSR_SIM_HOST_DRIVER_H

/**
 * @file
 * Drivers of the simulated kernel.
 */

#include "../core/host_bus.h"

/** Bind an unbound function to the first driver that matches, if any. */
void host_driver_probe(struct host *host, struct host_fn *fn);

#endif /* VSR_SIM_HOST_DRIVER_H */
