/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Command line arguments, usage messages and the directory of a simulator. */

#include "base/base_number.h"

#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

static void
print_error(const char *prefix, const char *fmt, va_list ap)
{
	fprintf(stderr, "vsr-sim%s%s: ", prefix[0] != '\0' ? " " : "", prefix);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
}

int
cli_usage(const struct cli_args *args, const char *fmt, ...)
{
	char more[512];
	va_list ap;

	snprintf(more, sizeof(more), "%s (see vsr-sim %s --help)", fmt, args->cmd->name);
	va_start(ap, fmt);
	print_error(args->cmd->name, more, ap);
	va_end(ap);
	return CLI_USAGE;
}

int
cli_refuse(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	print_error("", fmt, ap);
	va_end(ap);
	return CLI_REFUSED;
}

static void
print_help(const struct cli_cmd *cmd)
{
	printf("Usage: vsr-sim %s%s%s\n\n%s.\n", cmd->name, cmd->args[0] != '\0' ? " " : "",
			cmd->args, cmd->help);
	if (cmd->opts != NULL && cmd->opts[0].name != NULL)
		printf("\nOptions:\n");
	for (const struct cli_opt *opt = cmd->opts; opt != NULL && opt->name != NULL; opt++) {
		const char *line = opt->help;
		char head[64];

		snprintf(head, sizeof(head), "--%s%s%s", opt->name, opt->arg != NULL ? " " : "",
				opt->arg != NULL ? opt->arg : "");
		while (line != NULL) {
			const char *end = strchr(line, '\n');
			int len = end != NULL ? (int)(end - line) : (int)strlen(line);

			printf("  %-22s %.*s\n", head, len, line);
			head[0] = '\0';
			line = end != NULL ? end + 1 : NULL;
		}
	}
	if (cmd->notes != NULL)
		printf("\n%s", cmd->notes);
	if (cmd->more_help != NULL)
		cmd->more_help();
}

int
cli_next(struct cli_args *args)
{
	const char *arg, *value;
	size_t len;

	args->value = NULL;
	if (args->next >= args->argc)
		return CLI_END;
	arg = args->argv[args->next++];
	if (!args->only_words && strcmp(arg, "--") == 0) {
		args->only_words = true;
		if (args->next >= args->argc)
			return CLI_END;
		arg = args->argv[args->next++];
	}
	if (args->only_words || arg[0] != '-' || strcmp(arg, "-") == 0) {
		args->value = arg;
		return CLI_WORD;
	}
	if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
		print_help(args->cmd);
		return CLI_HELP;
	}
	value = strchr(arg, '=');
	len = value != NULL ? (size_t)(value - arg) : strlen(arg);
	for (const struct cli_opt *opt = args->cmd->opts; opt != NULL && opt->name != NULL; opt++) {
		if (len < 3 || strlen(opt->name) != len - 2 || strncmp(arg, "--", 2) != 0 ||
				strncmp(arg + 2, opt->name, len - 2) != 0)
			continue;
		if (opt->arg == NULL && value != NULL) {
			cli_usage(args, "option --%s takes no value", opt->name);
			return CLI_BAD;
		}
		if (opt->arg != NULL && value == NULL && args->next >= args->argc) {
			cli_usage(args, "option --%s needs a value: %s", opt->name, opt->arg);
			return CLI_BAD;
		}
		if (opt->arg != NULL)
			args->value = value != NULL ? value + 1 : args->argv[args->next++];
		return opt->id;
	}
	cli_usage(args, "unknown option %s", arg);
	return CLI_BAD;
}

bool
cli_number(const char *text, uint64_t min, uint64_t max, uint64_t *out)
{
	uint64_t value;

	if (base_number_parse_any(text, max, &value) != 0 || value < min)
		return false;
	*out = value;
	return true;
}

bool
sim_dir(const char *asked, char out[SIM_DIR_MAX])
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char path[4096], cwd[2048] = "";
	size_t len;

	if (asked == NULL || asked[0] == '\0')
		asked = getenv("VSR_SIM_DIR");
	if (asked != NULL && asked[0] != '\0') {
		if (asked[0] != '/' && getcwd(cwd, sizeof(cwd) - 1) == NULL) {
			cli_refuse("cannot get the current directory: %s", strerror(errno));
			return false;
		}
		if (asked[0] != '/')
			strcat(cwd, "/");
		snprintf(path, sizeof(path), "%s%s", cwd, asked);
	} else if (runtime != NULL && runtime[0] == '/') {
		snprintf(path, sizeof(path), "%s/vsr-sim", runtime);
	} else {
		snprintf(path, sizeof(path), "/run/vsr-sim");
	}
	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	if (len >= SIM_DIR_MAX) {
		cli_refuse("the directory name %s is too long: give --dir a name of at most %d "
			   "bytes",
				path, SIM_DIR_MAX - 1);
		return false;
	}
	memcpy(out, path, len + 1);
	return true;
}

const char *
sim_path(const char *dir, const char *name, char out[SIM_PATH_MAX])
{
	snprintf(out, SIM_PATH_MAX, "%.*s/%.31s", SIM_DIR_MAX - 1, dir, name);
	return out;
}

int
sim_dir_owned(const char *dir)
{
	char path[SIM_PATH_MAX];
	int fd, owned;

	fd = open(sim_path(dir, SIM_LOCK, path), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? 0 : -errno;
	owned = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return owned;
}
