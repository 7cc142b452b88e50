/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Guests on vfio-user. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vsr-bridge/vfio/vfio_guest.h"

#include "front_vfio.h"
#include "show.h"

/* ---------------------------------------------------------------- start, end */

/* In the thread of the guest, which must not wait. */
static void
on_event(void *ctx, enum vfio_guest_event event)
{
	static const char *const types[] = {
		[VFIO_GUEST_CONNECTED] = "guest_connected",
		[VFIO_GUEST_LEFT] = "guest_left",
		[VFIO_GUEST_REVOKED] = "guest_revoked",
	};
	struct guest *guest = ctx;

	one_emit(guest, types[event], "");
	if (event != VFIO_GUEST_REVOKED)
		return;
	guest->revoked = true;
	guest->env->wake();
}

static int
start(struct guest *guest, const struct vsrd_vf *vf, struct err *err)
{
	const struct guest_conf *conf = &guest->conf;
	struct vfio_guest_conf made = {
		.host = &guest->env->host,
		.variant = conf->variant,
		.vf = { .number = conf->vf,
				.vsrd = guest->env->vsrd,
				.refusal = vf->legacy_refusal.text },
		.token = vf->token,
		.path = conf->socket,
		.access = conf->access,
		.uid = conf->uid,
		.event = on_event,
		.ctx = guest,
	};
	int ret;

	strcpy(made.vf.pf, conf->pf);
	strcpy(made.vf.bdf, vf->bdf);
	ret = vfio_guest_start(&made, &guest->vfio, err);
	if (ret == -EBUSY || ret == -EACCES)
		vsrd_name_user(guest->env->vsrd, conf->pf, conf->vf, err);
	return ret;
}

static void
shut(struct guest *guest)
{
	vfio_guest_shut(guest->vfio);
}

static int
end(struct guest *guest, struct err *err)
{
	if (!vfio_guest_end(guest->vfio))
		return err_set(err, -ETIMEDOUT,
				"VF %u of %s is still closing: it ends when its device answers",
				guest->conf.vf, guest->conf.pf);
	guest->vfio = NULL;
	return 0;
}

/* ---------------------------------------------------------------- for people */

/* @return whether the guest has a VF; if not, *info is zero. */
static bool
get_info(const struct guest *guest, struct vfio_guest_info *info)
{
	memset(info, 0, sizeof(*info));
	if (guest->state != GUEST_RUNNING)
		return false;
	vfio_guest_info(guest->vfio, info);
	return true;
}

static json_t *
show(const struct guest *guest)
{
	struct vfio_guest_info info;
	const bool vf = get_info(guest, &info);
	json_t *out = show_common(guest);

	json_object_set_new(out, "pci", vf ? json_string(guest->bdf) : json_null());
	json_object_set_new(out, "front_end",
			json_pack("{s:b, s:i, s:I, s:I}", "connected", info.connected, "regions",
					(int)info.maps, "memory", (json_int_t)info.bytes,
					"connections", (json_int_t)info.connections));
	json_object_set_new(out, "running", json_boolean(info.connected));
	return out;
}

static json_t *
show_registers(const struct guest *guest, const struct vfio_guest_info *info)
{
	const char *const *names = guest->conf.variant->counters;
	json_t *out = json_object();

	for (int i = 0; names[i] != NULL; i++)
		json_object_set_new(out, names[i], json_integer((json_int_t)info->counters[i]));
	return out;
}

/* The options that make QEMU the client, ready to paste. */
static json_t *
show_qemu(const struct guest *guest)
{
	json_t *device = json_pack("{s:s, s:{s:s, s:s}}", "driver", "vfio-user-pci", "socket",
			"type", "unix", "path", guest->conf.socket);
	char *text = json_dumps(device, JSON_COMPACT | JSON_PRESERVE_ORDER);
	json_t *out = json_array();

	show_shared_memory(out);
	json_array_append_new(out, show_shell_word("-device", json_string(text)));
	free(text);
	json_decref(device);
	return out;
}

static json_t *
show_in_full(const struct guest *guest)
{
	struct vfio_guest_info info;
	json_t *out = show(guest);

	if (get_info(guest, &info)) {
		json_object_set_new(out, "doorbell",
				json_string(info.doorbell ? "written" : "command"));
		json_object_set_new(out, "registers", show_registers(guest, &info));
	}
	json_object_set_new(out, "qemu", show_qemu(guest));
	return out;
}

static json_t *
show_stats(const struct guest *guest)
{
	struct vfio_guest_info info;

	get_info(guest, &info);
	return json_pack("{s:s, s:i, s:I, s:o}", "pf", guest->conf.pf, "vf", (int)guest->conf.vf,
			"connections", (json_int_t)info.connections, "registers",
			show_registers(guest, &info));
}

const struct front front_vfio = {
	.start = start,
	.shut = shut,
	.end = end,
	.show = show,
	.show_in_full = show_in_full,
	.show_stats = show_stats,
};
