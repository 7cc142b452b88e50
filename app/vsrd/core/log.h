/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_LOG_H
#define VSRD_LOG_H

/**
 * @file
 * The log of the daemon: one line per message, to stderr or to syslog. Any thread.
 */

#include <stdbool.h>

/** Write to syslog from now on, or to stderr. */
void log_to_syslog(bool on);

void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** log_info() of a sentence without format. */
void log_sentence(const char *sentence);

#endif /* VSRD_LOG_H */
