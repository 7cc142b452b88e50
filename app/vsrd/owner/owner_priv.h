/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_PRIV_H
#define VSRD_OWNER_PRIV_H

/**
 * @file
 * Between owner.c (PFs are taken and given up) and owner_vfs.c (what is done with them).
 */

#include "vsrd/owner/owner.h"

/** Negotiate and start the admin queue. 0 or -errno with pf->state_why. */
int owner_bring_up(struct owner *owner, struct owner_pf *pf);
/** After the number of VFs has changed, or the device was reset. */
void owner_admin_agree(struct owner_pf *pf);
/** Write the token file. */
int owner_token_keep(struct owner *owner, struct owner_pf *pf, struct why *why);
/** Have its descriptors kept, or say what follows if nobody does. */
void owner_keep(struct owner_pf *pf);
/** Nobody uses a VF or the shared state: 0, or -EBUSY with the users. */
int owner_unused(struct owner *owner, struct owner_pf *pf, const char *then, json_t **users,
		struct why *why);
/** The system wants it back, or it is gone: close all, let the keeper forget it. */
void owner_drop(struct owner_pf *pf);

#endif /* VSRD_OWNER_PRIV_H */
