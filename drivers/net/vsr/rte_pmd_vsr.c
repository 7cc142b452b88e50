/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Functions of this driver that applications may call directly. */

#include <errno.h>

#include "rte_pmd_vsr.h"
#include "rxtx/vsr_tx_pending.h"
#include "vsr_ethdev.h"

int
rte_pmd_vsr_tx_doorbell(uint16_t port_id, uint16_t queue_id)
{
	const struct rte_eth_dev *eth_dev;

	if (!rte_eth_dev_is_valid_port(port_id) || !vsr_is_ours(&rte_eth_devices[port_id]))
		return -ENODEV;
	eth_dev = &rte_eth_devices[port_id];
	if (queue_id >= eth_dev->data->nb_tx_queues || eth_dev->data->tx_queues[queue_id] == NULL)
		return -EINVAL;
	if (!eth_dev->data->dev_started)
		return -EAGAIN;
	return vsr_txq_pending_ring(eth_dev->data->tx_queues[queue_id]) ? 1 : 0;
}

int
rte_pmd_vsr_features_get(uint16_t port_id, uint64_t *offered, uint64_t *accepted)
{
	const struct vsr_dev *dev;

	if (!rte_eth_dev_is_valid_port(port_id) || !vsr_is_ours(&rte_eth_devices[port_id]))
		return -ENODEV;
	dev = vsr_dev_of(&rte_eth_devices[port_id]);
	*offered = dev->vio.offered.w[0];
	*accepted = dev->vio.accepted.w[0];
	return 0;
}
