/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_TYPES_H
#define VSRD_OWNER_TYPES_H

/**
 * @file
 * A PF that the daemon owns, and the set of them.
 *
 * Each PF has a lock: changes of the PF hold it exclusively, commands of its admin queue share it.
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
	char bdf[BASE_BDF_LEN]; /**< Valid while used. */
	bool up; /**< The negotiation succeeded; else state_err has the error text. */
	bool gone; /**< The registers cannot be read any more. */
	bool needs_reset; /**< The device has set DEVICE_NEEDS_RESET. */
	bool kept; /**< The keeper has its descriptors. */
	bool adopted; /**< Its descriptors come from an earlier process. */
	struct sysfs_fn fn; /**< As last read from sysfs. */
	char token[TOKEN_LEN];
	struct vio_vfio vfio;
	struct vio_dev dev;
	struct memory memory;
	bool memory_kept;
	struct vio_admin *admin; /**< NULL: no admin queue; admin_err has the error text. */
	struct err state_err, admin_err;
	int sriov_ret; /**< 0: VFs can be created; else -errno, with sriov_err. */
	struct err sriov_err;
	bool sriov_once; /**< The last successful negotiation allowed VFs. */
	int request; /**< Event descriptor: the kernel requests the PF back. */
	unsigned int known_vfs; /**< Number of VFs at the last event. */
	bool token_in_file; /**< The token file has this token. */

	pthread_mutex_t users_lock;
	struct pasid_users pasid;
};

struct owner {
	struct pf_host host;
	struct owner_pf pfs[OWNER_MAX_PFS];
	pthread_mutex_t lock; /**< Of the set of PFs. */
};

#endif /* VSRD_OWNER_TYPES_H */
