/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Methods about the daemon itself, and the table of all methods. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <rte_version.h>

#include "daemon/fdstore.h"
#include "method.h"

static json_t *
method_version(struct rpc_call *call)
{
	if (rpc_params(call, "{}") != 0)
		return NULL;
	return json_pack("{s:s, s:s, s:i, s:s}", "name", "vsrd", "version", VSR_VERSION, "protocol",
			RPC_PROTOCOL, "dpdk", rte_version());
}

/* ---------------------------------------------------------------- health */

static void
add_problem(json_t *problems, const char *pf, const char *text)
{
	json_array_append_new(problems, json_pack("{s:s, s:s}", "pf", pf, "text", text));
}

#define LONG_CHANGE_S 10 /* A change of a PF that takes longer is a problem. */

static json_t *
check_pf(const struct owner_view *view, bool keeper, json_t *problems)
{
	const size_t before = json_array_size(problems);
	const char *pf = view->fn.bdf;
	char text[128];

	if (view->gone)
		add_problem(problems, pf, "its registers cannot be read any more");
	else if (view->needs_reset)
		add_problem(problems, pf, "it needs a reset: run vsrctl pf reset");
	else if (!view->up)
		add_problem(problems, pf, view->state_err.text);
	if (view->admin_dead)
		add_problem(problems, pf,
				"an admin queue is dead: vsrd resets the PF, again and again if "
				"necessary");
	if (view->change != NULL && view->change_s >= LONG_CHANGE_S) {
		snprintf(text, sizeof(text), "%s has been running for %u s", view->change,
				view->change_s);
		add_problem(problems, pf, text);
	}
	if (!view->kept || !keeper)
		add_problem(problems, pf,
				"nobody keeps its descriptors: when vsrd ends, its "
				"VFs lose their state; run vsrd by systemd or vsrd-keeper");
	return json_pack("{s:s, s:s, s:s?, s:i, s:b}", "pf", pf, "state",
			json_array_size(problems) != before ? "problem" : "ok", "busy",
			view->change, "num_vfs", (int)view->fn.num_vfs, "kept",
			view->kept && keeper);
}

static json_t *
method_health(struct rpc_call *call)
{
	struct vsrd *vsrd = vsrd_of(call);
	struct owner_view view;
	json_t *pfs, *problems;
	struct timespec now;
	bool keeper;

	if (rpc_params(call, "{}") != 0)
		return NULL;
	/* Whether the keeper answers now; it may have ended since vsrd started. */
	keeper = fdstore_answers();
	pfs = json_array();
	problems = json_array();
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		if (owner_view_at(&vsrd->owner, i, &view))
			json_array_append_new(pfs, check_pf(&view, keeper, problems));
	clock_gettime(CLOCK_MONOTONIC, &now);
	return json_pack("{s:b, s:i, s:I, s:b, s:o, s:o}", "ok", json_array_size(problems) == 0,
			"pid", (int)getpid(), "uptime_s", (json_int_t)(now.tv_sec - vsrd->started),
			"keeper", keeper, "pfs", pfs, "problems", problems);
}

static json_t *
method_stats(struct rpc_call *call)
{
	struct server_stats stats;

	if (rpc_params(call, "{}") != 0)
		return NULL;
	server_stats(vsrd_of(call)->server, &stats);
	return json_pack("{s:i, s:I, s:I, s:I}", "clients", (int)stats.clients, "requests",
			(json_int_t)stats.requests, "turned_away", (json_int_t)stats.turned_away,
			"events", (json_int_t)events_count());
}

const struct rpc_method vsrd_methods[] = {
	{ "version", method_version },
	{ "health", method_health },
	{ "stats", method_stats },
	{ "events.subscribe", server_subscribe },
	{ "pf.list", method_pf_list },
	{ "pf.show", method_pf_show },
	{ "pf.attach", method_pf_attach },
	{ "pf.release", method_pf_release },
	{ "pf.reset", method_pf_reset },
	{ "vf.create", method_vf_create },
	{ "vf.destroy", method_vf_destroy },
	{ "vf.show", method_vf_show },
	{ "vf.find", method_vf_find },
	{ "token.show", method_token_show },
	{ "token.rotate", method_token_rotate },
	{ "pasid.show", method_pasid_show },
	{ "pasid.acquire", method_pasid_acquire },
	{ "pasid.release", method_pasid_release },
	{ "admin.list", method_admin_list },
	{ "admin.caps", method_admin_caps },
	{ "admin.raw", method_admin_raw },
	{ "admin.stats", method_admin_stats },
	{ "legacy.read", method_legacy_read },
	{ "legacy.write", method_legacy_write },
	{ "legacy.dump", method_legacy_dump },
	{ "legacy.notify_info", method_legacy_notify_info },
	{ NULL, NULL },
};
