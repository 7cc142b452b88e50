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
 * Start the VF on the rings of the guest. The VF has been reset, and the memory of the guest is
 * mapped.
 * @return 0, or -errno; vio_err() explains why. Then the VF is being reset again.
 */
int vdpa_run_start(struct vdpa_dev *dev);

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

/** Send the control commands that are due, and look for answers. @return when to call again, as
 * vio_now_ns(): 0: soon; UINT64_MAX: when something has changed. */
uint64_t vdpa_run_commands(struct vdpa_dev *dev);

#endif /* VDPA_RUN_H */
