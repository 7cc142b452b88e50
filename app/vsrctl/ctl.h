/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRCTL_CTL_H
#define VSRCTL_CTL_H

/**
 * @file
 * What the commands of vsrctl share: the row of the command table, the options, refusals and the
 * two forms of output (for people, and JSON for programs).
 *
 * One thread; a command runs once and the process ends.
 */

#include <stdbool.h>

#include <jansson.h>

/* Exit codes */
#define CTL_OK 0
#define CTL_REFUSED 1 /**< It was understood, and did not work; one sentence says why. */
#define CTL_USAGE 2 /**< It was not understood. */

/** What the command line asked for. */
struct ctl {
	const char *sysfs; /**< Root of sysfs, real or simulated. */
	const char *run_dir; /**< Folder of the token files. */
	const char *token; /**< --token, or NULL. */
	bool json;
};

/** One command. */
struct ctl_cmd {
	const char *path; /**< Its words: "vf create". */
	const char *args; /**< Synopsis of what follows. */
	const char *help; /**< One line. */
	int nb_args; /**< Arguments it takes, exactly. */
	bool takes_token;
	/** @return exit code. */
	int (*run)(const struct ctl *ctl, char *const args[]);
};

int cmd_list(const struct ctl *ctl, char *const args[]);
int cmd_vf_create(const struct ctl *ctl, char *const args[]);
int cmd_vf_destroy(const struct ctl *ctl, char *const args[]);

/**
 * Say in one sentence why not: "vsrctl: SENTENCE" on stderr and, with --json, an object with the
 * member "error" on stdout.
 * @return CTL_REFUSED.
 */
int ctl_refuse(const struct ctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Print an object and drop it. @return CTL_OK, or CTL_REFUSED when stdout cannot take it. */
int ctl_print_json(const struct ctl *ctl, json_t *object);

#endif /* VSRCTL_CTL_H */
