/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_FRONT_VFIO_H
#define BRIDGE_FRONT_VFIO_H

/**
 * @file
 * Guests on vfio-user: the VMM sees a PCI function that is the VF, changed by a variant.
 */

#include "one.h"

extern const struct front front_vfio;

#endif /* BRIDGE_FRONT_VFIO_H */
