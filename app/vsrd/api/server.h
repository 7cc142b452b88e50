/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_SERVER_H
#define VSRD_SERVER_H

/**
 * @file
 * The socket: mode 0600, users checked by what the kernel says of them, a thread per client.
 *
 * A client may take as long as it likes between requests; a request that was begun must end, and
 * an answer be taken, within SERVER_PEER_MS.
 */

#include <sys/types.h>

#include "base/base_server.h"

#include "vsrd/core/events.h"
#include "vsrd/core/rpc.h"

#define SERVER_MAX_CONNS 64
#define SERVER_MAX_UIDS 16
#define SERVER_PEER_MS 5000

struct server;

/** A client. */
struct conn {
	struct server *server;
	const struct base_client *client;
	struct listener listener;
};

struct server_conf {
	const char *path; /**< Of the socket; a stale one is replaced. */
	const struct rpc_method *methods;
	struct vsrd *vsrd;
	uid_t uids[SERVER_MAX_UIDS]; /**< Who may ask, besides root and the daemon's own user. */
	unsigned int nb_uids;
	void (*on_leave)(struct vsrd *vsrd, struct conn *conn); /**< A client is gone. */
};

/**
 * Listen.
 * @return it, or NULL with *why: somebody answers there already, or a system call failed.
 */
struct server *server_start(const struct server_conf *conf, struct why *why);
/** Turn away all clients, once what they are in the middle of is done. NULL is fine. */
void server_stop(struct server *server);

/** Clients now, requests and refused clients so far. */
struct server_stats {
	unsigned int clients;
	unsigned long requests, turned_away;
};
void server_stats(struct server *server, struct server_stats *stats);

#endif /* VSRD_SERVER_H */
