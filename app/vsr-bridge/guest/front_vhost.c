/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Guests on vhost-user. */

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "daemon/access.h"

#include "eal.h"
#include "front_vhost.h"
#include "mode.h"
#include "show.h"
#include "vhost.h"

#define RING_FILES 8 /* Doorbell, interrupt and error of a ring, on both sides, and two copies. */

/* In the thread of the gate, which must not wait. */
static void
on_gate_event(void *ctx, enum gate_event event, const char *why)
{
	static const char *const types[] = {
		[GATE_CONNECTED] = "guest_connected",
		[GATE_LEFT] = "guest_left",
		[GATE_REFUSED] = "guest_refused",
		[GATE_FAULT] = "guest_refused",
		[GATE_WAITING] = "guest_waiting",
	};

	one_emit(ctx, types[event], why);
}

/* ---------------------------------------------------------------- start */

static int
close_vf(struct guest *guest, struct err *err)
{
	const struct mode *mode = &guest_modes[guest->conf.mode];
	const int ret = eal_vf_close(guest->bdf, err);

	if (ret == 0 && mode->release != NULL)
		mode->release(guest);
	return ret;
}

static int
open_port(struct guest *guest, struct err *err)
{
	const struct guest_conf *conf = &guest->conf;
	struct gate_port_conf port = {
		.server = conf->server,
		.access = conf->access,
		.back_path = guest->back_path,
		.max_rings = 2 * conf->pairs,
		.number = guest->number,
		.event = on_gate_event,
		.ctx = guest,
	};
	char path[PATH_MAX];
	int ret = access_place(conf->socket, conf->uid, &guest->folder, path, err);

	if (ret != 0)
		return ret;
	port.path = path;
	guest->port = gate_port_add(guest->env->gate, &port, &ret, err);
	return ret;
}

static void
close_folder(struct guest *guest)
{
	if (guest->folder >= 0)
		close(guest->folder);
	guest->folder = -1;
}

static int
start_vf(struct guest *guest, const struct vsrd_vf *vf, struct err *err)
{
	const struct guest_conf *conf = &guest->conf;
	const struct mode *mode = &guest_modes[conf->mode];
	char devargs[256];
	struct err ignored;
	int ret;

	mode->args(guest, vf->token, devargs, sizeof(devargs));
	ret = eal_vf_open(guest->bdf, vf->token, devargs, err);
	if (ret != 0) {
		vsrd_name_user(guest->env->vsrd, conf->pf, conf->vf, err);
		return ret;
	}
	ret = mode->begin(guest, err);
	if (ret == 0) {
		ret = open_port(guest, err);
		if (ret != 0) {
			close_folder(guest);
			vhost_stop(guest->back_path);
			if (mode->end != NULL)
				mode->end(guest);
		}
	}
	if (ret != 0)
		close_vf(guest, &ignored);
	return ret;
}

static int
start(struct guest *guest, const struct vsrd_vf *vf, struct err *err)
{
	const char *folder = guest->env->folder;
	int ret;

	if (snprintf(guest->back_path, sizeof(guest->back_path), "%s/%s", folder, vf->bdf) >=
			(int)sizeof(guest->back_path))
		return err_set(err, -ENAMETOOLONG, "the path of the folder %s is too long", folder);
	ret = budget_admit(&guest->budget, RING_FILES * 2 * guest->conf.pairs, err);
	if (ret != 0)
		return ret;
	ret = start_vf(guest, vf, err);
	if (ret != 0)
		budget_leave(&guest->budget);
	return ret;
}

/* ---------------------------------------------------------------- end */

static int
end(struct guest *guest, struct err *err)
{
	bool left = true;
	int ret;

	if (guest->port != NULL) {
		left = gate_port_remove(guest->port);
		guest->port = NULL;
		close_folder(guest);
	}
	/* rte_vhost frees what its own thread still uses when it is told to stop in between. */
	if (!left)
		return err_set(err, -ETIMEDOUT, "rte_vhost does not let go of the guest on %s",
				guest->conf.socket);
	if (guest->back_path[0] != '\0')
		vhost_stop(guest->back_path);
	guest->back_path[0] = '\0';
	if (guest_modes[guest->conf.mode].end != NULL)
		guest_modes[guest->conf.mode].end(guest);
	ret = close_vf(guest, err);
	if (ret != 0)
		return -ETIMEDOUT;
	budget_leave(&guest->budget);
	return 0;
}

static int
repair(struct guest *guest, struct err *err)
{
	return copy_repair(guest->copy, err);
}

/* All front ends lose their connections now, so that their ends overlap. */
static void
shut(struct guest *guest)
{
	if (guest->port != NULL)
		gate_port_shut(guest->port);
}

const struct front front_vhost = {
	.start = start,
	.shut = shut,
	.repair = repair,
	.end = end,
	.show = show_guest,
	.show_in_full = show_guest_in_full,
	.show_stats = show_guest_stats,
};
