/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A VF shown to guests on a vfio-user socket: one thread per VF. */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "daemon/access.h"

#include "vfio_fn.h"
#include "vfio_guest.h"

struct vfio_guest {
	struct vfio_guest_conf conf;
	int folder; /* Of the socket, if another user owns it; else -1. */
	struct vfio_fn *fn;
	struct shown *shown;
	int stop; /* Event descriptor: end the thread. */
	atomic_bool stopping; /* The same, for an access that has begun. */
	pthread_t thread;

	pthread_mutex_t lock; /* Of info. */
	struct vfio_guest_info info;
};

/* ---------------------------------------------------------------- the thread */

/* Copy what others may see. */
static void
note(struct vfio_guest *g)
{
	const struct variant *variant = g->conf.variant;
	struct vfio_guest_info now = { .doorbell = variant->doorbell(g->shown) };
	bool was;

	now.connected = vuser_server_busy(vpci_server(variant->fn(g->shown)));
	vfio_fn_memory(g->fn, &now.maps, &now.bytes);
	variant->count(g->shown, now.counters);
	pthread_mutex_lock(&g->lock);
	was = g->info.connected;
	now.connections = g->info.connections + (now.connected && !was);
	g->info = now;
	pthread_mutex_unlock(&g->lock);
	if (was != now.connected)
		g->conf.event(g->conf.ctx, now.connected ? VFIO_GUEST_CONNECTED : VFIO_GUEST_LEFT);
}

static void
note_end(struct vfio_guest *g)
{
	bool was;

	pthread_mutex_lock(&g->lock);
	was = g->info.connected;
	g->info.connected = false;
	g->info.maps = 0;
	g->info.bytes = 0;
	pthread_mutex_unlock(&g->lock);
	if (was)
		g->conf.event(g->conf.ctx, VFIO_GUEST_LEFT);
}

static void *
guest_main(void *arg)
{
	struct vfio_guest *g = arg;
	struct vuser_server *server = vpci_server(g->conf.variant->fn(g->shown));
	struct pollfd wait[3] = { { .fd = vuser_server_fd(server), .events = POLLIN },
		{ .fd = g->stop, .events = POLLIN },
		{ .fd = vfio_fn_request_fd(g->fn), .events = POLLIN } };

	g->conf.variant->begin(g->shown);
	note(g);
	while (poll(wait, 3, -1) >= 0 || errno == EINTR) {
		if (wait[1].revents != 0 || wait[2].revents != 0)
			break;
		if (wait[0].revents == 0)
			continue;
		vuser_server_process(server);
		note(g);
	}
	note_end(g);
	g->conf.variant->destroy(g->shown);
	vfio_fn_close(g->fn);
	if (wait[2].revents != 0)
		g->conf.event(g->conf.ctx, VFIO_GUEST_REVOKED);
	return NULL;
}

/* ---------------------------------------------------------------- start */

static int
show(struct vfio_guest *g, struct err *err)
{
	const struct vfio_guest_conf *conf = &g->conf;
	const struct vpci_backend backend = vfio_fn_backend(g->fn);
	char path[PATH_MAX];
	int ret = access_place(conf->path, conf->uid, &g->folder, path, err);

	if (ret == 0)
		ret = conf->variant->create(&conf->vf, &backend, path, &g->shown, err);
	if (ret != 0)
		return ret;
	ret = base_socket_give(path, &conf->access);
	if (ret == 0)
		return 0;
	conf->variant->destroy(g->shown);
	return err_set(err, ret, "cannot set owner, group and mode of %s: %s", conf->path,
			strerror(-ret));
}

static void
guest_free(struct vfio_guest *g)
{
	if (g->stop >= 0)
		close(g->stop);
	if (g->folder >= 0)
		close(g->folder);
	pthread_mutex_destroy(&g->lock);
	free(g);
}

static int
open_and_show(struct vfio_guest *g, struct err *err)
{
	const struct vfio_guest_conf *conf = &g->conf;
	struct sysfs_fn fn;
	int ret = sysfs_fn_read(conf->host->sysfs, conf->vf.bdf, &fn);

	if (ret != 0)
		return err_set(err, ret, "cannot read %s/bus/pci/devices/%s: %s", conf->host->sysfs,
				conf->vf.bdf, strerror(-ret));
	ret = vfio_fn_open(conf->host, &fn, conf->token, &g->fn, err);
	if (ret != 0)
		return ret;
	ret = show(g, err);
	if (ret == 0 && (ret = -pthread_create(&g->thread, NULL, guest_main, g)) != 0) {
		conf->variant->destroy(g->shown);
		err_set(err, ret, "cannot start a thread for another VF: %s", strerror(-ret));
	}
	if (ret != 0)
		vfio_fn_close(g->fn);
	return ret;
}

int
vfio_guest_start(const struct vfio_guest_conf *conf, struct vfio_guest **out, struct err *err)
{
	struct vfio_guest *g = calloc(1, sizeof(*g));
	int ret;

	if (g == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&g->lock, NULL);
	g->conf = *conf;
	g->conf.vf.stop = &g->stopping;
	g->folder = -1;
	g->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = g->stop >= 0 ? open_and_show(g, err) :
			     err_set(err, -errno, "cannot create an event descriptor: %s",
					     strerror(errno));
	if (ret != 0) {
		guest_free(g);
		return ret;
	}
	*out = g;
	return 0;
}

/* ---------------------------------------------------------------- end */

void
vfio_guest_shut(struct vfio_guest *g)
{
	g->stopping = true;
	eventfd_write(g->stop, 1);
}

bool
vfio_guest_end(struct vfio_guest *g)
{
	const struct timespec end = base_deadline(VFIO_GUEST_END_MS);

	vfio_guest_shut(g);
	if (pthread_clockjoin_np(g->thread, NULL, CLOCK_MONOTONIC, &end) != 0)
		return false;
	guest_free(g);
	return true;
}

void
vfio_guest_info(struct vfio_guest *g, struct vfio_guest_info *info)
{
	pthread_mutex_lock(&g->lock);
	*info = g->info;
	pthread_mutex_unlock(&g->lock);
}
