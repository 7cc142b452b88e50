/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_GUEST_H
#define VDPA_GUEST_H

/**
 * @file
 * What happens to a guest, as rte_vhost says. Called in the thread of rte_vhost, or in that of the
 * application that removes a socket. The lock of the device is held.
 */

#include "base/vdpa_dev.h"

/** The guest is ready to run. @return 0, -EBUSY (the device has another guest), or another errno.
 */
int vdpa_guest_ready(struct vdpa_dev *dev, int vid);
/**
 * The guest must not run any more.
 * @param gone  Its memory is going away for good. Otherwise, if the front end is just changing the
 *              memory, the VF goes on.
 */
void vdpa_guest_stop(struct vdpa_dev *dev, int vid, bool gone);
/** The guest has enabled a ring, or disabled it, or has changed its descriptors. */
void vdpa_guest_ring(struct vdpa_dev *dev, int vid, unsigned int index);
/** The front end has set the features: the log of written pages begins or ends. */
void vdpa_guest_features(struct vdpa_dev *dev, int vid);
/** A message is going to be carried out, or was carried out with success. */
void vdpa_guest_message_begin(struct vdpa_dev *dev, int vid, uint32_t request);
void vdpa_guest_message_done(struct vdpa_dev *dev, int vid, uint32_t request, uint32_t index);

#endif /* VDPA_GUEST_H */
