/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef RTE_PMD_VSR_H
#define RTE_PMD_VSR_H

/**
 * @file
 * What ports of net_vsr can do beyond ethdev.
 */

#include <stdint.h>

#include <rte_compat.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Ring the doorbell that a TX queue holds back (device argument tx_db_delay_us), so that the
 * device looks now at all that was sent.
 *
 * @param port_id   Port of net_vsr, started.
 * @param queue_id  Its TX queue.
 * @return 1: it was rung; 0: none was held back; or
 *         -ENODEV  there is no such port, or another driver has it,
 *         -EINVAL  the port has no such queue,
 *         -EAGAIN  the port is not started.
 *
 * Callable from any thread of the primary process while the port is not being stopped, bursts on
 * that queue included: it waits for a lock that a burst holds for some ten nanoseconds.
 * @spec virtio 1.4 2.7.13.4 "Notifying The Device", 2.8.21.3 "Sending Available Buffer
 * Notifications"
 */
__rte_experimental int rte_pmd_vsr_tx_doorbell(uint16_t port_id, uint16_t queue_id);

#ifdef __cplusplus
}
#endif

#endif /* RTE_PMD_VSR_H */
