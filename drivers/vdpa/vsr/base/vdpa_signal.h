/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_SIGNAL_H
#define VDPA_SIGNAL_H

/**
 * @file
 * Signal event descriptors of guests, which front ends have open too.
 */

#include <stdbool.h>

/**
 * Add one to an eventfd. The call never waits, whatever other owners do to the descriptor: one that
 * is full stays full, with or without O_NONBLOCK. Any thread.
 * @return false: the descriptor is no eventfd, or the kernel has no resources.
 */
bool vdpa_signal(int fd);

#endif /* VDPA_SIGNAL_H */
