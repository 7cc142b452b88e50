/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef RTE_PMD_VSR_H
#define RTE_PMD_VSR_H

/**
 * @file
 * Functions of net_vsr for applications, in addition to ethdev.
 */

#include <stdint.h>

#include <rte_compat.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Ring the pending doorbell of a TX queue (device argument tx_db_delay_us), so that the device
 * starts on all packets that were sent.
 *
 * @param port_id   Started port of net_vsr.
 * @param queue_id  TX queue of the port.
 * @return 1: the doorbell was rung; 0: no doorbell was pending; or
 *         -ENODEV  there is no such port, or it belongs to another driver,
 *         -EINVAL  the port has no such queue,
 *         -EAGAIN  the port is not started.
 *
 * Callable from any thread of the primary process while the port is not being stopped, also
 * during bursts on that queue: it waits for a lock that a burst holds for about ten nanoseconds.
 * @spec virtio 1.4 2.7.13.4 "Notifying The Device", 2.8.21.3 "Sending Available Buffer
 * Notifications"
 */
__rte_experimental int rte_pmd_vsr_tx_doorbell(uint16_t port_id, uint16_t queue_id);

/**
 * Get feature bits 0 to 63 of the device of a port, as of its last negotiation.
 *
 * @param port_id   Port of net_vsr.
 * @param offered   Out: what the device offers.
 * @param accepted  Out: what the driver has accepted.
 * @return 0, or -ENODEV: there is no such port, or it belongs to another driver.
 *
 * Callable from any thread of the primary process while the port is not being reset or closed.
 * @spec virtio 1.4 5.1.3 "Feature bits", 6 "Reserved Feature Bits"
 */
__rte_experimental int rte_pmd_vsr_features_get(uint16_t port_id, uint64_t *offered,
		uint64_t *accepted);

#ifdef __cplusplus
}
#endif

#endif /* RTE_PMD_VSR_H */
