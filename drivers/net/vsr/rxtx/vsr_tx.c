/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The TX bursts without vectors, and tx_done_cleanup. */

#include <errno.h>

#include "vsr_tx.h"
#include "vsr_tx_body.h"

#define TX_BURST(name, layout, simd)                                                  \
	uint16_t vsr_tx_##name(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts) \
	{                                                                             \
		static const struct vsr_tx_row row = { .ring = &vio_ring_##layout };  \
                                                                                      \
		return tx_burst(queue, pkts, nb_pkts, row);                           \
	}

VSR_TX_SCALAR(TX_BURST, )

static const struct vsr_tx_row split_row = { .ring = &vio_ring_split };
static const struct vsr_tx_row packed_row = { .ring = &vio_ring_packed };

int
vsr_tx_done_cleanup(void *queue, uint32_t nb_max)
{
	struct vsr_txq *txq = queue;

	/* ethdev does not check the queue. */
	if (txq == NULL)
		return -EINVAL;
	/* Stop has freed all packets, and the ring is still that of the last start. */
	if (!rte_eth_devices[txq->dev->port_id].data->dev_started)
		return 0;
	if (txq->doorbell_delay != 0)
		vsr_txq_pending_ring(txq);
	if (nb_max == 0)
		nb_max = UINT32_MAX;
	return (int)(txq->vq->packed ? tx_clean(txq, nb_max, packed_row) :
				       tx_clean(txq, nb_max, split_row));
}
