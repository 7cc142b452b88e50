/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/**
 * @file
 * TX doorbells that are held back (device argument tx_db_delay_us).
 *
 * A burst publishes its packets and, if the device wants to know, owes it a doorbell: one of few
 * packets rings at once, since an application that is behind sends many. The pending doorbell is rung by the
 * first of: the burst that finds half a ring or the delay behind it, or that has few packets to
 * send or none; an RX burst of the port that finds the delay behind it; tx_done_cleanup;
 * rte_pmd_vsr_tx_doorbell(); stop; and an alarm, for an application that went away. Whether the
 * device wants it is asked once, when the debt is made: a yes stays true, since a doorbell too
 * many does no harm.
 *
 * The lock is for those who are not the thread of the queue. They look at the debt only, never at
 * the ring, whose indices belong to that thread.
 */

#include <errno.h>

#include <rte_alarm.h>
#include <rte_cycles.h>

#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"
#include "vsr_doorbell.h"

/* The alarm is for who stopped calling: it comes so long after the delay. */
#define ALARM_US 1000

static void alarm_expired(void *arg);

static void
alarm_arm(struct vsr_dev *dev)
{
	if (rte_eal_alarm_set(dev->args.tx_db_delay_us + ALARM_US, alarm_expired, dev) != 0)
		__atomic_store_n(&dev->alarm_armed, false, __ATOMIC_RELEASE);
}

/* Pay, locked. */
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
vsr_txq_doorbell_ring(struct vsr_txq *txq)
{
	bool paid;

	rte_spinlock_lock(&txq->doorbell.lock);
	paid = pending_ring(txq);
	rte_spinlock_unlock(&txq->doorbell.lock);
	return paid;
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
vsr_doorbells_ring(struct vsr_dev *dev, bool all)
{
	struct rte_eth_dev_data *data = rte_eth_devices[dev->port_id].data;
	const uint64_t now = rte_rdtsc();

	for (uint16_t i = 0; i < data->nb_tx_queues; i++) {
		struct vsr_txq *txq = data->tx_queues[i];

		/* Who holds the lock is about to pay, or has made it a new debt. */
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

	vsr_doorbells_ring(dev, true);
	/* The order is: no alarm, then a last look; a burst first makes a debt, then looks for an
	 * alarm. So one of the two sees the other. */
	__atomic_store_n(&dev->alarm_armed, false, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&dev->nb_pending_doorbells, __ATOMIC_SEQ_CST) != 0 &&
			!__atomic_exchange_n(&dev->alarm_armed, true, __ATOMIC_ACQ_REL))
		alarm_arm(dev);
}

void
vsr_doorbells_stop(struct vsr_dev *dev)
{
	vsr_doorbells_ring(dev, true);
	/* Waits for one that runs; none is armed after, since no burst runs. */
	rte_eal_alarm_cancel(alarm_expired, dev);
	__atomic_store_n(&dev->alarm_armed, false, __ATOMIC_RELEASE);
}
