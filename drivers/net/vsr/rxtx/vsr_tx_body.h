/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_TX_BODY_H
#define VSR_TX_BODY_H

/**
 * @file
 * The TX burst: clean, post, publish, doorbell.
 *
 * One body for all paths, as in vsr_rx_body.h. See doc/datapath.rst.
 */

#include "vsr_tx_pending.h"
#include "vsr_slow.h"
#include "vsr_tx_hdr.h"

#define TX_CLEAN_BULK 64

/** Post row.step packets at once. @return row.step, or 0: not all of them are plain. */
typedef uint16_t (*vsr_tx_post_fn)(struct vsr_txq *txq, struct rte_mbuf **pkts, uint64_t *bytes);
/** Reap row.step sent packets at once. @return row.step, or 0: the scalar code must do it. */
typedef uint16_t (*vsr_tx_reap_fn)(struct vsr_txq *txq, struct rte_mbuf **done);

/** What differs between paths; constants of a burst function. */
struct vsr_tx_row {
	const struct vio_ring_ops *ring;
	vsr_tx_post_fn post; /**< NULL: scalar code only. */
	vsr_tx_reap_fn reap; /**< NULL: scalar code only. */
	uint16_t step; /**< Packets per call of post and reap. */
};

/* Free sent packets, at most nb_max. */
static __rte_always_inline uint32_t
tx_clean(struct vsr_txq *txq, uint32_t nb_max, const struct vsr_tx_row row)
{
	struct rte_mbuf *done[TX_CLEAN_BULK];
	uint32_t nb_done = 0, nb = 0, len;

	while (nb_done + nb < nb_max) {
		const uint16_t room = RTE_MIN(nb_max - nb_done - nb, RTE_DIM(done) - nb);

		if (row.reap != NULL && room >= row.step && likely(row.reap(txq, &done[nb]) != 0)) {
			nb += row.step;
		} else {
			done[nb] = row.ring->reap(txq->vq, &len);
			if (done[nb] == NULL)
				break;
			nb += 1 + row.ring->reap_batch(txq->vq, (void **)&done[nb + 1], room - 1);
		}
		if (nb > RTE_DIM(done) - RTE_MAX(row.step, 1)) {
			vsr_tx_free(txq, done, nb);
			nb_done += nb;
			nb = 0;
		}
	}
	vsr_tx_free(txq, done, nb);
	return nb_done + nb;
}

static inline bool
tx_acceptable(struct vsr_txq *txq, struct rte_mbuf *m)
{
	if (unlikely(m->pkt_len > txq->max_len))
		vsr_tx_drop(m, &txq->stats.too_long);
	else if (unlikely(m->nb_segs > VSR_TX_SEGS_MAX || m->nb_segs >= txq->vq->size))
		vsr_tx_drop(m, &txq->stats.too_many_segs);
	else if (unlikely(m->pkt_len == 0))
		vsr_tx_drop(m, &txq->stats.empty);
	else
		return true;
	return false;
}

/* @return false if the ring has no room. */
static __rte_always_inline bool
tx_post(struct vsr_txq *txq, struct rte_mbuf *m, const struct vio_ring_ops *const ring)
{
	if (likely(m->nb_segs == 1 && tx_can_push(txq, m))) {
		const struct vio_seg seg = {
			.iova = rte_pktmbuf_iova(m) - txq->hdr_len,
			.len = m->data_len + txq->hdr_len,
		};

		if (unlikely(txq->vq->nb_free == 0))
			return false;
		tx_header(rte_pktmbuf_mtod_offset(m, void *, -txq->hdr_len));
		ring->post(txq->vq, &seg, 0, m);
		return true;
	}
	return vsr_tx_post_list(txq, m);
}

/* The ring was full: free sent packets and try again. */
static __rte_always_inline bool
tx_post_again(struct vsr_txq *txq, struct rte_mbuf *m, const struct vsr_tx_row row)
{
	/* Posted buffers must be published before a reap. */
	if (txq->vq->nb_posted != 0)
		row.ring->publish(txq->vq);
	if (tx_clean(txq, UINT32_MAX, row) != 0 && tx_post(txq, m, row.ring))
		return true;
	txq->stats.full++;
	return false;
}

static __rte_always_inline uint16_t
tx_burst(struct vsr_txq *txq, struct rte_mbuf **pkts, uint16_t nb_pkts, const struct vsr_tx_row row)
{
	struct vio_virtq *vq = txq->vq;
	uint64_t bytes = 0;
	uint16_t nb_tx = 0, nb_sent = 0, nb;
	uint32_t len;

	/* clean */
	if (vq->nb_free < txq->free_thresh || vq->nb_free < nb_pkts)
		tx_clean(txq, UINT32_MAX, row);

	/* post */
	while (nb_tx < nb_pkts) {
		struct rte_mbuf *m;

		if (row.post != NULL && nb_pkts - nb_tx >= row.step) {
			nb = row.post(txq, &pkts[nb_tx], &bytes);
			nb_tx += nb;
			nb_sent += nb;
			if (likely(nb != 0))
				continue;
		}
		do {
			m = pkts[nb_tx];
			if (!tx_acceptable(txq, m))
				continue;
			len = m->pkt_len;
			if (unlikely(!tx_post(txq, m, row.ring)) && !tx_post_again(txq, m, row))
				goto done;
			bytes += len;
			nb_sent++;
		} while (++nb_tx < nb_pkts && vq->post_i % RTE_MAX(row.step, 1) != 0);
	}
done:
	txq->stats.packets += nb_sent;
	txq->stats.bytes += bytes;

	/* publish, doorbell */
	if (likely(nb_sent != 0)) {
		row.ring->publish(vq);
		if (unlikely(txq->doorbell_delay != 0))
			vsr_txq_doorbell_hold(txq, nb_sent);
		else if (row.ring->doorbell_needed(vq))
			row.ring->doorbell_ring(vq);
	} else if (unlikely(txq->doorbell_delay != 0)) {
		vsr_txq_pending_ring(txq);
	}
	return nb_tx;
}

#endif /* VSR_TX_BODY_H */
