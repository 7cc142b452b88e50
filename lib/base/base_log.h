/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

/**
 * @file
 * Lines for a log whose reader is not trusted to read: no write waits. Any thread.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** A place for lines. */
struct base_log {
	int fd; /**< Where lines go; -1: nowhere. */
	bool socket; /**< fd is a socket. */
	const char *path; /**< Of that socket, to connect again; NULL: none. */
	bool blocks; /**< A write to fd may wait: ask poll() first. */
	atomic_ulong lost; /**< Lines that were dropped since the last one that was written. */
};

/**
 * Log to a descriptor, which stays open and unchanged. A pipe or a terminal is opened again,
 * non-blocking: O_NONBLOCK on the descriptor itself would reach all processes that share it.
 */
void base_log_open(struct base_log *log, int fd);

/**
 * Log to a datagram socket at a path, and connect again when its reader was replaced.
 * @param path  Must outlive the log.
 * @return 0, or -errno: nobody reads there yet.
 */
int base_log_connect(struct base_log *log, const char *path);

/**
 * Write one line. The reader may be slow or gone: then the line is dropped, and the next line that
 * is written says how many were. SIGPIPE must be ignored.
 * @param text  Without a newline.
 */
void base_log_line(struct base_log *log, const char *text);

/** Limit of the lines that one source may cause; zero at the start. */
struct base_log_limit {
	_Atomic uint64_t window; /**< Number of the present window. */
	atomic_uint nb; /**< Lines asked for in it. */
	atomic_ulong held; /**< Lines held back since the last one that was let through. */
};

#define BASE_LOG_BURST 10 /**< Lines per window. */
#define BASE_LOG_WINDOW_S 10

/**
 * Whether the source may write one more line now.
 * @param held  Out: lines of the source that were held back before this one; 0 unless true.
 */
bool base_log_allowed(struct base_log_limit *limit, unsigned long *held);

#endif /* BASE_LOG_H */
