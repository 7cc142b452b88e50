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

/**
 * The path by which a socket is made for a user. A user other than root and the daemon's own may
 * have sockets only in its own folders. Such a folder is opened first and checked then, because the
 * user could put a link to elsewhere in its place.
 * @param folder  Out: to be closed after the socket is gone; -1: none.
 * @param path    Out: PATH_MAX bytes.
 * @return 0, -EPERM, -EINVAL or the error of open(2), with *err.
 */
int access_place(const char *asked, uid_t uid, int *folder, char *path, struct err *err);

#endif /* DAEMON_ACCESS_H */
