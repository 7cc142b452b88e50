/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Initialize, start, stop and reset the device.
 *
 * A reset can take a minute, if the device restarts its firmware. Probe, configure and start wait
 * for its end as long as reset_timeout_ms allows, and report a slow one. Stop and close wait for
 * VIO_DEV_TIMEOUT_US at most, since an application must be able to end. After a timeout the device
 * may still access rings and packets, so these stay allocated (vio.resetting, vsr_kept) until a
 * later start finds the device in reset, or until the close takes the device off the bus.
 */

#include <errno.h>
#include <string.h>

#include <rte_errno.h>

#include "virtio/vio_err.h"
#include "../base/vsr_link.h"
#include "../base/vsr_queue.h"
#include "../rxtx/vsr_path.h"
#include "../rxtx/vsr_rx.h"
#include "../rxtx/vsr_tx_pending.h"
#include "vsr_filter.h"
#include "vsr_intr.h"
#include "vsr_start.h"

#define VSR_CTRL_SIZE 64 /* Descriptors of the control queue. */

/* Forget everything that a reset of the device cancels. */
static void
state_reset(struct vsr_dev *dev)
{
	dev->state = VSR_RESET;
	dev->pairs = 1;
	memset(dev->vq_enabled, 0, sizeof(dev->vq_enabled));
}

static void
reset_is_slow(void *arg)
{
	const struct vsr_dev *dev = arg;

	VSR_LOG(WARNING, dev, "the device is slow to reset; waiting up to %u ms",
			dev->args.reset_timeout_ms);
}

void
vsr_dev_init(struct vsr_dev *dev, struct vio_transport *transport)
{
	vio_dev_init(&dev->vio, transport);
	dev->vio.on_slow_reset = reset_is_slow;
	dev->vio.on_slow_reset_arg = dev;
}

/* Timeout of resets in calls that must end soon. */
static uint32_t
short_timeout_us(const struct vsr_dev *dev)
{
	return RTE_MIN(dev->args.reset_timeout_ms * 1000u, (uint32_t)VIO_DEV_TIMEOUT_US);
}

static int
reset(struct vsr_dev *dev, uint32_t timeout_us)
{
	int ret;

	dev->vio.timeout_us = timeout_us;
	ret = vio_dev_reset(&dev->vio);
	if (ret == -ETIMEDOUT)
		VSR_LOG(ERR, dev, "%s: its buffers are kept until it does", vio_err());
	else if (ret != 0)
		VSR_LOG(ERR, dev, "%s", vio_err());
	state_reset(dev);
	if (!dev->vio.resetting)
		vsr_kept_free(dev);
	return ret;
}

static void
limits_read(struct vsr_dev *dev)
{
	uint32_t pairs = 1;

	dev->max_mtu = UINT16_MAX - VSR_FRAME_OVERHEAD;
	if (vsr_has(dev, VIRTIO_NET_F_MTU))
		dev->max_mtu = RTE_MIN(dev->max_mtu, rte_le_to_cpu_16(dev->config.mtu));
	if (vsr_has(dev, VIRTIO_NET_F_MQ))
		pairs = rte_le_to_cpu_16(dev->config.max_virtqueue_pairs);
	/* The device may have fewer queues than its max_virtqueue_pairs needs. */
	pairs = RTE_MIN(pairs, dev->vio.num_queues / 2u);
	dev->max_pairs = (uint16_t)RTE_MIN(pairs, (uint32_t)VSR_QUEUES_MAX);
	dev->rx_desc_max = vio_dev_queue_max(&dev->vio, 0);
	dev->tx_desc_max = vio_dev_queue_max(&dev->vio, 1);
}

int
vsr_dev_negotiate(struct vsr_dev *dev)
{
	int ret;

	state_reset(dev);
	dev->vio.timeout_us = dev->args.reset_timeout_ms * 1000;
	ret = vio_dev_negotiate(&dev->vio, &dev->wanted, NULL);
	if (!dev->vio.resetting)
		vsr_kept_free(dev);
	if (ret == 0)
		ret = vsr_dev_config_read(dev);
	if (ret != 0) {
		VSR_LOG(ERR, dev, "%s", vio_err());
		return ret;
	}
	limits_read(dev);
	if (dev->platform_only && !vsr_has(dev, VIRTIO_F_ACCESS_PLATFORM)) {
		VSR_LOG(ERR, dev,
				"the device does not offer access_platform and so takes physical "
				"addresses only: start with --iova-mode=pa");
		vio_dev_fail(&dev->vio);
		return -ENOTSUP;
	}
	if (dev->max_pairs == 0 || dev->rx_desc_max == 0 || dev->tx_desc_max == 0) {
		VSR_LOG(ERR, dev, "the device has no pair of queues");
		vio_dev_fail(&dev->vio);
		return -EPROTO;
	}
	dev->hdr_len = VIRTIO_NET_HDR_LEN;
	dev->state = VSR_NEGOTIATED;
	return 0;
}

static uint16_t
ctrl_index(const struct vsr_dev *dev)
{
	uint32_t pairs = 1;

	if (vsr_has(dev, VIRTIO_NET_F_MQ))
		pairs = rte_le_to_cpu_16(dev->config.max_virtqueue_pairs);
	return (uint16_t)(2 * pairs);
}

static void
ctrl_free(struct vsr_dev *dev)
{
	if (dev->has_ctrl)
		vio_cmdq_free(&dev->ctrl);
	dev->has_ctrl = false;
}

/* The memory of the control queue is used again after a reset, if the device still has such a
 * queue. */
static int
ctrl_start(struct vsr_dev *dev)
{
	char name[RTE_MEMZONE_NAMESIZE];
	struct vio_virtq_conf conf = {
		.name = name,
		.index = ctrl_index(dev),
		.socket = dev->socket,
	};
	int ret;

	conf.size = RTE_MIN(vio_dev_queue_max(&dev->vio, conf.index), VSR_CTRL_SIZE);
	if (dev->has_ctrl &&
			(!vsr_has(dev, VIRTIO_NET_F_CTRL_VQ) || dev->ctrl.vq->size != conf.size ||
					dev->ctrl.vq->index != conf.index ||
					dev->ctrl.vq->packed != vsr_has(dev, VIRTIO_F_RING_PACKED)))
		ctrl_free(dev);
	if (!vsr_has(dev, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	if (!dev->has_ctrl) {
		vsr_memory_name(dev, "ctrl", name);
		ret = vio_cmdq_create(&dev->ctrl, &dev->vio, &conf, 1, VIO_CTRL_BYTES);
		if (ret != 0)
			return vio_fail(ret,
					"cannot allocate a control queue of %u descriptors: %s",
					conf.size, rte_strerror(-ret));
		dev->has_ctrl = true;
	}
	vio_cmdq_init(&dev->ctrl, &dev->vio);
	return vio_virtq_enable(dev->ctrl.vq, &dev->vio, VIRTIO_MSI_NO_VECTOR);
}

/* RX queue of pair i, of the port or extra. */
static struct vsr_rxq *
rxq_of(const struct rte_eth_dev *eth_dev, uint16_t i)
{
	const uint16_t nb_rx = eth_dev->data->nb_rx_queues;
	struct vsr_rxq *rxq = nb_rx == 0 ? NULL : eth_dev->data->rx_queues[i % nb_rx];

	while (rxq != NULL && rxq->queue_id != i)
		rxq = rxq->next;
	return rxq;
}

static struct vsr_txq *
txq_of(const struct rte_eth_dev *eth_dev, uint16_t i)
{
	return i < eth_dev->data->nb_tx_queues ? eth_dev->data->tx_queues[i] : NULL;
}

static uint16_t
nb_pairs(const struct rte_eth_dev *eth_dev)
{
	return RTE_MAX(eth_dev->data->nb_rx_queues, eth_dev->data->nb_tx_queues);
}

/* False if a reset is needed: a queue that was not enabled before DRIVER_OK cannot be enabled any
 * more (virtio 1.4 3.1.1, step 7). */
static bool
all_enabled(const struct rte_eth_dev *eth_dev)
{
	const struct vsr_dev *dev = vsr_dev_of(eth_dev);

	for (uint16_t i = 0; i < 2 * nb_pairs(eth_dev); i++)
		if (!dev->vq_enabled[i])
			return false;
	return true;
}

static int
virtq_start(struct vsr_dev *dev, struct vio_virtq *vq, uint16_t vector)
{
	int ret;

	ret = vio_virtq_enable(vq, &dev->vio, vector);
	if (ret == 0)
		dev->vq_enabled[vq->index] = true;
	return ret;
}

/* Both queues of a pair must be set up, even if the port uses only one (virtio 1.4 5.1.9.5.6). */
static int
spare_start(struct vsr_dev *dev, uint16_t index)
{
	if (dev->spare[index] == NULL)
		dev->spare[index] = vsr_spare_create(dev, index);
	if (dev->spare[index] == NULL)
		return vio_fail(-ENOMEM, "out of memory for virtqueue %u", index);
	vio_virtq_init(dev->spare[index], &dev->vio);
	return virtq_start(dev, dev->spare[index], VIRTIO_MSI_NO_VECTOR);
}

static void
rx_rings_fill(struct rte_eth_dev *eth_dev)
{
	for (uint16_t i = 0; i < nb_pairs(eth_dev); i++)
		if (rxq_of(eth_dev, i) != NULL)
			vio_virtq_init(rxq_of(eth_dev, i)->vq, &vsr_dev_of(eth_dev)->vio);
	vsr_rxqs_share(eth_dev);
	vsr_rxqs_fill(eth_dev);
}

static int
pair_start(struct rte_eth_dev *eth_dev, uint16_t i)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	struct vsr_rxq *rxq = rxq_of(eth_dev, i);
	struct vsr_txq *txq = txq_of(eth_dev, i);
	int ret;

	if (rxq != NULL)
		ret = virtq_start(dev, rxq->vq,
				vsr_intr_rxq_vector(dev, i % eth_dev->data->nb_rx_queues));
	else
		ret = spare_start(dev, 2 * i);
	if (ret != 0)
		return ret;
	if (txq == NULL)
		return spare_start(dev, 2 * i + 1);
	vio_virtq_init(txq->vq, &dev->vio);
	return virtq_start(dev, txq->vq, VIRTIO_MSI_NO_VECTOR);
}

static int
pairs_set(struct vsr_dev *dev, uint16_t pairs)
{
	int ret;

	if (pairs == dev->pairs || !vsr_has(dev, VIRTIO_NET_F_MQ))
		return 0;
	ret = vio_ctrl_mq_pairs_set(&dev->ctrl, pairs);
	if (ret != 0)
		VSR_LOG(ERR, dev, "cannot use %u queue pairs: %s", pairs, rte_strerror(-ret));
	else
		dev->pairs = pairs;
	return ret;
}

static void
spares_free(struct vsr_dev *dev)
{
	for (unsigned int i = 0; i < RTE_DIM(dev->spare); i++) {
		vio_virtq_free(dev->spare[i]);
		dev->spare[i] = NULL;
	}
}

/* Free the packets that remain in the queues after a stop or a failed start. */
static void
queues_drain(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);

	for (uint16_t i = 0; i < eth_dev->data->nb_rx_queues; i++)
		if (eth_dev->data->rx_queues[i] != NULL)
			vsr_rxq_drain(eth_dev->data->rx_queues[i]);
	for (uint16_t i = 0; i < eth_dev->data->nb_tx_queues; i++)
		if (txq_of(eth_dev, i) != NULL)
			vsr_txq_drain(txq_of(eth_dev, i));
	spares_free(dev);
}

static int
device_start(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	const bool fresh = dev->state == VSR_NEGOTIATED;
	int ret = 0;

	if (fresh)
		ret = ctrl_start(dev);
	if (ret == 0 && vsr_extra_rxqs_create(eth_dev) != 0)
		ret = vio_fail(-ENOMEM, "no memory for the RX queues beside the TX queues");
	if (ret == 0)
		rx_rings_fill(eth_dev);
	for (uint16_t i = 0; ret == 0 && i < nb_pairs(eth_dev); i++)
		ret = pair_start(eth_dev, i);
	if (ret == 0)
		ret = vio_dev_config_vector(&dev->vio, dev->intr_lsc ? 0 : VIRTIO_MSI_NO_VECTOR);
	if (ret != 0) {
		VSR_LOG(ERR, dev, "cannot start the queues: %s", vio_err());
		return ret;
	}
	if (fresh) {
		vio_dev_driver_ok(&dev->vio);
		dev->state = VSR_LIVE;
	}
	ret = pairs_set(dev, nb_pairs(eth_dev));
	if (ret == 0 && fresh)
		ret = vsr_filter_restore(eth_dev);
	return ret;
}

/* True if the device is where the driver left it, so that no reset is needed. A device that has
 * restarted by itself is not. */
static bool
device_is_ready(const struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	const uint8_t driver_ok = dev->state == VSR_LIVE ? VIRTIO_STATUS_DRIVER_OK : 0;

	if (dev->state == VSR_RESET)
		return false;
	if (vio_dev_status(&dev->vio) !=
			(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
					VIRTIO_STATUS_FEATURES_OK | driver_ok))
		return false;
	return dev->state == VSR_NEGOTIATED ||
			(all_enabled(eth_dev) &&
					!(dev->has_ctrl &&
							(dev->ctrl.dead || dev->ctrl.vq->broken)));
}

/* After a reset the device can be another one, with new firmware: choose paths and queues anew. */
static int
port_fit(struct rte_eth_dev *eth_dev)
{
	const uint64_t offloads = eth_dev->data->dev_conf.rxmode.offloads;
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret;

	if (nb_pairs(eth_dev) > dev->max_pairs || eth_dev->data->mtu > dev->max_mtu) {
		VSR_LOG(ERR, dev,
				"since its reset the device has %u queue pairs and an MTU of %u, "
				"and the port is configured for more: configure the port again",
				dev->max_pairs, dev->max_mtu);
		return -ENOTSUP;
	}
	if ((offloads & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) != 0 &&
			!vsr_has(dev, VIRTIO_NET_F_CTRL_VLAN)) {
		VSR_LOG(ERR, dev,
				"since its reset the device has no VLAN filter, and the port is "
				"configured with one: configure the port again");
		return -ENOTSUP;
	}
	ret = vsr_path_choose(dev);
	if (ret != 0)
		return ret;
	/* ethdev takes the burst functions over when the start succeeds. */
	eth_dev->rx_pkt_burst = dev->rx_path->burst;
	eth_dev->tx_pkt_burst = dev->tx_path->burst;
	eth_dev->data->scattered_rx = (offloads & RTE_ETH_RX_OFFLOAD_SCATTER) != 0 &&
			vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF);
	return vsr_queues_reshape(eth_dev);
}

static int
device_ready(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret = 0;

	if (!device_is_ready(eth_dev))
		ret = vsr_dev_negotiate(dev);
	if (ret != 0 || dev->state == VSR_LIVE)
		return ret;
	/* Packets remain if the reset of the last stop timed out. */
	queues_drain(eth_dev);
	return port_fit(eth_dev);
}

/* A ring with few buffers has no room for a burst of packets. */
static void
short_pools_report(const struct rte_eth_dev *eth_dev)
{
	const struct vsr_dev *dev = vsr_dev_of(eth_dev);

	for (uint16_t i = 0; i < eth_dev->data->nb_rx_queues; i++) {
		uint32_t nb_rings = 0, room = 0, lacking = 0;

		for (const struct vsr_rxq *rxq = eth_dev->data->rx_queues[i]; rxq != NULL;
				rxq = rxq->next) {
			nb_rings++;
			room += rxq->vq->size;
			lacking += rxq->vq->nb_free;
		}
		if (lacking != 0)
			VSR_LOG(WARNING, dev,
					"RX queue %u has %u rings for %u buffers, and gets %u from "
					"its mempool: packets may be lost",
					i, nb_rings, room, room - lacking);
	}
}

int
vsr_dev_start(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	int ret;

	dev->stop_logged = false;
	ret = device_ready(eth_dev);
	if (ret != 0)
		return ret;
	ret = vsr_intr_start(eth_dev);
	if (ret != 0)
		return ret;
	ret = device_start(eth_dev);
	if (ret != 0) {
		vsr_intr_stop(eth_dev);
		if (reset(dev, short_timeout_us(dev)) != -ETIMEDOUT)
			queues_drain(eth_dev);
		return ret;
	}
	for (uint16_t i = 0; i < nb_pairs(eth_dev); i++)
		if (rxq_of(eth_dev, i) != NULL)
			vsr_rxq_doorbell_ring(rxq_of(eth_dev, i));
	short_pools_report(eth_dev);
	vsr_pending_doorbells_start(dev);
	return 0;
}

/* Reset the queues one by one if possible, so that the control queue stays usable; else reset the
 * device. */
static int
queues_reset(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	const uint32_t timeout_us = short_timeout_us(dev);

	if (!vsr_has(dev, VIRTIO_F_RING_RESET) || vsr_dev_needs_reset(dev))
		return reset(dev, timeout_us);
	dev->vio.timeout_us = timeout_us;
	for (uint16_t i = 0; i < 2 * nb_pairs(eth_dev); i++)
		if (vio_dev_queue_reset(&dev->vio, i) != 0) {
			VSR_LOG(ERR, dev, "queue %u: %s", i, vio_err());
			return reset(dev, timeout_us);
		}
	return 0;
}

int
vsr_dev_stop(struct rte_eth_dev *eth_dev)
{
	int ret;

	vsr_intr_stop(eth_dev);
	vsr_pending_doorbells_stop(vsr_dev_of(eth_dev));
	ret = queues_reset(eth_dev);
	/* After a timeout the device may still access the packets. */
	if (ret != -ETIMEDOUT)
		queues_drain(eth_dev);
	return ret;
}

void
vsr_dev_close(struct vsr_dev *dev)
{
	/* If the stop has waited in vain, only look. */
	reset(dev, dev->vio.resetting ? 0 : short_timeout_us(dev));
}

void
vsr_dev_free(struct vsr_dev *dev)
{
	if (dev->vio.resetting)
		return;
	vsr_kept_free(dev);
	spares_free(dev);
	ctrl_free(dev);
}
