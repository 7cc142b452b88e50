/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* VFs shown to guests: one thread per VF. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "vpci/vpci_legacy.h"

#include "daemon/access.h"
#include "daemon/events.h"
#include "daemon/log.h"
#include "vsrd/owner/owner_users.h"
#include "guest.h"
#include "vfio_fn.h"

enum state { STARTING, RUNNING, ENDING };

struct guest_vf {
	struct guest_vf *next;
	struct guests *guests;
	unsigned long serial;
	enum state state; /**< Under guests->lock, as is done. */
	bool done; /**< The thread has ended, or is about to. */
	struct owner *owner;
	struct owner_claim claim; /**< From the look-up of the VF until it is closed. */
	struct owner_pf *held; /**< During a command. */
	char pf[BASE_BDF_LEN], bdf[BASE_BDF_LEN];
	unsigned int vf;
	char *path;
	int folder; /**< Of the socket, if another user owns the folder; else -1. */
	struct vfio_fn *vfio_fn;
	struct vpci_legacy *legacy;
	bool doorbell; /**< A doorbell is written to the VF, not sent as a command. */
	int stop; /**< Event descriptor: end the thread. */
	atomic_bool stopping; /**< The same, for an access that has begun. */
	pthread_t thread;

	pthread_mutex_t lock; /**< Of the members below, which other threads read. */
	struct vpci_legacy_stats stats;
	bool busy; /**< A guest is connected. */

	struct base_log_limit coming; /**< A guest may come and go without end. */
};

void
guests_init(struct guests *guests)
{
	pthread_condattr_t attr;

	pthread_mutex_init(&guests->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&guests->news, &attr);
	pthread_condattr_destroy(&attr);
	guests->list = NULL;
}

/* ---------------------------------------------------------------- admin queue of the PF */

/* Find the PF for each command: it may have been reset, released or removed since the last one.
 * @return 0, and the PF is held. */
static int
hold(struct guest_vf *g)
{
	struct err err;
	int ret;

	g->held = owner_get(g->owner, g->pf, NULL, OWNER_GUEST_WAIT_MS, &ret, &err);
	if (g->held == NULL)
		return -ENODEV;
	ret = owner_admin_ready(g->held, g->vf, &err);
	if (ret != 0)
		owner_put(g->held);
	return ret == 0 ? 0 : -ENODEV;
}

static int
op_read(void *arg, uint16_t vf, enum vio_legacy_area area, uint8_t offset, void *data, size_t len)
{
	struct guest_vf *g = arg;
	int ret = hold(g);

	if (ret != 0)
		return ret;
	ret = vio_admin_legacy_read(g->held->admin, vf, area, offset, data, len);
	owner_put(g->held);
	return ret;
}

static int
op_write(void *arg, uint16_t vf, enum vio_legacy_area area, uint8_t offset, const void *data,
		size_t len)
{
	struct guest_vf *g = arg;
	int ret = hold(g);

	if (ret != 0)
		return ret;
	ret = vio_admin_legacy_write(g->held->admin, vf, area, offset, data, len);
	owner_put(g->held);
	return ret;
}

static int
op_notify_info(void *arg, uint16_t vf, struct vio_admin_doorbell out[VIRTIO_ADMIN_NOTIFY_ENTRIES])
{
	static const uint64_t any[6] = { UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX,
		UINT64_MAX };
	struct guest_vf *g = arg;
	int ret = hold(g);

	if (ret != 0)
		return ret;
	ret = vio_admin_in_use(g->held->admin, VIO_SRIOV) & VIRTIO_ADMIN_LIST_NOTIFY_INFO ?
			vio_admin_legacy_notify_info(g->held->admin, vf, any, any, out) :
			-EOPNOTSUPP;
	owner_put(g->held);
	return ret;
}

static const struct vpci_legacy_ops owner_ops = {
	.read = op_read,
	.write = op_write,
	.notify_info = op_notify_info,
};

/* ---------------------------------------------------------------- the thread */

static void
note(struct guest_vf *g, bool ending)
{
	const bool busy = !ending && vuser_server_busy(vpci_server(vpci_legacy_fn(g->legacy)));
	bool was;

	pthread_mutex_lock(&g->lock);
	was = g->busy;
	g->busy = busy;
	g->stats = *vpci_legacy_stats(g->legacy);
	pthread_mutex_unlock(&g->lock);
	if (was != busy)
		events_emit_limited(&g->coming, busy ? "guest_connected" : "guest_left",
				json_pack("{s:s, s:i, s:s}", "pf", g->pf, "vf", (int)g->vf, "pci",
						g->bdf));
}

static void *
guest_main(void *arg)
{
	struct guest_vf *g = arg;
	struct vuser_server *server = vpci_server(vpci_legacy_fn(g->legacy));
	struct pollfd wait[3] = { { .fd = vuser_server_fd(server), .events = POLLIN },
		{ .fd = g->stop, .events = POLLIN },
		{ .fd = vfio_fn_request_fd(g->vfio_fn), .events = POLLIN } };

	while (poll(wait, 3, -1) >= 0 || errno == EINTR) {
		if (wait[1].revents != 0 || wait[2].revents != 0)
			break;
		if (wait[0].revents == 0)
			continue;
		vuser_server_process(server);
		note(g, false);
	}
	if (wait[2].revents != 0)
		log_warn("%s: VF %u is not served any more: the kernel requested it back", g->pf,
				g->vf);
	note(g, true);
	vpci_legacy_destroy(g->legacy);
	vfio_fn_close(g->vfio_fn);
	owner_vf_unclaim(g->owner, &g->claim);
	events_emit("vf_unserved",
			json_pack("{s:s, s:i, s:s, s:s}", "pf", g->pf, "vf", (int)g->vf, "pci",
					g->bdf, "socket", g->path));
	pthread_mutex_lock(&g->guests->lock);
	g->done = true;
	pthread_cond_broadcast(&g->guests->news);
	pthread_mutex_unlock(&g->guests->lock);
	return NULL;
}

/* ---------------------------------------------------------------- start */

/* Look up the VF and the token of its PF. */
static int
find_vf(struct guest_vf *g, struct sysfs_fn *fn, char token[TOKEN_LEN], struct err *err)
{
	struct owner_pf *pf;
	int ret = 0;

	pf = owner_get(g->owner, g->pf, NULL, OWNER_WAIT_MS, &ret, err);
	if (pf == NULL)
		return ret;
	strcpy(g->pf, pf->bdf);
	ret = owner_admin_ready(pf, g->vf, err);
	if (ret == 0 && ~vio_admin_in_use(pf->admin, VIO_SRIOV) & VIRTIO_ADMIN_LIST_LEGACY)
		ret = err_set(err, -EOPNOTSUPP,
				"%s has no administration commands for the legacy registers of its "
				"VFs",
				pf->bdf);
	if (ret == 0 &&
			(sysfs_vf_bdf(g->owner->host.sysfs, pf->bdf, g->vf, g->bdf) != 0 ||
					sysfs_fn_read(g->owner->host.sysfs, g->bdf, fn) != 0))
		ret = err_set(err, -ENXIO, "%s has no VF %u in %s", pf->bdf, g->vf,
				g->owner->host.sysfs);
	if (ret == 0 && strcmp(fn->driver, "vfio-pci") != 0)
		ret = err_set(err, -ENOTCONN, "VF %u (%s) is not bound to vfio-pci: bind it first",
				g->vf, g->bdf);
	strcpy(token, pf->token);
	if (ret == 0) {
		g->claim.vf = g->vf;
		strcpy(g->claim.pf, g->pf);
		strcpy(g->claim.bdf, g->bdf);
		owner_vf_claim(g->owner, &g->claim);
	}
	owner_put(pf);
	return ret;
}

static int
bridge_open(struct guest_vf *g, const struct guest_socket *asked, struct err *err)
{
	char path[PATH_MAX];
	const struct vpci_legacy_conf conf = { .ops = &owner_ops,
		.owner = g,
		.stop = &g->stopping,
		.vf = (uint16_t)g->vf };
	const struct vpci_backend backend = vfio_fn_backend(g->vfio_fn);
	char text[256] = "";
	int ret;

	ret = access_place(asked->path, asked->uid, &g->folder, path, err);
	if (ret != 0)
		return ret;
	ret = vpci_legacy_create(&backend, &conf, path, &g->legacy, text, sizeof(text));
	if (ret != 0)
		return err_set(err, ret, "%s: %s", g->pf, text);
	ret = base_socket_give(path, &asked->access);
	if (ret != 0) {
		vpci_legacy_destroy(g->legacy);
		return err_set(err, ret, "cannot set owner, group and mode of %s: %s", g->path,
				strerror(-ret));
	}
	vpci_legacy_doorbell_find(g->legacy);
	g->doorbell = vpci_legacy_has_doorbell(g->legacy);
	g->stats = *vpci_legacy_stats(g->legacy);
	return 0;
}

static void
guest_vf_free(struct guest_vf *g)
{
	if (g->stop >= 0)
		close(g->stop);
	if (g->folder >= 0)
		close(g->folder);
	pthread_mutex_destroy(&g->lock);
	free(g->path);
	free(g);
}

/* Open the VF, show it on its socket, and start its thread. */
static int
guest_vf_start(struct guest_vf *g, const struct guest_socket *asked, struct err *err)
{
	char token[TOKEN_LEN];
	struct sysfs_fn fn;
	int ret = find_vf(g, &fn, token, err);

	if (ret == 0)
		ret = vfio_fn_open(&g->owner->host, &fn, token, &g->vfio_fn, err);
	if (ret == 0)
		ret = bridge_open(g, asked, err);
	if (ret == 0 && (ret = -pthread_create(&g->thread, NULL, guest_main, g)) != 0) {
		vpci_legacy_destroy(g->legacy);
		err_set(err, ret, "cannot start a thread for another VF: %s", strerror(-ret));
	}
	if (ret != 0) {
		vfio_fn_close(g->vfio_fn);
		owner_vf_unclaim(g->owner, &g->claim);
	}
	return ret;
}

/* ---------------------------------------------------------------- the list; it is locked */

static struct guest_vf **
find(struct guests *guests, const char *pf, unsigned int vf)
{
	struct guest_vf **at = &guests->list;

	while (*at != NULL && ((*at)->vf != vf || strcmp((*at)->pf, pf) != 0))
		at = &(*at)->next;
	return at;
}

/* Free the VFs whose threads have ended. */
static void
sweep(struct guests *guests)
{
	for (struct guest_vf **at = &guests->list; *at != NULL;) {
		struct guest_vf *g = *at;

		if (!g->done || g->state == STARTING) {
			at = &g->next;
			continue;
		}
		*at = g->next;
		pthread_join(g->thread, NULL);
		guest_vf_free(g);
	}
}

static void
tell_end(struct guest_vf *g)
{
	if (g->state != RUNNING)
		return;
	g->state = ENDING;
	g->stopping = true;
	eventfd_write(g->stop, 1);
}

/* Wait for news until the deadline. @return false: it has passed. */
static bool
wait_news(struct guests *guests, const struct timespec *end)
{
	const bool late = pthread_cond_timedwait(&guests->news, &guests->lock, end) == ETIMEDOUT;

	sweep(guests);
	return !late;
}

/* ---------------------------------------------------------------- serve */

static int
insert(struct guests *guests, struct guest_vf *g, struct err *err)
{
	struct guest_vf *other;
	int ret = 0;

	pthread_mutex_lock(&guests->lock);
	sweep(guests);
	other = *find(guests, g->pf, g->vf);
	if (other != NULL) {
		ret = err_set(err, -EEXIST,
				other->state == RUNNING ?
						"VF %u of %s is served already, on %s" :
						"another client begins or ends to serve VF %u of "
						"%s, on %s",
				g->vf, g->pf, other->path);
	} else {
		g->guests = guests;
		g->serial = ++guests->serial;
		g->next = guests->list;
		guests->list = g;
	}
	pthread_mutex_unlock(&guests->lock);
	return ret;
}

/* The VF is served from now on, or not at all. */
static void
started(struct guests *guests, struct guest_vf *g, bool fine)
{
	pthread_mutex_lock(&guests->lock);
	g->state = RUNNING;
	if (!fine)
		*find(guests, g->pf, g->vf) = g->next;
	pthread_mutex_unlock(&guests->lock);
}

static int
guest_vf_make(struct owner *owner, const char *pf, unsigned int vf,
		const struct guest_socket *socket, struct guest_vf **out, struct err *err)
{
	struct guest_vf *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&g->lock, NULL);
	g->owner = owner;
	g->vf = vf;
	g->state = STARTING;
	g->stop = eventfd(0, EFD_CLOEXEC);
	g->folder = -1;
	g->path = strdup(socket->path);
	*out = g;
	if (g->stop < 0 || g->path == NULL)
		return err_set(err, -ENOMEM, "out of memory or descriptors");
	if (base_bdf_expand(pf, g->pf) != 0)
		return err_set(err, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				pf);
	return 0;
}

int
guests_serve(struct guests *guests, struct owner *owner, const char *pf, unsigned int vf,
		const struct guest_socket *socket, struct err *err)
{
	struct guest_vf *g = NULL;
	json_t *what;
	int ret = guest_vf_make(owner, pf, vf, socket, &g, err);

	if (g == NULL)
		return ret;
	if (ret == 0)
		ret = insert(guests, g, err);
	if (ret != 0) {
		guest_vf_free(g);
		return ret;
	}
	ret = guest_vf_start(g, socket, err);
	what = json_pack("{s:s, s:i, s:s, s:s}", "pf", g->pf, "vf", (int)vf, "pci", g->bdf,
			"socket", g->path);
	/* From here on another client may end it. */
	started(guests, g, ret == 0);
	if (ret == 0) {
		events_emit("vf_served", what);
	} else {
		json_decref(what);
		guest_vf_free(g);
	}
	return ret;
}

/* ---------------------------------------------------------------- stop, show */

int
guests_unserve(struct guests *guests, const char *pf, unsigned int vf, struct err *err)
{
	const struct timespec end = base_deadline(GUESTS_END_MS);
	char bdf[BASE_BDF_LEN];
	struct guest_vf *g;
	unsigned long serial;
	int ret = 0;

	if (base_bdf_expand(pf, bdf) != 0)
		return err_set(err, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				pf);
	pthread_mutex_lock(&guests->lock);
	sweep(guests);
	g = *find(guests, bdf, vf);
	if (g == NULL)
		ret = err_set(err, -ENOENT, "VF %u of %s is not served", vf, bdf);
	else if (g->state != RUNNING)
		ret = err_set(err, -EBUSY,
				"another client begins or ends to serve VF %u of %s: try again", vf,
				bdf);
	if (g != NULL && ret == 0) {
		serial = g->serial;
		tell_end(g);
		while (wait_news(guests, &end) && (g = *find(guests, bdf, vf)) != NULL &&
				g->serial == serial)
			continue;
		g = *find(guests, bdf, vf);
		if (g != NULL && g->serial == serial)
			ret = err_set(err, -EBUSY,
					"VF %u of %s is still closing: it ends when its device "
					"answers",
					vf, bdf);
	}
	pthread_mutex_unlock(&guests->lock);
	return ret;
}

bool
guests_unserve_all(struct guests *guests)
{
	const struct timespec end = base_deadline(GUESTS_END_MS);
	bool all;

	pthread_mutex_lock(&guests->lock);
	for (struct guest_vf *g = guests->list; g != NULL; g = g->next)
		tell_end(g);
	sweep(guests);
	while (guests->list != NULL && wait_news(guests, &end))
		continue;
	all = guests->list == NULL;
	pthread_mutex_unlock(&guests->lock);
	return all;
}

static json_t *
show_one(struct guest_vf *g)
{
	struct vpci_legacy_stats stats;
	bool busy;

	pthread_mutex_lock(&g->lock);
	stats = g->stats;
	busy = g->busy;
	pthread_mutex_unlock(&g->lock);
	return json_pack("{s:s, s:i, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "pf",
			g->pf, "vf", (int)g->vf, "pci", g->bdf, "socket", g->path, "guest", busy,
			"doorbell", g->doorbell, "reads", (json_int_t)stats.reads, "writes",
			(json_int_t)stats.writes, "doorbells", (json_int_t)stats.doorbells,
			"commands", (json_int_t)stats.commands, "failures",
			(json_int_t)stats.failures, "refused", (json_int_t)stats.refused);
}

json_t *
guests_show(struct guests *guests, const char *pf)
{
	json_t *list = json_array();

	pthread_mutex_lock(&guests->lock);
	sweep(guests);
	for (struct guest_vf *g = guests->list; g != NULL; g = g->next)
		if (g->state != STARTING && (pf == NULL || strcmp(pf, g->pf) == 0))
			json_array_append_new(list, show_one(g));
	pthread_mutex_unlock(&guests->lock);
	return list;
}
