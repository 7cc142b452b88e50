/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_EAL_H
#define BRIDGE_EAL_H

/**
 * @file
 * DPDK's environment in this process, and VFs that are plugged into it. Any thread, after
 * eal_start(); VFs are opened and closed one after the other.
 */

#include "daemon/err.h"

/**
 * Start EAL: without hugepages, without other devices, its log lines in the log of the daemon.
 * @param memory_mib  Memory for queues and packets, taken from the machine when it is used.
 */
int eal_start(unsigned int memory_mib, struct err *err);

#define EAL_WAIT_MS 30000 /**< Longest wait for others who open or close a VF. */

/**
 * Open a VF with the VF token of its PF and these device arguments.
 * @return 0, -EBUSY (others take too long), or -errno with the driver's own sentence.
 */
int eal_vf_open(const char *bdf, const char *token, const char *devargs, struct err *err);
/** Close a VF, which resets the VF. @return 0 or -errno with a sentence. */
int eal_vf_close(const char *bdf, struct err *err);

/** The last sentence of a driver in this thread, without the names before it; if there is none, the
 * text of -ret. */
const char *eal_reason(int ret);

#endif /* BRIDGE_EAL_H */
