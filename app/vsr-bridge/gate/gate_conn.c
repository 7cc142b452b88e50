/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A connection between a front end and a back end, with the gate in between. */

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gate_conn.h"

#define SECOND_MS 1000

static void
close_side(struct gate_conn *conn, enum gate_side side)
{
	if (conn->links[side].fd >= 0)
		conn->closing(conn->ctx, side);
	gate_link_close(&conn->links[side]);
}

int
gate_conn_open(struct gate_conn *conn, int front, int back, unsigned int max_rings)
{
	*conn = (struct gate_conn){ .closing = conn->closing, .ctx = conn->ctx };
	gate_link_open(&conn->links[GATE_FRONT], front);
	gate_link_open(&conn->links[GATE_BACK], back);
	gate_link_open(&conn->links[GATE_CALL_FRONT], -1);
	gate_link_open(&conn->links[GATE_CALL_BACK], -1);
	if (gate_state_init(&conn->state, max_rings) == 0)
		return 0;
	gate_conn_close(conn);
	return -ENOMEM;
}

void
gate_conn_close(struct gate_conn *conn)
{
	for (int side = 0; side < GATE_NB_SIDES; side++)
		close_side(conn, side);
	gate_state_free(&conn->state);
}

/* ---------------------------------------------------------------- requests of the front end */

/* @return whether the front end has used up its requests of this second. */
static bool
is_flood(const struct gate_conn *conn, long long now)
{
	return conn->window == now / SECOND_MS && conn->nb_in_window >= GATE_RATE;
}

static void
count_request(struct gate_conn *conn, uint32_t request, long long now)
{
	if (conn->window != now / SECOND_MS) {
		conn->window = now / SECOND_MS;
		conn->nb_in_window = 0;
	}
	conn->nb_in_window += request == VHU_SET_MEM_TABLE ? GATE_MEM_TABLE_COST : 1;
	conn->messages++;
}

/* Put a channel of the gate's own in place of the one that the front end gave. */
static int
replace_channel(struct gate_conn *conn, struct gate_msg *msg, struct err *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return err_set(err, -errno, "cannot create a channel: %s", strerror(errno));
	close_side(conn, GATE_CALL_FRONT);
	close_side(conn, GATE_CALL_BACK);
	gate_link_open(&conn->links[GATE_CALL_FRONT], msg->fds[0]);
	gate_link_open(&conn->links[GATE_CALL_BACK], pair[0]);
	conn->call = 0;
	conn->late = 0;
	msg->fds[0] = pair[1];
	return 0;
}

/* Pass a request on. */
static int
forward(struct gate_conn *conn, long long now, struct err *err)
{
	struct gate_link *front = &conn->links[GATE_FRONT];
	const uint32_t request = front->in.header.request;
	struct gate_msg msg = front->in;
	int ret = gate_check(&conn->state, &msg, err);

	if (ret == 0 && request == VHU_SET_BACKEND_REQ_FD) {
		ret = replace_channel(conn, &front->in, err);
		msg = front->in;
	}
	if (ret != 0)
		return ret;
	front->in.nb_fds = 0; /* they belong to msg now */
	gate_link_next(front);
	count_request(conn, request, now);
	conn->pending = request;
	conn->pending_end = now + GATE_BACK_END_MS;
	conn->wants_ack = (msg.header.flags & VHU_NEED_REPLY) != 0 &&
			(conn->state.protocol & VHU_PROTOCOL_REPLY_ACK) != 0;
	msg.header.flags = VHU_VERSION;
	if (!gate_has_reply(&conn->state, request))
		msg.header.flags |= VHU_NEED_REPLY;
	ret = gate_link_send(&conn->links[GATE_BACK], &msg, now);
	return ret == 0 ? 0 : err_set(err, ret, "the back end is gone");
}

static int
front_ready(struct gate_conn *conn, long long now, struct err *err)
{
	struct gate_link *front = &conn->links[GATE_FRONT];
	int ret = 0;

	if (front->sending) {
		ret = gate_link_flush(front, now);
		if (ret != 0)
			return err_set(err, ret, "the front end is gone");
	}
	if (conn->pending != 0 || front->sending || is_flood(conn, now))
		return 0;
	ret = gate_link_receive(front, now, gate_check_header, err);
	return ret <= 0 ? ret : forward(conn, now, err);
}

/* ---------------------------------------------------------------- answers of the back end */

static int
answer_front(struct gate_conn *conn, struct gate_msg *reply, long long now, struct err *err)
{
	const uint32_t request = conn->pending;
	const bool own = gate_has_reply(&conn->state, request);
	const bool refused = !own && reply->payload.u64 != 0;
	struct gate_msg msg = *reply;
	char name[24];
	int ret;

	reply->nb_fds = 0; /* they belong to msg now */
	conn->pending = 0;
	if (own) {
		gate_filter_reply(&conn->state, request, &msg);
	} else if (!conn->wants_ack) {
		for (unsigned int i = 0; i < msg.nb_fds; i++)
			close(msg.fds[i]);
		return !refused ? 0 :
				  err_set(err, -EPROTO, "%s: the back end refused",
						  gate_request_name(request, name));
	}
	ret = gate_link_send(&conn->links[GATE_FRONT], &msg, now);
	return ret == 0 ? 0 : err_set(err, ret, "the front end is gone");
}

static int
back_ready(struct gate_conn *conn, long long now, struct err *err)
{
	struct gate_link *back = &conn->links[GATE_BACK];
	int ret = gate_link_flush(back, now);

	if (ret != 0)
		return err_set(err, ret, "the back end is gone");
	ret = gate_link_receive(back, now, NULL, err);
	if (ret == -ECONNRESET)
		return err_set(err, ret, "the back end ended the connection");
	if (ret <= 0)
		return ret;
	if (conn->pending == 0 || back->in.header.request != conn->pending)
		return err_set(err, -EPROTO, "the back end sent an answer that nobody waits for");
	ret = answer_front(conn, &back->in, now, err);
	gate_link_next(back);
	return ret;
}

/* ---------------------------------------------------------------- requests of the back end */

/* The front end does not listen, or does not answer: the back end must not wait for it. */
static int
answer_call(struct gate_conn *conn, uint32_t request, long long now, struct err *err)
{
	struct gate_msg msg = { .header = { .request = request,
						.flags = VHU_VERSION | VHU_REPLY,
						.size = sizeof(msg.payload.u64) },
		.payload.u64 = 1 };
	int ret = gate_link_send(&conn->links[GATE_CALL_BACK], &msg, now);

	conn->calls_unanswered++;
	return ret == 0 ? 0 : err_set(err, ret, "the back end is gone");
}

static int
drop_channel(struct gate_conn *conn, long long now, struct err *err)
{
	const uint32_t call = conn->call;

	close_side(conn, GATE_CALL_FRONT);
	conn->call = 0;
	conn->late = 0;
	return call != 0 ? answer_call(conn, call, now, err) : 0;
}

static int
call_back_ready(struct gate_conn *conn, long long now, struct err *err)
{
	struct gate_link *front = &conn->links[GATE_CALL_FRONT];
	struct gate_link *back = &conn->links[GATE_CALL_BACK];
	struct gate_msg msg;
	bool wants_answer;
	int ret = gate_link_flush(back, now);

	if (ret != 0)
		return err_set(err, ret, "the back end is gone");
	if (conn->call != 0 || back->sending)
		return 0;
	ret = gate_link_receive(back, now, NULL, err);
	if (ret == -ECONNRESET) { /* the back end has no use for it any more */
		close_side(conn, GATE_CALL_BACK);
		return drop_channel(conn, now, err);
	}
	if (ret <= 0)
		return ret;
	conn->calls++;
	wants_answer = (back->in.header.flags & VHU_NEED_REPLY) != 0;
	msg = back->in;
	/* A front end that does not read loses its message. */
	if (front->fd < 0 || front->sending || (wants_answer && conn->late != 0)) {
		const uint32_t request = msg.header.request;

		gate_link_next(back);
		return wants_answer ? answer_call(conn, request, now, err) : 0;
	}
	back->in.nb_fds = 0; /* they belong to msg now */
	gate_link_next(back);
	if (wants_answer) {
		conn->call = msg.header.request;
		conn->call_end = now + GATE_BACK_ANSWER_MS;
	}
	return gate_link_send(front, &msg, now) == 0 ? 0 : drop_channel(conn, now, err);
}

static int
call_front_ready(struct gate_conn *conn, long long now, struct err *err)
{
	struct gate_link *front = &conn->links[GATE_CALL_FRONT];
	struct gate_msg msg;
	int ret;

	if (gate_link_flush(front, now) != 0)
		return drop_channel(conn, now, err);
	ret = gate_link_receive(front, now, NULL, err);
	if (ret == -ECONNRESET)
		return drop_channel(conn, now, err);
	if (ret <= 0)
		return ret;
	msg = front->in;
	ret = gate_check_back_reply(&msg, err);
	gate_link_next(front);
	if (ret != 0)
		return ret;
	if (conn->late != 0) { /* it was answered in the front end's place */
		conn->late--;
		return 0;
	}
	if (conn->call == 0 || msg.header.request != conn->call)
		return err_set(err, -EPROTO,
				"an answer on the channel of the back end that nobody waits for");
	conn->call = 0;
	ret = gate_link_send(&conn->links[GATE_CALL_BACK], &msg, now);
	return ret == 0 ? 0 : err_set(err, ret, "the back end is gone");
}

/* ---------------------------------------------------------------- events and deadlines */

uint32_t
gate_conn_events(const struct gate_conn *conn, enum gate_side side, long long now)
{
	const struct gate_link *link = &conn->links[side];
	uint32_t events = link->sending ? EPOLLOUT : 0;

	switch (side) {
	case GATE_FRONT:
		/* The next request waits for the answer to this one. */
		if (conn->pending == 0 && !link->sending && !is_flood(conn, now))
			events |= EPOLLIN;
		break;
	case GATE_CALL_BACK:
		if (conn->call == 0 && !link->sending)
			events |= EPOLLIN;
		break;
	default:
		events |= EPOLLIN;
	}
	return events;
}

int
gate_conn_ready(struct gate_conn *conn, enum gate_side side, uint32_t events, long long now,
		struct err *err)
{
	if (conn->links[side].fd < 0)
		return 0;
	switch (side) {
	case GATE_FRONT:
		if ((events & EPOLLHUP) != 0 && (events & EPOLLIN) == 0)
			return err_set(err, -ECONNRESET, "the connection was closed");
		return front_ready(conn, now, err);
	case GATE_BACK:
		return back_ready(conn, now, err);
	case GATE_CALL_FRONT:
		return call_front_ready(conn, now, err);
	default:
		if ((events & EPOLLHUP) != 0 && (events & EPOLLIN) == 0) {
			close_side(conn, GATE_CALL_BACK);
			return drop_channel(conn, now, err);
		}
		return call_back_ready(conn, now, err);
	}
}

static void
sooner(long long *end, long long other)
{
	if (other != 0 && (*end == 0 || other < *end))
		*end = other;
}

long long
gate_conn_deadline(const struct gate_conn *conn, long long now)
{
	long long end = 0;

	for (int side = 0; side < GATE_NB_SIDES; side++) {
		sooner(&end, conn->links[side].in_end);
		sooner(&end, conn->links[side].out_end);
	}
	if (conn->pending != 0)
		sooner(&end, conn->pending_end);
	if (conn->call != 0)
		sooner(&end, conn->call_end);
	if (is_flood(conn, now))
		sooner(&end, (conn->window + 1) * SECOND_MS);
	return end;
}

int
gate_conn_timeout(struct gate_conn *conn, long long now, struct err *err)
{
	char name[24];

	if (gate_link_late(&conn->links[GATE_FRONT], now))
		return err_set(err, -ETIMEDOUT, "the front end stopped in the middle of a message");
	if (conn->pending != 0 && now >= conn->pending_end)
		return err_set(err, -ETIMEDOUT, "%s: the back end does not answer",
				gate_request_name(conn->pending, name));
	if (gate_link_late(&conn->links[GATE_BACK], now) ||
			gate_link_late(&conn->links[GATE_CALL_BACK], now))
		return err_set(err, -ETIMEDOUT, "the back end stopped in the middle of a message");
	if (gate_link_late(&conn->links[GATE_CALL_FRONT], now))
		return drop_channel(conn, now, err);
	if (conn->call != 0 && now >= conn->call_end) {
		const uint32_t call = conn->call;

		conn->call = 0;
		conn->late++;
		return answer_call(conn, call, now, err);
	}
	return 0;
}
