/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_RX_H
#define VSR_RX_H

/**
 * @file
 * The scalar RX bursts.
 */

#include "../base/vsr_queue.h"

uint16_t vsr_rx_split(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vsr_rx_split_mrg(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vsr_rx_packed(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vsr_rx_packed_mrg(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
/** Give the device all the buffers that the pool has, up to a full ring; no doorbell. */
void vsr_rxq_fill(struct vsr_rxq *rxq);
/** First doorbell after the start. */
void vsr_rxq_kick(struct vsr_rxq *rxq);

#endif /* VSR_RX_H */
