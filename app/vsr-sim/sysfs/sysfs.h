/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_SYSFS_H
#define VSR_SIM_SYSFS_H

/**
 * @file
 * The simulated /sys as a FUSE file system, for programs of any language. What is in it stands in
 * sysfs_tree.h.
 */

#include <stddef.h>

#include "../host/host.h"

struct sysfs;

struct sysfs_conf {
	struct host *host;
	const char *mountpoint; /**< Existing folder, absolute. */
	int numa_node; /**< Shown for all functions; -1: none. */
	int (*rescan)(void *arg); /**< Somebody wrote 1 to a rescan file. */
	void *rescan_arg;
};

/**
 * Mount it and serve it from threads of its own.
 * @return NULL with one sentence in err.
 */
struct sysfs *sysfs_start(const struct sysfs_conf *conf, char *err, size_t err_len);
/** Unmount (even when somebody has a file open), end the threads, free all. NULL is fine. */
void sysfs_stop(struct sysfs *sysfs);

/** Unmount what a killed simulator left at this place, if anything. 0 or -errno. */
int sysfs_clean(const char *mountpoint);

#endif /* VSR_SIM_SYSFS_H */
