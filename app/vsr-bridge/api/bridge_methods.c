/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The methods of vsr-bridge. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <rte_version.h>

#include "daemon/access.h"
#include "vsr-bridge/guest/guests.h"

#include "bridge_methods.h"

#define MAX_VF 65535

static json_t *
method_version(struct rpc_call *call)
{
	if (rpc_params(call, "{}") != 0)
		return NULL;
	return json_pack("{s:s, s:s, s:i, s:s}", "name", "vsr-bridge", "version", VSR_VERSION,
			"protocol", RPC_PROTOCOL, "dpdk", rte_version());
}

/* ---------------------------------------------------------------- guests */

/* Only root names other users. @return false: refused. */
static bool
set_user(struct rpc_call *call, struct guest_conf *conf, const char *owner, const char *group,
		const char *mode)
{
	conf->uid = call->client != NULL ? call->client->base->uid : geteuid();
	conf->access = *BASE_ACCESS_OWN;
	if (conf->uid != 0 && conf->uid != geteuid()) {
		if (owner != NULL || group != NULL) {
			rpc_bad_params(call,
					"only root may name the owner and the group of a socket");
			return false;
		}
		if (!conf->server) {
			rpc_bad_params(call, "only root may let vsr-bridge connect to a socket");
			return false;
		}
		conf->access.uid = conf->uid;
	}
	if (access_parse(owner, group, mode, &conf->access, &call->err) == 0)
		return true;
	call->code = RPC_INVALID_PARAMS;
	return false;
}

/* Take a text out of the parameters. @return whether there is none, or it is one. */
static bool
take_text(struct rpc_call *call, const char *name, json_t **text)
{
	*text = json_incref(json_object_get(call->params, name));
	json_object_del(call->params, name);
	if (*text == NULL || json_is_string(*text))
		return true;
	rpc_bad_params(call, "invalid parameters: %s is no text", name);
	return false;
}

static json_t *
method_guest_add(struct rpc_call *call)
{
	json_t *owner = NULL, *group = NULL, *mode = NULL, *out = NULL;
	struct guest_conf conf;
	int ret;

	if (json_object_get(call->params, "uid") != NULL ||
			json_object_get(call->params, "access") != NULL)
		return rpc_bad_params(call, "invalid parameters: uid and access are not set here");
	if (!take_text(call, "owner", &owner) || !take_text(call, "group", &group) ||
			!take_text(call, "socket_mode", &mode))
		goto end;
	ret = conf_parse(&conf, call->params, &call->err);
	if (ret != 0) {
		call->code = RPC_INVALID_PARAMS;
		goto end;
	}
	if (!set_user(call, &conf, json_string_value(owner), json_string_value(group),
			    json_string_value(mode)))
		goto end;
	ret = guests_add(&conf, &call->err);
	out = ret == 0 ? guests_show(conf.pf, conf.vf, &call->err) : rpc_refuse(call, ret);
	if (ret == 0 && out == NULL) /* another client has removed it already */
		rpc_refuse(call, -ENOENT);
end:
	json_decref(owner);
	json_decref(group);
	json_decref(mode);
	return out;
}

/* The PF and the VF of a call. @return false: refused. */
static bool
take_vf(struct rpc_call *call, char pf[BASE_BDF_LEN], unsigned int *vf)
{
	const char *name;
	json_int_t number;

	if (rpc_params(call, "{s:s, s:I}", "pf", &name, "vf", &number) != 0)
		return false;
	if (base_bdf_expand(name, pf) != 0)
		rpc_bad_params(call, "\"%.64s\" is no PCI address such as 0000:01:00.0", name);
	else if (number < 1 || number > MAX_VF)
		rpc_bad_params(call, "there is no VF %lld", (long long)number);
	else
		*vf = (unsigned int)number;
	return call->code == 0;
}

static json_t *
method_guest_remove(struct rpc_call *call)
{
	char pf[BASE_BDF_LEN];
	unsigned int vf = 0;
	int ret;

	if (!take_vf(call, pf, &vf))
		return NULL;
	ret = guests_remove(pf, vf, &call->err);
	return ret != 0 ? rpc_refuse(call, ret) : json_pack("{s:s, s:i}", "pf", pf, "vf", (int)vf);
}

static json_t *
show(struct rpc_call *call, json_t *(*fn)(const char *pf, unsigned int vf, struct err *err))
{
	char pf[BASE_BDF_LEN];
	unsigned int vf = 0;
	json_t *out;

	if (!take_vf(call, pf, &vf))
		return NULL;
	out = fn(pf, vf, &call->err);
	return out != NULL ? out : rpc_refuse(call, -ENOENT);
}

static json_t *
method_guest_show(struct rpc_call *call)
{
	return show(call, guests_show);
}

static json_t *
method_guest_stats(struct rpc_call *call)
{
	return show(call, guests_stats);
}

static json_t *
method_guest_list(struct rpc_call *call)
{
	char pf[BASE_BDF_LEN];
	const char *name = NULL;

	if (rpc_params(call, "{s?s}", "pf", &name) != 0)
		return NULL;
	if (name != NULL && base_bdf_expand(name, pf) != 0)
		return rpc_bad_params(call, "\"%.64s\" is no PCI address such as 0000:01:00.0",
				name);
	return json_pack("{s:o}", "guests", guests_list(name != NULL ? pf : NULL));
}

/* ---------------------------------------------------------------- the daemon */

static json_t *
method_health(struct rpc_call *call)
{
	const struct bridge *bridge = call->daemon;
	json_t *problems;
	struct timespec now;

	if (rpc_params(call, "{}") != 0)
		return NULL;
	problems = guests_problems();
	clock_gettime(CLOCK_MONOTONIC, &now);
	return json_pack("{s:b, s:i, s:I, s:b, s:o}", "ok", json_array_size(problems) == 0, "pid",
			(int)getpid(), "uptime_s", (json_int_t)(now.tv_sec - bridge->started),
			"vsrd", guests_vsrd_answers(), "problems", problems);
}

static json_t *
method_stats(struct rpc_call *call)
{
	const struct bridge *bridge = call->daemon;
	struct server_stats stats;

	if (rpc_params(call, "{}") != 0)
		return NULL;
	server_stats(bridge->server, &stats);
	return json_pack("{s:i, s:I, s:I, s:I}", "clients", (int)stats.clients, "requests",
			(json_int_t)stats.requests, "turned_away", (json_int_t)stats.turned_away,
			"events", (json_int_t)events_count());
}

const struct rpc_method bridge_methods[] = {
	{ "version", method_version },
	{ "health", method_health },
	{ "stats", method_stats },
	{ "events.subscribe", server_subscribe },
	{ "guest.add", method_guest_add },
	{ "guest.remove", method_guest_remove },
	{ "guest.list", method_guest_list },
	{ "guest.show", method_guest_show },
	{ "guest.stats", method_guest_stats },
	{ NULL, NULL },
};
