/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_HOLDERS_H
#define VSR_COMMON_HOLDERS_H

/**
 * @file
 * Who uses a function: the processes that hold its VFIO group open.
 *
 * A function is assigned as long as somebody has a handle on it and no longer: nothing is
 * registered, so a user that was killed has let go.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "sysfs.h"

/** A process and one group that it holds. */
struct holder {
	int group;
	pid_t pid;
	char name[32]; /**< As in /proc/PID/comm. */
};

/** All of them, by group, then by process. */
struct holders {
	struct holder *v;
	size_t nb;
};

/**
 * Read what /proc shows: every process of this PID namespace that this user may look into.
 * @return 0, -ENOMEM, or the error of opening /proc. holders_free() afterwards, in any case.
 */
int holders_scan(struct holders *holders);
void holders_free(struct holders *holders);

/** First holder of a group, or NULL; the others of the group stand behind it. */
const struct holder *holders_find(const struct holders *holders, int group);

/**
 * The group cannot be opened because somebody has it open, seen in /proc or not. Opens it for a
 * moment: ask before a change, not in passing.
 */
bool holders_group_busy(int group);

/** A VF that is in use. */
struct vf_user {
	unsigned int vf; /**< From 1. */
	char bdf[BASE_BDF_LEN];
	pid_t pid; /**< 0: a process that cannot be seen. */
	char name[32];
};

/**
 * Who uses the VFs of a PF, at most max of them.
 * @return how many were written, or -errno of the scan.
 */
int holders_of_vfs(const char *sysfs, const struct sysfs_fn *pf, struct vf_user *out, size_t max);

#endif /* VSR_COMMON_HOLDERS_H */
