/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_RUN_H
#define VDPA_RUN_H

/**
 * @file
 * Give the queues of a guest to its VF, and take them back. The lock of the device is held.
 */

#include "../base/vdpa_dev.h"

/** Deadline of a control command. */
#define VDPA_COMMAND_NS UINT64_C(2000000000)

/**
 * Start the VF: on the rings of the guest if these are at their start and direct mode is wanted,
 * else on shadow rings. The VF has been reset, and the memory of the guest is mapped.
 * @param last  As vdpa_shadow_find().
 * @return 0; -EAGAIN: the position of a ring is not clear yet, call again; or another errno, then
 *         vio_err() explains why, and the VF is being reset again.
 */
int vdpa_run_start(struct vdpa_dev *dev, bool last);

/**
 * Stop the VF. Afterwards it reaches no memory, and nothing of this driver uses the memory of the
 * guest. Waits VDPA_STOP_US at most; a reset that takes longer goes on, see vio.resetting.
 * @param touch  The memory of the guest is still mapped in this process: read from it how far the
 *               VF came.
 */
void vdpa_run_stop(struct vdpa_dev *dev, bool touch);

/** Use no guest memory, and relay no doorbells, until vdpa_run_resume(). The VF goes on. */
void vdpa_run_pause(struct vdpa_dev *dev);
/** @return 0 or -errno. */
int vdpa_run_resume(struct vdpa_dev *dev);

/**
 * A guest has set up a ring, or has changed its descriptors. A running VF goes on with the old ring
 * if the new one is elsewhere; dev->outdated is set then.
 * @param now  Belongs to the device afterwards.
 * @return 0 or -errno.
 */
int vdpa_run_ring_set(struct vdpa_dev *dev, struct vdpa_queue *queue, struct vdpa_ring *now);

/** A queue is relayed. */
bool vdpa_run_is_relayed(const struct vdpa_dev *dev);
/**
 * See what the relays of a running VF have found: give rings that are at their start to the VF.
 * @return 0; 1: all queues are direct now; -EPROTO: the guest broke a queue, vio_err() explains; or
 *         another errno: the VF must be reset.
 */
int vdpa_run_relays(struct vdpa_dev *dev);
/**
 * The wanted mode, or the logging, has changed.
 * @return 0; -EAGAIN: direct queues must be relayed: stop the VF and start it again; or -errno.
 */
int vdpa_run_mode(struct vdpa_dev *dev);

/** Send the control commands that are due, and look for answers. @return when to call again, as
 * vio_now_ns(): 0: soon; UINT64_MAX: when something has changed. */
uint64_t vdpa_run_commands(struct vdpa_dev *dev);

#endif /* VDPA_RUN_H */
