/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_ETHDEV_H
#define VSR_ETHDEV_H

/**
 * @file
 * A port towards ethdev.
 */

#include "base/vsr_dev.h"

/**
 * Make a port of a device that can be reached. dev_private is zeroed, device and the fields of
 * it that ethdev wants are set; intr and socket of the port may be set.
 *
 * @param transport  Outlives the port.
 * @param args       Device arguments "rx_path=...,packed=0", or NULL.
 * @return 0, or -errno (logged).
 */
int vsr_eth_init(struct rte_eth_dev *eth_dev, struct vio_transport *transport, const char *args);
/** Undo: stop the device, free all but dev_private. Idle on a closed port. */
int vsr_eth_close(struct rte_eth_dev *eth_dev);
/** The port is one of this driver, in the primary process. */
bool vsr_is_ours(const struct rte_eth_dev *eth_dev);
/** Make the port of a secondary process: it can look, not act. */
void vsr_eth_init_secondary(struct rte_eth_dev *eth_dev);

#endif /* VSR_ETHDEV_H */
