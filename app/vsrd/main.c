/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrd, the daemon that owns PFs: command line, start and stop. */

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_limits.h"
#include "base/base_path.h"

#include "daemon/fdstore.h"
#include "daemon/log.h"
#include "daemon/options.h"
#include "vsrd/api/vsrd.h"

static const char help[] =
		"usage: vsrd [OPTIONS]\n\n"
		"Own virtio-net PFs: create their VFs, use their admin queues, serve vsrctl.\n\n"
		"  --pf BDF|all       PF to own; may be repeated. all: every PF bound to vfio-pci\n"
		"  --sysfs DIR        root of sysfs (default: $VSR_SYSFS, else /sys)\n"
		"  --run-dir DIR      folder of tokens and socket (default: $VSR_RUN_DIR, else /run/vsr)\n"
		"  --socket PATH      socket (default: vsrd.sock in that folder)\n"
		"  --socket-owner USER, --socket-group GROUP, --socket-mode MODE\n"
		"                     of the socket (default: vsrd's own, mode 0600, or 0666 with\n"
		"                     --allow-uid)\n"
		"  --allow-uid UID    user that is served, besides root and vsrd's own; may be repeated\n"
		"  --sriov-ids FILE   devices whose SR-IOV is forbidden, or permitted without the feature\n"
		"  --log WHERE        stderr (default) or syslog\n"
		"  --version, --help\n";

struct options {
	const char *pfs[OWNER_MAX_PFS];
	unsigned int nb_pfs;
	const char *ids;
	struct server_conf server;
	struct options_shared shared;
};

static struct vsrd vsrd;

/* ---------------------------------------------------------------- command line */

/* @return OPTIONS_GO_ON or the exit code. */
static int
parse_own(void *arg, int opt, char *value)
{
	struct options *options = arg;
	struct pf_host *host = &vsrd.owner.host;

	switch (opt) {
	case 'p':
		if (options->nb_pfs == OWNER_MAX_PFS)
			return options_usage("vsrd", "too many --pf options", "");
		options->pfs[options->nb_pfs++] = value;
		return OPTIONS_GO_ON;
	case 's':
		host->sysfs = value;
		return OPTIONS_GO_ON;
	case 'r':
		host->run_dir = value;
		return OPTIONS_GO_ON;
	default: /* 'i' */
		options->ids = value;
		return OPTIONS_GO_ON;
	}
}

static int
parse(struct options *options, int argc, char **argv)
{
	static const struct option longs[] = {
		{ "pf", required_argument, NULL, 'p' },
		{ "sysfs", required_argument, NULL, 's' },
		{ "run-dir", required_argument, NULL, 'r' },
		{ "sriov-ids", required_argument, NULL, 'i' },
		OPTIONS_ROWS,
		{ NULL, 0, NULL, 0 },
	};

	options->shared = (struct options_shared){ .name = "vsrd",
		.version = VSR_VERSION,
		.help = help,
		.server = &options->server };
	return options_parse(&options->shared, argc, argv, longs, parse_own, options);
}

/* ---------------------------------------------------------------- PFs to own at the start */

static void
attach_one(const char *name)
{
	json_t *users;
	struct err err;
	int ret = owner_attach(&vsrd.owner, name, &users, &err);

	/* The PF may be attached later: start without it. */
	if (ret != 0 && ret != -EEXIST)
		log_error("%s", err.text);
	json_decref(users);
}

static void
attach_all(void)
{
	struct sysfs_fn *fns;
	const int nb = sysfs_list(vsrd.owner.host.sysfs, &fns);

	for (int i = 0; i < nb; i++)
		if (fns[i].has_sriov && strcmp(fns[i].driver, "vfio-pci") == 0)
			attach_one(fns[i].bdf);
	if (nb > 0)
		free(fns);
}

static void
take_pfs(const struct options *options)
{
	struct fdstore store;

	fdstore_inherit(&store);
	if (owner_adopt(&vsrd.owner, &store) != 0)
		log_info("took over the PFs of the last run");
	fdstore_drop_rest(&store);
	for (unsigned int i = 0; i < options->nb_pfs; i++) {
		if (strcmp(options->pfs[i], "all") == 0)
			attach_all();
		else
			attach_one(options->pfs[i]);
	}
}

/* ---------------------------------------------------------------- start, stop */

/* Everything that touches no device. */
static int
prepare(struct options *options, struct err *err)
{
	static char path[PATH_MAX];
	struct pf_host *host = &vsrd.owner.host;
	struct timespec now;
	int ret, folder;

	clock_gettime(CLOCK_MONOTONIC, &now);
	vsrd.started = now.tv_sec;
	base_files_raise();
	folder = base_folder_open(host->run_dir, true);
	if (folder < 0)
		return err_set(err, folder, "cannot use the folder %s: %s", host->run_dir,
				base_path_error(folder));
	close(folder);
	snprintf(path, sizeof(path), "%s/%s", host->run_dir, RPC_SOCKET);
	if (options->server.path == NULL)
		options->server.path = path;
	options->server.methods = vsrd_methods;
	options->server.daemon = &vsrd;
	options->server.name = "vsrd";
	options->server.ending = &vsrd.owner.stopping;
	options->server.has_state = vsrd_client_has_state;
	options->server.on_leave = vsrd_client_left;
	ret = idtable_read(&host->ids, options->ids, err);
	return ret == 0 ? memory_init(err) : ret;
}

/* The start has a thread of its own: a PF that hangs must not keep vsrd from its end. */
struct starter {
	struct options *options;
	struct err err;
	int ret;
	int done; /* Event descriptor: ret is valid. */
	pthread_t thread;
};

static void *
start_main(void *arg)
{
	struct starter *starter = arg;

	take_pfs(starter->options);
	vsrd.server = server_start(&starter->options->server, &starter->err);
	starter->ret = vsrd.server != NULL ? 0 : -EADDRINUSE;
	if (starter->ret == 0) {
		log_info("vsrd %s answers on %s", VSR_VERSION, starter->options->server.path);
		fdstore_notify("READY=1");
	}
	eventfd_write(starter->done, 1);
	return NULL;
}

static int
start(struct starter *starter, struct err *err)
{
	int ret = prepare(starter->options, err);

	if (ret != 0)
		return ret;
	starter->done = eventfd(0, EFD_CLOEXEC);
	if (starter->done < 0)
		return err_set(err, -errno, "cannot create an event descriptor");
	ret = -pthread_create(&starter->thread, NULL, start_main, starter);
	return ret == 0 ? 0 : err_set(err, ret, "cannot start a thread: %s", strerror(-ret));
}

/* Wait for a signal, or for a start that failed. @return exit code. */
static int
run(int signal_fd, struct starter *starter)
{
	struct pollfd wait[2] = { { .fd = signal_fd, .events = POLLIN },
		{ .fd = starter->done, .events = POLLIN } };

	for (;;) {
		if (poll(wait, 2, -1) < 0)
			continue;
		if (wait[0].revents != 0)
			break;
		wait[1].fd = -1;
		if (starter->ret != 0) {
			log_error("%s", starter->err.text);
			return EXIT_FAILURE;
		}
	}
	fdstore_notify("STOPPING=1");
	log_info("stopping");
	return EXIT_SUCCESS;
}

static bool
starter_end(struct starter *starter)
{
	const struct timespec end = base_deadline(SERVER_STOP_MS);

	return pthread_clockjoin_np(starter->thread, NULL, CLOCK_MONOTONIC, &end) == 0;
}

/*
 * Each step runs, whatever became of those before: one call that hangs in the kernel must not leave
 * PFs running. A thread that is left behind finds all gates closed, and a PF
 * that it is inside of is left as it is. The steps end before the keeper (STOP_MS) and systemd
 * (TimeoutStopSec=) lose their patience: 6 + 6 s, then 7 s for the keeper, 4 s for all PFs.
 * @return false: something that was begun does not end.
 */
static bool
stop(struct starter *starter)
{
	bool started, all;

	owner_stop(&vsrd.owner);
	started = all = starter_end(starter);
	/* A start that hangs has not come to the server. */
	all = server_stop(started ? vsrd.server : NULL) && all;
	return owner_leave(&vsrd.owner) && all;
}

int
main(int argc, char **argv)
{
	static struct options options = { .server.access = { .uid = (uid_t)-1, .gid = (gid_t)-1 } };
	static struct starter starter = { .options = &options };
	sigset_t signals;
	struct err err;
	int code, signal_fd;

	log_to_stderr("vsrd");
	owner_init(&vsrd.owner);
	code = parse(&options, argc, argv);
	if (code != OPTIONS_GO_ON)
		return code;
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	/* Threads inherit this mask: only the main loop receives signals. */
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	if (signal_fd < 0 || start(&starter, &err) != 0) {
		log_error("%s", signal_fd < 0 ? "cannot create a signal descriptor" : err.text);
		return EXIT_FAILURE;
	}
	code = run(signal_fd, &starter);
	if (!stop(&starter)) {
		log_warn("ending although not everything has come to an end");
		_exit(EXIT_FAILURE);
	}
	idtable_free(&vsrd.owner.host.ids);
	return code;
}
