/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * PFs are taken and given up.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_errno.h>

#include "common/show.h"

#include "vsrd/core/events.h"
#include "vsrd/core/log.h"
#include "vsrd/owner/owner.h"
#include "vsrd/owner/owner_priv.h"

void
owner_init(struct owner *owner)
{
	pthread_rwlockattr_t attr;

	memset(owner, 0, sizeof(*owner));
	pf_host_init(&owner->host);
	owner->host.note = log_sentence;
	pthread_mutex_init(&owner->lock, NULL);
	pthread_rwlockattr_init(&attr);
	/* Commands come in a stream: a change must get its turn. */
	pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		pthread_rwlock_init(&owner->pfs[i].lock, &attr);
		pthread_mutex_init(&owner->pfs[i].users_lock, NULL);
		owner->pfs[i].request = owner->pfs[i].memory.fd = -1;
	}
	pthread_rwlockattr_destroy(&attr);
}

/* ---------------------------------------------------------------- bring it up */

static void
admin_dead(void *arg, unsigned int queue, const char *why)
{
	const struct owner_pf *pf = arg;

	log_error("%s: admin queue %u is dead: %s", pf->fn.bdf, queue, why);
	events_emit("admin_queue_dead",
			json_pack("{s:s, s:i, s:s}", "pf", pf->fn.bdf, "queue", (int)queue, "why",
					why));
}

/* The memory of queues, and the right to reach it. */
static int
memory_ready(struct owner_pf *pf, struct why *why)
{
	char text[256] = "";
	int ret;

	if (pf->memory.addr != NULL)
		return 0;
	ret = memory_create(&pf->memory, pf->fn.bdf, -1, why);
	if (ret != 0)
		return ret;
	ret = vio_vfio_dma_map(&pf->vfio, pf->memory.addr, MEMORY_BYTES, MEMORY_IOVA, text,
			sizeof(text));
	if (ret == 0)
		return 0;
	memory_free(&pf->memory);
	return why_not(why, ret, "%s", text);
}

static int
admin_enable(struct owner_pf *pf, struct why *why)
{
	const struct vio_admin_conf conf = { .name = pf->memory.heap,
		.socket = pf->memory.socket,
		.max_queues = 4,
		.on_dead = admin_dead,
		.on_dead_arg = pf };
	char text[256] = "";
	int ret = vio_vfio_bus_master(&pf->vfio, text, sizeof(text));

	if (ret != 0)
		return why_not(why, ret, "%s", text);
	if (pf->admin == NULL)
		pf->admin = vio_admin_create(&pf->dev, &conf);
	if (pf->admin == NULL)
		return why_not(why, -rte_errno, "%s", pf->dev.why);
	ret = vio_admin_enable(pf->admin);
	return ret == 0 ? 0 : why_not(why, ret, "%s", pf->dev.why);
}

/* Which commands there are: of the PF itself, and of the VFs when there are some. */
void
owner_admin_agree(struct owner_pf *pf)
{
	int ret;

	if (pf->admin == NULL)
		return;
	ret = vio_admin_agree(pf->admin, VIO_SELF, VIRTIO_ADMIN_LIST_ALL, NULL);
	if (ret != 0)
		log_warn("%s: no commands for the PF itself: %s", pf->fn.bdf, vio_admin_why());
	if (pf->fn.num_vfs == 0) {
		vio_admin_forget(pf->admin, VIO_SRIOV);
		return;
	}
	ret = vio_admin_agree(pf->admin, VIO_SRIOV, VIRTIO_ADMIN_LIST_ALL, NULL);
	if (ret != 0)
		log_warn("%s: no commands for its VFs: %s", pf->fn.bdf, vio_admin_why());
}

/* A device without an admin queue, or whose admin queue does not work, is a PF all the same. */
static void
admin_start(struct owner_pf *pf)
{
	int ret = 0;

	if (!vio_dev_has(&pf->dev, VIRTIO_F_ADMIN_VQ)) {
		why_not(&pf->admin_why, 0,
				"%s has no admin queue (it does not offer "
				"VIRTIO_F_ADMIN_VQ)",
				pf->fn.bdf);
		return;
	}
	ret = memory_ready(pf, &pf->admin_why);
	if (ret == 0)
		ret = admin_enable(pf, &pf->admin_why);
	if (ret == 0) {
		vio_dev_driver_ok(&pf->dev);
		owner_admin_agree(pf);
		return;
	}
	vio_admin_free(pf->admin);
	pf->admin = NULL;
	log_error("%s: its admin queue cannot be used: %s", pf->fn.bdf, pf->admin_why.text);
}

int
owner_bring_up(struct owner *owner, struct owner_pf *pf)
{
	const struct vio_features wanted = VIO_FEATURES(VIRTIO_F_VERSION_1,
			VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_ORDER_PLATFORM, VIRTIO_F_SR_IOV,
			VIRTIO_F_ADMIN_VQ);
	int ret;

	pf->live = false;
	ret = pf_negotiate(&pf->fn, &pf->dev, &wanted, &pf->state_why);
	if (ret != 0) {
		/* It was reset: whatever its queues were doing has ended. */
		vio_admin_free(pf->admin);
		pf->admin = NULL;
		pf->admin_why = pf->state_why;
		/* What was accepted once holds over resets (virtio 1.4 6.1, VIRTIO_F_SR_IOV). */
		if (!pf->sriov_once) {
			pf->sriov_err = ret;
			pf->sriov_why = pf->state_why;
		}
		log_error("%s", pf->state_why.text);
		return ret;
	}
	pf->live = true;
	pf->gone = pf->sick = false;
	pf->sriov_err = pf_sriov_allowed(&owner->host, &pf->fn, &pf->dev, &pf->sriov_why);
	pf->sriov_once = pf->sriov_err == 0;
	if (!pf->sriov_once)
		log_warn("%s", pf->sriov_why.text);
	admin_start(pf);
	return 0;
}

/* ---------------------------------------------------------------- keep it */

static const char *const kept_parts[] = { "container", "group", "device" };

/* systemd wants no ':' in a name. */
static void
kept_name(char name[64], const char *bdf, const char *part)
{
	snprintf(name, 64, "%s.%s", bdf, part);
	for (char *at = name; *at != '\0'; at++)
		if (*at == ':')
			*at = '-';
}

void
owner_keep(struct owner_pf *pf)
{
	const int fds[] = { pf->vfio.container, pf->vfio.group, pf->vfio.device };
	char name[64];
	int ret = 0;

	for (unsigned int i = 0; i < 3 && ret == 0 && !pf->kept; i++) {
		kept_name(name, pf->fn.bdf, kept_parts[i]);
		ret = fdstore_keep(name, fds[i]);
	}
	/* The queues' memory goes with the container that has it mapped. */
	if (ret == 0 && pf->memory.addr != NULL && !pf->memory_kept) {
		kept_name(name, pf->fn.bdf, "memory");
		ret = fdstore_keep(name, pf->memory.fd);
		pf->memory_kept = ret == 0;
	}
	if (ret == 0)
		ret = fdstore_flush();
	pf->kept = ret == 0;
	if (!pf->kept)
		log_warn("%s: nobody keeps its descriptors: when vsrd ends it is reset, and its "
			 "VFs lose their state; run vsrd by systemd or vsrd-keeper",
				pf->fn.bdf);
}

static void
forget(const struct owner_pf *pf)
{
	char name[64];

	for (unsigned int i = 0; i < 3; i++) {
		kept_name(name, pf->fn.bdf, kept_parts[i]);
		fdstore_forget(name);
	}
	kept_name(name, pf->fn.bdf, "memory");
	fdstore_forget(name);
	fdstore_flush();
}

/* ---------------------------------------------------------------- take it */

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

/* The token that its VFs were made with, else a new one. */
static int
token_choose(struct owner *owner, struct owner_pf *pf, struct why *why)
{
	char file[PATH_MAX];
	int ret = pf_token_file(&owner->host, &pf->fn, file, sizeof(file), why);

	if (ret != 0)
		return ret;
	ret = token_load(file, pf->token);
	pf->token_in_file = ret == 0;
	if (ret == 0)
		return 0;
	if (ret != -ENOENT)
		log_warn("%.512s holds no token: %s", file, strerror(-ret));
	ret = token_make(pf->token);
	return ret == 0 ? 0 : why_not(why, ret, "no random token can be made: %s", strerror(-ret));
}

int
owner_token_keep(struct owner *owner, struct owner_pf *pf, struct why *why)
{
	char file[PATH_MAX];
	int ret = pf_token_file(&owner->host, &pf->fn, file, sizeof(file), why);

	if (ret == 0 && (ret = token_store(file, pf->token)) != 0)
		why_not(why, ret, "the VF token cannot be kept in %.512s: %s", file,
				strerror(-ret));
	pf->token_in_file = ret == 0;
	return ret;
}

/* With its descriptors there. */
static void
take(struct owner *owner, struct owner_pf *pf)
{
	struct why why;

	vio_dev_init(&pf->dev, &pf->vfio.t);
	pf->request = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (pf->request >= 0 && vio_vfio_on_request(&pf->vfio, pf->request) != 0)
		log_warn("%s: vsrd will not be told when the system wants it back", pf->fn.bdf);
	if (!pf->token_in_file && owner_token_keep(owner, pf, &why) != 0)
		log_error("%s", why.text);
	owner_bring_up(owner, pf);
	owner_keep(pf);
	pf->known_vfs = pf->fn.num_vfs;
	strcpy(pf->bdf, pf->fn.bdf);
	pf->used = true;
	events_emit("pf_attached",
			json_pack("{s:s, s:b, s:b, s:i}", "pf", pf->fn.bdf, "adopted", pf->adopted,
					"kept", pf->kept, "num_vfs", (int)pf->fn.num_vfs));
}

static void
clear(struct owner_pf *pf)
{
	vio_admin_free(pf->admin);
	vio_vfio_close(&pf->vfio);
	memory_free(&pf->memory);
	if (pf->request >= 0)
		close(pf->request);
	pf->admin = NULL;
	pf->request = -1;
	pf->used = pf->live = pf->gone = pf->sick = pf->adopted = false;
	pf->kept = pf->memory_kept = pf->sriov_once = false;
	pf->pasid.nb = 0;
}

/* With pf->lock and the set locked. */
static int
open_new(struct owner *owner, struct owner_pf *pf, json_t **users, struct why *why)
{
	char then[128];
	int ret;

	/* vfio-pci resets a function that is opened first, and a PF's reset is felt by its VFs. */
	snprintf(then, sizeof(then),
			"run vsrctl pf attach %s (opening the PF would reset it "
			"and cost its VFs their state)",
			pf->fn.bdf);
	ret = owner_unused(owner, pf, then, users, why);
	if (ret == 0)
		ret = token_choose(owner, pf, why);
	if (ret == 0)
		ret = pf_open(&owner->host, &pf->fn, pf->token, &pf->vfio, why);
	if (ret == 0)
		take(owner, pf);
	return ret;
}

int
owner_attach(struct owner *owner, const char *name, json_t **users, struct why *why)
{
	struct owner_pf *pf;
	struct sysfs_fn fn;
	int ret = pf_find(&owner->host, name, &fn, why);

	*users = NULL;
	if (ret != 0)
		return ret;
	pthread_mutex_lock(&owner->lock);
	pf = free_place(owner);
	if (find(owner, fn.bdf) != NULL) {
		ret = why_not(why, -EEXIST, "%s is owned already", fn.bdf);
	} else if (pf == NULL) {
		ret = why_not(why, -ENOSPC, "vsrd owns %u PFs, and no more can be owned",
				OWNER_MAX_PFS);
	} else {
		pthread_rwlock_wrlock(&pf->lock);
		pf->fn = fn;
		ret = open_new(owner, pf, users, why);
		pthread_rwlock_unlock(&pf->lock);
	}
	pthread_mutex_unlock(&owner->lock);
	return ret;
}

/* @return whether all three are there; then they are the PF's. */
static bool
take_kept(struct owner_pf *pf, struct fdstore *store)
{
	int fds[3] = { -1, -1, -1 }, memory;
	char name[64], text[256] = "";
	struct why why;
	bool all = true;

	for (unsigned int i = 0; i < 3; i++) {
		kept_name(name, pf->fn.bdf, kept_parts[i]);
		fds[i] = fdstore_take(store, name);
		all = all && fds[i] >= 0;
	}
	kept_name(name, pf->fn.bdf, "memory");
	memory = fdstore_take(store, name);
	if (all && vio_vfio_adopt(&pf->vfio, fds[0], fds[1], fds[2], text, sizeof(text)) != 0) {
		log_error("%s: its kept descriptors are of no use: %s", pf->fn.bdf, text);
		all = false;
	} else if (!all) {
		for (unsigned int i = 0; i < 3; i++)
			if (fds[i] >= 0)
				close(fds[i]);
	}
	if (all && memory >= 0) {
		/* Its queues are still in that memory: it lets go of them first. */
		vio_dev_init(&pf->dev, &pf->vfio.t);
		vio_dev_reset(&pf->dev);
		pf->memory_kept = memory_create(&pf->memory, pf->fn.bdf, memory, &why) == 0;
		if (!pf->memory_kept)
			log_error("%s: %s", pf->fn.bdf, why.text);
	} else if (memory >= 0) {
		close(memory);
	}
	if (!all)
		forget(pf);
	return all;
}

static bool
has_kept(const struct fdstore *store, const char *bdf)
{
	char name[64];

	for (unsigned int part = 0; part < 3; part++) {
		kept_name(name, bdf, kept_parts[part]);
		for (size_t i = 0; i < store->nb; i++)
			if (strcmp(store->fds[i].name, name) == 0)
				return true;
	}
	return false;
}

unsigned int
owner_adopt(struct owner *owner, struct fdstore *store)
{
	struct sysfs_fn *fns;
	const int nb = sysfs_list(owner->host.sysfs, &fns);
	unsigned int adopted = 0;
	struct why why;

	for (int i = 0; i < nb; i++) {
		struct owner_pf *pf = free_place(owner);

		if (pf == NULL || !has_kept(store, fns[i].bdf))
			continue;
		pf->fn = fns[i];
		if (!take_kept(pf, store))
			continue;
		pf->adopted = pf->kept = true;
		if (token_choose(owner, pf, &why) != 0)
			log_error("%s", why.text);
		/* Without the file nobody knows what the token is: it gets another one. */
		if (!pf->token_in_file &&
				vio_vfio_token_set(&pf->vfio, pf->fn.bdf, pf->token, why.text,
						sizeof(why.text)) != 0)
			log_error("%s: its token file is lost, and the token cannot be changed: "
				  "%s",
					pf->fn.bdf, why.text);
		take(owner, pf);
		adopted++;
	}
	if (nb > 0)
		free(fns);
	return adopted;
}

/* ---------------------------------------------------------------- find it, give it up */

struct owner_pf *
owner_get(struct owner *owner, const char *name, bool change, int *err, struct why *why)
{
	char bdf[BASE_BDF_LEN];
	struct owner_pf *pf;

	if (base_bdf_expand(name, bdf) != 0) {
		*err = why_not(why, -EINVAL, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				name);
		return NULL;
	}
	/* Whoever attaches or releases holds the set all the while: no PF is half there. */
	pthread_mutex_lock(&owner->lock);
	pf = find(owner, bdf);
	pthread_mutex_unlock(&owner->lock);
	if (pf != NULL && change)
		pthread_rwlock_wrlock(&pf->lock);
	else if (pf != NULL)
		pthread_rwlock_rdlock(&pf->lock);
	if (pf != NULL && pf->used && strcmp(pf->bdf, bdf) == 0) {
		struct sysfs_fn fn;

		/* What sysfs says may have changed; only who is alone may note it. */
		if (change && sysfs_fn_read(owner->host.sysfs, bdf, &fn) == 0)
			pf->fn = fn;
		return pf;
	}
	if (pf != NULL)
		pthread_rwlock_unlock(&pf->lock);
	*err = why_not(why, -ENODEV,
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
owner_release(struct owner *owner, const char *name, json_t **users, struct why *why)
{
	struct owner_pf *pf;
	int ret = 0;

	pf = owner_get(owner, name, true, &ret, why);
	if (pf == NULL)
		return ret;
	ret = owner_unused(owner, pf, "release the PF", users, why);
	if (ret == 0) {
		char bdf[BASE_BDF_LEN];

		strcpy(bdf, pf->fn.bdf);
		forget(pf);
		vio_dev_reset(&pf->dev);
		clear(pf);
		events_emit("pf_released", json_pack("{s:s}", "pf", bdf));
	}
	owner_put(pf);
	return ret;
}

void
owner_drop(struct owner_pf *pf)
{
	forget(pf);
	clear(pf);
}

void
owner_leave(struct owner *owner)
{
	/* One that answers now: it may have gone since. */
	const bool keeper = fdstore_flush() == 0;

	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		struct owner_pf *pf = &owner->pfs[i];

		pthread_rwlock_wrlock(&pf->lock);
		pf->kept = pf->kept && keeper;
		if (pf->used && !pf->kept && pf->fn.num_vfs != 0)
			log_warn("%s: it is reset now, its %u VFs lose their state", pf->fn.bdf,
					pf->fn.num_vfs);
		/* One that is kept goes on as it is, queues and all. */
		if (pf->used && !pf->kept) {
			vio_dev_reset(&pf->dev);
			clear(pf);
		}
		pthread_rwlock_unlock(&pf->lock);
	}
}
