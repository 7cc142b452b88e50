/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_H
#define VSRD_OWNER_H

/**
 * @file
 * The set of PFs that the daemon owns: opened through VFIO, brought up with SR-IOV and admin queue,
 * given up again. owner_get() finds a PF and locks it.
 */

#include <jansson.h>

#include "owner_admin.h"
#include "owner_pf.h"
#include "owner_types.h"
#include "owner_vfs.h"
#include "vsrd/core/fdstore.h"

void owner_init(struct owner *owner);

/**
 * Take over the PFs whose descriptors were kept.
 * @return how many.
 */
unsigned int owner_adopt(struct owner *owner, struct fdstore *store);

/**
 * Own a PF. One that does not come up is owned all the same, so that it can be looked at. One whose
 * VFs are in use is left alone: it would be reset.
 * @param users  Out: who is in the way, with -EBUSY.
 * @return 0, -EEXIST (it is owned), -EBUSY, -ENOSPC, or as pf_find() and pf_open().
 */
int owner_attach(struct owner *owner, const char *name, json_t **users, struct why *why);

/**
 * Give a PF up: it is reset then, and VFs that it has lose their state.
 * @param users  Out: who is in the way, with -EBUSY.
 */
int owner_release(struct owner *owner, const char *name, json_t **users, struct why *why);

/** All: without asking; what is kept stays open elsewhere. */
void owner_leave(struct owner *owner);

/**
 * Find a PF and lock it.
 * @param change  Alone; else with others that do not change it.
 * @return it, or NULL with *err and *why. owner_put() afterwards.
 */
struct owner_pf *owner_get(struct owner *owner, const char *name, bool change, int *err,
		struct why *why);
void owner_put(struct owner_pf *pf);

/** Look after PFs: what went wrong or was changed by others becomes an event. Now and then. */
void owner_watch(struct owner *owner);

#endif /* VSRD_OWNER_H */
