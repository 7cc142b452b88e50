/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What a burst does rarely, out of its way. */

#include "vsr_slow.h"
#include "vsr_tx_hdr.h"

/* The device said a length that the buffer does not have: the packet is lost, the buffer is not. */
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

/* The device cannot take this packet, now or later: it counts as lost. */
void
vsr_tx_drop(struct rte_mbuf *m, uint64_t *why)
{
	(*why)++;
	rte_pktmbuf_free(m);
}

static __rte_noinline void
tx_put(struct rte_mbuf **done, uint32_t nb)
{
	rte_mempool_put_bulk(done[0]->pool, (void **)done, nb);
}

/* Plain mbufs go back to their pool as they are, in bulk; the rest as the library frees them. */
void
vsr_tx_free(const struct vsr_txq *txq, struct rte_mbuf **done, uint32_t nb)
{
	uint32_t from = 0;

	for (uint32_t i = 0; i < nb && unlikely(!txq->fast_free); i++) {
		if (likely(tx_is_plain(done[i]) && done[i]->pool == done[from]->pool))
			continue;
		if (i != from)
			tx_put(&done[from], i - from);
		from = i;
		if (!tx_is_plain(done[i])) {
			rte_pktmbuf_free(done[i]);
			from = i + 1;
		}
	}
	if (nb != from)
		tx_put(&done[from], nb - from);
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
	/* From now on a buffer may be more than one mbuf. */
	txq->fast_free = false;
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

bool
vsr_tx_post_list(struct vsr_txq *txq, struct rte_mbuf *m)
{
	return txq->vq->packed ? tx_post_list(txq, m, &vio_ring_packed) :
				 tx_post_list(txq, m, &vio_ring_split);
}
