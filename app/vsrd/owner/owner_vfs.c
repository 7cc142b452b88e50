/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The VFs of a PF. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "daemon/events.h"
#include "owner_admin.h"
#include "owner_pf.h"
#include "owner_users.h"
#include "owner_vfs.h"

#define DRAIN_US 5000000

static void
emit_vfs(struct owner *owner, const struct owner_pf *pf, unsigned int from, unsigned int to,
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

void
owner_vfs_changed(struct owner *owner, struct owner_pf *pf)
{
	struct sysfs_fn fn;

	if (sysfs_fn_read(owner->host.sysfs, pf->fn.bdf, &fn) == 0)
		pf->fn = fn;
	if (pf->fn.num_vfs == pf->known_vfs)
		return;
	emit_vfs(owner, pf, pf->fn.num_vfs + 1, pf->known_vfs, "vf_removed");
	emit_vfs(owner, pf, pf->known_vfs + 1, pf->fn.num_vfs, "vf_added");
	pf->known_vfs = pf->fn.num_vfs;
	if (pf->up)
		owner_admin_agree(pf);
}

/* While the kernel unbinds the PF, it holds the device lock until we close the PF: a write to
 * sriov_numvfs would wait for that lock, and we would never close. The driver link goes first. */
static int
still_bound(const struct owner_pf *pf, struct err *err)
{
	if (pf->fn.driver[0] != '\0')
		return 0;
	return err_set(err, -ENODEV,
			"%s is being unbound from its driver: bind it to vfio-pci again "
			"first",
			pf->fn.bdf);
}

int
owner_vfs_create(struct owner *owner, struct owner_pf *pf, unsigned int count, const char *token,
		json_t **users, struct err *err)
{
	char text[32];
	int ret;

	*users = NULL;
	snprintf(text, sizeof(text), "%u", count);
	ret = still_bound(pf, err);
	if (ret == 0)
		ret = pf_count_parse(&pf->fn, text, &count, err);
	if (ret == 0 && pf->fn.num_vfs != 0) {
		/* For the list of users only: the refusal is that there are VFs. */
		(void)owner_check_vfs_unused(owner, pf, "try again", users, err);
		ret = pf_has_no_vfs(&owner->host, &pf->fn, err);
	}
	if (ret == 0 && pf->sriov_ret != 0) {
		*err = pf->sriov_err;
		ret = pf->sriov_ret;
	}
	if (ret == 0)
		ret = owner_pasid_unused(pf, "try again", users, err);
	if (ret == 0 && token != NULL && strcmp(token, pf->token) != 0)
		ret = owner_token_set(owner, pf, token, users, err);
	if (ret == 0)
		ret = pf_vfs_enable(&owner->host, &pf->fn, count, pf->token, err);
	if (ret == 0)
		owner_vfs_changed(owner, pf);
	return ret;
}

int
owner_vfs_destroy(struct owner *owner, struct owner_pf *pf, unsigned int *destroyed, json_t **users,
		struct err *err)
{
	char then[64];
	int ret;

	*users = NULL;
	*destroyed = pf->fn.num_vfs;
	ret = still_bound(pf, err);
	if (ret != 0)
		return ret;
	if (pf->fn.num_vfs == 0)
		return err_set(err, -ENOENT, "%s has no VFs", pf->fn.bdf);
	snprintf(then, sizeof(then), "run vsrctl vf destroy %s again", pf->fn.bdf);
	ret = owner_check_vfs_unused(owner, pf, then, users, err);
	if (ret != 0)
		return ret;
	/* virtio 1.4 2.12.1: VF Enable stays set while a command for a VF is outstanding. */
	if (pf->admin != NULL && vio_admin_drain(pf->admin, VIO_SRIOV, DRAIN_US) != 0)
		return err_set(err, -EBUSY,
				"a command for a VF of %s is still running: reset the PF "
				"with vsrctl pf reset %s",
				pf->fn.bdf, pf->fn.bdf);
	if (pf->admin != NULL)
		vio_admin_forget(pf->admin, VIO_SRIOV);
	ret = pf_vfs_disable(&owner->host, &pf->fn, err);
	owner_vfs_changed(owner, pf);
	if (ret != 0)
		owner_admin_agree(pf);
	return ret;
}
