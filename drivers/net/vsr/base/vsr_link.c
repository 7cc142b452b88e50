/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Link state and configuration of the device, and the check for DEVICE_NEEDS_RESET. */

#include <rte_byteorder.h>

#include "vsr_link.h"

#define FIELD(name, width, count, feature)                                      \
	{                                                                       \
		offsetof(struct virtio_net_config, name), width, count, feature \
	}

/* virtio 1.4 5.1.4; the driver reads only fields whose feature it uses. */
static const struct vio_config_field net_config[] = {
	FIELD(mac, 1, 6, VIRTIO_NET_F_MAC),
	FIELD(status, 2, 1, VIRTIO_NET_F_STATUS),
	FIELD(max_virtqueue_pairs, 2, 1, VIRTIO_NET_F_MQ),
	FIELD(mtu, 2, 1, VIRTIO_NET_F_MTU),
	FIELD(speed, 4, 1, VIRTIO_NET_F_SPEED_DUPLEX),
	FIELD(duplex, 1, 1, VIRTIO_NET_F_SPEED_DUPLEX),
};

int
vsr_dev_config_read(struct vsr_dev *dev)
{
	return vio_dev_config_read(&dev->vio, net_config, RTE_DIM(net_config), &dev->config);
}

bool
vsr_dev_gone(struct vsr_dev *dev)
{
	return vio_dev_status(&dev->vio) == 0xff;
}

bool
vsr_dev_needs_reset(struct vsr_dev *dev)
{
	const uint8_t status = vio_dev_status(&dev->vio);

	/* A device whose firmware has restarted has forgotten DRIVER_OK. */
	return status != 0xff &&
			((status & VIRTIO_STATUS_NEEDS_RESET) != 0 ||
					(dev->state == VSR_LIVE &&
							(status & VIRTIO_STATUS_DRIVER_OK) == 0));
}

bool
vsr_dev_stopped_by_itself(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);

	if (!vsr_dev_needs_reset(dev))
		return false;
	if (!dev->stop_logged)
		VSR_LOG(ERR, dev,
				"the device has stopped and asks for a reset, as after a buffer "
				"outside of the memory it may use, or has restarted by itself: "
				"restart the port");
	dev->stop_logged = true;
	return true;
}

int
vsr_link_update(struct rte_eth_dev *eth_dev, int wait_to_complete)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	struct rte_eth_link link = {
		.link_duplex = RTE_ETH_LINK_FULL_DUPLEX,
		.link_speed = RTE_ETH_SPEED_NUM_UNKNOWN,
		.link_autoneg = RTE_ETH_LINK_FIXED,
		.link_status = RTE_ETH_LINK_DOWN,
	};
	uint32_t speed;

	if (eth_dev->data->dev_started && !vsr_dev_stopped_by_itself(eth_dev) &&
			vsr_dev_config_read(dev) == 0 && !vsr_dev_gone(dev)) {
		/* Without the status field the link is up (virtio 1.4 5.1.5). */
		if (!vsr_has(dev, VIRTIO_NET_F_STATUS) ||
				(rte_le_to_cpu_16(dev->config.status) & VIRTIO_NET_S_LINK_UP) != 0)
			link.link_status = RTE_ETH_LINK_UP;
		speed = rte_le_to_cpu_32(dev->config.speed);
		if (vsr_has(dev, VIRTIO_NET_F_SPEED_DUPLEX) && speed <= VIRTIO_NET_SPEED_MAX)
			link.link_speed = speed;
		if (vsr_has(dev, VIRTIO_NET_F_SPEED_DUPLEX) &&
				dev->config.duplex == VIRTIO_NET_DUPLEX_HALF)
			link.link_duplex = RTE_ETH_LINK_HALF_DUPLEX;
	}
	return rte_eth_linkstatus_set(eth_dev, &link);
}
