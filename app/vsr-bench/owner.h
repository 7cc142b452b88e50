/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef OWNER_H
#define OWNER_H

/**
 * @file
 * The simulated NIC with VFs and a thread that serves it, and the owner of its PF: what is measured
 * of the admin queue and of doorbells.
 *
 * The device's thread fills the first processor and looks at all doorbells again and again, as that
 * of the simulator does; everything else is on the second. It never sleeps: a device that has been
 * idle for long would first have to wake up.
 *
 * Whatever cannot be leaves by VTEST(), in the thread that called owner_open().
 */

#include <pthread.h>
#include <stdatomic.h>

#include "test/fixture/rig.h"
#include "virtio/vio_admin.h"

/** A doorbell that the device has just taken. */
struct owner_seen {
	_Atomic uint64_t count; /**< Doorbells of the queue so far. */
	uint64_t tsc; /**< When the last of them was seen; valid once count has changed. */
};

struct owner {
	struct rig rig; /**< Function 0 is attached. */
	struct vio_transport_ops ops; /**< Those of the rig, but waiting as on a real device. */
	struct vio_dev dev;
	struct vio_admin *admin; /**< The group VIO_SRIOV is not agreed upon yet. */
	unsigned int cpus[2]; /**< Of the device, of all else. */
	struct owner_device {
		pthread_t thread;
		bool started;
		const char *program;
		unsigned int cpu;
		struct vsim_nic *nic;
		_Atomic bool stop;
		_Atomic(const uint64_t *) doorbells; /**< Counter to watch, or NULL. */
		/* results, once it has stopped */
		uint64_t rounds;
		uint64_t ns; /**< That it ran. */
		double disturbed; /**< Share of its time that it waited for its processor. */

		struct owner_seen seen __rte_cache_aligned;
	} device;
};

/**
 * Start EAL, make a NIC with so many VFs, bring the owner up and enable the VFs.
 * @param tune  Changes what the NIC is built with; may be NULL.
 * @return 0, or -1: the reason was said.
 */
int owner_open(struct owner *owner, const char *program, uint16_t vfs,
		void (*tune)(struct vsim_nic_conf *conf));

/** Stop the device's thread. Its results are there then; it cannot be started again. */
void owner_device_stop(struct owner *owner);

/** Reset the PF, stop the device's thread, free all. No rule of the specification was broken. */
void owner_close(struct owner *owner);

/** Values of a percentile of sorted samples, 0..100. */
static inline double
owner_percentile(const double *sorted, unsigned int nb, unsigned int percent)
{
	return sorted[(size_t)(nb - 1) * percent / 100];
}

#endif /* OWNER_H */
