/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The preload: shim_child runs with it and a host of this process. VSR_SHIM is the path of the
 * library, VSR_SHIM_CHILD the path of the program.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/fixture/host_rig.h"

static char shim_dir[] = "/tmp/vsr-shim-XXXXXX";
static char shim_link[64];

struct child {
	pid_t pid;
	int in, out, err; /* ends of pipes: stdin, stdout and stderr of the child */
	char said[4096]; /* output on stderr */
};

static void
child_start(struct child *c, const char *role)
{
	int in[2], out[2], err[2];
	struct host_fn_info info;
	char group[16];

	VTEST_EQ(host_fn_info(host_rig.host, PF, &info), 0);
	snprintf(group, sizeof(group), "%d", info.group);
	VTEST_EQ(pipe2(in, O_CLOEXEC), 0);
	VTEST_EQ(pipe2(out, O_CLOEXEC), 0);
	VTEST_EQ(pipe2(err, O_CLOEXEC), 0);
	c->pid = fork();
	VTEST(c->pid >= 0);
	if (c->pid == 0) {
		dup2(in[0], STDIN_FILENO);
		dup2(out[1], STDOUT_FILENO);
		dup2(err[1], STDERR_FILENO);
		setenv("TEST_GROUP", group, 1);
		setenv("LD_PRELOAD", shim_link, 1);
		execl(getenv("VSR_SHIM_CHILD"), "shim_child", role, NULL);
		_exit(97);
	}
	close(in[0]);
	close(out[1]);
	close(err[1]);
	c->in = in[1];
	c->out = out[0];
	c->err = err[0];
}

/* Exit code of the child, minus its signal, or -999 if the child does not end. */
static int
child_end(struct child *c)
{
	struct pollfd wait = { .fd = c->err, .events = POLLIN };
	size_t len = 0;
	ssize_t got = 1;
	int status;

	while (got > 0 && len < sizeof(c->said) - 1) {
		if (poll(&wait, 1, 20000) != 1) {
			kill(c->pid, SIGKILL);
			waitpid(c->pid, &status, 0);
			return -999;
		}
		got = read(c->err, c->said + len, sizeof(c->said) - 1 - len);
		len += got > 0 ? got : 0;
	}
	c->said[len] = '\0';
	waitpid(c->pid, &status, 0);
	close(c->in);
	close(c->out);
	close(c->err);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Run a role on a new host. want: exit code, or minus a signal. */
static void
play(const char *role, int want, const char *saying)
{
	struct child c;
	int ret;

	host_rig_up();
	child_start(&c, role);
	ret = child_end(&c);
	if (ret != want || (saying == NULL ? c.said[0] != '\0' : strstr(c.said, saying) == NULL))
		printf("# %s: %d, said: %s\n", role, ret, c.said);
	VTEST_EQ(ret, want);
	if (saying == NULL)
		VTEST_EQ(c.said[0], '\0');
	else
		VTEST(strstr(c.said, saying) != NULL);
	/* The child left no state in the host. */
	VTEST_EQ(t_nb_open(PF), 0);
	host_rig_down();
}

static void
registers_of_all_widths(void)
{
	play("registers", 0, NULL);
}

static void
threads_share_the_registers(void)
{
	play("threads", 0, NULL);
}

static void
real_faults_reach_the_program(void)
{
	play("real_faults", 0, NULL);
}

static void
nothing_blocks_a_register_access(void)
{
	play("blocked", 0, NULL);
}

static void
signal_handlers_may_touch_registers(void)
{
	play("storm", 0, NULL);
}

static void
real_fault_without_handler_ends_the_program(void)
{
	play("die_real", -SIGSEGV, NULL);
}

static void
unknown_instruction_is_named(void)
{
	play("die_unknown", -SIGSEGV, "arithmetic are known): f7 1");
}

static void
old_bar_addresses_are_no_registers(void)
{
	play("die_stale", -SIGSEGV, NULL);
}

static void
children_have_connections_of_their_own(void)
{
	play("forked", 0, NULL);
}

static void
secondary_gets_container_and_group_by_message(void)
{
	play("secondary", 0, NULL);
}

static void
closed_descriptors_are_not_missed(void)
{
	play("closed_fds", 0, NULL);
}

static void
other_files_are_left_alone(void)
{
	play("files", 0, NULL);
}

static void
private_memory_is_refused_with_a_sentence(void)
{
	play("private_memory", 0, "the memory is private to the process");
}

static void
program_outlives_the_host(void)
{
	const char *line;
	struct child c;
	char byte;

	host_rig_up();
	child_start(&c, "host_gone");
	VTEST_EQ(read(c.out, &byte, 1), 1);
	host_vfio_stop(host_rig.host);
	VTEST_EQ(write(c.in, "x", 1), 1);
	VTEST_EQ(child_end(&c), 0);
	line = strstr(c.said, "vsr-sim is gone");
	VTEST(line != NULL && strstr(line + 10, "is gone") == NULL);
	host_rig_down();
}

static void
program_without_a_host_says_so(void)
{
	struct child c;

	host_rig_up();
	child_start(&c, "registers");
	host_vfio_stop(host_rig.host);
	child_end(&c);
	/* Its first open failed, or a later request; the child did not hang. */
	VTEST(strstr(c.said, "vsr-sim is gone") != NULL);
	host_rig_down();
}

static const struct vtest_case cases[] = {
	{ "registers_of_all_widths", registers_of_all_widths },
	{ "threads_share_the_registers", threads_share_the_registers },
	{ "real_faults_reach_the_program", real_faults_reach_the_program },
	{ "nothing_blocks_a_register_access", nothing_blocks_a_register_access },
	{ "signal_handlers_may_touch_registers", signal_handlers_may_touch_registers },
	{ "real_fault_without_handler_ends_the_program",
			real_fault_without_handler_ends_the_program },
	{ "unknown_instruction_is_named", unknown_instruction_is_named },
	{ "old_bar_addresses_are_no_registers", old_bar_addresses_are_no_registers },
	{ "children_have_connections_of_their_own", children_have_connections_of_their_own },
	{ "secondary_gets_container_and_group_by_message",
			secondary_gets_container_and_group_by_message },
	{ "closed_descriptors_are_not_missed", closed_descriptors_are_not_missed },
	{ "other_files_are_left_alone", other_files_are_left_alone },
	{ "private_memory_is_refused_with_a_sentence", private_memory_is_refused_with_a_sentence },
	{ "program_outlives_the_host", program_outlives_the_host },
	{ "program_without_a_host_says_so", program_without_a_host_says_so },
};

int
main(int argc, char **argv)
{
	int ret;

	if (getenv("VSR_SHIM") == NULL || getenv("VSR_SHIM_CHILD") == NULL) {
		fprintf(stderr,
				"test_shim: VSR_SHIM must name libvsr_vfio.so and VSR_SHIM_CHILD "
				"the program shim_child\n");
		return 1;
	}
	/* host_rig_main() sets VSR_SIM_HOST and executes this program again. */
	if (getenv("VSR_SIM_HOST") == NULL)
		return host_rig_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
	/* A path in LD_PRELOAD must not have a space. That of the build folder may have one. */
	if (mkdtemp(shim_dir) == NULL)
		return 1;
	snprintf(shim_link, sizeof(shim_link), "%s/libvsr_vfio.so", shim_dir);
	ret = symlink(getenv("VSR_SHIM"), shim_link) == 0 ?
			host_rig_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0])) :
			1;
	unlink(shim_link);
	rmdir(shim_dir);
	return ret;
}
