/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_PF_H
#define VSRD_OWNER_PF_H

/**
 * @file
 * One PF, from its open descriptors to its reset. The PF is locked for change.
 */

#include <jansson.h>

#include "owner_types.h"

/** Choose pf->token: the one that its VFs were made with, else a new one. */
int owner_token_choose(struct owner *owner, struct owner_pf *pf, struct why *why);
/** Give the PF another token. @param token  NULL: a new random one. */
int owner_token_set(struct owner *owner, struct owner_pf *pf, const char *token, json_t **users,
		struct why *why);

/** Bring up and announce a PF whose descriptors are open. */
void owner_take(struct owner *owner, struct owner_pf *pf);
/** Reset the device and negotiate anew. Its VFs and their traffic go on. */
int owner_pf_reset(struct owner *owner, struct owner_pf *pf, struct why *why);
/** Close its descriptors and free what belongs to it. */
void owner_clear(struct owner_pf *pf);
/** As owner_clear(), and have its descriptors kept no more. */
void owner_drop(struct owner_pf *pf);

#endif /* VSRD_OWNER_PF_H */
