/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* One PF: negotiation, token, reset, close. */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/base_path.h"
#include "virtio/vio_err.h"
#include "daemon/events.h"
#include "daemon/log.h"

#include "owner_admin.h"
#include "owner_keep.h"
#include "owner_pf.h"
#include "owner_users.h"

static int
bring_up(struct owner *owner, struct owner_pf *pf)
{
	const struct vio_features wanted = VIO_FEATURES(VIRTIO_F_VERSION_1,
			VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_ORDER_PLATFORM, VIRTIO_F_SR_IOV,
			VIRTIO_F_ADMIN_VQ);
	int ret;

	pf->up = false;
	pf->admin_dead = false;
	ret = pf_negotiate(&pf->fn, &pf->dev, &wanted, &pf->state_err);
	if (ret != 0) {
		/* Only after a reset that has ended do the queues not run any more. */
		if (ret == -ETIMEDOUT || ret == -ENODEV)
			owner_memory_drop(pf);
		vio_admin_free(pf->admin);
		pf->admin = NULL;
		pf->admin_err = pf->state_err;
		/* An accepted VIRTIO_F_SR_IOV stays valid over resets (virtio 1.4 6.1). */
		if (!pf->sriov_once) {
			pf->sriov_ret = ret;
			pf->sriov_err = pf->state_err;
		}
		log_error("%s", pf->state_err.text);
		return ret;
	}
	pf->up = true;
	pf->gone = pf->needs_reset = false;
	pf->sriov_ret = pf_sriov_allowed(&owner->host, &pf->fn, &pf->dev, &pf->sriov_err);
	pf->sriov_once = pf->sriov_ret == 0;
	if (!pf->sriov_once)
		log_warn("%s", pf->sriov_err.text);
	owner_admin_start(pf);
	return 0;
}

int
owner_token_choose(struct owner *owner, struct owner_pf *pf, struct err *err)
{
	char file[PATH_MAX];
	int ret = pf_token_file(&owner->host, &pf->fn, file, sizeof(file), err);

	if (ret != 0)
		return ret;
	ret = token_load(file, pf->token);
	pf->token_in_file = ret == 0;
	if (ret == 0)
		return 0;
	if (ret != -ENOENT)
		log_warn("%.512s holds no token: %s", file, base_path_error(ret));
	ret = token_make(pf->token);
	return ret == 0 ? 0 : err_set(err, ret, "cannot create a random token: %s", strerror(-ret));
}

static int
token_keep(struct owner *owner, struct owner_pf *pf, struct err *err)
{
	char file[PATH_MAX];
	int ret = pf_token_file(&owner->host, &pf->fn, file, sizeof(file), err);

	if (ret == 0 && (ret = token_store(file, pf->token)) != 0)
		err_set(err, ret, "cannot store the VF token in %.512s: %s", file,
				base_path_error(ret));
	pf->token_in_file = ret == 0;
	return ret;
}

void
owner_take(struct owner *owner, struct owner_pf *pf)
{
	struct err err;

	vio_dev_init(&pf->dev, &pf->vfio.t);
	pf->request = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pf->request >= 0 && vio_vfio_on_request(&pf->vfio, pf->request) != 0)
		log_warn("%s: cannot watch for requests of the kernel to release it", pf->fn.bdf);
	if (!pf->token_in_file && token_keep(owner, pf, &err) != 0)
		log_error("%s", err.text);
	bring_up(owner, pf);
	owner_keep(pf);
	pf->known_vfs = pf->fn.num_vfs;
	pf->used = true;
	events_emit("pf_attached",
			json_pack("{s:s, s:b, s:b, s:i}", "pf", pf->fn.bdf, "adopted", pf->adopted,
					"kept", pf->kept, "num_vfs", (int)pf->fn.num_vfs));
}

void
owner_clear(struct owner_pf *pf)
{
	/* First: a device whose reset has not ended writes into the memory of its queues. */
	vio_vfio_close(&pf->vfio);
	vio_admin_free(pf->admin);
	memory_free(&pf->memory);
	/* The map of the IOMMU went with the container. Where the keeper still has the container
	 * open, VFIO has the pages pinned, and nobody else gets them. */
	owner_memory_left_free(pf);
	if (pf->request >= 0)
		close(pf->request);
	pf->admin = NULL;
	pf->request = -1;
	pf->used = pf->gone = pf->needs_reset = pf->admin_dead = false;
	pf->up = pf->adopted = false;
	pf->repair_ms = pf->repair_pause_ms = 0;
	pf->kept = pf->memory_kept = pf->sriov_once = false;
	pf->keep_again = false;
	pf->nb_sent = 0;
	/* Their clients may leave right now. */
	pthread_mutex_lock(&pf->users_lock);
	pf->pasid.nb = 0;
	pthread_mutex_unlock(&pf->users_lock);
}

void
owner_drop(struct owner_pf *pf)
{
	owner_forget(pf);
	owner_clear(pf);
}

int
owner_token_set(struct owner *owner, struct owner_pf *pf, const char *token, json_t **users,
		struct err *err)
{
	char fresh[TOKEN_LEN];
	int ret;

	ret = token == NULL ? token_make(fresh) : token_parse(token, fresh);
	if (ret != 0)
		return err_set(err, ret,
				"\"%.64s\" is no UUID such as "
				"f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
				token != NULL ? token : "");
	ret = owner_check_vfs_unused(owner, pf, "try again", users, err);
	if (ret != 0)
		return ret;
	ret = vio_vfio_token_set(&pf->vfio, pf->fn.bdf, fresh);
	if (ret != 0)
		return err_set(err, ret, "%s refuses the token: %s", pf->fn.bdf, vio_err());
	strcpy(pf->token, fresh);
	return token_keep(owner, pf, err);
}

int
owner_pf_reset(struct owner *owner, struct owner_pf *pf, struct err *err)
{
	int ret = bring_up(owner, pf);

	*err = pf->state_err;
	if (pf->memory.addr != NULL && !pf->memory_kept)
		owner_keep(pf);
	if (ret == 0)
		events_emit("pf_reset", json_pack("{s:s}", "pf", pf->fn.bdf));
	return ret;
}
