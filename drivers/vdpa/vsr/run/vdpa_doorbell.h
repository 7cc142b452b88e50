/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_DOORBELL_H
#define VDPA_DOORBELL_H

/**
 * @file
 * Doorbells and interrupts that this process passes on, for a queue that the VF runs.
 */

#include "../base/vdpa_dev.h"

/** Ring the doorbell of a queue in the VF. */
void vdpa_doorbell_ring(struct vdpa_queue *queue);

/** Count a doorbell that was rung otherwise. */
void vdpa_doorbell_count(struct vdpa_queue *queue);

/** Raise the interrupt of a queue in the guest, if the guest wants any. */
void vdpa_interrupt_raise(struct vdpa_queue *queue);

/** Functions of watches; see struct vdpa_watch. */
bool vdpa_on_kick(struct vdpa_watch *watch);

#endif /* VDPA_DOORBELL_H */
