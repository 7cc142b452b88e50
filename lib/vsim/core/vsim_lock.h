/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_LOCK_H
#define VSIM_LOCK_H

/**
 * @file
 * The locks of the NIC.
 *
 * nic->lock serialises all that changes state. A worker runs its poll with the worker's
 * own lock; vsim_nic_lock() takes nic->lock and then stops every worker, so whoever holds it may
 * change anything the data plane reads. Workers never take nic->lock. A control command runs in
 * the worker of its function, under that worker's lock: register access cannot happen meanwhile,
 * and what other workers may read at that time (RX filter, queue pairs) is made of atomics. An
 * administration command may change any function, so the worker lets go of its own lock and takes
 * the NIC's for it, as a register access does.
 */

#include "vsim/core/vsim_fn.h"

struct vsim_worker {
	pthread_mutex_t lock;
	_Atomic unsigned int waiters; /**< Threads that want the lock. */
	struct vsim_nic *nic;
	unsigned int nb_ports;
	bool stale; /**< ports no longer match what runs. */
	struct vsim_port *ports; /**< Room for VSIM_MAX_FNS; nic/vsim_worker.c. */
	struct vsim_scratch *scratch; /**< data/vsim_rxtx.h. */

	struct vsim_fn *admin_fn; /**< Its admin queues have something. */
	int wake_fd;
	_Atomic bool stop;
	_Atomic bool asleep;
	_Atomic uint64_t busy; /**< Clock ticks of rounds with work. */
	uint64_t busy_asked, asked; /**< Both when vsim_worker_busy() last asked; nic->lock. */
};

/** Take the NIC's lock and stop its workers: afterwards the caller may change anything. */
void vsim_nic_lock(struct vsim_nic *nic);
void vsim_nic_unlock(struct vsim_nic *nic);
/** Which functions run on which worker has changed; under the lock. */
void vsim_workers_stale(struct vsim_nic *nic);
/** End the sleep of a worker, or the next one. */
void vsim_worker_wake(struct vsim_worker *worker);

#endif /* VSIM_LOCK_H */
