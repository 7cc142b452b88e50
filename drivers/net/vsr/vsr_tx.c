/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"
#include "vsr_dev.h"

#define TX_CLEAN_BULK 32

/* Free what was sent, at most nb_max packets. */
static __rte_always_inline uint32_t
tx_clean(struct vsr_txq *txq, uint32_t nb_max, const struct vio_ring_ops *const ring)
{
	struct rte_mbuf *done[TX_CLEAN_BULK];
	uint32_t nb_done = 0, nb = 0, len;

	while (nb_done < nb_max && (done[nb] = ring->reap(txq->vq, &len)) != NULL) {
		nb_done++;
		if (++nb == RTE_DIM(done)) {
			rte_pktmbuf_free_bulk(done, nb);
			nb = 0;
		}
	}
	if (nb != 0)
		rte_pktmbuf_free_bulk(done, nb);
	return nb_done;
}

/* The device cannot take this packet, now or later: it counts as lost. */
static __rte_noinline void
tx_drop(struct rte_mbuf *m, uint64_t *why)
{
	(*why)++;
	rte_pktmbuf_free(m);
}

static inline bool
tx_acceptable(struct vsr_txq *txq, struct rte_mbuf *m)
{
	if (unlikely(m->pkt_len > txq->max_len))
		tx_drop(m, &txq->stats.too_long);
	else if (unlikely(m->nb_segs > VSR_TX_SEGS_MAX || m->nb_segs >= txq->vq->size))
		tx_drop(m, &txq->stats.too_many_segs);
	else if (unlikely(m->pkt_len == 0))
		tx_drop(m, &txq->stats.empty);
	else
		return true;
	return false;
}

/* The header may stand in front of the data: nobody else has that memory, and there is room. */
static inline bool
tx_can_push(const struct vsr_txq *txq, const struct rte_mbuf *m)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) &&
			rte_pktmbuf_headroom(m) >= txq->hdr_len;
}

/* No offload is negotiated: all of the header is zero (virtio 1.4 5.1.6.2). */
static inline void
tx_header(void *hdr, uint16_t hdr_len)
{
	if (likely(hdr_len == VIRTIO_NET_HDR_LEN))
		memset(hdr, 0, VIRTIO_NET_HDR_LEN);
	else
		memset(hdr, 0, hdr_len);
}

/* List the segments that hold data, the header in front of the first one if it was pushed. */
static inline uint16_t
tx_segs(const struct vsr_txq *txq, const struct rte_mbuf *m, bool pushed, struct vio_seg *segs)
{
	uint16_t nb = 0, hdr_len = pushed ? txq->hdr_len : 0;

	for (; m != NULL; m = m->next) {
		if (m->data_len + hdr_len == 0)
			continue;
		segs[nb].iova = rte_pktmbuf_iova(m) - hdr_len;
		segs[nb].len = m->data_len + hdr_len;
		hdr_len = 0;
		nb++;
	}
	return nb;
}

/* A packet that takes more than one descriptor: a table of them where possible, else a chain.
 * Returns false when the ring has no room. */
static __rte_always_inline bool
tx_post_list(struct vsr_txq *txq, struct rte_mbuf *m, bool pushed,
		const struct vio_ring_ops *const ring)
{
	const uint32_t at = (uint32_t)ring->next_id(txq->vq) * txq->aux_len;
	struct vio_seg segs[VSR_TX_SEGS_MAX + 1];
	uint16_t nb_segs = 0;

	if (pushed) {
		tx_header(rte_pktmbuf_mtod_offset(m, void *, -txq->hdr_len), txq->hdr_len);
	} else {
		tx_header(txq->aux + at, txq->hdr_len);
		segs[0] = (struct vio_seg){ .iova = txq->aux_iova + at, .len = txq->hdr_len };
		nb_segs = 1;
	}
	nb_segs += tx_segs(txq, m, pushed, &segs[nb_segs]);
	if (txq->indirect && nb_segs > 1) {
		const struct vio_seg table = {
			.iova = txq->aux_iova + at + VSR_TX_AUX_TABLE,
			.len = nb_segs * sizeof(struct virtq_desc),
		};

		ring->table_fill(txq->aux + at + VSR_TX_AUX_TABLE, segs, nb_segs);
		ring->post(txq->vq, &table, VIRTQ_DESC_F_INDIRECT, m);
		return true;
	}
	if (nb_segs > txq->vq->nb_free)
		return false;
	ring->post_list(txq->vq, segs, nb_segs, nb_segs, m);
	return true;
}

/* Returns false when the ring has no room. */
static __rte_always_inline bool
tx_post(struct vsr_txq *txq, struct rte_mbuf *m, const struct vio_ring_ops *const ring)
{
	const bool push = tx_can_push(txq, m);

	if (likely(push && m->nb_segs == 1)) {
		const struct vio_seg seg = {
			.iova = rte_pktmbuf_iova(m) - txq->hdr_len,
			.len = m->data_len + txq->hdr_len,
		};

		tx_header(rte_pktmbuf_mtod_offset(m, void *, -txq->hdr_len), txq->hdr_len);
		ring->post(txq->vq, &seg, 0, m);
		return true;
	}
	return tx_post_list(txq, m, push, ring);
}

/* The ring was full: what the device is done with by now may make room. */
static __rte_always_inline bool
tx_post_again(struct vsr_txq *txq, struct rte_mbuf *m, const struct vio_ring_ops *const ring)
{
	/* A reap sees published buffers only. */
	if (txq->vq->nb_posted != 0)
		ring->publish(txq->vq);
	if (tx_clean(txq, UINT32_MAX, ring) != 0 && txq->vq->nb_free != 0 && tx_post(txq, m, ring))
		return true;
	txq->stats.full++;
	return false;
}

static __rte_always_inline uint16_t
tx_burst(struct vsr_txq *txq, struct rte_mbuf **pkts, uint16_t nb_pkts,
		const struct vio_ring_ops *const ring)
{
	struct vio_virtq *vq = txq->vq;
	uint64_t bytes = 0;
	uint16_t nb_tx, nb_sent = 0;
	uint32_t len;

	/* clean */
	if (vq->nb_free < txq->free_thresh || vq->nb_free < nb_pkts)
		tx_clean(txq, UINT32_MAX, ring);

	/* post */
	for (nb_tx = 0; nb_tx < nb_pkts; nb_tx++) {
		struct rte_mbuf *m = pkts[nb_tx];

		if (!tx_acceptable(txq, m))
			continue;
		len = m->pkt_len;
		if (unlikely(vq->nb_free == 0 || !tx_post(txq, m, ring)) &&
				!tx_post_again(txq, m, ring))
			break;
		bytes += len;
		nb_sent++;
	}
	txq->stats.packets += nb_sent;
	txq->stats.bytes += bytes;

	/* publish, kick */
	if (likely(nb_sent != 0)) {
		ring->publish(vq);
		if (ring->kick_needed(vq))
			ring->kick(vq);
	}
	return nb_tx;
}

uint16_t
vsr_tx_split(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return tx_burst(queue, pkts, nb_pkts, &vio_ring_split);
}

uint16_t
vsr_tx_packed(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return tx_burst(queue, pkts, nb_pkts, &vio_ring_packed);
}

int
vsr_tx_done_cleanup(void *queue, uint32_t nb_max)
{
	struct vsr_txq *txq = queue;

	if (nb_max == 0)
		nb_max = UINT32_MAX;
	return (int)(txq->vq->packed ? tx_clean(txq, nb_max, &vio_ring_packed) :
			tx_clean(txq, nb_max, &vio_ring_split));
}
