/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef GATE_H
#define GATE_H

/**
 * @file
 * The gate between front ends, which are not trusted, and a vhost-user back end that believes its
 * peer. A port is a socket for one guest: it listens, or connects to a front end that listens and
 * connects again when the front end has gone. Each connection of a front end becomes a connection
 * to the back end's own socket; the messages in between are checked.
 *
 * One thread serves all ports, and waits for no peer. A front end that breaks a rule loses its
 * connection, and only that.
 *
 * Any thread, except that a port is removed once.
 */

#include "base/base_listen.h"

#include "gate_conn.h"

#define GATE_RECONNECT_MS 250 /**< Between two attempts to connect to a front end. */
#define GATE_REMOVE_MS 10000 /**< Longest wait for the back end in gate_port_remove(). */

struct gate;
struct gate_port;

enum gate_event {
	GATE_CONNECTED,
	GATE_LEFT, /**< The front end ended the connection. */
	GATE_REFUSED, /**< The gate ended the connection: the front end broke a rule. */
	GATE_FAULT, /**< The front end took memory away that it had shared. */
	GATE_WAITING, /**< Another front end has connected, and waits for its turn. */
};

struct gate_port_conf {
	const char *path; /**< Socket for the front end, with '/' at its beginning. */
	bool server; /**< Listen; else connect. */
	struct base_access access; /**< Of a socket that listens. */
	const char *back_path; /**< Socket on which the back end listens. */
	unsigned int max_rings;
	unsigned long number; /**< For gate_port_left(); no other port ever has it. */
	/** Called in the thread of the gate; must not wait, nor call the gate. */
	void (*event)(void *ctx, enum gate_event event, const char *why);
	void *ctx;
};

/** What a port does, for people. */
struct gate_port_info {
	bool connected;
	bool leaving; /**< The back end has not yet let go of the last connection. */
	bool waiting; /**< Another front end has connected, and waits for its turn. */
	int pid; /**< Of the front end; 0: unknown. */
	unsigned int regions;
	uint64_t bytes; /**< Of guest memory. */
	unsigned long connections, refused, messages, calls, calls_unanswered;
	char last[1024]; /**< Why the last connection ended; empty: none has. */
};

/**
 * Start the gate, after budget_set().
 * @return the gate, or NULL with a sentence.
 */
struct gate *gate_start(struct err *err);
/** End the gate; all ports were removed. NULL: nothing. */
void gate_stop(struct gate *gate);

/** Open a port. @return it, or NULL with *ret (as base_listen()) and a sentence. */
struct gate_port *gate_port_add(struct gate *gate, const struct gate_port_conf *conf, int *ret,
		struct err *err);
/**
 * Close a port: its front end loses the connection.
 * @return false: the back end has not let go of the connection in time; the port is closed anyway.
 */
bool gate_port_remove(struct gate_port *port);
/**
 * The back end has let go of a connection of that port: the next front end may come. No effect for
 * a port that was removed.
 */
void gate_port_left(struct gate *gate, unsigned long number);
/** End the connection of a port and take no other one; gate_port_remove() follows. */
void gate_port_shut(struct gate_port *port);
void gate_port_info(struct gate_port *port, struct gate_port_info *info);

#endif /* GATE_H */
