/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Check of event descriptors that another process passed to us. */

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base_eventfd.h"

bool
base_is_eventfd(int fd)
{
	static const char want[] = "anon_inode:[eventfd]";
	char path[32], target[sizeof(want)];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target)) == sizeof(want) - 1 &&
			memcmp(target, want, sizeof(want) - 1) == 0;
}
