/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * vsrctl: the command people type to see and make virtual functions. The command table and the
 * reading of the command line.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

static const struct ctl_cmd cmds[] = {
	{ "list", "", "Show the virtio-net functions: driver, IOMMU group, subsystem, VFs", 0,
			false, cmd_list },
	{ "vf create", "PF N [--token UUID]", "Create N virtual functions of a PF", 2, true,
			cmd_vf_create },
	{ "vf destroy", "PF", "Destroy all virtual functions of a PF", 1, false, cmd_vf_destroy },
};

#define NB_CMDS (sizeof(cmds) / sizeof(cmds[0]))

static void
print_help(void)
{
	printf("usage: vsrctl [OPTIONS] COMMAND\n\n");
	for (size_t i = 0; i < NB_CMDS; i++) {
		printf("  %s%s%s\n", cmds[i].path, cmds[i].args[0] != '\0' ? " " : "",
				cmds[i].args);
		printf("      %s\n", cmds[i].help);
	}
	printf("\noptions:\n"
	       "  --json        print one JSON object instead of text\n"
	       "  --sysfs DIR   root of sysfs (default: $VSR_SYSFS, else /sys)\n"
	       "  --token UUID  VF token to set (default: a new random one)\n"
	       "  --help        print this\n\n"
	       "A PF is named by its PCI address: 0000:01:00.0, or 01:00.0 in domain 0.\n"
	       "Tokens are kept in $VSR_RUN_DIR, else /run/vsr.\n");
}

int
ctl_refuse(const struct ctl *ctl, const char *fmt, ...)
{
	char sentence[1024];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sentence, sizeof(sentence), fmt, args);
	va_end(args);
	fprintf(stderr, "vsrctl: %s\n", sentence);
	if (ctl->json)
		ctl_print_json(ctl, json_pack("{s:s}", "error", sentence));
	return CTL_REFUSED;
}

int
ctl_print_json(const struct ctl *ctl, json_t *object)
{
	int err = object == NULL ? -1 : json_dumpf(object, stdout, JSON_INDENT(2));

	json_decref(object);
	if (err != 0 || putchar('\n') == EOF || fflush(stdout) != 0) {
		fprintf(stderr, "vsrctl: the answer could not be written to stdout\n");
		return CTL_REFUSED;
	}
	return CTL_OK;
}

static int
usage(const char *fmt, ...)
{
	va_list args;

	fputs("vsrctl: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputs("; see vsrctl --help\n", stderr);
	return CTL_USAGE;
}

/* How many of the words a command's path takes, 0 when they do not match. */
static int
match_path(const char *path, int nb_words, char *const words[])
{
	int i = 0;

	while (*path != '\0') {
		size_t len = strcspn(path, " ");

		if (i == nb_words || strlen(words[i]) != len || memcmp(words[i], path, len) != 0)
			return 0;
		i++;
		path += len + (path[len] == ' ');
	}
	return i;
}

static int
run(const struct ctl *ctl, int nb_words, char *const words[])
{
	for (size_t i = 0; i < NB_CMDS; i++) {
		const struct ctl_cmd *cmd = &cmds[i];
		int used = match_path(cmd->path, nb_words, words);

		if (used == 0)
			continue;
		if (nb_words - used != cmd->nb_args)
			return usage("%s takes %d argument%s (%s), %d given", cmd->path,
					cmd->nb_args, cmd->nb_args == 1 ? "" : "s",
					cmd->args[0] != '\0' ? cmd->args : "none", nb_words - used);
		if (ctl->token != NULL && !cmd->takes_token)
			return usage("%s takes no --token", cmd->path);
		return cmd->run(ctl, words + used);
	}
	if (nb_words == 0)
		return usage("no command was given");
	return usage("there is no command \"%s%s%s\"", words[0], nb_words > 1 ? " " : "",
			nb_words > 1 ? words[1] : "");
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "json", no_argument, NULL, 'j' },
		{ "sysfs", required_argument, NULL, 's' },
		{ "token", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct ctl ctl = {
		.sysfs = getenv("VSR_SYSFS"),
		.run_dir = getenv("VSR_RUN_DIR"),
	};
	int opt;

	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		switch (opt) {
		case 'j':
			ctl.json = true;
			break;
		case 's':
			ctl.sysfs = optarg;
			break;
		case 't':
			ctl.token = optarg;
			break;
		case 'h':
			print_help();
			return CTL_OK;
		case ':':
			return usage("%s needs a value", argv[optind - 1]);
		default:
			return usage("there is no option %s", argv[optind - 1]);
		}
	}
	if (ctl.sysfs == NULL || ctl.sysfs[0] == '\0')
		ctl.sysfs = "/sys";
	if (ctl.run_dir == NULL || ctl.run_dir[0] == '\0')
		ctl.run_dir = "/run/vsr";
	return run(&ctl, argc - optind, argv + optind);
}
