/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_NOTIFY_H
#define VDPA_NOTIFY_H

/**
 * @file
 * Doorbells that are mapped into guests (device argument host_notifier=1).
 *
 * The front end is asked, and must answer, so a thread of its own does this: it starts with the
 * first such device. The lock of the device is held in all calls.
 */

#include "base/vdpa_dev.h"

/** The queues of a device have changed: map the doorbells of direct queues, unmap the others. */
void vdpa_notify_update(struct vdpa_dev *dev);

/** Wait until no front end is asked for this device: rte_vhost is about to forget the guest. */
void vdpa_notify_wait(struct vdpa_dev *dev);

/** The page of the doorbell of a queue can be mapped. @param at  Out: place in the device
 * descriptor. */
bool vdpa_notify_page(const struct vdpa_dev *dev, const struct vdpa_queue *queue, uint64_t *at);

#endif /* VDPA_NOTIFY_H */
