/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_LEGACY_H
#define VSIM_LEGACY_H

/**
 * @file
 * Legacy registers of a function. Call these functions with the lock held.
 */

#include "vsim/core/vsim_fn.h"

/** The two parts of the legacy registers. */
enum vsim_legacy_area { VSIM_LEGACY_COMMON, VSIM_LEGACY_DEVICE };

/**
 * One access to the legacy registers of a function. The access must be inside one field; data is
 * little-endian. A write to queue_address or mac takes effect with the last byte, a write to
 * queue_notify with the first byte.
 * @return 0, -EINVAL (not inside one field, or no such field), or -EBUSY (a modern driver uses the
 *         function, and the access is not a reset).
 */
int vsim_legacy_read(struct vsim_fn *fn, enum vsim_legacy_area area, uint32_t offset, void *data,
		size_t len);
int vsim_legacy_write(struct vsim_fn *fn, enum vsim_legacy_area area, uint32_t offset,
		const void *data, size_t len);
/** Length of the header, bytes: with MSI-X it is longer. */
uint32_t vsim_legacy_header_len(const struct vsim_fn *fn);
/** Length of the device configuration, bytes, which depends on the offered features. */
uint32_t vsim_legacy_config_len(const struct vsim_fn *fn);

#endif /* VSIM_LEGACY_H */
