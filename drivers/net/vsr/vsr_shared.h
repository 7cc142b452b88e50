/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SHARED_H
#define VSR_SHARED_H

/**
 * @file
 * What the other processes of an application see of a port.
 *
 * ethdev keeps the data of a port in a table that all processes share. A secondary process finds a
 * port there by the PCI address, and nothing says which driver made the port: without net_vsr, the
 * secondary process gives the port to net_virtio, which has the same PCI ids. net_virtio would take
 * dev_private and the queues for its own structures, and write to them.
 *
 * So the entry in the table is a stand-in: a port without queues, whose dev_private is one of
 * net_virtio that reaches no device. The data of the port are elsewhere, and eth_dev->data of the
 * primary process points to them. net_vsr in a secondary process finds them by a memzone.
 *
 * The stand-in has the MAC addresses, the MTU, the modes and the RX offloads of the port. Its link
 * is down: net_virtio sets the link of a port that it takes for stopped each time it is asked.
 */

#include "base/vsr_dev.h"

/**
 * Primary process: move the data of a new port out of ethdev's table, and put the stand-in there.
 * dev_private stays where it is.
 *
 * @return 0, -ENOMEM or -ENAMETOOLONG.
 */
int vsr_shared_create(struct rte_eth_dev *eth_dev);
/** Primary process: the stand-in shows what the port has now. */
void vsr_shared_show(struct rte_eth_dev *eth_dev);
/** Primary process: the stand-in, for a change that ethdev stores only after the operation. */
struct rte_eth_dev_data *vsr_shared_stand_in(const struct rte_eth_dev *eth_dev);
/** Primary process: the stand-in shows this MAC address at this place of the table. */
void vsr_shared_mac_show(struct rte_eth_dev *eth_dev, uint32_t index,
		const struct rte_ether_addr *addr);
/** Primary process: free the data of the port, dev_private too. ethdev frees the entry. */
void vsr_shared_destroy(struct rte_eth_dev *eth_dev);
/**
 * Secondary process: find the data of a port.
 *
 * @return 0; -ENODEV if net_vsr does not drive the port in the primary process; -EPROTO if another
 *         version of net_vsr does.
 */
int vsr_shared_attach(struct rte_eth_dev *eth_dev);

#endif /* VSR_SHARED_H */
