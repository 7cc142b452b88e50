/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Client of the control socket, and the subcommands that consist of one request. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "cli.h"
#include "ctl.h"

/* An answer about 257 functions has about 1 MB. */
#define MAX_ANSWER (64u << 20)
#define TIMEOUT_S 10
#define STOP_TIMEOUT_MS 20000

static int
ctl_connect(const char *dir)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct timeval timeout = { .tv_sec = TIMEOUT_S };
	char path[SIM_PATH_MAX];
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0) {
		cli_refuse("cannot open a socket: %s", strerror(errno));
		return -1;
	}
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%.107s", sim_path(dir, SIM_CTL, path));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout));
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0) {
		if (errno == ENOENT || errno == ECONNREFUSED || errno == ENOTDIR)
			cli_refuse("no simulator runs in %s: start one with vsr-sim serve", dir);
		else
			cli_refuse("cannot reach the simulator in %s: %s", dir, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* Read a line, which the caller frees. */
static char *
read_line(int fd, size_t *len)
{
	size_t size = 0;
	char *line = NULL;

	*len = 0;
	for (;;) {
		ssize_t n;

		if (*len == size) {
			char *more = size < MAX_ANSWER ? realloc(line, size + (1 << 20)) : NULL;

			if (more == NULL)
				break;
			line = more;
			size += 1 << 20;
		}
		n = recv(fd, line + *len, size - *len, 0);
		if (n <= 0)
			break;
		*len += (size_t)n;
		if (line[*len - 1] == '\n')
			return line;
	}
	free(line);
	return NULL;
}

static json_t *
exchange(int fd, const char *dir, json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT), *line = NULL;
	json_t *answer = NULL;
	const char *error;
	size_t len;

	json_decref(request);
	if (text != NULL && dprintf(fd, "%s\n", text) > 0)
		line = read_line(fd, &len);
	free(text);
	if (line != NULL)
		answer = json_loadb(line, len, 0, NULL);
	free(line);
	if (!json_is_object(answer)) {
		cli_refuse("the answer of the simulator in %s is malformed", dir);
		json_decref(answer);
		return NULL;
	}
	if (!json_is_true(json_object_get(answer, "ok"))) {
		error = json_string_value(json_object_get(answer, "error"));
		cli_refuse("%s",
				error != NULL ? error :
						"the simulator refused the request without an error text");
		json_decref(answer);
		return NULL;
	}
	return answer;
}

json_t *
ctl_call(const char *dir, json_t *request)
{
	int fd = ctl_connect(dir);
	json_t *answer;

	if (fd < 0) {
		json_decref(request);
		return NULL;
	}
	answer = exchange(fd, dir, request);
	close(fd);
	return answer;
}

/* ---------------------------------------------------------------- one request each */

/* Read --dir and exactly max words. @return CLI_END, CLI_BAD or CLI_HELP. */
static int
read_words(struct cli_args *args, char dir[SIM_DIR_MAX], const char **words, size_t max)
{
	const char *asked = NULL;
	size_t n = 0;
	int opt;

	while ((opt = cli_next(args)) != CLI_END) {
		if (opt == CLI_BAD || opt == CLI_HELP)
			return opt;
		if (opt == CLI_OPT_DIR) {
			asked = args->value;
		} else if (n < max) {
			words[n++] = args->value;
		} else {
			cli_usage(args, "unexpected argument %s", args->value);
			return CLI_BAD;
		}
	}
	if (n < max) {
		cli_usage(args, "missing arguments: %s", args->cmd->args);
		return CLI_BAD;
	}
	return sim_dir(asked, dir) ? CLI_END : CLI_WORD;
}

/* Exit code for CLI_BAD or CLI_HELP of read_words(). */
static int
exit_code(int opt)
{
	return opt == CLI_HELP ? CLI_OK : opt == CLI_BAD ? CLI_USAGE : CLI_REFUSED;
}

static int
run_stop(struct cli_args *args)
{
	const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
	char dir[SIM_DIR_MAX];
	json_t *answer;
	int opt = read_words(args, dir, NULL, 0);

	if (opt != CLI_END)
		return exit_code(opt);
	answer = ctl_call(dir, json_pack("{s:s}", "cmd", "stop"));
	if (answer == NULL)
		return CLI_REFUSED;
	json_decref(answer);
	/* A simulator releases its lock last. */
	for (unsigned int ms = 0; ms < STOP_TIMEOUT_MS; ms += 20) {
		if (sim_dir_owned(dir) <= 0)
			return CLI_OK;
		nanosleep(&pause, NULL);
	}
	return cli_refuse("the simulator in %s did not end within %d seconds", dir,
			STOP_TIMEOUT_MS / 1000);
}

/* Makes a request of the words of a command. @return NULL after a sentence, with the exit code. */
typedef json_t *make_request_t(struct cli_args *args, const char *const *words, int *code);

/* Read nb words, make a request of them, and send the request, whose answer has no result. */
static int
run_request(struct cli_args *args, size_t nb, make_request_t *make)
{
	char dir[SIM_DIR_MAX];
	const char *words[2];
	json_t *request, *answer;
	int opt = read_words(args, dir, words, nb), code = CLI_REFUSED;

	if (opt != CLI_END)
		return exit_code(opt);
	request = make(args, words, &code);
	if (request == NULL)
		return code;
	answer = ctl_call(dir, request);
	json_decref(answer);
	return answer != NULL ? CLI_OK : CLI_REFUSED;
}

static json_t *
link_request(struct cli_args *args, const char *const *words, int *code)
{
	if (strcmp(words[1], "up") != 0 && strcmp(words[1], "down") != 0) {
		*code = cli_usage(args, "the link is up or down, not %s", words[1]);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:b}", "cmd", "link", "function", words[0], "up",
			strcmp(words[1], "up") == 0);
}

static json_t *
mac_request(struct cli_args *args, const char *const *words, int *code)
{
	return json_pack("{s:s, s:s, s:s}", "cmd", "mac", "function", words[0], "mac", words[1]);
}

static json_t *
mtu_request(struct cli_args *args, const char *const *words, int *code)
{
	uint64_t mtu;

	if (!cli_number(words[1], 68, UINT16_MAX, &mtu)) {
		*code = cli_usage(args, "the MTU is a number from 68 to 65535, not %s", words[1]);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:I}", "cmd", "mtu", "function", words[0], "mtu",
			(json_int_t)mtu);
}

static json_t *
break_request(struct cli_args *args, const char *const *words, int *code)
{
	return json_pack("{s:s, s:s}", "cmd", "break", "function", words[0]);
}

static json_t *
wire_request(struct cli_args *args, const char *const *words, int *code)
{
	return json_pack("{s:s, s:s, s:s}", "cmd", "wire", "function", words[0], "spec", words[1]);
}

static json_t *
fault_request(struct cli_args *args, const char *const *words, int *code)
{
	json_t *faults = json_array();

	for (const char *text = words[0]; *text != '\0' && strcmp(words[0], "none") != 0;) {
		size_t len = strcspn(text, ",");

		json_array_append_new(faults, json_stringn(text, len));
		text += len + (text[len] == ',');
	}
	return json_pack("{s:s, s:o}", "cmd", "fault", "faults", faults);
}

static json_t *
attach_request(struct cli_args *args, const char *const *words, int *code)
{
	char cwd[SIM_PATH_MAX] = "", path[2 * SIM_PATH_MAX];

	/* The current directory of the simulator is another one. */
	if (words[1][0] != '/' && getcwd(cwd, sizeof(cwd) - 1) != NULL)
		strcat(cwd, "/");
	if (snprintf(path, sizeof(path), "%s%s", cwd, words[1]) >= (int)sizeof(path)) {
		*code = cli_refuse("the name of the socket is too long: %s", words[1]);
		return NULL;
	}
	return json_pack("{s:s, s:s, s:s}", "cmd", "attach", "bdf", words[0], "socket", path);
}

static json_t *
detach_request(struct cli_args *args, const char *const *words, int *code)
{
	return json_pack("{s:s, s:s}", "cmd", "detach", "bdf", words[0]);
}

static int
run_link(struct cli_args *args)
{
	return run_request(args, 2, link_request);
}

static int
run_mac(struct cli_args *args)
{
	return run_request(args, 2, mac_request);
}

static int
run_mtu(struct cli_args *args)
{
	return run_request(args, 2, mtu_request);
}

static int
run_break(struct cli_args *args)
{
	return run_request(args, 1, break_request);
}

static int
run_wire(struct cli_args *args)
{
	return run_request(args, 2, wire_request);
}

static int
run_fault(struct cli_args *args)
{
	return run_request(args, 1, fault_request);
}

static int
run_attach(struct cli_args *args)
{
	return run_request(args, 2, attach_request);
}

static int
run_detach(struct cli_args *args)
{
	return run_request(args, 1, detach_request);
}

#define FUNCTION_IS "FUNCTION is pf, vf1, vf2, ... or a PCI address such as 0000:01:00.1.\n"

static const struct cli_opt opts[] = { CLI_OPT_DIR_ROW, { 0 } };

const struct cli_cmd cmd_stop = {
	.name = "stop",
	.args = "[--dir DIR]",
	.help = "End a running simulator, and wait for its end",
	.opts = opts,
	.run = run_stop,
};

const struct cli_cmd cmd_link = {
	.name = "link",
	.args = "FUNCTION up|down [--dir DIR]",
	.help = "Connect or disconnect the cable of a function",
	.opts = opts,
	.notes = FUNCTION_IS,
	.run = run_link,
};

const struct cli_cmd cmd_mac = {
	.name = "mac",
	.args = "FUNCTION MAC [--dir DIR]",
	.help = "Change the MAC address of a function",
	.opts = opts,
	.notes = FUNCTION_IS
	"A driver that runs gets a configuration interrupt. The address stays until the\n"
	"simulator ends.\n",
	.run = run_mac,
};

const struct cli_cmd cmd_mtu = {
	.name = "mtu",
	.args = "FUNCTION MTU [--dir DIR]",
	.help = "Change the MTU of a function",
	.opts = opts,
	.notes = FUNCTION_IS
	"MTU is a number from 68 to the value of vsr-sim serve --mtu. A driver that runs\n"
	"gets a configuration interrupt. Longer frames are dropped from now on.\n",
	.run = run_mtu,
};

const struct cli_cmd cmd_break = {
	.name = "break",
	.args = "FUNCTION [--dir DIR]",
	.help = "Make a function set NEEDS_RESET",
	.opts = opts,
	.notes = FUNCTION_IS
	"The function stops until its driver resets it, as after an error of its own.\n",
	.run = run_break,
};

const struct cli_cmd cmd_wire = {
	.name = "wire",
	.args = "FUNCTION WIRE [--dir DIR]",
	.help = "Connect a function to another wire",
	.opts = opts,
	.notes = FUNCTION_IS "WIRE: see vsr-sim serve --help.\n",
	.run = run_wire,
};

const struct cli_cmd cmd_fault = {
	.name = "fault",
	.args = "none|NAME,NAME=N,... [--dir DIR]",
	.help = "Simulate faults of the NIC",
	.opts = opts,
	.notes = "All other faults end. A NAME is one of:\n"
		 "  refuse-features-ok   FEATURES_OK always reads back as clear\n"
		 "  stray-sr-iov         functions without an SR-IOV capability offer SR_IOV\n"
		 "  slow-reset=US        a reset of a function by its driver takes this time\n"
		 "  admin-eagain=N       the next N commands are answered with EAGAIN, not done\n"
		 "  admin-lose=N         the next N commands are done and never answered\n"
		 "  admin-delay=US       each command is answered so much later\n"
		 "  admin-status=N       commands are not done, and answered with this status\n"
		 "  admin-short=N        the used length is N bytes too short\n"
		 "  admin-opcodes=MASK   the opcodes of admin-eagain, admin-lose, admin-status\n"
		 "  admin-notify=N       LEGACY_NOTIFY_INFO gives wrong entries, kind N: 1 to 5\n\n"
		 "Examples:\n"
		 "  vsr-sim fault slow-reset=3000000\n"
		 "  vsr-sim fault admin-lose=1,admin-opcodes=0x10\n"
		 "  vsr-sim fault none\n",
	.run = run_fault,
};

const struct cli_cmd cmd_attach = {
	.name = "attach",
	.args = "BDF SOCKET [--dir DIR]",
	.help = "Add a function of another process to the bus, by vfio-user",
	.opts = opts,
	.notes = "BDF is a free PCI address such as 0000:02:00.0. The function is bound to vfio-pci.\n"
		 "Its registers are accessed by system calls: none of its BARs can be mapped.\n"
		 "vsrctl guest add --vfio-user creates such sockets.\n",
	.run = run_attach,
};

const struct cli_cmd cmd_detach = {
	.name = "detach",
	.args = "BDF [--dir DIR]",
	.help = "Remove an attached function from the bus",
	.opts = opts,
	.notes = "Programs that use the function are requested to close it, and disconnected after\n"
		 "3 seconds.\n",
	.run = run_detach,
};
