/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_PASID_H
#define VSRD_PASID_H

/**
 * @file
 * The PASID state of a PF. PCI Express has the PASID capability on the PF only; its VFs share it
 * (PCI Express 10.5.2).
 *
 * A user of a VF acquires the shared state through its connection to the daemon, and holds it until
 * it releases it or disconnects. Acquiring never changes the PF: it fails when the PF has not
 * enabled PASID. While there is a user, the PF is not released and its number of VFs does not
 * change. Any thread.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/err.h"

/** The PASID capability of a PF. */
struct pasid_state {
	bool present, enabled;
	bool execute, privileged; /**< Permissions enabled. */
	uint8_t max_width; /**< Bits. */
};

/** Read the capability from sysfs. @return 0 (also when the PF has none) or -errno. */
int pasid_read(const char *sysfs, const char *bdf, struct pasid_state *state);

#define PASID_MAX_USERS 256

struct pasid_user {
	const void *owner; /**< The client; compared only. */
	unsigned int vf;
	int pid;
};

/** Users of one PF. */
struct pasid_users {
	struct pasid_user v[PASID_MAX_USERS];
	size_t nb;
};

/**
 * Acquire the state for a VF. To acquire it twice has no effect.
 * @return 0, -EINVAL (the PF has not enabled PASID), or -ENOSPC.
 */
int pasid_acquire(struct pasid_users *users, const struct pasid_state *state, const void *owner,
		unsigned int vf, int pid);
/** Whether a client has acquired the state for any VF. */
bool pasid_has(const struct pasid_users *users, const void *owner);
/** Release the state for a VF, or for all VFs of a client (vf 0). */
void pasid_release(struct pasid_users *users, const void *owner, unsigned int vf);

#endif /* VSRD_PASID_H */
