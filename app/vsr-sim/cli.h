/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_CLI_H
#define VSR_SIM_CLI_H

/**
 * @file
 * Shared by the subcommands of vsr-sim: their table, arguments, the directory of a simulator, and
 * error messages.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit codes */
#define CLI_OK 0
#define CLI_REFUSED 1 /**< The command failed or was refused. */
#define CLI_USAGE 2 /**< The command line is wrong. */

/** An option of a subcommand; the last one of a list has a NULL name. */
struct cli_opt {
	const char *name; /**< Without the two dashes. */
	int id; /**< What cli_next() returns. */
	const char *arg; /**< Name of its value in the help; NULL: it takes none. */
	const char *help; /**< Description, lines separated by newlines. */
};

struct cli_args;

/** A subcommand. */
struct cli_cmd {
	const char *name;
	const char *args; /**< Synopsis of its arguments. */
	const char *help; /**< One line. */
	const struct cli_opt *opts;
	const char *notes; /**< Help after the options; may be NULL. */
	void (*more_help)(void); /**< Prints help after the notes; may be NULL. */
	int (*run)(struct cli_args *args); /**< @return exit code. */
};

/** Arguments of a subcommand, and the position of the parser. */
struct cli_args {
	const struct cli_cmd *cmd;
	int argc;
	char **argv;
	int next;
	bool only_words; /**< "--" was seen. */
	const char *value; /**< Value of the option or word that cli_next() returned last. */
};

/* Results of cli_next() other than option ids, which are positive. */
#define CLI_END 0
#define CLI_WORD (-1)
#define CLI_BAD (-2) /**< A message was printed; exit with CLI_USAGE. */
#define CLI_HELP (-3) /**< The help was printed; exit with CLI_OK. */

/** Option of every subcommand that works on a running simulator. */
#define CLI_OPT_DIR 1
#define CLI_OPT_DIR_ROW                                                                      \
	{                                                                                    \
		"dir", CLI_OPT_DIR, "DIR", "directory of the simulator (see vsr-sim --help)" \
	}

/** Next argument: an option (value in args->value), CLI_WORD, CLI_END, CLI_BAD or CLI_HELP. */
int cli_next(struct cli_args *args);

/** Print an error message to stderr. @return CLI_USAGE or CLI_REFUSED. */
int cli_usage(const struct cli_args *args, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));
int cli_refuse(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/** Parse a number from min to max, in any base of C. @return false: the text is not one. */
bool cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *out);

/* ---------------------------------------------------------------- directory */

/** Size of a directory name; the sockets in the directory must fit in a socket address. */
#define SIM_DIR_MAX 80
#define SIM_PATH_MAX (SIM_DIR_MAX + 32)

/**
 * Absolute name of the directory: asked, else $VSR_SIM_DIR, $XDG_RUNTIME_DIR/vsr-sim or
 * /run/vsr-sim.
 * @return false: an error message was printed.
 */
bool sim_dir(const char *asked, char out[SIM_DIR_MAX]);
/** DIR/name; a name has at most 31 bytes. */
const char *sim_path(const char *dir, const char *name, char out[SIM_PATH_MAX]);

#define SIM_LOCK "lock" /**< Locked by the simulator of the directory. */
#define SIM_CTL "ctl.sock"
#define SIM_HOST "host.sock" /**< Requests of preloaded processes. */
#define SIM_SYS "sys"
#define SIM_FN "fn"
#define SIM_LOG "log"

/** @return 1: a simulator runs in the directory, 0: none does, or -errno. */
int sim_dir_owned(const char *dir);

extern const struct cli_cmd cmd_serve, cmd_run, cmd_stats, cmd_stop, cmd_link, cmd_mac, cmd_mtu,
		cmd_break, cmd_wire, cmd_fault, cmd_attach, cmd_detach, cmd_list;

#endif /* VSR_SIM_CLI_H */
