/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What the methods share: find a PF, refuse a call, write bytes as text. */

#include <errno.h>
#include <stdlib.h>

#include "virtio/vio_err.h"
#include "base/base_hex.h"

#include "method.h"

static struct owner_pf *
pf_get(struct rpc_call *call, const char *name, const char *change, unsigned int wait_ms)
{
	int ret = 0;
	struct owner_pf *pf = owner_get(&vsrd_of(call)->owner, name, change, wait_ms, &ret,
			&call->err);

	if (pf == NULL)
		rpc_refuse(call, ret);
	return pf;
}

struct owner_pf *
method_pf_get(struct rpc_call *call, const char *name, const char *change)
{
	return pf_get(call, name, change, OWNER_WAIT_MS);
}

struct owner_pf *
method_pf_view(struct rpc_call *call, const char *name, struct owner_view *view)
{
	int ret = 0;
	struct owner_pf *pf = owner_view(&vsrd_of(call)->owner, name, view, &ret, &call->err);

	if (pf == NULL)
		rpc_refuse(call, ret);
	return pf;
}

struct owner_pf *
method_admin_get_within(struct rpc_call *call, const char *name, json_int_t vf,
		unsigned int wait_ms)
{
	struct owner_pf *pf;
	int ret = 0;

	if (vf < 0 || vf > SYSFS_MAX_VFS)
		return (void *)rpc_bad_params(call, "there is no VF %lld", (long long)vf);
	pf = pf_get(call, name, NULL, wait_ms);
	if (pf == NULL)
		return NULL;
	ret = owner_admin_ready(pf, (unsigned int)vf, &call->err);
	if (ret == 0)
		return pf;
	owner_put(pf);
	return (void *)rpc_refuse(call, ret);
}

struct owner_pf *
method_admin_get(struct rpc_call *call, const char *name, json_int_t vf)
{
	return method_admin_get_within(call, name, vf, OWNER_WAIT_MS);
}

bool
method_client_stays(struct rpc_call *call)
{
	if (call->client == NULL || server_client_stays(call->client))
		return true;
	rpc_refuse(call,
			err_set(&call->err, -EUSERS,
					"too many clients have subscribed to events or use PASID"));
	return false;
}

json_t *
method_refuse_engine(struct rpc_call *call, struct owner_pf *pf, int ret)
{
	err_set(&call->err, ret, "%s: %s", pf->fn.bdf, vio_err());
	owner_put(pf);
	return rpc_refuse(call, ret);
}

json_t *
method_hex(const uint8_t *data, size_t len)
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
