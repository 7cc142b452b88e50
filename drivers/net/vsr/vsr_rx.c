/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"
#include "vsr_dev.h"

/* The device said a length that the buffer does not have: the packet is lost, the buffer is not. */
static __rte_noinline void
rx_bad_len(struct vsr_rxq *rxq, struct rte_mbuf *m)
{
	rxq->stats.bad_len++;
	rte_pktmbuf_free(m);
}

static __rte_noinline void
rx_bad_num_buffers(struct vsr_rxq *rxq, struct rte_mbuf *m)
{
	rxq->stats.bad_num_buffers++;
	rte_pktmbuf_free(m);
}

/* A later buffer of a merged packet cannot be used: drop it with what came before, and skip what
 * is still to come. */
static __rte_noinline struct rte_mbuf *
rx_merge_drop(struct vsr_rxq *rxq, struct rte_mbuf *m)
{
	if (rxq->head != NULL) {
		rxq->stats.bad_len++;
		rte_pktmbuf_free(rxq->head);
		rxq->head = NULL;
	}
	rte_pktmbuf_free(m);
	rxq->left--;
	return NULL;
}

/* Number of buffers of the packet that begins here. */
static inline uint16_t
rx_num_buffers(const struct vsr_rxq *rxq, const struct rte_mbuf *m)
{
	const int at = (int)offsetof(struct virtio_net_hdr, num_buffers) - rxq->hdr_len;

	return vio_load16(rte_pktmbuf_mtod_offset(m, const virtio_le16 *, at));
}

/* Later buffers carry no header: data begins where it would stand (virtio 1.4 5.1.6.4). */
static inline struct rte_mbuf *
rx_merge_next(struct vsr_rxq *rxq, struct rte_mbuf *m, uint32_t len)
{
	struct rte_mbuf *head = rxq->head;

	if (unlikely(head == NULL || len == 0 || len > rxq->buf_len))
		return rx_merge_drop(rxq, m);
	m->data_off -= rxq->hdr_len;
	m->data_len = (uint16_t)len;
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
 * One buffer came back: the whole packet once it is complete, else NULL. The packet in the making
 * survives the end of a burst, since the device shows us its buffers when it likes.
 */
static inline struct rte_mbuf *
rx_fix_up(struct vsr_rxq *rxq, struct rte_mbuf *m, uint32_t len, const bool mergeable)
{
	uint16_t nb_buffers;

	if (mergeable && unlikely(rxq->left != 0))
		return rx_merge_next(rxq, m, len);
	if (unlikely(len <= rxq->hdr_len || len > rxq->buf_len)) {
		rx_bad_len(rxq, m);
		return NULL;
	}
	m->data_len = (uint16_t)(len - rxq->hdr_len);
	m->pkt_len = m->data_len;
	if (!mergeable)
		return m;
	nb_buffers = rx_num_buffers(rxq, m);
	if (likely(nb_buffers == 1))
		return m;
	if (unlikely(nb_buffers == 0 || nb_buffers > rxq->vq->size)) {
		rx_bad_num_buffers(rxq, m);
		return NULL;
	}
	rxq->head = rxq->tail = m;
	rxq->left = nb_buffers - 1;
	return NULL;
}

/* Post one bulk of empty buffers; a pool that runs low gives what it has. */
static __rte_always_inline uint16_t
rx_refill_bulk(struct vsr_rxq *rxq, const struct vio_ring_ops *const ring)
{
	struct rte_mbuf *bufs[VSR_RX_BULK];
	uint16_t nb = RTE_MIN(rxq->vq->nb_free, VSR_RX_BULK);

	while (unlikely(rte_pktmbuf_alloc_bulk(rxq->pool, bufs, nb) != 0)) {
		nb /= 2;
		if (nb == 0) {
			rxq->stats.no_mbuf++;
			return 0;
		}
	}
	for (uint16_t i = 0; i < nb; i++) {
		struct rte_mbuf *m = bufs[i];
		const struct vio_seg seg = {
			.iova = rte_pktmbuf_iova(m) - rxq->hdr_len,
			.len = rxq->buf_len,
		};

		m->port = rxq->port_id;
		ring->post(rxq->vq, &seg, VIRTQ_DESC_F_WRITE, m);
	}
	return nb;
}

static __rte_always_inline void
rx_refill(struct vsr_rxq *rxq, const struct vio_ring_ops *const ring)
{
	uint16_t nb_posted = 0, nb;

	while (rxq->vq->nb_free != 0) {
		nb = rx_refill_bulk(rxq, ring);
		if (nb == 0)
			break;
		nb_posted += nb;
	}
	if (nb_posted != 0)
		ring->publish(rxq->vq);
}

static __rte_always_inline void
rx_kick(struct vio_virtq *vq, const struct vio_ring_ops *const ring)
{
	if (vq->nb_unkicked != 0 && ring->kick_needed(vq))
		ring->kick(vq);
}

static __rte_always_inline uint16_t
rx_burst(struct vsr_rxq *rxq, struct rte_mbuf **pkts, uint16_t nb_pkts,
		const struct vio_ring_ops *const ring, const bool mergeable)
{
	struct vio_virtq *vq = rxq->vq;
	uint64_t bytes = 0;
	uint16_t nb_rx = 0;
	struct rte_mbuf *m;
	uint32_t len = 0;

	/* reap, fix up; buffers are posted again below, so this ends with the ring at the latest */
	while (nb_rx < nb_pkts && (m = ring->reap(vq, &len)) != NULL) {
		m = rx_fix_up(rxq, m, len, mergeable);
		if (m == NULL)
			continue;
		bytes += m->pkt_len;
		pkts[nb_rx++] = m;
	}
	rxq->stats.packets += nb_rx;
	rxq->stats.bytes += bytes;

	/* refill, publish, kick: also without packets, for a pool that was empty before */
	if (vq->nb_free >= rxq->free_thresh && likely(!vq->broken)) {
		rx_refill(rxq, ring);
		rx_kick(vq, ring);
	}
	return nb_rx;
}

uint16_t
vsr_rx_split(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, &vio_ring_split, false);
}

uint16_t
vsr_rx_split_mrg(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, &vio_ring_split, true);
}

uint16_t
vsr_rx_packed(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, &vio_ring_packed, false);
}

uint16_t
vsr_rx_packed_mrg(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, &vio_ring_packed, true);
}

void
vsr_rxq_fill(struct vsr_rxq *rxq)
{
	if (rxq->vq->packed)
		rx_refill(rxq, &vio_ring_packed);
	else
		rx_refill(rxq, &vio_ring_split);
}

void
vsr_rxq_kick(struct vsr_rxq *rxq)
{
	if (rxq->vq->packed)
		rx_kick(rxq->vq, &vio_ring_packed);
	else
		rx_kick(rxq->vq, &vio_ring_split);
}
