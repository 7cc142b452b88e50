/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VUSER_IO_H
#define VUSER_IO_H

/**
 * @file
 * Messages on a stream socket, with their descriptors; for server and client. These functions do
 * not look at the content of a message.
 *
 * The server receives and sends messages in parts and never waits; the client waits until a
 * deadline.
 */

#include "vuser_proto.h"

/** A message in memory. */
struct vuser_msg {
	struct vuser_header hdr;
	uint8_t *data; /**< Payload, of hdr.size - sizeof(hdr) bytes once complete. */
	size_t len; /**< Bytes of payload. */
	size_t capacity; /**< Size of data in bytes. */
	size_t moved; /**< Bytes of header and payload received or sent so far. */
	int fds[VUSER_MAX_FDS]; /**< Received: owned. To send: borrowed. */
	unsigned int nb_fds;
	bool fds_lost; /**< There were more descriptors than fit, or than this process may open. */
};

/** Initialize an empty message without memory. */
void vuser_msg_init(struct vuser_msg *msg);

/** Empty the message; keep a small buffer for the next one. Does not close descriptors. */
void vuser_msg_clear(struct vuser_msg *msg);

/** Close the descriptors that the message owns. */
void vuser_msg_close_fds(struct vuser_msg *msg);

/** Free the memory. Does not close descriptors. */
void vuser_msg_free(struct vuser_msg *msg);

/**
 * Set the length of the payload, and allocate it; the bytes are zero.
 * @return 0, or -ENOMEM (the message is as before), or -EINVAL above VUSER_MAX_PAYLOAD.
 */
int vuser_msg_resize(struct vuser_msg *msg, size_t len);

/**
 * Receive what has arrived of a message, without waiting. Never reads past the end of the message.
 *
 * @return 0         the message is complete,
 *         -EAGAIN   the rest has not arrived,
 *         -ECONNRESET  the peer is gone,
 *         -EPROTO   the header's size is impossible,
 *         -ENOMEM   out of memory. Disconnect after all errors other than -EAGAIN.
 */
int vuser_recv_part(int sock, struct vuser_msg *msg);

/**
 * Send as much of a message as the socket accepts, without waiting; the descriptors are sent with
 * the first byte. hdr.size must be set.
 *
 * @return 0, -EAGAIN, -ECONNRESET, or another -errno of sendmsg(2).
 */
int vuser_send_part(int sock, struct vuser_msg *msg);

/** The deadline timeout_ms from now, in nanoseconds of CLOCK_MONOTONIC. */
uint64_t vuser_deadline(unsigned int timeout_ms);

/** As the functions above, but wait until the deadline: -ETIMEDOUT instead of -EAGAIN. */
int vuser_recv_full(int sock, struct vuser_msg *msg, uint64_t deadline_ns);
int vuser_send_full(int sock, struct vuser_msg *msg, uint64_t deadline_ns);

#endif /* VUSER_IO_H */
