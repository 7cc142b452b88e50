/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_SERVER_H
#define BASE_SERVER_H

/**
 * @file
 * A server on a UNIX socket with one thread per client.
 *
 * A thread of the server accepts clients, up to a limit. Each client that is admitted gets a
 * thread, which calls conf.serve(); the connection ends when that function returns. The threads of
 * a server block all signals, except those that an instruction of the thread itself causes.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base_listen.h"

struct base_server;

/** A client; valid until conf.serve() returns. */
struct base_client {
	void *ctx; /**< conf.ctx of its server. */
	int fd; /**< Its connection, blocking; the server closes it. */
	int stop_fd; /**< Readable once the server is stopped: conf.serve() must then return. */
	pid_t pid; /**< Process that connected. */
	uid_t uid; /**< User of that process. */
	/**
	 * conf.serve() may store here since when (CLOCK_MONOTONIC, ms) the client has wanted
	 * nothing: it may be disconnected to make room for another one. 0: it is served.
	 */
	atomic_llong idle_since_ms;
};

struct base_server_conf {
	const char *path; /**< Of the socket; used by base_server_start() only. */
	int type; /**< SOCK_STREAM or SOCK_SEQPACKET. */
	const struct base_access *access; /**< As base_listen(); used at the start only. */
	unsigned int max_clients; /**< At the same time. */
	unsigned int reserved; /**< Of these, for privileged clients only. */
	unsigned int max_per_user; /**< For one user without privilege; 0: no such limit. */
	/**
	 * A client that has been idle for this long is disconnected for a new one that finds no
	 * place: any of them for a privileged client, one of its own user for another client.
	 */
	unsigned int idle_ms;
	void *ctx; /**< First argument of the functions below. */

	/** Decide whether this client is served. NULL: every client is. In the accepting thread. */
	bool (*admit)(void *ctx, const struct base_client *client);
	/** Whether a client is privileged. NULL: none is. In the accepting thread. */
	bool (*privileged)(void *ctx, const struct base_client *client);
	/**
	 * A client is refused; its connection is closed after this call. In the accepting thread.
	 * @param err  -EACCES: not admitted; -EUSERS: there is no place, or no memory, for another
	 *             one; -EAGAIN: no thread for another one.
	 */
	void (*refuse)(void *ctx, const struct base_client *client, int err);
	/** Serve a client until it is gone or stop_fd is readable. In the client's own thread. */
	void (*serve)(struct base_client *client);
};

/**
 * Listen at conf->path and serve clients from now on.
 * @param out  The server, on success.
 * @return 0, an error of base_listen(), -ENOMEM, or the error of eventfd(2) or pthread_create(3).
 */
int base_server_start(const struct base_server_conf *conf, struct base_server **out);

/** Remove the socket, stop all clients, wait for their threads, free the server. NULL: nothing. */
void base_server_stop(struct base_server *server);
/**
 * As base_server_stop(), but wait for a limited time.
 * @return false: a thread still runs, and the server is not freed.
 */
bool base_server_stop_within(struct base_server *server, unsigned int wait_ms);

/** Number of clients that are served now; from any thread. */
unsigned int base_server_nb_clients(const struct base_server *server);

#endif /* BASE_SERVER_H */
