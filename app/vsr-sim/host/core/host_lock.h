/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_LOCK_H
#define VSR_SIM_HOST_LOCK_H

/**
 * @file
 * The two locks around functions.
 *
 * A function of this process answers under host->lock. A function of another process may need this
 * host to answer (vsrd shows a VF that it has open here, and reaches its PF through this host too),
 * so host->lock is released while that process is asked. remote_lock serialises all requests about
 * such functions: it is taken before host->lock and kept during the request, so that nothing else
 * changes these functions, the container that they are in, or its maps.
 */

#include "host_bus.h"

/** Take host->lock; remote: and before it the lock for functions of another process. */
void host_lock(struct host *host, bool remote);
/** Let go of what host_lock() took. */
void host_unlock(struct host *host);
/** Take what a request about this function needs, and host_unlock() in any case. @return it. */
struct host_fn *host_lock_fn(struct host *host, const char *bdf);
/** With host->lock held: have the other too, if nobody has it now. */
bool host_try_remote(struct host *host);
/** Let go of that alone. @return whether there was something to let go of. */
bool host_drop_remote(struct host *host);
/** Let others go on for a while. */
void host_pause(struct host *host, const struct timespec *pause);

/** Release host->lock while a function of another process is asked; else do nothing. */
void host_let_go(const struct host_fn *fn);
void host_take_back(const struct host_fn *fn);

#endif /* VSR_SIM_HOST_LOCK_H */
