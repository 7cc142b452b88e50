/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_EVENTS_H
#define VSRD_EVENTS_H

/**
 * @file
 * What happens to PFs and VFs, told to everyone who asked for it. Any thread.
 */

#include <stdbool.h>

#include <jansson.h>

#define EVENTS_MAX_WAITING 256 /**< Per listener; the oldest are dropped and counted. */

/** One who listens: embedded in a connection. */
struct listener {
	struct listener *next;
	char *lines[EVENTS_MAX_WAITING];
	unsigned int first, nb;
	unsigned long lost;
	int wake; /**< Event descriptor, readable while something waits. */
	bool on;
};

/** Start listening. @return 0 or -errno; -EALREADY. */
int events_listen(struct listener *listener);
/** Stop, drop what waits; idle when not listening. */
void events_leave(struct listener *listener);
/** The oldest line, to free(), or NULL. */
char *events_take(struct listener *listener);

/** Something happened: the members of what (a reference that is taken), a time and a number. */
void events_emit(const char *type, json_t *what);
/** How many so far. */
unsigned long events_count(void);

#endif /* VSRD_EVENTS_H */
