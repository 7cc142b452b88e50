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
 *   - an alarm, if the application calls none of these.
 *
 * The driver checks whether the device wants the doorbell only once, when the doorbell becomes
 * pending: a surplus doorbell does no harm.
 *
 * The lock is for threads other than that of the queue. These threads use struct vsr_tx_doorbell
 * only, never the ring, whose indices belong to the thread of the queue.
 */

#include <rte_alarm.h>
#include <rte_cycles.h>

#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"
#include "vsr_tx_pending.h"

/* The alarm expires this long after the delay: only if the application stopped calling bursts. */
#define ALARM_US 1000

static void alarm_expired(void *arg);

static void
alarm_arm(struct vsr_dev *dev)
{
	if (rte_eal_alarm_set(dev->args.tx_db_delay_us + ALARM_US, alarm_expired, dev) != 0)
		__atomic_store_n(&dev->alarm_armed, false, __ATOMIC_RELEASE);
}

/* Ring the doorbell if it is pending. Called with the lock held. */
static bool
pending_ring(struct vsr_txq *txq)
{
	if (!txq->doorbell.pending)
		return false;
	txq->doorbell.pending = false;
	vio_virtq_doorbell_ring(txq->vq, txq->doorbell.position);
	__atomic_fetch_sub(&txq->dev->nb_pending_doorbells, 1, __ATOMIC_RELAXED);
	return true;
}

bool
vsr_txq_pending_ring(struct vsr_txq *txq)
{
	bool rung;

	rte_spinlock_lock(&txq->doorbell.lock);
	rung = pending_ring(txq);
	rte_spinlock_unlock(&txq->doorbell.lock);
	return rung;
}

void
vsr_txq_doorbell_hold(struct vsr_txq *txq, uint16_t nb_sent)
{
	struct vsr_dev *dev = txq->dev;
	struct vio_virtq *vq = txq->vq;
	const uint64_t now = rte_rdtsc();

	rte_spinlock_lock(&txq->doorbell.lock);
	txq->doorbell.position = vq->packed ? vio_packed_position(vq) : vio_split_position(vq);
	if (txq->doorbell.pending) {
		txq->doorbell.nb_sent += nb_sent;
		vq->nb_unannounced = 0;
		vq->nb_doorbells_saved++;
	} else if (vq->packed ? vio_packed_doorbell_needed(vq) : vio_split_doorbell_needed(vq)) {
		txq->doorbell.pending = true;
		txq->doorbell.nb_sent = nb_sent;
		txq->doorbell.due = now + txq->doorbell_delay;
		__atomic_fetch_add(&dev->nb_pending_doorbells, 1, __ATOMIC_SEQ_CST);
	}
	if (now >= txq->doorbell.due || txq->doorbell.nb_sent > vq->size / 2u ||
			nb_sent < VSR_TX_HOLD_MIN)
		pending_ring(txq);
	rte_spinlock_unlock(&txq->doorbell.lock);
	if (__atomic_load_n(&dev->nb_pending_doorbells, __ATOMIC_RELAXED) != 0 &&
			!__atomic_load_n(&dev->alarm_armed, __ATOMIC_SEQ_CST) &&
			!__atomic_exchange_n(&dev->alarm_armed, true, __ATOMIC_ACQ_REL))
		alarm_arm(dev);
}

void
vsr_pending_doorbells_ring(struct vsr_dev *dev, bool all)
{
	struct rte_eth_dev_data *data = rte_eth_devices[dev->port_id].data;
	const uint64_t now = rte_rdtsc();

	for (uint16_t i = 0; i < data->nb_tx_queues; i++) {
		struct vsr_txq *txq = data->tx_queues[i];

		/* The lock holder will ring this doorbell itself, or has just made it pending. */
		if (txq == NULL || !rte_spinlock_trylock(&txq->doorbell.lock))
			continue;
		if (all || now >= txq->doorbell.due)
			pending_ring(txq);
		rte_spinlock_unlock(&txq->doorbell.lock);
	}
}

static void
alarm_expired(void *arg)
{
	struct vsr_dev *dev = arg;

	vsr_pending_doorbells_ring(dev, true);
	/* First clear alarm_armed, then look for pending doorbells. A burst does it the other way
	 * round: its doorbell becomes pending, then it looks at alarm_armed. So at least one of
	 * the two sees the other. */
	__atomic_store_n(&dev->alarm_armed, false, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&dev->nb_pending_doorbells, __ATOMIC_SEQ_CST) != 0 &&
			!__atomic_exchange_n(&dev->alarm_armed, true, __ATOMIC_ACQ_REL))
		alarm_arm(dev);
}

void
vsr_pending_doorbells_stop(struct vsr_dev *dev)
{
	vsr_pending_doorbells_ring(dev, true);
	/* This waits for a running alarm. No burst runs, so no new alarm is set afterwards. */
	rte_eal_alarm_cancel(alarm_expired, dev);
	__atomic_store_n(&dev->alarm_armed, false, __ATOMIC_RELEASE);
}
