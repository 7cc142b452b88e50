/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The VFs of a PF: created and destroyed by us, or changed by others. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vsrd/core/events.h"
#include "owner_admin.h"
#include "owner_pf.h"
#include "owner_users.h"
#include "owner_vfs.h"

#define DRAIN_US 5000000

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
void
owner_vfs_changed(struct owner *owner, struct owner_pf *pf)
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
		/* For the list of users only: the refusal is that there are VFs. */
		(void)owner_unused(owner, pf, "try again", users, why);
		ret = pf_has_no_vfs(&owner->host, &pf->fn, why);
	}
	if (ret == 0 && pf->sriov_err != 0) {
		*why = pf->sriov_why;
		ret = pf->sriov_err;
	}
	if (ret == 0)
		ret = owner_pasid_unused(pf, "try again", users, why);
	if (ret == 0 && token != NULL && strcmp(token, pf->token) != 0)
		ret = owner_token_set(owner, pf, token, users, why);
	if (ret == 0)
		ret = pf_vfs_enable(&owner->host, &pf->fn, count, pf->token, why);
	if (ret == 0)
		owner_vfs_changed(owner, pf);
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
	owner_vfs_changed(owner, pf);
	if (ret != 0)
		owner_admin_agree(pf);
	return ret;
}
