/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Methods about the admin queue: lists, capabilities, any command, statistics. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "virtio/vio_admin_objs.h"
#include "virtio/vio_admin_text.h"
#include "base/base_hex.h"

#include "method.h"

/* ---------------------------------------------------------------- lists and capabilities */

static json_t *
show_list(uint64_t offered, uint64_t in_use)
{
	json_t *list = json_array();

	for (uint16_t op = 0; op < 64; op++) {
		const char *name = vio_admin_opcode_name(op);

		if ((offered >> op & 1) != 0)
			json_array_append_new(list,
					json_pack("{s:i, s:s?, s:b}", "opcode", op, "name", name,
							"in_use", (int)(in_use >> op & 1)));
	}
	return list;
}

json_t *
method_admin_list(struct rpc_call *call)
{
	struct owner_pf *pf;
	const char *name;
	json_t *out;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	pf = method_admin_get(call, name, 0);
	if (pf == NULL)
		return NULL;
	out = json_pack("{s:s, s:o, s:o}", "pf", pf->fn.bdf, "self",
			show_list(vio_admin_offered(pf->admin, VIO_SELF),
					vio_admin_in_use(pf->admin, VIO_SELF)),
			"sriov",
			show_list(vio_admin_offered(pf->admin, VIO_SRIOV),
					vio_admin_in_use(pf->admin, VIO_SRIOV)));
	owner_put(pf);
	return out;
}

static const char *
cap_name(uint16_t id)
{
	switch (id) {
	case VIRTIO_ADMIN_CAP_DEV_PARTS:
		return "dev_parts";
	case VIRTIO_ADMIN_CAP_FF_RESOURCE:
		return "ff_resource";
	case VIRTIO_ADMIN_CAP_FF_SELECTOR:
		return "ff_selector";
	case VIRTIO_ADMIN_CAP_FF_ACTION:
		return "ff_action";
	default:
		return NULL;
	}
}

json_t *
method_admin_caps(struct rpc_call *call)
{
	struct vio_admin_caps caps;
	struct owner_pf *pf;
	const char *name;
	json_t *list;
	int ret;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	pf = method_admin_get(call, name, 0);
	if (pf == NULL)
		return NULL;
	ret = vio_admin_cap_list(pf->admin, &caps);
	if (ret != 0)
		return method_refuse_engine(call, pf, ret);
	list = json_array();
	for (uint16_t id = 0; id < VIRTIO_ADMIN_NB_CAPS; id++) {
		uint8_t data[32] = { 0 };

		if (vio_admin_caps_has(&caps, id) &&
				vio_admin_cap_get(pf->admin, id, data, sizeof(data)) == 0)
			json_array_append_new(list,
					json_pack("{s:i, s:s?, s:o}", "id", id, "name",
							cap_name(id), "data",
							method_hex(data, sizeof(data))));
	}
	owner_put(pf);
	return json_pack("{s:s, s:o}", "pf", name, "caps", list);
}

/* ---------------------------------------------------------------- any command */

/* @return an opcode, given by number or by name, or -1. */
static int
opcode_of(const json_t *value)
{
	if (json_is_string(value))
		return vio_admin_opcode_find(json_string_value(value));
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
			json_integer_value(value) > UINT16_MAX)
		return -1;
	return (int)json_integer_value(value);
}

static int
group_of(const char *name, uint16_t *group)
{
	if (strcmp(name, "self") == 0)
		*group = VIO_SELF;
	else if (strcmp(name, "sriov") == 0)
		*group = VIO_SRIOV;
	else
		return -EINVAL;
	return 0;
}

static json_t *
run_raw(struct rpc_call *call, struct owner_pf *pf, struct vio_admin_cmd *cmd)
{
	const int ret = vio_admin_exec(pf->admin, cmd);
	json_t *out;

	/* A refusal by the device is an answer of this method, not an error. */
	if (!cmd->answered)
		return method_refuse_engine(call, pf, ret);
	out = json_pack("{s:i, s:s?, s:i, s:s?, s:o}", "status", cmd->status, "status_name",
			vio_admin_status_name(cmd->status), "qualifier", cmd->qualifier,
			"qualifier_text", vio_admin_qualifier_text(cmd->qualifier), "result",
			method_hex(cmd->result, ret == 0 ? cmd->result_used : 0));
	owner_put(pf);
	return out;
}

json_t *
method_admin_raw(struct rpc_call *call)
{
	const char *name, *group = "self", *hex = "";
	json_int_t member = 0, result_len = 0;
	struct vio_admin_cmd cmd = { .nb_data = 1 };
	uint8_t *data, *result;
	struct owner_pf *pf;
	json_t *opcode, *out = NULL;
	int len;

	if (rpc_params(call, "{s:s, s:o, s?s, s?I, s?s, s?I}", "pf", &name, "opcode", &opcode,
			    "group", &group, "member", &member, "data", &hex, "result_len",
			    &result_len) != 0)
		return NULL;
	if (opcode_of(opcode) < 0)
		return rpc_bad_params(call, "unknown opcode");
	if (group_of(group, &cmd.group) != 0)
		return rpc_bad_params(call, "group must be self or sriov");
	if (result_len < 0 || result_len > VIO_ADMIN_DATA_MAX)
		return rpc_bad_params(call, "result_len must be 0 to %d", VIO_ADMIN_DATA_MAX);
	/* LIST_USE must update the engine's copy of the list, which vio_admin_agree() does. */
	if (opcode_of(opcode) == VIRTIO_ADMIN_LIST_USE)
		return rpc_bad_params(call, "list_use is reserved for vsrd, which sends it itself");
	data = calloc(2, VIO_ADMIN_DATA_MAX);
	if (data == NULL)
		return rpc_refuse(call, err_set(&call->err, -ENOMEM, "out of memory"));
	result = data + VIO_ADMIN_DATA_MAX;
	len = base_hex_parse(hex, data, VIO_ADMIN_DATA_MAX);
	if (len < 0) {
		free(data);
		return rpc_bad_params(call, "data must be up to %d pairs of hexadecimal digits",
				VIO_ADMIN_DATA_MAX);
	}
	cmd.opcode = (uint16_t)opcode_of(opcode);
	cmd.member = (uint64_t)member;
	cmd.data[0] = (struct iovec){ data, (size_t)len };
	cmd.result = result;
	cmd.result_len = (size_t)result_len;
	pf = method_admin_get(call, name, cmd.group == VIO_SRIOV ? member : 0);
	if (pf != NULL)
		out = run_raw(call, pf, &cmd);
	free(data);
	return out;
}

/* ---------------------------------------------------------------- statistics */

static json_t *
show_op(struct vio_admin *admin, uint16_t op)
{
	struct vio_admin_op_stats stats;
	json_t *buckets;

	if (vio_admin_op_stats(admin, op, &stats) != 0 || stats.commands == 0)
		return NULL;
	buckets = json_array();
	for (unsigned int i = 0; i < VIO_ADMIN_BUCKETS; i++)
		json_array_append_new(buckets, json_integer((json_int_t)stats.buckets[i]));
	return json_pack("{s:i, s:s?, s:I, s:I, s:I, s:I, s:f, s:f, s:o}", "opcode", op, "name",
			vio_admin_opcode_name(op), "commands", (json_int_t)stats.commands, "errors",
			(json_int_t)stats.errors, "retries", (json_int_t)stats.retries, "timeouts",
			(json_int_t)stats.timeouts, "mean_us",
			(double)stats.total_ns / 1000 / (double)stats.commands, "max_us",
			(double)stats.max_ns / 1000, "log2_us", buckets);
}

json_t *
method_admin_stats(struct rpc_call *call)
{
	json_t *queues, *ops;
	struct owner_pf *pf;
	const char *name;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	pf = method_admin_get(call, name, 0);
	if (pf == NULL)
		return NULL;
	queues = json_array();
	for (unsigned int i = 0; i < vio_admin_nb_queues(pf->admin); i++) {
		struct vio_admin_queue_info info;

		if (vio_admin_queue_info(pf->admin, i, &info) == 0)
			json_array_append_new(queues,
					json_pack("{s:i, s:i, s:i, s:i, s:b, s:I, s:I}", "index",
							info.index, "size", info.size, "depth",
							info.depth, "outstanding", info.outstanding,
							"dead", info.dead, "commands",
							(json_int_t)info.commands, "timeouts",
							(json_int_t)info.timeouts));
	}
	ops = json_array();
	for (uint16_t op = 0; op < VIRTIO_ADMIN_NB_OPCODES; op++) {
		json_t *shown = show_op(pf->admin, op);

		if (shown != NULL)
			json_array_append_new(ops, shown);
	}
	owner_put(pf);
	return json_pack("{s:s, s:o, s:o}", "pf", name, "queues", queues, "opcodes", ops);
}
