/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_DEV_H
#define VSR_DEV_H

/**
 * @file
 * One port of net_vsr: what all of its files share.
 */

#include <ethdev_driver.h>

#include "virtio/vio_ctrl.h"
#include "virtio/vio_pci.h"
#include "virtio_spec/net.h"
#include "vsr_log.h"

#define VSR_QUEUES_MAX 256 /**< Per direction. */
#define VSR_MACS_MAX 64 /**< Addresses of a port, its own included. */
#define VSR_MC_MAX 64 /**< Multicast addresses. */

struct vsr_rx_path;
struct vsr_tx_path;

/** How far the device is in its life. */
enum vsr_state {
	VSR_RESET, /**< Reset, or never touched: negotiate first. */
	VSR_NEGOTIATED, /**< FEATURES_OK; no queue is set up. */
	VSR_LIVE, /**< DRIVER_OK. */
};

/** Device arguments. */
struct vsr_args {
	char rx_path[24], tx_path[24]; /**< Row to use; empty: the best that fits. */
	bool no_packed, no_mrg_rxbuf, no_in_order; /**< Features not to accept. */
	uint32_t tx_db_delay_us; /**< How long a TX doorbell may be held back; 0: not at all. */
};

/** The port; dev_private. */
struct vsr_dev {
	char name[RTE_DEV_NAME_MAX_LEN];
	struct vsr_args args;
	struct vio_pci pci; /**< Transport of a PCI device; unused otherwise. */
	struct vio_dev vio;
	enum vsr_state state;
	struct vio_features allowed; /**< All that the driver may ever accept. */
	struct vio_features wanted; /**< Of these, what the configuration asks for. */
	const struct vsr_rx_path *rx_path;
	const struct vsr_tx_path *tx_path;
	struct vio_cmdq ctrl;
	bool has_ctrl;
	bool stop_logged; /**< About a device that stopped, since the last start. */
	bool lost; /**< A reset timed out: the device may still use its memory. */
	bool intr_lsc, intr_rxq; /**< Interrupts in use. */
	struct rte_intr_handle *intr; /**< NULL: no interrupts here. */
	void (*bus_close)(struct rte_eth_dev *eth_dev); /**< Let go of the device; may be NULL. */
	uint32_t nb_pending_doorbells; /**< TX queues that owe a doorbell; atomic. */
	bool alarm_armed; /**< Atomic. */
	uint16_t port_id;
	int socket;
	uint16_t max_pairs, max_mtu;
	uint16_t rx_desc_max, tx_desc_max; /**< Largest rings. */
	uint16_t hdr_len; /**< Bytes before each packet. */
	uint16_t pairs; /**< In use in the device since it is live. */
	bool vq_enabled[2 * VSR_QUEUES_MAX]; /**< Virtqueues enabled since the device is live. */
	struct vio_virtq *spare[2 * VSR_QUEUES_MAX]; /**< Halves of pairs that the port lacks. */
	uint64_t vlans[4096 / 64]; /**< VLANs to accept. */
	uint16_t nb_mc;
	struct rte_ether_addr mc[VSR_MC_MAX];
	struct virtio_net_config config; /**< As read last. */
};

static inline struct vsr_dev *
vsr_dev_of(const struct rte_eth_dev *eth_dev)
{
	return eth_dev->data->dev_private;
}

static inline bool
vsr_has(const struct vsr_dev *dev, unsigned int bit)
{
	return vio_dev_has(&dev->vio, bit);
}

#endif /* VSR_DEV_H */
