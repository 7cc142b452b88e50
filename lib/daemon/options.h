/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_OPTIONS_H
#define DAEMON_OPTIONS_H

/**
 * @file
 * Options of the command line that all daemons have. One thread.
 */

#include <getopt.h>

#include "server.h"

#define OPTIONS_USAGE 2 /**< Exit code: the command line is wrong. */
#define OPTIONS_GO_ON (-1) /**< Instead of an exit code. */

/** Rows for getopt_long(); the last of the table has no name. */
#define OPTIONS_ROWS                                                      \
	{ "socket", required_argument, NULL, 'S' },                       \
			{ "socket-owner", required_argument, NULL, 'o' }, \
			{ "socket-group", required_argument, NULL, 'G' }, \
			{ "socket-mode", required_argument, NULL, 'm' },  \
			{ "allow-uid", required_argument, NULL, 'u' },    \
			{ "log", required_argument, NULL, 'l' },          \
			{ "version", no_argument, NULL, 'v' },            \
	{                                                                 \
		"help", no_argument, NULL, 'h'                            \
	}

struct options_shared {
	const char *name; /**< Of the daemon. */
	const char *version, *help;
	struct server_conf *server;
};

/**
 * Parse a command line, which has options only.
 *
 * @param longs  OPTIONS_ROWS, and rows of this daemon, whose letters are none of those above.
 * @param own    Takes the value of an option of this daemon. Returns OPTIONS_GO_ON or an exit code.
 * @param arg    First argument of own.
 * @return OPTIONS_GO_ON, or an exit code, after the help, the version or a sentence was printed.
 */
int options_parse(struct options_shared *options, int argc, char **argv, const struct option *longs,
		int (*own)(void *arg, int opt, char *value), void *arg);

/** Print what is wrong with the command line. @return OPTIONS_USAGE. */
int options_usage(const char *name, const char *text, const char *word);

/** Parse a number of MiB, from 1. @param bytes  Out. @return 0 or -EINVAL. */
int options_mib(const char *text, uint64_t *bytes);

#endif /* DAEMON_OPTIONS_H */
