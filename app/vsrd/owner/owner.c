/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The set of PFs that the daemon owns. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "virtio/vio_err.h"
#include "virtio_spec/pci.h"

#include "vsrd/core/events.h"
#include "vsrd/core/log.h"
#include "owner.h"
#include "owner_keep.h"
#include "owner_users.h"

void
owner_init(struct owner *owner)
{
	pthread_rwlockattr_t attr;

	memset(owner, 0, sizeof(*owner));
	pf_host_init(&owner->host);
	owner->host.note = log_sentence;
	pthread_mutex_init(&owner->lock, NULL);
	pthread_rwlockattr_init(&attr);
	/* A stream of commands must not starve a change. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		pthread_rwlock_init(&owner->pfs[i].lock, &attr);
		pthread_mutex_init(&owner->pfs[i].users_lock, NULL);
		owner->pfs[i].request = owner->pfs[i].memory.fd = -1;
	}
	pthread_rwlockattr_destroy(&attr);
}

/* ---------------------------------------------------------------- attach, adopt */

static struct owner_pf *
find(struct owner *owner, const char *bdf)
{
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		if (owner->pfs[i].used && strcmp(owner->pfs[i].bdf, bdf) == 0)
			return &owner->pfs[i];
	return NULL;
}

static struct owner_pf *
free_place(struct owner *owner)
{
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		if (!owner->pfs[i].used)
			return &owner->pfs[i];
	return NULL;
}

/* With pf->lock and owner->lock held. */
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

int
owner_attach(struct owner *owner, const char *name, json_t **users, struct err *err)
{
	struct owner_pf *pf;
	struct sysfs_fn fn;
	int ret = pf_find(&owner->host, name, &fn, err);

	*users = NULL;
	if (ret != 0)
		return ret;
	pthread_mutex_lock(&owner->lock);
	pf = free_place(owner);
	if (find(owner, fn.bdf) != NULL) {
		ret = err_set(err, -EEXIST, "vsrd owns %s already", fn.bdf);
	} else if (pf == NULL) {
		ret = err_set(err, -ENOSPC, "vsrd owns %u PFs already, the most it can own",
				OWNER_MAX_PFS);
	} else {
		pthread_rwlock_wrlock(&pf->lock);
		pf->fn = fn;
		ret = open_new(owner, pf, users, err);
		pthread_rwlock_unlock(&pf->lock);
	}
	pthread_mutex_unlock(&owner->lock);
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
		if (owner_token_choose(owner, pf, &err) != 0)
			log_error("%s", err.text);
		/* The file with the token is lost, so the token is unknown: set a new one. */
		if (!pf->token_in_file && vio_vfio_token_set(&pf->vfio, pf->fn.bdf, pf->token) != 0)
			log_error("%s: its token file is lost, and a new token cannot be set: "
				  "%s",
					pf->fn.bdf, vio_err());
		owner_take(owner, pf);
		adopted++;
	}
	if (nb > 0)
		free(fns);
	return adopted;
}

/* ---------------------------------------------------------------- find, release */

struct owner_pf *
owner_get(struct owner *owner, const char *name, bool change, int *ret, struct err *err)
{
	char bdf[BASE_BDF_LEN];
	struct owner_pf *pf;

	if (base_bdf_expand(name, bdf) != 0) {
		*ret = err_set(err, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				name);
		return NULL;
	}
	/* Attach and release hold this lock throughout, so that no PF is found half open. */
	pthread_mutex_lock(&owner->lock);
	pf = find(owner, bdf);
	pthread_mutex_unlock(&owner->lock);
	if (pf != NULL && change)
		pthread_rwlock_wrlock(&pf->lock);
	else if (pf != NULL)
		pthread_rwlock_rdlock(&pf->lock);
	if (pf != NULL && pf->used && strcmp(pf->bdf, bdf) == 0) {
		struct sysfs_fn fn;

		/* sysfs may have changed; pf->fn may be written with the exclusive lock only. */
		if (change && sysfs_fn_read(owner->host.sysfs, bdf, &fn) == 0)
			pf->fn = fn;
		return pf;
	}
	if (pf != NULL)
		pthread_rwlock_unlock(&pf->lock);
	*ret = err_set(err, -ENODEV,
			"vsrd does not own %s: start it with --pf %s, or run "
			"vsrctl pf attach %s",
			bdf, bdf, bdf);
	return NULL;
}

void
owner_put(struct owner_pf *pf)
{
	pthread_rwlock_unlock(&pf->lock);
}

int
owner_release(struct owner *owner, const char *name, json_t **users, struct err *err)
{
	struct owner_pf *pf;
	int ret = 0;

	pf = owner_get(owner, name, true, &ret, err);
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

void
owner_leave(struct owner *owner)
{
	/* A keeper that does not answer in time still has the descriptors. */
	const int flushed = fdstore_flush();
	const bool keeper = flushed == 0 || flushed == -ETIMEDOUT;

	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		struct owner_pf *pf = &owner->pfs[i];

		pthread_rwlock_wrlock(&pf->lock);
		pf->kept = pf->kept && keeper;
		if (pf->used && !pf->kept && pf->fn.num_vfs != 0)
			log_warn("%s is reset now, and its %u VFs lose their state", pf->fn.bdf,
					pf->fn.num_vfs);
		/* A PF whose descriptors are kept goes on running, queues included. */
		if (pf->used && !pf->kept) {
			vio_dev_reset(&pf->dev);
			owner_clear(pf);
		}
		pthread_rwlock_unlock(&pf->lock);
	}
}

/* ---------------------------------------------------------------- watch */

static void
check_device(struct owner_pf *pf)
{
	const uint8_t status = vio_dev_status(&pf->dev);
	const bool gone = status == 0xff;
	const bool needs_reset = !gone && (status & VIRTIO_STATUS_NEEDS_RESET) != 0;

	if (gone && !pf->gone)
		events_emit("device_error",
				json_pack("{s:s, s:s}", "pf", pf->fn.bdf, "why",
						"its registers cannot be read any more"));
	if (needs_reset && !pf->needs_reset)
		events_emit("device_error",
				json_pack("{s:s, s:s}", "pf", pf->fn.bdf, "why",
						"it needs a reset (DEVICE_NEEDS_RESET)"));
	pf->gone = gone;
	pf->needs_reset = needs_reset;
}

static void
check_pf(struct owner *owner, struct owner_pf *pf)
{
	eventfd_t count;

	if (pf->request >= 0 && eventfd_read(pf->request, &count) == 0) {
		char bdf[BASE_BDF_LEN];

		/* The kernel unbinds or unplugs the PF and waits for our close. The VFs go too. */
		strcpy(bdf, pf->fn.bdf);
		owner_drop(pf);
		events_emit("pf_removed",
				json_pack("{s:s, s:s}", "pf", bdf, "why",
						"the kernel requested it back"));
		return;
	}
	owner_vfs_changed(owner, pf);
	check_device(pf);
}

void
owner_watch(struct owner *owner)
{
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		struct owner_pf *pf = &owner->pfs[i];

		/* Skip a busy PF; the next call checks it. */
		if (pthread_rwlock_trywrlock(&pf->lock) != 0)
			continue;
		if (pf->used)
			check_pf(owner, pf);
		pthread_rwlock_unlock(&pf->lock);
	}
}
