/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_BAR_H
#define VSIM_BAR_H

/**
 * @file
 * The BAR. Call these functions with the lock held.
 */

#include "vsim/core/vsim_fn.h"

/** A field of the device configuration, and the features with which it exists. */
struct vsim_net_field {
	const char *name;
	uint16_t offset;
	uint8_t width; /**< Width of one access, bytes. */
	uint8_t count;
	/** The field exists if one of both is offered; -1: no feature needed. */
	int feature, or_feature;
};
extern const struct vsim_net_field vsim_net_fields[];
extern const size_t vsim_nb_net_fields;

/**
 * One access to the BAR, directly or by the window in configuration space. len is 1, 2, 4 or 8.
 * @return as vsim_fn_read() and vsim_fn_write().
 */
int vsim_bar_read(struct vsim_fn *fn, uint64_t offset, void *data, size_t len);
int vsim_bar_write(struct vsim_fn *fn, uint64_t offset, const void *data, size_t len);

#endif /* VSIM_BAR_H */
