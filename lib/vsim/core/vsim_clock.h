/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_CLOCK_H
#define VSIM_CLOCK_H

/**
 * @file
 * A fast steady clock.
 */

#include <stdint.h>

/** Ticks of the clock, and ticks per second. */
uint64_t vsim_clock(void);
uint64_t vsim_clock_hz(void);

#endif /* VSIM_CLOCK_H */
