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

/* A broken ring gets no buffers. */
static uint16_t
lacking(const struct vsr_rxq *rxq)
{
	return rxq->vq->broken ? 0 : rxq->vq->nb_free;
}

/* The ring that lacks most buffers; one after `rxq` if there are several. */
static struct vsr_rxq *
poorest(struct vsr_rxq *own, struct vsr_rxq *rxq)
{
	struct vsr_rxq *const last = rxq, *poor = NULL;

	do {
		rxq = rxq->next == NULL ? own : rxq->next;
		if (poor == NULL || lacking(rxq) > lacking(poor))
			poor = rxq;
	} while (rxq != last);
	return poor;
}

/* The next burst goes on where this one was full, so that no queue waits for ever. If it was not
 * full, the next one begins with the ring that lacks most buffers: the pool may have only a few. */
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
	own->turn = nb_rx < nb_pkts ? poorest(own, rxq) : rxq;
	return nb_rx;
}

static const struct vsr_rx_row split_row = { .ring = &vio_ring_split };
static const struct vsr_rx_row packed_row = { .ring = &vio_ring_packed };

static __rte_always_inline void
post_one(struct vsr_rxq *rxq, struct rte_mbuf *m, const struct vsr_rx_row row)
{
	rx_post(rxq, &m, 1, row);
	row.ring->publish(rxq->vq);
}

static bool
fill_one(struct vsr_rxq *rxq)
{
	struct rte_mbuf *m;

	if (rx_room(rxq) == 0 || rte_mempool_get(rxq->pool, (void **)&m) != 0)
		return false;
	if (rxq->vq->packed)
		post_one(rxq, m, packed_row);
	else
		post_one(rxq, m, split_row);
	return true;
}

/* One buffer for each ring in turn: the pool may have few. */
void
vsr_rxqs_fill(struct rte_eth_dev *eth_dev)
{
	const uint16_t nb_rx = eth_dev->data->nb_rx_queues;
	struct vsr_rxq *rxq;
	bool more;

	do {
		more = false;
		for (uint16_t i = 0; i < nb_rx; i++)
			for (rxq = eth_dev->data->rx_queues[i]; rxq != NULL; rxq = rxq->next)
				more = fill_one(rxq) || more;
	} while (more);
	for (uint16_t i = 0; i < nb_rx; i++)
		for (rxq = eth_dev->data->rx_queues[i]; rxq != NULL; rxq = rxq->next) {
			rxq->stats.refills += rxq->vq->nb_free != rxq->vq->size;
			rxq->stats.no_mbuf += rx_room(rxq) != 0;
		}
}

void
vsr_rxq_doorbell_ring(struct vsr_rxq *rxq)
{
	if (rxq->vq->packed)
		rx_doorbell(rxq, true, &vio_ring_packed);
	else
		rx_doorbell(rxq, true, &vio_ring_split);
}
