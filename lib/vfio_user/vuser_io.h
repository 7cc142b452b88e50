/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VUSER_IO_H
#define VUSER_IO_H

/**
 * @file
 * One message and its way through a stream socket, with the descriptors that travel beside it.
 * Server and client both use it; nothing here knows what a message means.
 *
 * The server takes and gives in parts and never waits; the client waits until a deadline.
 */

#include "vuser_proto.h"

/** A message in memory. */
struct vuser_msg {
	struct vuser_header hdr;
	uint8_t *data; /**< Payload, of hdr.size - sizeof(hdr) bytes once complete. */
	size_t len; /**< Bytes of payload. */
	size_t capacity; /**< Bytes that data has room for. */
	size_t moved; /**< Bytes of header and payload that have crossed the socket so far. */
	int fds[VUSER_MAX_FDS]; /**< Received: owned. To send: borrowed. */
	unsigned int nb_fds;
	bool fds_lost; /**< More descriptors came than fit, or than this process may open. */
};

/** Make an empty message without memory. */
void vuser_msg_init(struct vuser_msg *msg);

/** Forget the content, keep small memory for the next message. Does not close descriptors. */
void vuser_msg_clear(struct vuser_msg *msg);

/** Close the descriptors that the message owns. */
void vuser_msg_close_fds(struct vuser_msg *msg);

/** Free the memory. Does not close descriptors. */
void vuser_msg_free(struct vuser_msg *msg);

/**
 * Set the payload's length and make room for it; the bytes are zero.
 * @return 0, or -ENOMEM (the message is as before), or -EINVAL above VUSER_MAX_PAYLOAD.
 */
int vuser_msg_resize(struct vuser_msg *msg, size_t len);

/**
 * Take in what has arrived of a message, without waiting. Never reads past the message's end.
 *
 * @return 0         the message is complete,
 *         -EAGAIN   the rest has not arrived,
 *         -ECONNRESET  the peer is gone,
 *         -EPROTO   the header's size is impossible,
 *         -ENOMEM   no memory for the payload; like all errors below -EAGAIN: hang up.
 */
int vuser_recv_part(int sock, struct vuser_msg *msg);

/**
 * Give out what the socket takes of a message, without waiting; the descriptors go with the first
 * byte. hdr.size must be right.
 *
 * @return 0, -EAGAIN, -ECONNRESET, or another -errno of sendmsg(2).
 */
int vuser_send_part(int sock, struct vuser_msg *msg);

/** A moment timeout_ms from now, nanoseconds of CLOCK_MONOTONIC. */
uint64_t vuser_deadline(unsigned int timeout_ms);

/** As the parts, waiting as long as it takes until the deadline: never -EAGAIN, but -ETIMEDOUT. */
int vuser_recv_full(int sock, struct vuser_msg *msg, uint64_t deadline_ns);
int vuser_send_full(int sock, struct vuser_msg *msg, uint64_t deadline_ns);

#endif /* VUSER_IO_H */
