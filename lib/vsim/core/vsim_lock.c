/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The lock of the NIC, which stops its workers.
 *
 * Lock order: nic->lock, then the locks of the workers by number. A worker holds only its own lock
 * while it polls, so no deadlock is possible.
 */

#include <unistd.h>

#include "vsim/core/vsim_lock.h"

void
vsim_worker_wake(struct vsim_worker *worker)
{
	const uint64_t one = 1;

	/* A full counter has woken the worker already. */
	if (write(worker->wake_fd, &one, sizeof(one)) < 0)
		return;
}

static void
worker_lock(struct vsim_worker *worker)
{
	atomic_fetch_add(&worker->waiters, 1);
	pthread_mutex_lock(&worker->lock);
	atomic_fetch_sub(&worker->waiters, 1);
}

void
vsim_nic_lock(struct vsim_nic *nic)
{
	pthread_mutex_lock(&nic->lock);
	for (unsigned int w = 0; w < nic->conf.workers; w++)
		if (nic->workers[w] != NULL)
			worker_lock(nic->workers[w]);
}

void
vsim_nic_unlock(struct vsim_nic *nic)
{
	for (unsigned int w = nic->conf.workers; w-- > 0;) {
		struct vsim_worker *worker = nic->workers[w];

		if (worker == NULL)
			continue;
		pthread_mutex_unlock(&worker->lock);
		if (atomic_load(&worker->asleep))
			vsim_worker_wake(worker);
	}
	pthread_mutex_unlock(&nic->lock);
}

void
vsim_workers_stale(struct vsim_nic *nic)
{
	for (unsigned int w = 0; w < nic->conf.workers; w++)
		if (nic->workers[w] != NULL)
			nic->workers[w]->stale = true;
}
