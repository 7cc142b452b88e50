/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_REGS_H
#define VSIM_REGS_H

/**
 * @file
 * The common configuration structure. Call these functions with the lock held.
 */

#include "vsim/core/vsim_fn.h"

/**
 * One register: exactly this offset and width. No write function means read-only: a write breaks
 * VIRTIO_RULE_READ_ONLY. 64-bit fields are two registers, as the driver has to use them (virtio
 * 1.4 4.1.3.1 "Driver Requirements: PCI Device Layout").
 */
struct vsim_reg {
	const char *name; /**< Name in the specification. */
	uint16_t offset; /**< Offset in the structure, bytes. */
	uint8_t width; /**< Bytes: 1, 2 or 4. */
	uint32_t (*read)(struct vsim_fn *fn);
	void (*write)(struct vsim_fn *fn, uint32_t value);
};

/** The common configuration structure, in order of offsets. */
extern const struct vsim_reg vsim_common_regs[];
extern const size_t vsim_nb_common_regs;

#endif /* VSIM_REGS_H */
