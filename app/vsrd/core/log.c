/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The log of the daemon: one line per message, to stderr or to syslog. */

#include <stdarg.h>
#include <stdio.h>
#include <syslog.h>

#include "log.h"

static bool to_syslog;

void
log_to_syslog(bool on)
{
	to_syslog = on;
	if (on)
		openlog("vsrd", LOG_PID, LOG_DAEMON);
}

/* One write per line, so that the lines of two threads do not mix. */
static void
write_line(int priority, const char *level, const char *fmt, va_list args)
{
	char line[1200];

	vsnprintf(line, sizeof(line), fmt, args);
	if (to_syslog)
		syslog(priority, "%s", line);
	else
		fprintf(stderr, "vsrd: %s%s\n", level, line);
}

#define DEFINE_LOG(name, priority, level)               \
	void name(const char *fmt, ...)                 \
	{                                               \
		va_list args;                           \
                                                        \
		va_start(args, fmt);                    \
		write_line(priority, level, fmt, args); \
		va_end(args);                           \
	}

DEFINE_LOG(log_info, LOG_INFO, "")
DEFINE_LOG(log_warn, LOG_WARNING, "warning: ")
DEFINE_LOG(log_error, LOG_ERR, "error: ")

void
log_sentence(const char *sentence)
{
	log_info("%s", sentence);
}
