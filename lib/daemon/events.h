/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_EVENTS_H
#define DAEMON_EVENTS_H

/**
 * @file
 * Events about PFs and VFs, for clients that have subscribed. Any thread.
 */

#include <stdbool.h>

#include <jansson.h>

#include "base/base_log.h"

#define EVENTS_MAX_WAITING 256 /**< Events per subscriber; older ones are dropped and counted. */

/** A subscriber; part of a client. */
struct subscriber {
	struct subscriber *next;
	char *lines[EVENTS_MAX_WAITING];
	unsigned int first, nb;
	unsigned long lost;
	int wake; /**< Event descriptor, readable while lines wait. */
	bool on;
};

/** Subscribe. @return 0, -EALREADY, or the error of eventfd(2). */
int events_subscribe(struct subscriber *subscriber);
/** Unsubscribe and free the lines that wait. No effect without a subscription. */
void events_unsubscribe(struct subscriber *subscriber);
/** Take the oldest line that waits. @return text to free(), or NULL. */
char *events_take(struct subscriber *subscriber);

/** Emit an event: the members of what (its reference is taken), plus type, time and number. */
void events_emit(const char *type, json_t *what);
/** As events_emit(), for an event that an outsider can cause: the log has a few of them only. */
void events_emit_limited(struct base_log_limit *limit, const char *type, json_t *what);
/** Number of events so far. */
unsigned long events_count(void);

#endif /* DAEMON_EVENTS_H */
