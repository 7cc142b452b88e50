/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_DEV_H
#define VSR_DEV_H

/**
 * @file
 * The private data of a port, dev_private of ethdev, which all files of the driver use.
 */

#include <ethdev_driver.h>

#include "virtio/vio_ctrl.h"
#include "virtio/vio_pci.h"
#include "virtio_spec/net.h"
#include "vsr_log.h"

#define VSR_QUEUES_MAX 256 /**< Queues per direction. */
#define VSR_MACS_MAX 64 /**< MAC addresses of a port, including the default one. */
#define VSR_MC_MAX 64 /**< Addresses of the multicast list. */
/** Bytes of a frame above the MTU: Ethernet header and two VLAN tags. */
#define VSR_FRAME_OVERHEAD (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)

struct vsr_kept;
struct vsr_rx_path;
struct vsr_tx_path;

/** State of the device. */
enum vsr_state {
	VSR_RESET, /**< After a reset, or not yet used: features must be negotiated. */
	VSR_NEGOTIATED, /**< FEATURES_OK is set; no queue is set up. */
	VSR_LIVE, /**< DRIVER_OK is set. */
};

/** Device arguments. */
struct vsr_args {
	char rx_path[24], tx_path[24]; /**< Path to use; empty: the best path that fits. */
	bool no_packed, no_mrg_rxbuf, no_in_order; /**< Do not accept this feature. */
	uint32_t tx_db_delay_us; /**< Longest delay of a TX doorbell; 0: never delay. */
	uint32_t reset_timeout_ms; /**< Longest wait for a reset in probe, configure and start. */
};

/** A port. */
struct vsr_dev {
	char name[RTE_DEV_NAME_MAX_LEN];
	struct vsr_args args;
	struct vio_pci pci; /**< Transport, if the PCI probe made the port. */
	struct vio_dev vio;
	enum vsr_state state;
	struct vio_features allowed; /**< Features that the driver supports. */
	struct vio_features wanted; /**< The allowed features that the configuration uses. */
	const struct vsr_rx_path *rx_path;
	const struct vsr_tx_path *tx_path;
	struct vio_cmdq ctrl;
	bool has_ctrl;
	bool platform_only; /**< The addresses in use need a device with ACCESS_PLATFORM. */
	bool stop_logged; /**< Since the last start: DEVICE_NEEDS_RESET was logged. */
	bool intr_lsc, intr_rxq; /**< Link and RX queue interrupts are enabled. */
	struct rte_intr_handle *intr; /**< NULL: the port has no interrupts. */
	/** Release the device; afterwards it cannot access memory. May be NULL. */
	void (*bus_close)(struct rte_eth_dev *eth_dev);
	struct vsr_kept *kept; /**< Released queues whose memory the device may still access. */
	uint32_t nb_pending_doorbells; /**< TX queues with a pending doorbell; atomic. */
	bool alarm_runs; /**< The alarm of vsr_tx_pending.c is set; atomic. */
	uint16_t port_id;
	int socket;
	uint16_t max_pairs, max_mtu;
	uint16_t rx_desc_max, tx_desc_max; /**< Descriptors of the largest ring. */
	uint16_t hdr_len; /**< Bytes of the virtio header before each packet. */
	uint16_t pairs; /**< Queue pairs that the device uses. */
	bool vq_enabled[2 * VSR_QUEUES_MAX]; /**< Virtqueues enabled since the last reset. */
	struct vio_virtq *spare[2 *
			VSR_QUEUES_MAX]; /**< For queues of a pair that the port does not use. */
	uint64_t vlans[4096 / 64]; /**< Bitmap of the VLANs to accept. */
	uint16_t nb_mc; /**< Addresses in mc. */
	struct rte_ether_addr mc[VSR_MC_MAX];
	struct virtio_net_config config; /**< Device configuration as of the last read. */
};

/** Port of an ethdev. */
static inline struct vsr_dev *
vsr_dev_of(const struct rte_eth_dev *eth_dev)
{
	return eth_dev->data->dev_private;
}

/** The feature was negotiated. */
static inline bool
vsr_has(const struct vsr_dev *dev, unsigned int bit)
{
	return vio_dev_has(&dev->vio, bit);
}

#endif /* VSR_DEV_H */
