/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_RPC_CLIENT_H
#define DAEMON_RPC_CLIENT_H

/**
 * @file
 * A connection to a daemon. One thread at a time per connection.
 */

#include <jansson.h>

/** Connect to the socket of a daemon. @return a descriptor or -errno. */
int rpc_client_open(const char *path);
/** Send a request; waits 5 s at most. @param params  Reference is taken. @return 0 or -errno. */
int rpc_client_send(int fd, const char *method, json_t *params);
/** What was received and not parsed yet; all zero at the start; free text at the end. */
struct rpc_client_buf {
	char *text;
	size_t len, size;
};
/**
 * Receive and parse a line.
 *
 * @param timeout_ms  -1: wait forever.
 * @param ret         Out: 0, -ETIMEDOUT, -ECONNRESET (the stream ended), -EPROTO (no JSON),
 *                    -EMSGSIZE, or the error of a system call.
 * @return the line, or NULL.
 */
json_t *rpc_client_receive(int fd, struct rpc_client_buf *buf, int timeout_ms, int *ret);

/**
 * One call on a connection of its own.
 *
 * @param params      Its reference is taken.
 * @param timeout_ms  Of the whole call; but to connect, and to send, may take 5 s each. -1: wait
 *                    forever for the answer.
 * @param ret         Out: as rpc_client_open(), rpc_client_send() and rpc_client_receive().
 * @return the answer with its "result" or "error", or NULL.
 */
json_t *rpc_client_call(const char *path, const char *method, json_t *params, int timeout_ms,
		int *ret);

#endif /* DAEMON_RPC_CLIENT_H */
