/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_LOCK_H
#define VSR_SIM_HOST_LOCK_H

/**
 * @file
 * The two locks around functions.
 *
 * A request to a function of this process is made with host->lock held. A function of another
 * process may need this host for its answer (vsrd offers a VF which it has open here, and reaches
 * its PF through this host too), so host->lock is released during a request to such a function.
 * remote_lock serialises all work on such functions: it is taken before host->lock and held during
 * the request, so that nothing else changes the function, its container, or the maps of its
 * container.
 */

#include "host_bus.h"

/** Take host->lock; with remote take remote_lock first. */
void host_lock(struct host *host, bool remote);
/** Release host->lock, and remote_lock if this thread holds it. */
void host_unlock(struct host *host);
/**
 * Take the locks that a request about a function needs. The caller ends with host_unlock(), also
 * when no function was found.
 * @return the function, or NULL.
 */
struct host_fn *host_lock_fn(struct host *host, const char *bdf);
/** With host->lock held, take remote_lock if it is free. @return whether it is held now. */
bool host_try_remote(struct host *host);
/** Release remote_lock only. @return whether this thread held it. */
bool host_drop_remote(struct host *host);
/** Release the locks for a while. */
void host_pause(struct host *host, const struct timespec *pause);

/** Release and retake host->lock around a request to a function of another process. */
void host_lock_release(const struct host_fn *fn);
void host_lock_retake(const struct host_fn *fn);

#endif /* VSR_SIM_HOST_LOCK_H */
