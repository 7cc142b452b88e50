/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The log of the daemon: one line per message, to stderr or to syslog. */

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/base_text.h"

#include "log.h"

#define SYSLOG_PATH "/dev/log"

static struct base_log log_place = { .fd = -1 };
static bool to_syslog;
static const char *daemon_name = "";

void
log_to_stderr(const char *name)
{
	daemon_name = name;
	base_log_open(&log_place, STDERR_FILENO);
	to_syslog = false;
}

/* Not syslog(3), which waits while the reader of the socket does not read. */
int
log_to_syslog(const char *name)
{
	daemon_name = name;
	to_syslog = true;
	return base_log_connect(&log_place, SYSLOG_PATH);
}

/* One write per line, so that the lines of two threads do not mix. */
static void
write_line(int priority, const char *level, const char *text)
{
	char line[1400], when[32];
	struct tm parts;
	time_t now;

	if (!to_syslog) {
		snprintf(line, sizeof(line), "%s: %s%s", daemon_name, level, text);
	} else {
		now = time(NULL);
		localtime_r(&now, &parts);
		strftime(when, sizeof(when), "%b %e %T", &parts);
		snprintf(line, sizeof(line), "<%d>%s %s[%d]: %s", LOG_DAEMON | priority, when,
				daemon_name, (int)getpid(), text);
	}
	base_log_line(&log_place, line);
}

static void
write_args(int priority, const char *level, const char *fmt, va_list args)
{
	char text[1200];

	vsnprintf(text, sizeof(text), fmt, args);
	write_line(priority, level, text);
}

#define DEFINE_LOG(name, priority, level)               \
	void name(const char *fmt, ...)                 \
	{                                               \
		va_list args;                           \
                                                        \
		va_start(args, fmt);                    \
		write_args(priority, level, fmt, args); \
		va_end(args);                           \
	}

DEFINE_LOG(log_info, LOG_INFO, "")
DEFINE_LOG(log_warn, LOG_WARNING, "warning: ")
DEFINE_LOG(log_error, LOG_ERR, "error: ")

void
log_limited(struct base_log_limit *limit, const char *fmt, ...)
{
	char text[1024], line[1200], note[80] = "";
	unsigned long held;
	va_list args;
	size_t len;

	if (!base_log_allowed(limit, &held))
		return;
	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	if (held != 0)
		snprintf(note, sizeof(note), " (%lu more lines of this kind were held back)", held);
	/* A long text is cut for the note, and here: a clean text grows no more. */
	len = base_text_clean(line, sizeof(line) - strlen(note), text);
	strcpy(line + len, note);
	write_line(LOG_INFO, "", line);
}

void
log_sentence(const char *sentence)
{
	log_info("%s", sentence);
}
