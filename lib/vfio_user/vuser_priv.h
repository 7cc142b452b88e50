/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VUSER_PRIV_H
#define VUSER_PRIV_H

/**
 * @file
 * Internals of the library: the server, its message handler, version messages.
 */

#include <sys/types.h>

#include "base/base_listen.h"

#include "vuser_io.h"

/** The limits of the peer, from its version message. */
struct vuser_limits {
	unsigned int max_fds; /**< Descriptors per message, 0..VUSER_MAX_FDS. */
	uint32_t max_data; /**< Bytes per region access, 1..VUSER_MAX_DATA. */
};

struct vuser_server {
	struct vuser_device_info info;
	const struct vuser_device_ops *ops;
	void *dev;

	/* The client. */
	int conn; /**< Its socket, or -1. */
	struct vuser_server *
			*local; /**< Pointer to this server in an in-process client, or NULL. */
	bool negotiated; /**< The version is negotiated: other commands are allowed. */
	bool hang_up; /**< Disconnect when the reply is sent. */
	bool sending; /**< The reply is not sent completely: do not receive. */
	struct vuser_limits peer;
	struct vuser_msg req;
	struct vuser_msg reply;

	/* The socket. */
	char *path; /**< NULL without a socket. */
	struct base_socket_file file; /**< Of the listener. */
	int listener; /**< -1 without a socket. */
	int epfd; /**< Contains listener and conn; -1 without a socket. */
};

/**
 * Handle one complete message. Closes the descriptors of the request. The descriptors of the reply
 * are borrowed from the device.
 *
 * @return true: send the reply; false: the request wants no reply.
 */
bool vuser_handle(struct vuser_server *server, struct vuser_msg *req, struct vuser_msg *reply);

/** The client is gone: call released() of the device if the version was negotiated. */
void vuser_server_release(struct vuser_server *server);

/**
 * Serve a client on a connected socket.
 * @return 0 (the server owns the socket), -EBUSY, or -errno of epoll_ctl(2).
 */
int vuser_server_adopt(struct vuser_server *server, int sock);

/**
 * Fill a version message, request or reply, with our version and limits.
 * @param max_maps  Limit of DMA maps.
 * @return 0 or -ENOMEM.
 */
int vuser_version_put(struct vuser_msg *msg, uint16_t minor, uint32_t max_maps);

/**
 * Parse the limits of the peer: the payload after struct vuser_version.
 * @return 0, -EINVAL (the text does not follow the specification), or -ENOMEM.
 */
int vuser_version_limits(const uint8_t *text, size_t len, struct vuser_limits *limits);

#endif /* VUSER_PRIV_H */
