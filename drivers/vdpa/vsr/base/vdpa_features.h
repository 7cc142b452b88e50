/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_FEATURES_H
#define VDPA_FEATURES_H

/**
 * @file
 * Which features a guest is offered, and which are negotiated with the VF for it.
 *
 * Three sides take part: the VF, the front end (QEMU), which keeps the control queue to itself, and
 * the guest. Bits 0 to 63, as rte_vhost carries them.
 */

#include "virtio/vio_features.h"

/** Features for a guest: those that the VF serves, those that a front end serves alone, and those
 * of the protocol. */
uint64_t vdpa_features_offered(const struct vio_features *device);

/**
 * Features to negotiate with the VF for a guest.
 *
 * @param guest   Accepted by the guest.
 * @param wanted  Out: to accept if offered: what the guest has, and what the driver uses itself.
 * @param needed  Out: those of them without which the guest cannot be served.
 * @return 0, or -EOPNOTSUPP: packets of a legacy guest without MRG_RXBUF have a header of another
 *         length; vio_err() says so.
 */
int vdpa_features_for_vf(uint64_t guest, struct vio_features *wanted, struct vio_features *needed);

#endif /* VDPA_FEATURES_H */
