/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Methods about the legacy registers of VFs. */

#include <errno.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "virtio/vio_admin_legacy.h"
#include "base/base_hex.h"
#include "virtio_spec/legacy.h"
#include "virtio_spec/net.h"

#include "method.h"

static int
area_of(const char *name, enum vio_legacy_area *area)
{
	if (strcmp(name, "common") == 0)
		*area = VIO_LEGACY_COMMON;
	else if (strcmp(name, "net") == 0)
		*area = VIO_LEGACY_NET;
	else
		return -EINVAL;
	return 0;
}

/* Whether the client has closed its connection. */
static bool
has_left(const struct rpc_call *call)
{
	struct pollfd wait = { .events = POLLRDHUP };

	if (call->client == NULL)
		return false;
	wait.fd = call->client->base->fd;
	return poll(&wait, 1, 0) == 1;
}

/*
 * An access of a guest waits less for others on the PF. It is not made for a client that waits no
 * longer, as after vsrd was stopped for a while: the guest goes on without this access, or has left
 * the VF to another guest.
 * @return NULL: the call is refused.
 */
static struct owner_pf *
get(struct rpc_call *call, const char *name, json_int_t vf, int guest)
{
	struct owner_pf *pf = method_admin_get_within(call, name, vf,
			guest ? OWNER_GUEST_WAIT_MS : OWNER_WAIT_MS);

	if (pf == NULL || !guest || !has_left(call))
		return pf;
	owner_put(pf);
	return (void *)rpc_refuse(call,
			err_set(&call->err, -ECANCELED, "the client has left before its turn"));
}

json_t *
method_legacy_read(struct rpc_call *call)
{
	const char *name, *area_name = "common";
	json_int_t vf, offset, len;
	int guest = 0;
	enum vio_legacy_area area;
	struct owner_pf *pf;
	uint8_t data[8];
	int ret;

	if (rpc_params(call, "{s:s, s:I, s?s, s:I, s:I, s?b}", "pf", &name, "vf", &vf, "area",
			    &area_name, "offset", &offset, "len", &len, "guest", &guest) != 0)
		return NULL;
	if (area_of(area_name, &area) != 0 || vf < 1 || offset < 0 || offset > UINT8_MAX ||
			len < 1 || len > (json_int_t)sizeof(data))
		return rpc_bad_params(call,
				"a read needs: vf from 1, area common or net, offset 0 to "
				"255, len 1 to 8");
	pf = get(call, name, vf, guest);
	if (pf == NULL)
		return NULL;
	ret = vio_admin_legacy_read(pf->admin, (uint16_t)vf, area, (uint8_t)offset, data,
			(size_t)len);
	if (ret != 0)
		return method_refuse_engine(call, pf, ret);
	owner_put(pf);
	return json_pack("{s:o}", "data", method_hex(data, (size_t)len));
}

json_t *
method_legacy_write(struct rpc_call *call)
{
	const char *name, *area_name = "common", *hex;
	enum vio_legacy_area area;
	json_int_t vf, offset;
	struct owner_pf *pf;
	uint8_t data[8];
	int len, guest = 0;
	int ret;

	if (rpc_params(call, "{s:s, s:I, s?s, s:I, s:s, s?b}", "pf", &name, "vf", &vf, "area",
			    &area_name, "offset", &offset, "data", &hex, "guest", &guest) != 0)
		return NULL;
	len = base_hex_parse(hex, data, sizeof(data));
	if (area_of(area_name, &area) != 0 || vf < 1 || offset < 0 || offset > UINT8_MAX || len < 1)
		return rpc_bad_params(call,
				"a write needs: vf from 1, area common or net, offset 0 "
				"to 255, data of 1 to 8 bytes as hexadecimal digits");
	pf = get(call, name, vf, guest);
	if (pf == NULL)
		return NULL;
	ret = vio_admin_legacy_write(pf->admin, (uint16_t)vf, area, (uint8_t)offset, data,
			(size_t)len);
	if (ret != 0)
		return method_refuse_engine(call, pf, ret);
	owner_put(pf);
	return json_pack("{s:i}", "written", (int)len);
}

/* clang-format off */
#define FIELD(type, area, name) \
	{ #name, area, offsetof(type, name), sizeof(((type *)0)->name) }
/* clang-format on */
#define COMMON(name) FIELD(struct virtio_legacy_hdr, VIO_LEGACY_COMMON, name)
#define NET(name) FIELD(struct virtio_net_config, VIO_LEGACY_NET, name)

/* The registers of a dump. Not isr, which a read clears; not queue_notify, a doorbell. */
static const struct {
	const char *name;
	enum vio_legacy_area area;
	uint8_t offset, len;
} legacy_fields[] = {
	COMMON(device_features),
	COMMON(driver_features),
	COMMON(queue_address),
	COMMON(queue_size),
	COMMON(queue_select),
	COMMON(device_status),
	COMMON(config_vector),
	COMMON(queue_vector),
	NET(mac),
	NET(status),
	NET(max_virtqueue_pairs),
	NET(mtu),
};

json_t *
method_legacy_dump(struct rpc_call *call)
{
	struct owner_pf *pf;
	const char *name;
	json_int_t vf;
	json_t *list;
	int ret = 0;

	if (rpc_params(call, "{s:s, s:I}", "pf", &name, "vf", &vf) != 0)
		return NULL;
	if (vf < 1)
		return rpc_bad_params(call, "VFs are numbered from 1");
	pf = method_admin_get(call, name, vf);
	if (pf == NULL)
		return NULL;
	list = json_array();
	for (size_t i = 0; i < sizeof(legacy_fields) / sizeof(legacy_fields[0]); i++) {
		uint8_t data[8];

		ret = vio_admin_legacy_read(pf->admin, (uint16_t)vf, legacy_fields[i].area,
				legacy_fields[i].offset, data, legacy_fields[i].len);
		/* Skip registers that the device lacks, such as vectors without MSI-X. */
		if (ret == -EINVAL && i != 0)
			continue;
		if (ret != 0)
			break;
		json_array_append_new(list,
				json_pack("{s:s, s:s, s:i, s:o}", "name", legacy_fields[i].name,
						"area",
						legacy_fields[i].area == VIO_LEGACY_COMMON ?
								"common" :
								"net",
						"offset", legacy_fields[i].offset, "data",
						method_hex(data, legacy_fields[i].len)));
	}
	if (ret != 0 && ret != -EINVAL) {
		json_decref(list);
		return method_refuse_engine(call, pf, ret);
	}
	if (json_array_size(list) == 0) {
		json_decref(list);
		return method_refuse_engine(call, pf, ret);
	}
	owner_put(pf);
	return json_pack("{s:s, s:I, s:o}", "pf", name, "vf", vf, "registers", list);
}

/* Read the length of each BAR from sysfs. */
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
	struct vio_admin_doorbell doorbells[VIRTIO_ADMIN_NOTIFY_ENTRIES];
	uint64_t owner_len[6], member_len[6];
	char bdf[BASE_BDF_LEN] = "";
	struct owner_pf *pf;
	const char *name;
	json_int_t vf;
	json_t *list;
	int nb, guest = 0;

	if (rpc_params(call, "{s:s, s:I, s?b}", "pf", &name, "vf", &vf, "guest", &guest) != 0)
		return NULL;
	if (vf < 1)
		return rpc_bad_params(call, "VFs are numbered from 1");
	pf = get(call, name, vf, guest);
	if (pf == NULL)
		return NULL;
	sysfs_vf_bdf(vsrd_of(call)->owner.host.sysfs, pf->fn.bdf, (unsigned int)vf, bdf);
	bar_lengths(&vsrd_of(call)->owner, pf->fn.bdf, owner_len);
	bar_lengths(&vsrd_of(call)->owner, bdf, member_len);
	nb = vio_admin_legacy_notify_info(pf->admin, (uint16_t)vf, owner_len, member_len,
			doorbells);
	if (nb < 0)
		return method_refuse_engine(call, pf, nb);
	list = json_array();
	for (int i = 0; i < nb; i++)
		json_array_append_new(list,
				json_pack("{s:s, s:i, s:I}", "of",
						doorbells[i].member ? "vf" : "pf", "bar",
						doorbells[i].bar, "offset",
						(json_int_t)doorbells[i].offset));
	owner_put(pf);
	return json_pack("{s:s, s:I, s:o}", "pf", name, "vf", vf, "doorbells", list);
}
