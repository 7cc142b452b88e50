/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* JSON-RPC 2.0 of vsrd, its methods without a device, and the end of its server. */

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "vsrd/api/vsrd.h"
#include "test/fixture/vtest.h"

static unsigned int nb_calls;

static json_t *
method_add(struct rpc_call *call)
{
	json_int_t a, b = 1;

	nb_calls++;
	if (rpc_params(call, "{s:I, s?I}", "a", &a, "b", &b) != 0)
		return NULL;
	return json_integer(a + b);
}

static json_t *
method_refuse(struct rpc_call *call)
{
	nb_calls++;
	call->data = json_pack("{s:i}", "who", 7);
	return rpc_refuse(call, err_set(&call->err, -EBUSY, "it is in use: wait"));
}

/* Quotes the words of a client, cut as messages cut them. */
static json_t *
method_quote(struct rpc_call *call)
{
	const char *word;

	if (rpc_params(call, "{s:s}", "word", &word) != 0)
		return NULL;
	return rpc_refuse(call, err_set(&call->err, -EINVAL, "\"%.64s\" is nothing", word));
}

/* A result with bytes that are no text. */
static json_t *
method_bytes(struct rpc_call *call)
{
	return json_pack("{s:s}", "name", "dpdk-forwarder\xc3");
}

static const struct rpc_method methods[] = {
	{ "add", method_add },
	{ "quote", method_quote },
	{ "bytes", method_bytes },
	{ "refuse", method_refuse },
	{ NULL, NULL },
};

static struct vsrd vsrd;

static json_t *
ask_of(const struct rpc_method *table, const char *text)
{
	struct rpc_call call = { .daemon = &vsrd };
	char *line = rpc_answer(table, &call, text, strlen(text));
	json_t *answer;

	if (line == NULL)
		return NULL;
	VTEST(line[strlen(line) - 1] == '\n' && strchr(line, '\n') == line + strlen(line) - 1);
	answer = json_loads(line, 0, NULL);
	VTEST(answer != NULL);
	free(line);
	return answer;
}

static json_t *
ask(const char *text)
{
	return ask_of(methods, text);
}

/* Error code of an answer, 0 if none; frees the answer. */
static int
code_of(json_t *answer)
{
	const json_t *error = json_object_get(answer, "error");
	const int code = (int)json_integer_value(json_object_get(error, "code"));

	VTEST(error == NULL || json_is_string(json_object_get(error, "message")));
	VTEST((error == NULL) == (json_object_get(answer, "result") != NULL));
	json_decref(answer);
	return code;
}

static void
requests_are_answered_with_their_id(void)
{
	json_t *answer = ask("{\"jsonrpc\":\"2.0\",\"id\":\"x\",\"method\":\"add\","
			     "\"params\":{\"a\":2,\"b\":3}}");

	VTEST(strcmp(json_string_value(json_object_get(answer, "id")), "x") == 0);
	VTEST_EQ(json_integer_value(json_object_get(answer, "result")), 5);
	json_decref(answer);
	answer = ask("{\"jsonrpc\":\"2.0\",\"id\":null,\"method\":\"add\",\"params\":{\"a\":2}}");
	VTEST(json_is_null(json_object_get(answer, "id")));
	json_decref(answer);
}

#define REPEAT_8(x) x x x x x x x x
#define LETTERS_63 REPEAT_8("aaaaaaa") "aaaaaaa"

static void
every_request_is_answered_whatever_its_words_are(void)
{
	static const char *const words[] = { "\u00e9", "a", LETTERS_63 "\u00e9",
		REPEAT_8(REPEAT_8("\u00e9\u00e9")), "a" REPEAT_8(REPEAT_8("\u00e9\u00e9")),
		LETTERS_63 "\U0001f600", "\\u001b[31mRED",
		"\xc2\x9b"
		"31m",
		"\xe2\x80\xae"
		"evil\xe2\x80\xac" };
	char text[2048];
	json_t *answer;

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const char *message;

		snprintf(text, sizeof(text),
				"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"quote\","
				"\"params\":{\"word\":\"%s\"}}",
				words[i]);
		answer = ask(text);
		VTEST(answer != NULL);
		message = json_string_value(
				json_object_get(json_object_get(answer, "error"), "message"));
		VTEST(message != NULL && strstr(message, "is nothing") != NULL);
		VTEST(strpbrk(message, "\x1b\n") == NULL && strstr(message, "\xc2\x9b") == NULL &&
				strstr(message, "\xe2\x80") == NULL);
		VTEST_EQ(code_of(answer), RPC_REFUSED);
		/* as the name of a parameter */
		snprintf(text, sizeof(text),
				"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\","
				"\"params\":{\"a\":1,\"%s\":1}}",
				words[i]);
		if (i != 1)
			VTEST_EQ(code_of(ask(text)), RPC_INVALID_PARAMS);
	}
}

static void
one_bad_answer_spoils_no_other_of_its_batch(void)
{
	json_t *answers = ask(
			"[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\",\"params\":{\"a\":2}},"
			"{\"jsonrpc\":\"2.0\",\"id\":2,\"method\":\"bytes\"},"
			"{\"jsonrpc\":\"2.0\",\"id\":3,\"method\":\"add\",\"params\":{\"a\":2}}]");

	VTEST_EQ(json_array_size(answers), 3);
	for (size_t i = 0; i < 3; i++) {
		json_t *answer = json_incref(json_array_get(answers, i));

		VTEST_EQ(json_integer_value(json_object_get(answer, "id")), (json_int_t)i + 1);
		VTEST_EQ(code_of(answer), i == 1 ? RPC_INTERNAL : 0);
	}
	json_decref(answers);
}

static void
notifications_are_done_and_not_answered(void)
{
	nb_calls = 0;
	VTEST(ask("{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":2}}") == NULL);
	VTEST(ask("{\"jsonrpc\":\"2.0\",\"method\":\"refuse\"}") == NULL);
	VTEST(ask("{\"jsonrpc\":\"2.0\",\"method\":\"none\"}") == NULL);
	VTEST(ask("[{\"jsonrpc\":\"2.0\",\"method\":\"add\",\"params\":{\"a\":2}}]") == NULL);
	VTEST_EQ(nb_calls, 3);
}

static void
refusals_say_why_in_words_and_errno(void)
{
	json_t *answer = ask("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"refuse\"}");
	json_t *error = json_object_get(answer, "error"), *data = json_object_get(error, "data");

	VTEST_EQ(json_integer_value(json_object_get(error, "code")), RPC_REFUSED);
	VTEST(strstr(json_string_value(json_object_get(error, "message")), "in use") != NULL);
	VTEST(strcmp(json_string_value(json_object_get(data, "errno")), "EBUSY") == 0);
	VTEST_EQ(json_integer_value(json_object_get(data, "who")), 7);
	json_decref(answer);
}

static void
what_is_no_request_gets_the_error_of_the_standard(void)
{
	static const struct {
		const char *text;
		int code;
	} rows[] = {
		{ "", RPC_PARSE_ERROR },
		{ "{", RPC_PARSE_ERROR },
		{ "{\"a\":1,\"a\":2}", RPC_PARSE_ERROR },
		{ "\"text\"", RPC_PARSE_ERROR },
		{ "{}", RPC_INVALID_REQUEST },
		{ "[]", RPC_INVALID_REQUEST },
		{ "{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"add\"}", RPC_INVALID_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":1}", RPC_INVALID_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":[],\"method\":\"add\"}", RPC_INVALID_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\",\"params\":1}",
				RPC_INVALID_REQUEST },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"ad\"}", RPC_NO_METHOD },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\"}", RPC_INVALID_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\",\"params\":[1]}",
				RPC_INVALID_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\",\"params\":{\"a\":\"1\"}}",
				RPC_INVALID_PARAMS },
		{ "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\",\"params\":{\"a\":1,\"c\":1}}",
				RPC_INVALID_PARAMS },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const int code = code_of(ask(rows[i].text));

		if (code != rows[i].code)
			printf("# %s\n", rows[i].text);
		VTEST_EQ(code, rows[i].code);
	}
}

static void
deep_and_long_requests_are_bounded(void)
{
	char deep[512], batch[4096] = "[";

	memset(deep, '[', 200);
	memset(deep + 200, ']', 200);
	deep[400] = '\0';
	VTEST_EQ(code_of(ask(deep)), RPC_PARSE_ERROR);
	for (unsigned int i = 0; i < RPC_MAX_BATCH; i++)
		strcat(batch, "1,");
	strcat(batch, "1]");
	VTEST_EQ(code_of(ask(batch)), RPC_INVALID_REQUEST);
}

static void
batches_are_answered_one_by_one(void)
{
	json_t *answers = ask("[{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"add\","
			      "\"params\":{\"a\":1}}, 5, {\"jsonrpc\":\"2.0\",\"method\":\"add\","
			      "\"params\":{\"a\":1}}]");

	VTEST_EQ(json_array_size(answers), 2);
	VTEST_EQ(code_of(json_incref(json_array_get(answers, 0))), 0);
	VTEST_EQ(code_of(json_incref(json_array_get(answers, 1))), RPC_INVALID_REQUEST);
	json_decref(answers);
}

/* ---------------------------------------------------------------- the real methods */

static void
methods_refuse_what_they_do_not_own(void)
{
	static const char *const calls[] = {
		"\"pf.show\",\"params\":{\"pf\":\"0000:01:00.0\"}",
		"\"vf.destroy\",\"params\":{\"pf\":\"0000:01:00.0\"}",
		"\"vf.create\",\"params\":{\"pf\":\"0000:01:00.0\",\"count\":1}",
		"\"token.rotate\",\"params\":{\"pf\":\"0000:01:00.0\"}",
		"\"admin.list\",\"params\":{\"pf\":\"0000:01:00.0\"}",
		"\"legacy.dump\",\"params\":{\"pf\":\"0000:01:00.0\",\"vf\":1}",
		"\"pasid.acquire\",\"params\":{\"pf\":\"0000:01:00.0\",\"vf\":1}",
	};

	owner_init(&vsrd.owner);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char text[256];
		json_t *answer, *data;

		snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":%s}",
				calls[i]);
		answer = ask_of(vsrd_methods, text);
		data = json_object_get(json_object_get(answer, "error"), "data");
		VTEST(strcmp(json_string_value(json_object_get(data, "errno")), "ENODEV") == 0);
		json_decref(answer);
	}
}

static void
parameters_out_of_range_are_refused(void)
{
	static const char *const calls[] = {
		"\"vf.create\",\"params\":{\"pf\":\"1:0.0\",\"count\":-1}",
		"\"vf.create\",\"params\":{\"pf\":\"1:0.0\",\"count\":65536}",
		"\"vf.create\",\"params\":{\"pf\":\"1:0.0\",\"count\":1,\"token\":\"x\"}",
		"\"vf.create\",\"params\":{\"pf\":\"1:0.0\",\"count\":1.5}",
		"\"admin.raw\",\"params\":{\"pf\":\"1:0.0\",\"opcode\":65536}",
		"\"admin.raw\",\"params\":{\"pf\":\"1:0.0\",\"opcode\":-1}",
		"\"admin.raw\",\"params\":{\"pf\":\"1:0.0\",\"opcode\":1}",
		"\"admin.raw\",\"params\":{\"pf\":\"1:0.0\",\"opcode\":\"list_use\"}",
		"\"admin.raw\",\"params\":{\"pf\":\"1:0.0\",\"opcode\":0,\"data\":\"0\"}",
		"\"admin.raw\",\"params\":{\"pf\":\"1:0.0\",\"opcode\":0,\"data\":\"0g\"}",
		"\"admin.raw\",\"params\":{\"pf\":\"1:0.0\",\"opcode\":0,\"result_len\":8193}",
		"\"admin.raw\",\"params\":{\"pf\":\"1:0.0\",\"opcode\":0,\"group\":\"x\"}",
		"\"admin.raw\",\"params\":{\"pf\":\"1:0.0\",\"opcode\":0,\"group\":\"sriov\","
		"\"member\":-1}",
		"\"legacy.read\",\"params\":{\"pf\":\"1:0.0\",\"vf\":0,\"offset\":0,\"len\":4}",
		"\"legacy.read\",\"params\":{\"pf\":\"1:0.0\",\"vf\":1,\"offset\":256,\"len\":4}",
		"\"legacy.read\",\"params\":{\"pf\":\"1:0.0\",\"vf\":1,\"offset\":0,\"len\":9}",
		"\"legacy.read\",\"params\":{\"pf\":\"1:0.0\",\"vf\":1,\"offset\":0,\"len\":0}",
		"\"legacy.read\",\"params\":{\"pf\":\"1:0.0\",\"vf\":65536,\"offset\":0,\"len\":4}",
		"\"legacy.write\",\"params\":{\"pf\":\"1:0.0\",\"vf\":1,\"offset\":0,"
		"\"data\":\"\"}",
		"\"legacy.write\",\"params\":{\"pf\":\"1:0.0\",\"vf\":1,\"offset\":0,"
		"\"data\":\"000000000000000000\"}",
		"\"legacy.dump\",\"params\":{\"pf\":\"1:0.0\",\"vf\":0}",
	};

	owner_init(&vsrd.owner);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		char text[256];
		int code;

		snprintf(text, sizeof(text), "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":%s}",
				calls[i]);
		code = code_of(ask_of(vsrd_methods, text));
		if (code != RPC_INVALID_PARAMS)
			printf("# %s\n", text);
		VTEST_EQ(code, RPC_INVALID_PARAMS);
	}
}

/* The token is known to the client only if the answer can be written. */
static void
token_is_shown_whatever_bytes_the_folder_has(void)
{
	static const char request[] = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"token.show\","
				      "\"params\":{\"pf\":\"0000:01:00.0\"}}";
	static const char token[] = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
	struct owner_pf *pf = &vsrd.owner.pfs[0];
	json_t *answer, *result;

	owner_init(&vsrd.owner);
	vsrd.owner.host.run_dir = "/tmp/folder\xff";
	strcpy(pf->bdf, "0000:01:00.0");
	strcpy(pf->fn.bdf, pf->bdf);
	strcpy(pf->token, token);
	pf->used = true;
	answer = ask_of(vsrd_methods, request);
	result = json_object_get(answer, "result");
	VTEST(result != NULL);
	VTEST(strcmp(json_string_value(json_object_get(result, "token")), token) == 0);
	VTEST(strstr(json_string_value(json_object_get(result, "token_file")), "folder\\xff/"));
	json_decref(answer);
	owner_init(&vsrd.owner);
}

/* ---------------------------------------------------------------- the server */

#define STEP_NS 100000000 /* A slow client reads once per step. */
#define LONG_TEXT 60000
#define REQUEST(method) "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"" method "\"}"

static atomic_bool called, reading, ending;

static void
step(unsigned int nb)
{
	const struct timespec pause = { .tv_sec = nb / 10, .tv_nsec = nb % 10 * STEP_NS };

	nanosleep(&pause, NULL);
}

static json_t *
long_text(size_t len)
{
	char *text = malloc(len);
	json_t *out;

	VTEST(text != NULL);
	memset(text, 'a', len);
	out = json_stringn(text, len);
	free(text);
	return out;
}

/* Takes as long as a device may need, and answers more than a socket holds. */
static json_t *
method_slow(struct rpc_call *call)
{
	called = true;
	step(20);
	return long_text(100 * LONG_TEXT);
}

static const struct rpc_method slow_methods[] = { { "slow", method_slow }, { NULL, NULL } };

static bool (*asked_for_state)(void *daemon, const struct client *client);

static struct server *
start(const struct rpc_method *table, struct sockaddr_un *addr)
{
	struct server_conf conf = { .path = addr->sun_path, .methods = table, .daemon = &vsrd };
	struct server *server;
	struct err err;

	*addr = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(addr->sun_path, sizeof(addr->sun_path), "/tmp/vsr-rpc-%d", (int)getpid());
	conf.access = *BASE_ACCESS_OWN;
	conf.ending = &ending;
	conf.has_state = asked_for_state;
	called = ending = false;
	server = server_start(&conf, &err);
	VTEST(server != NULL);
	return server;
}

static int
ask_server(const struct sockaddr_un *addr, const char *text)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	VTEST(fd >= 0 && connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == 0);
	VTEST_EQ(send(fd, text, strlen(text), MSG_NOSIGNAL), strlen(text));
	return fd;
}

static void *
read_slowly(void *arg)
{
	static char buf[LONG_TEXT];
	const int *fd = arg;

	while (reading && recv(*fd, buf, sizeof(buf), MSG_DONTWAIT) != 0)
		step(1);
	return NULL;
}

static void
reader_of_events_does_not_delay_the_end(void)
{
	struct sockaddr_un addr;
	struct server *server = start(vsrd_methods, &addr);
	int fd = ask_server(&addr, REQUEST("events.subscribe") "\n");
	pthread_t reader;
	char answer[512];

	VTEST(recv(fd, answer, sizeof(answer), 0) > 0);
	for (unsigned int i = 0; i < EVENTS_MAX_WAITING; i++)
		events_emit("long", json_pack("{s:o}", "text", long_text(LONG_TEXT)));
	reading = true;
	VTEST_EQ(pthread_create(&reader, NULL, read_slowly, &fd), 0);
	VTEST(server_stop(server));
	reading = false;
	pthread_join(reader, NULL);
	close(fd);
}

static void
client_that_does_not_read_its_last_answer_does_not_delay_the_end(void)
{
	struct sockaddr_un addr;
	struct server *server = start(slow_methods, &addr);
	const int fd = ask_server(&addr, REQUEST("slow") "\n");

	while (!called)
		step(1);
	VTEST(server_stop(server));
	close(fd);
}

static void
rest_of_a_batch_does_not_delay_the_end(void)
{
	struct sockaddr_un addr;
	struct server *server = start(slow_methods, &addr);
	const int fd = ask_server(&addr, "[" REPEAT_8(REQUEST("slow") ",") REQUEST("slow") "]\n");

	while (!called)
		step(1);
	ending = true;
	VTEST(server_stop(server));
	close(fd);
}

static unsigned int
nb_that_stay(struct server *server, uid_t uid, struct client *clients)
{
	static struct base_client base[SERVER_MAX_CLIENTS];
	unsigned int nb = 0;

	for (unsigned int i = 0; i < SERVER_MAX_CLIENTS; i++) {
		base[i].uid = uid;
		clients[i] = (struct client){ .server = server, .base = &base[i] };
		nb += server_client_stays(&clients[i]);
	}
	return nb;
}

static atomic_bool client_has_state;

static bool
has_state(void *daemon, const struct client *client)
{
	return client_has_state;
}

/* As pasid.acquire: the place is needed before it is known whether the state can be had. */
static json_t *
method_try(struct rpc_call *call)
{
	if (!server_client_stays(call->client))
		return rpc_refuse(call, err_set(&call->err, -EUSERS, "there is no place"));
	return rpc_refuse(call, err_set(&call->err, -EINVAL, "there is none"));
}

static const struct rpc_method try_methods[] = { { "try", method_try }, { NULL, NULL } };

/* Clients that stay without a reason would keep others from events, and are never sent away. */
static void
a_client_that_failed_to_get_state_does_not_stay(void)
{
	struct base_client base = { .uid = geteuid() };
	struct client other[SERVER_MAX_STAYING];
	struct sockaddr_un addr;
	struct server *server;
	char answer[512] = "";
	unsigned int nb = 0;
	int fd;

	asked_for_state = has_state;
	server = start(try_methods, &addr);
	asked_for_state = NULL;
	client_has_state = true;
	fd = ask_server(&addr, REQUEST("try") "\n");
	VTEST(recv(fd, answer, sizeof(answer), 0) > 0);
	for (unsigned int i = 0; i < SERVER_MAX_STAYING; i++) {
		other[i] = (struct client){ .server = server, .base = &base };
		nb += server_client_stays(&other[i]);
	}
	VTEST_EQ(nb, SERVER_MAX_STAYING - 1);
	client_has_state = false;
	/* Its next request fails too, and leaves nothing. */
	VTEST_EQ(send(fd, REQUEST("try") "\n", strlen(REQUEST("try") "\n"), MSG_NOSIGNAL),
			strlen(REQUEST("try") "\n"));
	VTEST(recv(fd, answer, sizeof(answer) - 1, 0) > 0 &&
			strstr(answer, "there is none") != NULL);
	for (int i = 0; i < 60000 && !server_client_stays(&other[nb]); i++)
		step(1);
	VTEST(other[nb].stays);
	close(fd);
	VTEST(server_stop(server));
}

static void
other_users_leave_subscriptions_to_the_user_of_the_daemon(void)
{
	struct client others[SERVER_MAX_CLIENTS], own[SERVER_MAX_CLIENTS];
	struct sockaddr_un addr;
	struct server *server = start(vsrd_methods, &addr);

	VTEST_EQ(nb_that_stay(server, geteuid() + 1, others), SERVER_MAX_STAYING - SERVER_RESERVED);
	VTEST_EQ(nb_that_stay(server, geteuid(), own), SERVER_RESERVED);
	VTEST(server_stop(server));
}

int
main(int argc, char **argv)
{
	static const struct vtest_case cases[] = {
		{ "requests_are_answered_with_their_id", requests_are_answered_with_their_id },
		{ "every_request_is_answered_whatever_its_words_are",
				every_request_is_answered_whatever_its_words_are },
		{ "one_bad_answer_spoils_no_other_of_its_batch",
				one_bad_answer_spoils_no_other_of_its_batch },
		{ "notifications_are_done_and_not_answered",
				notifications_are_done_and_not_answered },
		{ "refusals_say_why_in_words_and_errno", refusals_say_why_in_words_and_errno },
		{ "what_is_no_request_gets_the_error_of_the_standard",
				what_is_no_request_gets_the_error_of_the_standard },
		{ "deep_and_long_requests_are_bounded", deep_and_long_requests_are_bounded },
		{ "batches_are_answered_one_by_one", batches_are_answered_one_by_one },
		{ "methods_refuse_what_they_do_not_own", methods_refuse_what_they_do_not_own },
		{ "parameters_out_of_range_are_refused", parameters_out_of_range_are_refused },
		{ "token_is_shown_whatever_bytes_the_folder_has",
				token_is_shown_whatever_bytes_the_folder_has },
		{ "reader_of_events_does_not_delay_the_end",
				reader_of_events_does_not_delay_the_end },
		{ "client_that_does_not_read_its_last_answer_does_not_delay_the_end",
				client_that_does_not_read_its_last_answer_does_not_delay_the_end },
		{ "rest_of_a_batch_does_not_delay_the_end",
				rest_of_a_batch_does_not_delay_the_end },
		{ "a_client_that_failed_to_get_state_does_not_stay",
				a_client_that_failed_to_get_state_does_not_stay },
		{ "other_users_leave_subscriptions_to_the_user_of_the_daemon",
				other_users_leave_subscriptions_to_the_user_of_the_daemon },
	};

	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
