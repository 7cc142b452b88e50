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

static const char guest_add_more[] =
		"\nOn vhost-user the guest sees a virtio network device of QEMU whose queues are those of\n"
		"the VF: packets pass without a copy, unless you ask for --mode copy. On vfio-user the guest\n"
		"sees the VF itself, changed by a variant. Paste the printed options into the command line of\n"
		"QEMU.\n\n"
		"  --vhost-user SOCKET  socket between vsr-bridge and the guest's QEMU\n"
		"  --server, --client   who listens there: vsr-bridge (default), or QEMU; QEMU comes back\n"
		"                       by itself after a restart of vsr-bridge only if vsr-bridge listens\n"
		"  --queues N           queue pairs that the guest may use (default: 1)\n"
		"  --mac MAC            MAC address for the guest (default: that of the VF)\n"
		"  --mode direct        the VF works on the queues in the memory of the guest (default)\n"
		"  --mode relay         vsr-bridge moves descriptors between guest and VF, packets stay\n"
		"  --mode copy          vsr-bridge copies packets: for a guest that needs packed rings or\n"
		"                       mergeable buffers, and a VF that lacks them\n"
		"  --doorbell relayed   a thread of vsr-bridge rings the VF (default)\n"
		"  --doorbell mapped    the guest rings the VF itself: QEMU gets the VFIO descriptor of the\n"
		"                       VF, and the VF stays in use until QEMU ends\n"
		"  --vfio-user SOCKET   socket of the VF for the guest's QEMU\n"
		"  --variant legacy     a transitional function, for drivers of virtio before 1.0\n"
		"  --owner, --group, --socket-mode\n"
		"                       of the socket, if vsr-bridge makes it (default: its own user, 0600)\n"
		"\nThe guest must share its memory: memory-backend-memfd with share=on. It comes back after\n"
		"a restart of vsr-bridge, until vsrctl guest remove.\n\n"
		"  vsrctl guest add 01:00.0 1 --vhost-user /run/vsr/vm1.sock --queues 2\n"
		"  vsrctl guest add 01:00.0 2 --vfio-user /run/vsr/vm2.sock --variant legacy\n";

static const struct ctl_cmd cmds[] = {
	{ "list", "", "Show the virtio-net functions: driver, IOMMU group, subsystem, VFs", 0, 0, 0,
			false, cmd_list, NULL },
	{ "pf show", "PF", "Show a PF: state, features, admin queues, VFs", 1, 1, 0, false,
			cmd_pf_show, NULL },
	{ "pf attach", "PF", "Let vsrd own a PF", 1, 1, 0, false, cmd_pf_attach, NULL },
	{ "pf release", "PF", "Let vsrd release a PF, which resets the PF", 1, 1, 0, false,
			cmd_pf_release, NULL },
	{ "pf reset", "PF", "Reset the virtio device of a PF; its VFs go on", 1, 1, 0, false,
			cmd_pf_reset, NULL },
	{ "vf create", "PF N [--token UUID]", "Create N virtual functions of a PF", 2, 2, OPT_TOKEN,
			false, cmd_vf_create, NULL },
	{ "vf destroy", "PF", "Destroy all virtual functions of a PF", 1, 1, 0, false,
			cmd_vf_destroy, NULL },
	{ "vf show", "PF", "Show the virtual functions of a PF and their users", 1, 1, 0, false,
			cmd_vf_show, NULL },
	{ "admin list", "PF", "Show the administration commands of a device, and those in use", 1,
			1, 0, false, cmd_admin_list, NULL },
	{ "admin caps", "PF", "Show the capabilities of a device", 1, 1, 0, false, cmd_admin_caps,
			NULL },
	{ "admin raw", "PF OPCODE [HEX] [--group G] [--member N] [--result-len N]",
			"Send any administration command", 2, 3,
			OPT_GROUP | OPT_MEMBER | OPT_RESULT, false, cmd_admin_raw, NULL },
	{ "admin stats", "PF", "Count administration commands, with their latency", 1, 1, 0, false,
			cmd_admin_stats, NULL },
	{ "legacy read", "PF VF OFFSET LEN [--area A]", "Read a legacy register of a VF", 4, 4,
			OPT_AREA, false, cmd_legacy_read, NULL },
	{ "legacy write", "PF VF OFFSET HEX [--area A]", "Write a legacy register of a VF", 4, 4,
			OPT_AREA, false, cmd_legacy_write, NULL },
	{ "legacy dump", "PF VF", "Show the legacy registers of a VF", 2, 2, 0, false,
			cmd_legacy_dump, NULL },
	{ "legacy notify-info", "PF VF", "Show where the doorbells of a VF are", 2, 2, 0, false,
			cmd_legacy_notify_info, NULL },
	{ "guest add",
			"PF VF --vhost-user SOCKET [--server|--client] [--queues N] [--mac MAC] "
			"[--mode MODE] [--doorbell D] | PF VF --vfio-user SOCKET --variant V "
			"[--owner USER] [--group GROUP] [--socket-mode MODE]",
			"Give a VF to a guest, and print the options for QEMU", 2, 2,
			OPT_VFIO_USER | OPT_VARIANT | OPT_VHOST_USER | OPT_SERVER | OPT_CLIENT |
					OPT_QUEUES | OPT_MAC | OPT_MODE | OPT_DOORBELL | OPT_OWNER |
					OPT_GROUP | OPT_SOCKET_MODE,
			true, cmd_guest_add, guest_add_more },
	{ "guest list", "[PF]", "Show the guests on VFs, and what each does", 0, 1, 0, true,
			cmd_guest_list, NULL },
	{ "guest show", "PF VF", "Show a guest: mode and why, doorbells, interrupts, features", 2,
			2, 0, true, cmd_guest_show, NULL },
	{ "guest stats", "PF VF", "Show the counters of a guest and its queues", 2, 2, 0, true,
			cmd_guest_stats, NULL },
	{ "guest remove", "PF VF", "End a guest, and close its VF", 2, 2, 0, true, cmd_guest_remove,
			NULL },
	{ "guest health", "", "Show the state of vsr-bridge; exit code 1 if a guest has a problem",
			0, 0, 0, true, cmd_guest_health, NULL },
	{ "guest events", "--follow", "Show events about guests as they happen", 0, 0, OPT_FOLLOW,
			true, cmd_events, NULL },
	{ "token", "PF [--rotate] [--token UUID]", "Show or change the VF token of a PF", 1, 1,
			OPT_ROTATE | OPT_TOKEN, false, cmd_token, NULL },
	{ "health", "", "Show the state of vsrd and its PFs; exit code 1 if there is a problem", 0,
			0, 0, false, cmd_health, NULL },
	{ "events", "--follow", "Show events about PFs and VFs as they happen", 0, 0, OPT_FOLLOW,
			false, cmd_events, NULL },
	{ "top", "PF [--count N]", "Show the VFs of a PF each second: packets, doorbells, admin", 1,
			1, OPT_COUNT, false, cmd_top, NULL },
	{ "version", "", "Show the versions of vsrctl and vsrd", 0, 0, 0, false, cmd_version,
			NULL },
};

#define NB_CMDS (sizeof(cmds) / sizeof(cmds[0]))

static void
print_cmd(const struct ctl_cmd *cmd)
{
	printf("  %s%s%s\n", cmd->path, cmd->args[0] != '\0' ? " " : "", cmd->args);
	printf("      %s\n", cmd->help);
}

static void
print_help(void)
{
	printf("usage: vsrctl [OPTIONS] COMMAND\n\n");
	for (size_t i = 0; i < NB_CMDS; i++)
		print_cmd(&cmds[i]);
	printf("\noptions:\n"
	       "  --json            print one JSON object instead of text\n"
	       "  --sysfs DIR       root of sysfs (default: $VSR_SYSFS, else /sys)\n"
	       "  --socket PATH     socket of vsrd (default: " RPC_SOCKET
	       " beside the tokens), or, for\n"
	       "                    guest commands, of vsr-bridge (default: " RPC_BRIDGE_SOCKET
	       ")\n"
	       "  --token UUID      VF token to set (default: a new random one)\n"
	       "  --rotate          set a new token\n"
	       "  --sriov-ids FILE  devices whose SR-IOV is forbidden or permitted, without vsrd\n"
	       "  --group self|sriov, --member N, --result-len N\n"
	       "                    of a raw command (default: self, 0, 0)\n"
	       "  --area common|net legacy registers (default: common)\n"
	       "  --count N         print N times, then stop\n"
	       "  --vhost-user SOCKET, --server, --client, --queues N, --mac MAC, --mode MODE,\n"
	       "  --doorbell D, --vfio-user SOCKET, --variant V, --owner USER, --group GROUP,\n"
	       "  --socket-mode MODE\n"
	       "                    of a guest: see vsrctl guest add --help\n"
	       "  --help            print this, or the help of a command\n\n"
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

/* Help of the commands that begin with these words; of all, if none does. */
static int
print_help_of(int nb_words, char *const words[])
{
	bool found = false;

	for (size_t i = 0; nb_words != 0 && i < NB_CMDS; i++) {
		const size_t first = strcspn(cmds[i].path, " ");
		const bool group = nb_words == 1 && strlen(words[0]) == first &&
				memcmp(cmds[i].path, words[0], first) == 0;

		if (!group && match_path(cmds[i].path, nb_words, words) == 0)
			continue;
		if (!found)
			printf("usage: vsrctl [OPTIONS] COMMAND\n\n");
		found = true;
		print_cmd(&cmds[i]);
		if (cmds[i].more != NULL && nb_words > 1)
			fputs(cmds[i].more, stdout);
	}
	if (!found)
		print_help();
	return CTL_OK;
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
	{ "--vhost-user", OPT_VHOST_USER },
	{ "--server", OPT_SERVER },
	{ "--client", OPT_CLIENT },
	{ "--queues", OPT_QUEUES },
	{ "--mac", OPT_MAC },
	{ "--doorbell", OPT_DOORBELL },
	{ "--socket-mode", OPT_SOCKET_MODE },
	{ "--vfio-user", OPT_VFIO_USER },
	{ "--variant", OPT_VARIANT },
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
	const char *const values[] = { ctl->token, ctl->group, ctl->area, ctl->owner, ctl->mode,
		ctl->vhost_user, ctl->queues, ctl->mac, ctl->doorbell, ctl->socket_mode,
		ctl->vfio_user, ctl->variant };
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

/* The socket of the daemon that the command needs. */
static void
set_daemon(struct ctl *ctl, bool bridge)
{
	static char socket[PATH_MAX];

	ctl->daemon = bridge ? CTL_BRIDGE : CTL_OWNER;
	if (ctl->socket != NULL)
		return;
	snprintf(socket, sizeof(socket), "%s/%s", ctl->host.run_dir,
			bridge ? RPC_BRIDGE_SOCKET : RPC_SOCKET);
	ctl->socket = socket;
}

static int
run(struct ctl *ctl, unsigned int given, int nb_words, char *const words[])
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
		set_daemon(ctl, cmd->bridge);
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
	{ "vhost-user", required_argument, NULL, 'v' },
	{ "server", no_argument, NULL, 'E' },
	{ "client", no_argument, NULL, 'C' },
	{ "queues", required_argument, NULL, 'q' },
	{ "mac", required_argument, NULL, 'A' },
	{ "doorbell", required_argument, NULL, 'd' },
	{ "socket-mode", required_argument, NULL, 'O' },
	{ "vfio-user", required_argument, NULL, 'V' },
	{ "variant", required_argument, NULL, 'x' },
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
	case 'v':
		ctl->vhost_user = optarg;
		return OPT_VHOST_USER;
	case 'E':
		ctl->server = true;
		return OPT_SERVER;
	case 'C':
		ctl->client = true;
		return OPT_CLIENT;
	case 'q':
		ctl->queues = optarg;
		return OPT_QUEUES;
	case 'A':
		ctl->mac = optarg;
		return OPT_MAC;
	case 'd':
		ctl->doorbell = optarg;
		return OPT_DOORBELL;
	case 'O':
		ctl->socket_mode = optarg;
		return OPT_SOCKET_MODE;
	case 'V':
		ctl->vfio_user = optarg;
		return OPT_VFIO_USER;
	case 'x':
		ctl->variant = optarg;
		return OPT_VARIANT;
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
	bool help = false;
	unsigned int given = 0;
	struct err err;
	int opt, code;

	pf_host_init(&ctl.host);
	ctl.host.note = note;
	opterr = 0;
	while ((opt = getopt_long(argc, argv, ":h", options, NULL)) != -1) {
		if (opt == 'h') {
			help = true;
			continue;
		}
		if (opt == ':')
			return usage("%s needs a value", argv[optind - 1]);
		if (opt == '?')
			return usage("unknown option %s", argv[optind - 1]);
		given |= note_option(&ctl, opt, &ids);
	}
	if (help)
		return print_help_of(argc - optind, argv + optind);
	if (idtable_read(&ctl.host.ids, ids, &err) != 0)
		return ctl_refuse(&ctl, "%s", err.text);
	code = run(&ctl, given, argc - optind, argv + optind);
	idtable_free(&ctl.host.ids);
	return code;
}
