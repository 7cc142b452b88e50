/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The use of a PF, shared by commands, exclusive for a change. */

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "base/base_clock.h"

#include "gate.h"

/* In the order of arrival; on the stack of the thread that waits. */
struct gate_waiter {
	struct gate_waiter *next;
};

void
gate_init(struct gate *gate)
{
	pthread_condattr_t attr;

	*gate = (struct gate){ .users = 0 };
	pthread_mutex_init(&gate->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&gate->news, &attr);
	pthread_condattr_destroy(&attr);
}

static void
append(struct gate *gate, struct gate_waiter *waiter)
{
	if (gate->last != NULL)
		gate->last->next = waiter;
	else
		gate->first = waiter;
	gate->last = waiter;
	gate->waiting++;
}

static void
take_out(struct gate *gate, const struct gate_waiter *waiter)
{
	struct gate_waiter **at = &gate->first, *before = NULL;

	while (*at != waiter) {
		before = *at;
		at = &before->next;
	}
	*at = waiter->next;
	if (gate->last == waiter)
		gate->last = before;
	gate->waiting--;
}

static bool
may_enter(const struct gate *gate, const struct gate_waiter *waiter, bool change)
{
	return gate->first == waiter && gate->change == NULL && (!change || gate->users == 0);
}

int
gate_enter(struct gate *gate, const char *change, unsigned int wait_ms)
{
	const struct timespec end = base_deadline(wait_ms);
	struct gate_waiter waiter = { NULL };
	bool late = wait_ms == 0;
	int ret = 0;

	pthread_mutex_lock(&gate->lock);
	append(gate, &waiter);
	while (!gate->closed && !may_enter(gate, &waiter, change != NULL) && !late)
		late = pthread_cond_timedwait(&gate->news, &gate->lock, &end) == ETIMEDOUT;
	if (gate->closed)
		ret = -ECANCELED;
	else if (!may_enter(gate, &waiter, change != NULL))
		ret = -EBUSY;
	take_out(gate, &waiter);
	if (ret == 0 && change != NULL) {
		gate->change = change;
		gate->since_ms = base_now_ms();
	} else if (ret == 0) {
		gate->users++;
	}
	/* The next one may be a command too, or this one has only been in the way. */
	pthread_cond_broadcast(&gate->news);
	pthread_mutex_unlock(&gate->lock);
	return ret;
}

void
gate_leave(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	if (gate->change != NULL)
		gate->change = NULL;
	else
		gate->users--;
	pthread_cond_broadcast(&gate->news);
	pthread_mutex_unlock(&gate->lock);
}

void
gate_close(struct gate *gate)
{
	pthread_mutex_lock(&gate->lock);
	gate->closed = true;
	pthread_cond_broadcast(&gate->news);
	pthread_mutex_unlock(&gate->lock);
}

bool
gate_wait_empty(struct gate *gate, unsigned int wait_ms)
{
	const struct timespec end = base_deadline(wait_ms);
	bool late = false, empty;

	pthread_mutex_lock(&gate->lock);
	while (!(empty = gate->change == NULL && gate->users == 0) && !late)
		late = pthread_cond_timedwait(&gate->news, &gate->lock, &end) == ETIMEDOUT;
	pthread_mutex_unlock(&gate->lock);
	return empty;
}

const char *
gate_change(struct gate *gate, unsigned int *seconds)
{
	const char *change;

	pthread_mutex_lock(&gate->lock);
	change = gate->change;
	*seconds = change != NULL ? (unsigned int)((base_now_ms() - gate->since_ms) / 1000) : 0;
	pthread_mutex_unlock(&gate->lock);
	return change;
}
