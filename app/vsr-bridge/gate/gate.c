/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The gate: its thread, its ports, and their connections. */

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_clock.h"

#include "gate.h"
#include "gate_fault.h"

#define MAX_EVENTS 64
#define NB_FILES (2 * (VHU_MAX_REGIONS + 1)) /* with the log; of the last table and of this one */
#define LEAVE_MS 30000 /* Then the back end has forgotten to say that it has let go. */

enum source_kind { SOURCE_WAKE, SOURCE_FAULT, SOURCE_LISTEN, SOURCE_CONN };

/* What an event of epoll belongs to. */
struct source {
	enum source_kind kind;
	struct gate_port *port;
	enum gate_side side;
	int fd; /* That is registered; -1: none. */
	uint32_t events;
};

struct gate_port {
	struct gate *gate;
	struct gate_port *next;
	struct gate_port_conf conf;
	char *path, *back_path;
	int listener; /* -1: none. */
	struct base_socket_file file;
	struct source listening, sides[GATE_NB_SIDES];
	struct gate_conn conn;
	bool open; /* conn is. */
	bool held; /* The back end has a connection. */
	long long left_at; /* When the front end went. */
	bool waiting;
	long long attempt; /* When to connect again; 0: not now. */
	int pid;
	struct gate_file files[NB_FILES]; /* Those below. */
	int faults[NB_FILES]; /* Numbers of gate_fault.h, -1: none. */
	unsigned long connections, refused, messages, calls, calls_unanswered;
	struct err last;
};

struct gate {
	pthread_t thread;
	pthread_mutex_t lock; /* Of all below; no call inside waits. */
	pthread_cond_t news; /* A port was left. */
	struct gate_port *ports;
	struct gate_port *removed; /* Events of this turn may name them. */
	struct source wake, fault;
	int epoll;
	bool stopping;
};

/* ---------------------------------------------------------------- epoll */

static void
watch(struct gate *gate, struct source *source, int fd, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.ptr = source };

	if (source->fd == fd && source->events == events)
		return;
	if (source->fd >= 0 && source->fd != fd)
		epoll_ctl(gate->epoll, EPOLL_CTL_DEL, source->fd, NULL);
	if (fd >= 0)
		epoll_ctl(gate->epoll, source->fd == fd ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, fd,
				&event);
	source->fd = fd;
	source->events = events;
}

/* A descriptor that is about to be closed; the next one may get the same number. */
static void
unwatch(struct gate *gate, struct source *source)
{
	watch(gate, source, -1, 0);
}

static void
on_closing(void *ctx, enum gate_side side)
{
	struct gate_port *port = ctx;

	unwatch(port->gate, &port->sides[side]);
}

static void
watch_conn(struct gate_port *port, long long now)
{
	for (int side = 0; side < GATE_NB_SIDES; side++)
		watch(port->gate, &port->sides[side], port->conn.links[side].fd,
				gate_conn_events(&port->conn, side, now));
}

static void
wake(struct gate *gate)
{
	eventfd_write(gate->wake.fd, 1);
}

/* ---------------------------------------------------------------- connections */

static void
forget_files(struct gate_port *port)
{
	for (int i = 0; i < NB_FILES; i++) {
		gate_fault_remove(port->faults[i]);
		port->faults[i] = -1;
	}
}

static bool
same_file(const struct gate_file *a, const struct gate_file *b)
{
	return a->ino == b->ino && a->dev == b->dev;
}

/* @return file number i that the front end shares now, NULL: none. */
static const struct gate_file *
shared_file(const struct gate_state *state, unsigned int i)
{
	if (i < state->nb_regions)
		return &state->regions[i].file;
	return i == VHU_MAX_REGIONS && state->log.ino != 0 ? &state->log : NULL;
}

/* The back end has unmapped the files that are not shared any more. */
static void
forget_old_files(struct gate_port *port)
{
	for (int i = 0; i < NB_FILES; i++) {
		bool shared = false;

		for (unsigned int j = 0; j <= VHU_MAX_REGIONS; j++) {
			const struct gate_file *file = shared_file(&port->conn.state, j);

			shared = shared || (file != NULL && same_file(file, &port->files[i]));
		}
		if (shared)
			continue;
		gate_fault_remove(port->faults[i]);
		port->faults[i] = -1;
	}
}

static bool
expect_file(struct gate_port *port, const struct gate_file *file)
{
	int free = -1;

	for (int i = 0; i < NB_FILES; i++) {
		if (port->faults[i] < 0)
			free = i;
		else if (same_file(file, &port->files[i]))
			return true;
	}
	if (free < 0)
		return false;
	port->files[free] = *file;
	port->faults[free] = gate_fault_add(file);
	return port->faults[free] >= 0;
}

/* Expect faults on the files that the front end shares. */
static int
expect_faults(struct gate_port *port)
{
	/* The back end has the files of the last table until it has answered. */
	if (port->conn.pending == 0)
		forget_old_files(port);
	for (unsigned int i = 0; i <= VHU_MAX_REGIONS; i++) {
		const struct gate_file *file = shared_file(&port->conn.state, i);

		if (file != NULL && !expect_file(port, file))
			return -ENOSPC;
	}
	return 0;
}

static void
end_conn(struct gate_port *port, enum gate_event event, const struct err *why, long long now)
{
	port->messages += port->conn.messages;
	port->calls += port->conn.calls;
	port->calls_unanswered += port->conn.calls_unanswered;
	gate_conn_close(&port->conn);
	port->open = false;
	port->pid = 0;
	port->refused += event != GATE_LEFT;
	port->last = *why;
	port->left_at = now;
	port->attempt = now + GATE_RECONNECT_MS;
	port->conf.event(port->conf.ctx, event, why->text);
}

/* @return a connection to the back end, or -errno. It is on this machine and accepts at once. */
static int
connect_to(const char *path)
{
	struct sockaddr_un addr;
	int ret = base_address(&addr, path), fd;

	if (ret != 0)
		return ret;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* A front end is there. */
static void
begin_conn(struct gate_port *port, int front, long long now)
{
	struct ucred cred = { .pid = 0 };
	socklen_t len = sizeof(cred);
	const int back = connect_to(port->back_path);

	if (back < 0) {
		err_set(&port->last, back, "the back end does not listen: %s", strerror(-back));
		close(front);
		return;
	}
	getsockopt(front, SOL_SOCKET, SO_PEERCRED, &cred, &len);
	if (gate_conn_open(&port->conn, front, back, port->conf.max_rings) != 0) {
		err_set(&port->last, -ENOMEM, "out of memory");
		return;
	}
	port->open = port->held = true;
	port->pid = cred.pid;
	port->connections++;
	port->attempt = 0;
	port->conf.event(port->conf.ctx, GATE_CONNECTED, "");
	watch_conn(port, now);
}

/* Accept the next front end, unless there is one. */
static void
accept_next(struct gate_port *port, long long now)
{
	int fd;

	if (port->listener < 0 || port->open || port->held)
		return;
	fd = accept4(port->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	port->waiting = false;
	begin_conn(port, fd, now);
}

static void
connect_next(struct gate_port *port, long long now)
{
	int fd;

	if (port->conf.server || port->open || port->held || now < port->attempt)
		return;
	port->attempt = now + GATE_RECONNECT_MS;
	fd = connect_to(port->path);
	if (fd >= 0)
		begin_conn(port, fd, now);
}

/* ---------------------------------------------------------------- the thread */

static void
after(struct gate_port *port, int ret, struct err *err, long long now)
{
	if (ret == 0 && expect_faults(port) != 0)
		ret = err_set(err, -ENOSPC, "too many files are shared");
	if (ret == 0)
		watch_conn(port, now);
	else
		end_conn(port, ret == -ECONNRESET || ret == -EPIPE ? GATE_LEFT : GATE_REFUSED, err,
				now);
}

static void
conn_event(const struct source *source, uint32_t events, long long now)
{
	struct gate_port *port = source->port;
	struct err err = { "" };
	int ret;

	if (!port->open || source->fd < 0)
		return; /* an earlier event of this turn has closed it */
	ret = gate_conn_ready(&port->conn, source->side, events, now, &err);
	after(port, ret, &err, now);
}

static void
check_faults(struct gate *gate, long long now)
{
	eventfd_t count;
	struct err err;

	eventfd_read(gate->fault.fd, &count);
	err_set(&err, 0, "the front end took memory away that it had shared");
	for (struct gate_port *port = gate->ports; port != NULL; port = port->next) {
		bool seen = false;

		for (int i = 0; i < NB_FILES; i++)
			seen = seen || gate_fault_seen(port->faults[i]);
		if (seen && port->open)
			end_conn(port, GATE_FAULT, &err, now);
	}
}

static void
handle(struct gate *gate, const struct epoll_event *event, long long now)
{
	struct source *source = event->data.ptr;
	struct gate_port *port;
	eventfd_t count;

	switch (source->kind) {
	case SOURCE_WAKE:
		eventfd_read(source->fd, &count);
		break;
	case SOURCE_FAULT:
		check_faults(gate, now);
		break;
	case SOURCE_LISTEN:
		port = source->port;
		port->waiting = true;
		accept_next(port, now);
		if (port->waiting && port->open)
			port->conf.event(port->conf.ctx, GATE_WAITING,
					"another front end has connected");
		break;
	default:
		conn_event(source, event->events, now);
	}
}

/* Do what is due. @return milliseconds until the next of it, -1: none. */
static int
run_timers(struct gate *gate, long long now)
{
	long long next = 0, left;

	for (struct gate_port *port = gate->ports; port != NULL; port = port->next) {
		struct err err = { "" };
		long long end;

		if (port->open) {
			const int ret = gate_conn_timeout(&port->conn, now, &err);

			after(port, ret, &err, now);
		} else if (port->held && now >= port->left_at + LEAVE_MS) {
			port->held = false;
		}
		accept_next(port, now);
		connect_next(port, now);
		if (port->open)
			end = gate_conn_deadline(&port->conn, now);
		else if (port->held)
			end = port->left_at + LEAVE_MS;
		else
			end = !port->conf.server ? port->attempt : 0;
		if (end != 0 && (next == 0 || end < next))
			next = end;
	}
	if (next == 0)
		return -1;
	left = next - now;
	return left < 1 ? 1 : (int)left;
}

static void
port_free(struct gate_port *port)
{
	free(port->path);
	free(port->back_path);
	free(port);
}

static void
free_removed(struct gate *gate)
{
	while (gate->removed != NULL) {
		struct gate_port *port = gate->removed;

		gate->removed = port->next;
		port_free(port);
	}
}

static void *
gate_main(void *arg)
{
	struct epoll_event events[MAX_EVENTS];
	struct gate *gate = arg;
	int timeout = 0, nb;

	for (;;) {
		long long now;

		nb = epoll_wait(gate->epoll, events, MAX_EVENTS, timeout);
		now = base_now_ms();
		pthread_mutex_lock(&gate->lock);
		for (int i = 0; i < nb; i++)
			handle(gate, &events[i], now);
		free_removed(gate);
		if (gate->stopping) {
			pthread_mutex_unlock(&gate->lock);
			return NULL;
		}
		timeout = run_timers(gate, now);
		pthread_mutex_unlock(&gate->lock);
	}
}

/* ---------------------------------------------------------------- start, stop */

static int
start_thread(struct gate *gate)
{
	sigset_t all, mine;
	int ret;

	sigfillset(&all);
	sigdelset(&all, SIGBUS);
	pthread_sigmask(SIG_SETMASK, &all, &mine);
	ret = -pthread_create(&gate->thread, NULL, gate_main, gate);
	pthread_sigmask(SIG_SETMASK, &mine, NULL);
	return ret;
}

static void
gate_free(struct gate *gate)
{
	if (gate->epoll >= 0)
		close(gate->epoll);
	if (gate->wake.fd >= 0)
		close(gate->wake.fd);
	pthread_cond_destroy(&gate->news);
	pthread_mutex_destroy(&gate->lock);
	free(gate);
}

struct gate *
gate_start(struct err *err)
{
	struct gate *gate = calloc(1, sizeof(*gate));
	pthread_condattr_t attr;
	int fault, wake_fd, ret;

	if (gate == NULL) {
		err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	gate->wake = (struct source){ .kind = SOURCE_WAKE, .fd = -1 };
	gate->fault = (struct source){ .kind = SOURCE_FAULT, .fd = -1 };
	pthread_mutex_init(&gate->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&gate->news, &attr);
	pthread_condattr_destroy(&attr);
	fault = gate_fault_start();
	gate->epoll = epoll_create1(EPOLL_CLOEXEC);
	wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ret = fault < 0 ? fault : gate->epoll < 0 || wake_fd < 0 ? -errno : 0;
	if (ret == 0) {
		watch(gate, &gate->wake, wake_fd, EPOLLIN);
		watch(gate, &gate->fault, fault, EPOLLIN);
		ret = start_thread(gate);
	} else if (wake_fd >= 0) {
		close(wake_fd);
	}
	if (ret == 0)
		return gate;
	err_set(err, ret, "cannot start the gate for guests: %s", strerror(-ret));
	gate_free(gate);
	return NULL;
}

void
gate_stop(struct gate *gate)
{
	if (gate == NULL)
		return;
	pthread_mutex_lock(&gate->lock);
	gate->stopping = true;
	pthread_mutex_unlock(&gate->lock);
	wake(gate);
	pthread_join(gate->thread, NULL);
	free_removed(gate);
	gate_free(gate);
}

/* ---------------------------------------------------------------- ports */

static int
port_listen(struct gate_port *port, struct err *err)
{
	const int fd = base_listen(port->path, SOCK_STREAM, &port->conf.access, 1, &port->file);

	if (fd == -EADDRINUSE)
		return err_set(err, fd,
				"a process listens on %s, or another file has that name: name another "
				"socket",
				port->path);
	if (fd < 0)
		return err_set(err, fd, "cannot create the socket %s: %s", port->path,
				strerror(-fd));
	port->listener = fd;
	return 0;
}

struct gate_port *
gate_port_add(struct gate *gate, const struct gate_port_conf *conf, int *ret, struct err *err)
{
	struct gate_port *port = calloc(1, sizeof(*port));

	if (port == NULL) {
		*ret = err_set(err, -ENOMEM, "out of memory");
		return NULL;
	}
	port->gate = gate;
	port->conf = *conf;
	port->listener = -1;
	port->path = strdup(conf->path);
	port->back_path = strdup(conf->back_path);
	port->listening = (struct source){ .kind = SOURCE_LISTEN, .port = port, .fd = -1 };
	for (int side = 0; side < GATE_NB_SIDES; side++) {
		port->sides[side] = (struct source){ .kind = SOURCE_CONN,
			.port = port,
			.side = side,
			.fd = -1 };
		gate_link_open(&port->conn.links[side], -1);
	}
	port->conn.closing = on_closing;
	port->conn.ctx = port;
	for (int i = 0; i < NB_FILES; i++)
		port->faults[i] = -1;
	*ret = port->path == NULL || port->back_path == NULL ? -ENOMEM : 0;
	if (*ret != 0)
		err_set(err, -ENOMEM, "out of memory");
	else if (conf->server)
		*ret = port_listen(port, err);
	if (*ret != 0) {
		port_free(port);
		return NULL;
	}
	pthread_mutex_lock(&gate->lock);
	port->next = gate->ports;
	gate->ports = port;
	/* Each front end that comes is one event, also while another one is connected. */
	watch(gate, &port->listening, port->listener, EPOLLIN | EPOLLET);
	port->attempt = 1; /* at once */
	pthread_mutex_unlock(&gate->lock);
	wake(gate);
	return port;
}

/* With the lock. */
static void
shut(struct gate *gate, struct gate_port *port)
{
	const struct err why = { "the guest was removed" };

	unwatch(gate, &port->listening);
	port->conf.server = true; /* no attempt to connect any more */
	if (port->listener >= 0) {
		base_unlisten(port->path, &port->file);
		close(port->listener);
		port->listener = -1;
	}
	if (port->open)
		end_conn(port, GATE_LEFT, &why, base_now_ms());
}

void
gate_port_shut(struct gate_port *port)
{
	pthread_mutex_lock(&port->gate->lock);
	shut(port->gate, port);
	pthread_mutex_unlock(&port->gate->lock);
}

bool
gate_port_remove(struct gate_port *port)
{
	const struct timespec end = base_deadline(GATE_REMOVE_MS);
	struct gate *gate = port->gate;
	bool left;

	pthread_mutex_lock(&gate->lock);
	shut(gate, port);
	while (port->held &&
			pthread_cond_clockwait(&gate->news, &gate->lock, CLOCK_MONOTONIC, &end) ==
					0)
		;
	left = !port->held;
	forget_files(port);
	for (struct gate_port **at = &gate->ports; *at != NULL; at = &(*at)->next) {
		if (*at == port) {
			*at = port->next;
			break;
		}
	}
	port->next = gate->removed;
	gate->removed = port;
	pthread_mutex_unlock(&gate->lock);
	wake(gate);
	return left;
}

void
gate_port_left(struct gate *gate, unsigned long number)
{
	pthread_mutex_lock(&gate->lock);
	for (struct gate_port *port = gate->ports; port != NULL; port = port->next) {
		if (port->conf.number != number)
			continue;
		port->held = false;
		if (!port->open)
			forget_files(port);
	}
	pthread_cond_broadcast(&gate->news);
	pthread_mutex_unlock(&gate->lock);
	wake(gate);
}

void
gate_port_info(struct gate_port *port, struct gate_port_info *info)
{
	const struct gate_conn *conn = &port->conn;

	memset(info, 0, sizeof(*info));
	pthread_mutex_lock(&port->gate->lock);
	info->connected = port->open;
	info->leaving = port->held && !port->open;
	info->waiting = port->waiting;
	info->pid = port->pid;
	info->regions = port->open ? conn->state.nb_regions : 0;
	info->bytes = port->open ? conn->state.memory.bytes : 0;
	info->connections = port->connections;
	info->refused = port->refused;
	info->messages = port->messages + (port->open ? conn->messages : 0);
	info->calls = port->calls + (port->open ? conn->calls : 0);
	info->calls_unanswered = port->calls_unanswered + (port->open ? conn->calls_unanswered : 0);
	snprintf(info->last, sizeof(info->last), "%s", port->last.text);
	pthread_mutex_unlock(&port->gate->lock);
}
