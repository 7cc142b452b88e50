/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Guests in rte_vhost. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <rte_vdpa.h>
#include <rte_vhost.h>

#include "base/base_listen.h"
#include "daemon/log.h"

#include "vhost.h"

static struct vhost_calls calls;
static char wake_path[sizeof(((struct sockaddr_un *)0)->sun_path)];

static void
tell(int vid, void (*fn)(const char *path))
{
	char path[PATH_MAX];

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) == 0)
		fn(path);
}

static int
on_new_device(int vid)
{
	char path[PATH_MAX];

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) == 0)
		calls.came(path, vid);
	return 0;
}

static int
on_vring_state(int vid, uint16_t ring, int on)
{
	char path[PATH_MAX];

	if (rte_vhost_get_ifname(vid, path, sizeof(path)) == 0)
		calls.ring(path, vid, ring, on != 0);
	return 0;
}

static void
on_destroy_device(int vid)
{
	tell(vid, calls.stopped);
}

static void
on_destroy_connection(int vid)
{
	tell(vid, calls.left);
}

static const struct rte_vhost_device_ops ops = {
	.new_device = on_new_device,
	.destroy_device = on_destroy_device,
	.vring_state_changed = on_vring_state,
	.destroy_connection = on_destroy_connection,
};

static int
start_vdpa(const char *path, struct rte_vdpa_device *vdpa)
{
	const uint64_t config = UINT64_C(1) << VHOST_USER_PROTOCOL_F_CONFIG;
	uint64_t protocol;

	if (rte_vhost_driver_attach_vdpa_device(path, vdpa) != 0 ||
			rte_vhost_driver_get_protocol_features(path, &protocol) != 0 ||
			rte_vhost_driver_set_protocol_features(path, protocol | config) != 0)
		return -EIO;
	return 0;
}

/*
 * The thread of rte_vhost looks at a new socket only when it wakes up for another one, or after a
 * second. So a connection to a socket of nobody wakes it.
 */
static void
wake(void)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct sockaddr_un addr;

	if (fd < 0)
		return;
	if (base_address(&addr, wake_path) != 0 ||
			connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0)
		log_warn("the thread of rte_vhost was not woken: %s", strerror(errno));
	close(fd);
}

/*
 * The thread of rte_vhost may have begun to wait before it had the socket of nobody, and then does
 * not see connections to it for a second. A connection that rte_vhost itself makes ends this wait.
 */
static void
wake_first(const char *folder)
{
	char path[sizeof(wake_path)];

	if (snprintf(path, sizeof(path), "%s/first", folder) >= (int)sizeof(path))
		return; /* costs a second */
	unlink(path);
	if (symlink("wake", path) != 0 ||
			rte_vhost_driver_register(path,
					RTE_VHOST_USER_CLIENT | RTE_VHOST_USER_NO_RECONNECT) != 0)
		return;
	rte_vhost_driver_callback_register(path, &ops);
	rte_vhost_driver_start(path);
	rte_vhost_driver_unregister(path);
	unlink(path);
}

int
vhost_init(const struct vhost_calls *set, const char *folder, struct err *err)
{
	calls = *set;
	if (snprintf(wake_path, sizeof(wake_path), "%s/wake", folder) >= (int)sizeof(wake_path))
		return err_set(err, -ENAMETOOLONG, "the path of the folder %s is too long", folder);
	unlink(wake_path);
	if (rte_vhost_driver_register(wake_path, 0) != 0 ||
			rte_vhost_driver_callback_register(wake_path, &ops) != 0 ||
			rte_vhost_driver_start(wake_path) != 0)
		return err_set(err, -EIO, "rte_vhost cannot use %s", wake_path);
	wake_first(folder);
	return 0;
}

/* Listen; vdpa NULL: rte_vhost has the rings. */
static int
start(const char *path, struct rte_vdpa_device *vdpa, uint64_t features_off, struct err *err)
{
	unlink(path); /* that of a process which was killed; the folder is private */
	if (rte_vhost_driver_register(path, 0) != 0)
		return err_set(err, -EIO, "rte_vhost cannot use %s", path);
	if (rte_vhost_driver_callback_register(path, &ops) == 0 &&
			(vdpa == NULL ? rte_vhost_driver_disable_features(path, features_off) :
					start_vdpa(path, vdpa)) == 0 &&
			rte_vhost_driver_start(path) == 0) {
		wake();
		return 0;
	}
	rte_vhost_driver_unregister(path);
	return err_set(err, -EIO, "rte_vhost cannot serve a guest on %s", path);
}

int
vhost_start(const char *path, const char *bdf, struct err *err)
{
	struct rte_vdpa_device *vdpa = rte_vdpa_find_device_by_name(bdf);

	if (vdpa == NULL)
		return err_set(err, -ENODEV, "%s is no device of vdpa_vsr", bdf);
	return start(path, vdpa, 0, err);
}

int
vhost_start_rings(const char *path, uint64_t features_off, struct err *err)
{
	return start(path, NULL, features_off, err);
}

void
vhost_stop(const char *path)
{
	rte_vhost_driver_unregister(path);
}
