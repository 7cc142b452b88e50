/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * Methods about the admin queue: lists, capabilities, any command, statistics, and the legacy
 * registers of VFs.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/base_hex.h"
#include "virtio_spec/legacy.h"

#include "vsrd/api/vsrd.h"

/* Lock a PF for a command, for VF number vf (0: for itself); on NULL the call is refused. */
static struct owner_pf *
get(struct rpc_call *call, const char *name, json_int_t vf)
{
	struct owner_pf *pf;
	int err = 0;

	if (vf < 0 || vf > SYSFS_MAX_VFS)
		return (void *)rpc_bad_params(call, "there is no VF %lld", (long long)vf);
	pf = owner_get(&call->vsrd->owner, name, false, &err, &call->why);
	if (pf == NULL)
		return (void *)rpc_refuse(call, err);
	err = owner_admin_ready(pf, (unsigned int)vf, &call->why);
	if (err == 0)
		return pf;
	owner_put(pf);
	return (void *)rpc_refuse(call, err);
}

/* What the engine said, with the PF unlocked. */
static json_t *
refuse_engine(struct rpc_call *call, struct owner_pf *pf, int err)
{
	why_not(&call->why, err, "%s: %s", pf->fn.bdf, vio_admin_why());
	owner_put(pf);
	return rpc_refuse(call, err);
}

/* ---------------------------------------------------------------- bytes as text */

static json_t *
to_hex(const uint8_t *data, size_t len)
{
	char *text = malloc(2 * len + 1);
	json_t *out;

	if (text == NULL)
		return NULL;
	base_hex_format(data, len, text);
	out = json_string(text);
	free(text);
	return out;
}

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
	pf = get(call, name, 0);
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
	int err;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	pf = get(call, name, 0);
	if (pf == NULL)
		return NULL;
	err = vio_admin_cap_list(pf->admin, &caps);
	if (err != 0)
		return refuse_engine(call, pf, err);
	list = json_array();
	for (uint16_t id = 0; id < VIRTIO_ADMIN_NB_CAPS; id++) {
		uint8_t data[32] = { 0 };

		if (vio_admin_caps_has(&caps, id) &&
				vio_admin_cap_get(pf->admin, id, data, sizeof(data)) == 0)
			json_array_append_new(list,
					json_pack("{s:i, s:s?, s:o}", "id", id, "name",
							cap_name(id), "data",
							to_hex(data, sizeof(data))));
	}
	owner_put(pf);
	return json_pack("{s:s, s:o}", "pf", name, "caps", list);
}

/* ---------------------------------------------------------------- any command */

/* An opcode by number or by name, or -1. */
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

static json_t *
run_raw(struct rpc_call *call, struct owner_pf *pf, struct vio_admin_cmd *cmd)
{
	const int ret = vio_admin_exec(pf->admin, cmd);
	json_t *out;

	/* A refusal by the device is an answer, too. */
	if (!cmd->answered)
		return refuse_engine(call, pf, ret);
	out = json_pack("{s:i, s:s?, s:i, s:s?, s:o}", "status", cmd->status, "status_name",
			vio_admin_status_name(cmd->status), "qualifier", cmd->qualifier,
			"qualifier_text", vio_admin_qualifier_text(cmd->qualifier), "result",
			to_hex(cmd->result, ret == 0 ? cmd->result_used : 0));
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
		return rpc_bad_params(call, "there is no such opcode");
	if (strcmp(group, "self") != 0 && strcmp(group, "sriov") != 0)
		return rpc_bad_params(call, "a group is self or sriov");
	if (result_len < 0 || result_len > VIO_ADMIN_DATA_MAX)
		return rpc_bad_params(call, "a result has 0 to %d bytes", VIO_ADMIN_DATA_MAX);
	/* They change what both sides know of each other: the daemon sends them itself. */
	if (opcode_of(opcode) == VIRTIO_ADMIN_LIST_USE)
		return rpc_bad_params(call, "list_use is sent by vsrd alone");
	data = calloc(2, VIO_ADMIN_DATA_MAX);
	if (data == NULL)
		return rpc_refuse(call, why_not(&call->why, -ENOMEM, "there is no memory"));
	result = data + VIO_ADMIN_DATA_MAX;
	len = base_hex_parse(hex, data, VIO_ADMIN_DATA_MAX);
	if (len < 0) {
		free(data);
		return rpc_bad_params(call, "data is up to %d pairs of hexadecimal digits",
				VIO_ADMIN_DATA_MAX);
	}
	cmd.opcode = (uint16_t)opcode_of(opcode);
	cmd.group = group[1] == 'r' ? VIO_SRIOV : VIO_SELF;
	cmd.member = (uint64_t)member;
	cmd.data[0] = (struct iovec){ data, (size_t)len };
	cmd.result = result;
	cmd.result_len = (size_t)result_len;
	pf = get(call, name, cmd.group == VIO_SRIOV ? member : 0);
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
	pf = get(call, name, 0);
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

/* ---------------------------------------------------------------- legacy registers */

static int
area_of(const char *name, enum vio_legacy_area *area)
{
	if (strcmp(name, "common") != 0 && strcmp(name, "net") != 0)
		return -EINVAL;
	*area = name[0] == 'c' ? VIO_LEGACY_COMMON : VIO_LEGACY_NET;
	return 0;
}

json_t *
method_legacy_read(struct rpc_call *call)
{
	const char *name, *area_name = "common";
	json_int_t vf, offset, len;
	enum vio_legacy_area area;
	struct owner_pf *pf;
	uint8_t data[8];
	int err;

	if (rpc_params(call, "{s:s, s:I, s?s, s:I, s:I}", "pf", &name, "vf", &vf, "area",
			    &area_name, "offset", &offset, "len", &len) != 0)
		return NULL;
	if (area_of(area_name, &area) != 0 || vf < 1 || offset < 0 || offset > UINT8_MAX ||
			len < 1 || len > (json_int_t)sizeof(data))
		return rpc_bad_params(call,
				"a read is of VF 1.., area common or net, offset 0 to "
				"255, 1 to 8 bytes");
	pf = get(call, name, vf);
	if (pf == NULL)
		return NULL;
	err = vio_admin_legacy_read(pf->admin, (uint16_t)vf, area, (uint8_t)offset, data,
			(size_t)len);
	if (err != 0)
		return refuse_engine(call, pf, err);
	owner_put(pf);
	return json_pack("{s:o}", "data", to_hex(data, (size_t)len));
}

json_t *
method_legacy_write(struct rpc_call *call)
{
	const char *name, *area_name = "common", *hex;
	enum vio_legacy_area area;
	json_int_t vf, offset;
	struct owner_pf *pf;
	uint8_t data[8];
	int len;
	int err;

	if (rpc_params(call, "{s:s, s:I, s?s, s:I, s:s}", "pf", &name, "vf", &vf, "area",
			    &area_name, "offset", &offset, "data", &hex) != 0)
		return NULL;
	len = base_hex_parse(hex, data, sizeof(data));
	if (area_of(area_name, &area) != 0 || vf < 1 || offset < 0 || offset > UINT8_MAX || len < 1)
		return rpc_bad_params(call,
				"a write is to VF 1.., area common or net, offset 0 "
				"to 255, 1 to 8 bytes as hexadecimal digits");
	pf = get(call, name, vf);
	if (pf == NULL)
		return NULL;
	err = vio_admin_legacy_write(pf->admin, (uint16_t)vf, area, (uint8_t)offset, data,
			(size_t)len);
	if (err != 0)
		return refuse_engine(call, pf, err);
	owner_put(pf);
	return json_pack("{s:i}", "written", (int)len);
}

/* ISR is left out: reading it clears it. */
static const struct {
	const char *name;
	enum vio_legacy_area area;
	uint8_t offset, len;
} legacy_fields[] = {
	{ "device_features", VIO_LEGACY_COMMON, 0, 4 },
	{ "driver_features", VIO_LEGACY_COMMON, 4, 4 },
	{ "queue_address", VIO_LEGACY_COMMON, 8, 4 },
	{ "queue_size", VIO_LEGACY_COMMON, 12, 2 },
	{ "queue_select", VIO_LEGACY_COMMON, 14, 2 },
	{ "device_status", VIO_LEGACY_COMMON, 18, 1 },
	{ "config_vector", VIO_LEGACY_COMMON, 20, 2 },
	{ "queue_vector", VIO_LEGACY_COMMON, 22, 2 },
	{ "mac", VIO_LEGACY_NET, 0, 6 },
	{ "status", VIO_LEGACY_NET, 6, 2 },
	{ "max_virtqueue_pairs", VIO_LEGACY_NET, 8, 2 },
	{ "mtu", VIO_LEGACY_NET, 10, 2 },
};

json_t *
method_legacy_dump(struct rpc_call *call)
{
	struct owner_pf *pf;
	const char *name;
	json_int_t vf;
	json_t *list;
	int err = 0;

	if (rpc_params(call, "{s:s, s:I}", "pf", &name, "vf", &vf) != 0)
		return NULL;
	if (vf < 1)
		return rpc_bad_params(call, "VFs are counted from 1");
	pf = get(call, name, vf);
	if (pf == NULL)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < sizeof(legacy_fields) / sizeof(legacy_fields[0]); i++) {
		uint8_t data[8];

		err = vio_admin_legacy_read(pf->admin, (uint16_t)vf, legacy_fields[i].area,
				legacy_fields[i].offset, data, legacy_fields[i].len);
		/* Vectors exist with MSI-X only, others with their features. */
		if (err == -EINVAL && i != 0)
			continue;
		if (err != 0)
			break;
		json_array_append_new(list,
				json_pack("{s:s, s:s, s:i, s:o}", "name", legacy_fields[i].name,
						"area",
						legacy_fields[i].area == VIO_LEGACY_COMMON ?
								"common" :
								"net",
						"offset", legacy_fields[i].offset, "data",
						to_hex(data, legacy_fields[i].len)));
	}
	if (err != 0 && err != -EINVAL) {
		json_decref(list);
		return refuse_engine(call, pf, err);
	}
	if (json_array_size(list) == 0) {
		json_decref(list);
		return refuse_engine(call, pf, err);
	}
	owner_put(pf);
	return json_pack("{s:s, s:I, s:o}", "pf", name, "vf", vf, "registers", list);
}

/* Bytes of each BAR as sysfs has them: what a doorbell may lie in. */
static void
bar_lengths(const struct owner *owner, const char *bdf, uint64_t len[6])
{
	char path[512];
	FILE *file;

	memset(len, 0, 6 * sizeof(len[0]));
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s/resource", owner->host.sysfs, bdf);
	file = fopen(path, "re");
	for (unsigned int i = 0; file != NULL && i < 6; i++) {
		unsigned long long start, end, flags;

		if (fscanf(file, "%llx %llx %llx", &start, &end, &flags) != 3)
			break;
		if (end > start)
			len[i] = end - start + 1;
	}
	if (file != NULL)
		fclose(file);
}

json_t *
method_legacy_notify_info(struct rpc_call *call)
{
	struct vio_admin_doorbell bells[VIRTIO_ADMIN_NOTIFY_ENTRIES];
	uint64_t owner_len[6], member_len[6];
	char bdf[BASE_BDF_LEN] = "";
	struct owner_pf *pf;
	const char *name;
	json_int_t vf;
	json_t *list;
	int nb;

	if (rpc_params(call, "{s:s, s:I}", "pf", &name, "vf", &vf) != 0)
		return NULL;
	if (vf < 1)
		return rpc_bad_params(call, "VFs are counted from 1");
	pf = get(call, name, vf);
	if (pf == NULL)
		return NULL;
	sysfs_vf_bdf(call->vsrd->owner.host.sysfs, pf->fn.bdf, (unsigned int)vf, bdf);
	bar_lengths(&call->vsrd->owner, pf->fn.bdf, owner_len);
	bar_lengths(&call->vsrd->owner, bdf, member_len);
	nb = vio_admin_legacy_notify_info(pf->admin, (uint16_t)vf, owner_len, member_len, bells);
	if (nb < 0)
		return refuse_engine(call, pf, nb);
	list = json_array();
	for (int i = 0; i < nb; i++)
		json_array_append_new(list,
				json_pack("{s:s, s:i, s:I}", "of", bells[i].member ? "vf" : "pf",
						"bar", bells[i].bar, "offset",
						(json_int_t)bells[i].offset));
	owner_put(pf);
	return json_pack("{s:s, s:I, s:o}", "pf", name, "vf", vf, "doorbells", list);
}

/* ---------------------------------------------------------------- VFs shown to guests */

json_t *
method_legacy_serve(struct rpc_call *call)
{
	const char *name, *path;
	json_int_t vf;
	int err;

	if (rpc_params(call, "{s:s, s:I, s:s}", "pf", &name, "vf", &vf, "socket", &path) != 0)
		return NULL;
	if (vf < 1 || vf > SYSFS_MAX_VFS)
		return rpc_bad_params(call, "there is no VF %lld", (long long)vf);
	if (path[0] != '/')
		return rpc_bad_params(call, "a socket is named from the root: \"/...\"");
	err = serving_start(&call->vsrd->serving, &call->vsrd->owner, name, (unsigned int)vf, path,
			&call->why);
	return err != 0 ? rpc_refuse(call, err) :
			  json_pack("{s:s, s:I, s:s}", "pf", name, "vf", vf, "socket", path);
}

json_t *
method_legacy_unserve(struct rpc_call *call)
{
	const char *name;
	json_int_t vf;
	int err;

	if (rpc_params(call, "{s:s, s:I}", "pf", &name, "vf", &vf) != 0)
		return NULL;
	if (vf < 1 || vf > SYSFS_MAX_VFS)
		return rpc_bad_params(call, "there is no VF %lld", (long long)vf);
	err = serving_stop(&call->vsrd->serving, name, (unsigned int)vf, &call->why);
	return err != 0 ? rpc_refuse(call, err) : json_pack("{s:s, s:I}", "pf", name, "vf", vf);
}

json_t *
method_legacy_served(struct rpc_call *call)
{
	char bdf[BASE_BDF_LEN];
	const char *name = NULL;

	if (rpc_params(call, "{s?s}", "pf", &name) != 0)
		return NULL;
	if (name != NULL && base_bdf_expand(name, bdf) != 0)
		return rpc_bad_params(call, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				name);
	return json_pack("{s:o}", "served",
			serving_show(&call->vsrd->serving, name != NULL ? bdf : NULL));
}
