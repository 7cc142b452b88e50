/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_INTR_H
#define VSR_INTR_H

/**
 * @file
 * Interrupts: configuration changes, and RX queues.
 */

#include "../base/vsr_dev.h"

/** Set up the configured interrupts, before queues are enabled. @return 0 or -errno (logged). */
int vsr_intr_start(struct rte_eth_dev *eth_dev);
/** Disable all interrupts. */
void vsr_intr_stop(struct rte_eth_dev *eth_dev);
/** Vector of an RX queue, or VIRTIO_MSI_NO_VECTOR. */
uint16_t vsr_intr_rxq_vector(const struct vsr_dev *dev, uint16_t queue_id);
int vsr_rx_queue_intr_enable(struct rte_eth_dev *eth_dev, uint16_t queue_id);
int vsr_rx_queue_intr_disable(struct rte_eth_dev *eth_dev, uint16_t queue_id);

#endif /* VSR_INTR_H */
