/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Interrupts: configuration changes, and RX queues. */

#include <errno.h>
#include <unistd.h>

#include <rte_errno.h>
#include <rte_interrupts.h>

#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"
#include "../base/vsr_link.h"
#include "../base/vsr_queue.h"
#include "vsr_intr.h"

/* Vector 0 is for configuration changes, the vectors after it for the RX queues. */
#define RXQ_VECTOR_FIRST 1

static void
config_changed(void *arg)
{
	struct rte_eth_dev *eth_dev = arg;
	struct vsr_dev *dev = vsr_dev_of(eth_dev);

	rte_intr_ack(dev->intr);
	if (vsr_dev_stopped_by_itself(eth_dev))
		rte_eth_dev_callback_process(eth_dev, RTE_ETH_EVENT_INTR_RESET, NULL);
	if (vsr_link_update(eth_dev, 0) == 0)
		rte_eth_dev_callback_process(eth_dev, RTE_ETH_EVENT_INTR_LSC, NULL);
}

static int
rxq_events_start(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	const uint16_t nb = eth_dev->data->nb_rx_queues;
	int ret;

	if (!rte_intr_cap_multiple(dev->intr) || dev->vio.t->nb_vectors < nb + RXQ_VECTOR_FIRST) {
		VSR_LOG(ERR, dev, "no %u interrupt vectors for the RX queues", nb);
		return -ENOTSUP;
	}
	ret = rte_intr_efd_enable(dev->intr, nb);
	if (ret != 0)
		return ret;
	ret = rte_intr_vec_list_alloc(dev->intr, "vsr_vectors", nb);
	for (uint16_t i = 0; ret == 0 && i < nb; i++)
		if (rte_intr_vec_list_index_set(dev->intr, i, i + RXQ_VECTOR_FIRST) != 0)
			ret = -rte_errno;
	if (ret != 0)
		rte_intr_efd_disable(dev->intr);
	else
		dev->intr_rxq = true;
	return ret;
}

int
vsr_intr_start(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	const struct rte_eth_intr_conf *conf = &eth_dev->data->dev_conf.intr_conf;
	int ret = 0;

	if (!conf->lsc && !conf->rxq)
		return 0;
	if (dev->intr == NULL || dev->vio.t->nb_vectors == 0) {
		VSR_LOG(ERR, dev, "the device has no interrupt vectors");
		return -ENOTSUP;
	}
	if (conf->rxq)
		ret = rxq_events_start(eth_dev);
	if (ret == 0 && conf->lsc) {
		ret = rte_intr_callback_register(dev->intr, config_changed, eth_dev);
		dev->intr_lsc = ret == 0;
	}
	/* Vectors must exist before the driver assigns them to queues. */
	if (ret == 0)
		ret = rte_intr_enable(dev->intr);
	if (ret != 0) {
		VSR_LOG(ERR, dev, "cannot set up interrupts: %s", rte_strerror(-ret));
		vsr_intr_stop(eth_dev);
	}
	return ret;
}

void
vsr_intr_stop(struct rte_eth_dev *eth_dev)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);

	if (!dev->intr_lsc && !dev->intr_rxq)
		return;
	rte_intr_disable(dev->intr);
	if (dev->intr_lsc)
		rte_intr_callback_unregister_sync(dev->intr, config_changed, eth_dev);
	if (dev->intr_rxq) {
		rte_intr_efd_disable(dev->intr);
		rte_intr_vec_list_free(dev->intr);
	}
	dev->intr_lsc = dev->intr_rxq = false;
}

uint16_t
vsr_intr_rxq_vector(const struct vsr_dev *dev, uint16_t queue_id)
{
	return dev->intr_rxq ? queue_id + RXQ_VECTOR_FIRST : VIRTIO_MSI_NO_VECTOR;
}

int
vsr_rx_queue_intr_enable(struct rte_eth_dev *eth_dev, uint16_t queue_id)
{
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	const uint64_t one = 1;
	bool poll = false, sound = false;

	if (!dev->intr_rxq)
		return -ENOTSUP;
	/* Buffers used before arming raise no interrupt, so signal the eventfd here. Do the same if
	 * the pool was too low for the next packet: without a poll no buffer is posted. But a poll
	 * can change nothing about a broken ring, or one that has all the buffers it may have: the
	 * application would spin. */
	for (const struct vsr_rxq *rxq = eth_dev->data->rx_queues[queue_id]; rxq != NULL;
			rxq = rxq->next) {
		if (rxq->vq->broken)
			continue;
		sound = true;
		if (rxq->vq->packed ? vio_ring_packed.intr_enable(rxq->vq) :
				      vio_ring_split.intr_enable(rxq->vq))
			poll = true;
		if (rxq->vq->nb_free > rxq->reserve &&
				rxq->vq->size - rxq->vq->nb_free <
						vsr_rxq_packet_bufs(rxq, eth_dev->data->mtu))
			poll = true;
	}
	if (!sound)
		return -EIO;
	if (poll && write(rte_intr_efds_index_get(dev->intr, queue_id), &one, sizeof(one)) < 0)
		return -errno;
	return 0;
}

int
vsr_rx_queue_intr_disable(struct rte_eth_dev *eth_dev, uint16_t queue_id)
{
	if (!vsr_dev_of(eth_dev)->intr_rxq)
		return -ENOTSUP;
	for (const struct vsr_rxq *rxq = eth_dev->data->rx_queues[queue_id]; rxq != NULL;
			rxq = rxq->next) {
		if (rxq->vq->packed)
			vio_ring_packed.intr_disable(rxq->vq);
		else
			vio_ring_split.intr_disable(rxq->vq);
	}
	return 0;
}
