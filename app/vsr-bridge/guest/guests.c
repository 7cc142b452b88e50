/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The guests of this process. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <unistd.h>

#include <rte_pmd_vdpa_vsr.h>

#include "base/base_clock.h"
#include "base/base_path.h"
#include "daemon/events.h"
#include "daemon/log.h"

#include "front_vfio.h"
#include "front_vhost.h"
#include "guests.h"
#include "vhost.h"

#define RETRY_MS 1000 /* Between two attempts to start guests that wait, and to reach vsrd. */
#define STORE_MS 10000
#define STOP_MS 15000 /* For the thread, which may be inside of a start. */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* Of the list and its members. */
static pthread_cond_t news; /* A guest has changed its state. */
static struct guest *list;
static unsigned int nb_guests;
static unsigned long last_number;
static pthread_mutex_t file_lock = PTHREAD_MUTEX_INITIALIZER; /* Of the state file. */

static struct guests_conf conf;
static struct one_env env;
static struct vsrd_news vsrd = { .fd = -1 };
static int wake_fd = -1;
static pthread_t thread;
static atomic_bool stopping, vsrd_answers;

static const struct front *const fronts[GUEST_NB_KINDS] = {
	[GUEST_VHOST_USER] = &front_vhost,
	[GUEST_VFIO_USER] = &front_vfio,
};

static void
wake(void)
{
	eventfd_write(wake_fd, 1);
}

/* ---------------------------------------------------------------- the list, with the lock */

static struct guest *
find(const char *pf, unsigned int vf)
{
	struct guest *guest = list;

	while (guest != NULL && (guest->conf.vf != vf || strcmp(guest->conf.pf, pf) != 0))
		guest = guest->next;
	return guest;
}

static struct guest *
insert(const struct guest_conf *wish, enum guest_state state)
{
	struct guest *guest = calloc(1, sizeof(*guest)), **at = &list;

	if (guest == NULL)
		return NULL;
	guest->conf = *wish;
	guest->front = fronts[wish->kind];
	guest->env = &env;
	guest->number = ++last_number;
	guest->state = state;
	guest->folder = -1;
	while (*at != NULL)
		at = &(*at)->next;
	*at = guest;
	nb_guests++;
	return guest;
}

static void
drop(struct guest *guest)
{
	struct guest **at = &list;

	while (*at != guest)
		at = &(*at)->next;
	*at = guest->next;
	nb_guests--;
	free(guest);
	pthread_cond_broadcast(&news);
}

static void
set_state(struct guest *guest, enum guest_state state, const struct err *why)
{
	guest->state = state;
	if (why != NULL)
		guest->why = *why;
	else
		guest->why.text[0] = '\0';
	pthread_cond_broadcast(&news);
}

/* ---------------------------------------------------------------- calls from below */

/* The thread of rte_vhost. */
static void
on_left(const char *path)
{
	unsigned long number = 0;

	pthread_mutex_lock(&lock);
	for (struct guest *guest = list; guest != NULL; guest = guest->next)
		if (strcmp(guest->back_path, path) == 0)
			number = guest->number;
	pthread_mutex_unlock(&lock);
	gate_port_left(env.gate, number);
}

static void
on_started_or_stopped(const char *path, const char *type)
{
	pthread_mutex_lock(&lock);
	for (struct guest *guest = list; guest != NULL; guest = guest->next)
		if (strcmp(guest->back_path, path) == 0)
			one_emit(guest, type, "");
	pthread_mutex_unlock(&lock);
}

static void
on_came(const char *path, int vid)
{
	copy_came(path, vid);
	on_started_or_stopped(path, "guest_started");
}

static void
on_stopped(const char *path)
{
	copy_stopped(path);
	on_started_or_stopped(path, "guest_stopped");
}

/* The control thread of vdpa_vsr. */
static void
on_vf_event(const char *name, enum rte_pmd_vdpa_vsr_event event, void *arg)
{
	static const char *const types[] = {
		[RTE_PMD_VDPA_VSR_EVENT_REMOVE] = "guest_revoked",
		[RTE_PMD_VDPA_VSR_EVENT_MODE] = "guest_mode",
		[RTE_PMD_VDPA_VSR_EVENT_CONFIG] = "guest_link",
		[RTE_PMD_VDPA_VSR_EVENT_REPAIRED] = "guest_repaired",
	};

	pthread_mutex_lock(&lock);
	for (struct guest *guest = list; guest != NULL; guest = guest->next) {
		if (strcmp(guest->bdf, name) != 0)
			continue;
		one_emit(guest, types[event], "");
		if (event == RTE_PMD_VDPA_VSR_EVENT_REMOVE)
			guest->revoked = true;
	}
	pthread_mutex_unlock(&lock);
	wake();
}

/* The thread of EAL, for a VF in mode copy. */
static void
on_copy_event(const char *bdf, enum copy_event event)
{
	static const char *const types[] = {
		[COPY_REMOVE] = "guest_revoked",
		[COPY_NEEDS_RESET] = NULL, /* guest_repaired follows */
		[COPY_LINK] = "guest_link",
	};

	pthread_mutex_lock(&lock);
	for (struct guest *guest = list; guest != NULL; guest = guest->next) {
		if (strcmp(guest->bdf, bdf) != 0)
			continue;
		if (types[event] != NULL)
			one_emit(guest, types[event], "");
		if (event == COPY_REMOVE)
			guest->revoked = true;
		if (event == COPY_NEEDS_RESET)
			guest->needs_reset = true;
	}
	pthread_mutex_unlock(&lock);
	wake();
}

/* ---------------------------------------------------------------- the state file */

static int
store(struct err *err)
{
	const struct timespec end = base_deadline(STORE_MS);
	struct guest_conf *confs;
	unsigned int nb = 0;
	int ret;

	/* The file must not go back to an older list, so the list is copied inside. */
	if (pthread_mutex_clocklock(&file_lock, CLOCK_MONOTONIC, &end) != 0)
		return err_set(err, -EBUSY, "the state file %s is being written for too long",
				conf.state);
	pthread_mutex_lock(&lock);
	confs = calloc(nb_guests + 1, sizeof(*confs));
	for (struct guest *guest = list; confs != NULL && guest != NULL; guest = guest->next)
		confs[nb++] = guest->conf;
	pthread_mutex_unlock(&lock);
	ret = confs != NULL ? conf_store(conf.state, confs, nb, err) :
			      err_set(err, -ENOMEM, "out of memory");
	free(confs);
	pthread_mutex_unlock(&file_lock);
	return ret;
}

/* ---------------------------------------------------------------- add, remove */

/* Reserve a place. @return NULL with *ret and a sentence. */
static struct guest *
reserve(const struct guest_conf *wish, int *ret, struct err *err)
{
	struct guest *guest = NULL, *other;

	*ret = 0;
	pthread_mutex_lock(&lock);
	for (other = list; other != NULL && *ret == 0; other = other->next) {
		if (other->conf.vf == wish->vf && strcmp(other->conf.pf, wish->pf) == 0)
			*ret = err_set(err, -EEXIST, "VF %u of %s has a guest already, on %s",
					wish->vf, wish->pf, other->conf.socket);
		else if (strcmp(other->conf.socket, wish->socket) == 0)
			*ret = err_set(err, -EEXIST, "%s is the socket of VF %u of %s already",
					wish->socket, other->conf.vf, other->conf.pf);
	}
	if (*ret == 0 && nb_guests == GUESTS_MAX)
		*ret = err_set(err, -ENOSPC, "there are %d guests already", GUESTS_MAX);
	if (*ret == 0 && stopping)
		*ret = err_set(err, -ECANCELED, "vsr-bridge is ending");
	if (*ret == 0) {
		guest = insert(wish, GUEST_STARTING);
		if (guest == NULL)
			*ret = err_set(err, -ENOMEM, "out of memory");
	}
	pthread_mutex_unlock(&lock);
	return guest;
}

int
guests_add(const struct guest_conf *wish, struct err *err)
{
	struct err ignored;
	int ret;
	struct guest *guest = reserve(wish, &ret, err);

	if (guest == NULL)
		return ret;
	ret = one_start(guest, err);
	if (ret == 0) {
		ret = store(err);
		if (ret != 0)
			one_end(guest, &ignored);
	}
	pthread_mutex_lock(&lock);
	if (ret == 0)
		set_state(guest, GUEST_RUNNING, NULL);
	else
		drop(guest);
	pthread_mutex_unlock(&lock);
	if (ret == 0)
		events_emit("guest_added",
				json_pack("{s:s, s:i, s:s}", "pf", wish->pf, "vf", (int)wish->vf,
						"socket", wish->socket));
	return ret;
}

/* Take a guest to its end. @return NULL with *ret and a sentence: it is not there, or busy. */
static struct guest *
take(const char *pf, unsigned int vf, bool *waiting, int *ret, struct err *err)
{
	struct guest *guest;

	*ret = 0;
	pthread_mutex_lock(&lock);
	guest = find(pf, vf);
	if (guest == NULL) {
		*ret = err_set(err, -ENOENT, "VF %u of %s has no guest", vf, pf);
	} else if (guest->state == GUEST_STARTING || guest->state == GUEST_ENDING) {
		*ret = err_set(err, -EBUSY, "the guest on VF %u of %s %s right now: try again", vf,
				pf, guest->state == GUEST_STARTING ? "starts" : "ends");
		guest = NULL;
	} else {
		*waiting = guest->state == GUEST_WAITING;
		set_state(guest, GUEST_ENDING, NULL);
	}
	pthread_mutex_unlock(&lock);
	return guest;
}

int
guests_remove(const char *pf, unsigned int vf, struct err *err)
{
	bool waiting = false;
	int ret;
	struct guest *guest = take(pf, vf, &waiting, &ret, err);

	if (guest == NULL)
		return ret;
	if (!waiting)
		ret = one_end(guest, err);
	pthread_mutex_lock(&lock);
	if (ret == 0)
		drop(guest);
	else
		set_state(guest, GUEST_STUCK, err);
	pthread_mutex_unlock(&lock);
	if (ret != 0)
		return ret;
	events_emit("guest_removed", json_pack("{s:s, s:i}", "pf", pf, "vf", (int)vf));
	return store(err);
}

/* ---------------------------------------------------------------- guests that wait or must go */

/* @return a guest that is taken to its start, or NULL: none waits. */
static struct guest *
next_waiting(unsigned long after)
{
	struct guest *found = NULL;

	pthread_mutex_lock(&lock);
	for (struct guest *guest = list; guest != NULL; guest = guest->next)
		if (guest->state == GUEST_WAITING && guest->number > after &&
				(found == NULL || guest->number < found->number))
			found = guest;
	if (found != NULL)
		found->state = GUEST_STARTING; /* why stays */
	pthread_mutex_unlock(&lock);
	return found;
}

static bool
start_waiting(void)
{
	unsigned long after = 0;
	struct guest *guest;
	bool waiting = false;

	while (!stopping && (guest = next_waiting(after)) != NULL) {
		struct err err = { "" };
		int ret;

		after = guest->number;
		ret = one_start(guest, &err);
		pthread_mutex_lock(&lock);
		/* The same reason, second after second, is one line. */
		if (ret != 0 && strcmp(guest->why.text, err.text) != 0)
			log_warn("the guest on VF %u of %s waits: %s", guest->conf.vf,
					guest->conf.pf, err.text);
		if (ret == 0)
			one_emit(guest, "guest_restored", "");
		set_state(guest, ret == 0 ? GUEST_RUNNING : GUEST_WAITING, ret == 0 ? NULL : &err);
		pthread_mutex_unlock(&lock);
		waiting = waiting || ret != 0;
	}
	return waiting;
}

static struct guest *
next_revoked(void)
{
	struct guest *guest;

	pthread_mutex_lock(&lock);
	guest = list;
	while (guest != NULL && (guest->state != GUEST_RUNNING || !guest->revoked))
		guest = guest->next;
	if (guest != NULL)
		set_state(guest, GUEST_ENDING, NULL);
	pthread_mutex_unlock(&lock);
	return guest;
}

/* The kernel waits until the VF is closed. */
static void
end_revoked(void)
{
	struct guest *guest;

	while ((guest = next_revoked()) != NULL) {
		struct err err, why;
		const int ret = one_end(guest, &err);

		err_set(&why, 0, "the kernel took VF %u of %s back", guest->conf.vf,
				guest->conf.pf);
		pthread_mutex_lock(&lock);
		set_state(guest, ret == 0 ? GUEST_WAITING : GUEST_STUCK, ret == 0 ? &why : &err);
		pthread_mutex_unlock(&lock);
	}
}

static struct guest *
next_to_repair(void)
{
	struct guest *guest;

	pthread_mutex_lock(&lock);
	guest = list;
	while (guest != NULL &&
			(guest->state != GUEST_RUNNING || guest->revoked ||
					!atomic_exchange(&guest->needs_reset, false)))
		guest = guest->next;
	if (guest != NULL)
		set_state(guest, GUEST_STARTING, NULL);
	pthread_mutex_unlock(&lock);
	return guest;
}

/* A VF that cannot be repaired is opened again, as soon as possible. */
static void
repair_guests(void)
{
	struct guest *guest;

	while (!stopping && (guest = next_to_repair()) != NULL) {
		struct err why, err;
		const int ret = one_repair(guest, &why);
		const int ended = ret != 0 ? one_end(guest, &err) : 0;

		pthread_mutex_lock(&lock);
		if (ret == 0)
			set_state(guest, GUEST_RUNNING, NULL);
		else
			set_state(guest, ended == 0 ? GUEST_WAITING : GUEST_STUCK,
					ended == 0 ? &why : &err);
		pthread_mutex_unlock(&lock);
	}
}

static void *
guests_main(void *arg)
{
	bool waiting = start_waiting();

	while (!stopping) {
		struct pollfd wait[2] = { { .fd = wake_fd, .events = POLLIN },
			{ .fd = vsrd.fd, .events = POLLIN } };
		eventfd_t count;

		poll(wait, 2, vsrd.fd < 0 || waiting ? RETRY_MS : -1);
		eventfd_read(wake_fd, &count);
		if (vsrd.fd >= 0)
			vsrd_news_read(&vsrd);
		if (vsrd.fd < 0)
			vsrd_news_open(&vsrd, conf.vsrd);
		vsrd_answers = vsrd.fd >= 0;
		end_revoked();
		repair_guests();
		waiting = start_waiting();
	}
	return NULL;
}

/* ---------------------------------------------------------------- start, stop */

static int
restore(struct err *err)
{
	struct guest_conf *confs = calloc(GUESTS_MAX, sizeof(*confs));
	struct err why;
	int nb;

	if (confs == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	nb = conf_load(conf.state, confs, &why, err);
	if (nb >= 0 && why.text[0] != '\0')
		log_error("%s", why.text);
	for (int i = 0; i < nb; i++)
		insert(&confs[i], GUEST_WAITING);
	free(confs);
	return nb < 0 ? nb : 0;
}

static void
init_news(void)
{
	pthread_condattr_t attr;

	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&news, &attr);
	pthread_condattr_destroy(&attr);
}

/* The sockets in the folder, and the guests of the state file, are those of one process. The lock
 * ends with the process. */
static int
lock_folder(struct err *err)
{
	const int folder = base_folder_open(conf.folder, true);

	if (folder < 0)
		return err_set(err, folder, "cannot use the folder %s: %s", conf.folder,
				base_path_error(folder));
	if (flock(folder, LOCK_EX | LOCK_NB) == 0)
		return 0;
	close(folder);
	return err_set(err, -EADDRINUSE,
			"another vsr-bridge has the folder %s: stop it first, or name another folder "
			"with --run-dir",
			conf.folder);
}

int
guests_start(const struct guests_conf *set, struct err *err)
{
	static const struct vhost_calls calls = { .came = on_came,
		.stopped = on_stopped,
		.ring = copy_ring,
		.left = on_left };
	int ret;

	conf = *set;
	init_news();
	ret = lock_folder(err);
	if (ret != 0)
		return ret;
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (wake_fd < 0)
		return err_set(err, -errno, "cannot create an event descriptor");
	ret = restore(err);
	if (ret != 0)
		return ret;
	pf_host_init(&env.host);
	env.vsrd = conf.vsrd;
	env.folder = conf.folder;
	env.wake = wake;
	env.gate = gate_start(err);
	if (env.gate == NULL)
		return -EIO;
	ret = vhost_init(&calls, conf.folder, err);
	if (ret == 0)
		ret = copy_init(on_copy_event, err);
	if (ret != 0)
		return ret;
	rte_pmd_vdpa_vsr_event_set(on_vf_event, NULL);
	ret = -pthread_create(&thread, NULL, guests_main, NULL);
	return ret == 0 ? 0 : err_set(err, ret, "cannot start a thread: %s", strerror(-ret));
}

/* All front ends lose their connections now, so that their ends overlap. */
static void
shut_all(void)
{
	pthread_mutex_lock(&lock);
	for (struct guest *guest = list; guest != NULL; guest = guest->next)
		if (guest->state == GUEST_RUNNING)
			guest->front->shut(guest);
	pthread_mutex_unlock(&lock);
}

static bool
end_all(void)
{
	const struct timespec end = base_deadline(STOP_MS);
	bool fine = true;

	pthread_mutex_lock(&lock);
	while (list != NULL) {
		struct guest *guest = list;
		int ret = 0;

		while (guest != NULL && guest->state != GUEST_RUNNING &&
				guest->state != GUEST_WAITING)
			guest = guest->next;
		if (guest == NULL) { /* clients of the socket start or end the others */
			if (pthread_cond_timedwait(&news, &lock, &end) == 0)
				continue;
			fine = false;
			break;
		}
		if (guest->state == GUEST_RUNNING) {
			struct err err;

			set_state(guest, GUEST_ENDING, NULL);
			pthread_mutex_unlock(&lock);
			ret = one_end(guest, &err);
			pthread_mutex_lock(&lock);
			if (ret != 0)
				set_state(guest, GUEST_STUCK, &err);
		}
		if (ret == 0)
			drop(guest);
	}
	pthread_mutex_unlock(&lock);
	return fine;
}

bool
guests_stop(void)
{
	const struct timespec end = base_deadline(STOP_MS);

	stopping = true;
	wake();
	shut_all();
	if (pthread_clockjoin_np(thread, NULL, CLOCK_MONOTONIC, &end) != 0)
		return false;
	rte_pmd_vdpa_vsr_event_set(NULL, NULL);
	if (!end_all())
		return false;
	gate_stop(env.gate);
	vsrd_news_close(&vsrd);
	close(wake_fd);
	pthread_cond_destroy(&news);
	return true;
}

/* ---------------------------------------------------------------- for people */

json_t *
guests_list(const char *pf)
{
	json_t *out = json_array();

	pthread_mutex_lock(&lock);
	for (struct guest *guest = list; guest != NULL; guest = guest->next)
		if (pf == NULL || strcmp(guest->conf.pf, pf) == 0)
			json_array_append_new(out, guest->front->show(guest));
	pthread_mutex_unlock(&lock);
	return out;
}

static json_t *
show(const char *pf, unsigned int vf, bool stats, struct err *err)
{
	const struct guest *guest;
	json_t *out = NULL;

	pthread_mutex_lock(&lock);
	guest = find(pf, vf);
	if (guest != NULL)
		out = stats ? guest->front->show_stats(guest) : guest->front->show_in_full(guest);
	pthread_mutex_unlock(&lock);
	if (guest == NULL)
		err_set(err, -ENOENT, "VF %u of %s has no guest", vf, pf);
	return out;
}

json_t *
guests_show(const char *pf, unsigned int vf, struct err *err)
{
	return show(pf, vf, false, err);
}

json_t *
guests_stats(const char *pf, unsigned int vf, struct err *err)
{
	return show(pf, vf, true, err);
}

json_t *
guests_problems(void)
{
	json_t *out = json_array();

	pthread_mutex_lock(&lock);
	for (struct guest *guest = list; guest != NULL; guest = guest->next) {
		if (guest->why.text[0] == '\0')
			continue;
		json_array_append_new(out,
				json_pack("{s:s, s:i, s:s}", "pf", guest->conf.pf, "vf",
						(int)guest->conf.vf, "text", guest->why.text));
	}
	pthread_mutex_unlock(&lock);
	return out;
}

bool
guests_vsrd_answers(void)
{
	return vsrd_answers;
}
