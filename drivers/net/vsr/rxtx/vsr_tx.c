/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include "vsr_tx.h"
#include "vsr_tx_body.h"

static const struct vsr_tx_row split_row = { .ring = &vio_ring_split };
static const struct vsr_tx_row packed_row = { .ring = &vio_ring_packed };

uint16_t
vsr_tx_split(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return tx_burst(queue, pkts, nb_pkts, split_row);
}

uint16_t
vsr_tx_packed(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	return tx_burst(queue, pkts, nb_pkts, packed_row);
}

int
vsr_tx_done_cleanup(void *queue, uint32_t nb_max)
{
	struct vsr_txq *txq = queue;

	if (txq->db_delay != 0)
		vsr_txq_doorbell(txq);
	if (nb_max == 0)
		nb_max = UINT32_MAX;
	return (int)(txq->vq->packed ? tx_clean(txq, nb_max, packed_row) :
				       tx_clean(txq, nb_max, split_row));
}
