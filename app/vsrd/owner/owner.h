/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_H
#define VSRD_OWNER_H

/**
 * @file
 * The set of PFs that the daemon owns: it opens them through VFIO, negotiates SR-IOV and the admin
 * queue, and releases them. owner_get() finds a PF and locks it.
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
 * @return number of PFs.
 */
unsigned int owner_adopt(struct owner *owner, struct fdstore *store);

/**
 * Own a PF. A PF whose negotiation fails is owned too, so that its state can be shown. A PF whose
 * VFs are in use is refused, because opening it would reset it.
 * @param users  Out: the users of its VFs, with -EBUSY.
 * @return 0, -EEXIST (vsrd owns the PF), -EBUSY, -ENOSPC, or as pf_find() and pf_open().
 */
int owner_attach(struct owner *owner, const char *name, json_t **users, struct err *err);

/**
 * Reset a PF and close it; its VFs lose their state.
 * @param users  Out: the users of its VFs, with -EBUSY.
 */
int owner_release(struct owner *owner, const char *name, json_t **users, struct err *err);

/** Release all PFs at the end of the process, except those whose descriptors are kept. */
void owner_leave(struct owner *owner);

/**
 * Find a PF and lock it.
 * @param change  Lock exclusively; else share the lock with other commands.
 * @return the PF, to be unlocked by owner_put(), or NULL with *ret and *err.
 */
struct owner_pf *owner_get(struct owner *owner, const char *name, bool change, int *ret,
		struct err *err);
void owner_put(struct owner_pf *pf);

/** Check all PFs for errors and for changes by others, and emit events. Call it periodically. */
void owner_watch(struct owner *owner);

#endif /* VSRD_OWNER_H */
