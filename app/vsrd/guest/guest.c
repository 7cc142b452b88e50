/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* VFs shown to guests: one thread per VF. */

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vpci/vpci_legacy.h"

#include "vsrd/core/events.h"
#include "vsrd/core/log.h"
#include "guest.h"
#include "vfio_fn.h"

struct guest_vf {
	struct guest_vf *next;
	struct owner *owner;
	struct owner_pf *held; /**< From owner_hold() to owner_release_pf(). */
	char pf[BASE_BDF_LEN], bdf[BASE_BDF_LEN];
	unsigned int vf;
	char *path;
	struct vfio_fn *vfio_fn;
	struct vpci_legacy *legacy;
	bool doorbell; /**< A doorbell is written to the VF, not sent as a command. */
	int stop; /**< Event descriptor: end the thread. */
	pthread_t thread;

	pthread_mutex_t lock; /**< Of the members below, which other threads read. */
	struct vpci_legacy_stats stats;
	bool busy, done; /**< A guest is connected; the thread has ended. */

	struct base_log_limit coming; /**< A guest may come and go without end. */
};

void
guests_init(struct guests *guests)
{
	pthread_mutex_init(&guests->lock, NULL);
	guests->list = NULL;
}

/* ---------------------------------------------------------------- admin queue of the PF */

/* Find the PF for each command: it may have been reset, released or removed since the last one. */
static struct vio_admin *
owner_hold(void *arg)
{
	struct guest_vf *g = arg;
	struct err err;
	int ret;

	g->held = owner_get(g->owner, g->pf, false, &ret, &err);
	if (g->held == NULL || owner_admin_ready(g->held, g->vf, &err) != 0)
		return NULL;
	return g->held->admin;
}

static void
owner_release_pf(void *arg)
{
	struct guest_vf *g = arg;

	if (g->held != NULL)
		owner_put(g->held);
	g->held = NULL;
}

/* ---------------------------------------------------------------- the thread */

static void
note(struct guest_vf *g, bool done)
{
	const bool busy = !done && vuser_server_busy(vpci_server(vpci_legacy_fn(g->legacy)));
	bool was;

	pthread_mutex_lock(&g->lock);
	was = g->busy;
	g->busy = busy;
	g->done = done;
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
	events_emit("vf_unserved",
			json_pack("{s:s, s:i, s:s, s:s}", "pf", g->pf, "vf", (int)g->vf, "pci",
					g->bdf, "socket", g->path));
	return NULL;
}

/* ---------------------------------------------------------------- start */

/* Look up the VF and the token of its PF, with the PF locked. */
static int
find_vf(struct guest_vf *g, struct sysfs_fn *fn, char token[TOKEN_LEN], struct err *err)
{
	struct owner_pf *pf;
	int ret = 0;

	pf = owner_get(g->owner, g->pf, false, &ret, err);
	if (pf == NULL)
		return ret;
	strcpy(g->pf, pf->bdf);
	ret = owner_admin_ready(pf, g->vf, err);
	if (ret == 0 &&
			(sysfs_vf_bdf(g->owner->host.sysfs, pf->bdf, g->vf, g->bdf) != 0 ||
					sysfs_fn_read(g->owner->host.sysfs, g->bdf, fn) != 0))
		ret = err_set(err, -ENXIO, "%s has no VF %u in %s", pf->bdf, g->vf,
				g->owner->host.sysfs);
	if (ret == 0 && strcmp(fn->driver, "vfio-pci") != 0)
		ret = err_set(err, -ENOTCONN, "VF %u (%s) is not bound to vfio-pci: bind it first",
				g->vf, g->bdf);
	strcpy(token, pf->token);
	owner_put(pf);
	return ret;
}

static int
bridge_open(struct guest_vf *g, struct err *err)
{
	const struct vpci_legacy_conf conf = { .hold = owner_hold,
		.release = owner_release_pf,
		.owner = g,
		.vf = (uint16_t)g->vf };
	const struct vpci_backend backend = vfio_fn_backend(g->vfio_fn);
	char text[256] = "";
	mode_t mask;
	int ret;

	/* A process that can connect controls the VF, so mode 0600. */
	mask = umask(0177);
	ret = vpci_legacy_create(&backend, &conf, g->path, &g->legacy, text, sizeof(text));
	umask(mask);
	if (ret != 0)
		return err_set(err, ret, "%s: %s", g->pf, text);
	g->doorbell = vpci_legacy_has_doorbell(g->legacy);
	g->stats = *vpci_legacy_stats(g->legacy);
	return 0;
}

static void
guest_vf_free(struct guest_vf *g)
{
	if (g->stop >= 0)
		close(g->stop);
	pthread_mutex_destroy(&g->lock);
	free(g->path);
	free(g);
}

/* Open the VF, show it on its socket, and start its thread. */
static int
guest_vf_start(struct guest_vf *g, struct err *err)
{
	char token[TOKEN_LEN];
	struct sysfs_fn fn;
	int ret = find_vf(g, &fn, token, err);

	if (ret == 0)
		ret = vfio_fn_open(&g->owner->host, &fn, token, &g->vfio_fn, err);
	if (ret == 0)
		ret = bridge_open(g, err);
	if (ret == 0 && (ret = -pthread_create(&g->thread, NULL, guest_main, g)) != 0) {
		vpci_legacy_destroy(g->legacy);
		err_set(err, ret, "cannot start a thread for another VF: %s", strerror(-ret));
	}
	if (ret != 0)
		vfio_fn_close(g->vfio_fn);
	return ret;
}

static bool
is_done(struct guest_vf *g)
{
	bool done;

	pthread_mutex_lock(&g->lock);
	done = g->done;
	pthread_mutex_unlock(&g->lock);
	return done;
}

static void
guest_vf_end(struct guest_vf *g)
{
	eventfd_write(g->stop, 1);
	pthread_join(g->thread, NULL);
	guest_vf_free(g);
}

/* Free the VFs whose threads have ended because the kernel requested the VF. List locked. */
static void
sweep(struct guests *guests)
{
	for (struct guest_vf **at = &guests->list; *at != NULL;) {
		struct guest_vf *g = *at;

		if (is_done(g)) {
			*at = g->next;
			guest_vf_end(g);
		} else {
			at = &g->next;
		}
	}
}

static struct guest_vf **
find(struct guests *guests, const char *pf, unsigned int vf)
{
	struct guest_vf **at = &guests->list;

	while (*at != NULL && ((*at)->vf != vf || strcmp((*at)->pf, pf) != 0))
		at = &(*at)->next;
	return at;
}

int
guests_serve(struct guests *guests, struct owner *owner, const char *pf, unsigned int vf,
		const char *path, struct err *err)
{
	struct guest_vf *g = calloc(1, sizeof(*g));
	int ret;

	if (g == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	pthread_mutex_init(&g->lock, NULL);
	g->owner = owner;
	g->vf = vf;
	g->stop = eventfd(0, EFD_CLOEXEC);
	g->path = strdup(path);
	if (g->stop < 0 || g->path == NULL)
		ret = err_set(err, -ENOMEM, "out of memory or descriptors");
	else
		ret = base_bdf_expand(pf, g->pf) == 0 ?
				0 :
				err_set(err, -EINVAL,
						"\"%.64s\" is no PCI address such as 0000:01:00.0",
						pf);
	/* Locked until the VF is in the list: two clients must not start the same VF. */
	pthread_mutex_lock(&guests->lock);
	sweep(guests);
	if (ret == 0 && *find(guests, g->pf, vf) != NULL)
		ret = err_set(err, -EEXIST, "VF %u of %s is served already, on %s", vf, g->pf,
				(*find(guests, g->pf, vf))->path);
	if (ret == 0)
		ret = guest_vf_start(g, err);
	if (ret == 0) {
		g->next = guests->list;
		guests->list = g;
		events_emit("vf_served",
				json_pack("{s:s, s:i, s:s, s:s}", "pf", g->pf, "vf", (int)vf, "pci",
						g->bdf, "socket", path));
	} else {
		guest_vf_free(g);
	}
	pthread_mutex_unlock(&guests->lock);
	return ret;
}

/* ---------------------------------------------------------------- stop, show */

int
guests_unserve(struct guests *guests, const char *pf, unsigned int vf, struct err *err)
{
	char bdf[BASE_BDF_LEN];
	struct guest_vf **at, *g;

	if (base_bdf_expand(pf, bdf) != 0)
		return err_set(err, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				pf);
	pthread_mutex_lock(&guests->lock);
	sweep(guests);
	at = find(guests, bdf, vf);
	g = *at;
	if (g != NULL) {
		*at = g->next;
		guest_vf_end(g);
	}
	pthread_mutex_unlock(&guests->lock);
	return g != NULL ? 0 : err_set(err, -ENOENT, "VF %u of %s is not served", vf, bdf);
}

void
guests_unserve_all(struct guests *guests)
{
	pthread_mutex_lock(&guests->lock);
	while (guests->list != NULL) {
		struct guest_vf *g = guests->list;

		guests->list = g->next;
		guest_vf_end(g);
	}
	pthread_mutex_unlock(&guests->lock);
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
		if (pf == NULL || strcmp(pf, g->pf) == 0)
			json_array_append_new(list, show_one(g));
	pthread_mutex_unlock(&guests->lock);
	return list;
}
