/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Lines for a log, written without waiting. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base_listen.h"
#include "base_log.h"
#include "base_text.h"

void
base_log_open(struct base_log *log, int fd)
{
	char path[32];
	struct stat st;
	int again;

	*log = (struct base_log){ .fd = fd };
	if (fstat(fd, &st) != 0) {
		log->fd = -1;
		return;
	}
	log->socket = S_ISSOCK(st.st_mode);
	if (!S_ISFIFO(st.st_mode) && !isatty(fd))
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again >= 0)
		log->fd = again;
	else
		log->blocks = true; /* a pipe of another user, or no /proc */
}

static int
reconnect(int fd, const char *path)
{
	struct sockaddr_un addr;
	const int ret = base_address(&addr, path);

	if (ret != 0)
		return ret;
	return connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? 0 : -errno;
}

int
base_log_connect(struct base_log *log, const char *path)
{
	const int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int ret;

	if (fd < 0)
		return -errno;
	ret = reconnect(fd, path);
	*log = (struct base_log){ .fd = fd, .socket = true, .path = path };
	return ret;
}

static ssize_t
put_once(const struct base_log *log, const char *bytes, size_t len)
{
	ssize_t n;

	do {
		n = log->socket ? send(log->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL) :
				  write(log->fd, bytes, len);
	} while (n < 0 && errno == EINTR);
	return n;
}

/* @return whether the bytes, or some of them, were taken. */
static bool
put(const struct base_log *log, const char *bytes, size_t len)
{
	struct pollfd wait = { .fd = log->fd, .events = POLLOUT };
	ssize_t n;

	if (log->blocks && (poll(&wait, 1, 0) != 1 || (wait.revents & POLLOUT) == 0))
		return false;
	n = put_once(log, bytes, len);
	if (n < 0 && log->path != NULL && errno != EAGAIN && reconnect(log->fd, log->path) == 0)
		n = put_once(log, bytes, len);
	return n > 0;
}

void
base_log_line(struct base_log *log, const char *text)
{
	/* A write of up to PIPE_BUF bytes is taken as a whole, so that lines do not mix. */
	char line[PIPE_BUF], note[64] = "";
	unsigned long lost;
	size_t len;

	if (log->fd < 0)
		return;
	lost = atomic_exchange(&log->lost, 0);
	if (lost != 0)
		snprintf(note, sizeof(note), " (%lu lines before this one were lost)", lost);
	/* A long text is cut for the note, which is said once. */
	len = base_text_clean(line, sizeof(line) - 1 - strlen(note), text);
	len += (size_t)snprintf(line + len, sizeof(line) - len, "%s\n", note);
	if (!put(log, line, len))
		atomic_fetch_add(&log->lost, lost + 1);
}

bool
base_log_allowed(struct base_log_limit *limit, unsigned long *held)
{
	struct timespec now;
	uint64_t window;

	clock_gettime(CLOCK_MONOTONIC, &now);
	window = (uint64_t)now.tv_sec / BASE_LOG_WINDOW_S;
	if (atomic_exchange(&limit->window, window) != window)
		atomic_store(&limit->nb, 0);
	if (atomic_fetch_add(&limit->nb, 1) < BASE_LOG_BURST) {
		*held = atomic_exchange(&limit->held, 0);
		return true;
	}
	*held = 0;
	atomic_fetch_add(&limit->held, 1);
	return false;
}
