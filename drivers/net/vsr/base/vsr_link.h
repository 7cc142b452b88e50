/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_LINK_H
#define VSR_LINK_H

/**
 * @file
 * Link state and configuration of the device, and whether it still works.
 */

#include "vsr_dev.h"

/** The device has stopped by itself and waits for a reset. */
bool vsr_dev_needs_reset(struct vsr_dev *dev);
/** Read the device configuration into dev->config. @return 0 or -errno. */
int vsr_dev_config_read(struct vsr_dev *dev);
/** The same, logged at the first time since the last start. */
bool vsr_dev_stopped_by_itself(struct rte_eth_dev *eth_dev);
int vsr_link_update(struct rte_eth_dev *eth_dev, int wait_to_complete);

#endif /* VSR_LINK_H */
