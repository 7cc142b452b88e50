/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_TYPES_H
#define VSRD_OWNER_TYPES_H

/**
 * @file
 * A PF that the daemon owns, and the set of them.
 *
 * Each PF has a lock. Changes of a PF hold it exclusively; commands of its admin queue share it.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "common/pf.h"
#include "virtio/vio_admin.h"

#include "pasid.h"
#include "vsrd/core/memory.h"

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

#endif /* VSRD_OWNER_TYPES_H */
