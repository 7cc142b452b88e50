/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_H
#define VSRD_OWNER_H

/**
 * @file
 * The set of PFs that the daemon owns: it opens them through VFIO, negotiates SR-IOV and the admin
 * queue, and releases them. owner_get() finds a PF for a command or a change, owner_view() shows
 * one. A function whose device hangs delays only those who want the same PF, and not for long.
 */

#include <jansson.h>

#include "owner_admin.h"
#include "owner_pf.h"
#include "owner_types.h"
#include "owner_vfs.h"
#include "owner_view.h"
#include "daemon/fdstore.h"

#define OWNER_WAIT_MS 10000 /**< Longest wait of a client for others on the same PF. */
#define OWNER_GUEST_WAIT_MS 2000 /**< Of an access of a guest. */
#define OWNER_LEAVE_MS 4000 /**< At the end of the daemon, for what still runs on all PFs. */

void owner_init(struct owner *owner);
/** The daemon ends: commands are not tried again, waits end, nothing new begins. */
void owner_stop(struct owner *owner);

/**
 * Take over the PFs whose descriptors were kept.
 * @return number of PFs.
 */
unsigned int owner_adopt(struct owner *owner, struct fdstore *store);

/**
 * Own a PF. A PF whose negotiation fails is owned too, so that its state can be shown. A PF whose
 * VFs are in use is refused, because opening it would reset it.
 * @param users  Out: the users of its VFs, with -EBUSY.
 * @return 0, -EEXIST (vsrd owns the PF, or another client attaches it), -EBUSY, -ENOSPC, or as
 *         pf_find() and pf_open().
 */
int owner_attach(struct owner *owner, const char *name, json_t **users, struct err *err);

/**
 * Reset a PF and close it; its VFs lose their state.
 * @param users  Out: the users of its VFs, with -EBUSY.
 */
int owner_release(struct owner *owner, const char *name, json_t **users, struct err *err);

/**
 * After owner_stop(): release all PFs, except those whose descriptors are kept.
 * @return false: something still runs on a PF, which is left as it is.
 */
bool owner_leave(struct owner *owner);

/**
 * Find a PF and enter its gate.
 * @param change   Name of the change, a constant; NULL: a command, beside others.
 * @param wait_ms  Longest wait for others.
 * @return the PF, to be left by owner_put(), or NULL with *err and *ret: -EINVAL (no PCI address),
 *         -ENODEV (vsrd does not own it), -EBUSY, or -ECANCELED (vsrd is ending).
 */
struct owner_pf *owner_get(struct owner *owner, const char *name, const char *change,
		unsigned int wait_ms, int *ret, struct err *err);
void owner_put(struct owner_pf *pf);

/** Copy what is known of a PF, without waiting. @return its place, or NULL as owner_get(). */
struct owner_pf *owner_view(struct owner *owner, const char *name, struct owner_view *view,
		int *ret, struct err *err);

#endif /* VSRD_OWNER_H */
