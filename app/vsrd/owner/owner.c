/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The set of PFs that the daemon owns. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "virtio/vio_err.h"

#include "daemon/events.h"
#include "daemon/log.h"
#include "owner.h"
#include "owner_keep.h"
#include "owner_users.h"
#include "owner_watch.h"

void
owner_init(struct owner *owner)
{
	memset(owner, 0, sizeof(*owner));
	pf_host_init(&owner->host);
	owner->host.note = log_sentence;
	pthread_mutex_init(&owner->lock, NULL);
	owner->stop = eventfd(0, EFD_CLOEXEC);
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		struct owner_pf *pf = &owner->pfs[i];

		pf->owner = owner;
		gate_init(&pf->gate);
		pthread_mutex_init(&pf->users_lock, NULL);
		pthread_mutex_init(&pf->view_lock, NULL);
		pf->request = pf->memory.fd = -1;
	}
}

void
owner_stop(struct owner *owner)
{
	owner->stopping = true;
	eventfd_write(owner->stop, 1);
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		gate_close(&owner->pfs[i].gate);
}

/* ---------------------------------------------------------------- attach, adopt */

/* With owner->lock held, like free_place(). */
static struct owner_pf *
find(struct owner *owner, const char *bdf)
{
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		if ((owner->pfs[i].used || owner->pfs[i].reserved) &&
				strcmp(owner->pfs[i].bdf, bdf) == 0)
			return &owner->pfs[i];
	return NULL;
}

static struct owner_pf *
free_place(struct owner *owner)
{
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		if (!owner->pfs[i].used && !owner->pfs[i].reserved)
			return &owner->pfs[i];
	return NULL;
}

/* The change is inside the gate alone. */
static int
open_new(struct owner *owner, struct owner_pf *pf, json_t **users, struct err *err)
{
	char then[128];
	int ret;

	/* The first open of a function resets it, and a reset of the PF resets its VFs. */
	snprintf(then, sizeof(then),
			"run vsrctl pf attach %s (opening the PF would reset it "
			"and its VFs)",
			pf->fn.bdf);
	ret = owner_check_vfs_unused(owner, pf, then, users, err);
	if (ret == 0)
		ret = owner_token_choose(owner, pf, err);
	if (ret == 0)
		ret = pf_open(&owner->host, &pf->fn, pf->token, &pf->vfio, err);
	if (ret == 0)
		owner_take(owner, pf);
	return ret;
}

/* Choose a place for a PF, and let nobody else attach that PF. */
static int
reserve(struct owner *owner, const struct sysfs_fn *fn, struct owner_pf **out, struct err *err)
{
	struct owner_pf *pf;
	int ret = 0;

	pthread_mutex_lock(&owner->lock);
	pf = find(owner, fn->bdf);
	if (pf != NULL) {
		ret = err_set(err, -EEXIST,
				pf->used ? "vsrd owns %s already" :
					   "another client attaches %s now",
				fn->bdf);
	} else {
		pf = free_place(owner);
		if (pf == NULL)
			ret = err_set(err, -ENOSPC, "vsrd owns %u PFs already, the most it can own",
					OWNER_MAX_PFS);
	}
	if (pf != NULL && ret == 0) {
		pf->reserved = true;
		strcpy(pf->bdf, fn->bdf);
	}
	pthread_mutex_unlock(&owner->lock);
	*out = pf;
	return ret;
}

/* Enter the gate of a PF. @return 0, or the refusal of the wait. */
static int
enter(struct owner_pf *pf, const char *change, unsigned int wait_ms, struct err *err)
{
	const int ret = gate_enter(&pf->gate, change, wait_ms);
	const char *other;
	unsigned int seconds;

	if (ret == 0)
		return 0;
	if (ret == -ECANCELED)
		return err_set(err, ret, "vsrd is ending");
	other = gate_change(&pf->gate, &seconds);
	if (other != NULL)
		return err_set(err, ret,
				"%s is busy: %s has been running for %u s: try again later",
				pf->bdf, other, seconds);
	return err_set(err, ret, "%s is busy with commands of its admin queue: try again later",
			pf->bdf);
}

int
owner_attach(struct owner *owner, const char *name, json_t **users, struct err *err)
{
	struct owner_pf *pf;
	struct sysfs_fn fn;
	int ret = pf_find(&owner->host, name, &fn, err);

	*users = NULL;
	if (ret == 0)
		ret = reserve(owner, &fn, &pf, err);
	if (ret != 0)
		return ret;
	ret = enter(pf, "pf.attach", OWNER_WAIT_MS, err);
	if (ret == 0) {
		pf->fn = fn;
		ret = open_new(owner, pf, users, err);
		owner_publish(pf);
		gate_leave(&pf->gate);
	}
	pthread_mutex_lock(&owner->lock);
	pf->reserved = false;
	pthread_mutex_unlock(&owner->lock);
	if (ret == 0)
		owner_watch_start(pf);
	return ret;
}

unsigned int
owner_adopt(struct owner *owner, struct fdstore *store)
{
	struct sysfs_fn *fns;
	const int nb = sysfs_list(owner->host.sysfs, &fns);
	unsigned int adopted = 0;
	struct err err;

	for (int i = 0; i < nb; i++) {
		struct owner_pf *pf = free_place(owner);

		if (pf == NULL || !owner_has_kept(store, fns[i].bdf))
			continue;
		pf->fn = fns[i];
		if (!owner_take_kept(pf, store))
			continue;
		pf->adopted = pf->kept = true;
		pf->nb_sent = OWNER_KEPT_PARTS;
		if (owner_token_choose(owner, pf, &err) != 0)
			log_error("%s", err.text);
		/* The file with the token is lost, so the token is unknown: set a new one. */
		if (!pf->token_in_file && vio_vfio_token_set(&pf->vfio, pf->fn.bdf, pf->token) != 0)
			log_error("%s: its token file is lost, and a new token cannot be set: "
				  "%s",
					pf->fn.bdf, vio_err());
		strcpy(pf->bdf, pf->fn.bdf);
		owner_take(owner, pf);
		owner_publish(pf);
		owner_watch_start(pf);
		adopted++;
	}
	if (nb > 0)
		free(fns);
	return adopted;
}

/* ---------------------------------------------------------------- find, release */

static int
not_owned(const char *bdf, struct err *err)
{
	return err_set(err, -ENODEV,
			"vsrd does not own %s: start it with --pf %s, or run "
			"vsrctl pf attach %s",
			bdf, bdf, bdf);
}

/* @return the place of a PF, or NULL with *ret and *err. */
static struct owner_pf *
look_up(struct owner *owner, const char *name, int *ret, struct err *err)
{
	char bdf[BASE_BDF_LEN];
	struct owner_pf *pf;

	if (base_bdf_expand(name, bdf) != 0) {
		*ret = err_set(err, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				name);
		return NULL;
	}
	pthread_mutex_lock(&owner->lock);
	pf = find(owner, bdf);
	pthread_mutex_unlock(&owner->lock);
	if (pf == NULL)
		*ret = not_owned(bdf, err);
	return pf;
}

struct owner_pf *
owner_get(struct owner *owner, const char *name, const char *change, unsigned int wait_ms, int *ret,
		struct err *err)
{
	char bdf[BASE_BDF_LEN] = "";
	struct owner_pf *pf = look_up(owner, name, ret, err);

	if (pf == NULL)
		return NULL;
	base_bdf_expand(name, bdf);
	*ret = enter(pf, change, wait_ms, err);
	if (*ret != 0)
		return NULL;
	/* Another one may have released it meanwhile, or failed to attach it. */
	if (pf->used && strcmp(pf->bdf, bdf) == 0) {
		struct sysfs_fn fn;

		/* sysfs may have changed; pf->fn is written by a change only. */
		if (change != NULL && sysfs_fn_read(owner->host.sysfs, bdf, &fn) == 0)
			pf->fn = fn;
		return pf;
	}
	gate_leave(&pf->gate);
	*ret = not_owned(bdf, err);
	return NULL;
}

void
owner_put(struct owner_pf *pf)
{
	unsigned int seconds;

	if (gate_change(&pf->gate, &seconds) != NULL)
		owner_publish(pf);
	gate_leave(&pf->gate);
}

struct owner_pf *
owner_view(struct owner *owner, const char *name, struct owner_view *view, int *ret,
		struct err *err)
{
	struct owner_pf *pf = look_up(owner, name, ret, err);

	if (pf == NULL)
		return NULL;
	/* Device status and queues as they are now, unless a change is inside. */
	if (gate_enter(&pf->gate, NULL, 0) == 0) {
		owner_publish(pf);
		gate_leave(&pf->gate);
	}
	if (owner_view_at(owner, (unsigned int)(pf - owner->pfs), view))
		return pf;
	*ret = view->change != NULL ?
			err_set(err, -EBUSY, "%s is busy: %s has been running for %u s", pf->bdf,
					view->change, view->change_s) :
			not_owned(pf->bdf, err);
	return NULL;
}

int
owner_release(struct owner *owner, const char *name, json_t **users, struct err *err)
{
	struct owner_pf *pf;
	int ret = 0;

	pf = owner_get(owner, name, "pf.release", OWNER_WAIT_MS, &ret, err);
	if (pf == NULL)
		return ret;
	ret = owner_check_vfs_unused(owner, pf, "release the PF", users, err);
	if (ret == 0) {
		char bdf[BASE_BDF_LEN];

		strcpy(bdf, pf->fn.bdf);
		owner_forget(pf);
		vio_dev_reset(&pf->dev);
		owner_clear(pf);
		events_emit("pf_released", json_pack("{s:s}", "pf", bdf));
	}
	owner_put(pf);
	return ret;
}

static unsigned int
left_ms(long long end)
{
	const long long left = end - base_now_ms();

	return left > 0 ? (unsigned int)left : 0;
}

/* All PFs share one deadline: all were told at the same time. @return false: somebody is inside. */
static bool
leave_one(struct owner_pf *pf, bool keeper, long long end)
{
	if (!gate_wait_empty(&pf->gate, left_ms(end)) || !owner_watch_end(pf, left_ms(end))) {
		log_warn("%s is left as it is: it does not come to an end of what it does",
				pf->bdf);
		return false;
	}
	/* A keeper that was too slow until now has what was sent. */
	pf->kept = keeper && owner_is_sent(pf);
	if (pf->used && !pf->kept && pf->fn.num_vfs != 0)
		log_warn("%s is reset now, and its %u VFs lose their state", pf->fn.bdf,
				pf->fn.num_vfs);
	/* A PF whose descriptors are kept goes on running, queues included. */
	if (pf->used && !pf->kept) {
		/* VFIO resets it when it is closed: nobody has to wait for a slow one. */
		pf->dev.timeout_us = 1000 * left_ms(end);
		vio_dev_reset(&pf->dev);
		owner_clear(pf);
	}
	return true;
}

bool
owner_leave(struct owner *owner)
{
	/* A keeper that does not answer in time still has the descriptors. */
	const int flushed = fdstore_flush();
	const bool keeper = flushed == 0 || flushed == -ETIMEDOUT;
	const long long end = base_now_ms() + OWNER_LEAVE_MS;
	bool all = true;

	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		all = leave_one(&owner->pfs[i], keeper, end) && all;
	return all;
}
