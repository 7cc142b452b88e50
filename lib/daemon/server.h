/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_SERVER_H
#define DAEMON_SERVER_H

/**
 * @file
 * The socket of the daemon: one thread per client. The user id that the kernel reports for a client
 * decides whether the client is served.
 *
 * A client may be idle for any time between requests. When there is no place for another client,
 * the one that has been idle for the longest time is disconnected, unless it has subscribed to
 * events or acquired PASID; some places are never taken by such clients. A client must complete a
 * request that it has begun, and read an answer, within SERVER_PEER_MS.
 */

#include <sys/types.h>

#include "base/base_server.h"

#include "events.h"
#include "rpc.h"

#define SERVER_MAX_CLIENTS 64
#define SERVER_RESERVED 8 /**< Places for root and for the user of the daemon alone. */
#define SERVER_MAX_PER_USER 32 /**< Of another user. */
/** Clients that stay connected while they are idle; of these, SERVER_RESERVED for the same two. */
#define SERVER_MAX_STAYING (SERVER_MAX_CLIENTS - SERVER_RESERVED)
#define SERVER_IDLE_MS 2000 /**< Then a client may have to make room. */
#define SERVER_MAX_UIDS 16
#define SERVER_PEER_MS 5000
#define SERVER_LAST_MS 1000 /**< The same, once the server is stopped. */

struct server;

/** A client. */
struct client {
	struct server *server;
	struct base_client *base;
	struct subscriber subscriber;
	bool stays; /**< It is not disconnected while it is idle. */
};

struct server_conf {
	const char *path; /**< Path of the socket. */
	struct base_access access; /**< Of the socket; mode 0: as the users below need it. */
	const struct rpc_method *methods;
	void *daemon; /**< Given to each call, to has_state() and to on_leave(). */
	const char *name; /**< Of the daemon, for error texts. */
	const atomic_bool *ending; /**< True: no request begins any more. NULL: never. */
	uid_t uids[SERVER_MAX_UIDS]; /**< Users besides root and the daemon's own user. */
	unsigned int nb_uids;
	/**
	 * Whether a client has state that ends with its connection, besides its subscription. NULL:
	 * none has. In the thread of the client, between two requests.
	 */
	bool (*has_state)(void *daemon, const struct client *client);
	/** Called when a client is gone. NULL: nothing to do. */
	void (*on_leave)(void *daemon, struct client *client);
};

/**
 * Listen and serve clients.
 * @return the server, or NULL with *err.
 */
struct server *server_start(const struct server_conf *conf, struct err *err);
#define SERVER_STOP_MS 6000 /**< Longest wait for requests that still run. */

/**
 * Disconnect all clients after their current requests, and free the server. NULL: nothing.
 * @return false: a request does not end, and the server is not freed.
 */
bool server_stop(struct server *server);

/**
 * The client gets state that ends with its connection: keep the connection. Before its next request
 * the server asks conf.has_state() whether this is still so: it may have failed to get the state.
 * @return false: there are SERVER_MAX_STAYING such clients, or fewer for a user without privilege.
 */
bool server_client_stays(struct client *client);

/** The method events.subscribe: the client gets events from now on. */
json_t *server_subscribe(struct rpc_call *call);

/** Number of clients now, of requests and refused clients so far. */
struct server_stats {
	unsigned int clients;
	unsigned long requests, turned_away;
};
void server_stats(struct server *server, struct server_stats *stats);

#endif /* DAEMON_SERVER_H */
