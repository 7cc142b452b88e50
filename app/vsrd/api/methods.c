/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Methods about the daemon itself, and the table of all methods. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_version.h>

#include "vsrd/core/fdstore.h"
#include "vsrd.h"

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

static void
check_queues(struct owner_pf *pf, json_t *problems)
{
	for (unsigned int i = 0; pf->admin != NULL && i < vio_admin_nb_queues(pf->admin); i++) {
		struct vio_admin_queue_info info;

		if (vio_admin_queue_info(pf->admin, i, &info) == 0 && info.dead)
			add_problem(problems, pf->bdf,
					"an admin queue is dead: run vsrctl pf "
					"reset");
	}
}

static json_t *
check_pf(struct owner_pf *pf, bool keeper, json_t *problems)
{
	const size_t before = json_array_size(problems);
	const char *state = "ok";

	if (pf->gone)
		add_problem(problems, pf->bdf, "its registers cannot be read any more");
	else if (pf->needs_reset)
		add_problem(problems, pf->bdf, "it needs a reset: run vsrctl pf reset");
	else if (!pf->up)
		add_problem(problems, pf->bdf, pf->state_err.text);
	check_queues(pf, problems);
	if (!pf->kept || !keeper)
		add_problem(problems, pf->bdf,
				"nobody keeps its descriptors: when vsrd ends, its "
				"VFs lose their state; run vsrd by systemd or vsrd-keeper");
	if (json_array_size(problems) != before)
		state = "problem";
	return json_pack("{s:s, s:s, s:i, s:b}", "pf", pf->bdf, "state", state, "num_vfs",
			(int)pf->fn.num_vfs, "kept", pf->kept && keeper);
}

static json_t *
method_health(struct rpc_call *call)
{
	struct vsrd *vsrd = call->vsrd;
	json_t *pfs, *problems;
	struct timespec now;
	bool keeper;

	if (rpc_params(call, "{}") != 0)
		return NULL;
	/* Whether the keeper answers now; it may have ended since vsrd started. */
	keeper = fdstore_answers();
	pfs = json_array();
	problems = json_array();
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		struct owner_pf *pf = &vsrd->owner.pfs[i];

		pthread_rwlock_rdlock(&pf->lock);
		if (pf->used)
			json_array_append_new(pfs, check_pf(pf, keeper, problems));
		pthread_rwlock_unlock(&pf->lock);
	}
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
	server_stats(call->vsrd->server, &stats);
	return json_pack("{s:i, s:I, s:I, s:I}", "clients", (int)stats.clients, "requests",
			(json_int_t)stats.requests, "turned_away", (json_int_t)stats.turned_away,
			"events", (json_int_t)events_count());
}

/* ---------------------------------------------------------------- events */

static json_t *
method_events_subscribe(struct rpc_call *call)
{
	int ret;

	if (rpc_params(call, "{}") != 0)
		return NULL;
	if (call->client == NULL)
		return rpc_refuse(call, err_set(&call->err, -ENOTCONN, "there is no connection"));
	ret = events_subscribe(&call->client->subscriber);
	if (ret != 0 && ret != -EALREADY)
		return rpc_refuse(call,
				err_set(&call->err, ret, "cannot subscribe to events: %s",
						strerror(-ret)));
	return json_pack("{s:b}", "subscribed", 1);
}

const struct rpc_method vsrd_methods[] = {
	{ "version", method_version },
	{ "health", method_health },
	{ "stats", method_stats },
	{ "events.subscribe", method_events_subscribe },
	{ "pf.list", method_pf_list },
	{ "pf.show", method_pf_show },
	{ "pf.attach", method_pf_attach },
	{ "pf.release", method_pf_release },
	{ "pf.reset", method_pf_reset },
	{ "vf.create", method_vf_create },
	{ "vf.destroy", method_vf_destroy },
	{ "vf.show", method_vf_show },
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
	{ "legacy.serve", method_legacy_serve },
	{ "legacy.unserve", method_legacy_unserve },
	{ "legacy.served", method_legacy_served },
	{ NULL, NULL },
};
