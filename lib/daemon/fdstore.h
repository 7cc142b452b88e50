/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_FDSTORE_H
#define DAEMON_FDSTORE_H

/**
 * @file
 * Descriptors that outlive the process. The keeper is systemd's file descriptor store
 * (sd_notify(3), FDSTORE=1; sd_listen_fds(3)) or vsrd-keeper, which uses the same protocol. Any
 * thread, except that fdstore_inherit() comes first. A keeper that does not read is waited for
 * FDSTORE_SEND_MS per message.
 *
 * vfio-pci resets a function when its last descriptor is closed, and after a reset of the PF its
 * VFs have lost their state. The keeper has the descriptors open while vsrd is not running.
 */

#include <stdbool.h>
#include <stddef.h>

#define FDSTORE_SEND_MS 2000 /**< The keeper has no room for another message. */
#define FDSTORE_FLUSH_MS 5000 /**< The keeper does not process its messages. */
#define FDSTORE_ANSWER_MS 1000

/** A descriptor that was kept; -1 once it was taken. */
struct fdstore_fd {
	char name[64];
	int fd;
};

/** The descriptors that the last run left. */
struct fdstore {
	struct fdstore_fd *fds;
	size_t nb;
};

/** Take over the descriptors in $LISTEN_FDS and remove those variables from the environment. */
void fdstore_inherit(struct fdstore *store);
/** Take the descriptor of that name; the caller closes it. @return it, or -1. */
int fdstore_take(struct fdstore *store, const char *name);
/** Close the descriptors that were not taken; the keeper closes those whose name was not taken. */
void fdstore_drop_rest(struct fdstore *store);

/** Whether there is a keeper ($NOTIFY_SOCKET is set). */
bool fdstore_there(void);
/**
 * Give the keeper a copy of a descriptor. The name has no ':'.
 * @return 0, -ENOTCONN (there is no keeper, or it keeps for another process only), -ETIMEDOUT (it
 *         does not read its messages), or the error of a system call, such as -ECONNREFUSED (it
 *         has ended).
 */
int fdstore_keep(const char *name, int fd);
/** Let the keeper close a descriptor. No effect when there is none of that name. */
void fdstore_forget(const char *name);
/**
 * Wait until the keeper has processed all messages. If this process ends earlier, it may lose
 * descriptors.
 * @return 0, -ETIMEDOUT (the keeper is there and does not answer), or as fdstore_keep().
 */
int fdstore_flush(void);
/** Whether the keeper processes messages now; waits FDSTORE_ANSWER_MS at most. */
bool fdstore_answers(void);

/** Send "READY=1", "STOPPING=1" or "STATUS=..." to the service manager, if there is one. */
void fdstore_notify(const char *state);

#endif /* DAEMON_FDSTORE_H */
