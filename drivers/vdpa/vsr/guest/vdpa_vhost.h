/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_VHOST_H
#define VDPA_VHOST_H

/**
 * @file
 * What rte_vhost knows of a guest, copied. To be called in the thread in which rte_vhost calls the
 * driver: in every other thread the guest may be gone.
 */

#include "../base/vdpa_dev.h"

/**
 * Copy the memory table of a guest.
 * @return 0, -ENODEV (no such guest), or -ENOMEM. To be freed by vdpa_regions_free().
 */
int vdpa_vhost_memory(int vid, struct vdpa_regions *regions);
void vdpa_regions_free(struct vdpa_regions *regions);

/**
 * Copy a ring of a guest, with copies of its descriptors. The descriptors that *ring has are
 * closed.
 * @param packed  Layout of the ring.
 * @return 0 with ring->set_up true or false, -EMFILE or another errno of dup(2).
 */
int vdpa_vhost_ring(int vid, const struct vdpa_regions *memory, uint16_t index, bool packed,
		struct vdpa_ring *ring);
/** Close the descriptors of a ring, which is not set up any more. */
void vdpa_ring_clear(struct vdpa_ring *ring);

/** Features that the guest accepted; 0: no such guest. */
uint64_t vdpa_vhost_features(int vid);
/** The front end says when it is complete (VHOST_USER_PROTOCOL_F_STATUS). */
bool vdpa_vhost_says_complete(int vid);
/** Save the position of a ring for the next start. */
void vdpa_vhost_base_set(int vid, uint16_t index, uint16_t base);
/** The features say that all written pages are to be logged. */
bool vdpa_vhost_logs(uint64_t features);
/** Note in the log of a guest that is being migrated that its memory was written. Any thread that
 * knows that the guest is there, and that its log is not being changed. */
void vdpa_vhost_log(int vid, uint64_t gpa, uint64_t len);

/** Ask the front end to map the doorbell of a queue into the guest, or to unmap it, and wait for
 * its answer. @return false: it does not, or cannot. */
bool vdpa_vhost_notifier(int vid, uint16_t index, bool on);

#endif /* VDPA_VHOST_H */
