/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_SERVING_H
#define VSRD_SERVING_H

/**
 * @file
 * VFs that are served to guests as transitional functions: a thread each, which has the VF open
 * and answers one guest at a time on a vfio-user socket. Registers go through the admin queue of
 * the PF, doorbells to the VF itself.
 *
 * The VF is open, and so assigned, from the start to the end of serving, with or without a guest.
 */

#include "vsrd/owner/owner.h"

struct served;

struct serving {
	pthread_mutex_t lock; /**< Of the list. */
	struct served *list;
};

void serving_init(struct serving *serving);

/**
 * Serve a VF. No lock of the PF may be held.
 * @param path  Socket, mode 0600; a stale one is replaced.
 * @return 0, -EEXIST (it is served already), -EOPNOTSUPP (the PF has no commands for this),
 *         -EADDRINUSE, or as owner_get(), owner_admin_ready() and vfdev_open().
 */
int serving_start(struct serving *serving, struct owner *owner, const char *pf, unsigned int vf,
		const char *path, struct why *why);

/** Send the guest away, give the VF back. @return 0, or -ENOENT: it is not served. */
int serving_stop(struct serving *serving, const char *pf, unsigned int vf, struct why *why);
/** All of them. */
void serving_stop_all(struct serving *serving);

/** A list of what is served. @param pf  NULL: of all PFs. */
json_t *serving_show(struct serving *serving, const char *pf);

#endif /* VSRD_SERVING_H */
