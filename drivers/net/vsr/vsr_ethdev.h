/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_ETHDEV_H
#define VSR_ETHDEV_H

/**
 * @file
 * The ethdev operations of a port.
 */

#include "base/vsr_dev.h"

/**
 * Initialize a port. The caller has zeroed dev_private and set eth_dev->device; it may have set
 * intr and socket of the port.
 *
 * A port that fails is freed, dev_private too.
 *
 * @param transport  Registers of the device; must outlive the port.
 * @param args       Device arguments "rx_path=...,packed=0", or NULL.
 * @return 0, or -errno (logged).
 */
int vsr_eth_init(struct rte_eth_dev *eth_dev, struct vio_transport *transport, const char *args);
/**
 * Stop the device and free all, dev_private too. Does nothing if the port is closed.
 *
 * @return 0, or -ETIMEDOUT: closed, and memory is kept that the device may still access.
 */
int vsr_eth_close(struct rte_eth_dev *eth_dev);
/** True if this driver made the port, in this primary process. */
bool vsr_is_ours(const struct rte_eth_dev *eth_dev);
/**
 * Initialize a port in a secondary process: statistics and information only.
 *
 * @return 0, or what vsr_shared_attach() returns.
 */
int vsr_eth_init_secondary(struct rte_eth_dev *eth_dev);

#endif /* VSR_ETHDEV_H */
