/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Messages on a stream socket, with their descriptors. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "vuser_io.h"

/* Memory of a larger payload is freed after the message. */
#define KEPT_CAPACITY 8192

/* ---------------------------------------------------------------- messages */

void
vuser_msg_init(struct vuser_msg *msg)
{
	memset(msg, 0, sizeof(*msg));
}

void
vuser_msg_clear(struct vuser_msg *msg)
{
	if (msg->capacity > KEPT_CAPACITY) {
		free(msg->data);
		msg->data = NULL;
		msg->capacity = 0;
	}
	memset(&msg->hdr, 0, sizeof(msg->hdr));
	msg->len = 0;
	msg->moved = 0;
	msg->nb_fds = 0;
	msg->fds_lost = false;
}

void
vuser_msg_close_fds(struct vuser_msg *msg)
{
	for (unsigned int i = 0; i < msg->nb_fds; i++)
		close(msg->fds[i]);
	msg->nb_fds = 0;
}

void
vuser_msg_free(struct vuser_msg *msg)
{
	free(msg->data);
	memset(msg, 0, sizeof(*msg));
}

int
vuser_msg_resize(struct vuser_msg *msg, size_t len)
{
	uint8_t *data;

	if (len > VUSER_MAX_PAYLOAD)
		return -EINVAL;
	if (len > msg->capacity) {
		size_t capacity = len < KEPT_CAPACITY ? KEPT_CAPACITY : len;

		data = malloc(capacity);
		if (data == NULL)
			return -ENOMEM;
		free(msg->data);
		msg->data = data;
		msg->capacity = capacity;
	}
	if (len != 0)
		memset(msg->data, 0, len);
	msg->len = len;
	return 0;
}

/* ---------------------------------------------------------------- in parts */

/* Store the descriptors of one recvmsg(); close those that do not fit. */
static void
take_fds(struct vuser_msg *msg, struct msghdr *mh)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(mh); cmsg != NULL; cmsg = CMSG_NXTHDR(mh, cmsg)) {
		size_t nb_fds;
		int fd;

		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		nb_fds = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < nb_fds; i++) {
			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (msg->nb_fds < VUSER_MAX_FDS) {
				msg->fds[msg->nb_fds++] = fd;
			} else {
				close(fd);
				msg->fds_lost = true;
			}
		}
	}
	/* Too many for the buffer or for this process: the kernel has closed the others. */
	if (mh->msg_flags & MSG_CTRUNC)
		msg->fds_lost = true;
}

/* Receive up to len bytes. @return 0 with the number in *got, -EAGAIN or -ECONNRESET. */
static int
recv_some(int sock, struct vuser_msg *msg, void *buf, size_t len, size_t *got)
{
	union {
		char buf[CMSG_SPACE(VUSER_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.buf,
		.msg_controllen = sizeof(control.buf),
	};
	ssize_t ret;

	do {
		ret = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	} while (ret < 0 && errno == EINTR);
	if (ret < 0)
		return errno == EAGAIN || errno == EWOULDBLOCK ? -EAGAIN : -ECONNRESET;
	take_fds(msg, &mh);
	if (ret == 0)
		return -ECONNRESET;
	*got = (size_t)ret;
	return 0;
}

int
vuser_recv_part(int sock, struct vuser_msg *msg)
{
	const size_t hdr_len = sizeof(msg->hdr);
	size_t got = 0;
	int ret;

	/*
	 * Receive the exact bytes of the header, then of the payload: a receive that also got bytes
	 * of the next message would mix the descriptors of two messages.
	 */
	while (msg->moved < hdr_len) {
		ret = recv_some(sock, msg, (uint8_t *)&msg->hdr + msg->moved, hdr_len - msg->moved,
				&got);
		if (ret != 0)
			return ret;
		msg->moved += got;
		if (msg->moved < hdr_len)
			continue;
		if (msg->hdr.size < hdr_len || msg->hdr.size - hdr_len > VUSER_MAX_PAYLOAD)
			return -EPROTO;
		ret = vuser_msg_resize(msg, msg->hdr.size - hdr_len);
		if (ret != 0)
			return ret;
	}
	while (msg->moved < hdr_len + msg->len) {
		size_t at = msg->moved - hdr_len;

		ret = recv_some(sock, msg, msg->data + at, msg->len - at, &got);
		if (ret != 0)
			return ret;
		msg->moved += got;
	}
	return 0;
}

/* Send header and payload from msg->moved on. @return 0 with the number in *sent, or -errno. */
static int
send_some(int sock, const struct vuser_msg *msg, size_t *sent)
{
	union {
		char buf[CMSG_SPACE(VUSER_MAX_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	const size_t hdr_len = sizeof(msg->hdr);
	struct msghdr mh = { 0 };
	struct iovec iov[2];
	ssize_t ret;

	if (msg->moved < hdr_len) {
		iov[0].iov_base = (uint8_t *)(uintptr_t)&msg->hdr + msg->moved;
		iov[0].iov_len = hdr_len - msg->moved;
		iov[1].iov_base = msg->data;
		iov[1].iov_len = msg->len;
		mh.msg_iovlen = msg->len != 0 ? 2 : 1;
	} else {
		iov[0].iov_base = msg->data + (msg->moved - hdr_len);
		iov[0].iov_len = hdr_len + msg->len - msg->moved;
		mh.msg_iovlen = 1;
	}
	mh.msg_iov = iov;

	if (msg->moved == 0 && msg->nb_fds != 0) {
		struct cmsghdr *cmsg;

		memset(&control, 0, sizeof(control));
		mh.msg_control = control.buf;
		mh.msg_controllen = CMSG_SPACE(msg->nb_fds * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&mh);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(msg->nb_fds * sizeof(int));
		memcpy(CMSG_DATA(cmsg), msg->fds, msg->nb_fds * sizeof(int));
	}

	do {
		ret = sendmsg(sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
	} while (ret < 0 && errno == EINTR);
	if (ret >= 0) {
		*sent = (size_t)ret;
		return 0;
	}
	switch (errno) {
	case EAGAIN:
		return -EAGAIN;
	case EPIPE:
	case ENOTCONN:
		return -ECONNRESET;
	default:
		return -errno;
	}
}

int
vuser_send_part(int sock, struct vuser_msg *msg)
{
	size_t sent = 0;
	int ret;

	while (msg->moved < sizeof(msg->hdr) + msg->len) {
		ret = send_some(sock, msg, &sent);
		if (ret != 0)
			return ret;
		msg->moved += sent;
	}
	return 0;
}

/* ---------------------------------------------------------------- with a deadline */

static uint64_t
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

uint64_t
vuser_deadline(unsigned int timeout_ms)
{
	return now_ns() + (uint64_t)timeout_ms * 1000000u;
}

/* Wait for the socket. @return 0 (it may be ready) or -ETIMEDOUT. */
static int
wait_until(int sock, short events, uint64_t deadline_ns)
{
	struct pollfd pfd = { .fd = sock, .events = events };
	uint64_t now = now_ns();
	struct timespec ts;
	int ret;

	if (now >= deadline_ns)
		return -ETIMEDOUT;
	ts.tv_sec = (time_t)((deadline_ns - now) / 1000000000u);
	ts.tv_nsec = (long)((deadline_ns - now) % 1000000000u);
	ret = ppoll(&pfd, 1, &ts, NULL);
	if (ret < 0 && errno != EINTR)
		return -errno;
	return 0; /* the next call detects a timeout */
}

int
vuser_recv_full(int sock, struct vuser_msg *msg, uint64_t deadline_ns)
{
	int ret;

	while ((ret = vuser_recv_part(sock, msg)) == -EAGAIN) {
		ret = wait_until(sock, POLLIN, deadline_ns);
		if (ret != 0)
			break;
	}
	return ret;
}

int
vuser_send_full(int sock, struct vuser_msg *msg, uint64_t deadline_ns)
{
	int ret;

	while ((ret = vuser_send_part(sock, msg)) == -EAGAIN) {
		ret = wait_until(sock, POLLOUT, deadline_ns);
		if (ret != 0)
			break;
	}
	return ret;
}
