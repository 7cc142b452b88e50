/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_LEGACY_H
#define VSIM_LEGACY_H

/**
 * @file
 * Legacy registers of a function. Under the lock.
 */

#include "vsim/core/vsim_fn.h"

/** Which registers of a legacy driver. */
enum vsim_legacy_area { VSIM_LEGACY_COMMON, VSIM_LEGACY_DEVICE };

/**
 * One access to the legacy registers of a function, by whatever way. It has to lie in one field.
 * Little-endian. Writes to a register of several bytes that does something (frame number, notify,
 * mac) take effect with its last byte.
 * @return 0, -EINVAL (not in one field, or not there), or -EBUSY (a modern driver has the
 *         function, and the access is not a reset).
 */
int vsim_legacy_read(struct vsim_fn *fn, enum vsim_legacy_area area, uint32_t offset, void *data,
		size_t len);
int vsim_legacy_write(struct vsim_fn *fn, enum vsim_legacy_area area, uint32_t offset,
		const void *data, size_t len);
/** Bytes of the header now: with MSI-X it is longer. */
uint32_t vsim_legacy_header_len(const struct vsim_fn *fn);
/** Bytes of device configuration that the features of a legacy driver show. */
uint32_t vsim_legacy_config_len(const struct vsim_fn *fn);

#endif /* VSIM_LEGACY_H */
