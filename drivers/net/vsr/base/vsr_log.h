/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_LOG_H
#define VSR_LOG_H

/**
 * @file
 * Log messages of the driver, log type pmd.net.vsr. Each is one sentence after the device name.
 */

#include <rte_log.h>

extern int vsr_logtype;

/** VSR_LOG(ERR, dev, "cannot ...: %s", ...); dev is a struct vsr_dev *. */
#define VSR_LOG(level, dev, fmt, ...)                                                          \
	rte_log(RTE_LOG_##level, (uint32_t)vsr_logtype, "net_vsr: %s: " fmt "\n", (dev)->name, \
			##__VA_ARGS__)

#endif /* VSR_LOG_H */
