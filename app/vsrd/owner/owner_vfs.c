/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * What is done with a PF: VFs come and go, tokens change, mishaps are seen.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "common/show.h"
#include "virtio_spec/pci.h"

#include "vsrd/core/events.h"
#include "vsrd/core/log.h"
#include "vsrd/owner/owner.h"
#include "vsrd/owner/owner_priv.h"

#define DRAIN_US 5000000

/* ---------------------------------------------------------------- who is in the way */

static int
refuse_pasid(struct owner_pf *pf, const char *then, json_t **users, struct why *why)
{
	json_t *list = json_array();
	struct pasid_user first;
	size_t nb;

	pthread_mutex_lock(&pf->users_lock);
	nb = pf->pasid.nb;
	if (nb != 0)
		first = pf->pasid.v[0];
	for (size_t i = 0; i < nb; i++)
		json_array_append_new(list,
				json_pack("{s:i, s:i, s:s}", "vf", (int)pf->pasid.v[i].vf, "pid",
						pf->pasid.v[i].pid, "name", "pasid"));
	pthread_mutex_unlock(&pf->users_lock);
	if (nb == 0) {
		json_decref(list);
		return 0;
	}
	*users = list;
	return why_not(why, -EBUSY,
			"the PASID state of %s is used for VF %u by process %d: end "
			"that use, then %s",
			pf->fn.bdf, first.vf, first.pid, then);
}

int
owner_unused(struct owner *owner, struct owner_pf *pf, const char *then, json_t **users,
		struct why *why)
{
	struct vf_user *found = calloc(PF_MAX_USERS, sizeof(*found));
	size_t nb = 0;
	int ret;

	*users = NULL;
	if (found == NULL)
		return why_not(why, -ENOMEM, "there is no memory");
	ret = pf_unused(&owner->host, &pf->fn, then, found, &nb, why);
	if (ret == -EBUSY)
		*users = show_users(found, nb);
	/* Those that are open in this process are those that it serves. */
	if (ret == -EBUSY && found[0].pid == getpid())
		why_not(why, ret,
				"VF %u (%s) is served to guests: run vsrctl legacy unserve %s "
				"%u, then %s",
				found[0].vf, found[0].bdf, pf->fn.bdf, found[0].vf, then);
	free(found);
	return ret != 0 ? ret : refuse_pasid(pf, then, users, why);
}

/* ---------------------------------------------------------------- VFs */

static void
tell_vfs(struct owner *owner, const struct owner_pf *pf, unsigned int from, unsigned int to,
		const char *type)
{
	for (unsigned int i = from; i <= to; i++) {
		char bdf[BASE_BDF_LEN] = "";
		json_t *what = json_pack("{s:s, s:i}", "pf", pf->fn.bdf, "vf", (int)i);

		if (sysfs_vf_bdf(owner->host.sysfs, pf->fn.bdf, i, bdf) == 0)
			json_object_set_new(what, "pci", json_string(bdf));
		events_emit(type, what);
	}
}

/* The number of VFs is another one now. */
static void
vfs_changed(struct owner *owner, struct owner_pf *pf)
{
	struct sysfs_fn fn;

	if (sysfs_fn_read(owner->host.sysfs, pf->fn.bdf, &fn) == 0)
		pf->fn = fn;
	if (pf->fn.num_vfs == pf->known_vfs)
		return;
	tell_vfs(owner, pf, pf->fn.num_vfs + 1, pf->known_vfs, "vf_removed");
	tell_vfs(owner, pf, pf->known_vfs + 1, pf->fn.num_vfs, "vf_added");
	pf->known_vfs = pf->fn.num_vfs;
	if (pf->live)
		owner_admin_agree(pf);
}

/* A PF that the kernel is just taking from its driver is locked until we close it: who writes
 * sriov_numvfs then sleeps, and does not close it. The link to the driver goes first. */
static int
still_bound(const struct owner_pf *pf, struct why *why)
{
	if (pf->fn.driver[0] != '\0')
		return 0;
	return why_not(why, -ENODEV,
			"%s is being taken from its driver: bind it to vfio-pci again "
			"first",
			pf->fn.bdf);
}

int
owner_vfs_create(struct owner *owner, struct owner_pf *pf, unsigned int count, const char *token,
		json_t **users, struct why *why)
{
	char text[32];
	int ret;

	*users = NULL;
	snprintf(text, sizeof(text), "%u", count);
	ret = still_bound(pf, why);
	if (ret == 0)
		ret = pf_count_parse(&pf->fn, text, &count, why);
	if (ret == 0 && pf->fn.num_vfs != 0) {
		ret = owner_unused(owner, pf, "try again", users, why);
		ret = pf_has_no_vfs(&owner->host, &pf->fn, why);
	}
	if (ret == 0 && pf->sriov_err != 0) {
		*why = pf->sriov_why;
		ret = pf->sriov_err;
	}
	if (ret == 0)
		ret = refuse_pasid(pf, "try again", users, why);
	if (ret == 0 && token != NULL && strcmp(token, pf->token) != 0)
		ret = owner_token_set(owner, pf, token, users, why);
	if (ret == 0)
		ret = pf_vfs_enable(&owner->host, &pf->fn, count, pf->token, why);
	if (ret == 0)
		vfs_changed(owner, pf);
	return ret;
}

int
owner_vfs_destroy(struct owner *owner, struct owner_pf *pf, unsigned int *destroyed, json_t **users,
		struct why *why)
{
	char then[64];
	int ret;

	*users = NULL;
	*destroyed = pf->fn.num_vfs;
	ret = still_bound(pf, why);
	if (ret != 0)
		return ret;
	if (pf->fn.num_vfs == 0)
		return why_not(why, -ENOENT, "%s has no VFs", pf->fn.bdf);
	snprintf(then, sizeof(then), "run vsrctl vf destroy %s again", pf->fn.bdf);
	ret = owner_unused(owner, pf, then, users, why);
	if (ret != 0)
		return ret;
	/* virtio 1.4 2.12.1: VF Enable stays set while a command for a VF is outstanding. */
	if (pf->admin != NULL && vio_admin_drain(pf->admin, VIO_SRIOV, DRAIN_US) != 0)
		return why_not(why, -EBUSY,
				"a command for a VF of %s does not end: reset the PF "
				"with vsrctl pf reset %s",
				pf->fn.bdf, pf->fn.bdf);
	if (pf->admin != NULL)
		vio_admin_forget(pf->admin, VIO_SRIOV);
	ret = pf_vfs_disable(&owner->host, &pf->fn, why);
	vfs_changed(owner, pf);
	if (ret != 0)
		owner_admin_agree(pf);
	return ret;
}

/* ---------------------------------------------------------------- token, reset */

int
owner_token_set(struct owner *owner, struct owner_pf *pf, const char *token, json_t **users,
		struct why *why)
{
	char fresh[TOKEN_LEN], text[256] = "";
	int ret;

	ret = token == NULL ? token_make(fresh) : token_parse(token, fresh);
	if (ret != 0)
		return why_not(why, ret,
				"\"%.64s\" is no UUID such as "
				"f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
				token != NULL ? token : "");
	ret = owner_unused(owner, pf, "try again", users, why);
	if (ret != 0)
		return ret;
	ret = vio_vfio_token_set(&pf->vfio, pf->fn.bdf, fresh, text, sizeof(text));
	if (ret != 0)
		return why_not(why, ret, "%s does not take the token: %s", pf->fn.bdf, text);
	strcpy(pf->token, fresh);
	return owner_token_keep(owner, pf, why);
}

int
owner_pf_reset(struct owner *owner, struct owner_pf *pf, struct why *why)
{
	int ret = owner_bring_up(owner, pf);

	*why = pf->state_why;
	if (pf->memory.addr != NULL && !pf->memory_kept)
		owner_keep(pf);
	if (ret == 0)
		events_emit("pf_reset", json_pack("{s:s}", "pf", pf->fn.bdf));
	return ret;
}

int
owner_admin_ready(struct owner_pf *pf, unsigned int vf, struct why *why)
{
	if (pf->admin == NULL) {
		*why = pf->admin_why;
		return -EOPNOTSUPP;
	}
	if (vf > pf->fn.num_vfs)
		return why_not(why, -ENXIO, "%s has no VF %u: it has %u VFs", pf->fn.bdf, vf,
				pf->fn.num_vfs);
	return 0;
}

/* ---------------------------------------------------------------- looking after them */

static void
look_at_device(struct owner_pf *pf)
{
	const uint8_t status = vio_dev_status(&pf->dev);
	const bool gone = status == 0xff;
	const bool sick = !gone && (status & VIRTIO_STATUS_NEEDS_RESET) != 0;

	if (gone && !pf->gone)
		events_emit("device_error",
				json_pack("{s:s, s:s}", "pf", pf->fn.bdf, "why",
						"its registers cannot be read any more"));
	if (sick && !pf->sick)
		events_emit("device_error",
				json_pack("{s:s, s:s}", "pf", pf->fn.bdf, "why",
						"it needs a reset (DEVICE_NEEDS_RESET)"));
	pf->gone = gone;
	pf->sick = sick;
}

static void
look_at(struct owner *owner, struct owner_pf *pf)
{
	eventfd_t count;

	if (pf->request >= 0 && eventfd_read(pf->request, &count) == 0) {
		char bdf[BASE_BDF_LEN];

		/* It is unbound or unplugged, which waits for us, and takes the VFs along. */
		strcpy(bdf, pf->fn.bdf);
		owner_drop(pf);
		events_emit("pf_removed",
				json_pack("{s:s, s:s}", "pf", bdf, "why",
						"the system wants it back"));
		return;
	}
	vfs_changed(owner, pf);
	look_at_device(pf);
}

void
owner_watch(struct owner *owner)
{
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		struct owner_pf *pf = &owner->pfs[i];

		/* One that is busy is looked at the next time. */
		if (pthread_rwlock_trywrlock(&pf->lock) != 0)
			continue;
		if (pf->used)
			look_at(owner, pf);
		pthread_rwlock_unlock(&pf->lock);
	}
}
