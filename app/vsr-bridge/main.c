/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsr-bridge, the process that has guests on VFs: command line, start and stop. */

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/base_path.h"
#include "daemon/budget.h"
#include "daemon/fdstore.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "daemon/rpc_proto.h"

#include "vsr-bridge/api/bridge_methods.h"
#include "vsr-bridge/guest/eal.h"
#include "vsr-bridge/guest/guests.h"

#define NAME "vsr-bridge"
#define MEMORY_MIB 256

static const char help[] =
		"usage: vsr-bridge [OPTIONS]\n\n"
		"Give VFs of virtio NICs to guests, through vhost-user or vfio-user. vsrd owns the PFs and\n"
		"has the tokens of their VFs; vsr-bridge opens VFs, and a guest reaches nothing else. Add\n"
		"a guest with vsrctl guest add, which prints the options for QEMU.\n\n"
		"  --run-dir DIR      folder of the sockets (default: $VSR_RUN_DIR, else /run/vsr)\n"
		"  --socket PATH      socket (default: vsr-bridge.sock in that folder)\n"
		"  --owner-socket PATH\n"
		"                     socket of vsrd (default: vsrd.sock in that folder)\n"
		"  --state FILE       guests for the next run (default: guests.json in that folder)\n"
		"  --socket-owner USER, --socket-group GROUP, --socket-mode MODE\n"
		"                     of the socket (default: vsr-bridge's own, mode 0600, or 0666 with\n"
		"                     --allow-uid)\n"
		"  --allow-uid UID    user that is served, besides root and vsr-bridge's own; may be\n"
		"                     repeated\n"
		"  --guest-memory MIB memory that one guest may share (default: half of that of the machine)\n"
		"  --memory MIB       memory for queues, taken from the machine when used (default: 256)\n"
		"  --log WHERE        stderr (default) or syslog\n"
		"  --version, --help\n";

struct options {
	const char *run_dir;
	struct guests_conf guests;
	uint64_t memory, guest_memory; /* Bytes; the latter 0: the default. */
	struct server_conf server;
	struct options_shared shared;
};

static struct bridge bridge;

/* ---------------------------------------------------------------- command line */

/* @return OPTIONS_GO_ON or the exit code. */
static int
parse_own(void *arg, int opt, char *value)
{
	struct options *options = arg;

	switch (opt) {
	case 'r':
		options->run_dir = value;
		return OPTIONS_GO_ON;
	case 'O':
		options->guests.vsrd = value;
		return OPTIONS_GO_ON;
	case 'f':
		options->guests.state = value;
		return OPTIONS_GO_ON;
	case 'g':
		if (options_mib(value, &options->guest_memory) != 0)
			return options_usage(NAME, "--guest-memory takes a number of MiB, not ",
					value);
		return OPTIONS_GO_ON;
	default: /* 'M' */
		if (options_mib(value, &options->memory) != 0)
			return options_usage(NAME, "--memory takes a number of MiB, not ", value);
		return OPTIONS_GO_ON;
	}
}

static int
parse(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "run-dir", required_argument, NULL, 'r' },
		{ "owner-socket", required_argument, NULL, 'O' },
		{ "state", required_argument, NULL, 'f' },
		{ "memory", required_argument, NULL, 'M' },
		{ "guest-memory", required_argument, NULL, 'g' },
		OPTIONS_ROWS,
		{ NULL, 0, NULL, 0 },
	};

	options->shared = (struct options_shared){ .name = NAME,
		.version = VSR_VERSION,
		.help = help,
		.server = &options->server };
	return options_parse(&options->shared, argc, argv, longs, parse_own, options);
}

/* ---------------------------------------------------------------- start, stop */

/* Paths that were not given are in the folder of the sockets. */
static void
default_paths(struct options *options)
{
	static char paths[4][PATH_MAX];
	static const char *const names[] = { RPC_BRIDGE_SOCKET, RPC_SOCKET, "guests.json",
		"guests" };
	const char **places[] = { &options->server.path, &options->guests.vsrd,
		&options->guests.state, &options->guests.folder };

	if (options->run_dir == NULL)
		options->run_dir = getenv("VSR_RUN_DIR");
	if (options->run_dir == NULL || options->run_dir[0] == '\0')
		options->run_dir = "/run/vsr";
	for (int i = 0; i < 4; i++) {
		if (*places[i] != NULL)
			continue;
		snprintf(paths[i], sizeof(paths[i]), "%s/%s", options->run_dir, names[i]);
		*places[i] = paths[i];
	}
}

static int
start(struct options *options, struct err *err)
{
	const struct budget budget = budget_of_process(options->guest_memory);
	struct timespec now;
	int ret, folder;

	clock_gettime(CLOCK_MONOTONIC, &now);
	bridge.started = now.tv_sec;
	default_paths(options);
	budget_set(&budget);
	folder = base_folder_open(options->run_dir, true);
	if (folder < 0)
		return err_set(err, folder, "cannot use the folder %s: %s", options->run_dir,
				base_path_error(folder));
	close(folder);
	ret = eal_start((unsigned int)(options->memory >> 20), err);
	if (ret == 0)
		ret = guests_start(&options->guests, err);
	if (ret != 0)
		return ret;
	options->server.name = NAME;
	options->server.methods = bridge_methods;
	options->server.daemon = &bridge;
	bridge.server = server_start(&options->server, err);
	return bridge.server != NULL ? 0 : -EADDRINUSE;
}

static bool
stop(void)
{
	fdstore_notify("STOPPING=1");
	log_info("stopping");
	return server_stop(bridge.server) && guests_stop();
}

int
main(int argc, char **argv)
{
	static struct options options = { .memory = (uint64_t)MEMORY_MIB << 20,
		.server.access = { .uid = (uid_t)-1, .gid = (gid_t)-1 } };
	struct signalfd_siginfo info;
	struct fdstore store;
	sigset_t signals;
	struct err err;
	int code, signal_fd;

	log_to_stderr(NAME);
	code = parse(&options, argc, argv);
	if (code != OPTIONS_GO_ON)
		return code;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	/* Threads inherit this mask: only this one receives signals. */
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	/* Nothing is kept between two runs: the state is in a file. */
	fdstore_inherit(&store);
	fdstore_drop_rest(&store);
	if (signal_fd < 0 || start(&options, &err) != 0) {
		log_error("%s", signal_fd < 0 ? "cannot create a signal descriptor" : err.text);
		_exit(EXIT_FAILURE); /* threads may run */
	}
	log_info(NAME " %s answers on %s", VSR_VERSION, options.server.path);
	fdstore_notify("READY=1");
	while (read(signal_fd, &info, sizeof(info)) < 0 && errno == EINTR)
		;
	if (!stop()) {
		log_warn("ending although not everything has come to an end");
		_exit(EXIT_FAILURE);
	}
	_exit(EXIT_SUCCESS); /* threads of DPDK have no end of their own */
}
