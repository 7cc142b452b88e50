/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_ACCESS_H
#define DAEMON_ACCESS_H

/**
 * @file
 * Who may connect to a socket, as users write it.
 */

#include "base/base_listen.h"
#include "err.h"

/**
 * Set owner, group and mode; NULL: leave this one.
 * @param owner  Name or number of a user.
 * @param group  Name or number of a group.
 * @param mode   Octal, at most 0777.
 * @return 0, or -EINVAL with *err.
 */
int access_parse(const char *owner, const char *group, const char *mode, struct base_access *access,
		struct err *err);

#endif /* DAEMON_ACCESS_H */
