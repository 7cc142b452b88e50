/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_LIMITS_H
#define BASE_LIMITS_H

/**
 * @file
 * Limits of the process.
 */

#include <stdint.h>

/**
 * Raise the soft limit of open files to the hard limit. The usual soft limit of 1024 is for
 * programs that call select(2).
 * @return the limit that is valid now.
 */
uint64_t base_files_raise(void);

#endif /* BASE_LIMITS_H */
