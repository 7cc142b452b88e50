/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_RPC_H
#define VSRD_RPC_H

/**
 * @file
 * JSON-RPC 2.0 without the socket: text of a request in, text of the answer out.
 *
 * Nothing in a request is trusted: its size and depth are bounded, names that occur twice are
 * refused, parameters that a method does not know are too.
 */

#include <jansson.h>

#include "common/rpc.h"
#include "common/why.h"

struct vsrd;
struct conn;

/** A method call. */
struct rpc_call {
	struct vsrd *vsrd;
	struct conn *conn; /**< Who asks; NULL in tests. */
	json_t *params; /**< An object. */

	/* of a call that returned NULL */
	int code; /**< RPC_*; 0: RPC_REFUSED. */
	int err; /**< -errno of a refusal. */
	struct why why;
	json_t *data; /**< More members for "data", or NULL. */
};

/** @return the result, a new reference, or NULL with the call's why (and code or err) set. */
typedef json_t *(*rpc_run)(struct rpc_call *call);

struct rpc_method {
	const char *name;
	rpc_run run;
};

/**
 * Unpack the parameters as json_unpack(): all that are there must be named in fmt.
 * @return 0, or -1: return NULL then.
 */
int rpc_params(struct rpc_call *call, const char *fmt, ...);
/** The parameters make no sense. @return NULL. */
json_t *rpc_bad_params(struct rpc_call *call, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));
/** call->why says why not. @return NULL. */
json_t *rpc_refuse(struct rpc_call *call, int err);

/**
 * Answer one line.
 *
 * @param methods  Ended by one without a name.
 * @param call     Its vsrd and conn are used, the rest is filled in anew.
 * @return text with a newline, to free(), or NULL when nothing is to be said (notifications).
 */
char *rpc_answer(const struct rpc_method *methods, struct rpc_call *call, const char *text,
		size_t len);

/** A notification of the server: text with a newline, to free(); NULL without memory. */
char *rpc_notification(const char *method, json_t *params);

#endif /* VSRD_RPC_H */
