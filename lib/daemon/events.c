/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Events about PFs and VFs, for clients that have subscribed. */

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "events.h"
#include "log.h"
#include "rpc.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct subscriber *subscribers;
static unsigned long serial;

int
events_subscribe(struct subscriber *subscriber)
{
	if (subscriber->on)
		return -EALREADY;
	memset(subscriber, 0, sizeof(*subscriber));
	subscriber->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (subscriber->wake < 0)
		return -errno;
	subscriber->on = true;
	pthread_mutex_lock(&lock);
	subscriber->next = subscribers;
	subscribers = subscriber;
	pthread_mutex_unlock(&lock);
	return 0;
}

void
events_unsubscribe(struct subscriber *subscriber)
{
	char *line;

	if (!subscriber->on)
		return;
	pthread_mutex_lock(&lock);
	for (struct subscriber **at = &subscribers; *at != NULL; at = &(*at)->next) {
		if (*at == subscriber) {
			*at = subscriber->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	while ((line = events_take(subscriber)) != NULL)
		free(line);
	close(subscriber->wake);
	subscriber->on = false;
}

char *
events_take(struct subscriber *subscriber)
{
	char *line = NULL;
	eventfd_t count;

	pthread_mutex_lock(&lock);
	if (subscriber->nb != 0) {
		line = subscriber->lines[subscriber->first];
		subscriber->first = (subscriber->first + 1) % EVENTS_MAX_WAITING;
		subscriber->nb--;
	}
	if (subscriber->nb == 0)
		eventfd_read(subscriber->wake, &count);
	pthread_mutex_unlock(&lock);
	return line;
}

static void
queue_line(struct subscriber *subscriber, json_t *event)
{
	unsigned int at;
	char *line;

	if (subscriber->nb == EVENTS_MAX_WAITING) {
		free(subscriber->lines[subscriber->first]);
		subscriber->first = (subscriber->first + 1) % EVENTS_MAX_WAITING;
		subscriber->nb--;
		subscriber->lost++;
	}
	json_object_set_new(event, "lost", json_integer((json_int_t)subscriber->lost));
	line = rpc_notification("event", event);
	if (line == NULL)
		return;
	at = (subscriber->first + subscriber->nb) % EVENTS_MAX_WAITING;
	subscriber->lines[at] = line;
	subscriber->nb++;
	eventfd_write(subscriber->wake, 1);
}

static void
emit(const char *type, json_t *what)
{
	struct timespec now;
	struct tm parts;
	char when[64];

	if (what == NULL)
		what = json_object();
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
	json_object_set_new(what, "type", json_string(type));
	json_object_set_new(what, "time", json_string(when));
	pthread_mutex_lock(&lock);
	json_object_set_new(what, "number", json_integer((json_int_t)++serial));
	for (struct subscriber *l = subscribers; l != NULL; l = l->next)
		queue_line(l, what);
	pthread_mutex_unlock(&lock);
	json_decref(what);
}

void
events_emit(const char *type, json_t *what)
{
	char *text = json_dumps(what, JSON_COMPACT);

	log_info("event %s %s", type, text != NULL ? text : "");
	free(text);
	emit(type, what);
}

void
events_emit_limited(struct base_log_limit *limit, const char *type, json_t *what)
{
	char *text = json_dumps(what, JSON_COMPACT);

	log_limited(limit, "event %s %s", type, text != NULL ? text : "");
	free(text);
	emit(type, what);
}

unsigned long
events_count(void)
{
	unsigned long count;

	pthread_mutex_lock(&lock);
	count = serial;
	pthread_mutex_unlock(&lock);
	return count;
}
