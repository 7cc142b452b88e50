/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_VFS_H
#define VSRD_OWNER_VFS_H

/**
 * @file
 * The VFs of a PF: created and destroyed by us, or changed by others. The PF is locked for change.
 */

#include <jansson.h>

#include "owner_types.h"

/** @param token  Token for the new VFs; NULL: the one that the PF has. */
int owner_vfs_create(struct owner *owner, struct owner_pf *pf, unsigned int count,
		const char *token, json_t **users, struct why *why);
int owner_vfs_destroy(struct owner *owner, struct owner_pf *pf, unsigned int *destroyed,
		json_t **users, struct why *why);
/** Read the number of VFs; emit events and agree on commands anew when it has changed. */
void owner_vfs_changed(struct owner *owner, struct owner_pf *pf);

#endif /* VSRD_OWNER_VFS_H */
