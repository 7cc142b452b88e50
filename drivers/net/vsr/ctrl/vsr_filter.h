/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_FILTER_H
#define VSR_FILTER_H

/**
 * @file
 * MAC addresses, VLANs, and the promiscuous and all-multicast modes.
 */

#include "../base/vsr_dev.h"

int vsr_promiscuous_enable(struct rte_eth_dev *eth_dev);
int vsr_promiscuous_disable(struct rte_eth_dev *eth_dev);
int vsr_allmulticast_enable(struct rte_eth_dev *eth_dev);
int vsr_allmulticast_disable(struct rte_eth_dev *eth_dev);
int vsr_mac_addr_set(struct rte_eth_dev *eth_dev, struct rte_ether_addr *addr);
int vsr_mac_addr_add(struct rte_eth_dev *eth_dev, struct rte_ether_addr *addr, uint32_t index,
		uint32_t pool);
void vsr_mac_addr_remove(struct rte_eth_dev *eth_dev, uint32_t index);
int vsr_set_mc_addr_list(struct rte_eth_dev *eth_dev, struct rte_ether_addr *list, uint32_t nb);
int vsr_vlan_filter_set(struct rte_eth_dev *eth_dev, uint16_t vlan_id, int on);
/** Switch the filter of a started port: when it is off, the device accepts all VLANs.
 * @return 0 or -errno. */
int vsr_vlan_filter_switch(struct rte_eth_dev *eth_dev, bool on);
/** After a start: send the multicast list and the VLANs, which ethdev does not repeat.
 * @return 0 or -errno. */
int vsr_filter_restore(struct rte_eth_dev *eth_dev);

#endif /* VSR_FILTER_H */
