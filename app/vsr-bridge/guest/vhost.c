/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Guests in rte_vhost. */

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include <rte_vdpa.h>
#include <rte_vhost.h>

#include "vhost.h"

static struct vhost_calls calls;

void
vhost_calls_set(const struct vhost_calls *set)
{
	calls = *set;
}

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
	tell(vid, calls.came);
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
	.destroy_connection = on_destroy_connection,
};

static int
start(const char *path, struct rte_vdpa_device *vdpa)
{
	const uint64_t config = UINT64_C(1) << VHOST_USER_PROTOCOL_F_CONFIG;
	uint64_t protocol;

	if (rte_vhost_driver_callback_register(path, &ops) != 0 ||
			rte_vhost_driver_attach_vdpa_device(path, vdpa) != 0 ||
			rte_vhost_driver_get_protocol_features(path, &protocol) != 0 ||
			rte_vhost_driver_set_protocol_features(path, protocol | config) != 0)
		return -EIO;
	return rte_vhost_driver_start(path) == 0 ? 0 : -EIO;
}

int
vhost_start(const char *path, const char *bdf, struct err *err)
{
	struct rte_vdpa_device *vdpa = rte_vdpa_find_device_by_name(bdf);
	int ret;

	if (vdpa == NULL)
		return err_set(err, -ENODEV, "%s is no device of vdpa_vsr", bdf);
	unlink(path); /* that of a process which was killed; the folder is private */
	if (rte_vhost_driver_register(path, 0) != 0)
		return err_set(err, -EIO, "rte_vhost cannot use %s", path);
	ret = start(path, vdpa);
	if (ret == 0)
		return 0;
	rte_vhost_driver_unregister(path);
	return err_set(err, ret, "rte_vhost cannot serve %s on %s", bdf, path);
}

void
vhost_stop(const char *path)
{
	rte_vhost_driver_unregister(path);
}
