/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_START_H
#define VSR_START_H

/**
 * @file
 * Initialize, start, stop and reset the device.
 */

#include "../base/vsr_dev.h"

/** Initialise the virtio part of the port. */
void vsr_dev_init(struct vsr_dev *dev, struct vio_transport *transport);
/** Reset the device, negotiate dev->wanted and read the configuration.
 * @return 0 or -errno (logged). */
int vsr_dev_negotiate(struct vsr_dev *dev);
/** Set up all queues of the port and let the device run. @return 0 or -errno (logged). */
int vsr_dev_start(struct rte_eth_dev *eth_dev);
/** Reset all queues and free their packets. @return 0 or -errno (logged); after -ETIMEDOUT the
 * device still has the packets. */
int vsr_dev_stop(struct rte_eth_dev *eth_dev);
/** Reset the device. Failures are logged; vio.resetting tells whether it is still at work. */
void vsr_dev_close(struct vsr_dev *dev);
/** Free the control queue and all kept queues, unless the device may still access them. */
void vsr_dev_free(struct vsr_dev *dev);

#endif /* VSR_START_H */
