/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_HOLDERS_H
#define VSR_COMMON_HOLDERS_H

/**
 * @file
 * Processes that use a function: those that have its VFIO group open.
 *
 * A function is in use while a process has an open handle on it. Nothing is registered, so a
 * process that was killed does not use the function any more.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "sysfs.h"

#define HOLDER_NAME 64 /**< Bytes of the name of a process: 15 that may each be written as \xNN. */

/** A process and one group that the process has open. */
struct holder {
	int group;
	pid_t pid;
	char name[HOLDER_NAME]; /**< As in /proc/PID/comm, made printable. */
};

/** All holders, sorted by group, then by process. */
struct holders {
	struct holder *v;
	size_t nb;
};

/**
 * Scan /proc: all processes of this PID namespace whose descriptors this user may read.
 * @return 0, -ENOMEM, or the error of opening /proc. Call holders_free() in any case.
 */
int holders_scan(struct holders *holders);
void holders_free(struct holders *holders);

/** @return the first holder of a group, or NULL; the other holders of the group follow it. */
const struct holder *holders_find(const struct holders *holders, int group);

/**
 * Whether a process has the group open, visible in /proc or not. This function opens the group for
 * a moment, so call it only before a change.
 */
bool holders_group_busy(int group);

/** A VF that is in use. */
struct vf_user {
	unsigned int vf; /**< From 1. */
	char bdf[BASE_BDF_LEN];
	pid_t pid; /**< 0: a process that /proc does not show. */
	char name[HOLDER_NAME];
};

/**
 * Find the users of the VFs of a PF.
 * @param out  Out: at most max users.
 * @return number of users written, or -errno of the scan.
 */
int holders_of_vfs(const char *sysfs, const struct sysfs_fn *pf, struct vf_user *out, size_t max);

#endif /* VSR_COMMON_HOLDERS_H */
