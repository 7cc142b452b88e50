/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef GATE_LINK_H
#define GATE_LINK_H

/**
 * @file
 * One end of a channel of vhost-user messages: messages with descriptors, received and sent piece
 * by piece, without waiting. One thread at a time per link.
 */

#include "gate_check.h"

#define GATE_PEER_MS 5000 /**< For the rest of a message, or for room to send one. */

struct gate_link {
	int fd; /**< Non-blocking; -1: closed. */
	struct gate_msg in, out;
	size_t got; /**< Bytes of in, header first. */
	size_t sent; /**< Bytes of out. */
	bool sending;
	long long in_end, out_end; /**< Deadlines, CLOCK_MONOTONIC in ms; 0: none. */
};

/** Take a descriptor over and make it non-blocking. */
void gate_link_open(struct gate_link *link, int fd);
/** Close everything that the link has. No effect on a closed link. */
void gate_link_close(struct gate_link *link);

/** Checks a header before its payload is read. @return 0 or -errno with a sentence. */
typedef int (*gate_header_fn)(const struct vhu_header *header, struct err *err);

/**
 * Receive what has arrived.
 * @param check  NULL: only that the payload fits.
 * @return 1: link->in is complete and belongs to the caller until gate_link_next(); 0: not yet;
 *         -ECONNRESET: the peer is gone; -EPROTO or another error, with a sentence.
 */
int gate_link_receive(struct gate_link *link, long long now, gate_header_fn check, struct err *err);
/** Close the descriptors of link->in, and begin the next message. */
void gate_link_next(struct gate_link *link);

/**
 * Send a message. Its descriptors belong to the link from now on, whatever is returned.
 * @return 0: sent, or link->sending: gate_link_flush() sends the rest. -errno: the peer is gone.
 */
int gate_link_send(struct gate_link *link, const struct gate_msg *msg, long long now);
/** Send more of a message. @return 0 or -errno as above. */
int gate_link_flush(struct gate_link *link, long long now);

/** Whether a deadline of the link is over. */
bool gate_link_late(const struct gate_link *link, long long now);

#endif /* GATE_LINK_H */
