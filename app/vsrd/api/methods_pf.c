/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Methods about PFs, VFs, tokens and the shared PASID state. */

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "common/show.h"
#include "virtio_spec/pci.h"

#include "method.h"

static json_t *
refuse_users(struct rpc_call *call, int ret, json_t *users)
{
	if (users != NULL)
		call->data = json_pack("{s:o}", "users", users);
	return rpc_refuse(call, ret);
}

/* ---------------------------------------------------------------- PFs */

static const char *
state_name(const struct owner_view *view)
{
	if (view->gone)
		return "gone";
	if (view->needs_reset)
		return "needs reset";
	return view->up ? "up" : "refused";
}

/* A member that is null, or the error text. */
static json_t *
why(bool fine, const struct err *err)
{
	return fine ? json_null() : json_string(err->text);
}

static json_t *
show_pf(const struct owner_view *view)
{
	json_t *out = show_fn(&view->fn);
	char features[2048];

	vio_features_format(&view->accepted, features, sizeof(features));
	json_object_set_new(out, "state", json_string(state_name(view)));
	json_object_set_new(out, "why", why(view->up, &view->state_err));
	json_object_set_new(out, "busy",
			view->change == NULL ? json_null() : json_string(view->change));
	json_object_set_new(out, "status", json_integer(view->status));
	json_object_set_new(out, "features", json_string(features));
	json_object_set_new(out, "sriov_allowed", json_boolean(view->sriov_ret == 0));
	json_object_set_new(out, "sriov_why", why(view->sriov_ret == 0, &view->sriov_err));
	json_object_set_new(out, "admin_queues", json_integer(view->nb_queues));
	json_object_set_new(out, "admin_why", why(view->admin, &view->admin_err));
	json_object_set_new(out, "kept", json_boolean(view->kept));
	json_object_set_new(out, "adopted", json_boolean(view->adopted));
	return out;
}

/* The function as sysfs shows it now: others may have changed it. */
static void
refresh(const struct owner *owner, struct owner_view *view)
{
	struct sysfs_fn fn;

	if (sysfs_fn_read(owner->host.sysfs, view->fn.bdf, &fn) == 0)
		view->fn = fn;
}

json_t *
method_pf_list(struct rpc_call *call)
{
	struct owner *owner = &vsrd_of(call)->owner;
	struct owner_view view;
	json_t *list;

	if (rpc_params(call, "{}") != 0)
		return NULL;
	list = json_array();
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		if (!owner_view_at(owner, i, &view))
			continue;
		refresh(owner, &view);
		json_array_append_new(list, show_pf(&view));
	}
	return json_pack("{s:o}", "pfs", list);
}

json_t *
method_pf_show(struct rpc_call *call)
{
	struct owner *owner = &vsrd_of(call)->owner;
	struct owner_view view;
	const char *name;
	json_t *out;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0 ||
			method_pf_view(call, name, &view) == NULL)
		return NULL;
	refresh(owner, &view);
	out = show_pf(&view);
	json_object_set_new(out, "vfs", show_vfs(&owner->host, &view.fn));
	return out;
}

json_t *
method_pf_attach(struct rpc_call *call)
{
	json_t *users = NULL;
	const char *name;
	int ret;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	ret = owner_attach(&vsrd_of(call)->owner, name, &users, &call->err);
	return ret == 0 ? method_pf_show(call) : refuse_users(call, ret, users);
}

json_t *
method_pf_release(struct rpc_call *call)
{
	json_t *users = NULL;
	const char *name;
	int ret;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	ret = owner_release(&vsrd_of(call)->owner, name, &users, &call->err);
	return ret == 0 ? json_pack("{s:b}", "released", 1) : refuse_users(call, ret, users);
}

json_t *
method_pf_reset(struct rpc_call *call)
{
	struct owner_view view;
	struct owner_pf *pf;
	const char *name;
	int ret;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	pf = method_pf_get(call, name, "pf.reset");
	if (pf == NULL)
		return NULL;
	ret = owner_pf_reset(&vsrd_of(call)->owner, pf, &call->err);
	owner_put(pf);
	if (ret != 0)
		return rpc_refuse(call, ret);
	return method_pf_view(call, name, &view) == NULL ? NULL : show_pf(&view);
}

/* ---------------------------------------------------------------- VFs */

json_t *
method_vf_create(struct rpc_call *call)
{
	const char *name, *token = NULL;
	char parsed[TOKEN_LEN];
	json_t *users = NULL, *out;
	struct owner_pf *pf;
	json_int_t count;
	int ret;

	if (rpc_params(call, "{s:s, s:I, s?s}", "pf", &name, "count", &count, "token", &token) != 0)
		return NULL;
	if (count < 0 || count > SYSFS_MAX_VFS)
		return rpc_bad_params(call, "a PF has 0 to %d VFs", SYSFS_MAX_VFS);
	if (token != NULL && token_parse(token, parsed) != 0)
		return rpc_bad_params(call,
				"\"%.64s\" is no UUID such as "
				"f81d4fae-7dec-41d0-a765-00a0c91e6bf6",
				token);
	pf = method_pf_get(call, name, "vf.create");
	if (pf == NULL)
		return NULL;
	ret = owner_vfs_create(&vsrd_of(call)->owner, pf, (unsigned int)count,
			token != NULL ? parsed : NULL, &users, &call->err);
	out = ret != 0 ? refuse_users(call, ret, users) :
			 show_created(&vsrd_of(call)->owner.host, &pf->fn, pf->fn.num_vfs,
					 pf->token);
	owner_put(pf);
	return out;
}

json_t *
method_vf_destroy(struct rpc_call *call)
{
	json_t *users = NULL, *out;
	unsigned int destroyed;
	struct owner_pf *pf;
	const char *name;
	int ret;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	pf = method_pf_get(call, name, "vf.destroy");
	if (pf == NULL)
		return NULL;
	ret = owner_vfs_destroy(&vsrd_of(call)->owner, pf, &destroyed, &users, &call->err);
	out = ret != 0 ? refuse_users(call, ret, users) :
			 json_pack("{s:s, s:i, s:i}", "pf", pf->fn.bdf, "num_vfs", 0, "destroyed",
					 (int)destroyed);
	owner_put(pf);
	return out;
}

/* Add the number of admin commands for each VF; null while a change of the PF runs. */
static void
add_commands(struct owner_pf *pf, json_t *vfs)
{
	const bool inside = gate_enter(&pf->gate, NULL, 0) == 0;
	json_t *vf;
	size_t i;

	json_array_foreach(vfs, i, vf)
	{
		const unsigned int number = json_integer_value(json_object_get(vf, "vf"));
		const uint64_t commands = inside && pf->admin != NULL ?
				vio_admin_vf_commands(pf->admin, number) :
				0;

		json_object_set_new(vf, "admin_commands",
				inside ? json_integer((json_int_t)commands) : json_null());
	}
	if (inside)
		gate_leave(&pf->gate);
}

json_t *
method_vf_show(struct rpc_call *call)
{
	struct owner *owner = &vsrd_of(call)->owner;
	struct owner_view view;
	struct owner_pf *pf;
	const char *name;
	json_t *vfs;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	pf = method_pf_view(call, name, &view);
	if (pf == NULL)
		return NULL;
	refresh(owner, &view);
	vfs = show_vfs(&owner->host, &view.fn);
	add_commands(pf, vfs);
	return json_pack("{s:s, s:o}", "pf", name, "vfs", vfs);
}

/* What a program needs to open a VF, without a search for users: that reads all of /proc. */
/* Why the legacy registers of VFs cannot be used; empty: they can. */
static const char *
legacy_refusal(const struct owner_view *view, struct err *why)
{
	if (!view->admin)
		return view->admin_err.text;
	if ((view->commands & VIRTIO_ADMIN_LIST_LEGACY) == VIRTIO_ADMIN_LIST_LEGACY)
		return "";
	err_set(why, 0, "%s has no administration commands for the legacy registers of its VFs",
			view->fn.bdf);
	return why->text;
}

json_t *
method_vf_find(struct rpc_call *call)
{
	const char *sysfs = vsrd_of(call)->owner.host.sysfs, *name;
	char bdf[BASE_BDF_LEN];
	struct owner_view view;
	struct sysfs_fn fn;
	json_int_t vf;
	struct err why;
	int ret;

	if (rpc_params(call, "{s:s, s:I}", "pf", &name, "vf", &vf) != 0)
		return NULL;
	if (vf < 1 || vf > SYSFS_MAX_VFS)
		return rpc_bad_params(call, "there is no VF %lld", (long long)vf);
	if (method_pf_view(call, name, &view) == NULL)
		return NULL;
	ret = sysfs_vf_bdf(sysfs, view.fn.bdf, (unsigned int)vf, bdf);
	if (ret == 0)
		ret = sysfs_fn_read(sysfs, bdf, &fn);
	if (ret != 0)
		return rpc_refuse(call,
				err_set(&call->err, -ENODEV,
						"%s has no VF %lld: create it (vsrctl vf create)",
						view.fn.bdf, (long long)vf));
	return json_pack("{s:s, s:I, s:s, s:s, s:s, s:s}", "pf", view.fn.bdf, "vf", vf, "pci", bdf,
			"driver", fn.driver, "token", view.token, "legacy_refusal",
			legacy_refusal(&view, &why));
}

/* ---------------------------------------------------------------- tokens */

static json_t *
show_token(struct rpc_call *call, const char *bdf, const char *token)
{
	char file[PATH_MAX] = "", option[64];

	token_path(vsrd_of(call)->owner.host.run_dir, bdf, file, sizeof(file));
	snprintf(option, sizeof(option), "--vfio-vf-token=%s", token);
	return json_pack("{s:s, s:s, s:o, s:s}", "pf", bdf, "token", token, "token_file",
			show_text(file), "testpmd_option", option);
}

json_t *
method_token_show(struct rpc_call *call)
{
	struct owner_view view;
	const char *name;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0 ||
			method_pf_view(call, name, &view) == NULL)
		return NULL;
	return show_token(call, view.fn.bdf, view.token);
}

json_t *
method_token_rotate(struct rpc_call *call)
{
	const char *name, *token = NULL;
	json_t *users = NULL, *out;
	struct owner_pf *pf;
	int ret;

	if (rpc_params(call, "{s:s, s?s}", "pf", &name, "token", &token) != 0)
		return NULL;
	pf = method_pf_get(call, name, "token.rotate");
	if (pf == NULL)
		return NULL;
	ret = owner_token_set(&vsrd_of(call)->owner, pf, token, &users, &call->err);
	out = ret == 0 ? show_token(call, pf->fn.bdf, pf->token) : refuse_users(call, ret, users);
	owner_put(pf);
	return out;
}

/* ---------------------------------------------------------------- PASID */

static int
pasid_state(struct rpc_call *call, const struct owner_pf *pf, struct pasid_state *state)
{
	int ret = pasid_read(vsrd_of(call)->owner.host.sysfs, pf->bdf, state);

	return ret == 0 ? 0 :
			  err_set(&call->err, ret, "cannot read the configuration space of %s: %s",
					  pf->bdf, strerror(-ret));
}

json_t *
method_pasid_show(struct rpc_call *call)
{
	struct pasid_state state = { 0 };
	struct owner_view view;
	struct owner_pf *pf;
	const char *name;
	json_t *users;
	int ret;

	if (rpc_params(call, "{s:s}", "pf", &name) != 0)
		return NULL;
	pf = method_pf_view(call, name, &view);
	if (pf == NULL)
		return NULL;
	ret = pasid_state(call, pf, &state);
	users = json_array();
	pthread_mutex_lock(&pf->users_lock);
	for (size_t i = 0; i < pf->pasid.nb; i++)
		json_array_append_new(users,
				json_pack("{s:i, s:i}", "vf", (int)pf->pasid.v[i].vf, "pid",
						pf->pasid.v[i].pid));
	pthread_mutex_unlock(&pf->users_lock);
	if (ret != 0) {
		json_decref(users);
		return rpc_refuse(call, ret);
	}
	return json_pack("{s:b, s:b, s:i, s:b, s:b, s:o}", "present", state.present, "enabled",
			state.enabled, "max_width", state.max_width, "execute", state.execute,
			"privileged", state.privileged, "users", users);
}

static json_t *
pasid_change(struct rpc_call *call, bool acquire)
{
	struct pasid_state state = { 0 };
	struct owner_pf *pf;
	const char *name;
	json_int_t vf;
	int ret = 0;

	if (rpc_params(call, "{s:s, s:I}", "pf", &name, "vf", &vf) != 0)
		return NULL;
	if (acquire && !method_client_stays(call))
		return NULL;
	pf = method_pf_get(call, name, NULL);
	if (pf == NULL)
		return NULL;
	if (vf < 1 || vf > pf->fn.num_vfs)
		ret = err_set(&call->err, -ENXIO, "%s has no VF %lld", pf->fn.bdf, (long long)vf);
	else if (acquire)
		ret = pasid_state(call, pf, &state);
	pthread_mutex_lock(&pf->users_lock);
	if (ret == 0 && acquire) {
		ret = pasid_acquire(&pf->pasid, &state, call->client, (unsigned int)vf,
				call->client != NULL ? call->client->base->pid : 0);
		if (ret != 0)
			err_set(&call->err, ret,
					ret == -EINVAL ?
							"%s has not enabled PASID, so its VFs have none" :
							"the PASID state of %s has too many users",
					pf->fn.bdf);
	} else if (ret == 0) {
		pasid_release(&pf->pasid, call->client, (unsigned int)vf);
	}
	pthread_mutex_unlock(&pf->users_lock);
	owner_put(pf);
	return ret == 0 ? json_pack("{s:b}", acquire ? "acquired" : "released", 1) :
			  rpc_refuse(call, ret);
}

json_t *
method_pasid_acquire(struct rpc_call *call)
{
	return pasid_change(call, true);
}

json_t *
method_pasid_release(struct rpc_call *call)
{
	return pasid_change(call, false);
}

bool
vsrd_client_has_state(void *daemon, const struct client *client)
{
	struct vsrd *vsrd = daemon;
	bool has = false;

	for (unsigned int i = 0; i < OWNER_MAX_PFS && !has; i++) {
		struct owner_pf *pf = &vsrd->owner.pfs[i];

		pthread_mutex_lock(&pf->users_lock);
		has = pasid_has(&pf->pasid, client);
		pthread_mutex_unlock(&pf->users_lock);
	}
	return has;
}

void
vsrd_client_left(void *daemon, struct client *client)
{
	struct vsrd *vsrd = daemon;

	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		struct owner_pf *pf = &vsrd->owner.pfs[i];

		pthread_mutex_lock(&pf->users_lock);
		pasid_release(&pf->pasid, client, 0);
		pthread_mutex_unlock(&pf->users_lock);
	}
}
