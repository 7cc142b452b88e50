/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Workers: threads that poll doorbells and move packets. Between two rounds a worker releases its
 * lock when another thread waits for it; the check is one relaxed load per round.
 */

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>
#include "vsim/nic/vsim_worker.h"
#include "vsim/admin/vsim_admin.h"
#include "vsim/core/vsim_clock.h"
#include "vsim/core/vsim_dma.h"
#include "vsim/core/vsim_event.h"
#include "vsim/core/vsim_lock.h"
#include "vsim/core/vsim_wire_ops.h"
#include "vsim/data/vsim_ctrl.h"
#include "vsim/data/vsim_rxtx.h"
#include "vsim/ring/vsim_queue.h"
#include "vsim/wire/vsim_plug.h"

#define IDLE_US 2000 /* Without work for this time, a worker sleeps between rounds. */
#define SLEEP_MIN_US 50
/* A doorbell is a plain store and wakes no worker: it is seen at most this time later. */
#define SLEEP_MAX_US 1000
#define SLEEP_FDS 64 /* Wires that can wake a worker; other wires are polled after SLEEP_MAX_US. */

/** A function with queues to serve. */
struct vsim_port {
	struct vsim_fn *fn;
	uint16_t nb_rx, nb_tx;
	struct vsim_queue *rx[VSIM_MAX_QUEUE_PAIRS], *tx[VSIM_MAX_QUEUE_PAIRS];
	struct vsim_queue *ctrl, *admin[VSIM_MAX_ADMIN_QUEUES];
	uint16_t nb_admin;
};

/* ---------------------------------------------------------------- create, destroy */

int
vsim_worker_create(struct vsim_nic *nic, unsigned int w)
{
	struct vsim_worker *worker = calloc(1, sizeof(*worker));
	int ret;

	if (worker == NULL)
		return -ENOMEM;
	worker->nic = nic;
	worker->ports = calloc(VSIM_MAX_FNS, sizeof(*worker->ports));
	worker->scratch = calloc(1, sizeof(*worker->scratch));
	worker->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (worker->ports == NULL || worker->scratch == NULL || worker->wake_fd < 0) {
		ret = worker->ports == NULL || worker->scratch == NULL ? -ENOMEM : -errno;
		if (worker->wake_fd >= 0)
			close(worker->wake_fd);
		free(worker->scratch);
		free(worker->ports);
		free(worker);
		return ret;
	}
	pthread_mutex_init(&worker->lock, NULL);
	nic->workers[w] = worker;
	vsim_clock_hz();
	worker->asked = vsim_clock();
	return 0;
}

void
vsim_worker_destroy(struct vsim_nic *nic, unsigned int w)
{
	struct vsim_worker *worker = nic->workers[w];

	if (worker == NULL)
		return;
	if (w == 0)
		vsim_wires_close(nic);
	nic->workers[w] = NULL;
	pthread_mutex_destroy(&worker->lock);
	close(worker->wake_fd);
	free(worker->scratch);
	free(worker->ports);
	free(worker);
}

/** Collect the functions and queues of the worker. */
static void
ports_collect(struct vsim_worker *worker, unsigned int w)
{
	struct vsim_nic *nic = worker->nic;

	worker->stale = false;
	worker->nb_ports = 0;
	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++) {
		struct vsim_port *port = &worker->ports[worker->nb_ports];
		struct vsim_fn *fn = nic->fns[i];

		if (fn == NULL || fn->worker != w)
			continue;
		*port = (struct vsim_port){ .fn = fn };
		for (unsigned int qi = 0; qi < VSIM_MAX_QUEUES; qi++) {
			struct vsim_queue *q = fn->queue[qi];

			if (q == NULL)
				continue;
			if (q->is_ctrl)
				port->ctrl = q;
			else if (q->is_admin)
				port->admin[port->nb_admin++] = q;
			else if (q->write)
				port->rx[port->nb_rx++] = q;
			else
				port->tx[port->nb_tx++] = q;
		}
		if (port->nb_rx + port->nb_tx + port->nb_admin > 0 || port->ctrl != NULL)
			worker->nb_ports++;
	}
}

/* ---------------------------------------------------------------- a round */

static unsigned int
ctrl_serve(struct vsim_fn *fn, struct vsim_queue *q)
{
	unsigned int work = vsim_queue_doorbell(q);

	if (!q->active || q->dead)
		return work;
	if (q->unmapped) {
		vsim_queue_fault(q);
		return work;
	}
	return work + vsim_ctrl_run(fn, q);
}

/** Read a doorbell word that announces all queues of a VF. */
static unsigned int
word_take(struct vsim_fn *fn, _Atomic uint32_t *word, uint64_t *counter)
{
	uint32_t value;

	if (likely(atomic_load_explicit(word, memory_order_relaxed) == VSIM_DOORBELL_IDLE))
		return 0;
	/* Reset the word before the rings are read, as in vsim_queue_doorbell_take(). */
	value = atomic_exchange(word, VSIM_DOORBELL_IDLE);
	vsim_count(counter, 1);
	vsim_doorbell_ring_all(fn, value & 0xffff);
	return 1;
}

static VSIM_COLD unsigned int
legacy_doorbells(struct vsim_fn *fn)
{
	const struct vsim_fn *pf = fn->nic->fns[0];
	unsigned int work;

	work = word_take(fn,
			&fn->doorbells[vsim_legacy_doorbell(fn->nic, VSIM_LEGACY_DOORBELL) / 4],
			&fn->counters->legacy_doorbells);
	if (fn->index > 0 && pf != NULL)
		work += word_take(fn,
				&pf->doorbells[vsim_legacy_doorbell(fn->nic,
							       VSIM_LEGACY_OWNER_DOORBELLS) /
								4 +
						fn->index - 1],
				&fn->counters->legacy_owner_doorbells);
	return work;
}

/** Check for work of the admin queues: the work itself needs the lock of the NIC. */
static VSIM_COLD void
admin_look(struct vsim_worker *worker, struct vsim_port *port)
{
	bool rung = false;

	for (unsigned int i = 0; i < port->nb_admin; i++) {
		vsim_queue_doorbell(port->admin[i]);
		rung = rung || (port->admin[i]->active && !port->admin[i]->dead);
	}
	if (vsim_admin_due(port->fn, rung))
		worker->admin_fn = port->fn;
}

static unsigned int
port_serve(struct vsim_worker *worker, struct vsim_port *port)
{
	struct vsim_fn *fn = port->fn;
	struct vsim_wire *wire = fn->wire;
	unsigned int work = 0;

	if (!vsim_fn_running(fn))
		return 0;
	if (unlikely(fn->legacy))
		work += legacy_doorbells(fn);
	if (unlikely(port->nb_admin > 0))
		admin_look(worker, port);
	for (unsigned int i = 0; i < port->nb_rx; i++)
		work += vsim_queue_doorbell(port->rx[i]);
	for (unsigned int i = 0; i < port->nb_tx; i++) {
		work += vsim_queue_doorbell(port->tx[i]);
		if (port->tx[i]->active)
			work += vsim_tx_queue(port->tx[i]);
	}
	if (port->ctrl != NULL)
		work += ctrl_serve(fn, port->ctrl);
	if (wire != NULL && wire->ops->rx != NULL && vsim_fn_running(fn))
		work += wire->ops->rx(wire, fn);
	/* A client truncated mapped memory: a DMA fault, reported as hardware does. */
	if (unlikely(fn->dma->nb_lost > 0)) {
		vsim_count(&fn->counters->dma_faults, fn->dma->nb_lost);
		fn->dma->nb_lost = 0;
		vsim_fn_broken(fn);
	}
	return work;
}

static unsigned int
worker_round(struct vsim_worker *worker, unsigned int w)
{
	unsigned int work = 0;

	if (unlikely(worker->stale))
		ports_collect(worker, w);
	for (unsigned int i = 0; i < worker->nb_ports; i++)
		work += port_serve(worker, &worker->ports[i]);
	return work;
}

/** Serve the admin queues that a round found rung. The caller holds no lock. */
static unsigned int
admin_round(struct vsim_worker *worker)
{
	struct vsim_nic *nic = worker->nic;
	unsigned int work = 0;

	vsim_nic_lock(nic);
	if (worker->admin_fn != NULL && vsim_fn_running(worker->admin_fn))
		work = vsim_admin_run(worker->admin_fn);
	worker->admin_fn = NULL;
	vsim_nic_unlock(nic);
	return work;
}

/** Mutexes are not fair: a polling worker has to let waiting threads have the lock first. */
static void
wait_for_waiters(struct vsim_worker *worker)
{
	while (atomic_load_explicit(&worker->waiters, memory_order_relaxed) > 0)
		sched_yield();
}

unsigned int
vsim_worker_poll(struct vsim_nic *nic, unsigned int w)
{
	struct vsim_worker *worker = nic->workers[w];
	unsigned int work;
	bool admin;

	wait_for_waiters(worker);
	pthread_mutex_lock(&worker->lock);
	vsim_dma_guard_enter(nic);
	work = worker_round(worker, w);
	admin = worker->admin_fn != NULL;
	pthread_mutex_unlock(&worker->lock);
	if (unlikely(admin))
		work += admin_round(worker);
	vsim_dma_guard_leave();
	return work;
}

/* ---------------------------------------------------------------- the loop */

/** Sleep until a wire has frames, the worker is woken, or the time has passed. The caller holds
 * the lock of the worker. */
static void
worker_sleep(struct vsim_worker *worker, unsigned int us)
{
	struct pollfd fds[1 + SLEEP_FDS] = { { .fd = worker->wake_fd, .events = POLLIN } };
	const struct timespec timeout = { .tv_nsec = us * 1000 };
	unsigned int nb = 1;
	uint64_t count;

	for (unsigned int i = 0; i < worker->nb_ports && nb <= SLEEP_FDS; i++) {
		const struct vsim_wire *wire = worker->ports[i].fn->wire;
		int fd = wire != NULL && wire->ops->fd != NULL ? wire->ops->fd(wire) : -1;

		if (fd >= 0)
			fds[nb++] = (struct pollfd){ .fd = fd, .events = POLLIN };
	}
	atomic_store(&worker->asleep, true);
	pthread_mutex_unlock(&worker->lock);
	/* A thread that took the lock before asleep was set does not wake the worker: the time
	 * is short. */
	if (!atomic_load(&worker->stop))
		ppoll(fds, nb, &timeout, NULL);
	atomic_store(&worker->asleep, false);
	if (read(worker->wake_fd, &count, sizeof(count)) < 0)
		count = 0; /* The worker was not woken. */
	pthread_mutex_lock(&worker->lock);
}

static void
give_way(struct vsim_worker *worker)
{
	pthread_mutex_unlock(&worker->lock);
	wait_for_waiters(worker);
	pthread_mutex_lock(&worker->lock);
}

void
vsim_worker_run(struct vsim_nic *nic, unsigned int w)
{
	struct vsim_worker *worker = nic->workers[w];
	const uint64_t idle_ticks = vsim_clock_hz() / 1000000 * IDLE_US;
	uint64_t last = vsim_clock(), last_work = last;
	unsigned int sleep_us = SLEEP_MIN_US;

	pthread_mutex_lock(&worker->lock);
	vsim_dma_guard_enter(nic);
	while (!atomic_load_explicit(&worker->stop, memory_order_relaxed)) {
		unsigned int work = worker_round(worker, w);
		uint64_t now;

		if (unlikely(worker->admin_fn != NULL)) {
			pthread_mutex_unlock(&worker->lock);
			work += admin_round(worker);
			pthread_mutex_lock(&worker->lock);
		}
		now = vsim_clock();

		if (work > 0) {
			atomic_store_explicit(&worker->busy, worker->busy + (now - last),
					memory_order_relaxed);
			last_work = now;
			sleep_us = SLEEP_MIN_US;
		} else if (now - last_work > idle_ticks) {
			worker_sleep(worker, sleep_us);
			sleep_us = 2 * sleep_us < SLEEP_MAX_US ? 2 * sleep_us : SLEEP_MAX_US;
			now = vsim_clock();
		}
		last = now;
		if (unlikely(atomic_load_explicit(&worker->waiters, memory_order_relaxed) > 0))
			give_way(worker);
	}
	vsim_dma_guard_leave();
	pthread_mutex_unlock(&worker->lock);
}

void
vsim_worker_stop(struct vsim_nic *nic)
{
	for (unsigned int w = 0; w < nic->conf.workers; w++) {
		if (nic->workers[w] == NULL)
			continue;
		atomic_store(&nic->workers[w]->stop, true);
		vsim_worker_wake(nic->workers[w]);
	}
}

int
vsim_worker_busy(struct vsim_nic *nic, unsigned int w)
{
	struct vsim_worker *worker;
	uint64_t busy, now, past, part;

	if (w >= nic->conf.workers || nic->workers[w] == NULL)
		return -1;
	worker = nic->workers[w];
	pthread_mutex_lock(&nic->lock);
	busy = atomic_load_explicit(&worker->busy, memory_order_relaxed);
	now = vsim_clock();
	part = busy - worker->busy_asked;
	past = now - worker->asked;
	worker->busy_asked = busy;
	worker->asked = now;
	pthread_mutex_unlock(&nic->lock);
	if (past == 0 || part > past)
		return 1000;
	return (double)part * 1000 / past;
}
