/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_MEMORY_H
#define BASE_MEMORY_H

/**
 * @file
 * Files with memory that another process passed to us.
 */

#include <stdbool.h>

/**
 * Check that a descriptor is a memory file before it is mapped: a memfd, or a file of tmpfs or of
 * hugetlbfs. The pages of any other file come from a file system that may never answer, such as
 * FUSE, whose server may be the process that passed the descriptor. The check itself asks no file
 * system. Any thread.
 */
bool base_is_memory(int fd);

#endif /* BASE_MEMORY_H */
