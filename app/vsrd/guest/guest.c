/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
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

struct served {
	struct served *next;
	struct owner *owner;
	struct owner_pf *held; /**< Between owner_hold() and owner_let_go(). */
	char pf[BASE_BDF_LEN], bdf[BASE_BDF_LEN];
	unsigned int vf;
	char *path;
	struct vfdev *vfdev;
	struct vpci_legacy *legacy;
	bool doorbell; /**< Doorbells are stores, not commands. */
	int stop; /**< Event descriptor: end. */
	pthread_t thread;

	pthread_mutex_t lock; /**< Of what follows, which others read. */
	struct vpci_legacy_stats stats;
	bool busy, done; /**< Has a guest; has ended. */
};

void
serving_init(struct serving *serving)
{
	pthread_mutex_init(&serving->lock, NULL);
	serving->list = NULL;
}

/* ---------------------------------------------------------------- the owner's side */

/* Each command finds its PF anew: it may have been reset, given up or lost since the last. */
static struct vio_admin *
owner_hold(void *arg)
{
	struct served *s = arg;
	struct why why;
	int err;

	s->held = owner_get(s->owner, s->pf, false, &err, &why);
	if (s->held == NULL || owner_admin_ready(s->held, s->vf, &why) != 0)
		return NULL;
	return s->held->admin;
}

static void
owner_let_go(void *arg)
{
	struct served *s = arg;

	if (s->held != NULL)
		owner_put(s->held);
	s->held = NULL;
}

/* ---------------------------------------------------------------- the thread */

static void
note(struct served *s, bool done)
{
	const bool busy = !done && vuser_server_busy(vpci_server(vpci_legacy_fn(s->legacy)));
	bool was;

	pthread_mutex_lock(&s->lock);
	was = s->busy;
	s->busy = busy;
	s->done = done;
	s->stats = *vpci_legacy_stats(s->legacy);
	pthread_mutex_unlock(&s->lock);
	if (was != busy)
		events_emit(busy ? "guest_connected" : "guest_left",
				json_pack("{s:s, s:i, s:s}", "pf", s->pf, "vf", (int)s->vf, "pci",
						s->bdf));
}

static void *
served_main(void *arg)
{
	struct served *s = arg;
	struct vuser_server *server = vpci_server(vpci_legacy_fn(s->legacy));
	struct pollfd wait[3] = { { .fd = vuser_server_fd(server), .events = POLLIN },
		{ .fd = s->stop, .events = POLLIN },
		{ .fd = vfdev_request_fd(s->vfdev), .events = POLLIN } };

	while (poll(wait, 3, -1) >= 0 || errno == EINTR) {
		if (wait[1].revents != 0 || wait[2].revents != 0)
			break;
		if (wait[0].revents == 0)
			continue;
		vuser_server_process(server);
		note(s, false);
	}
	if (wait[2].revents != 0)
		log_warn("%s: VF %u is served no more: the system wants it back", s->pf, s->vf);
	note(s, true);
	vpci_legacy_destroy(s->legacy);
	vfdev_close(s->vfdev);
	events_emit("vf_unserved",
			json_pack("{s:s, s:i, s:s, s:s}", "pf", s->pf, "vf", (int)s->vf, "pci",
					s->bdf, "socket", s->path));
	return NULL;
}

/* ---------------------------------------------------------------- start */

/* What can be said while the PF is held: whether it has this VF, and where. */
static int
find_vf(struct served *s, struct sysfs_fn *fn, char token[TOKEN_LEN], struct why *why)
{
	struct owner_pf *pf;
	int err = 0;

	pf = owner_get(s->owner, s->pf, false, &err, why);
	if (pf == NULL)
		return err;
	strcpy(s->pf, pf->bdf);
	err = owner_admin_ready(pf, s->vf, why);
	if (err == 0 &&
			(sysfs_vf_bdf(s->owner->host.sysfs, pf->bdf, s->vf, s->bdf) != 0 ||
					sysfs_fn_read(s->owner->host.sysfs, s->bdf, fn) != 0))
		err = why_not(why, -ENXIO, "%s has no VF %u in %s", pf->bdf, s->vf,
				s->owner->host.sysfs);
	if (err == 0 && strcmp(fn->driver, "vfio-pci") != 0)
		err = why_not(why, -ENOTCONN, "VF %u (%s) is not bound to vfio-pci: bind it first",
				s->vf, s->bdf);
	strcpy(token, pf->token);
	owner_put(pf);
	return err;
}

static int
show_vf(struct served *s, struct why *why)
{
	const struct vpci_legacy_conf conf = { .hold = owner_hold,
		.release = owner_let_go,
		.owner = s,
		.vf = (uint16_t)s->vf };
	const struct vpci_backend backend = vfdev_backend(s->vfdev);
	char text[256] = "";
	mode_t mask;
	int ret;

	/* Whoever connects has the VF: nobody but its owner may. */
	mask = umask(0177);
	ret = vpci_legacy_create(&backend, &conf, s->path, &s->legacy, text, sizeof(text));
	umask(mask);
	if (ret != 0)
		return why_not(why, ret, "%s: %s", s->pf, text);
	s->doorbell = vpci_legacy_has_doorbell(s->legacy);
	s->stats = *vpci_legacy_stats(s->legacy);
	return 0;
}

static void
served_free(struct served *s)
{
	if (s->stop >= 0)
		close(s->stop);
	pthread_mutex_destroy(&s->lock);
	free(s->path);
	free(s);
}

/* Open and show it, and start its thread. */
static int
served_start(struct served *s, struct why *why)
{
	char token[TOKEN_LEN];
	struct sysfs_fn fn;
	int ret = find_vf(s, &fn, token, why);

	if (ret == 0)
		ret = vfdev_open(&s->owner->host, &fn, token, &s->vfdev, why);
	if (ret == 0)
		ret = show_vf(s, why);
	if (ret == 0 && (ret = -pthread_create(&s->thread, NULL, served_main, s)) != 0) {
		vpci_legacy_destroy(s->legacy);
		why_not(why, ret, "there is no thread for another VF: %s", strerror(-ret));
	}
	if (ret != 0)
		vfdev_close(s->vfdev);
	return ret;
}

static bool
has_ended(struct served *s)
{
	bool done;

	pthread_mutex_lock(&s->lock);
	done = s->done;
	pthread_mutex_unlock(&s->lock);
	return done;
}

static void
served_end(struct served *s)
{
	eventfd_write(s->stop, 1);
	pthread_join(s->thread, NULL);
	served_free(s);
}

/* Those whose VF was taken from them. With the list locked. */
static void
sweep(struct serving *serving)
{
	for (struct served **at = &serving->list; *at != NULL;) {
		struct served *s = *at;

		if (has_ended(s)) {
			*at = s->next;
			served_end(s);
		} else {
			at = &s->next;
		}
	}
}

static struct served **
find(struct serving *serving, const char *pf, unsigned int vf)
{
	struct served **at = &serving->list;

	while (*at != NULL && ((*at)->vf != vf || strcmp((*at)->pf, pf) != 0))
		at = &(*at)->next;
	return at;
}

int
serving_start(struct serving *serving, struct owner *owner, const char *pf, unsigned int vf,
		const char *path, struct why *why)
{
	struct served *s = calloc(1, sizeof(*s));
	int ret;

	if (s == NULL)
		return why_not(why, -ENOMEM, "there is no memory");
	pthread_mutex_init(&s->lock, NULL);
	s->owner = owner;
	s->vf = vf;
	s->stop = eventfd(0, EFD_CLOEXEC);
	s->path = strdup(path);
	if (s->stop < 0 || s->path == NULL)
		ret = why_not(why, -ENOMEM, "there is no memory or no descriptor");
	else
		ret = base_bdf_expand(pf, s->pf) == 0 ?
				0 :
				why_not(why, -EINVAL,
						"\"%.64s\" is no PCI address such as 0000:01:00.0",
						pf);
	/* All the while: two must not start the same. */
	pthread_mutex_lock(&serving->lock);
	sweep(serving);
	if (ret == 0 && *find(serving, s->pf, vf) != NULL)
		ret = why_not(why, -EEXIST, "VF %u of %s is served already, on %s", vf, s->pf,
				(*find(serving, s->pf, vf))->path);
	if (ret == 0)
		ret = served_start(s, why);
	if (ret == 0) {
		s->next = serving->list;
		serving->list = s;
		events_emit("vf_served",
				json_pack("{s:s, s:i, s:s, s:s}", "pf", s->pf, "vf", (int)vf, "pci",
						s->bdf, "socket", path));
	} else {
		served_free(s);
	}
	pthread_mutex_unlock(&serving->lock);
	return ret;
}

/* ---------------------------------------------------------------- stop, show */

int
serving_stop(struct serving *serving, const char *pf, unsigned int vf, struct why *why)
{
	char bdf[BASE_BDF_LEN];
	struct served **at, *s;

	if (base_bdf_expand(pf, bdf) != 0)
		return why_not(why, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				pf);
	pthread_mutex_lock(&serving->lock);
	sweep(serving);
	at = find(serving, bdf, vf);
	s = *at;
	if (s != NULL) {
		*at = s->next;
		served_end(s);
	}
	pthread_mutex_unlock(&serving->lock);
	return s != NULL ? 0 : why_not(why, -ENOENT, "VF %u of %s is not served", vf, bdf);
}

void
serving_stop_all(struct serving *serving)
{
	pthread_mutex_lock(&serving->lock);
	while (serving->list != NULL) {
		struct served *s = serving->list;

		serving->list = s->next;
		served_end(s);
	}
	pthread_mutex_unlock(&serving->lock);
}

static json_t *
show_one(struct served *s)
{
	struct vpci_legacy_stats stats;
	bool busy;

	pthread_mutex_lock(&s->lock);
	stats = s->stats;
	busy = s->busy;
	pthread_mutex_unlock(&s->lock);
	return json_pack("{s:s, s:i, s:s, s:s, s:b, s:b, s:I, s:I, s:I, s:I, s:I, s:I}", "pf",
			s->pf, "vf", (int)s->vf, "pci", s->bdf, "socket", s->path, "guest", busy,
			"doorbell", s->doorbell, "reads", (json_int_t)stats.reads, "writes",
			(json_int_t)stats.writes, "doorbells", (json_int_t)stats.doorbells,
			"commands", (json_int_t)stats.commands, "failures",
			(json_int_t)stats.failures, "refused", (json_int_t)stats.refused);
}

json_t *
serving_show(struct serving *serving, const char *pf)
{
	json_t *list = json_array();

	pthread_mutex_lock(&serving->lock);
	sweep(serving);
	for (struct served *s = serving->list; s != NULL; s = s->next)
		if (pf == NULL || strcmp(pf, s->pf) == 0)
			json_array_append_new(list, show_one(s));
	pthread_mutex_unlock(&serving->lock);
	return list;
}
