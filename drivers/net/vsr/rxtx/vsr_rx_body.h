/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_RX_BODY_H
#define VSR_RX_BODY_H

/**
 * @file
 * The RX burst: reap, fix up, refill, publish, doorbell.
 *
 * One body for all paths. The layout of the ring, mergeable buffers and the functions that handle
 * several packets at once are constants of each burst function, so that the compiler removes the
 * choice between them.
 *
 * The driver never reads a free mbuf: it computes the bus address of the buffer from the address
 * of the mbuf, and writes the fields of the mbuf once, when a packet is received. See
 * doc/datapath.rst.
 */

#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"
#include "vsr_tx_pending.h"
#include "vsr_slow.h"

#define VSR_RX_BULK 32 /**< Mbufs allocated at once. */

/** Reap up to row.step packets at once. @return number of packets, or 0: use the scalar code. */
typedef uint16_t (*vsr_rx_reap_fn)(struct vsr_rxq *rxq, struct rte_mbuf **pkts, uint64_t *bytes);
/** Post row.step buffers at once. @return row.step, or 0: use the scalar code. */
typedef uint16_t (*vsr_rx_post_fn)(struct vsr_rxq *rxq, struct rte_mbuf **bufs);

/** What differs between paths; constants of a burst function. */
struct vsr_rx_row {
	const struct vio_ring_ops *ring;
	bool mergeable;
	vsr_rx_reap_fn reap; /**< NULL: scalar code only. */
	vsr_rx_post_fn post; /**< NULL: scalar code only. */
	uint16_t step; /**< Buffers per call of reap and post. */
};

/* Initialize a received mbuf: all fields that a driver must set are in these four words. */
static __rte_always_inline void
rx_rearm(const struct vsr_rxq *rxq, struct rte_mbuf *m, uint32_t data_len)
{
	uint64_t *words = (uint64_t *)(uintptr_t)&m->rearm_data;

	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, ol_flags) !=
			offsetof(struct rte_mbuf, rearm_data) + 8);
	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, pkt_len) !=
			offsetof(struct rte_mbuf, rearm_data) + 20);
	RTE_BUILD_BUG_ON(offsetof(struct rte_mbuf, data_len) !=
			offsetof(struct rte_mbuf, rearm_data) + 24);
	words[0] = rxq->rearm[0]; /* data_off, refcnt, nb_segs, port */
	words[1] = rxq->rearm[1]; /* ol_flags */
	words[2] = (uint64_t)data_len << 32; /* packet_type, pkt_len */
	words[3] = data_len; /* data_len, vlan_tci, hash.rss */
}

/* Number of buffers of the packet that begins with this one. */
static inline uint16_t
rx_num_buffers(const struct vsr_rxq *rxq, const struct rte_mbuf *m)
{
	const int at = (int)offsetof(struct virtio_net_hdr, num_buffers) - rxq->hdr_len;

	return vio_load16(rte_pktmbuf_mtod_offset(m, const virtio_le16 *, at));
}

/* Only the first buffer of a packet has a header; the others are all data (virtio 1.4 5.1.9.4). */
static inline struct rte_mbuf *
rx_merge_next(struct vsr_rxq *rxq, struct rte_mbuf *m, uint32_t len)
{
	struct rte_mbuf *head = rxq->head;

	if (unlikely(head == NULL || len == 0 || len > rxq->buf_len))
		return vsr_rx_merge_drop(rxq, m);
	rx_rearm(rxq, m, len);
	m->data_off -= rxq->hdr_len;
	rxq->tail->next = m;
	rxq->tail = m;
	head->nb_segs++;
	head->pkt_len += len;
	if (--rxq->left != 0)
		return NULL;
	rxq->head = NULL;
	return head;
}

/*
 * Handle one reaped buffer. @return the packet if it is complete, else NULL. An incomplete packet
 * is kept for the next burst, since the device may use its buffers one at a time.
 */
static inline struct rte_mbuf *
rx_fix_up(struct vsr_rxq *rxq, struct rte_mbuf *m, uint32_t len, const bool mergeable)
{
	uint16_t nb_buffers;

	if (mergeable && unlikely(rxq->left != 0))
		return rx_merge_next(rxq, m, len);
	if (unlikely(len <= rxq->hdr_len || len > rxq->buf_len))
		return vsr_rx_bad_len(rxq, m);
	rx_rearm(rxq, m, len - rxq->hdr_len);
	if (!mergeable)
		return m;
	/* Also read it if the buffer is not full. A device has to fill all buffers of a packet but
	 * the last (virtio 1.4 5.1.9.4.1), but the packet of one that does not would be cut. */
	nb_buffers = rx_num_buffers(rxq, m);
	if (likely(nb_buffers == 1))
		return m;
	if (unlikely(nb_buffers == 0 || nb_buffers > rxq->vq->size))
		return vsr_rx_bad_num_buffers(rxq, m);
	rxq->head = rxq->tail = m;
	rxq->left = nb_buffers - 1;
	return NULL;
}

/* Bus address that the device writes to. */
static __rte_always_inline uint64_t
rx_iova(const struct vsr_rxq *rxq, const struct rte_mbuf *m)
{
	if (likely(rxq->linear))
		return (uintptr_t)m + rxq->buf_offset;
	return rte_mbuf_iova_get(m) + RTE_PKTMBUF_HEADROOM - rxq->hdr_len;
}

static __rte_always_inline void
rx_post(struct vsr_rxq *rxq, struct rte_mbuf **bufs, uint16_t nb, const struct vsr_rx_row row)
{
	uint16_t i = 0;

	while (i < nb) {
		struct vio_seg seg = { .len = rxq->buf_len };

		if (row.post != NULL && likely(nb - i >= row.step) &&
				likely(row.post(rxq, &bufs[i]) != 0)) {
			i += row.step;
			continue;
		}
		do {
			seg.iova = rx_iova(rxq, bufs[i]);
			row.ring->post(rxq->vq, &seg, VIRTQ_DESC_F_WRITE, bufs[i]);
		} while (++i < nb && rxq->vq->post_i % RTE_MAX(row.step, 1) != 0);
	}
}

/* Descriptors that may get a buffer. */
static __rte_always_inline uint16_t
rx_room(const struct vsr_rxq *rxq)
{
	return rxq->vq->nb_free - rxq->reserve;
}

/* Publish `most` buffers or some more, unless the ring is full or the pool is empty before.
 * @return number of buffers. */
static __rte_always_inline uint16_t
rx_refill(struct vsr_rxq *rxq, uint16_t most, const struct vsr_rx_row row)
{
	struct rte_mbuf *bufs[VSR_RX_BULK];
	uint16_t nb, rest, nb_posted = 0;

	while (rx_room(rxq) != 0 && nb_posted < most) {
		nb = RTE_MIN(rx_room(rxq), VSR_RX_BULK);
		/* End with a whole step, so that the next refill begins with one. */
		if (row.step > 1) {
			if (nb_posted != 0 && nb < row.step)
				break;
			rest = (rxq->vq->post_i + nb) % row.step;
			if (rest < nb)
				nb -= rest;
		}
		if (unlikely(rte_mempool_get_bulk(rxq->pool, (void **)bufs, nb) != 0)) {
			nb = vsr_rx_alloc_few(rxq, bufs, nb);
			if (nb == 0)
				break;
		}
		rx_post(rxq, bufs, nb, row);
		nb_posted += nb;
	}
	if (nb_posted != 0) {
		row.ring->publish(rxq->vq);
		rxq->stats.refills++;
	}
	return nb_posted;
}

/* Too many descriptors are unknown to the device: free, or not announced. */
static __rte_always_inline bool
rx_announced_few(const struct vsr_rxq *rxq)
{
	return (uint32_t)rxq->vq->nb_free + rxq->vq->nb_unannounced > rxq->unannounced_max;
}

/*
 * Ring the doorbell, if the device wants it, unless enough buffers are announced.
 *
 * No buffer is stuck: a buffer that was published, and that the device may need, is announced
 * within a bounded number of calls. Announced means that the doorbell was rung or made pending, or
 * that doorbell_needed found, behind its barrier, that the device looks at the ring by itself.
 *
 *   - RX, all paths. After each poll all published buffers are announced, or `least` of them:
 *     size - unannounced_max. If a poll leaves fewer, it refills what it can and comes here,
 *     whatever the thresholds of the refill say and whatever the pool gives. So a device without an
 *     announced buffer that is unused has given packets to the driver, and the poll that takes the
 *     announced buffers down to fewer than `least` announces the others. `least` buffers hold the
 *     largest packet, so no device waits for room for it. nb_unannounced also counts buffers that a
 *     device found by itself, so the count of announced buffers is never too high.
 *   - RX, start of the port. vsr_rxqs_fill() publishes what the pool gives, and after DRIVER_OK
 *     vsr_rxq_doorbell_ring() announces it: no buffer is announced before. If the pool gave too
 *     little, each poll tries again.
 *   - RX, several rings and a pool that is too small for them. All together hold no more than the
 *     pool has (vsr_rxqs_share()), so what the application gives back is there for the ring that
 *     lacks it. If the application keeps some, the extra ring that lacks most is polled first.
 *   - TX. A burst that publishes ends with the doorbell, or makes it pending. vsr_tx_pending.c says
 *     who rings it then: at the latest an alarm, without any call.
 *   - Control and admin queues. vio_cmdq_post() publishes one command and rings the doorbell, under
 *     one lock.
 *
 * `least` is three eighths of what the ring may hold, and one burst of packets: the device knows of
 * three eighths even right before the doorbell.
 *
 * all: announce all buffers. Refills of a queue with time to spare do so, because each announced
 * buffer holds a packet that comes while the thread is busy elsewhere.
 */
static __rte_always_inline void
rx_doorbell(struct vsr_rxq *rxq, bool all, const struct vio_ring_ops *const ring)
{
	struct vio_virtq *vq = rxq->vq;

	if (vq->nb_unannounced == 0)
		return;
	if (!all && !rx_announced_few(rxq))
		vq->nb_doorbells_saved++;
	else if (ring->doorbell_needed(vq))
		ring->doorbell_ring(vq);
}

/* Prefetch the line of a buffer that holds the header. */
static __rte_always_inline void
rx_prefetch(const struct vsr_rxq *rxq, uint16_t id)
{
	__builtin_prefetch(RTE_PTR_ADD(rxq->vq->cookies[id], rxq->hdr_offset), 1);
}

/* If the next burst has packets already, prefetch for it: the ring of the burst after it, and the
 * cache line of each buffer that holds the header, for writing, since a forwarded packet gets its
 * TX header there. */
static __rte_always_inline void
rx_look_ahead(const struct vsr_rxq *rxq, const struct vio_ring_ops *const ring)
{
	const struct vio_virtq *vq = rxq->vq;
	uint16_t first, last;

	if (!ring->used_ahead(vq, VSR_AHEAD))
		return;
	ring->prefetch_reap(vq, VSR_AHEAD, VSR_AHEAD);
	if (unlikely(!rxq->linear))
		return;
	first = ring->id_ahead(vq, 0);
	last = ring->id_ahead(vq, VSR_AHEAD - 1);
	if (likely(last == first + VSR_AHEAD - 1)) {
		for (uint16_t i = 0; i < VSR_AHEAD; i++)
			rx_prefetch(rxq, first + i);
	} else {
		for (uint16_t i = 0; i < VSR_AHEAD; i++)
			rx_prefetch(rxq, ring->id_ahead(vq, i));
	}
}

static __rte_always_inline uint16_t
rx_burst(struct vsr_rxq *rxq, struct rte_mbuf **pkts, uint16_t nb_pkts, const struct vsr_rx_row row)
{
	const bool mergeable = row.mergeable && rxq->mergeable;
	struct vio_virtq *vq = rxq->vq;
	uint64_t bytes = 0;
	uint16_t nb_rx = 0, nb;
	struct rte_mbuf *m;
	uint32_t len = 0;
	bool few, idle;

	/* reap, fix up; no buffer is posted meanwhile, so the loop ends after one ring at most */
	while (nb_rx < nb_pkts) {
		if (row.reap != NULL && nb_pkts - nb_rx >= row.step) {
			nb = row.reap(rxq, &pkts[nb_rx], &bytes);
			nb_rx += nb;
			if (likely(nb != 0))
				continue;
		}
		do {
			m = row.ring->reap(vq, &len);
			if (m == NULL)
				goto done;
			m = rx_fix_up(rxq, m, len, mergeable);
			if (m == NULL)
				continue;
			bytes += m->pkt_len;
			pkts[nb_rx++] = m;
		} while (nb_rx < nb_pkts && vq->reap_i % RTE_MAX(row.step, 1) != 0);
	}
done:
	rxq->stats.packets += nb_rx;
	rxq->stats.bytes += bytes;

	rx_look_ahead(rxq, row.ring);

	/* refill, publish, doorbell; preferably in an empty poll, so that no packet waits for it,
	 * and then only a little, so that a packet that comes meanwhile does not wait long */
	few = rx_announced_few(rxq);
	idle = nb_rx == 0 && rxq->recent < VSR_AHEAD;
	if (nb_rx != 0)
		rxq->recent = nb_rx;
	if ((rx_room(rxq) >= (nb_rx == 0 ? rxq->free_thresh : rxq->late_thresh) || unlikely(few)) &&
			likely(!vq->broken)) {
		if (rx_refill(rxq, nb_rx != 0 || few ? vq->size : rxq->free_thresh, row) != 0 ||
				few)
			rx_doorbell(rxq, idle, row.ring);
	}
	if (unlikely(rxq->rings_doorbells) &&
			__atomic_load_n(&rxq->dev->nb_pending_doorbells, __ATOMIC_RELAXED) != 0)
		vsr_pending_doorbells_ring(rxq->dev, false);
	return nb_rx;
}

#endif /* VSR_RX_BODY_H */
