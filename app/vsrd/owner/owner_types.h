/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_TYPES_H
#define VSRD_OWNER_TYPES_H

/**
 * @file
 * A PF that the daemon owns, and the set of them.
 *
 * Each PF has a gate: one change of the PF is inside alone, commands of its admin queue are inside
 * together. What clients see of a PF is its view, a copy that nobody has to wait for.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "common/pf.h"
#include "virtio/vio_admin.h"

#include "pasid.h"
#include "vsrd/core/gate.h"
#include "vsrd/core/memory.h"

#define OWNER_MAX_PFS 16
#define OWNER_KEPT_PARTS 3 /**< Container, group and device. */

/** What clients see of a PF. */
struct owner_view {
	bool used;
	struct sysfs_fn fn;
	char token[TOKEN_LEN];
	bool up, gone, needs_reset, kept, adopted; /**< As in struct owner_pf. */
	uint64_t commands; /**< In use for VFs, bits by opcode. */
	bool admin, admin_dead; /**< There is an admin queue; one is dead. */
	uint8_t status; /**< Device status. */
	unsigned int nb_queues;
	struct vio_features accepted;
	int sriov_ret;
	struct err state_err, sriov_err, admin_err;
	const char *change; /**< The change that runs now; NULL: none. */
	unsigned int change_s; /**< Seconds since its start. */
};

struct owner_pf {
	struct owner *owner;
	struct gate gate;
	atomic_bool used;
	bool reserved; /**< A client attaches it. Under owner->lock. */
	char bdf[BASE_BDF_LEN]; /**< Valid while used or reserved. */
	bool up; /**< The negotiation succeeded; else state_err has the error text. */
	atomic_bool gone; /**< The registers cannot be read any more. */
	atomic_bool needs_reset; /**< The device has set DEVICE_NEEDS_RESET. */
	atomic_bool admin_dead; /**< An admin queue is dead. */
	bool kept; /**< The keeper has its descriptors. */
	unsigned int nb_sent; /**< Of its OWNER_KEPT_PARTS, those that were sent to the keeper. */
	atomic_bool keep_again; /**< The keeper was too slow: what is missing is sent later. */
	bool adopted; /**< Its descriptors come from an earlier process. */
	struct sysfs_fn fn; /**< As last read from sysfs. */
	char token[TOKEN_LEN];
	struct vio_vfio vfio;
	struct vio_dev dev;
	struct memory memory;
	bool memory_kept;
	bool map_left; /**< The IOMMU may still let the device reach memory that was dropped... */
	struct memory left; /**< ...this memory, */
	struct vio_admin *left_admin; /**< and the queues in it. */
	struct vio_admin *admin; /**< NULL: no admin queue; admin_err has the error text. */
	bool agree_again; /**< A command was still pending: agree on commands later. */
	struct err state_err, admin_err;
	int sriov_ret; /**< 0: VFs can be created; else -errno, with sriov_err. */
	struct err sriov_err;
	bool sriov_once; /**< The last successful negotiation allowed VFs. */
	int request; /**< Event descriptor: the kernel requests the PF back. */
	unsigned int known_vfs; /**< Number of VFs at the last event. */
	bool token_in_file; /**< The token file has this token. */

	pthread_mutex_t users_lock;
	struct pasid_users pasid;

	pthread_mutex_t view_lock;
	struct owner_view view;

	bool watched; /**< The thread that watches this place runs. */
	pthread_t watcher;
	long long repair_ms,
			repair_pause_ms; /**< Of a dead admin queue: next time, and back-off. */
};

struct owner {
	struct pf_host host;
	struct owner_pf pfs[OWNER_MAX_PFS];
	pthread_mutex_t lock; /**< Of the set of PFs; never held while a device is asked. */
	atomic_bool stopping; /**< The daemon ends: no command is tried again. */
	int stop; /**< Event descriptor, readable then. */
};

#endif /* VSRD_OWNER_TYPES_H */
