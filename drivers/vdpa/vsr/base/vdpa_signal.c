/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Signal event descriptors without waiting. */

#include <fcntl.h>
#include <linux/aio_abi.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "vdpa_signal.h"

#define REQUESTS 64 /* At once, of all threads. */

/*
 * O_NONBLOCK belongs to the open file, not to a descriptor: a front end can clear it at any moment,
 * and fill the counter, and then write(2) waits. But the kernel itself never waits for room. It
 * signals an eventfd when a request of asynchronous I/O ends, so each signal is a request that
 * does nothing.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static aio_context_t context;
static int null_fd = -1;

static void
start(void)
{
	null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null_fd < 0 || syscall(SYS_io_setup, REQUESTS, &context) != 0)
		context = 0;
}

/* Without asynchronous I/O: a front end can win a race against the look at its counter. */
static bool
signal_by_write(int fd)
{
	struct pollfd room = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;

	/* A counter that is full is signalled already. */
	return poll(&room, 1, 0) == 1 && (room.revents & POLLOUT) != 0 &&
			write(fd, &one, sizeof(one)) == sizeof(one);
}

static bool
signal_by_request(int fd)
{
	static const char nothing;
	struct iocb request = { .aio_lio_opcode = IOCB_CMD_PWRITE,
		.aio_fildes = (uint32_t)null_fd,
		.aio_buf = (uintptr_t)&nothing,
		.aio_nbytes = 1,
		.aio_flags = IOCB_FLAG_RESFD,
		.aio_resfd = (uint32_t)fd };
	struct iocb *requests[] = { &request };
	struct io_event ended[2]; /* The request, and one whose thread was overtaken. */
	struct timespec no_time = { 0 };
	const bool done = syscall(SYS_io_submit, context, 1, requests) == 1;

	syscall(SYS_io_getevents, context, 0, 2, ended, &no_time);
	return done;
}

bool
vdpa_signal(int fd)
{
	pthread_once(&once, start);
	return context != 0 ? signal_by_request(fd) : signal_by_write(fd);
}
