/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_FRONT_VHOST_H
#define BRIDGE_FRONT_VHOST_H

/**
 * @file
 * Guests on vhost-user: vdpa_vsr has the VF, rte_vhost and the gate have the front end.
 */

#include "one.h"

extern const struct front front_vhost;

#endif /* BRIDGE_FRONT_VHOST_H */
