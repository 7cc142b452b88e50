/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Server of the control socket.
 *
 * A client has a buffer for an incomplete line and a buffer for an answer that is not sent yet. A
 * client that breaks the protocol loses its connection.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/base_bdf.h"
#include "base/base_listen.h"
#include "base/base_text.h"
#include "ctl.h"
#include "host/host.h"

#define MAX_CLIENTS 16

struct client {
	int fd; /**< -1: free. */
	uint64_t used; /**< Turn of its last request; the client with the lowest is replaced. */
	char *in; /**< CTL_MAX_REQUEST bytes. */
	size_t in_len;
	char *out; /**< Answer that is not sent yet, or NULL. */
	size_t out_len, out_sent;
};

struct ctl {
	struct ctl_conf conf;
	char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
	struct base_socket_file file;
	int epoll_fd, listen_fd;
	uint64_t turn;
	struct client clients[MAX_CLIENTS];
};

/* ---------------------------------------------------------------- commands */

/* An answer with an error text, which may contain text of the client. */
static json_t *
fail(const char *sentence)
{
	char clean[1024];

	base_text_clean(clean, sizeof(clean), sentence);
	return json_pack("{s:b, s:s}", "ok", 0, "error", clean);
}

static json_t *
fail_function(const char *name)
{
	char text[128];

	snprintf(text, sizeof(text), "function %.40s does not exist now", name);
	return fail(text);
}

/* Index of the function in a request; negative: *answer has the error. */
static int
find_function(struct ctl *ctl, const json_t *request, json_t **answer)
{
	const char *name = json_string_value(json_object_get(request, "function"));
	int index;

	if (name == NULL) {
		*answer = fail("a string \"function\" is missing in the request");
		return -EINVAL;
	}
	index = nic_find(ctl->conf.nic, name);
	if (index < 0)
		*answer = fail_function(name);
	return index;
}

static json_t *
cmd_state(struct ctl *ctl, const json_t *request)
{
	json_t *answer = json_pack("{s:b, s:i, s:s}", "ok", 1, "pid", (int)getpid(), "dir",
			ctl->conf.dir);

	json_object_update_new(answer, nic_json(ctl->conf.nic));
	return answer;
}

static json_t *
cmd_stats(struct ctl *ctl, const json_t *request)
{
	bool one = json_object_get(request, "function") != NULL;
	json_t *functions, *answer = NULL;
	int index = 0;

	if (one)
		index = find_function(ctl, request, &answer);
	if (answer != NULL)
		return answer;
	answer = cmd_state(ctl, request);
	functions = json_array();
	json_object_set_new(answer, "functions", functions);
	for (int i = one ? index : 0; i <= (one ? index : NIC_MAX_VFS); i++) {
		json_t *fn = nic_fn_json(ctl->conf.nic, (unsigned int)i, one);

		if (fn != NULL)
			json_array_append_new(functions, fn);
	}
	return answer;
}

static json_t *
cmd_link(struct ctl *ctl, const json_t *request)
{
	const json_t *up = json_object_get(request, "up");
	json_t *answer = NULL;
	int index = find_function(ctl, request, &answer);

	if (answer != NULL)
		return answer;
	if (!json_is_boolean(up))
		return fail("a boolean \"up\" is missing in the request");
	if (nic_link_set(ctl->conf.nic, (unsigned int)index, json_is_true(up)) != 0)
		return fail("the function does not exist any more");
	return json_pack("{s:b}", "ok", 1);
}

static json_t *
cmd_mac(struct ctl *ctl, const json_t *request)
{
	const char *text = json_string_value(json_object_get(request, "mac"));
	json_t *answer = NULL;
	int index = find_function(ctl, request, &answer), ret = -EINVAL;
	uint8_t mac[6];

	if (answer != NULL)
		return answer;
	if (text != NULL && nic_mac_parse(text, mac))
		ret = nic_mac_set(ctl->conf.nic, (unsigned int)index, mac);
	if (ret == -EINVAL)
		return fail("\"mac\" in the request is not a unicast MAC address");
	if (ret != 0)
		return fail("the function does not exist any more");
	return json_pack("{s:b}", "ok", 1);
}

static json_t *
cmd_mtu(struct ctl *ctl, const json_t *request)
{
	const json_t *mtu = json_object_get(request, "mtu");
	const json_int_t value = json_integer_value(mtu);
	json_t *answer = NULL;
	int index = find_function(ctl, request, &answer), ret = -EINVAL;
	char text[128];

	if (answer != NULL)
		return answer;
	if (value > 0 && value <= UINT16_MAX)
		ret = nic_mtu_set(ctl->conf.nic, (unsigned int)index, (uint16_t)value);
	if (ret == -EINVAL) {
		snprintf(text, sizeof(text),
				"the MTU is a number from 68 to %u, the value of --mtu",
				nic_max_mtu(ctl->conf.nic));
		return fail(text);
	}
	if (ret != 0)
		return fail("the function does not exist any more");
	return json_pack("{s:b}", "ok", 1);
}

static json_t *
cmd_break(struct ctl *ctl, const json_t *request)
{
	json_t *answer = NULL;
	int index = find_function(ctl, request, &answer), ret;

	if (answer != NULL)
		return answer;
	ret = nic_break(ctl->conf.nic, (unsigned int)index);
	if (ret == -ENOTCONN)
		return fail("no driver uses the function, so nothing needs a reset");
	if (ret != 0)
		return fail("the function does not exist any more");
	return json_pack("{s:b}", "ok", 1);
}

static json_t *
cmd_wire(struct ctl *ctl, const json_t *request)
{
	const char *spec = json_string_value(json_object_get(request, "spec"));
	json_t *answer = NULL;
	int index = find_function(ctl, request, &answer);
	char err[256] = "the wire was refused";

	if (answer != NULL)
		return answer;
	if (spec == NULL)
		return fail("a string \"spec\" is missing in the request");
	if (nic_wire(ctl->conf.nic, (unsigned int)index, spec, err, sizeof(err)) != 0)
		return fail(err);
	return json_pack("{s:b}", "ok", 1);
}

static json_t *
cmd_fault(struct ctl *ctl, const json_t *request)
{
	const json_t *list = json_object_get(request, "faults");
	const char *texts[NIC_MAX_SWITCHES];
	char err[256];
	size_t nb = 0;

	if (!json_is_array(list) || json_array_size(list) > NIC_MAX_SWITCHES)
		return fail("an array \"faults\" is missing in the request, or too long");
	while (nb < json_array_size(list)) {
		texts[nb] = json_string_value(json_array_get(list, nb));
		if (texts[nb++] == NULL)
			return fail("a fault is not a string");
	}
	if (nic_faults(ctl->conf.nic, texts, nb, err, sizeof(err)) != 0)
		return fail(err);
	return json_pack("{s:b}", "ok", 1);
}

/* The full address in a request; NULL: *answer has the error. */
static const char *
find_bdf(const json_t *request, char full[HOST_BDF_LEN], json_t **answer)
{
	const char *name = json_string_value(json_object_get(request, "bdf"));
	char text[128];

	if (name != NULL && base_bdf_expand(name, full) == 0)
		return full;
	snprintf(text, sizeof(text), "%.40s is not a PCI address such as 0000:02:00.0",
			name != NULL ? name : "(a string \"bdf\" is missing)");
	*answer = fail(text);
	return NULL;
}

static json_t *
cmd_attach(struct ctl *ctl, const json_t *request)
{
	const char *path = json_string_value(json_object_get(request, "socket"));
	char text[256], full[HOST_BDF_LEN];
	json_t *answer = NULL;
	const char *bdf = find_bdf(request, full, &answer);
	int ret;

	if (bdf == NULL)
		return answer;
	if (path == NULL)
		return fail("a string \"socket\" is missing in the request");
	ret = host_fn_add(ctl->conf.host, bdf, NULL, 0, NULL, NULL, path);
	if (ret == 0)
		return json_pack("{s:b, s:s}", "ok", 1, "bdf", bdf);
	if (ret == -EEXIST)
		snprintf(text, sizeof(text), "the bus has a function %s already", bdf);
	else
		snprintf(text, sizeof(text), "cannot attach the function at %.150s: %s", path,
				ret == -EBUSY ? "it has another client" : strerror(-ret));
	return fail(text);
}

static json_t *
cmd_detach(struct ctl *ctl, const json_t *request)
{
	struct host_fn_info info;
	char text[128], full[HOST_BDF_LEN];
	json_t *answer = NULL;
	const char *bdf = find_bdf(request, full, &answer);

	if (bdf == NULL)
		return answer;
	if (host_fn_info(ctl->conf.host, bdf, &info) != 0)
		return fail_function(bdf);
	if (!info.remote) {
		snprintf(text, sizeof(text), "%s was not attached: it belongs to the NIC", bdf);
		return fail(text);
	}
	return host_fn_remove(ctl->conf.host, bdf) == 0 ? json_pack("{s:b}", "ok", 1) :
							  fail_function(bdf);
}

static json_t *
cmd_stop(struct ctl *ctl, const json_t *request)
{
	ctl->conf.stop(ctl->conf.stop_arg);
	return json_pack("{s:b}", "ok", 1);
}

static const struct {
	const char *name;
	json_t *(*run)(struct ctl *ctl, const json_t *request);
} commands[] = {
	{ "state", cmd_state },
	{ "stats", cmd_stats },
	{ "link", cmd_link },
	{ "mac", cmd_mac },
	{ "mtu", cmd_mtu },
	{ "break", cmd_break },
	{ "wire", cmd_wire },
	{ "fault", cmd_fault },
	{ "attach", cmd_attach },
	{ "detach", cmd_detach },
	{ "stop", cmd_stop },
};

static json_t *
answer_to(struct ctl *ctl, const char *line, size_t len)
{
	json_t *request, *answer = NULL;
	json_error_t error;
	const char *name;
	char text[256];

	request = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(request)) {
		snprintf(text, sizeof(text), "the request is not a JSON object: %.160s",
				request == NULL ? error.text : "it is another kind of value");
		json_decref(request);
		return fail(text);
	}
	name = json_string_value(json_object_get(request, "cmd"));
	for (size_t i = 0; name != NULL && i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(name, commands[i].name) == 0)
			answer = commands[i].run(ctl, request);
	}
	if (answer == NULL) {
		snprintf(text, sizeof(text), "unknown command %.40s",
				name != NULL ? name : "(a string \"cmd\" is missing)");
		answer = fail(text);
	}
	json_decref(request);
	return answer;
}

/* ---------------------------------------------------------------- clients */

static void
client_close(struct client *client)
{
	if (client->fd >= 0)
		close(client->fd); /* This also removes it from the epoll set. */
	free(client->in);
	free(client->out);
	memset(client, 0, sizeof(*client));
	client->fd = -1;
}

static void
client_watch(struct ctl *ctl, struct client *client, int op)
{
	/* Read no request while an answer is not sent yet. */
	struct epoll_event event = {
		.events = client->out != NULL ? EPOLLOUT : EPOLLIN,
		.data.u32 = (uint32_t)(client - ctl->clients),
	};

	if (epoll_ctl(ctl->epoll_fd, op, client->fd, &event) != 0)
		client_close(client);
}

static void
client_accept(struct ctl *ctl)
{
	int fd = accept4(ctl->listen_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *client = &ctl->clients[0];

	if (fd < 0)
		return;
	for (struct client *c = ctl->clients; c < ctl->clients + MAX_CLIENTS; c++) {
		if (client->fd < 0)
			break;
		if (c->fd < 0 || c->used < client->used)
			client = c;
	}
	client_close(client);
	client->in = malloc(CTL_MAX_REQUEST);
	if (client->in == NULL) {
		close(fd);
		return;
	}
	client->fd = fd;
	client->used = ++ctl->turn;
	client_watch(ctl, client, EPOLL_CTL_ADD);
}

/* @return whether the whole answer was sent. */
static bool
client_flush(struct client *client)
{
	while (client->out_sent < client->out_len) {
		ssize_t n = send(client->fd, client->out + client->out_sent,
				client->out_len - client->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0) {
			client_close(client);
			return false;
		}
		client->out_sent += (size_t)n;
	}
	free(client->out);
	client->out = NULL;
	client->out_len = client->out_sent = 0;
	return true;
}

/* Execute the complete lines in the buffer, each after the answer to the one before was sent. */
static void
client_answer(struct ctl *ctl, struct client *client)
{
	while (client->fd >= 0 && client->out == NULL) {
		char *end = memchr(client->in, '\n', client->in_len);
		size_t len;
		json_t *answer;

		if (end == NULL && client->in_len < CTL_MAX_REQUEST)
			break;
		len = end != NULL ? (size_t)(end - client->in) : client->in_len;
		answer = end != NULL ? answer_to(ctl, client->in, len) :
				       fail("the request is longer than 65536 bytes");
		client->out = json_dumps(answer, JSON_COMPACT);
		json_decref(answer);
		if (client->out == NULL) {
			client_close(client);
			return;
		}
		client->out_len = strlen(client->out);
		client->out[client->out_len++] = '\n'; /* It replaces the terminator. */
		len += end != NULL;
		client->in_len -= len;
		memmove(client->in, client->in + len, client->in_len);
		client_flush(client);
	}
}

static void
client_process(struct ctl *ctl, struct client *client)
{
	ssize_t n;

	client->used = ++ctl->turn;
	if (client->out != NULL && !client_flush(client))
		return;
	if (client->fd >= 0) {
		n = recv(client->fd, client->in + client->in_len, CTL_MAX_REQUEST - client->in_len,
				0);
		if (n == 0 || (n < 0 && errno != EAGAIN)) {
			client_close(client);
			return;
		}
		client->in_len += n > 0 ? (size_t)n : 0;
		client_answer(ctl, client);
	}
	if (client->fd >= 0)
		client_watch(ctl, client, EPOLL_CTL_MOD);
}

/* ---------------------------------------------------------------- start and stop */

struct ctl *
ctl_create(const struct ctl_conf *conf, char *err, size_t err_len)
{
	struct epoll_event event = { .events = EPOLLIN, .data.u32 = MAX_CLIENTS };
	struct ctl *ctl = calloc(1, sizeof(*ctl));
	int ret = 0;

	if (ctl == NULL) {
		snprintf(err, err_len, "out of memory");
		return NULL;
	}
	ctl->conf = *conf;
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		ctl->clients[i].fd = -1;
	snprintf(ctl->path, sizeof(ctl->path), "%s", conf->path);
	ctl->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	ctl->listen_fd = ctl->epoll_fd < 0 ? -errno :
					     base_listen(conf->path, SOCK_STREAM, BASE_ACCESS_OWN,
							     MAX_CLIENTS, &ctl->file);
	if (ctl->listen_fd < 0)
		ret = ctl->listen_fd;
	else if (epoll_ctl(ctl->epoll_fd, EPOLL_CTL_ADD, ctl->listen_fd, &event) != 0)
		ret = -errno;
	if (ret != 0) {
		snprintf(err, err_len, "cannot listen on %s: %s", conf->path, strerror(-ret));
		ctl_destroy(ctl);
		return NULL;
	}
	return ctl;
}

int
ctl_fd(const struct ctl *ctl)
{
	return ctl->epoll_fd;
}

void
ctl_process(struct ctl *ctl)
{
	struct epoll_event events[MAX_CLIENTS];
	int n = epoll_wait(ctl->epoll_fd, events, MAX_CLIENTS, 0);

	for (int i = 0; i < n; i++) {
		if (events[i].data.u32 == MAX_CLIENTS)
			client_accept(ctl);
		else if (ctl->clients[events[i].data.u32].fd >= 0)
			client_process(ctl, &ctl->clients[events[i].data.u32]);
	}
}

void
ctl_destroy(struct ctl *ctl)
{
	if (ctl == NULL)
		return;
	for (size_t i = 0; i < MAX_CLIENTS; i++)
		client_close(&ctl->clients[i]);
	if (ctl->listen_fd >= 0) {
		close(ctl->listen_fd);
		base_unlisten(ctl->path, &ctl->file);
	}
	if (ctl->epoll_fd >= 0)
		close(ctl->epoll_fd);
	free(ctl);
}
