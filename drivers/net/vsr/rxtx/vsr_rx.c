/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include "vsr_rx.h"
#include "vsr_rx_body.h"

static const struct vsr_rx_row split_row = { .ring = &vio_ring_split };
static const struct vsr_rx_row split_mrg_row = { .ring = &vio_ring_split, .mergeable = true };
static const struct vsr_rx_row packed_row = { .ring = &vio_ring_packed };
static const struct vsr_rx_row packed_mrg_row = { .ring = &vio_ring_packed, .mergeable = true };

uint16_t
vsr_rx_split(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, split_row);
}

uint16_t
vsr_rx_split_mrg(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, split_mrg_row);
}

uint16_t
vsr_rx_packed(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, packed_row);
}

uint16_t
vsr_rx_packed_mrg(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return rx_burst(queue, pkts, nb_pkts, packed_mrg_row);
}

void
vsr_rxq_fill(struct vsr_rxq *rxq)
{
	if (rxq->vq->packed)
		rx_refill(rxq, packed_row);
	else
		rx_refill(rxq, split_row);
}

void
vsr_rxq_kick(struct vsr_rxq *rxq)
{
	if (rxq->vq->packed)
		rx_kick(rxq, &vio_ring_packed);
	else
		rx_kick(rxq, &vio_ring_split);
}
