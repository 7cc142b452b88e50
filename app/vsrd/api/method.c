/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What the methods share: they find a PF, refuse, and write bytes as text. */

#include <stdlib.h>

#include "virtio/vio_admin_text.h"
#include "base/base_hex.h"

#include "method.h"

/* Find the PF that a call names; on NULL the call is refused. */
struct owner_pf *
method_pf_get(struct rpc_call *call, const char *name, bool change)
{
	int err = 0;
	struct owner_pf *pf = owner_get(&call->vsrd->owner, name, change, &err, &call->why);

	if (pf == NULL)
		rpc_refuse(call, err);
	return pf;
}

/* Lock a PF for a command, for VF number vf (0: for itself); on NULL the call is refused. */
struct owner_pf *
method_admin_get(struct rpc_call *call, const char *name, json_int_t vf)
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
json_t *
method_refuse_engine(struct rpc_call *call, struct owner_pf *pf, int err)
{
	why_not(&call->why, err, "%s: %s", pf->fn.bdf, vio_admin_why());
	owner_put(pf);
	return rpc_refuse(call, err);
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
