/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The ethdev operations of a port, and its initialization. */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "base/vsr_link.h"
#include "base/vsr_queue.h"
#include "ctrl/vsr_args.h"
#include "ctrl/vsr_filter.h"
#include "ctrl/vsr_intr.h"
#include "ctrl/vsr_start.h"
#include "ctrl/vsr_stats.h"
#include "rxtx/vsr_path.h"
#include "rxtx/vsr_rx.h"
#include "rxtx/vsr_tx.h"
#include "vsr_ethdev.h"
#include "vsr_shared.h"

RTE_LOG_REGISTER(vsr_logtype, pmd.net.vsr, NOTICE);

#define VSR_DESC_DEFAULT 1024

/* All features that the driver supports, less those that an argument switches off. */
static struct vio_features
features_known(const struct vsr_args *args)
{
	struct vio_features set = VIO_FEATURES(VIRTIO_NET_F_MTU, VIRTIO_NET_F_MAC,
			VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_STATUS, VIRTIO_NET_F_CTRL_VQ,
			VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_MQ,
			VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_SPEED_DUPLEX,
			VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX, VIRTIO_F_VERSION_1,
			VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_RING_PACKED, VIRTIO_F_IN_ORDER,
			VIRTIO_F_ORDER_PLATFORM, VIRTIO_F_SR_IOV, VIRTIO_F_NOTIFICATION_DATA,
			VIRTIO_F_NOTIF_CONFIG_DATA, VIRTIO_F_RING_RESET);

	if (args->no_packed)
		vio_features_del(&set, VIRTIO_F_RING_PACKED);
	if (args->no_mrg_rxbuf)
		vio_features_del(&set, VIRTIO_NET_F_MRG_RXBUF);
	if (args->no_in_order)
		vio_features_del(&set, VIRTIO_F_IN_ORDER);
	return set;
}

static bool
offers_vlan_filter(const struct vsr_dev *dev)
{
	return vsr_has(dev, VIRTIO_NET_F_CTRL_VQ) &&
			vio_features_has(&dev->vio.offered, VIRTIO_NET_F_CTRL_VLAN);
}

/* With CTRL_VLAN the device drops all VLANs that were not added (virtio 1.4 5.1.9.5.3), so the
 * driver accepts the feature only if the application uses the VLAN filter. */
static int
vlan_filter_choose(struct vsr_dev *dev, bool filter)
{
	const struct vio_features old = dev->wanted;
	int ret;

	if (filter == vio_features_has(&old, VIRTIO_NET_F_CTRL_VLAN))
		return 0;
	dev->wanted = dev->allowed;
	if (!filter)
		vio_features_del(&dev->wanted, VIRTIO_NET_F_CTRL_VLAN);
	ret = vsr_dev_negotiate(dev);
	if (ret != 0) /* ethdev takes the change back */
		dev->wanted = old;
	return ret;
}

static int
vsr_configure(struct rte_eth_dev *eth_dev)
{
	const uint16_t nb_rx = eth_dev->data->nb_rx_queues;
	const struct rte_eth_conf *conf = &eth_dev->data->dev_conf;
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret;

	if ((conf->rxmode.mq_mode & ~RTE_ETH_MQ_RX_RSS) != 0 ||
			conf->txmode.mq_mode != RTE_ETH_MQ_TX_NONE) {
		VSR_LOG(ERR, dev, "multi-queue modes %d (RX) and %d (TX) are not supported",
				conf->rxmode.mq_mode, conf->txmode.mq_mode);
		return -EINVAL;
	}
	/* With one RX queue the mode promises nothing; some applications always set it. */
	if (conf->rxmode.mq_mode == RTE_ETH_MQ_RX_RSS && nb_rx > 1) {
		VSR_LOG(ERR, dev,
				"RSS over %u RX queues is not supported: "
				"without it the device chooses the queues",
				nb_rx);
		return -ENOTSUP;
	}
	eth_dev->data->scattered_rx = vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF) &&
			(conf->rxmode.offloads & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
	ret = vlan_filter_choose(dev, conf->rxmode.offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER);
	if (ret == 0)
		vsr_shared_show(eth_dev);
	return ret;
}

/* Accepting CTRL_VLAN takes a reset of the device, so the filter of a started port can be switched
 * only if it was on at the start. */
static int
vlan_offload_set(struct rte_eth_dev *eth_dev, int mask)
{
	const bool filter = eth_dev->data->dev_conf.rxmode.offloads &
			RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	struct vsr_dev *dev = vsr_dev_of(eth_dev);

	if ((mask & RTE_ETH_VLAN_FILTER_MASK) == 0)
		return 0;
	if (!eth_dev->data->dev_started)
		return vlan_filter_choose(dev, filter);
	if (!vsr_has(dev, VIRTIO_NET_F_CTRL_VLAN)) {
		VSR_LOG(ERR, dev,
				"the VLAN filter can be switched on only while the port is stopped");
		return -EBUSY;
	}
	return vsr_vlan_filter_switch(eth_dev, filter);
}

/* ethdev has stored the offloads before it calls. */
static int
vsr_vlan_offload_set(struct rte_eth_dev *eth_dev, int mask)
{
	const int ret = vlan_offload_set(eth_dev, mask);

	if (ret == 0)
		vsr_shared_show(eth_dev);
	return ret;
}

static void
queue_states_set(struct rte_eth_dev *eth_dev, uint8_t state)
{
	for (uint16_t i = 0; i < eth_dev->data->nb_rx_queues; i++)
		eth_dev->data->rx_queue_state[i] = state;
	for (uint16_t i = 0; i < eth_dev->data->nb_tx_queues; i++)
		eth_dev->data->tx_queue_state[i] = state;
}

/* ethdev does not check this. */
static int
queues_check(const struct rte_eth_dev *eth_dev)
{
	const struct vsr_dev *dev = vsr_dev_of(eth_dev);

	for (uint16_t i = 0; i < eth_dev->data->nb_rx_queues; i++)
		if (eth_dev->data->rx_queues[i] == NULL) {
			VSR_LOG(ERR, dev, "RX queue %u is not set up", i);
			return -EINVAL;
		}
	for (uint16_t i = 0; i < eth_dev->data->nb_tx_queues; i++)
		if (eth_dev->data->tx_queues[i] == NULL) {
			VSR_LOG(ERR, dev, "TX queue %u is not set up", i);
			return -EINVAL;
		}
	return 0;
}

static int
vsr_start(struct rte_eth_dev *eth_dev)
{
	int ret;

	ret = queues_check(eth_dev);
	if (ret == 0)
		ret = vsr_dev_start(eth_dev);
	if (ret != 0)
		return ret;
	/* ethdev takes the function over when the start succeeds. */
	eth_dev->rx_pkt_burst = eth_dev->data->nb_tx_queues > eth_dev->data->nb_rx_queues ?
			vsr_rx_with_extras :
			vsr_dev_of(eth_dev)->rx_path->burst;
	queue_states_set(eth_dev, RTE_ETH_QUEUE_STATE_STARTED);
	/* With link interrupts, ethdev does not ask for the link state before the first change. */
	eth_dev->data->dev_started = 1;
	vsr_link_update(eth_dev, 0);
	return 0;
}

static int
vsr_stop(struct rte_eth_dev *eth_dev)
{
	int ret;

	/* From here on vsr_link_update() reports the link as down. */
	eth_dev->data->dev_started = 0;
	ret = vsr_dev_stop(eth_dev);
	vsr_link_update(eth_dev, 0);
	queue_states_set(eth_dev, RTE_ETH_QUEUE_STATE_STOPPED);
	return ret;
}

static void
queues_release(struct rte_eth_dev *eth_dev)
{
	for (uint16_t i = 0; i < eth_dev->data->nb_rx_queues; i++)
		vsr_rx_queue_release(eth_dev, i);
	for (uint16_t i = 0; i < eth_dev->data->nb_tx_queues; i++)
		vsr_tx_queue_release(eth_dev, i);
	eth_dev->data->nb_rx_queues = eth_dev->data->nb_tx_queues = 0;
}

int
vsr_eth_close(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret;

	if (rte_eal_process_type() != RTE_PROC_PRIMARY || dev == NULL)
		return 0;
	if (eth_dev->data->dev_started)
		vsr_stop(eth_dev); /* has logged errors; the port is closed all the same */
	vsr_dev_close(dev);
	if (dev->bus_close != NULL) {
		dev->bus_close(eth_dev);
		dev->vio.resetting = false;
	}
	queues_release(eth_dev);
	vsr_dev_free(dev);
	ret = dev->vio.resetting ? -ETIMEDOUT : 0;
	vsr_shared_destroy(eth_dev);
	return ret;
}

static uint32_t
speed_capa(uint32_t speed)
{
	return speed == 0 || speed > VIRTIO_NET_SPEED_MAX ?
			0 :
			rte_eth_speed_bitflag(speed, RTE_ETH_LINK_FULL_DUPLEX);
}

static int
vsr_infos_get(struct rte_eth_dev *eth_dev, struct rte_eth_dev_info *info)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	const struct rte_eth_desc_lim lim = {
		.nb_max = VIRTQ_SIZE_MAX, /* setup takes what the device has of it */
		.nb_min = VSR_DESC_MIN,
		.nb_align = 1,
		.nb_seg_max = VSR_TX_SEGS_MAX,
		.nb_mtu_seg_max = VSR_TX_SEGS_MAX,
	};

	info->max_rx_queues = dev->max_pairs;
	info->max_tx_queues = dev->max_pairs;
	info->max_mac_addrs = vsr_has(dev, VIRTIO_NET_F_CTRL_RX) ? VSR_MACS_MAX : 1;
	info->min_mtu = VIRTIO_NET_MTU_MIN;
	info->max_mtu = dev->max_mtu;
	info->max_rx_pktlen = dev->max_mtu + VSR_FRAME_OVERHEAD;
	info->min_rx_bufsize = RTE_ETHER_MIN_LEN;
	info->tx_offload_capa = RTE_ETH_TX_OFFLOAD_MULTI_SEGS | RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	info->tx_queue_offload_capa = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE;
	if (vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF))
		info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_SCATTER;
	if (offers_vlan_filter(dev))
		info->rx_offload_capa |= RTE_ETH_RX_OFFLOAD_VLAN_FILTER;
	if (vsr_has(dev, VIRTIO_NET_F_SPEED_DUPLEX))
		info->speed_capa = speed_capa(rte_le_to_cpu_32(dev->config.speed));
	info->rx_desc_lim = info->tx_desc_lim = lim;
	info->default_rxportconf.ring_size = RTE_MIN(VSR_DESC_DEFAULT, dev->rx_desc_max);
	info->default_txportconf.ring_size = RTE_MIN(VSR_DESC_DEFAULT, dev->tx_desc_max);
	info->default_rxportconf.burst_size = info->default_txportconf.burst_size = 32;
	info->default_rxportconf.nb_queues = info->default_txportconf.nb_queues = 1;
	return 0;
}

static int
vsr_mtu_set(struct rte_eth_dev *eth_dev, uint16_t mtu)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);

	for (uint16_t i = 0; i < eth_dev->data->nb_rx_queues; i++) {
		const struct vsr_rxq *rxq = eth_dev->data->rx_queues[i];

		if (rxq == NULL || vsr_rxq_fits(rxq, mtu, eth_dev->data->scattered_rx))
			continue;
		VSR_LOG(ERR, dev, "an MTU of %u does not fit the buffers of RX queue %u", mtu, i);
		return -EINVAL;
	}
	return 0;
}

/* ethdev stores what these operations change after they return: tell other processes here. */

static int
eth_mtu_set(struct rte_eth_dev *eth_dev, uint16_t mtu)
{
	const int ret = vsr_mtu_set(eth_dev, mtu);

	if (ret == 0)
		vsr_shared_stand_in(eth_dev)->mtu = mtu;
	return ret;
}

static int
promiscuous_set(struct rte_eth_dev *eth_dev, int ret, bool on)
{
	if (ret == 0)
		vsr_shared_stand_in(eth_dev)->promiscuous = on;
	return ret;
}

static int
eth_promiscuous_enable(struct rte_eth_dev *eth_dev)
{
	return promiscuous_set(eth_dev, vsr_promiscuous_enable(eth_dev), true);
}

static int
eth_promiscuous_disable(struct rte_eth_dev *eth_dev)
{
	return promiscuous_set(eth_dev, vsr_promiscuous_disable(eth_dev), false);
}

static int
allmulticast_set(struct rte_eth_dev *eth_dev, int ret, bool on)
{
	if (ret == 0)
		vsr_shared_stand_in(eth_dev)->all_multicast = on;
	return ret;
}

static int
eth_allmulticast_enable(struct rte_eth_dev *eth_dev)
{
	return allmulticast_set(eth_dev, vsr_allmulticast_enable(eth_dev), true);
}

static int
eth_allmulticast_disable(struct rte_eth_dev *eth_dev)
{
	return allmulticast_set(eth_dev, vsr_allmulticast_disable(eth_dev), false);
}

static int
eth_mac_addr_set(struct rte_eth_dev *eth_dev, struct rte_ether_addr *addr)
{
	const int ret = vsr_mac_addr_set(eth_dev, addr);

	if (ret == 0)
		vsr_shared_mac_show(eth_dev, 0, addr);
	return ret;
}

static int
eth_mac_addr_add(struct rte_eth_dev *eth_dev, struct rte_ether_addr *addr, uint32_t index,
		uint32_t pool)
{
	const int ret = vsr_mac_addr_add(eth_dev, addr, index, pool);

	if (ret == 0)
		vsr_shared_mac_show(eth_dev, index, addr);
	return ret;
}

static void
eth_mac_addr_remove(struct rte_eth_dev *eth_dev, uint32_t index)
{
	static const struct rte_ether_addr none;

	vsr_mac_addr_remove(eth_dev, index);
	vsr_shared_mac_show(eth_dev, index, &none);
}

static int
vsr_rx_burst_mode_get(struct rte_eth_dev *eth_dev, uint16_t queue_id,
		struct rte_eth_burst_mode *mode)
{
	snprintf(mode->info, sizeof(mode->info), "%s", vsr_dev_of(eth_dev)->rx_path->name);
	return 0;
}

static int
vsr_tx_burst_mode_get(struct rte_eth_dev *eth_dev, uint16_t queue_id,
		struct rte_eth_burst_mode *mode)
{
	snprintf(mode->info, sizeof(mode->info), "%s", vsr_dev_of(eth_dev)->tx_path->name);
	return 0;
}

static int
vsr_is_removed(struct rte_eth_dev *eth_dev)
{
	return vsr_dev_gone(vsr_dev_of(eth_dev));
}

/* The addresses and the MTU that a port has before its configuration. */
static int
defaults_set(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);

	if (eth_dev->data->mac_addrs == NULL)
		eth_dev->data->mac_addrs = rte_malloc("vsr_macs",
				VSR_MACS_MAX * sizeof(struct rte_ether_addr), 0);
	if (eth_dev->data->mac_addrs == NULL)
		return -ENOMEM;
	memset(eth_dev->data->mac_addrs, 0, VSR_MACS_MAX * sizeof(struct rte_ether_addr));
	if (vsr_has(dev, VIRTIO_NET_F_MAC))
		memcpy(eth_dev->data->mac_addrs[0].addr_bytes, dev->config.mac, 6);
	else
		rte_eth_random_addr(eth_dev->data->mac_addrs[0].addr_bytes);
	dev->nb_mc = 0;
	memset(dev->vlans, 0, sizeof(dev->vlans));
	if (eth_dev->data->mtu == 0 || eth_dev->data->mtu > dev->max_mtu)
		eth_dev->data->mtu = RTE_MIN(RTE_ETHER_MTU, dev->max_mtu);
	return 0;
}

/* Reset the device and bring the port into the state after a probe. */
static int
device_init(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret;

	dev->wanted = dev->allowed;
	vio_features_del(&dev->wanted, VIRTIO_NET_F_CTRL_VLAN);
	ret = vsr_dev_negotiate(dev);
	if (ret != 0)
		return ret;
	if (vio_dev_sriov_stray(&dev->vio))
		VSR_LOG(WARNING, dev,
				"the device is faulty: it offers VIRTIO_F_SR_IOV and has no "
				"SR-IOV capability; the feature is not accepted");
	ret = vsr_path_choose(dev);
	if (ret != 0)
		return ret;
	eth_dev->rx_pkt_burst = dev->rx_path->burst;
	eth_dev->tx_pkt_burst = dev->tx_path->burst;
	return defaults_set(eth_dev);
}

/* ethdev has tried to stop the port. After a failure the port is not configured, and the
 * application can try again. */
static int
vsr_reset(struct rte_eth_dev *eth_dev)
{
	int ret;

	queues_release(eth_dev);
	eth_dev->data->dev_configured = 0;
	ret = device_init(eth_dev);
	if (ret == 0)
		vsr_shared_show(eth_dev);
	return ret;
}

static const struct eth_dev_ops vsr_ops = {
	.dev_configure = vsr_configure,
	.dev_start = vsr_start,
	.dev_stop = vsr_stop,
	.dev_close = vsr_eth_close,
	.dev_reset = vsr_reset,
	.dev_infos_get = vsr_infos_get,
	.link_update = vsr_link_update,
	.is_removed = vsr_is_removed,
	.promiscuous_enable = eth_promiscuous_enable,
	.promiscuous_disable = eth_promiscuous_disable,
	.allmulticast_enable = eth_allmulticast_enable,
	.allmulticast_disable = eth_allmulticast_disable,
	.mac_addr_set = eth_mac_addr_set,
	.mac_addr_add = eth_mac_addr_add,
	.mac_addr_remove = eth_mac_addr_remove,
	.set_mc_addr_list = vsr_set_mc_addr_list,
	.vlan_filter_set = vsr_vlan_filter_set,
	.vlan_offload_set = vsr_vlan_offload_set,
	.mtu_set = eth_mtu_set,
	.stats_get = vsr_stats_get,
	.stats_reset = vsr_stats_reset,
	.xstats_get = vsr_xstats_get,
	.xstats_get_names = vsr_xstats_get_names,
	.xstats_reset = vsr_stats_reset,
	.rx_queue_setup = vsr_rx_queue_setup,
	.rx_queue_release = vsr_rx_queue_release,
	.tx_queue_setup = vsr_tx_queue_setup,
	.tx_queue_release = vsr_tx_queue_release,
	.tx_done_cleanup = vsr_tx_done_cleanup,
	.rxq_info_get = vsr_rxq_info_get,
	.txq_info_get = vsr_txq_info_get,
	.rx_burst_mode_get = vsr_rx_burst_mode_get,
	.tx_burst_mode_get = vsr_tx_burst_mode_get,
	.rx_queue_intr_enable = vsr_rx_queue_intr_enable,
	.rx_queue_intr_disable = vsr_rx_queue_intr_disable,
};

bool
vsr_is_ours(const struct rte_eth_dev *eth_dev)
{
	return eth_dev->dev_ops == &vsr_ops;
}

static int
secondary_infos_get(struct rte_eth_dev *eth_dev, struct rte_eth_dev_info *info)
{
	/* The primary process may have closed the port. */
	return vsr_dev_of(eth_dev) == NULL ? -ENODEV : vsr_infos_get(eth_dev, info);
}

/* The link is what the primary process has seen last. */
static int
secondary_link_update(struct rte_eth_dev *eth_dev, int wait_to_complete)
{
	return -1; /* no change */
}

/* A secondary process reads counters; only the primary process uses registers and rings. */
static const struct eth_dev_ops vsr_secondary_ops = {
	.dev_close = vsr_eth_close,
	.dev_infos_get = secondary_infos_get,
	.link_update = secondary_link_update,
	.stats_get = vsr_stats_get,
	.stats_reset = vsr_stats_reset,
	.xstats_get = vsr_xstats_get,
	.xstats_get_names = vsr_xstats_get_names,
	.xstats_reset = vsr_stats_reset,
	.rxq_info_get = vsr_rxq_info_get,
	.txq_info_get = vsr_txq_info_get,
};

int
vsr_eth_init_secondary(struct rte_eth_dev *eth_dev)
{
	const int ret = vsr_shared_attach(eth_dev);

	if (ret != 0)
		return ret;
	eth_dev->dev_ops = &vsr_secondary_ops;
	eth_dev->rx_pkt_burst = rte_eth_pkt_burst_dummy;
	eth_dev->tx_pkt_burst = rte_eth_pkt_burst_dummy;
	return 0;
}

static int
port_init(struct rte_eth_dev *eth_dev, struct vio_transport *transport, const char *args)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret;

	snprintf(dev->name, sizeof(dev->name), "%s", eth_dev->data->name);
	dev->port_id = eth_dev->data->port_id;
	ret = vsr_args_parse(dev, args);
	if (ret != 0)
		return ret;
	dev->allowed = features_known(&dev->args);
	vsr_dev_init(dev, transport);
	ret = device_init(eth_dev);
	if (ret != 0) {
		vsr_dev_close(dev);
		return ret;
	}
	/* The xstats of the driver cover all queues, those of ethdev the first sixteen only. */
	eth_dev->data->dev_flags &= ~RTE_ETH_DEV_AUTOFILL_QUEUE_XSTATS;
	eth_dev->dev_ops = &vsr_ops;
	return 0;
}

int
vsr_eth_init(struct rte_eth_dev *eth_dev, struct vio_transport *transport, const char *args)
{
	int ret;

	ret = vsr_shared_create(eth_dev);
	if (ret != 0) {
		rte_log(RTE_LOG_ERR, (uint32_t)vsr_logtype,
				"net_vsr: %s: no memory to share with other processes: %s\n",
				eth_dev->data->name, rte_strerror(-ret));
		return ret;
	}
	ret = port_init(eth_dev, transport, args);
	if (ret != 0)
		vsr_shared_destroy(eth_dev);
	else
		vsr_shared_show(eth_dev);
	return ret;
}
