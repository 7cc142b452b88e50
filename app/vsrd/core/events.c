/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
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
static struct listener *listeners;
static unsigned long serial;

int
events_listen(struct listener *listener)
{
	if (listener->on)
		return -EALREADY;
	memset(listener, 0, sizeof(*listener));
	listener->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (listener->wake < 0)
		return -errno;
	listener->on = true;
	pthread_mutex_lock(&lock);
	listener->next = listeners;
	listeners = listener;
	pthread_mutex_unlock(&lock);
	return 0;
}

void
events_leave(struct listener *listener)
{
	char *line;

	if (!listener->on)
		return;
	pthread_mutex_lock(&lock);
	for (struct listener **at = &listeners; *at != NULL; at = &(*at)->next) {
		if (*at == listener) {
			*at = listener->next;
			break;
		}
	}
	pthread_mutex_unlock(&lock);
	while ((line = events_take(listener)) != NULL)
		free(line);
	close(listener->wake);
	listener->on = false;
}

char *
events_take(struct listener *listener)
{
	char *line = NULL;
	eventfd_t count;

	pthread_mutex_lock(&lock);
	if (listener->nb != 0) {
		line = listener->lines[listener->first];
		listener->first = (listener->first + 1) % EVENTS_MAX_WAITING;
		listener->nb--;
	}
	if (listener->nb == 0)
		eventfd_read(listener->wake, &count);
	pthread_mutex_unlock(&lock);
	return line;
}

static void
give(struct listener *listener, json_t *event)
{
	unsigned int at;
	char *line;

	if (listener->nb == EVENTS_MAX_WAITING) {
		free(listener->lines[listener->first]);
		listener->first = (listener->first + 1) % EVENTS_MAX_WAITING;
		listener->nb--;
		listener->lost++;
	}
	json_object_set_new(event, "lost", json_integer((json_int_t)listener->lost));
	line = rpc_notification("event", event);
	if (line == NULL)
		return;
	at = (listener->first + listener->nb) % EVENTS_MAX_WAITING;
	listener->lines[at] = line;
	listener->nb++;
	eventfd_write(listener->wake, 1);
}

void
events_emit(const char *type, json_t *what)
{
	struct timespec now;
	struct tm parts;
	char when[64];
	char *text;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &parts);
	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &parts);
	text = json_dumps(what, JSON_COMPACT);
	log_info("event %s %s", type, text != NULL ? text : "");
	free(text);
	json_object_set_new(what, "type", json_string(type));
	json_object_set_new(what, "time", json_string(when));
	pthread_mutex_lock(&lock);
	json_object_set_new(what, "number", json_integer((json_int_t)++serial));
	for (struct listener *l = listeners; l != NULL; l = l->next)
		give(l, what);
	pthread_mutex_unlock(&lock);
	json_decref(what);
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
