/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_FDSTORE_H
#define VSRD_FDSTORE_H

/**
 * @file
 * Descriptors that outlive the process: systemd's file descriptor store (sd_notify(3), FDSTORE=1;
 * sd_listen_fds(3)), which vsrd-keeper speaks too. Main thread, or with the owner's lock.
 *
 * vfio-pci resets a function when its last descriptor closes, and a reset of a PF costs its VFs
 * their state. What is kept here is open while nobody runs.
 */

#include <stdbool.h>
#include <stddef.h>

/** A descriptor that was kept; -1 once it was taken. */
struct fdstore_fd {
	char name[64];
	int fd;
};

/** What the last run left. */
struct fdstore {
	struct fdstore_fd *fds;
	size_t nb;
};

/** Take over what this process was started with ($LISTEN_FDS); empties the environment of it. */
void fdstore_inherit(struct fdstore *store);
/** A descriptor of that name, which is the caller's from then on, or -1. */
int fdstore_take(struct fdstore *store, const char *name);
/** Close what nobody took, and let the keeper forget it too. */
void fdstore_drop_rest(struct fdstore *store);

/** Somebody keeps descriptors ($NOTIFY_SOCKET is set). */
bool fdstore_there(void);
/**
 * Have a copy of a descriptor kept under this name (no ':' in it).
 * @return 0, -ENOTCONN (nobody keeps), or what sendmsg(2) said.
 */
int fdstore_keep(const char *name, int fd);
/** Forget it; idle when it is not there. */
void fdstore_forget(const char *name);
/**
 * Wait until all that was said is done: only then may this process die without loss.
 * @return 0, -ENOTCONN, or -ETIMEDOUT after 5 s.
 */
int fdstore_flush(void);

/** Tell who started us: "READY=1", "STOPPING=1", "STATUS=..."; fine when nobody listens. */
void fdstore_notify(const char *state);

#endif /* VSRD_FDSTORE_H */
