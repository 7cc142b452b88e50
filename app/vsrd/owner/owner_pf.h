/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_PF_H
#define VSRD_OWNER_PF_H

/**
 * @file
 * One PF: negotiation, token, reset, close. A change of the PF calls.
 */

#include <jansson.h>

#include "owner_types.h"

/** Set pf->token: the token in the token file, else a new one. */
int owner_token_choose(struct owner *owner, struct owner_pf *pf, struct err *err);
/** Give the PF another token. @param token  NULL: a new random one. */
int owner_token_set(struct owner *owner, struct owner_pf *pf, const char *token, json_t **users,
		struct err *err);

/** Bring up a PF whose descriptors are open, and emit the event. */
void owner_take(struct owner *owner, struct owner_pf *pf);
/** Reset the device and negotiate again. Its VFs and their traffic go on. */
int owner_pf_reset(struct owner *owner, struct owner_pf *pf, struct err *err);
/** Close the descriptors of a PF and free its slot. */
void owner_clear(struct owner_pf *pf);
/** As owner_clear(); the keeper closes its descriptors too. */
void owner_drop(struct owner_pf *pf);

#endif /* VSRD_OWNER_PF_H */
