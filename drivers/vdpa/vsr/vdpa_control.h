/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_CONTROL_H
#define VDPA_CONTROL_H

/**
 * @file
 * The control thread, one for all devices of the process. It moves each device from state to state
 * in steps that do not wait, so that no device holds up another. It starts with the first device
 * and ends with the process.
 */

#include "base/vdpa_dev.h"
#include "rte_pmd_vdpa_vsr.h"

/** A device that was opened. @return 0 or -errno. */
int vdpa_control_add(struct vdpa_dev *dev);
/** A device that is going to be closed. */
void vdpa_control_del(struct vdpa_dev *dev);
/** The state of a device has changed: take its next step soon. */
void vdpa_control_wake(void);

/** As rte_pmd_vdpa_vsr_event_set(). */
void vdpa_control_events(rte_pmd_vdpa_vsr_event_fn fn, void *arg);

/** Report an event with the next step. The lock of the device is held. */
static inline void
vdpa_event_add(struct vdpa_dev *dev, enum rte_pmd_vdpa_vsr_event event)
{
	dev->events |= 1u << event;
}

#endif /* VDPA_CONTROL_H */
