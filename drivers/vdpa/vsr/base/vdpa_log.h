/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_LOG_H
#define VDPA_LOG_H

/**
 * @file
 * Log messages of the driver, log type pmd.vdpa.vsr. Each is one sentence after the device name.
 */

#include <rte_log.h>

extern int vdpa_logtype;

/** VDPA_LOG(ERR, name, "cannot ...: %s", ...). */
#define VDPA_LOG(level, name, fmt, ...)                                                     \
	rte_log(RTE_LOG_##level, (uint32_t)vdpa_logtype, "vdpa_vsr: %s: " fmt "\n", (name), \
			##__VA_ARGS__)

#endif /* VDPA_LOG_H */
