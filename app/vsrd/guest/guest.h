/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_GUEST_H
#define VSRD_GUEST_H

/**
 * @file
 * VFs that are shown to guests as transitional functions. Each VF has a thread, which has the VF
 * open and serves one guest at a time on a vfio-user socket. Accesses to registers become commands
 * of the PF's admin queue; doorbells go to the VF itself.
 *
 * The VF is open, and thus in use, from guests_serve() to guests_unserve(), with or without a
 * guest.
 */

#include "vsrd/owner/owner.h"

struct guest_vf;

struct guests {
	pthread_mutex_t lock; /**< Of the list. */
	struct guest_vf *list;
};

void guests_init(struct guests *guests);

/**
 * Show a VF to guests. The caller must not hold the lock of the PF.
 * @param path  Socket, mode 0600; the socket of a process that has ended is replaced.
 * @return 0, -EEXIST (the VF is served already), -EOPNOTSUPP (the PF lacks the commands),
 *         -EADDRINUSE, or as owner_get(), owner_admin_ready() and vfio_fn_open().
 */
int guests_serve(struct guests *guests, struct owner *owner, const char *pf, unsigned int vf,
		const char *path, struct err *err);

/** Disconnect the guest and close the VF. @return 0, or -ENOENT: the VF is not served. */
int guests_unserve(struct guests *guests, const char *pf, unsigned int vf, struct err *err);
/** As guests_unserve(), for all VFs. */
void guests_unserve_all(struct guests *guests);

/** List the VFs that are served. @param pf  PF of the VFs; NULL: any. */
json_t *guests_show(struct guests *guests, const char *pf);

#endif /* VSRD_GUEST_H */
