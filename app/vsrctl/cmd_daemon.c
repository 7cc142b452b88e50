/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrctl health, guest health, events, version: the daemons themselves. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl.h"

/* The health of the daemon that the command asks. print_about() ends the first line. */
static int
show_health(const struct ctl *ctl, const char *name, void (*print_about)(const json_t *health))
{
	json_t *health, *problem;
	char buf[16];
	size_t i;
	int code;
	bool ok;

	health = ctl_call(ctl, "health", json_object(), &code);
	if (health == NULL)
		return code;
	ok = json_is_true(json_object_get(health, "ok"));
	if (ctl->json) {
		code = ctl_print_json(ctl, health);
		return ok ? code : CTL_REFUSED;
	}
	printf("%s%s%s: %s (process %lld, up %lld s)",
			ctl_paint(ctl, ok ? CTL_GREEN : CTL_RED, buf), ok ? "ok" : "problem",
			ctl_plain(ctl), name, (long long)ctl_int(health, "pid"),
			(long long)ctl_int(health, "uptime_s"));
	print_about(health);
	json_array_foreach(json_object_get(health, "problems"), i, problem)
	{
		printf("  %s", ctl_text(problem, "pf"));
		if (json_object_get(problem, "vf") != NULL)
			printf(" VF %lld", (long long)ctl_int(problem, "vf"));
		printf(": %s\n", ctl_text(problem, "text"));
	}
	json_decref(health);
	return ok ? CTL_OK : CTL_REFUSED;
}

static void
print_pfs(const json_t *health)
{
	const size_t nb = json_array_size(json_object_get(health, "pfs"));

	printf(" owns %zu PF%s\n", nb, nb == 1 ? "" : "s");
}

int
cmd_health(const struct ctl *ctl, char *const args[])
{
	return show_health(ctl, "vsrd", print_pfs);
}

static void
print_owner(const json_t *health)
{
	puts(json_is_true(json_object_get(health, "vsrd")) ? "" : ", vsrd does not answer");
}

int
cmd_guest_health(const struct ctl *ctl, char *const args[])
{
	return show_health(ctl, "vsr-bridge", print_owner);
}

int
cmd_version(const struct ctl *ctl, char *const args[])
{
	json_t *out = json_pack("{s:s, s:n, s:n}", "vsrctl", VSR_VERSION, "vsrd", "dpdk");
	json_t *answer;
	int code;

	answer = ctl_try(ctl, "version", json_object(), &code);
	if (answer != NULL) {
		json_object_set(out, "vsrd", json_object_get(answer, "version"));
		json_object_set(out, "dpdk", json_object_get(answer, "dpdk"));
		json_decref(answer);
	}
	if (ctl->json)
		return ctl_print_json(ctl, out);
	printf("vsrctl %s\n", VSR_VERSION);
	if (answer != NULL)
		printf("vsrd %s, %s\n", ctl_text(out, "vsrd"), ctl_text(out, "dpdk"));
	else
		printf("vsrd does not answer on %s\n", ctl->socket);
	json_decref(out);
	return CTL_OK;
}

/* ---------------------------------------------------------------- events */

static void
print_event(const struct ctl *ctl, const json_t *event)
{
	const json_int_t lost = ctl_int(event, "lost");

	if (ctl->json) {
		json_dumpf(event, stdout, JSON_COMPACT);
		putchar('\n');
		fflush(stdout);
		return;
	}
	printf("%s  %-16s %s", ctl_text(event, "time"), ctl_text(event, "type"),
			ctl_text(event, "pf"));
	if (json_object_get(event, "vf") != NULL)
		printf("  VF %lld %s", (long long)ctl_int(event, "vf"), ctl_text(event, "pci"));
	if (json_object_get(event, "why") != NULL)
		printf("  %s", ctl_text(event, "why"));
	if (lost != 0)
		printf("  (%lld events lost so far)", (long long)lost);
	putchar('\n');
	fflush(stdout);
}

static int
follow(const struct ctl *ctl, int fd)
{
	struct rpc_client_buf buf = { NULL, 0, 0 };
	json_t *line;
	int ret = rpc_client_send(fd, "events.subscribe", json_object());

	if (ret != 0)
		return ret;
	while ((line = client_receive(fd, &buf, -1, &ret)) != NULL) {
		if (json_object_get(line, "method") != NULL)
			print_event(ctl, json_object_get(line, "params"));
		else if (json_object_get(line, "error") != NULL)
			ret = ctl_refuse(ctl, "%s",
					ctl_text(json_object_get(line, "error"), "message"));
		json_decref(line);
		if (ret != 0)
			break;
	}
	free(buf.text);
	return ret;
}

int
cmd_events(const struct ctl *ctl, char *const args[])
{
	json_t *hello;
	int fd, code, ret;

	if (!ctl->follow)
		return ctl_refuse(ctl, "past events are not stored: add --follow to show new ones");
	/* Prints the usual refusal when no daemon runs. */
	hello = ctl_call(ctl, "version", json_object(), &code);
	if (hello == NULL)
		return code;
	json_decref(hello);
	fd = rpc_client_open(ctl->socket);
	ret = fd < 0 ? fd : follow(ctl, fd);
	if (fd >= 0)
		close(fd);
	if (ret == CTL_REFUSED)
		return ret;
	ctl_refuse(ctl, "%s has ended the connection: it was stopped or restarted", ctl->daemon);
	return CTL_NO_DAEMON;
}
