/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_ADMIN_H
#define VSRD_OWNER_ADMIN_H

/**
 * @file
 * The admin queue of a PF.
 */

#include "owner_types.h"

/**
 * After negotiation: set the admin queue up, DRIVER_OK, agree on commands. A PF without an admin
 * queue, or whose admin queue does not work, is owned all the same: pf->admin is NULL then.
 */
void owner_admin_start(struct owner_pf *pf);
/** Agree on commands anew: the number of VFs has changed, or the device was reset. */
void owner_admin_agree(struct owner_pf *pf);

/**
 * Check that the admin queue can be used for VF number vf (0: for the PF itself).
 * @return 0, -EOPNOTSUPP (no admin queue), or -ENXIO (no such VF).
 */
int owner_admin_ready(struct owner_pf *pf, unsigned int vf, struct why *why);

#endif /* VSRD_OWNER_ADMIN_H */
