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

void
owner_vf_claim(struct owner *owner, struct owner_claim *claim)
{
	pthread_mutex_lock(&owner->claims_lock);
	claim->next = owner->claims;
	owner->claims = claim;
	pthread_mutex_unlock(&owner->claims_lock);
}

void
owner_vf_unclaim(struct owner *owner, struct owner_claim *claim)
{
	struct owner_claim **at = &owner->claims;

	pthread_mutex_lock(&owner->claims_lock);
	while (*at != NULL && *at != claim)
		at = &(*at)->next;
	if (*at != NULL)
		*at = claim->next;
	pthread_mutex_unlock(&owner->claims_lock);
}

/* VFs that this process opens right now: /proc does not show them yet. */
static size_t
claims_find(struct owner *owner, const char *pf, struct vf_user *found)
{
	size_t nb = 0;

	pthread_mutex_lock(&owner->claims_lock);
	for (const struct owner_claim *claim = owner->claims; claim != NULL && nb < PF_MAX_USERS;
			claim = claim->next) {
		if (strcmp(claim->pf, pf) != 0)
			continue;
		found[nb] = (struct vf_user){ .vf = claim->vf, .pid = getpid(), .name = "vsrd" };
		strcpy(found[nb++].bdf, claim->bdf);
	}
	pthread_mutex_unlock(&owner->claims_lock);
	return nb;
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
	if (ret == 0) {
		nb = claims_find(owner, pf->fn.bdf, found);
		ret = nb != 0 ? -EBUSY : 0;
	}
	if (ret == -EBUSY)
		*users = show_users(found, nb);
	/* VFs opened by this process are the ones it serves to guests. */
	if (ret == -EBUSY && found[0].pid == getpid())
		err_set(err, ret,
				"VF %u (%s) is served to guests: run vsrctl legacy unserve %s "
				"%u, then %s",
				found[0].vf, found[0].bdf, pf->fn.bdf, found[0].vf, then);
	free(found);
	return ret != 0 ? ret : owner_pasid_unused(pf, then, users, err);
}
