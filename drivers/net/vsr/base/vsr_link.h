/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_LINK_H
#define VSR_LINK_H

/**
 * @file
 * Link state and configuration of the device, and the check for DEVICE_NEEDS_RESET.
 */

#include "vsr_dev.h"

/** True if the device is gone: its registers read as ones. */
bool vsr_dev_gone(struct vsr_dev *dev);
/** True if the device has set DEVICE_NEEDS_RESET, or has restarted by itself. */
bool vsr_dev_needs_reset(struct vsr_dev *dev);
/** Read the device configuration into dev->config. @return 0 or -errno. */
int vsr_dev_config_read(struct vsr_dev *dev);
/** As vsr_dev_needs_reset(); the first time after a start, log an error. */
bool vsr_dev_stopped_by_itself(struct rte_eth_dev *eth_dev);
/** ethdev link_update: the link is up only if the port is started and the device works. */
int vsr_link_update(struct rte_eth_dev *eth_dev, int wait_to_complete);

#endif /* VSR_LINK_H */
