/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Rare cases of the bursts, kept out of their inlined code. */

#include "vsr_slow.h"
#include "vsr_tx_hdr.h"

struct rte_mbuf *
vsr_rx_bad_len(struct vsr_rxq *rxq, struct rte_mbuf *m)
{
	rxq->stats.bad_len++;
	rte_pktmbuf_free(m);
	return NULL;
}

struct rte_mbuf *
vsr_rx_bad_num_buffers(struct vsr_rxq *rxq, struct rte_mbuf *m)
{
	rxq->stats.bad_num_buffers++;
	rte_pktmbuf_free(m);
	return NULL;
}

struct rte_mbuf *
vsr_rx_merge_drop(struct vsr_rxq *rxq, struct rte_mbuf *m)
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

uint16_t
vsr_rx_alloc_few(struct vsr_rxq *rxq, struct rte_mbuf **bufs, uint16_t nb)
{
	while (nb > 1) {
		nb /= 2;
		if (rte_mempool_get_bulk(rxq->pool, (void **)bufs, nb) == 0) {
			rxq->stats.partial_refills++;
			return nb;
		}
	}
	rxq->stats.no_mbuf++;
	return 0;
}

void
vsr_tx_drop(struct rte_mbuf *m, uint64_t *counter)
{
	(*counter)++;
	rte_pktmbuf_free(m);
}

static __rte_noinline void
tx_put_bulk(struct rte_mbuf **done, uint32_t nb)
{
	rte_mempool_put_bulk(done[0]->pool, (void **)done, nb);
}

/* Put runs of plain mbufs of one pool back in bulk; free the others one by one. */
void
vsr_tx_free(const struct vsr_txq *txq, struct rte_mbuf **done, uint32_t nb)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < nb && unlikely(!txq->fast_free); i++) {
		if (likely(tx_is_plain(done[i]) && done[i]->pool == done[from]->pool))
			continue;
		if (i != from)
			tx_put_bulk(&done[from], i - from);
		from = i;
		if (!tx_is_plain(done[i])) {
			rte_pktmbuf_free(done[i]);
			from = i + 1;
		}
	}
	if (nb != from)
		tx_put_bulk(&done[from], nb - from);
}

/* List the segments that have data; a pushed header belongs to the first of them. */
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

/* Post a packet of several buffers: by an indirect table if negotiated and large enough, else as a
 * chain. */
static __rte_always_inline bool
tx_post_list(struct vsr_txq *txq, struct rte_mbuf *m, const struct vio_ring_ops *const ring)
{
	const bool pushed = tx_can_push(txq, m);
	const uint32_t at = (uint32_t)ring->next_id(txq->vq) * txq->aux_len;
	struct vio_seg segs[VSR_TX_SEGS_MAX + 1];
	uint16_t nb_segs = 0;

	if (txq->vq->nb_free == 0)
		return false;
	if (pushed) {
		tx_header(rte_pktmbuf_mtod_offset(m, void *, -txq->hdr_len));
	} else {
		tx_header(txq->aux + at);
		segs[0] = (struct vio_seg){ .iova = txq->aux_iova + at, .len = txq->hdr_len };
		nb_segs = 1;
	}
	nb_segs += tx_segs(txq, m, pushed, &segs[nb_segs]);
	/* From now on a packet may have several mbufs, so the short way to free them is over. */
	txq->fast_free = false;
	if (txq->indirect && nb_segs > 1 && nb_segs <= VSR_TX_TABLE_SEGS) {
		const struct vio_seg table = {
			.iova = txq->aux_iova + at + VSR_TX_AUX_TABLE,
			.len = nb_segs * sizeof(struct virtq_desc),
		};

		ring->indirect_fill(txq->aux + at + VSR_TX_AUX_TABLE, segs, nb_segs);
		ring->post(txq->vq, &table, VIRTQ_DESC_F_INDIRECT, m);
		return true;
	}
	if (nb_segs > txq->vq->nb_free)
		return false;
	ring->post_list(txq->vq, segs, nb_segs, nb_segs, m);
	return true;
}

bool
vsr_tx_post_list(struct vsr_txq *txq, struct rte_mbuf *m)
{
	return txq->vq->packed ? tx_post_list(txq, m, &vio_ring_packed) :
				 tx_post_list(txq, m, &vio_ring_split);
}
