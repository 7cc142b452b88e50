/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_CONFIG_VIEW_H
#define VSR_SIM_HOST_CONFIG_VIEW_H

/**
 * @file
 * Configuration space as vfio-pci shows it to a program.
 */

#include "../core/host_bus.h"

/** Initialise the view for the first program that opens the device. */
void host_config_view_init(struct host_fn *fn);
/** Read or write. @return bytes moved, or -errno. */
int host_config_view_read(struct host_fn *fn, uint64_t offset, uint8_t *data, size_t len);
int host_config_view_write(struct host *host, struct host_fn *fn, uint64_t offset,
		const uint8_t *data, size_t len);

#endif /* VSR_SIM_HOST_CONFIG_VIEW_H */
