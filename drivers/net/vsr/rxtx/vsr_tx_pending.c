/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * TX doorbells that are held back (device argument tx_db_delay_us).
 *
 * A burst publishes its packets and rings the doorbell at once if it has only a few packets,
 * because an application with a backlog sends many. Otherwise the doorbell becomes pending. A
 * pending doorbell is rung by the first of these:
 *
 *   - a TX burst that finds the delay over, or has sent more than half a ring since the last
 *     doorbell, or has few packets to send, or none,
 *   - an RX burst of the port that finds the delay over,
 *   - tx_done_cleanup, rte_pmd_vsr_tx_doorbell() and the stop of the port,
 *   - an alarm that finds the delay over, if the application calls none of these. The alarm comes
 *     again and again from the start of the port to its stop: to set it in a burst would mean to
 *     wait for the lock of EAL's alarms, whose holder may be off its processor. Without the alarm
 *     no doorbell is held back.
 *
 * The driver checks whether the device wants the doorbell only once, when the doorbell becomes
 * pending: a surplus doorbell does no harm.
 *
 * Threads other than that of the queue ring as well. They use struct vsr_tx_doorbell only, never
 * the ring, whose indices belong to the thread of the queue. This thread stores the position to
 * ring in `wanted`, which never goes back. To ring is to ask (doorbell_ring()):
 *
 *   - No position is rung after a newer one. A thread that raises `asks` from 0 is the only one
 *     that writes the register until it has brought `asks` back to 0. For each write it reads
 *     `wanted` anew, and `wanted` only grows.
 *   - No thread waits for another. A thread that finds `asks` above 0 adds its own ask and returns.
 *   - No ask is lost. The writer leaves only by a subtraction that makes `asks` 0, so it has seen
 *     each ask, and reads `wanted` after it has: what was wanted before the ask is rung.
 *
 * If the writer loses its processor before the write, the doorbell comes when it runs again. That
 * concerns only threads that ring a doorbell for another thread, and so only doorbells that this
 * other thread has left pending for longer than the delay, or asked for meanwhile.
 */

#include <rte_alarm.h>
#include <rte_cycles.h>

#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"
#include "vsr_tx_pending.h"

/* The time between two alarms is this much longer than the delay. */
#define ALARM_US 1000

static uint64_t
wanted(const struct vsr_txq *txq)
{
	return __atomic_load_n(&txq->doorbell.wanted, __ATOMIC_SEQ_CST);
}

static bool
is_pending(const struct vsr_txq *txq)
{
	return wanted(txq) != __atomic_load_n(&txq->doorbell.rung, __ATOMIC_RELAXED);
}

/* Count the queue among those with a pending doorbell, or no longer. */
static void
listed_set(struct vsr_txq *txq, bool on)
{
	if (__atomic_load_n(&txq->doorbell.listed, __ATOMIC_SEQ_CST) == on ||
			__atomic_exchange_n(&txq->doorbell.listed, on, __ATOMIC_SEQ_CST) == on)
		return;
	__atomic_fetch_add(&txq->dev->nb_pending_doorbells, on ? 1 : -1, __ATOMIC_RELAXED);
}

/* Write the position that is wanted now. The caller is the only writer. */
static void
doorbell_write(struct vsr_txq *txq)
{
	uint64_t position;

	/* The thread of the queue stores `wanted` before it looks whether the queue is listed. So
	 * either it lists the queue again, or the new position is written here. */
	listed_set(txq, false);
	position = wanted(txq);
	if (position == txq->doorbell.rung)
		return;
	vio_virtq_doorbell_ring(txq->vq, (uint16_t)position);
	__atomic_store_n(&txq->doorbell.rung, position, __ATOMIC_RELAXED);
}

static void
doorbell_ring(struct vsr_txq *txq)
{
	uint32_t nb = 1;

	if (__atomic_fetch_add(&txq->doorbell.asks, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	do {
		doorbell_write(txq);
		nb = __atomic_sub_fetch(&txq->doorbell.asks, nb, __ATOMIC_ACQ_REL);
	} while (nb != 0);
}

bool
vsr_txq_pending_ring(struct vsr_txq *txq)
{
	if (!is_pending(txq))
		return false;
	doorbell_ring(txq);
	return true;
}

void
vsr_txq_doorbell_hold(struct vsr_txq *txq, uint16_t nb_sent)
{
	struct vsr_tx_doorbell *doorbell = &txq->doorbell;
	struct vio_virtq *vq = txq->vq;
	const uint64_t now = rte_rdtsc();
	uint64_t position = doorbell->wanted;

	if (is_pending(txq)) {
		vq->nb_unannounced = 0;
		vq->nb_doorbells_saved++;
	} else if (vq->packed ? vio_packed_doorbell_needed(vq) : vio_split_doorbell_needed(vq)) {
		doorbell->nb_sent = 0;
		__atomic_store_n(&doorbell->due, now + txq->doorbell_delay, __ATOMIC_RELAXED);
	} else {
		return;
	}
	doorbell->nb_sent += nb_sent;
	/* A count above the position: another position is a greater number. */
	position = ((position >> 16) + 1) << 16;
	position |= vq->packed ? vio_packed_position(vq) : vio_split_position(vq);
	__atomic_store_n(&doorbell->wanted, position, __ATOMIC_SEQ_CST);
	if (nb_sent >= VSR_TX_HOLD_MIN && now < doorbell->due &&
			doorbell->nb_sent <= vq->size / 2u) {
		listed_set(txq, true);
		if (likely(__atomic_load_n(&txq->dev->alarm_runs, __ATOMIC_SEQ_CST)))
			return;
	}
	doorbell_ring(txq);
}

void
vsr_pending_doorbells_ring(struct vsr_dev *dev, bool all)
{
	struct rte_eth_dev_data *data = rte_eth_devices[dev->port_id].data;
	const uint64_t now = rte_rdtsc();

	for (uint16_t i = 0; i < data->nb_tx_queues; i++) {
		struct vsr_txq *txq = data->tx_queues[i];

		if (txq != NULL && __atomic_load_n(&txq->doorbell.listed, __ATOMIC_RELAXED) &&
				(all ||
						now >= __atomic_load_n(&txq->doorbell.due,
								       __ATOMIC_RELAXED)))
			doorbell_ring(txq);
	}
}

static void
alarm_expired(void *arg)
{
	struct vsr_dev *dev = arg;

	vsr_pending_doorbells_ring(dev, false);
	vsr_pending_doorbells_start(dev);
	/* No alarm will come. A burst first lists its queue, then looks at alarm_runs, so it either
	 * notices or is found here. */
	if (!__atomic_load_n(&dev->alarm_runs, __ATOMIC_SEQ_CST))
		vsr_pending_doorbells_ring(dev, true);
}

void
vsr_pending_doorbells_start(struct vsr_dev *dev)
{
	const uint32_t us = dev->args.tx_db_delay_us;
	const bool runs = us != 0 && rte_eal_alarm_set(us + ALARM_US, alarm_expired, dev) == 0;

	if (us != 0 && !runs)
		VSR_LOG(WARNING, dev, "no alarm: TX doorbells are not delayed until a restart");
	__atomic_store_n(&dev->alarm_runs, runs, __ATOMIC_SEQ_CST);
}

void
vsr_pending_doorbells_stop(struct vsr_dev *dev)
{
	/* This waits for a running alarm, and for what it rings. */
	rte_eal_alarm_cancel(alarm_expired, dev);
	__atomic_store_n(&dev->alarm_runs, false, __ATOMIC_SEQ_CST);
	vsr_pending_doorbells_ring(dev, true);
}
