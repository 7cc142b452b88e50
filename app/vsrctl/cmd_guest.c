/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrctl guest: guests on VFs, through vsr-bridge. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ctl.h"

/* ---------------------------------------------------------------- add */

static void
print_qemu(const json_t *guest)
{
	const json_t *option;
	size_t i;

	printf("options for QEMU:\n");
	json_array_foreach(json_object_get(guest, "qemu"), i, option)
			printf("  %s\n", json_string_value(option));
	if (strcmp(ctl_text(guest, "doorbell"), "mapped") == 0)
		printf("QEMU gets the VFIO descriptor of the VF: it can reset the VF, "
		       "and the VF stays in use until QEMU ends\n");
}

/* The options of the other kind of front end. @return the first that was given, or NULL. */
static const char *
misplaced(const struct ctl *ctl)
{
	const struct {
		const char *name;
		bool given;
	} of_vhost[] = { { "--server", ctl->server }, { "--client", ctl->client },
		{ "--queues", ctl->queues != NULL }, { "--mac", ctl->mac != NULL },
		{ "--mode", ctl->mode != NULL }, { "--doorbell", ctl->doorbell != NULL } };

	if (ctl->vhost_user != NULL)
		return ctl->variant != NULL ? "--variant" : NULL;
	for (size_t i = 0; i < sizeof(of_vhost) / sizeof(of_vhost[0]); i++)
		if (of_vhost[i].given)
			return of_vhost[i].name;
	return NULL;
}

/* @return whether the options fit together; if not, the error text was printed. */
static bool
check_options(const struct ctl *ctl)
{
	const char *kind = ctl->vhost_user != NULL ? "--vhost-user" : "--vfio-user";

	if (ctl->vhost_user == NULL && ctl->vfio_user == NULL)
		ctl_refuse(ctl,
				"name the socket for the guest with --vhost-user SOCKET or "
				"--vfio-user SOCKET");
	else if (ctl->vhost_user != NULL && ctl->vfio_user != NULL)
		ctl_refuse(ctl, "a guest has either --vhost-user or --vfio-user");
	else if (misplaced(ctl) != NULL)
		ctl_refuse(ctl, "%s does not go with %s", misplaced(ctl), kind);
	else if (ctl->server && ctl->client)
		ctl_refuse(ctl, "vsr-bridge is either --server or --client of the socket");
	else
		return true;
	return false;
}

/* What only guests on vhost-user have. @return whether it is right; if not, the error text was
 * printed. */
static bool
add_vhost(const struct ctl *ctl, json_t *params)
{
	unsigned long pairs;

	if (ctl->queues != NULL) {
		if (!ctl_number(ctl->queues, 128, &pairs) || pairs == 0) {
			ctl_refuse(ctl, "\"%s\" is not a number of queue pairs: 1 to 128",
					ctl->queues);
			return false;
		}
		json_object_set_new(params, "queues", json_integer((json_int_t)pairs));
	}
	ctl_add_text(params, "kind", "vhost-user");
	ctl_add_text(params, "role", ctl->client ? "client" : "server");
	ctl_add_text(params, "mac", ctl->mac);
	ctl_add_text(params, "mode", ctl->mode);
	ctl_add_text(params, "doorbell", ctl->doorbell);
	return true;
}

static json_t *
add_params(const struct ctl *ctl, char *const args[])
{
	json_t *params;

	if (!check_options(ctl))
		return NULL;
	params = ctl_of_vf(ctl, args);
	if (params == NULL)
		return NULL;
	if (ctl->vfio_user != NULL) {
		ctl_add_text(params, "kind", "vfio-user");
		ctl_add_text(params, "variant", ctl->variant);
	} else if (!add_vhost(ctl, params)) {
		json_decref(params);
		return NULL;
	}
	json_object_set_new(params, "socket",
			ctl_absolute(ctl->vfio_user != NULL ? ctl->vfio_user : ctl->vhost_user));
	ctl_add_text(params, "owner", ctl->owner);
	ctl_add_text(params, "group", ctl->group);
	ctl_add_text(params, "socket_mode", ctl->socket_mode);
	return params;
}

int
cmd_guest_add(const struct ctl *ctl, char *const args[])
{
	json_t *params = add_params(ctl, args), *guest;
	int code;

	if (params == NULL)
		return CTL_REFUSED;
	guest = ctl_call(ctl, "guest.add", params, &code);
	if (guest == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, guest);
	printf("VF %lld of %s (%s) is for the guest on %s\n", (long long)ctl_int(guest, "vf"),
			ctl_text(guest, "pf"), ctl_text(guest, "pci"), ctl_text(guest, "socket"));
	print_qemu(guest);
	json_decref(guest);
	return CTL_OK;
}

/* ---------------------------------------------------------------- list, show, stats */

static bool
on_vfio_user(const json_t *guest)
{
	return strcmp(ctl_text(guest, "kind"), "vfio-user") == 0;
}

/* What a guest does now, in one word or two. */
static const char *
doing(const json_t *guest)
{
	const char *state = ctl_text(guest, "state");

	if (strcmp(state, "running") != 0)
		return state;
	if (json_is_true(json_object_get(guest, "running")))
		return "running";
	return json_is_true(json_object_get(json_object_get(guest, "front_end"), "connected")) ?
			"connected" :
			"no front end";
}

int
cmd_guest_list(const struct ctl *ctl, char *const args[])
{
	json_t *params = json_object(), *answer, *one;
	struct table table;
	size_t i;
	int code;

	ctl_add_text(params, "pf", args[0]);
	answer = ctl_call(ctl, "guest.list", params, &code);
	if (answer == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, answer);
	table_start(&table, "PF", ">VF", "GUEST", "MODE", ">QUEUES", "SOCKET", "NOTE", NULL);
	json_array_foreach(json_object_get(answer, "guests"), i, one)
	{
		char vf[24], queues[24] = "-";

		snprintf(vf, sizeof(vf), "%lld", (long long)ctl_int(one, "vf"));
		if (!on_vfio_user(one))
			snprintf(queues, sizeof(queues), "%lld", (long long)ctl_int(one, "queues"));
		table_row(&table, ctl_text(one, "pf"), vf, doing(one),
				ctl_text(one, on_vfio_user(one) ? "variant" : "mode"), queues,
				ctl_text(one, "socket"), ctl_text(one, "reason"));
	}
	table_print(ctl, &table);
	json_decref(answer);
	return CTL_OK;
}

static void
print_front_end(const json_t *end)
{
	char process[32] = "";

	if (json_is_integer(json_object_get(end, "pid")))
		snprintf(process, sizeof(process), "process %lld, ",
				(long long)ctl_int(end, "pid"));
	if (json_is_true(json_object_get(end, "connected")))
		printf("front end: %s%lld MiB of memory in %lld regions%s\n", process,
				(long long)ctl_int(end, "memory") >> 20,
				(long long)ctl_int(end, "regions"),
				json_is_true(json_object_get(end, "another_waits")) ?
						"; another one waits" :
						"");
	else
		printf("front end: none\n");
	if (json_is_string(json_object_get(end, "last_end")) &&
			strcmp(ctl_text(end, "last_end"), "") != 0)
		printf("last end:  %s\n", ctl_text(end, "last_end"));
}

/* Queues whose packets are copied. */
static void
print_copied(const struct ctl *ctl, const json_t *list)
{
	static const char *const names[] = { "queue", "packets", "bytes", "drops" };
	struct table table;
	json_t *one;
	size_t i;

	table_start(&table, ">QUEUE", "RUNS", ">PACKETS", ">BYTES", ">DROPS", NULL);
	json_array_foreach(list, i, one)
	{
		char cells[4][24];

		for (int j = 0; j < 4; j++)
			snprintf(cells[j], sizeof(cells[j]), "%lld",
					(long long)ctl_int(one, names[j]));
		table_row(&table, cells[0],
				json_is_true(json_object_get(one, "running")) ? "yes" : "no",
				cells[1], cells[2], cells[3]);
	}
	table_print(ctl, &table);
}

static void
print_queues(const struct ctl *ctl, const json_t *guest)
{
	const json_t *list = json_object_get(guest, "queue_list");
	static const char *const names[] = { "queue", "size", "position", "doorbells", "interrupts",
		"relayed_buffers" };
	struct table table;
	json_t *one;
	size_t i;

	if (json_object_get(json_array_get(list, 0), "packets") != NULL) {
		print_copied(ctl, list);
		return;
	}
	table_start(&table, ">QUEUE", "RUNS", ">SIZE", ">POSITION", "DOORBELL", ">RUNG",
			"INTERRUPT", ">RAISED", ">RELAYED", NULL);
	json_array_foreach(list, i, one)
	{
		char cells[6][24];

		for (int j = 0; j < 6; j++)
			snprintf(cells[j], sizeof(cells[j]), "%lld",
					(long long)ctl_int(one, names[j]));
		table_row(&table, cells[0],
				json_is_true(json_object_get(one, "running")) ? "yes" : "no",
				cells[1], cells[2], ctl_text(one, "doorbell"), cells[3],
				ctl_text(one, "interrupt"), cells[4], cells[5]);
	}
	table_print(ctl, &table);
}

/* A guest on vhost-user, after its first line. */
static void
print_vhost(const struct ctl *ctl, const json_t *guest)
{
	const json_t *features = json_object_get(guest, "features");

	printf("socket:    %s, vsr-bridge is the %s\n", ctl_text(guest, "socket"),
			ctl_text(guest, "role"));
	print_front_end(json_object_get(guest, "front_end"));
	printf("mode:      %s, wanted %s%s%s\n", ctl_text(guest, "mode"), ctl_text(guest, "wanted"),
			ctl_text(guest, "reason")[0] != '\0' ? ": " : "",
			ctl_text(guest, "reason"));
	if (features != NULL)
		printf("features:  offered %s, guest %s, VF %s%s%s\n",
				ctl_text(features, "offered"), ctl_text(features, "guest"),
				ctl_text(features, "vf"),
				json_is_true(json_object_get(features, "packed")) ?
						", packed rings" :
						"",
				json_is_true(json_object_get(features, "logging")) ? ", migrating" :
										     "");
	print_queues(ctl, guest);
}

static void
print_registers(const json_t *guest)
{
	const char *name;
	json_t *value;

	json_object_foreach(json_object_get(guest, "registers"), name, value)
			printf("%-17s %lld\n", name, (long long)json_integer_value(value));
}

/* A guest on vfio-user, after its first line. */
static void
print_vfio(const json_t *guest)
{
	printf("socket:    %s, for vfio-user\n", ctl_text(guest, "socket"));
	print_front_end(json_object_get(guest, "front_end"));
	printf("shown as:  %s%s%s\n", ctl_text(guest, "variant"),
			ctl_text(guest, "reason")[0] != '\0' ? ": " : "",
			ctl_text(guest, "reason"));
	if (json_object_get(guest, "registers") == NULL)
		return;
	printf("doorbell:  %s\n",
			strcmp(ctl_text(guest, "doorbell"), "written") == 0 ?
					"written to the VF" :
					"a command to the owner");
	print_registers(guest);
}

int
cmd_guest_show(const struct ctl *ctl, char *const args[])
{
	json_t *params = ctl_of_vf(ctl, args), *guest;
	int code;

	if (params == NULL)
		return CTL_REFUSED;
	guest = ctl_call(ctl, "guest.show", params, &code);
	if (guest == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, guest);
	printf("VF %lld of %s (%s), %s\n", (long long)ctl_int(guest, "vf"), ctl_text(guest, "pf"),
			ctl_text(guest, "pci"), doing(guest));
	if (on_vfio_user(guest))
		print_vfio(guest);
	else
		print_vhost(ctl, guest);
	print_qemu(guest);
	json_decref(guest);
	return CTL_OK;
}

int
cmd_guest_stats(const struct ctl *ctl, char *const args[])
{
	static const char *const names[] = { "connections", "refused", "messages", "calls",
		"calls_unanswered", "attached", "repaired", "slow_resets" };
	json_t *params = ctl_of_vf(ctl, args), *stats;
	int code;

	if (params == NULL)
		return CTL_REFUSED;
	stats = ctl_call(ctl, "guest.stats", params, &code);
	if (stats == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, stats);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (json_object_get(stats, names[i]) != NULL)
			printf("%-17s %lld\n", names[i], (long long)ctl_int(stats, names[i]));
	print_registers(stats);
	if (json_object_get(stats, "queue_list") != NULL)
		print_queues(ctl, stats);
	json_decref(stats);
	return CTL_OK;
}

/* ---------------------------------------------------------------- remove, health */

int
cmd_guest_remove(const struct ctl *ctl, char *const args[])
{
	json_t *params = ctl_of_vf(ctl, args), *answer;
	int code;

	if (params == NULL)
		return CTL_REFUSED;
	answer = ctl_call(ctl, "guest.remove", params, &code);
	if (answer == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, answer);
	printf("VF %lld of %s has no guest any more\n", (long long)ctl_int(answer, "vf"),
			ctl_text(answer, "pf"));
	json_decref(answer);
	return CTL_OK;
}
