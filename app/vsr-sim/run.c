/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsr-sim run: start a command that uses the simulated host. */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/base_path.h"
#include "cli.h"

#define PRELOAD "libvsr_vfio.so"
#define PRELOAD_LINK "preload.so" /* Not the name of the library: DIR may be its folder. */

static const struct cli_opt opts[] = { CLI_OPT_DIR_ROW, { 0 } };

/* Find the library: next to this program (build tree), else in the library folder (installed). */
static bool
find_preload(char *out, size_t len)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
	char *slash;

	if (n > 0) {
		exe[n] = '\0';
		slash = strrchr(exe, '/');
		if (slash != NULL) {
			*slash = '\0';
			if ((size_t)snprintf(out, len, "%s/" PRELOAD, exe) < len &&
					access(out, R_OK) == 0)
				return true;
		}
	}
	return (size_t)snprintf(out, len, "%s/" PRELOAD, VSR_LIBDIR) < len &&
			access(out, R_OK) == 0;
}

/**
 * A path in LD_PRELOAD ends at a space or a colon. Replace such a path by that of a symbolic link
 * in the directory of the simulated host. The link is renamed into place, because another run may
 * use the link. The link is never removed: a command may outlive the simulator and start others.
 */
static int
link_preload(const char *dir, char *lib, size_t len)
{
	char path[SIM_PATH_MAX + 32], fresh[SIM_PATH_MAX + 64];
	int ret = -1, folder;

	if (strpbrk(lib, " :") == NULL)
		return CLI_OK;
	snprintf(path, sizeof(path), "%s/" PRELOAD_LINK, dir);
	if (strpbrk(path, " :") != NULL)
		return cli_refuse("the dynamic loader takes no path with a space or a colon, as %s "
				  "is: choose another directory with --dir",
				path);
	/* A user who can write to the directory decides which code the command loads. */
	folder = base_folder_open(dir, false);
	if (folder < 0)
		return cli_refuse("%s must belong to this user and must not be writable for other "
				  "users: choose another directory with --dir",
				dir);
	close(folder);
	/* A run that was killed, or one with the same pid elsewhere, may have left the name. */
	for (unsigned int n = 0; ret != 0 && n < 100; n++) {
		snprintf(fresh, sizeof(fresh), "%s.%d.%u", path, getpid(), n);
		ret = symlink(lib, fresh);
		if (ret != 0 && errno != EEXIST)
			break;
	}
	if (ret != 0)
		return cli_refuse("cannot make the link %s: %s", fresh, strerror(errno));
	if (rename(fresh, path) != 0) {
		int err = errno;

		unlink(fresh);
		return cli_refuse("cannot make the link %s: %s", path, strerror(err));
	}
	snprintf(lib, len, "%s", path);
	return CLI_OK;
}

static int
set_environment(const char *dir)
{
	char path[SIM_PATH_MAX + 32], lib[PATH_MAX], *preload;
	const char *old = getenv("LD_PRELOAD");

	if (!find_preload(lib, sizeof(lib)))
		return cli_refuse("cannot find " PRELOAD " next to this program or in %s: build or "
				  "install it first",
				VSR_LIBDIR);
	if (link_preload(dir, lib, sizeof(lib)) != CLI_OK)
		return CLI_REFUSED;
	if (asprintf(&preload, "%s%s%s", lib, old != NULL && old[0] != '\0' ? ":" : "",
			    old != NULL ? old : "") < 0)
		return cli_refuse("out of memory");
	setenv("LD_PRELOAD", preload, 1);
	free(preload);

	snprintf(path, sizeof(path), "%s/" SIM_SYS, dir);
	setenv("VSR_SYSFS", path, 1);
	snprintf(path, sizeof(path), "%s/" SIM_SYS "/bus/pci/devices", dir);
	setenv("SYSFS_PCI_DEVICES", path, 1);
	snprintf(path, sizeof(path), "%s/" SIM_HOST, dir);
	setenv("VSR_SIM_HOST", path, 1);
	setenv("VSR_SIM_DIR", dir, 1);
	/* VF tokens of simulated PFs must not replace those of real PFs. */
	snprintf(path, sizeof(path), "%s/run", dir);
	setenv("VSR_RUN_DIR", path, 0);
	return CLI_OK;
}

static int
run(struct cli_args *args)
{
	const char *asked = NULL;
	char dir[SIM_DIR_MAX];
	int opt, owned, err;

	while ((opt = cli_next(args)) > 0)
		asked = args->value;
	if (opt == CLI_BAD)
		return CLI_USAGE;
	if (opt == CLI_HELP)
		return CLI_OK;
	if (opt == CLI_END)
		return cli_usage(args, "missing command to run");
	if (!sim_dir(asked, dir))
		return CLI_REFUSED;
	owned = sim_dir_owned(dir);
	if (owned < 0)
		return cli_refuse("cannot read %s: %s", dir, strerror(-owned));
	if (owned == 0)
		return cli_refuse("no simulator runs in %s: start one with vsr-sim serve", dir);
	err = set_environment(dir);
	if (err != CLI_OK)
		return err;
	/* cli_next() has passed the first word, which is the command. */
	execvp(args->argv[args->next - 1], &args->argv[args->next - 1]);
	err = errno;
	cli_refuse("cannot run %s: %s", args->argv[args->next - 1], strerror(err));
	return err == ENOENT ? 127 : 126;
}

const struct cli_cmd cmd_run = {
	.name = "run",
	.args = "[--dir DIR] -- COMMAND [ARGUMENTS]",
	.help = "Run a command on the simulated machine",
	.opts = opts,
	.notes = "Sets SYSFS_PCI_DEVICES, VSR_SYSFS, VSR_SIM_HOST, LD_PRELOAD and, if it is not\n"
		 "set, VSR_RUN_DIR, then executes the command. Put wrappers such as timeout before\n"
		 "it: timeout 60 vsr-sim run -- COMMAND.\n\n"
		 "  vsr-sim run -- dpdk-testpmd -l 0,1 -a 0000:01:00.0 -- -i\n"
		 "  vsr-sim run -- vsrctl list\n",
	.run = run,
};
