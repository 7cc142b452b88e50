/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_RPC_H
#define DAEMON_RPC_H

/**
 * @file
 * JSON-RPC 2.0 without the socket: text of a request in, text of the answer out.
 *
 * Requests are not trusted: size and depth are limited; duplicate names and parameters that a
 * method does not have are refused.
 */

#include <stdatomic.h>

#include <jansson.h>

#include "rpc_proto.h"
#include "err.h"

struct client;

/** A method call. */
struct rpc_call {
	void *daemon; /**< State of the daemon that answers. */
	struct client *client; /**< The client; NULL in tests. */
	const atomic_bool *ending; /**< True: the rest of a batch is refused. NULL: never. */
	json_t *params; /**< An object. */

	/* When the method returned NULL: */
	int code; /**< RPC_*; 0: RPC_REFUSED. */
	int ret; /**< -errno of the refusal. */
	struct err err;
	json_t *data; /**< More members for "data", or NULL. */
};

/** @return the result, a new reference, or NULL with call->err and call->code or call->ret set. */
typedef json_t *(*rpc_run)(struct rpc_call *call);

struct rpc_method {
	const char *name;
	rpc_run run;
};

/**
 * Unpack the parameters as json_unpack(); parameters that fmt does not name are refused.
 * @return 0, or -1: the method then returns NULL.
 */
int rpc_params(struct rpc_call *call, const char *fmt, ...);
/** Refuse the parameters. @return NULL. */
json_t *rpc_bad_params(struct rpc_call *call, const char *fmt, ...)
		__attribute__((format(printf, 2, 3)));
/** Refuse the call; call->err has the error text. @return NULL. */
json_t *rpc_refuse(struct rpc_call *call, int ret);

/**
 * Answer one line.
 *
 * @param methods  Table that ends with a row without a name.
 * @param call     daemon, client and ending are inputs; the other members are overwritten.
 * @return text with a newline, to free(), or NULL: no answer (notifications).
 */
char *rpc_answer(const struct rpc_method *methods, struct rpc_call *call, const char *text,
		size_t len);

/** A notification of the server: text with a newline, to free(); NULL: out of memory. */
char *rpc_notification(const char *method, json_t *params);

#endif /* DAEMON_RPC_H */
