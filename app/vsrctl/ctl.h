/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRCTL_CTL_H
#define VSRCTL_CTL_H

/**
 * @file
 * What the commands of vsrctl share: the table of commands, the options, refusals, the daemon, and
 * the two forms of output (text, and JSON for programs). One thread; a process runs one command.
 */

#include <stdbool.h>

#include <jansson.h>

#include "common/pf.h"
#include "daemon/rpc_client.h"

#define CTL_OWNER "vsrd"
#define CTL_BRIDGE "vsr-bridge"

/* Exit codes */
#define CTL_OK 0
#define CTL_REFUSED 1 /**< The command was refused; the error text was printed. */
#define CTL_USAGE 2 /**< The command line is wrong. */
#define CTL_NO_DAEMON 3 /**< The command needs a daemon that does not answer. */

/** Options that only some commands take, as bits. */
enum ctl_opt {
	OPT_TOKEN = 1 << 0,
	OPT_ROTATE = 1 << 1,
	OPT_GROUP = 1 << 2,
	OPT_MEMBER = 1 << 3,
	OPT_RESULT = 1 << 4,
	OPT_AREA = 1 << 5,
	OPT_FOLLOW = 1 << 6,
	OPT_COUNT = 1 << 7,
	OPT_OWNER = 1 << 8,
	OPT_MODE = 1 << 9,
	OPT_VHOST_USER = 1 << 10,
	OPT_SERVER = 1 << 11,
	OPT_CLIENT = 1 << 12,
	OPT_QUEUES = 1 << 13,
	OPT_MAC = 1 << 14,
	OPT_DOORBELL = 1 << 15,
	OPT_SOCKET_MODE = 1 << 16,
	OPT_VFIO_USER = 1 << 17,
	OPT_VARIANT = 1 << 18,
};

/** The command line. */
struct ctl {
	struct pf_host host;
	const char *daemon; /**< Name of the daemon that the command needs. */
	const char *socket; /**< Of that daemon. */
	const char *token; /**< --token, or NULL. */
	const char *group, *member, *result_len, *area; /**< NULL: not given. */
	const char *count, *owner, *mode;
	const char *vhost_user, *queues, *mac, *doorbell, *socket_mode;
	const char *vfio_user, *variant;
	bool rotate, follow, json, server, client;
	bool color; /**< stdout is a terminal with colours. */
};

/** One command. */
struct ctl_cmd {
	const char *path; /**< Its words: "vf create". */
	const char *args; /**< Synopsis of its arguments. */
	const char *help; /**< One line. */
	int min_args, max_args; /**< Number of arguments. */
	unsigned int options; /**< Options it takes, of enum ctl_opt. */
	bool bridge; /**< It is one for vsr-bridge, not for vsrd. */
	/** @param args  Arguments, then NULL. @return exit code. */
	int (*run)(const struct ctl *ctl, char *const args[]);
	const char *more; /**< Text for its --help, or NULL. */
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
int cmd_guest_add(const struct ctl *ctl, char *const args[]);
int cmd_guest_list(const struct ctl *ctl, char *const args[]);
int cmd_guest_show(const struct ctl *ctl, char *const args[]);
int cmd_guest_stats(const struct ctl *ctl, char *const args[]);
int cmd_guest_remove(const struct ctl *ctl, char *const args[]);
int cmd_guest_health(const struct ctl *ctl, char *const args[]);
int cmd_token(const struct ctl *ctl, char *const args[]);
int cmd_health(const struct ctl *ctl, char *const args[]);
int cmd_events(const struct ctl *ctl, char *const args[]);
int cmd_top(const struct ctl *ctl, char *const args[]);
int cmd_version(const struct ctl *ctl, char *const args[]);

/* ---------------------------------------------------------------- output */

/**
 * Print an error text: "vsrctl: SENTENCE" on stderr and, with --json, an object with the member
 * "error" on stdout.
 * @return CTL_REFUSED.
 */
int ctl_refuse(const struct ctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/** Print an object and release it. @return CTL_OK, or CTL_REFUSED: stdout cannot be written. */
int ctl_print_json(const struct ctl *ctl, json_t *object);

/** Make a path absolute: the daemon has another folder. @return a new reference. */
json_t *ctl_absolute(const char *path);

/**
 * The parameters "pf" and "vf", of two arguments.
 * @return a new reference, or NULL: the error text was printed.
 */
json_t *ctl_of_vf(const struct ctl *ctl, char *const args[]);

/** Add a text to parameters, unless it is NULL. */
void ctl_add_text(json_t *params, const char *name, const char *text);

/** Parse a number, decimal or 0x..., from 0 to max. @return false: not such a number. */
bool ctl_number(const char *text, unsigned long max, unsigned long *value);

/** Text of a member, "-" if it is not text; number of a member, 0 if it is not a number. */
const char *ctl_text(const json_t *object, const char *name);
json_int_t ctl_int(const json_t *object, const char *name);

#define CTL_RED "31"
#define CTL_GREEN "32"
#define CTL_BOLD "1"
/** Escape codes before and after coloured text; empty without colours. */
const char *ctl_paint(const struct ctl *ctl, const char *code, char buf[16]);
const char *ctl_plain(const struct ctl *ctl);

/* ---------------------------------------------------------------- client.c: the daemon */

/** As rpc_client_receive(), with every text printable. */
json_t *client_receive(int fd, struct rpc_client_buf *buf, int timeout_ms, int *ret);

/**
 * One call to the daemon.
 *
 * @param params  Its reference is taken.
 * @param code    Out: exit code.
 * @return the result, or NULL: the error text was printed.
 */
json_t *ctl_call(const struct ctl *ctl, const char *method, json_t *params, int *code);

/**
 * As ctl_call(), for commands that also work without the daemon: when no daemon answers, or it does
 * not own the PF, *code is CTL_NO_DAEMON and nothing was printed.
 */
json_t *ctl_try(const struct ctl *ctl, const char *method, json_t *params, int *code);

/* ---------------------------------------------------------------- table.c */

#define TABLE_COLS 12

struct table {
	unsigned int nb_cols, nb_rows;
	char **cells; /**< Row by row; the first row has the column titles. */
};

/** Start a table. Arguments: the column titles, then NULL; '>' before a title: align right. */
void table_start(struct table *table, ...);
/** Add a row. Arguments: one string per column. */
void table_row(struct table *table, ...);
/** Print the table, cut to the width of the terminal, and free it. */
void table_print(const struct ctl *ctl, struct table *table);

#endif /* VSRCTL_CTL_H */
