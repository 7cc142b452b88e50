/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_SHADOW_H
#define VDPA_SHADOW_H

/**
 * @file
 * Queues that are relayed: the VF works on a shadow ring in memory of this process, and the data
 * thread moves descriptors between it and the ring of the guest (../ring). The lock of the device
 * is held, except in functions of watches.
 */

#include "../base/vdpa_dev.h"

/** Connect dev->mem with the memory of the guest, and with its log of written pages if it wants
 * one. The data thread must not run a relay of the device meanwhile. */
void vdpa_shadow_memory(struct vdpa_dev *dev);

/**
 * Find out from the rings of the guest where to go on, for all queues for which that is not known.
 * The VF is reset.
 * @param last  The last try: take the positions that the front end gave where a ring says nothing.
 * @return 0; -EAGAIN: a ring says nothing yet, so the guest got an interrupt, call again; or
 *         another errno: vio_err() says what is wrong with a ring.
 */
int vdpa_shadow_find(struct vdpa_dev *dev, bool last);
/** Find where the VF came in a ring that it used directly; the VF is reset. @return false: the ring
 * does not say. */
bool vdpa_shadow_locate(struct vdpa_queue *queue, uint16_t *position);
/** A relay can end while the other queues go on: the VF resets single queues. */
static inline bool
vdpa_shadow_can_end(const struct vdpa_dev *dev)
{
	return vio_dev_has(&dev->vio, VIRTIO_F_RING_RESET);
}
/** Forget what vdpa_shadow_find() has found. */
void vdpa_shadow_forget(struct vdpa_dev *dev);

/** Bytes of memory that the shadow ring of a queue takes; 0: the queue is not set up. */
size_t vdpa_shadow_bytes(const struct vdpa_dev *dev, const struct vdpa_queue *queue);

/**
 * Create the shadow ring of a queue, enable it in the VF, and begin to relay.
 * @param mem   vdpa_shadow_bytes() bytes.
 * @param iova  Their bus address.
 * @return 0 or -errno; vio_err() explains why.
 */
int vdpa_shadow_start(struct vdpa_dev *dev, struct vdpa_queue *queue, void *mem, uint64_t iova);

/**
 * End the relay of a queue. The VF, or its queue, was reset, and the data thread does not watch the
 * queue any more.
 * @param touch  The memory of the guest is there: give back what the VF has used, and save the
 *               position.
 */
void vdpa_shadow_stop(struct vdpa_queue *queue, bool touch);

/** Relay once. @return true: call again. */
bool vdpa_shadow_round(struct vdpa_queue *queue);
/** Functions of watches. */
bool vdpa_on_shadow_kick(struct vdpa_watch *watch);
bool vdpa_on_shadow_intr(struct vdpa_watch *watch);

/** Position of a relayed queue now. */
uint16_t vdpa_shadow_position(const struct vdpa_queue *queue);
/** Buffers that were relayed since the probe. */
uint64_t vdpa_shadow_buffers(const struct vdpa_queue *queue);

#endif /* VDPA_SHADOW_H */
