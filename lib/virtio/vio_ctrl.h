/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_CTRL_H
#define VIO_CTRL_H

/**
 * @file
 * The commands of the network device's control queue, virtio 1.4 5.1.9.5.
 *
 * Each function returns 0, -EPERM (the device answered VIRTIO_NET_ERR), -EPROTO (the answer is
 * undefined), or what vio_cmdq_exec() returned. The feature that is named at a command must have
 * been negotiated.
 */

#include "vio_cmdq.h"

#define VIO_CTRL_BYTES 8192 /**< Most that a command and its answer take together. */
#define VIO_CTRL_MACS_MAX 1024 /**< Addresses in one MAC table command, both tables together. */

/** Accept every packet (CTRL_RX). */
int vio_ctrl_promisc(struct vio_cmdq *cmdq, bool on);
/** Accept every multicast packet (CTRL_RX). */
int vio_ctrl_allmulti(struct vio_cmdq *cmdq, bool on);
/** Set the default MAC address (CTRL_MAC_ADDR). */
int vio_ctrl_mac_addr_set(struct vio_cmdq *cmdq, const uint8_t mac[6]);
/**
 * Set the further addresses to accept (CTRL_RX): nb_uc unicast and nb_mc multicast addresses.
 * @return -EINVAL as well, for more than VIO_CTRL_MACS_MAX.
 */
int vio_ctrl_mac_table_set(struct vio_cmdq *cmdq, const uint8_t (*uc)[6], uint32_t nb_uc,
		const uint8_t (*mc)[6], uint32_t nb_mc);
/** Accept packets of a VLAN, or stop accepting them (CTRL_VLAN). */
int vio_ctrl_vlan(struct vio_cmdq *cmdq, uint16_t vlan_id, bool on);
/** Set the number of queue pairs in use, 1 to max_virtqueue_pairs (MQ). */
int vio_ctrl_mq_pairs_set(struct vio_cmdq *cmdq, uint16_t nb_pairs);

/* Commands without waiting, for a thread that serves several devices. Each returns the slot of the
 * command, or what vio_cmdq_post() returned. */
int vio_ctrl_promisc_post(struct vio_cmdq *cmdq, bool on);
int vio_ctrl_mq_pairs_post(struct vio_cmdq *cmdq, uint16_t nb_pairs);
/** Look for the answer. @return as the functions above, or -EAGAIN: it has not come yet. */
int vio_ctrl_answer(struct vio_cmdq *cmdq, int slot);

#endif /* VIO_CTRL_H */
