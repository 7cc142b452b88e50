/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Check of files with memory that another process passed to us. */

#include <fcntl.h>

#include "base_memory.h"

/* Linux has seals for files of these two file systems only, and answers by itself. fstatfs() and
 * fstat() would ask the server of a FUSE file. */
bool
base_is_memory(int fd)
{
	return fcntl(fd, F_GET_SEALS) >= 0;
}
