/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsr-sim: simulates a machine with a virtio SR-IOV NIC. This file lists the subcommands. */

#include <stdio.h>
#include <string.h>

#include "cli.h"

static const struct cli_cmd *const cmds[] = {
	&cmd_serve,
	&cmd_run,
	&cmd_stats,
	&cmd_link,
	&cmd_mac,
	&cmd_mtu,
	&cmd_break,
	&cmd_wire,
	&cmd_fault,
	&cmd_attach,
	&cmd_detach,
	&cmd_stop,
	&cmd_list,
};
#define NB_CMDS (sizeof(cmds) / sizeof(cmds[0]))

static void
help(FILE *out)
{
	fprintf(out,
			"Usage: vsr-sim COMMAND [OPTIONS]\n\n"
			"Simulates a machine with a virtio-net SR-IOV NIC, its sysfs and its VFIO. DPDK\n"
			"programs run on it unchanged.\n\n"
			"Commands (help: vsr-sim COMMAND --help):\n");
	for (size_t i = 0; i < NB_CMDS; i++)
		fprintf(out, "  %-7s %s\n", cmds[i]->name, cmds[i]->help);
	fprintf(out,
			"\nA simulator has one directory: --dir DIR, else $VSR_SIM_DIR, else\n"
			"$XDG_RUNTIME_DIR/vsr-sim, else /run/vsr-sim.\n\n"
			"A first run, in two terminals:\n"
			"  vsr-sim serve --wire pf=gen:\n"
			"  vsr-sim run -- dpdk-testpmd -l 0,1 -a 0000:01:00.0 -- --forward-mode=io -i\n\n"
			"Exit codes: 0 done, 1 refused or failed, 2 wrong command line. vsr-sim run returns\n"
			"the exit code of its command.\n");
}

int
main(int argc, char **argv)
{
	struct cli_args args = { .next = 2, .argc = argc, .argv = argv };
	const char *name = argc > 1 ? argv[1] : "";

	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
		help(stdout);
		return CLI_OK;
	}
	if (strcmp(name, "--version") == 0) {
		printf("vsr-sim %s\n", VSR_VERSION);
		return CLI_OK;
	}
	for (size_t i = 0; i < NB_CMDS; i++) {
		if (strcmp(name, cmds[i]->name) == 0) {
			args.cmd = cmds[i];
			return cmds[i]->run(&args);
		}
	}
	if (name[0] == '\0') {
		help(stderr);
		return CLI_USAGE;
	}
	fprintf(stderr, "vsr-sim: unknown command %s (see vsr-sim --help)\n", name);
	return CLI_USAGE;
}
