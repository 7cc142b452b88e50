/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_PASID_H
#define VSRD_PASID_H

/**
 * @file
 * PASID, which PCI Express keeps on the PF alone although its VFs use it (PCI Express 10.5.2):
 * what the PF has, and which VFs stand on it.
 *
 * A user of a VF acquires the shared state over its connection to the daemon and holds it until
 * it releases it or is gone. It gets what the PF has enabled, or nothing: asking never changes the
 * PF. While somebody holds it, the PF is not given up and its VFs stay as many as they are.
 * Any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/why.h"

/** What the capability of a PF says. */
struct pasid_state {
	bool present, enabled;
	bool execute, privileged; /**< Permissions enabled. */
	uint8_t max_width; /**< Bits. */
};

/** Read it from configuration space in sysfs. @return 0 or -errno; absent is 0. */
int pasid_read(const char *sysfs, const char *bdf, struct pasid_state *state);

#define PASID_MAX_USERS 256

struct pasid_user {
	const void *owner; /**< Whose it is: a connection. */
	unsigned int vf;
	int pid;
};

/** Users of one PF. */
struct pasid_users {
	struct pasid_user v[PASID_MAX_USERS];
	size_t nb;
};

/**
 * Use it for a VF.
 * @return 0, -EINVAL (the PF has not enabled it), or -ENOSPC. A second time is fine.
 */
int pasid_acquire(struct pasid_users *users, const struct pasid_state *state, const void *owner,
		unsigned int vf, int pid);
/** Release it for a VF, or for all VFs of an owner (vf 0). Never fails, never touches the PF. */
void pasid_release(struct pasid_users *users, const void *owner, unsigned int vf);

#endif /* VSRD_PASID_H */
