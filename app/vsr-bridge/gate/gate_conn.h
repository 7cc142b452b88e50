/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef GATE_CONN_H
#define GATE_CONN_H

/**
 * @file
 * A connection between a front end and a back end, with the gate in between.
 *
 * One request is on its way at a time. The back end acknowledges each one, so that the gate knows
 * what it refused; the front end gets the answer that it expects.
 *
 * The back end's own requests go through a second channel. It waits for the answers, so the gate
 * answers in place of a front end that does not do so in time.
 *
 * Nothing here waits. One thread at a time per connection.
 */

#include "gate_link.h"

#define GATE_BACK_END_MS 30000 /**< Longest time that the back end may need for a request. */
#define GATE_BACK_ANSWER_MS 1000 /**< Longest time that a front end may need for an answer. */
#define GATE_RATE 2000 /**< Requests in each second; the rest waits in the socket. */
#define GATE_MEM_TABLE_COST 100 /**< A table of memory counts as so many requests. */

/** The four ends, towards the front end and towards the back end. */
enum gate_side {
	GATE_FRONT, /**< Requests of the front end arrive. */
	GATE_BACK,
	GATE_CALL_FRONT, /**< Requests of the back end leave. */
	GATE_CALL_BACK,
	GATE_NB_SIDES,
};

struct gate_conn {
	/**
	 * Called before a side is closed. The other process can have the file of a channel open
	 * too, so a close does not end what epoll(7) knows of it.
	 */
	void (*closing)(void *ctx, enum gate_side side);
	void *ctx;
	struct gate_link links[GATE_NB_SIDES];
	struct gate_state state;
	uint32_t pending; /**< Request that the back end works on; 0: none. */
	bool wants_ack; /**< The front end expects the acknowledgement. */
	uint32_t call; /**< Request of the back end that the front end answers; 0: none. */
	long long pending_end, call_end; /**< Deadlines. */
	unsigned int late; /**< Answers of the front end that came or come too late. */
	long long window; /**< Second of the rate. */
	unsigned int nb_in_window;
	unsigned long messages, calls, calls_unanswered;
};

/**
 * Open; conn->closing and conn->ctx are set.
 * @param front  The front end's socket. @param back  The back end's. Both are taken over.
 * @return 0 or -ENOMEM; the sockets are closed on failure.
 */
int gate_conn_open(struct gate_conn *conn, int front, int back, unsigned int max_rings);
/** Close all sides. */
void gate_conn_close(struct gate_conn *conn);

/** Events of epoll(7) that a side waits for now. */
uint32_t gate_conn_events(const struct gate_conn *conn, enum gate_side side, long long now);

/**
 * A side has events.
 * @return 0, or -errno with a sentence: the connection must end.
 */
int gate_conn_ready(struct gate_conn *conn, enum gate_side side, uint32_t events, long long now,
		struct err *err);

/** The next moment at which gate_conn_timeout() has something to do; 0: none. */
long long gate_conn_deadline(const struct gate_conn *conn, long long now);
/** Do what is due. @return as gate_conn_ready(). */
int gate_conn_timeout(struct gate_conn *conn, long long now, struct err *err);

#endif /* GATE_CONN_H */
