/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Reads and writes of configuration space by the host itself. */

#include <linux/vfio.h>
#include <string.h>

#include "host_cfg.h"
#include "host_fn.h"

uint32_t
host_cfg_read(struct host_fn *fn, unsigned int offset, unsigned int width)
{
	uint8_t raw[4] = { 0 };

	if (host_fn_read(fn, VFIO_PCI_CONFIG_REGION_INDEX, offset, raw, width) != 0)
		memset(raw, 0xff, width);
	return raw[0] | (uint32_t)raw[1] << 8 | (uint32_t)raw[2] << 16 | (uint32_t)raw[3] << 24;
}

void
host_cfg_write(struct host_fn *fn, unsigned int offset, unsigned int width, uint32_t value)
{
	const uint8_t raw[4] = { value, value >> 8, value >> 16, value >> 24 };

	host_fn_write(fn, VFIO_PCI_CONFIG_REGION_INDEX, offset, raw, width);
}
