/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Listening UNIX sockets. */

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base_listen.h"
#include "base_path.h"

#define LOCK_MS 1000

int
base_address(struct sockaddr_un *addr, const char *path)
{
	if (path[0] == '\0')
		return -EINVAL;
	if (strlen(path) >= sizeof(addr->sun_path))
		return -ENAMETOOLONG;
	memset(addr, 0, sizeof(*addr));
	addr->sun_family = AF_UNIX;
	strcpy(addr->sun_path, path);
	return 0;
}

/* The path names a socket on which no process listens any more. */
static bool
is_stale(const struct sockaddr_un *addr, int type)
{
	struct stat st;
	bool stale;
	int sock;

	/* connect() fails with ECONNREFUSED for a regular file too, which must not be removed. */
	if (lstat(addr->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	sock = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return false;
	stale = connect(sock, (const struct sockaddr *)addr, sizeof(*addr)) != 0 &&
			errno == ECONNREFUSED;
	close(sock);
	return stale;
}

static int
bind_path(int sock, int type, const struct sockaddr_un *addr)
{
	const struct sockaddr *to = (const struct sockaddr *)addr;

	if (bind(sock, to, sizeof(*addr)) == 0)
		return 0;
	if (errno != EADDRINUSE || !is_stale(addr, type))
		return -errno;
	if (unlink(addr->sun_path) != 0 && errno != ENOENT)
		return -errno;
	return bind(sock, to, sizeof(*addr)) == 0 ? 0 : -errno;
}

static int
give(int fd, const struct stat *st, const struct base_access *access)
{
	char path[32];

	/* The mode last: it may give the old group more than the old mode did. */
	if (((access->uid != (uid_t)-1 && access->uid != st->st_uid) ||
			    (access->gid != (gid_t)-1 && access->gid != st->st_gid)) &&
			fchownat(fd, "", access->uid, access->gid, AT_EMPTY_PATH) != 0)
		return -errno;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return (st->st_mode & 07777) == access->mode || chmod(path, access->mode) == 0 ? 0 : -errno;
}

int
base_socket_give(const char *path, const struct base_access *access)
{
	const int fd = open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;
	int ret;

	if (fd < 0)
		return -errno;
	/* A user who can write to the folder can put another file of ours there, or a link. */
	if (fstat(fd, &st) != 0)
		ret = -errno;
	else if (!S_ISSOCK(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1)
		ret = -EPERM;
	else
		ret = give(fd, &st, access);
	close(fd);
	return ret;
}

void
base_unlisten(const char *path, struct base_socket_file *file)
{
	struct stat st;

	if (file->ino != 0 && lstat(path, &st) == 0 && st.st_dev == file->dev &&
			st.st_ino == file->ino)
		unlink(path);
	file->ino = 0;
}

/*
 * Lock the folder of a socket. Between its bind and its listen a socket looks like that of a
 * process that has ended, so another one that starts at the same time would remove the file.
 * Anybody who can read the folder can hold the lock: it is not waited for without end.
 * @return a descriptor to close, or -1: there is no lock.
 */
static int
folder_lock(const char *path)
{
	const struct timespec pause = { .tv_nsec = 1000000 };
	char folder[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	const char *name;
	int fd;

	if (base_path_split(path, folder, sizeof(folder), &name) != 0)
		return -1;
	fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < LOCK_MS && fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) != 0; i++)
		nanosleep(&pause, NULL);
	return fd;
}

/* Bind, name the file, and listen only when the access is right. */
static int
start(int sock, int type, const struct sockaddr_un *addr, const struct base_access *access,
		int backlog, struct base_socket_file *file)
{
	struct stat st;
	int ret;

	/* The mode of the socket is that of its file, less the umask. */
	if (fchmod(sock, access->mode) != 0)
		return -errno;
	ret = bind_path(sock, type, addr);
	if (ret != 0)
		return ret;
	if (lstat(addr->sun_path, &st) != 0)
		return -errno;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	ret = base_socket_give(addr->sun_path, access);
	if (ret == 0 && listen(sock, backlog) != 0)
		ret = -errno;
	return ret;
}

int
base_listen(const char *path, int type, const struct base_access *access, int backlog,
		struct base_socket_file *file)
{
	struct sockaddr_un addr;
	int sock, lock, ret;

	file->ino = 0;
	ret = base_address(&addr, path);
	if (ret != 0)
		return ret;
	sock = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	lock = folder_lock(path);
	ret = start(sock, type, &addr, access, backlog, file);
	if (lock >= 0)
		close(lock);
	if (ret == 0)
		return sock;
	base_unlisten(path, file);
	close(sock);
	return ret;
}
