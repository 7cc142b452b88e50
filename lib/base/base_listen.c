/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Listening UNIX sockets. */

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_listen.h"

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
bind_mode(int sock, const struct sockaddr_un *addr, mode_t mode)
{
	const mode_t old = mode != 0 ? umask(~mode & 0777) : 0;
	const int ret = bind(sock, (const struct sockaddr *)addr, sizeof(*addr)) == 0 ? 0 : -errno;

	if (mode != 0)
		umask(old);
	return ret;
}

static int
bind_path(int sock, int type, const struct sockaddr_un *addr, mode_t mode)
{
	const int ret = bind_mode(sock, addr, mode);

	if (ret != -EADDRINUSE || !is_stale(addr, type))
		return ret;
	if (unlink(addr->sun_path) != 0 && errno != ENOENT)
		return -errno;
	return bind_mode(sock, addr, mode);
}

int
base_listen(const char *path, int type, mode_t mode, int backlog)
{
	struct sockaddr_un addr;
	int sock, ret;

	ret = base_address(&addr, path);
	if (ret != 0)
		return ret;
	sock = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	ret = bind_path(sock, type, &addr, mode);
	if (ret == 0 && listen(sock, backlog) != 0) {
		ret = -errno;
		unlink(path);
	}
	if (ret != 0) {
		close(sock);
		return ret;
	}
	return sock;
}
