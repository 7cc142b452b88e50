/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRCTL_CTL_H
#define VSRCTL_CTL_H

/**
 * @file
 * What the commands of vsrctl share: the row of the command table, the options, refusals, the
 * daemon, and the two forms of output (for people, and JSON for programs).
 *
 * One thread; a command runs once and the process ends.
 */

#include <stdbool.h>

#include <jansson.h>

#include "common/pf.h"

/* Exit codes */
#define CTL_OK 0
#define CTL_REFUSED 1 /**< It was understood, and did not work; one sentence says why. */
#define CTL_USAGE 2 /**< It was not understood. */
#define CTL_NO_DAEMON 3 /**< It needs vsrd, and vsrd does not answer. */

/** Options, as bits: which of them a command takes. */
enum ctl_opt {
	OPT_TOKEN = 1 << 0,
	OPT_ROTATE = 1 << 1,
	OPT_GROUP = 1 << 2,
	OPT_MEMBER = 1 << 3,
	OPT_RESULT = 1 << 4,
	OPT_AREA = 1 << 5,
	OPT_FOLLOW = 1 << 6,
	OPT_COUNT = 1 << 7,
};

/** What the command line asked for. */
struct ctl {
	struct pf_host host;
	const char *socket; /**< Of the daemon. */
	const char *token; /**< --token, or NULL. */
	const char *group, *member, *result_len, *area; /**< NULL: not given. */
	const char *count;
	bool rotate, follow, json;
	bool color; /**< stdout is a terminal that may be coloured. */
};

/** One command. */
struct ctl_cmd {
	const char *path; /**< Its words: "vf create". */
	const char *args; /**< Synopsis of what follows. */
	const char *help; /**< One line. */
	int min_args, max_args; /**< Arguments it takes. */
	unsigned int options; /**< enum ctl_opt that it takes. */
	/** args: those given, then NULL. @return exit code. */
	int (*run)(const struct ctl *ctl, char *const args[]);
};

int cmd_list(const struct ctl *ctl, char *const args[]);
int cmd_pf_show(const struct ctl *ctl, char *const args[]);
int cmd_pf_attach(const struct ctl *ctl, char *const args[]);
int cmd_pf_release(const struct ctl *ctl, char *const args[]);
int cmd_pf_reset(const struct ctl *ctl, char *const args[]);
int cmd_vf_create(const struct ctl *ctl, char *const args[]);
int cmd_vf_destroy(const struct ctl *ctl, char *const args[]);
int cmd_vf_show(const struct ctl *ctl, char *const args[]);
int cmd_admin_list(const struct ctl *ctl, char *const args[]);
int cmd_admin_caps(const struct ctl *ctl, char *const args[]);
int cmd_admin_raw(const struct ctl *ctl, char *const args[]);
int cmd_admin_stats(const struct ctl *ctl, char *const args[]);
int cmd_legacy_read(const struct ctl *ctl, char *const args[]);
int cmd_legacy_write(const struct ctl *ctl, char *const args[]);
int cmd_legacy_dump(const struct ctl *ctl, char *const args[]);
int cmd_legacy_notify_info(const struct ctl *ctl, char *const args[]);
int cmd_legacy_serve(const struct ctl *ctl, char *const args[]);
int cmd_legacy_unserve(const struct ctl *ctl, char *const args[]);
int cmd_legacy_served(const struct ctl *ctl, char *const args[]);
int cmd_token(const struct ctl *ctl, char *const args[]);
int cmd_health(const struct ctl *ctl, char *const args[]);
int cmd_events(const struct ctl *ctl, char *const args[]);
int cmd_top(const struct ctl *ctl, char *const args[]);
int cmd_version(const struct ctl *ctl, char *const args[]);

/* ---------------------------------------------------------------- what is said */

/**
 * Say in one sentence why not: "vsrctl: SENTENCE" on stderr and, with --json, an object with the
 * member "error" on stdout.
 * @return CTL_REFUSED.
 */
int ctl_refuse(const struct ctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Print an object and drop it. @return CTL_OK, or CTL_REFUSED when stdout cannot take it. */
int ctl_print_json(const struct ctl *ctl, json_t *object);

/** A number in text, 0x.. too, within 0..max. @return whether it is one. */
bool ctl_number(const char *text, unsigned long max, unsigned long *value);

/** Text of a member, "-" when it is none; number of a member, 0 when it is none. */
const char *ctl_text(const json_t *object, const char *name);
json_int_t ctl_int(const json_t *object, const char *name);

#define CTL_RED "31"
#define CTL_GREEN "32"
#define CTL_BOLD "1"
/** Escape codes around what is coloured, empty where nothing is. */
const char *ctl_paint(const struct ctl *ctl, const char *code, char room[16]);
const char *ctl_plain(const struct ctl *ctl);

/* ---------------------------------------------------------------- client.c: the daemon */

/** Connect. @return a descriptor, or -errno: nobody answers, or one may not ask. */
int client_open(const struct ctl *ctl);
/** Send one request on it. params: a reference that is taken. @return 0 or -errno. */
int client_send(int fd, const char *method, json_t *params);
/** A line from it: parsed; NULL with *err after timeout_ms (-1: never) or at the end. */
struct client_room {
	char *text;
	size_t len, size;
};
json_t *client_receive(int fd, struct client_room *room, int timeout_ms, int *err);

/**
 * One call to the daemon.
 *
 * @param params  A reference that is taken.
 * @param code    Out: exit code.
 * @return the result, or NULL; why was said, and printed with --json.
 */
json_t *ctl_call(const struct ctl *ctl, const char *method, json_t *params, int *code);

/**
 * The same, where there is a way without: NULL and *code CTL_NO_DAEMON when no daemon answers, or
 * when it does not own the PF; nothing is said then.
 */
json_t *ctl_try(const struct ctl *ctl, const char *method, json_t *params, int *code);

/* ---------------------------------------------------------------- table.c */

#define TABLE_COLS 12

struct table {
	unsigned int nb_cols, nb_rows;
	char **cells; /**< Row by row, the heads first. */
};

/** Heads of the columns, ended by NULL; a head that starts with '>' stands right, as its column. */
void table_start(struct table *table, ...);
/** As many cells as there are columns: strings. */
void table_row(struct table *table, ...);
/** Print it, cut to the terminal, and free it. */
void table_print(const struct ctl *ctl, struct table *table);

#endif /* VSRCTL_CTL_H */
