/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VUSER_LINK_H
#define VUSER_LINK_H

/**
 * @file
 * The connection of a client to its server: one request at a time, over a socket or in the process.
 */

#include "vuser_priv.h"

struct vuser_client {
	int sock; /**< -1: in-process client, or disconnected. */
	struct vuser_server *server; /**< Server in this process, or NULL. */
	unsigned int timeout_ms;
	uint16_t msg_id;
	struct vuser_limits peer;
	struct vuser_msg req;
	struct vuser_msg reply;
};

/**
 * Start a request: client->req gets a payload of len zero bytes.
 * @return 0 or -ENOMEM.
 */
int vuser_link_begin(struct vuser_client *client, enum vuser_command command, size_t len);

/**
 * Send client->req and receive client->reply, which has at least min_len bytes of payload and at
 * most max_fds descriptors. The caller closes the descriptors.
 * @return 0 or -errno as the requests in vuser.h document it.
 */
int vuser_link_exchange(struct vuser_client *client, size_t min_len, unsigned int max_fds);

/**
 * Disconnect, because the content of a reply is invalid.
 * @return -EPROTO.
 */
int vuser_link_malformed(struct vuser_client *client);

#endif /* VUSER_LINK_H */
