/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_H
#define VSRD_H

/**
 * @file
 * The daemon: its state and its methods.
 */

#include <time.h>

#include "daemon/rpc.h"
#include "vsrd/owner/owner.h"

#include "daemon/server.h"

struct vsrd {
	struct owner owner;
	struct server *server;
	time_t started; /**< CLOCK_MONOTONIC, seconds. */
};

/** The daemon that answers a call. */
static inline struct vsrd *
vsrd_of(const struct rpc_call *call)
{
	return call->daemon;
}

/** All methods; ends with a row without a name. */
extern const struct rpc_method vsrd_methods[];

/** Whether a client has acquired a PASID state. */
bool vsrd_client_has_state(void *daemon, const struct client *client);
/** Release the PASID states of a client that is gone. */
void vsrd_client_left(void *daemon, struct client *client);

/* methods_pf.c */
json_t *method_pf_list(struct rpc_call *call);
json_t *method_pf_show(struct rpc_call *call);
json_t *method_pf_attach(struct rpc_call *call);
json_t *method_pf_release(struct rpc_call *call);
json_t *method_pf_reset(struct rpc_call *call);
json_t *method_vf_create(struct rpc_call *call);
json_t *method_vf_destroy(struct rpc_call *call);
json_t *method_vf_show(struct rpc_call *call);
json_t *method_vf_find(struct rpc_call *call);
json_t *method_token_show(struct rpc_call *call);
json_t *method_token_rotate(struct rpc_call *call);
json_t *method_pasid_show(struct rpc_call *call);
json_t *method_pasid_acquire(struct rpc_call *call);
json_t *method_pasid_release(struct rpc_call *call);

/* methods_admin.c */
json_t *method_admin_list(struct rpc_call *call);
json_t *method_admin_caps(struct rpc_call *call);
json_t *method_admin_raw(struct rpc_call *call);
json_t *method_admin_stats(struct rpc_call *call);

/* methods_legacy.c */
json_t *method_legacy_read(struct rpc_call *call);
json_t *method_legacy_write(struct rpc_call *call);
json_t *method_legacy_dump(struct rpc_call *call);
json_t *method_legacy_notify_info(struct rpc_call *call);

#endif /* VSRD_H */
