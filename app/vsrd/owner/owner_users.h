/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_USERS_H
#define VSRD_OWNER_USERS_H

/**
 * @file
 * Users of the VFs of a PF, which prevent changes.
 */

#include <jansson.h>

#include "owner_types.h"

/**
 * Check that nobody uses a VF of the PF or its PASID state.
 * @param then   What to do when the users are gone, for the error text.
 * @param users  Out: the users, with -EBUSY; else NULL.
 * @return 0, -EBUSY, or -errno of the search.
 */
int owner_check_vfs_unused(struct owner *owner, struct owner_pf *pf, const char *then,
		json_t **users, struct err *err);
/** As owner_check_vfs_unused(), for the PASID state alone; *users is written with -EBUSY only. */
int owner_pasid_unused(struct owner_pf *pf, const char *then, json_t **users, struct err *err);

#endif /* VSRD_OWNER_USERS_H */
