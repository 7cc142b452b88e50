/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_GATE_H
#define VSRD_GATE_H

/**
 * @file
 * The use of a PF, by commands together or by one change alone.
 *
 * A use lasts as long as its device needs, so it is no lock: whoever waits for it has a deadline
 * and learns who is inside, and the wait ends when the daemon does. First come, first served:
 * neither a stream of commands nor one of changes keeps others out.
 */

#include <pthread.h>
#include <stdbool.h>

struct gate_waiter;

struct gate {
	pthread_mutex_t lock; /**< Of the members below, never held for long. */
	pthread_cond_t news;
	struct gate_waiter *first, *last;
	unsigned int waiting;
	unsigned int users; /**< Commands inside. */
	const char *change; /**< Name of the change inside; NULL: none. */
	long long since_ms; /**< Of that change, CLOCK_MONOTONIC. */
	bool closed;
};

void gate_init(struct gate *gate);

/**
 * Begin a use.
 * @param change   Name of the change, a constant; NULL: a command.
 * @param wait_ms  Longest wait; 0: do not wait.
 * @return 0, -EBUSY (others are inside), or -ECANCELED (gate_close() was called).
 */
int gate_enter(struct gate *gate, const char *change, unsigned int wait_ms);
/** End a use. */
void gate_leave(struct gate *gate);

/** End all waits, now and later, with -ECANCELED. */
void gate_close(struct gate *gate);

/** Wait until nobody is inside. @return false: somebody still is after wait_ms. */
bool gate_wait_empty(struct gate *gate, unsigned int wait_ms);

/** Name of the change inside and how long it has been there; NULL: none. */
const char *gate_change(struct gate *gate, unsigned int *seconds);

#endif /* VSRD_GATE_H */
