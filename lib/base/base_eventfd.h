/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_EVENTFD_H
#define BASE_EVENTFD_H

/**
 * @file
 * Event descriptors that another process passed to us.
 */

#include <stdbool.h>

/**
 * Check that a descriptor is an eventfd before anything is written to it: a write to any other
 * kind of file may block or change that file.
 */
bool base_is_eventfd(int fd);

#endif /* BASE_EVENTFD_H */
