/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrctl admin: the admin queue of a PF, through vsrd. */

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/base_hex.h"

#include "ctl.h"

/* ---------------------------------------------------------------- admin */

static void
add_commands(struct table *table, const char *group, const json_t *list)
{
	const json_t *op;
	size_t i;

	json_array_foreach(list, i, op)
	{
		char number[16];

		snprintf(number, sizeof(number), "0x%02llx", (long long)ctl_int(op, "opcode"));
		table_row(table, group, number, ctl_text(op, "name"),
				json_is_true(json_object_get(op, "in_use")) ? "yes" : "no");
	}
}

int
cmd_admin_list(const struct ctl *ctl, char *const args[])
{
	struct table table;
	json_t *lists;
	int code;

	lists = ctl_call(ctl, "admin.list", json_pack("{s:s}", "pf", args[0]), &code);
	if (lists == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, lists);
	table_start(&table, "GROUP", "OPCODE", "NAME", "IN USE", NULL);
	add_commands(&table, "self", json_object_get(lists, "self"));
	add_commands(&table, "sriov", json_object_get(lists, "sriov"));
	table_print(ctl, &table);
	json_decref(lists);
	return CTL_OK;
}

int
cmd_admin_caps(const struct ctl *ctl, char *const args[])
{
	struct table table;
	json_t *caps, *cap;
	size_t i;
	int code;

	caps = ctl_call(ctl, "admin.caps", json_pack("{s:s}", "pf", args[0]), &code);
	if (caps == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, caps);
	table_start(&table, "ID", "NAME", "DATA", NULL);
	json_array_foreach(json_object_get(caps, "caps"), i, cap)
	{
		char number[16];

		snprintf(number, sizeof(number), "0x%04llx", (long long)ctl_int(cap, "id"));
		table_row(&table, number, ctl_text(cap, "name"), ctl_text(cap, "data"));
	}
	table_print(ctl, &table);
	json_decref(caps);
	return CTL_OK;
}

int
cmd_admin_raw(const struct ctl *ctl, char *const args[])
{
	const char *group = ctl->group != NULL ? ctl->group : "self";
	unsigned long member = 0, result_len = 0, opcode;
	json_t *answer, *params;
	int code;

	if (ctl->member != NULL && !ctl_number(ctl->member, SYSFS_MAX_VFS, &member))
		return ctl_refuse(ctl, "--member takes a number from 0 to %d, not %s",
				SYSFS_MAX_VFS, ctl->member);
	if (ctl->result_len != NULL && !ctl_number(ctl->result_len, 65536, &result_len))
		return ctl_refuse(ctl, "--result-len takes a number of bytes, not %s",
				ctl->result_len);
	params = json_pack("{s:s, s:s, s:I, s:s, s:I}", "pf", args[0], "group", group, "member",
			(json_int_t)member, "data", args[2] != NULL ? args[2] : "", "result_len",
			(json_int_t)result_len);
	json_object_set_new(params, "opcode",
			ctl_number(args[1], UINT16_MAX, &opcode) ?
					json_integer((json_int_t)opcode) :
					json_string(args[1]));
	answer = ctl_call(ctl, "admin.raw", params, &code);
	if (answer == NULL)
		return code;
	/* The device has answered; its status decides the exit code. */
	code = ctl_int(answer, "status") == 0 ? CTL_OK : CTL_REFUSED;
	if (ctl->json) {
		ctl_print_json(ctl, answer);
		return code;
	}
	printf("status %lld (%s), qualifier %lld (%s)\n", (long long)ctl_int(answer, "status"),
			ctl_text(answer, "status_name"), (long long)ctl_int(answer, "qualifier"),
			ctl_text(answer, "qualifier_text"));
	if (ctl_text(answer, "result")[0] != '\0')
		printf("%s\n", ctl_text(answer, "result"));
	json_decref(answer);
	return code;
}

/* A percentile of the latency in microseconds: the upper end of its bucket. */
static unsigned long
percentile(const json_t *buckets, json_int_t commands, double share)
{
	json_int_t seen = 0;
	const json_t *count;
	size_t i;

	json_array_foreach(buckets, i, count)
	{
		seen += json_integer_value(count);
		if ((double)seen >= (double)commands * share)
			return 1ul << i;
	}
	return 0;
}

static void
add_op(struct table *table, const json_t *op)
{
	const json_int_t commands = ctl_int(op, "commands");
	const json_t *buckets = json_object_get(op, "log2_us");
	char text[7][24];

	snprintf(text[0], sizeof(text[0]), "%lld", (long long)commands);
	snprintf(text[1], sizeof(text[1]), "%lld", (long long)ctl_int(op, "errors"));
	snprintf(text[2], sizeof(text[2]), "%lld", (long long)ctl_int(op, "retries"));
	snprintf(text[3], sizeof(text[3]), "%.1f",
			json_number_value(json_object_get(op, "mean_us")));
	snprintf(text[4], sizeof(text[4]), "<%lu", percentile(buckets, commands, 0.5));
	snprintf(text[5], sizeof(text[5]), "<%lu", percentile(buckets, commands, 0.99));
	snprintf(text[6], sizeof(text[6]), "%.1f",
			json_number_value(json_object_get(op, "max_us")));
	table_row(table, ctl_text(op, "name"), text[0], text[1], text[2], text[3], text[4], text[5],
			text[6]);
}

int
cmd_admin_stats(const struct ctl *ctl, char *const args[])
{
	json_t *stats, *queue, *op;
	struct table table;
	size_t i;
	int code;

	stats = ctl_call(ctl, "admin.stats", json_pack("{s:s}", "pf", args[0]), &code);
	if (stats == NULL)
		return code;
	if (ctl->json)
		return ctl_print_json(ctl, stats);
	json_array_foreach(json_object_get(stats, "queues"), i, queue) printf(
			"admin queue %lld: %lld commands, %lld outstanding of %lld, %lld timeouts"
			"%s\n",
			(long long)ctl_int(queue, "index"), (long long)ctl_int(queue, "commands"),
			(long long)ctl_int(queue, "outstanding"),
			(long long)ctl_int(queue, "depth"), (long long)ctl_int(queue, "timeouts"),
			json_is_true(json_object_get(queue, "dead")) ? ", DEAD" : "");
	table_start(&table, "COMMAND", ">COUNT", ">ERRORS", ">RETRIES", ">MEAN US", ">50%", ">99%",
			">MAX US", NULL);
	json_array_foreach(json_object_get(stats, "opcodes"), i, op) add_op(&table, op);
	table_print(ctl, &table);
	json_decref(stats);
	return CTL_OK;
}
