/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Users of the VFs of a PF. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/show.h"

#include "owner_users.h"

int
owner_pasid_unused(struct owner_pf *pf, const char *then, json_t **users, struct err *err)
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
	return err_set(err, -EBUSY,
			"the PASID state of %s is used for VF %u by process %d: end "
			"that use, then %s",
			pf->fn.bdf, first.vf, first.pid, then);
}

int
owner_check_vfs_unused(struct owner *owner, struct owner_pf *pf, const char *then, json_t **users,
		struct err *err)
{
	struct vf_user *found = calloc(PF_MAX_USERS, sizeof(*found));
	size_t nb = 0;
	int ret;

	*users = NULL;
	if (found == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	ret = pf_check_unused(&owner->host, &pf->fn, then, found, &nb, err);
	if (ret == -EBUSY)
		*users = show_users(found, nb);
	free(found);
	return ret != 0 ? ret : owner_pasid_unused(pf, then, users, err);
}
