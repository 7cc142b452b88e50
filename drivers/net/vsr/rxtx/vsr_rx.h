/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_RX_H
#define VSR_RX_H

/**
 * @file
 * The RX bursts without vectors, and the first fill of an RX queue.
 */

#include "../base/vsr_queue.h"
#include "vsr_path_list.h"

VSR_RX_SCALAR(VSR_RX_DECLARE, )

/** The RX burst of a queue that serves extra queues: polls all of them, by the path of the port. */
uint16_t vsr_rx_with_extras(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
/** Publish buffers in all RX rings of the port, until they are full or the pool is empty; rings no
 * doorbell. */
void vsr_rxqs_fill(struct rte_eth_dev *eth_dev);
/** Ring the first doorbell after a start, if the device wants it. */
void vsr_rxq_doorbell_ring(struct vsr_rxq *rxq);

#endif /* VSR_RX_H */
