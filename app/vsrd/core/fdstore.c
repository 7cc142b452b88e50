/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Descriptors that outlive the process. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "fdstore.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define MAX_FDS 256
#define FLUSH_MS 5000

/* ---------------------------------------------------------------- descriptors of the last run */

static long
number_of(const char *name)
{
	const char *text = getenv(name);
	char *end;
	long value;

	if (text == NULL)
		return -1;
	value = strtol(text, &end, 10);
	return end == text || *end != '\0' ? -1 : value;
}

void
fdstore_inherit(struct fdstore *store)
{
	const long nb = number_of("LISTEN_FDS");
	const char *names = getenv("LISTEN_FDNAMES");

	memset(store, 0, sizeof(*store));
	if (nb > 0 && nb <= MAX_FDS && number_of("LISTEN_PID") == getpid())
		store->fds = calloc((size_t)nb, sizeof(*store->fds));
	for (long i = 0; store->fds != NULL && i < nb; i++) {
		struct fdstore_fd *fd = &store->fds[store->nb++];
		const size_t len = names != NULL ? strcspn(names, ":") : 0;

		fd->fd = FIRST_FD + (int)i;
		fcntl(fd->fd, F_SETFD, FD_CLOEXEC);
		if (len < sizeof(fd->name) && names != NULL)
			memcpy(fd->name, names, len);
		if (names != NULL)
			names += len + (names[len] == ':');
	}
	unsetenv("LISTEN_FDS");
	unsetenv("LISTEN_PID");
	unsetenv("LISTEN_FDNAMES");
}

int
fdstore_take(struct fdstore *store, const char *name)
{
	for (size_t i = 0; i < store->nb; i++) {
		const int fd = store->fds[i].fd;

		if (fd < 0 || strcmp(store->fds[i].name, name) != 0)
			continue;
		store->fds[i].fd = -1;
		return fd;
	}
	return -1;
}

void
fdstore_drop_rest(struct fdstore *store)
{
	for (size_t i = 0; i < store->nb; i++) {
		if (store->fds[i].fd < 0)
			continue;
		close(store->fds[i].fd);
		fdstore_forget(store->fds[i].name);
	}
	free(store->fds);
	memset(store, 0, sizeof(*store));
}

/* ---------------------------------------------------------------- descriptors for the next run */

bool
fdstore_there(void)
{
	const char *path = getenv("NOTIFY_SOCKET");

	return path != NULL && (path[0] == '/' || path[0] == '@');
}

/* Send one message to the keeper, with a descriptor unless fd is -1. */
static int
notify_send(const char *text, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .room = { 0 } };
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr msg = { .msg_name = &addr, .msg_iov = &iov, .msg_iovlen = 1 };
	const char *path = getenv("NOTIFY_SOCKET");
	int sock, ret;

	if (!fdstore_there() || path == NULL || strlen(path) >= sizeof(addr.sun_path))
		return -ENOTCONN;
	memcpy(addr.sun_path, path, strlen(path));
	if (path[0] == '@') /* abstract namespace */
		addr.sun_path[0] = '\0';
	msg.msg_namelen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	if (fd >= 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
	}
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock < 0)
		return -errno;
	ret = sendmsg(sock, &msg, MSG_NOSIGNAL) < 0 ? -errno : 0;
	close(sock);
	return ret;
}

int
fdstore_keep(const char *name, int fd)
{
	char text[128];

	/* FDPOLL=0: keep a device even when it hangs up; vsrd removes it by name. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	return notify_send(text, fd);
}

void
fdstore_forget(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	notify_send(text, -1);
}

int
fdstore_flush(void)
{
	struct pollfd wait = { .events = POLLIN };
	int ends[2], ret;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	ret = notify_send("BARRIER=1", ends[1]);
	close(ends[1]);
	wait.fd = ends[0];
	/* The keeper closes its end when it has processed this message and all before it. */
	if (ret == 0 && poll(&wait, 1, FLUSH_MS) <= 0)
		ret = -ETIMEDOUT;
	close(ends[0]);
	return ret;
}

void
fdstore_notify(const char *state)
{
	notify_send(state, -1);
}
