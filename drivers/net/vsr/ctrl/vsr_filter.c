/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* MAC addresses, VLANs, and the promiscuous and all-multicast modes. */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>

#include "../base/vsr_link.h"
#include "vsr_filter.h"

/*
 * Commands can be sent only while the device is live. A setting made earlier is not lost: ethdev
 * repeats modes and addresses at every start, and vsr_filter_restore() repeats the rest.
 */
static bool
can_send(const struct vsr_dev *dev)
{
	return dev->state == VSR_LIVE && dev->has_ctrl;
}

/* A device that has stopped by itself answers no command: do not wait for the timeout. */
static int
alive(struct vsr_dev *dev)
{
	if (!can_send(dev) || (!vsr_dev_gone(dev) && !vsr_dev_needs_reset(dev)))
		return 0;
	VSR_LOG(ERR, dev, "the device has stopped and takes no command");
	return -EIO;
}

static int
mode_set(struct rte_eth_dev *eth_dev, int (*command)(struct vio_cmdq *, bool), bool on,
		const char *what)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret;

	if (!vsr_has(dev, VIRTIO_NET_F_CTRL_RX))
		return -ENOTSUP;
	ret = alive(dev);
	if (ret != 0 || !can_send(dev))
		return ret;
	ret = command(&dev->ctrl, on);
	if (ret != 0)
		VSR_LOG(ERR, dev, "cannot switch %s %s: %s", what, on ? "on" : "off",
				rte_strerror(-ret));
	return ret;
}

int
vsr_promiscuous_enable(struct rte_eth_dev *eth_dev)
{
	return mode_set(eth_dev, vio_ctrl_promisc, true, "promiscuous mode");
}

int
vsr_promiscuous_disable(struct rte_eth_dev *eth_dev)
{
	return mode_set(eth_dev, vio_ctrl_promisc, false, "promiscuous mode");
}

int
vsr_allmulticast_enable(struct rte_eth_dev *eth_dev)
{
	return mode_set(eth_dev, vio_ctrl_allmulti, true, "all-multicast mode");
}

int
vsr_allmulticast_disable(struct rte_eth_dev *eth_dev)
{
	return mode_set(eth_dev, vio_ctrl_allmulti, false, "all-multicast mode");
}

int
vsr_mac_addr_set(struct rte_eth_dev *eth_dev, struct rte_ether_addr *addr)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret;

	if (!vsr_has(dev, VIRTIO_NET_F_CTRL_MAC_ADDR))
		return -ENOTSUP;
	ret = alive(dev);
	if (ret != 0 || !can_send(dev))
		return ret;
	ret = vio_ctrl_mac_addr_set(&dev->ctrl, addr->addr_bytes);
	if (ret != 0)
		VSR_LOG(ERR, dev, "cannot set the MAC address: %s", rte_strerror(-ret));
	return ret;
}

/* One command replaces both tables, unicast and multicast (virtio 1.4 5.1.9.5.2). */
static int
mac_table_send(struct rte_eth_dev *eth_dev, uint32_t skip, const struct rte_ether_addr *more)
{
	uint8_t uc[VSR_MACS_MAX][6], mc[VSR_MACS_MAX + VSR_MC_MAX][6];
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	uint32_t nb_uc = 0, nb_mc = 0;
	int ret;

	ret = alive(dev);
	if (ret != 0 || !can_send(dev))
		return ret;
	for (uint32_t i = 1; i <= VSR_MACS_MAX; i++) {
		const struct rte_ether_addr *addr = i == VSR_MACS_MAX ?
				more :
				&eth_dev->data->mac_addrs[i];

		if (i == skip || addr == NULL || rte_is_zero_ether_addr(addr))
			continue;
		if (rte_is_multicast_ether_addr(addr))
			memcpy(mc[nb_mc++], addr->addr_bytes, 6);
		else
			memcpy(uc[nb_uc++], addr->addr_bytes, 6);
	}
	for (uint16_t i = 0; i < dev->nb_mc; i++)
		memcpy(mc[nb_mc++], dev->mc[i].addr_bytes, 6);
	ret = vio_ctrl_mac_table_set(&dev->ctrl, (const uint8_t(*)[6])uc, nb_uc,
			(const uint8_t(*)[6])mc, nb_mc);
	if (ret != 0)
		VSR_LOG(ERR, dev, "cannot set the table of MAC addresses: %s", rte_strerror(-ret));
	return ret;
}

int
vsr_mac_addr_add(struct rte_eth_dev *eth_dev, struct rte_ether_addr *addr, uint32_t index,
		uint32_t pool)
{
	if (!vsr_has(vsr_dev_of(eth_dev), VIRTIO_NET_F_CTRL_RX))
		return -ENOTSUP;
	/* ethdev stores the address at index when this succeeds. */
	return mac_table_send(eth_dev, index, addr);
}

void
vsr_mac_addr_remove(struct rte_eth_dev *eth_dev, uint32_t index)
{
	if (vsr_has(vsr_dev_of(eth_dev), VIRTIO_NET_F_CTRL_RX))
		mac_table_send(eth_dev, index, NULL);
}

int
vsr_set_mc_addr_list(struct rte_eth_dev *eth_dev, struct rte_ether_addr *list, uint32_t nb)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	struct rte_ether_addr old[VSR_MC_MAX];
	const uint16_t nb_old = dev->nb_mc;
	int ret;

	if (!vsr_has(dev, VIRTIO_NET_F_CTRL_RX))
		return -ENOTSUP;
	if (nb > VSR_MC_MAX)
		return -ENOSPC;
	memcpy(old, dev->mc, sizeof(old));
	if (nb != 0)
		memcpy(dev->mc, list, nb * sizeof(*list));
	dev->nb_mc = (uint16_t)nb;
	ret = mac_table_send(eth_dev, 0, NULL);
	if (ret != 0) { /* the next start must not send what was refused */
		memcpy(dev->mc, old, sizeof(old));
		dev->nb_mc = nb_old;
	}
	return ret;
}

static bool
vlan_added(const struct vsr_dev *dev, uint16_t vlan_id)
{
	return (dev->vlans[vlan_id / 64] >> (vlan_id % 64) & 1) != 0;
}

int
vsr_vlan_filter_set(struct rte_eth_dev *eth_dev, uint16_t vlan_id, int on)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	const uint64_t bit = UINT64_C(1) << (vlan_id % 64);
	int ret;

	if (!vsr_has(dev, VIRTIO_NET_F_CTRL_VLAN))
		return -ENOTSUP;
	ret = alive(dev);
	if (ret == 0 && can_send(dev))
		ret = vio_ctrl_vlan(&dev->ctrl, vlan_id, on != 0);
	if (ret != 0) {
		VSR_LOG(ERR, dev, "cannot %s VLAN %u: %s", on ? "add" : "remove", vlan_id,
				rte_strerror(-ret));
		return ret;
	}
	if (on)
		dev->vlans[vlan_id / 64] |= bit;
	else
		dev->vlans[vlan_id / 64] &= ~bit;
	return 0;
}

int
vsr_vlan_filter_switch(struct rte_eth_dev *eth_dev, bool on)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret;

	ret = alive(dev);
	for (uint16_t i = 0; ret == 0 && i < 4096; i++)
		if (!vlan_added(dev, i))
			ret = vio_ctrl_vlan(&dev->ctrl, i, !on);
	if (ret != 0)
		VSR_LOG(ERR, dev, "cannot switch the VLAN filter %s: %s", on ? "on" : "off",
				rte_strerror(-ret));
	return ret;
}

int
vsr_filter_restore(struct rte_eth_dev *eth_dev)
{
	const uint64_t offloads = eth_dev->data->dev_conf.rxmode.offloads;
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret = 0;

	if (dev->nb_mc != 0)
		ret = mac_table_send(eth_dev, 0, NULL);
	if (!vsr_has(dev, VIRTIO_NET_F_CTRL_VLAN))
		return ret;
	for (uint16_t i = 0; ret == 0 && i < 4096; i++)
		if (vlan_added(dev, i))
			ret = vio_ctrl_vlan(&dev->ctrl, i, true);
	/* The filter was switched off while the port was started. */
	if (ret == 0 && (offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) == 0)
		ret = vsr_vlan_filter_switch(eth_dev, false);
	return ret;
}
