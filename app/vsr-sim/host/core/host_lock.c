/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Locks of the simulated host. */

#include <pthread.h>
#include <time.h>

#include "host_lock.h"

/* This thread holds remote_lock. */
static _Thread_local bool remote_held;

bool
host_drop_remote(struct host *host)
{
	const bool held = remote_held;

	remote_held = false;
	if (held)
		pthread_mutex_unlock(&host->remote_lock);
	return held;
}

void
host_lock(struct host *host, bool remote)
{
	if (remote)
		pthread_mutex_lock(&host->remote_lock);
	remote_held = remote;
	pthread_mutex_lock(&host->lock);
}

void
host_unlock(struct host *host)
{
	pthread_mutex_unlock(&host->lock);
	host_drop_remote(host);
}

struct host_fn *
host_lock_fn(struct host *host, const char *bdf)
{
	struct host_fn *fn;

	host_lock(host, false);
	fn = host_find(host, bdf);
	if (fn == NULL || fn->remote == NULL)
		return fn;
	host_unlock(host);
	host_lock(host, true);
	return host_find(host, bdf);
}

bool
host_try_remote(struct host *host)
{
	/* Reverse lock order; safe because trylock never blocks. */
	remote_held = remote_held || pthread_mutex_trylock(&host->remote_lock) == 0;
	return remote_held;
}

void
host_pause(struct host *host, const struct timespec *pause)
{
	const bool remote = remote_held;

	host_unlock(host);
	nanosleep(pause, NULL);
	host_lock(host, remote);
}

void
host_lock_release(const struct host_fn *fn)
{
	if (fn->remote != NULL)
		pthread_mutex_unlock(&fn->remote->lock);
}

void
host_lock_retake(const struct host_fn *fn)
{
	if (fn->remote != NULL)
		pthread_mutex_lock(&fn->remote->lock);
}
