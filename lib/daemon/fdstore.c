/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Descriptors that outlive the process. */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base_clock.h"

#include "log.h"
#include "fdstore.h"

#define FIRST_FD 3 /* SD_LISTEN_FDS_START */
#define MAX_FDS 256

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

/* The keeper keeps descriptors for the process that it has started, and this is another one. */
static bool for_other;

void
fdstore_inherit(struct fdstore *store)
{
	const long nb = number_of("LISTEN_FDS"), listener = number_of("LISTEN_PID");
	const long started = listener >= 0 ? listener : number_of("SYSTEMD_EXEC_PID");
	const char *names = getenv("LISTEN_FDNAMES");

	memset(store, 0, sizeof(*store));
	for_other = fdstore_there() && started >= 0 && started != getpid();
	if (for_other)
		log_warn("descriptors are kept for process %ld, not for this one: start the daemon "
			 "itself, or a script that ends with exec",
				started);
	if (nb > 0 && nb <= MAX_FDS && listener == getpid())
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

static bool
is_taken(const struct fdstore *store, const char *name)
{
	for (size_t i = 0; i < store->nb; i++)
		if (store->fds[i].fd < 0 && strcmp(store->fds[i].name, name) == 0)
			return true;
	return false;
}

void
fdstore_drop_rest(struct fdstore *store)
{
	for (size_t i = 0; i < store->nb; i++) {
		if (store->fds[i].fd < 0)
			continue;
		close(store->fds[i].fd);
		/* The keeper forgets all descriptors of a name, also one that was taken. */
		if (!is_taken(store, store->fds[i].name))
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

/* @return a socket that is connected to the keeper, or -errno. */
static int
notify_open(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	socklen_t len;
	int sock, ret;

	if (!fdstore_there() || path == NULL || strlen(path) >= sizeof(addr.sun_path))
		return -ENOTCONN;
	memcpy(addr.sun_path, path, strlen(path));
	if (path[0] == '@') /* abstract namespace */
		addr.sun_path[0] = '\0';
	len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return -errno;
	if (connect(sock, (const struct sockaddr *)&addr, len) == 0)
		return sock;
	ret = -errno;
	close(sock);
	return ret;
}

/* Send one message to the keeper, with a descriptor unless fd is -1. Wait at most ms for room. */
static int
notify_send(const char *text, int fd, int ms)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .room = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)text, strlen(text) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	const long long end = base_now_ms() + ms;
	struct pollfd wait = { .fd = notify_open(), .events = POLLOUT };
	int ret = wait.fd < 0 ? wait.fd : -EAGAIN;

	if (fd >= 0) {
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.align), &fd, sizeof(int));
		msg.msg_control = control.room;
		msg.msg_controllen = sizeof(control.room);
	}
	while (ret == -EAGAIN || ret == -EINTR) {
		const long long left = end - base_now_ms();

		ret = sendmsg(wait.fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
		if (ret == -EAGAIN && (left <= 0 || poll(&wait, 1, (int)left) == 0))
			ret = -ETIMEDOUT;
	}
	if (wait.fd >= 0)
		close(wait.fd);
	return ret;
}

int
fdstore_keep(const char *name, int fd)
{
	char text[128];

	/* The next run would not get it, and vsrd-keeper closes it at once. */
	if (for_other)
		return -ENOTCONN;
	/* FDPOLL=0: keep a device even when it hangs up; vsrd removes it by name. */
	snprintf(text, sizeof(text), "FDSTORE=1\nFDNAME=%s\nFDPOLL=0", name);
	return notify_send(text, fd, FDSTORE_SEND_MS);
}

void
fdstore_forget(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "FDSTOREREMOVE=1\nFDNAME=%s", name);
	notify_send(text, -1, FDSTORE_SEND_MS);
}

/* Send a barrier: the keeper closes its descriptor when it has processed this message and all
 * before it. @return the other end, which hangs up then, or -errno. */
static int
barrier_send(int ms)
{
	int ends[2], ret;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	ret = notify_send("BARRIER=1", ends[1], ms);
	close(ends[1]);
	if (ret == 0)
		return ends[0];
	close(ends[0]);
	return ret;
}

static bool
hangs_up(int fd, int ms)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };

	return poll(&wait, 1, ms) > 0;
}

/* The end of the keeper hangs up too: only a keeper that is still there has answered. */
static int
keeper_listens(void)
{
	const int sock = notify_open();

	if (sock >= 0)
		close(sock);
	return sock < 0 ? sock : 0;
}

int
fdstore_flush(void)
{
	const int fd = barrier_send(FDSTORE_SEND_MS);
	int ret;

	if (fd < 0)
		return fd;
	ret = hangs_up(fd, FDSTORE_FLUSH_MS) ? keeper_listens() : -ETIMEDOUT;
	close(fd);
	return ret;
}

/* At most one barrier of this function waits at the keeper: a keeper that does not read must not
 * collect one per question. */
bool
fdstore_answers(void)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static int pending = -1;
	bool answered;
	int fd;

	pthread_mutex_lock(&lock);
	if (pending < 0)
		pending = barrier_send(0);
	fd = pending < 0 ? -1 : fcntl(pending, F_DUPFD_CLOEXEC, FIRST_FD);
	pthread_mutex_unlock(&lock);
	if (fd < 0)
		return false;
	answered = hangs_up(fd, FDSTORE_ANSWER_MS) && keeper_listens() == 0;
	close(fd);
	pthread_mutex_lock(&lock);
	if (pending >= 0 && hangs_up(pending, 0)) {
		close(pending);
		pending = -1;
	}
	pthread_mutex_unlock(&lock);
	return answered;
}

void
fdstore_notify(const char *state)
{
	notify_send(state, -1, FDSTORE_SEND_MS);
}
