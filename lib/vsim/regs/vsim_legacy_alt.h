/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_LEGACY_ALT_H
#define VSIM_LEGACY_ALT_H

/**
 * @file
 * Two other ways to the legacy registers of a VF. Call these functions with the lock held.
 */

#include "vsim/core/vsim_fn.h"

/* Accesses; offsets are relative to the start of the window or of the pair. */
uint32_t vsim_legacy_window_read(struct vsim_fn *fn, uint32_t offset, size_t len);
void vsim_legacy_window_write(struct vsim_fn *fn, uint32_t offset, uint32_t value, size_t len);
#define VSIM_LEGACY_WINDOW_LEN 64
uint32_t vsim_legacy_pair_read(struct vsim_fn *fn, uint32_t offset);
void vsim_legacy_pair_write(struct vsim_fn *fn, uint32_t offset, uint32_t value);
#define VSIM_LEGACY_PAIR_LEN 8

#endif /* VSIM_LEGACY_ALT_H */
