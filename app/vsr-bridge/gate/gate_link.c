/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* One end of a channel of vhost-user messages. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate_link.h"

#define HEADER sizeof(struct vhu_header)

static void
close_fds(struct gate_msg *msg)
{
	for (unsigned int i = 0; i < msg->nb_fds; i++)
		close(msg->fds[i]);
	msg->nb_fds = 0;
}

void
gate_link_open(struct gate_link *link, int fd)
{
	memset(link, 0, sizeof(*link));
	link->fd = fd;
	if (fd >= 0)
		fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

void
gate_link_close(struct gate_link *link)
{
	if (link->fd < 0)
		return;
	close_fds(&link->in);
	close_fds(&link->out);
	close(link->fd);
	link->fd = -1;
	link->sending = false;
	link->in_end = link->out_end = 0;
}

/* ---------------------------------------------------------------- receive */

/* Take the descriptors of a piece; all of them, so that none stays open. */
static int
take_fds(struct gate_link *link, struct msghdr *msg, struct err *err)
{
	int fds[VHU_MAX_FDS], ret = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		size_t nb;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		nb = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		memcpy(fds, CMSG_DATA(c), nb * sizeof(int));
		for (size_t i = 0; i < nb; i++) {
			if (link->in.nb_fds < VHU_MAX_FDS) {
				link->in.fds[link->in.nb_fds++] = fds[i];
			} else {
				close(fds[i]);
				ret = -EPROTO;
			}
		}
	}
	if ((msg->msg_flags & MSG_CTRUNC) != 0)
		ret = -EPROTO;
	return ret == 0 ? 0 :
			  err_set(err, ret, "a message with more than %u descriptors", VHU_MAX_FDS);
}

/* Receive at most len bytes. @return their number, 0: nothing has arrived, or -errno. */
static ssize_t
receive_piece(struct gate_link *link, void *data, size_t len, struct err *err)
{
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(VHU_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control) };
	ssize_t n;
	int ret;

	do
		n = recvmsg(link->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return errno == EAGAIN ? 0 : err_set(err, -ECONNRESET, "%s", strerror(errno));
	ret = take_fds(link, &msg, err);
	if (ret != 0)
		return ret;
	return n > 0 ? n : err_set(err, -ECONNRESET, "the connection was closed");
}

static int
check_size(const struct vhu_header *header, gate_header_fn check, struct err *err)
{
	int ret = check != NULL ? check(header, err) : 0;

	if (ret == 0 && header->size > GATE_MAX_PAYLOAD)
		ret = err_set(err, -EPROTO, "a payload of %u bytes", header->size);
	return ret;
}

int
gate_link_receive(struct gate_link *link, long long now, gate_header_fn check, struct err *err)
{
	struct gate_msg *in = &link->in;
	int ret;

	for (;;) {
		const bool header = link->got < HEADER;
		const size_t len = header ? HEADER : HEADER + in->header.size;
		char *at = header ? (char *)&in->header + link->got :
				    (char *)&in->payload + (link->got - HEADER);
		ssize_t n;

		if (!header && link->got == len) {
			link->in_end = 0;
			return 1;
		}
		n = receive_piece(link, at, len - link->got, err);
		if (n < 0)
			return (int)n;
		if (n == 0)
			return 0;
		if (link->got == 0)
			link->in_end = now + GATE_PEER_MS;
		link->got += (size_t)n;
		if (header && link->got == HEADER) {
			/* Bytes that the payload does not have must not be those of another one. */
			memset(&in->payload, 0, sizeof(in->payload));
			ret = check_size(&in->header, check, err);
			if (ret != 0)
				return ret;
		}
	}
}

void
gate_link_next(struct gate_link *link)
{
	close_fds(&link->in);
	link->got = 0;
}

/* ---------------------------------------------------------------- send */

/* Send a piece; the descriptors go with the first one. */
static ssize_t
send_piece(const struct gate_link *link, const void *data, size_t len, bool first)
{
	const struct gate_msg *out = &link->out;
	union {
		struct cmsghdr align;
		char space[CMSG_SPACE(VHU_MAX_FDS * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = (void *)(uintptr_t)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (first && out->nb_fds != 0) {
		struct cmsghdr *c = &control.align;

		memset(&control, 0, sizeof(control));
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(out->nb_fds * sizeof(int));
		memcpy(CMSG_DATA(c), out->fds, out->nb_fds * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(out->nb_fds * sizeof(int));
	}
	return sendmsg(link->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
gate_link_flush(struct gate_link *link, long long now)
{
	const size_t len = HEADER + link->out.header.size;
	char wire[HEADER + GATE_MAX_PAYLOAD];

	memcpy(wire, &link->out.header, HEADER);
	memcpy(wire + HEADER, &link->out.payload, link->out.header.size);
	while (link->sending) {
		const ssize_t n = send_piece(link, wire + link->sent, len - link->sent,
				link->sent == 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0)
			return -errno;
		close_fds(&link->out);
		link->sent += (size_t)n;
		if (link->sent == len) {
			link->sending = false;
			link->out_end = 0;
		} else {
			link->out_end = now + GATE_PEER_MS;
		}
	}
	return 0;
}

int
gate_link_send(struct gate_link *link, const struct gate_msg *msg, long long now)
{
	link->out = *msg;
	link->sent = 0;
	link->sending = true;
	link->out_end = now + GATE_PEER_MS;
	return gate_link_flush(link, now);
}

bool
gate_link_late(const struct gate_link *link, long long now)
{
	return (link->in_end != 0 && now >= link->in_end) ||
			(link->out_end != 0 && now >= link->out_end);
}
