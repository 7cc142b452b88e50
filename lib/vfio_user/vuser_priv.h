/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VUSER_PRIV_H
#define VUSER_PRIV_H

/**
 * @file
 * What the files of this library share: the server's state, its message handler, the version text.
 */

#include <sys/types.h>

#include "vuser_io.h"

/** The limits that the other side named in its version message. */
struct vuser_limits {
	unsigned int max_fds; /**< Descriptors it takes with one message, 0..VUSER_MAX_FDS. */
	uint32_t max_data; /**< Bytes it takes in one region access, 1..VUSER_MAX_DATA. */
};

struct vuser_server {
	struct vuser_device_info info;
	const struct vuser_device_ops *ops;
	void *dev;

	/* The one client, of either kind. */
	int conn; /**< Its socket, or -1. */
	struct vuser_server **local; /**< An in-process client's pointer to us, or NULL. */
	bool negotiated; /**< The version was agreed on; other commands are served. */
	bool hang_up; /**< Disconnect as soon as the reply is out. */
	bool sending; /**< The reply is not out yet: nothing is read meanwhile. */
	struct vuser_limits peer;
	struct vuser_msg req;
	struct vuser_msg reply;

	/* Where clients come from. */
	char *path; /**< NULL without a socket. */
	dev_t path_dev; /**< The socket's own inode, so that a successor's is never removed. */
	ino_t path_ino;
	int listener; /**< -1 without a socket. */
	int epfd; /**< Covers listener and conn; -1 without a socket. */
};

/**
 * Do what one complete message asks. Closes the descriptors of the request. The reply's
 * descriptors are borrowed from the device.
 *
 * @return whether reply is to be sent (false when the request said that it wants none).
 */
bool vuser_handle(struct vuser_server *server, struct vuser_msg *req, struct vuser_msg *reply);

/** The client is gone: tell the device, if it was ever asked anything. */
void vuser_server_release(struct vuser_server *server);

/**
 * Serve a socket that is connected already.
 * @return 0 (the server owns the socket), or -EBUSY, or -errno of epoll_ctl(2).
 */
int vuser_server_adopt(struct vuser_server *server, int sock);

/**
 * Fill a version message (either way) with this side's version and limits.
 * @return 0 or -ENOMEM.
 */
int vuser_version_put(struct vuser_msg *msg, uint16_t minor);

/**
 * Read the limits of the other side out of the payload behind struct vuser_version.
 * @return 0, or -EINVAL (no text in the form of the specification), or -ENOMEM.
 */
int vuser_version_limits(const uint8_t *text, size_t len, struct vuser_limits *limits);

#endif /* VUSER_PRIV_H */
