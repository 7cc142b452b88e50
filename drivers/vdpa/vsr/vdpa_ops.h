/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_OPS_H
#define VDPA_OPS_H

/**
 * @file
 * The operations that rte_vhost calls.
 */

#include <vdpa_driver.h>

#include "base/vdpa_dev.h"

extern struct rte_vdpa_dev_ops vdpa_ops;

#endif /* VDPA_OPS_H */
