/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The RX bursts without vectors, and the first fill of an RX queue. */

#include "vsr_path.h"
#include "vsr_rx.h"
#include "vsr_rx_body.h"

#define RX_BURST(name, layout, may_merge, single, simd)                               \
	uint16_t vsr_rx_##name(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts) \
	{                                                                             \
		static const struct vsr_rx_row row = { .ring = &vio_ring_##layout,    \
			.mergeable = (may_merge) };                                   \
                                                                                      \
		return rx_burst(queue, pkts, nb_pkts, row);                           \
	}

VSR_RX_SCALAR(RX_BURST, )

/* The next burst goes on where this one was full, so that no queue waits for ever. */
uint16_t
vsr_rx_with_extras(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	struct vsr_rxq *own = queue, *rxq = own->turn;
	const eth_rx_burst_t burst = own->dev->rx_path->burst;
	uint16_t nb_rx = 0;

	do {
		nb_rx += burst(rxq, &pkts[nb_rx], nb_pkts - nb_rx);
		rxq = rxq->next == NULL ? own : rxq->next;
	} while (nb_rx < nb_pkts && rxq != own->turn);
	own->turn = rxq;
	return nb_rx;
}

static const struct vsr_rx_row split_row = { .ring = &vio_ring_split };
static const struct vsr_rx_row packed_row = { .ring = &vio_ring_packed };

void
vsr_rxq_fill(struct vsr_rxq *rxq)
{
	if (rxq->vq->packed)
		rx_refill(rxq, rxq->vq->size, packed_row);
	else
		rx_refill(rxq, rxq->vq->size, split_row);
}

void
vsr_rxq_doorbell_ring(struct vsr_rxq *rxq)
{
	if (rxq->vq->packed)
		rx_doorbell(rxq, true, &vio_ring_packed);
	else
		rx_doorbell(rxq, true, &vio_ring_split);
}
