/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_LOCK_H
#define VSIM_LOCK_H

/**
 * @file
 * The locks of the NIC.
 *
 * nic->lock serialises all changes of state. A worker holds its own lock while it polls.
 * vsim_nic_lock() takes nic->lock and then the lock of every worker, so the holder may change all
 * that the data plane reads. A worker never takes nic->lock while it holds its own lock. A control
 * command runs in the worker of its function, under the lock of the worker: no register access can
 * happen at that time, and the fields that other workers may read (RX filter, queue pairs) are
 * atomics. An administration command may change any function, so the worker releases its own lock
 * and calls vsim_nic_lock() for the command, as a register access does.
 */

#include "vsim/core/vsim_fn.h"

struct vsim_worker {
	pthread_mutex_t lock;
	_Atomic unsigned int waiters; /**< Threads that want the lock. */
	struct vsim_nic *nic;
	unsigned int nb_ports;
	bool stale; /**< ports is out of date. */
	struct vsim_port *ports; /**< Array of VSIM_MAX_FNS, see nic/vsim_worker.c. */
	struct vsim_scratch *scratch; /**< Memory for bursts, see data/vsim_rxtx.h. */

	struct vsim_fn *admin_fn; /**< The function whose admin queues have work. */
	int wake_fd;
	_Atomic bool stop;
	_Atomic bool asleep;
	_Atomic uint64_t busy; /**< Clock ticks of rounds with work. */
	/** busy and clock at the last call of vsim_worker_busy(); nic->lock. */
	uint64_t busy_asked, asked;
};

/** Take the lock of the NIC and of all its workers: the caller may then change anything. */
void vsim_nic_lock(struct vsim_nic *nic);
void vsim_nic_unlock(struct vsim_nic *nic);
/** Queues, functions or wires changed, so workers have to collect their ports again. Under the
 * lock. */
void vsim_workers_stale(struct vsim_nic *nic);
/** End the present sleep of a worker, or its next sleep. */
void vsim_worker_wake(struct vsim_worker *worker);

#endif /* VSIM_LOCK_H */
