/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_CONFIG_LAYOUT_H
#define VSIM_CONFIG_LAYOUT_H

/**
 * @file
 * Layout of configuration space, and its reset.
 */

#include <endian.h>
#include <string.h>

#include "vsim/core/vsim_fn.h"

/** Offsets of the first and of the last virtio capability. */
#define VSIM_CONFIG_VIRTIO 0x90
#define VSIM_CONFIG_WINDOW 0xd4

/* PCI Express capability: Device Control, and its bit for a function level reset. */
#define VSIM_EXPRESS_DEVCTL 0x08
#define VSIM_EXPRESS_DEVCTL_FLR 0x8000

static inline void
vsim_cfg_put16(uint8_t *p, uint16_t value)
{
	value = htole16(value);
	memcpy(p, &value, sizeof(value));
}

static inline void
vsim_cfg_put32(uint8_t *p, uint32_t value)
{
	value = htole32(value);
	memcpy(p, &value, sizeof(value));
}

static inline uint16_t
vsim_cfg_get16(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return le16toh(value);
}

static inline uint32_t
vsim_cfg_get32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return le32toh(value);
}

/** Make the layouts of PF and VFs, from conf, nb_vectors and bar_size of the NIC. */
void vsim_config_build(struct vsim_nic *nic, uint64_t doorbell_len);
/** Reset configuration space, as after power-up or by a function level reset. */
void vsim_config_reset(struct vsim_fn *fn, bool power_up);

#endif /* VSIM_CONFIG_LAYOUT_H */
