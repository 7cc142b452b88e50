/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_LISTEN_H
#define BASE_LISTEN_H

/**
 * @file
 * Listening UNIX sockets.
 */

#include <sys/types.h>
#include <sys/un.h>

/** Fill in the address of a path. @return 0, -EINVAL for an empty path, or -ENAMETOOLONG. */
int base_address(struct sockaddr_un *addr, const char *path);

/**
 * Make a socket that listens at a path; it is non-blocking and close-on-exec. The socket of a
 * process that has ended is replaced.
 *
 * @param type  SOCK_STREAM or SOCK_SEQPACKET.
 * @param mode  Permissions of the socket, or 0 for those that the umask leaves. With a mode, the
 *              umask of the process is changed for a moment: not for a process with threads that
 *              create files meanwhile.
 * @return the socket, or
 *         -EINVAL        the path is empty,
 *         -ENAMETOOLONG  the path does not fit in an address,
 *         -EADDRINUSE    a process listens at the path, or the path names a file of another type,
 *         or the error of a system call.
 */
int base_listen(const char *path, int type, mode_t mode, int backlog);

#endif /* BASE_LISTEN_H */
