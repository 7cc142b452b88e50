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

#include "base/base_listen.h"

#include "vsrd/owner/owner.h"

struct guest_vf;

struct guests {
	pthread_mutex_t lock; /**< Of the list; never held while a VF is opened or closed. */
	pthread_cond_t news; /**< A thread has ended. */
	struct guest_vf *list;
	unsigned long serial; /**< Of the last member of the list. */
};

#define GUESTS_END_MS 15000 /**< Longest wait for the end of a guest's access and of its VF. */

void guests_init(struct guests *guests);

/** The socket on which a VF is shown. */
struct guest_socket {
	const char *path; /**< The socket of a process that has ended is replaced. */
	struct base_access access; /**< Who can connect controls the VF. */
	/** User who asked for the socket. Other users than root get sockets in their own folders
	 * only, and own these sockets. */
	uid_t uid;
};

/**
 * Show a VF to guests. The caller must not be inside the gate of the PF.
 * @return 0, -EEXIST (the VF is served already, or another client begins or ends that),
 *         -EOPNOTSUPP (the PF lacks the commands), -EADDRINUSE, -EPERM (not a folder of the user),
 *         or as owner_get(), owner_admin_ready() and vfio_fn_open().
 */
int guests_serve(struct guests *guests, struct owner *owner, const char *pf, unsigned int vf,
		const struct guest_socket *socket, struct err *err);

/**
 * Disconnect the guest and close the VF.
 * @return 0, -ENOENT (the VF is not served), or -EBUSY: another client begins or ends that, or it
 *         has not ended after GUESTS_END_MS and ends later.
 */
int guests_unserve(struct guests *guests, const char *pf, unsigned int vf, struct err *err);
/** As guests_unserve(), for all VFs at once. @return false: one has not ended in time. */
bool guests_unserve_all(struct guests *guests);

/** List the VFs that are served. @param pf  PF of the VFs; NULL: any. */
json_t *guests_show(struct guests *guests, const char *pf);

#endif /* VSRD_GUEST_H */
