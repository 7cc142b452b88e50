/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef OWNER_H
#define OWNER_H

/**
 * @file
 * The simulated NIC with VFs, the thread that serves it, and the owner of its PF, for measurements
 * of the admin queue and of doorbells.
 *
 * The device's thread uses the first processor and polls all doorbells, as the worker of the
 * simulator does. The thread never sleeps, because waking up would add to the times. Everything
 * else runs on the second processor.
 *
 * Unexpected errors end in VTEST(), in the thread that called owner_open().
 */

#include <pthread.h>
#include <stdatomic.h>

#include "test/fixture/rig.h"
#include "virtio/vio_admin.h"

/** The last doorbell that the device has seen. */
struct owner_seen {
	_Atomic uint64_t count; /**< Number of doorbells of the queue so far. */
	uint64_t tsc; /**< Time of the last doorbell; valid when count has changed. */
};

struct owner {
	struct rig rig; /**< Function 0 is attached. */
	struct vio_transport_ops ops; /**< Those of the rig, without stepping the NIC. */
	struct vio_dev dev;
	struct vio_admin *admin; /**< Commands of the group VIO_SRIOV are not negotiated yet. */
	unsigned int cpus[2]; /**< Processor of the device, processor of everything else. */
	struct owner_device {
		pthread_t thread;
		bool started;
		const char *program;
		unsigned int cpu;
		struct vsim_nic *nic;
		_Atomic bool stop;
		_Atomic(const uint64_t *) doorbells; /**< Counter to watch, or NULL. */
		/* Results, valid when the thread has stopped. */
		uint64_t rounds;
		uint64_t ns; /**< Run time of the thread. */
		double disturbed; /**< Share of time that the thread waited for its processor. */

		struct owner_seen seen __rte_cache_aligned;
	} device;
};

/**
 * Start EAL, make a NIC, start the owner of its PF, and enable the VFs.
 * @param vfs   Number of VFs.
 * @param tune  Changes the configuration of the NIC; may be NULL.
 * @return 0, or -1 after an error message.
 */
int owner_open(struct owner *owner, const char *program, uint16_t vfs,
		void (*tune)(struct vsim_nic_conf *conf));

/** Stop the device's thread. Its results are valid then. The thread cannot be started again. */
void owner_device_stop(struct owner *owner);

/** Reset the PF, stop the device's thread, and free everything. Fails if there was a violation. */
void owner_close(struct owner *owner);

/** A percentile, 0 to 100, of sorted samples. */
static inline double
owner_percentile(const double *sorted, unsigned int nb, unsigned int percent)
{
	return sorted[(size_t)(nb - 1) * percent / 100];
}

#endif /* OWNER_H */
