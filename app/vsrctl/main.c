/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrctl: the table of commands and the command line. */

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/rpc_proto.h"

#include "ctl.h"

static const struct ctl_cmd cmds[] = {
	{ "list", "", "Show the virtio-net functions: driver, IOMMU group, subsystem, VFs", 0, 0, 0,
			cmd_list },
	{ "pf show", "PF", "Show a PF: state, features, admin queues, VFs", 1, 1, 0, cmd_pf_show },
	{ "pf attach", "PF", "Let vsrd own a PF", 1, 1, 0, cmd_pf_attach },
	{ "pf release", "PF", "Let vsrd release a PF, which resets the PF", 1, 1, 0,
			cmd_pf_release },
	{ "pf reset", "PF", "Reset the virtio device of a PF; its VFs go on", 1, 1, 0,
			cmd_pf_reset },
	{ "vf create", "PF N [--token UUID]", "Create N virtual functions of a PF", 2, 2, OPT_TOKEN,
			cmd_vf_create },
	{ "vf destroy", "PF", "Destroy all virtual functions of a PF", 1, 1, 0, cmd_vf_destroy },
	{ "vf show", "PF", "Show the virtual functions of a PF and their users", 1, 1, 0,
			cmd_vf_show },
	{ "admin list", "PF", "Show the administration commands of a device, and those in use", 1,
			1, 0, cmd_admin_list },
	{ "admin caps", "PF", "Show the capabilities of a device", 1, 1, 0, cmd_admin_caps },
	{ "admin raw", "PF OPCODE [HEX] [--group G] [--member N] [--result-len N]",
			"Send any administration command", 2, 3,
			OPT_GROUP | OPT_MEMBER | OPT_RESULT, cmd_admin_raw },
	{ "admin stats", "PF", "Count administration commands, with their latency", 1, 1, 0,
			cmd_admin_stats },
	{ "legacy read", "PF VF OFFSET LEN [--area A]", "Read a legacy register of a VF", 4, 4,
			OPT_AREA, cmd_legacy_read },
	{ "legacy write", "PF VF OFFSET HEX [--area A]", "Write a legacy register of a VF", 4, 4,
			OPT_AREA, cmd_legacy_write },
	{ "legacy dump", "PF VF", "Show the legacy registers of a VF", 2, 2, 0, cmd_legacy_dump },
	{ "legacy notify-info", "PF VF", "Show where the doorbells of a VF are", 2, 2, 0,
			cmd_legacy_notify_info },
	{ "legacy serve", "PF VF SOCKET [--owner USER] [--group GROUP] [--mode MODE]",
			"Show a VF to guests as a transitional function", 3, 3,
			OPT_OWNER | OPT_GROUP | OPT_MODE, cmd_legacy_serve },
	{ "legacy unserve", "PF VF", "Stop showing a VF to guests, and close the VF", 2, 2, 0,
			cmd_legacy_unserve },
	{ "legacy served", "[PF]", "Show the VFs that are shown to guests, with counters", 0, 1, 0,
			cmd_legacy_served },
	{ "token", "PF [--rotate] [--token UUID]", "Show or change the VF token of a PF", 1, 1,
			OPT_ROTATE | OPT_TOKEN, cmd_token },
	{ "health", "", "Show the state of vsrd and its PFs; exit code 1 if there is a problem", 0,
			0, 0, cmd_health },
	{ "events", "--follow", "Show events about PFs and VFs as they happen", 0, 0, OPT_FOLLOW,
			cmd_events },
	{ "top", "PF [--count N]", "Show the VFs of a PF each second: packets, doorbells, admin", 1,
			1, OPT_COUNT, cmd_top },
	{ "version", "", "Show the versions of vsrctl and vsrd", 0, 0, 0, cmd_version },
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
	       "  --json            print one JSON object instead of text\n"
	       "  --sysfs DIR       root of sysfs (default: $VSR_SYSFS, else /sys)\n"
	       "  --socket PATH     socket of vsrd (default: " RPC_SOCKET " beside the tokens)\n"
	       "  --token UUID      VF token to set (default: a new random one)\n"
	       "  --rotate          set a new token\n"
	       "  --sriov-ids FILE  devices whose SR-IOV is forbidden or permitted, without vsrd\n"
	       "  --group self|sriov, --member N, --result-len N\n"
	       "                    of a raw command (default: self, 0, 0)\n"
	       "  --owner USER, --group GROUP, --mode MODE\n"
	       "                    of the socket for guests (default: user of vsrd, 0600)\n"
	       "  --area common|net legacy registers (default: common)\n"
	       "  --count N         print N times, then stop\n"
	       "  --help            print this\n\n"
	       "A PF is named by its PCI address: 0000:01:00.0, or 01:00.0 in domain 0.\n"
	       "Tokens are kept in $VSR_RUN_DIR, else /run/vsr.\n"
	       "Exit codes: 0 done, 1 refused, 2 wrong command line, 3 vsrd does not answer.\n");
}

/* ---------------------------------------------------------------- the command line */

static int
usage(const char *fmt, ...)
{
	struct err err;
	va_list args;

	va_start(args, fmt);
	err_vset(&err, fmt, args);
	va_end(args);
	fprintf(stderr, "vsrctl: %s; see vsrctl --help\n", err.text);
	return CTL_USAGE;
}

/* @return number of words that match the path of a command; 0: no match. */
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

static const struct {
	const char *name;
	enum ctl_opt bit;
} option_names[] = {
	{ "--token", OPT_TOKEN },
	{ "--rotate", OPT_ROTATE },
	{ "--group", OPT_GROUP },
	{ "--member", OPT_MEMBER },
	{ "--result-len", OPT_RESULT },
	{ "--area", OPT_AREA },
	{ "--follow", OPT_FOLLOW },
	{ "--count", OPT_COUNT },
	{ "--owner", OPT_OWNER },
	{ "--mode", OPT_MODE },
};

static const char *
name_of(unsigned int bits)
{
	for (size_t i = 0; i < sizeof(option_names) / sizeof(option_names[0]); i++)
		if ((bits & option_names[i].bit) != 0)
			return option_names[i].name;
	return "";
}

/* Words go into JSON, which is UTF-8. @return the first that cannot, or NULL. */
static const char *
find_unprintable(const struct ctl *ctl, int nb_words, char *const words[])
{
	const char *const values[] = { ctl->token, ctl->group, ctl->area, ctl->owner, ctl->mode };
	char clean[PATH_MAX];

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		if (values[i] == NULL)
			continue;
		base_text_clean(clean, sizeof(clean), values[i]);
		if (strcmp(clean, values[i]) != 0)
			return values[i];
	}
	for (int i = 0; i < nb_words; i++) {
		base_text_clean(clean, sizeof(clean), words[i]);
		if (strcmp(clean, words[i]) != 0)
			return words[i];
	}
	return NULL;
}

static int
run(const struct ctl *ctl, unsigned int given, int nb_words, char *const words[])
{
	const char *unprintable = find_unprintable(ctl, nb_words, words);

	if (unprintable != NULL)
		return usage("\"%.64s\" is no printable text", unprintable);
	for (size_t i = 0; i < NB_CMDS; i++) {
		const struct ctl_cmd *cmd = &cmds[i];
		const int used = match_path(cmd->path, nb_words, words), nb = nb_words - used;

		if (used == 0)
			continue;
		if (nb < cmd->min_args || nb > cmd->max_args)
			return usage("%s takes %d argument%s (%s), %d given", cmd->path,
					cmd->min_args, cmd->min_args == 1 ? "" : "s",
					cmd->args[0] != '\0' ? cmd->args : "none", nb);
		if ((given & ~cmd->options) != 0)
			return usage("%s takes no %s", cmd->path, name_of(given & ~cmd->options));
		return cmd->run(ctl, words + used);
	}
	if (nb_words == 0)
		return usage("no command given");
	return usage("unknown command \"%s%s%s\"", words[0], nb_words > 1 ? " " : "",
			nb_words > 1 ? words[1] : "");
}

static const struct option options[] = {
	{ "json", no_argument, NULL, 'j' },
	{ "sysfs", required_argument, NULL, 's' },
	{ "socket", required_argument, NULL, 'S' },
	{ "sriov-ids", required_argument, NULL, 'i' },
	{ "token", required_argument, NULL, 't' },
	{ "rotate", no_argument, NULL, 'r' },
	{ "group", required_argument, NULL, 'g' },
	{ "member", required_argument, NULL, 'm' },
	{ "result-len", required_argument, NULL, 'l' },
	{ "area", required_argument, NULL, 'a' },
	{ "follow", no_argument, NULL, 'f' },
	{ "count", required_argument, NULL, 'c' },
	{ "owner", required_argument, NULL, 'o' },
	{ "mode", required_argument, NULL, 'M' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

/* @return the bit of the option; 0: every command takes it. */
static unsigned int
note_option(struct ctl *ctl, int opt, const char **ids)
{
	switch (opt) {
	case 'j':
		ctl->json = true;
		return 0;
	case 's':
		ctl->host.sysfs = optarg;
		return 0;
	case 'S':
		ctl->socket = optarg;
		return 0;
	case 'i':
		*ids = optarg;
		return 0;
	case 't':
		ctl->token = optarg;
		return OPT_TOKEN;
	case 'r':
		ctl->rotate = true;
		return OPT_ROTATE;
	case 'g':
		ctl->group = optarg;
		return OPT_GROUP;
	case 'm':
		ctl->member = optarg;
		return OPT_MEMBER;
	case 'l':
		ctl->result_len = optarg;
		return OPT_RESULT;
	case 'a':
		ctl->area = optarg;
		return OPT_AREA;
	case 'o':
		ctl->owner = optarg;
		return OPT_OWNER;
	case 'M':
		ctl->mode = optarg;
		return OPT_MODE;
	case 'f':
		ctl->follow = true;
		return OPT_FOLLOW;
	default:
		ctl->count = optarg;
		return OPT_COUNT;
	}
}

static void
note(const char *sentence)
{
	fprintf(stderr, "vsrctl: %s\n", sentence);
}

static bool
want_color(void)
{
	const char *term = getenv("TERM");

	return isatty(STDOUT_FILENO) && getenv("NO_COLOR") == NULL && term != NULL &&
			strcmp(term, "dumb") != 0;
}

int
main(int argc, char **argv)
{
	const char *ids = getenv("VSR_SRIOV_IDS");
	struct ctl ctl = { .color = want_color() };
	char socket[PATH_MAX];
	unsigned int given = 0;
	struct err err;
	int opt, code;

	pf_host_init(&ctl.host);
	ctl.host.note = note;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (opt == 'h') {
			print_help();
			return CTL_OK;
		}
		if (opt == ':')
			return usage("%s needs a value", argv[optind - 1]);
		if (opt == '?')
			return usage("unknown option %s", argv[optind - 1]);
		given |= note_option(&ctl, opt, &ids);
	}
	if (ctl.socket == NULL) {
		snprintf(socket, sizeof(socket), "%s/%s", ctl.host.run_dir, RPC_SOCKET);
		ctl.socket = socket;
	}
	if (idtable_read(&ctl.host.ids, ids, &err) != 0)
		return ctl_refuse(&ctl, "%s", err.text);
	code = run(&ctl, given, argc - optind, argv + optind);
	idtable_free(&ctl.host.ids);
	return code;
}
