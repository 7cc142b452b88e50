/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * vsr-sim serve: start a simulator and run it until it is stopped.
 *
 * It locks the directory, creates the host and the NIC, opens the interfaces (sysfs, VFIO,
 * control), waits for the end, and removes all in reverse order.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef VSR_HAVE_NUMA
#include <numa.h>
#endif

#include "base/base_limits.h"
#include "base/base_path.h"

#include "ctl.h"
#include "sysfs/sysfs.h"
#include "serve.h"

/* Open files: of the simulator itself, and of a function in use, without its vectors. */
#define FILES_OWN 64
#define FILES_PER_FN 8

struct serve {
	struct serve_conf conf;
	char fn_dir[SIM_PATH_MAX], sys_dir[SIM_PATH_MAX];
	int lock_fd, signal_fd;
	struct host *host;
	struct nic *nic;
	struct sysfs *sysfs;
	struct ctl *ctl;
	bool vfio_runs, stop;
};

/* ---------------------------------------------------------------- directory */

/* A process that can open files of the directory controls the simulator: no other user may. */
static int
take_dir(struct serve *serve)
{
	const char *dir = serve->conf.dir;
	char path[SIM_PATH_MAX], pid[16] = "";
	ssize_t n;
	int folder = base_folder_open(dir, true);

	if (folder == -EPERM || folder == -ENOTDIR)
		return cli_refuse(
				"%s must be a directory of this user, without write access for others: "
				"choose another with --dir",
				dir);
	if (folder < 0)
		return cli_refuse("cannot open the directory %s: %s", dir, strerror(-folder));
	close(folder);
	serve->lock_fd = open(sim_path(dir, SIM_LOCK, path),
			O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (serve->lock_fd < 0)
		return cli_refuse("cannot write in %s: %s", dir, strerror(errno));
	if (flock(serve->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		n = read(serve->lock_fd, pid, sizeof(pid) - 1);
		pid[n > 0 ? strcspn(pid, "\n") : 0] = '\0';
		return cli_refuse("a simulator runs in %s already%s%s: end it with vsr-sim stop, "
				  "or choose another directory with --dir",
				dir, pid[0] != '\0' ? " as process " : "", pid);
	}
	if (ftruncate(serve->lock_fd, 0) != 0 || dprintf(serve->lock_fd, "%d\n", getpid()) < 0)
		return cli_refuse("cannot write in %s: %s", dir, strerror(errno));
	return CLI_OK;
}

static void
remove_sockets(const char *fn_dir)
{
	DIR *dir = opendir(fn_dir);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len > 5 && strcmp(entry->d_name + len - 5, ".sock") == 0)
			unlinkat(dirfd(dir), entry->d_name, 0);
	}
	closedir(dir);
}

/* The lock is held: other files in the directory are of a killed simulator. */
static int
clean_dir(struct serve *serve)
{
	int ret = sysfs_clean(serve->sys_dir);

	if (ret != 0)
		return cli_refuse("cannot unmount %s, left by a simulator that was killed: %s",
				serve->sys_dir, strerror(-ret));
	remove_sockets(serve->fn_dir);
	if ((mkdir(serve->sys_dir, 0700) != 0 && errno != EEXIST) ||
			(mkdir(serve->fn_dir, 0700) != 0 && errno != EEXIST))
		return cli_refuse("cannot create a directory in %s: %s", serve->conf.dir,
				strerror(errno));
	return CLI_OK;
}

static void
leave_dir(struct serve *serve)
{
	remove_sockets(serve->fn_dir);
	rmdir(serve->fn_dir);
	rmdir(serve->sys_dir);
	if (serve->lock_fd >= 0) {
		/* Keep the file: if it were removed, two simulators could lock different files. */
		if (ftruncate(serve->lock_fd, 0) != 0)
			cli_refuse("cannot write in %s: %s", serve->conf.dir, strerror(errno));
		close(serve->lock_fd);
	}
}

/* ---------------------------------------------------------------- process */

static int
use_numa_node(int node)
{
	if (node < 0)
		return CLI_OK;
#ifdef VSR_HAVE_NUMA
	if (numa_available() >= 0 && node <= numa_max_node() &&
			numa_bitmask_isbitset(numa_all_nodes_ptr, (unsigned int)node)) {
		/* Threads inherit both; --cpu overrides the node of workers. */
		numa_run_on_node(node);
		numa_set_preferred(node);
		return CLI_OK;
	}
	return cli_refuse("this machine has no NUMA node %d", node);
#else
	return cli_refuse("--numa needs libnuma, and this vsr-sim was built without it");
#endif
}

/* A function needs some descriptors, and one more for each vector and each mapped file of its
 * program. Say at the start that not all functions can be used, rather than when one fails. */
static void
raise_file_limit(const struct nic_conf *nic)
{
	const uint64_t limit = base_files_raise();
	const uint64_t each = FILES_PER_FN + 2u * nic->queue_pairs + 2;
	const uint64_t fns = limit > FILES_OWN ? (limit - FILES_OWN) / each : 0;

	if (fns < 1u + nic->total_vfs)
		fprintf(stderr,
				"vsr-sim: warning: the limit of open files, %llu, suffices for %llu "
				"of %u functions in use: raise it with ulimit -Hn\n",
				(unsigned long long)limit, (unsigned long long)fns,
				1u + nic->total_vfs);
}

static int
watch_signals(struct serve *serve)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	/* Before threads are created, which inherit the mask. */
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	serve->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	return serve->signal_fd >= 0 ? CLI_OK :
				       cli_refuse("cannot wait for signals: %s", strerror(errno));
}

/* ---------------------------------------------------------------- start and stop */

static int
rescan(void *arg)
{
	return nic_rescan(arg);
}

static void
asked_to_stop(void *arg)
{
	struct serve *serve = arg;

	serve->stop = true;
}

static int
connect_wires(struct serve *serve)
{
	char err[256];

	for (size_t i = 0; i < serve->conf.nb_wires; i++) {
		const struct serve_wire *wire = &serve->conf.wires[i];

		for (unsigned int fn = wire->first; fn <= wire->last; fn++) {
			if (nic_wire(serve->nic, fn, wire->spec, err, sizeof(err)) != 0)
				return cli_refuse("wire %s of %s%.0u: %s", wire->spec,
						fn == 0 ? "pf" : "vf", fn, err);
		}
	}
	return CLI_OK;
}

static int
open_doors(struct serve *serve)
{
	const struct sysfs_conf sysfs_conf = {
		.host = serve->host,
		.mountpoint = serve->sys_dir,
		.numa_node = serve->conf.numa_node,
		.rescan = rescan,
		.rescan_arg = serve->nic,
	};
	char path[SIM_PATH_MAX], err[256];
	const struct ctl_conf ctl_conf = {
		.path = path,
		.dir = serve->conf.dir,
		.nic = serve->nic,
		.host = serve->host,
		.stop = asked_to_stop,
		.stop_arg = serve,
	};
	int ret;

	sim_path(serve->conf.dir, SIM_HOST, path);
	ret = host_vfio_start(serve->host, path);
	if (ret != 0)
		return cli_refuse("cannot listen on %s: %s", path, strerror(-ret));
	serve->vfio_runs = true;
	serve->sysfs = sysfs_start(&sysfs_conf, err, sizeof(err));
	if (serve->sysfs == NULL)
		return cli_refuse("%s", err);
	sim_path(serve->conf.dir, SIM_CTL, path);
	serve->ctl = ctl_create(&ctl_conf, err, sizeof(err));
	return serve->ctl != NULL ? CLI_OK : cli_refuse("%s", err);
}

static int
build(struct serve *serve)
{
	struct serve_conf *conf = &serve->conf;
	char err[256];

	conf->nic.socket_dir = serve->fn_dir;
	serve->host = host_create();
	if (serve->host == NULL)
		return cli_refuse("cannot set up the simulated host: %s", strerror(errno));
	serve->nic = nic_create(&conf->nic, err, sizeof(err));
	if (serve->nic == NULL)
		return cli_refuse("%s", err);
	if (connect_wires(serve) != CLI_OK)
		return CLI_REFUSED;
	if (nic_start(serve->nic, serve->host, conf->cpus, conf->nb_cpus, err, sizeof(err)) != 0)
		return cli_refuse("%s", err);
	return open_doors(serve);
}

static void
tear_down(struct serve *serve)
{
	ctl_destroy(serve->ctl);
	if (serve->vfio_runs)
		host_vfio_stop(serve->host);
	sysfs_stop(serve->sysfs);
	nic_destroy(serve->nic);
	host_destroy(serve->host);
	leave_dir(serve);
	if (serve->signal_fd >= 0)
		close(serve->signal_fd);
	free(serve->conf.wires);
}

/* ---------------------------------------------------------------- running */

static void
say_ready(const struct serve *serve)
{
	const struct serve_conf *conf = &serve->conf;
	const char *own = getenv("VSR_SIM_DIR");
	char other[SIM_DIR_MAX + 8] = "", default_dir[SIM_DIR_MAX];

	/* Show --dir in the commands only if the default is another directory. */
	if (!sim_dir(own, default_dir) || strcmp(default_dir, conf->dir) != 0)
		snprintf(other, sizeof(other), " --dir %s", conf->dir);
	printf("vsr-sim is ready in %s\n"
	       "  PF %s, profile %s, up to %u VFs, %u queue pairs each, rings up to %u\n"
	       "Next, in another terminal:\n",
			conf->dir, conf->pf_bdf, conf->nic.profile, conf->nic.total_vfs,
			conf->nic.queue_pairs, conf->nic.queue_size);
	if (conf->nic.sockets_only)
		printf("  connect one client, such as QEMU's vfio-user-pci, to %s/%s.sock\n",
				serve->fn_dir, conf->pf_bdf);
	else
		printf("  vsr-sim run%s -- dpdk-testpmd -a %s -- -i\n"
		       "  echo 2 > %s/bus/pci/devices/%s/sriov_numvfs\n",
				other, conf->pf_bdf, serve->sys_dir, conf->pf_bdf);
	printf("  vsr-sim stats%s\n"
	       "  vsr-sim stop%s\n",
			other, other);
	fflush(stdout);
}

static void
wait_for_end(struct serve *serve)
{
	struct pollfd fds[2] = {
		{ .fd = serve->signal_fd, .events = POLLIN },
		{ .fd = ctl_fd(serve->ctl), .events = POLLIN },
	};

	while (!serve->stop) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return;
		if (fds[0].revents != 0)
			return;
		if (fds[1].revents != 0)
			ctl_process(serve->ctl);
	}
}

/* In the background: write further messages to DIR/log. */
static int
let_go_of_terminal(const struct serve *serve, int ready_fd)
{
	char path[SIM_PATH_MAX];
	int log_fd = open(sim_path(serve->conf.dir, SIM_LOG, path),
			O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
	int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (log_fd < 0 || null_fd < 0)
		return cli_refuse("cannot write %s: %s", path, strerror(errno));
	dup2(null_fd, STDIN_FILENO);
	dup2(log_fd, STDOUT_FILENO);
	dup2(log_fd, STDERR_FILENO);
	close(log_fd);
	close(null_fd);
	if (write(ready_fd, "", 1) != 1)
		return CLI_REFUSED;
	close(ready_fd);
	return CLI_OK;
}

/* Run the simulator. ready_fd: written to when the simulator is ready; -1: foreground. */
static int
serve_here(struct serve *serve, int ready_fd)
{
	int ret;

	sim_path(serve->conf.dir, SIM_FN, serve->fn_dir);
	sim_path(serve->conf.dir, SIM_SYS, serve->sys_dir);
	umask(077);
	ret = take_dir(serve);
	if (ret != CLI_OK) {
		/* Without the lock, the directory belongs to another simulator. */
		if (serve->lock_fd >= 0)
			close(serve->lock_fd);
		free(serve->conf.wires);
		return ret;
	}
	raise_file_limit(&serve->conf.nic);
	ret = clean_dir(serve);
	if (ret == CLI_OK)
		ret = use_numa_node(serve->conf.numa_node);
	if (ret == CLI_OK)
		ret = watch_signals(serve);
	if (ret == CLI_OK)
		ret = build(serve);
	if (ret == CLI_OK) {
		say_ready(serve);
		if (ready_fd >= 0)
			ret = let_go_of_terminal(serve, ready_fd);
	}
	if (ret == CLI_OK)
		wait_for_end(serve);
	tear_down(serve);
	return ret;
}

/* Fork, and wait until the child is ready or has printed an error. */
static int
serve_in_background(struct serve *serve)
{
	int fds[2];
	pid_t pid;
	char byte;

	if (pipe2(fds, O_CLOEXEC) != 0)
		return cli_refuse("cannot create a pipe: %s", strerror(errno));
	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return cli_refuse("cannot start a background process: %s", strerror(errno));
	if (pid == 0) {
		close(fds[0]);
		setsid();
		exit(serve_here(serve, fds[1]));
	}
	close(fds[1]);
	free(serve->conf.wires);
	return read(fds[0], &byte, 1) == 1 ? CLI_OK : CLI_REFUSED;
}

static int
run(struct cli_args *args)
{
	struct serve serve = { .lock_fd = -1, .signal_fd = -1 };
	int ret = serve_parse(args, &serve.conf);

	if (ret != -1) {
		free(serve.conf.wires);
		return ret;
	}
	return serve.conf.daemon ? serve_in_background(&serve) : serve_here(&serve, -1);
}

const struct cli_cmd cmd_serve = {
	.name = "serve",
	.args = "[OPTIONS]",
	.help = "Simulate a machine with a virtio SR-IOV NIC until vsr-sim stop",
	.opts = serve_opts,
	.notes = serve_notes,
	.run = run,
};
