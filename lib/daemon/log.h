/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_LOG_H
#define DAEMON_LOG_H

/**
 * @file
 * The log of the daemon: one line per message, to stderr or to syslog. Any thread. No call waits
 * for the reader of the log; lines that the reader has no room for are dropped and counted.
 */

#include <stdbool.h>

#include "base/base_log.h"

/**
 * Write to stderr from now on. Before this call, nothing is logged.
 * @param name  Name of the daemon, a constant: each line begins with the name.
 */
void log_to_stderr(const char *name);
/** Write to syslog from now on. @return 0, or -errno: nobody reads it yet. */
int log_to_syslog(const char *name);

void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/**
 * Log a line that an outsider can cause: at most a few lines per source and time. The next line
 * says how many were held back.
 */
void log_limited(struct base_log_limit *limit, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));

/** log_info() of a sentence without format. */
void log_sentence(const char *sentence);

#endif /* DAEMON_LOG_H */
