/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_H
#define VSRD_OWNER_H

/**
 * @file
 * The PFs that the daemon owns: opened through VFIO, brought up with the PF role (SR-IOV and
 * admin queue), their VFs made and unmade, given up again.
 *
 * Each PF has a lock: what changes it excludes everything else, commands of the admin queue go on
 * side by side. owner_get() takes it.
 */

#include <pthread.h>
#include <stdatomic.h>

#include <jansson.h>

#include "common/pf.h"
#include "virtio/vio_admin.h"

#include "vsrd/core/fdstore.h"
#include "vsrd/core/memory.h"
#include "vsrd/owner/pasid.h"

#define OWNER_MAX_PFS 16

struct owner_pf {
	pthread_rwlock_t lock;
	atomic_bool used;
	char bdf[BASE_BDF_LEN]; /**< As long as it is used. */
	bool live; /**< Negotiated; else state_why says why not. */
	bool gone; /**< Its registers cannot be read any more. */
	bool sick; /**< It says DEVICE_NEEDS_RESET. */
	bool kept; /**< Its descriptors outlive this process. */
	bool adopted; /**< It was open already when this process began. */
	struct sysfs_fn fn; /**< As last read. */
	char token[TOKEN_LEN];
	struct vio_vfio vfio;
	struct vio_dev dev;
	struct memory memory;
	bool memory_kept;
	struct vio_admin *admin; /**< NULL: it has no admin queue, admin_why says why. */
	struct why state_why, admin_why;
	int sriov_err; /**< 0, or why no VFs can be made: sriov_why. */
	struct why sriov_why;
	bool sriov_once; /**< They could be made after the last negotiation that succeeded. */
	int request; /**< Event descriptor: the system wants the function back. */
	unsigned int known_vfs; /**< Whose coming was told. */
	bool token_in_file; /**< The file has this token. */

	pthread_mutex_t users_lock;
	struct pasid_users pasid;
};

struct owner {
	struct pf_host host;
	struct owner_pf pfs[OWNER_MAX_PFS];
	pthread_mutex_t lock; /**< Of the set of PFs. */
};

void owner_init(struct owner *owner);

/**
 * Take over the PFs whose descriptors were kept.
 * @return how many.
 */
unsigned int owner_adopt(struct owner *owner, struct fdstore *store);

/**
 * Own a PF. One that does not come up is owned all the same, so that it can be looked at. One whose
 * VFs are in use is left alone: it would be reset.
 * @param users  Out: who is in the way, with -EBUSY.
 * @return 0, -EEXIST (it is owned), -EBUSY, -ENOSPC, or as pf_find() and pf_open().
 */
int owner_attach(struct owner *owner, const char *name, json_t **users, struct why *why);

/**
 * Give a PF up: it is reset then, and VFs that it has lose their state.
 * @param users  Out: who is in the way, with -EBUSY.
 */
int owner_release(struct owner *owner, const char *name, json_t **users, struct why *why);

/** All: without asking; what is kept stays open elsewhere. */
void owner_leave(struct owner *owner);

/**
 * Find a PF and lock it.
 * @param change  Alone; else with others that do not change it.
 * @return it, or NULL with *err and *why. owner_put() afterwards.
 */
struct owner_pf *owner_get(struct owner *owner, const char *name, bool change, int *err,
		struct why *why);
void owner_put(struct owner_pf *pf);

/** Look after PFs: what went wrong or was changed by others becomes an event. Now and then. */
void owner_watch(struct owner *owner);

/* ---------------------------------------------------------------- with a PF locked for change */

/** Virtio reset and negotiation anew. VFs and their traffic go on. */
int owner_pf_reset(struct owner *owner, struct owner_pf *pf, struct why *why);
/** @param token  NULL: the one it has. */
int owner_vfs_create(struct owner *owner, struct owner_pf *pf, unsigned int count,
		const char *token, json_t **users, struct why *why);
int owner_vfs_destroy(struct owner *owner, struct owner_pf *pf, unsigned int *destroyed,
		json_t **users, struct why *why);
/** @param token  NULL: a new random one. */
int owner_token_set(struct owner *owner, struct owner_pf *pf, const char *token, json_t **users,
		struct why *why);

/** The admin queue may be used for VF number vf (0: for the PF itself). 0 or -errno. */
int owner_admin_ready(struct owner_pf *pf, unsigned int vf, struct why *why);

#endif /* VSRD_OWNER_H */
