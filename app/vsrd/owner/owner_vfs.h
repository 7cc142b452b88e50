/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_VFS_H
#define VSRD_OWNER_VFS_H

/**
 * @file
 * The VFs of a PF: created and destroyed by vsrd, or changed by others. A change of the
 * PF calls.
 */

#include <jansson.h>

#include "owner_types.h"

/** Create VFs. @param token  Token for the PF and its VFs; NULL: keep the token of the PF. */
int owner_vfs_create(struct owner *owner, struct owner_pf *pf, unsigned int count,
		const char *token, json_t **users, struct err *err);
/** Destroy all VFs. @param destroyed  Out: number of VFs. */
int owner_vfs_destroy(struct owner *owner, struct owner_pf *pf, unsigned int *destroyed,
		json_t **users, struct err *err);
/** Read the number of VFs; when it has changed, emit events and agree on commands again. */
void owner_vfs_changed(struct owner *owner, struct owner_pf *pf);

#endif /* VSRD_OWNER_VFS_H */
