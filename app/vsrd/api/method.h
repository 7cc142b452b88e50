/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_METHOD_H
#define VSRD_METHOD_H

/**
 * @file
 * What the methods share.
 */

#include "vsrd.h"

/** As owner_get(). @return the PF, or NULL: the call is refused. */
struct owner_pf *method_pf_get(struct rpc_call *call, const char *name, const char *change);
/** As owner_view(). @return the place of the PF, or NULL: the call is refused. */
struct owner_pf *method_pf_view(struct rpc_call *call, const char *name, struct owner_view *view);

/**
 * Find a PF and enter its gate for a command of its admin queue.
 * @param vf  Number of the VF that the command is for, 0 for the PF itself.
 * @return the PF, or NULL: the call is refused.
 */
struct owner_pf *method_admin_get(struct rpc_call *call, const char *name, json_int_t vf);
/** The same. @param wait_ms  Longest wait for others on the PF; else OWNER_WAIT_MS. */
struct owner_pf *method_admin_get_within(struct rpc_call *call, const char *name, json_int_t vf,
		unsigned int wait_ms);

/** As server_client_stays(). @return false: the call is refused. */
bool method_client_stays(struct rpc_call *call);

/** Refuse with the error text of the admin queue, and leave the PF. @return NULL. */
json_t *method_refuse_engine(struct rpc_call *call, struct owner_pf *pf, int ret);

/** Bytes as a JSON string of hexadecimal digits. */
json_t *method_hex(const uint8_t *data, size_t len);

#endif /* VSRD_METHOD_H */
