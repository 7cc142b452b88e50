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

/** Who may connect to a socket: the users that may write to its file. */
struct base_access {
	uid_t uid; /**< Owner of the file; (uid_t)-1: this user. */
	gid_t gid; /**< Group of the file; (gid_t)-1: the group that new files get. */
	mode_t mode; /**< Permissions, whatever the umask is. */
};

/** The user of this process only. */
#define BASE_ACCESS_OWN \
	(&(const struct base_access){ .uid = (uid_t)-1, .gid = (gid_t)-1, .mode = 0600 })

/** The file of a socket, to tell it from a later file with the same path. */
struct base_socket_file {
	dev_t dev;
	ino_t ino; /**< 0: none. */
};

/**
 * Make a socket that listens at a path; it is non-blocking and close-on-exec. The socket of a
 * process that has ended is replaced. No user who is not named by access can connect at any time.
 *
 * @param type    SOCK_STREAM or SOCK_SEQPACKET.
 * @param file    Out: for base_unlisten().
 * @return the socket, or
 *         -EINVAL        the path is empty,
 *         -ENAMETOOLONG  the path does not fit in an address,
 *         -EADDRINUSE    a process listens at the path, or the path names a file of another type,
 *         or the error of a system call.
 */
int base_listen(const char *path, int type, const struct base_access *access, int backlog,
		struct base_socket_file *file);

/**
 * Change who may connect to a socket that this process has made.
 * @return 0, -EPERM if the path does not name such a socket, or the error of a system call.
 */
int base_socket_give(const char *path, const struct base_access *access);

/** Remove the file of a socket, unless another file has its path by now. */
void base_unlisten(const char *path, struct base_socket_file *file);

#endif /* BASE_LISTEN_H */
