/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* One guest: what is the same for all kinds of front ends. */

#include <string.h>

#include "daemon/events.h"

#include "one.h"

void
one_emit(struct guest *guest, const char *type, const char *why)
{
	json_t *what = json_pack("{s:s, s:i, s:s}", "pf", guest->conf.pf, "vf", (int)guest->conf.vf,
			"socket", guest->conf.socket);

	if (why[0] != '\0')
		json_object_set_new(what, "why", json_string(why));
	events_emit_limited(&guest->limit, type, what);
}

int
one_start(struct guest *guest, struct err *err)
{
	struct vsrd_vf vf;
	const int ret = vsrd_find_vf(guest->env->vsrd, guest->conf.pf, guest->conf.vf, &vf, err);

	if (ret != 0)
		return ret;
	guest->revoked = guest->needs_reset = false;
	strcpy(guest->bdf, vf.bdf);
	return guest->front->start(guest, &vf, err);
}

int
one_end(struct guest *guest, struct err *err)
{
	return guest->front->end(guest, err);
}

int
one_repair(struct guest *guest, struct err *err)
{
	const int ret = guest->front->repair(guest, err);

	if (ret == 0)
		one_emit(guest, "guest_repaired", "");
	return ret;
}
