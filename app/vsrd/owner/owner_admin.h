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
 * After negotiation: enable the admin queue, set DRIVER_OK, agree on commands. On failure, or when
 * the device has no admin queue, pf->admin is NULL and pf->admin_err has the error text.
 */
void owner_admin_start(struct owner_pf *pf);
/** Agree on commands again, after a reset or a change of the number of VFs. */
void owner_admin_agree(struct owner_pf *pf);

/**
 * Check that the admin queue can be used for VF number vf (0: for the PF itself).
 * @return 0, -EOPNOTSUPP (no admin queue), or -ENXIO (no such VF).
 */
int owner_admin_ready(struct owner_pf *pf, unsigned int vf, struct err *err);

#endif /* VSRD_OWNER_ADMIN_H */
