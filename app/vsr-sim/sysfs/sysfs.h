/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_SYSFS_H
#define VSR_SIM_SYSFS_H

/**
 * @file
 * The simulated /sys as a FUSE file system. sysfs_tree.h describes its contents.
 */

#include <stddef.h>

#include "../host/host.h"

struct sysfs;

struct sysfs_conf {
	struct host *host;
	const char *mountpoint; /**< Absolute path of an existing folder. */
	int numa_node; /**< Of all functions; -1: none. */
	int (*rescan)(void *arg); /**< Called when 1 is written to a rescan file. */
	void *rescan_arg;
};

/** Mount and serve the tree, in threads of its own. @return NULL with the error text in err. */
struct sysfs *sysfs_start(const struct sysfs_conf *conf, char *err, size_t err_len);
/** Unmount, also while files are open, end the threads and free all. NULL: no effect. */
void sysfs_stop(struct sysfs *sysfs);

/** Unmount the tree that a killed simulator left at this path, if any. @return 0 or -errno. */
int sysfs_clean(const char *mountpoint);

#endif /* VSR_SIM_SYSFS_H */
