/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_START_H
#define VSR_START_H

/**
 * @file
 * Bring the device up and down.
 */

#include "../base/vsr_dev.h"

/** Agree on dev->wanted and read the configuration. @return 0 or -errno (logged). */
int vsr_dev_negotiate(struct vsr_dev *dev);
/** Bring all queues of the port up. @return 0 or -errno (logged). */
int vsr_dev_start(struct rte_eth_dev *eth_dev);
/** Take all queues back from the device and free their packets. @return 0 or -errno (logged). */
int vsr_dev_stop(struct rte_eth_dev *eth_dev);
/** Reset the device and free what is not a queue of the port. */
void vsr_dev_close(struct vsr_dev *dev);

#endif /* VSR_START_H */
