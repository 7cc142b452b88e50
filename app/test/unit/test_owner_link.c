/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrd as the owner behind a legacy VF (vfio/owner_link.c), played by a thread that gives the
 * answers of the test, one for each connection. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_listen.h"
#include "test/fixture/vtest.h"
#include "vsr-bridge/vfio/owner_link.h"

#define VF 3

static char dir[] = "/tmp/vsr-link-XXXXXX";
static char path[64];
static atomic_bool stop;

/* ---------------------------------------------------------------- vsrd */

static struct {
	int fd;
	pthread_t thread;
	const char *const *answers; /* Ends with NULL; "": close without an answer. */
	char asked[512]; /* The last request. */
	unsigned int nb_calls;
} owner;

static void
answer_one(int fd, const char *answer)
{
	const ssize_t len = read(fd, owner.asked, sizeof(owner.asked) - 1);

	owner.asked[len > 0 ? len : 0] = '\0';
	owner.nb_calls++;
	if (answer[0] != '\0')
		dprintf(fd, "%s\n", answer);
	close(fd);
}

static void *
owner_main(void *arg)
{
	(void)arg;
	struct pollfd wait = { .fd = owner.fd, .events = POLLIN };

	for (unsigned int i = 0; owner.answers[i] != NULL; i++)
		if (poll(&wait, 1, -1) == 1)
			answer_one(accept(owner.fd, NULL, NULL), owner.answers[i]);
	return NULL;
}

static void
owner_start(const char *const answers[])
{
	struct base_socket_file file;

	owner.answers = answers;
	owner.nb_calls = 0;
	unlink(path);
	owner.fd = base_listen(path, SOCK_STREAM, BASE_ACCESS_OWN, 8, &file);
	VTEST(owner.fd >= 0);
	VTEST_EQ(pthread_create(&owner.thread, NULL, owner_main, NULL), 0);
}

/* After all of its answers. */
static void
owner_end(void)
{
	VTEST_EQ(pthread_join(owner.thread, NULL), 0);
	close(owner.fd);
	unlink(path);
}

#define RESULT(text) "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":" text "}"
#define REFUSED(name)                                                                     \
	"{\"jsonrpc\":\"2.0\",\"id\":null,\"error\":{\"code\":-32000,\"message\":\"no\"," \
	"\"data\":{\"errno\":\"" name "\"}}}"

static struct owner_link link_;

static void
link_reset(void)
{
	link_ = (struct owner_link){ .path = path, .pf = "0000:01:00.0", .stop = &stop };
	stop = false;
}

static int
status_read(uint8_t *data)
{
	return owner_link_ops.read(&link_, VF, VIO_LEGACY_COMMON, 18, data, 1);
}

/* ---------------------------------------------------------------- cases */

static void
commands_are_calls_of_vsrd(void)
{
	static const char *const answers[] = { RESULT("{\"data\":\"0a0b0c0d\"}"),
		RESULT("{\"written\":2}"),
		RESULT("{\"doorbells\":[{\"of\":\"pf\",\"bar\":4,\"offset\":2},"
		       "{\"of\":\"vf\",\"bar\":4,\"offset\":4096}]}"),
		NULL };
	struct vio_admin_doorbell doorbells[VIRTIO_ADMIN_NOTIFY_ENTRIES];
	uint8_t data[4] = { 0 };

	link_reset();
	owner_start(answers);
	VTEST_EQ(owner_link_ops.read(&link_, VF, VIO_LEGACY_NET, 6, data, 4), 0);
	VTEST(data[0] == 0x0a && data[3] == 0x0d);
	VTEST(strstr(owner.asked, "\"legacy.read\"") != NULL);
	VTEST(strstr(owner.asked,
			      "{\"pf\":\"0000:01:00.0\",\"vf\":3,\"area\":\"net\",\"offset\":6,"
			      "\"len\":4,\"guest\":true}") != NULL);
	VTEST_EQ(owner_link_ops.write(&link_, VF, VIO_LEGACY_COMMON, 14, data, 2), 0);
	VTEST(strstr(owner.asked, "\"legacy.write\"") != NULL);
	VTEST(strstr(owner.asked, "\"area\":\"common\",\"offset\":14,\"data\":\"0a0b\"") != NULL);
	VTEST_EQ(owner_link_ops.notify_info(&link_, VF, doorbells), 2);
	VTEST(!doorbells[0].member && doorbells[1].member);
	VTEST(doorbells[1].bar == 4 && doorbells[1].offset == 4096);
	owner_end();
}

/* None of these is believed, and none is tried again. */
static void
wrong_answers_fail(void)
{
	static const struct {
		const char *answer;
		int ret;
	} rows[] = {
		{ "no JSON", -EPROTO },
		{ "[]", -EIO },
		{ "{}", -EIO },
		{ RESULT("7"), -EPROTO },
		{ RESULT("{\"data\":7}"), -EPROTO },
		{ RESULT("{\"data\":\"\"}"), -EPROTO },
		{ RESULT("{\"data\":\"0102\"}"), -EPROTO },
		{ RESULT("{\"data\":\"01020304050607080910\"}"), -EPROTO },
		{ RESULT("{\"data\":\"0x\"}"), -EPROTO },
		{ REFUSED("EINVAL"), -EINVAL },
		{ REFUSED("EOPNOTSUPP"), -EOPNOTSUPP },
		{ REFUSED("ETIMEDOUT"), -EIO },
		{ REFUSED("nonsense"), -EIO },
	};
	uint8_t data;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *const answers[] = { rows[i].answer, NULL };

		link_reset();
		owner_start(answers);
		data = 0x5a;
		VTEST_EQ(status_read(&data), rows[i].ret);
		VTEST_EQ(data, 0x5a);
		VTEST_EQ(owner.nb_calls, 1);
		VTEST(!link_.away);
		owner_end();
	}
}

static void
wrong_doorbells_are_left_out(void)
{
	static const char *const answers[] = {
		RESULT("{\"doorbells\":[7,{},{\"of\":\"vf\",\"bar\":-1,\"offset\":0},"
		       "{\"of\":\"vf\",\"bar\":256,\"offset\":0},"
		       "{\"of\":\"vf\",\"bar\":1,\"offset\":-2},"
		       "{\"of\":\"vf\",\"bar\":2,\"offset\":2}]}"),
		RESULT("{\"doorbells\":[{\"of\":\"vf\",\"bar\":1,\"offset\":2},"
		       "{\"of\":\"vf\",\"bar\":1,\"offset\":2},"
		       "{\"of\":\"vf\",\"bar\":1,\"offset\":2},"
		       "{\"of\":\"vf\",\"bar\":1,\"offset\":2},"
		       "{\"of\":\"vf\",\"bar\":1,\"offset\":2}]}"),
		RESULT("{\"doorbells\":{}}"), NULL
	};
	struct vio_admin_doorbell doorbells[VIRTIO_ADMIN_NOTIFY_ENTRIES];

	link_reset();
	owner_start(answers);
	VTEST_EQ(owner_link_ops.notify_info(&link_, VF, doorbells), 1);
	VTEST(doorbells[0].bar == 2 && doorbells[0].member);
	VTEST_EQ(owner_link_ops.notify_info(&link_, VF, doorbells), VIRTIO_ADMIN_NOTIFY_ENTRIES);
	VTEST_EQ(owner_link_ops.notify_info(&link_, VF, doorbells), 0);
	owner_end();
}

static void
a_vsrd_that_ends_or_is_full_is_asked_again(void)
{
	static const char *const answers[] = { "", REFUSED("ECANCELED"), REFUSED("EUSERS"),
		RESULT("{\"data\":\"07\"}"), NULL };
	uint8_t data = 0;

	link_reset();
	owner_start(answers);
	VTEST_EQ(status_read(&data), 0);
	VTEST_EQ(data, 7);
	VTEST_EQ(owner.nb_calls, 4);
	owner_end();
}

/* One access waits for the next vsrd. Those after it do not, until vsrd has answered again. */
static void
a_vsrd_that_is_away_costs_one_wait(void)
{
	static const char *const answers[] = { RESULT("{\"data\":\"07\"}"), NULL };
	uint8_t data = 0;
	long long start;

	link_reset();
	for (int i = 0; i < 2; i++) {
		start = base_now_ms();
		VTEST(status_read(&data) < 0);
		VTEST(base_now_ms() - start >= 1500 && base_now_ms() - start < 8000);
		for (int j = 0; j < 50; j++)
			VTEST(status_read(&data) < 0);
		VTEST(base_now_ms() - start < 8000);
		owner_start(answers);
		VTEST_EQ(status_read(&data), 0);
		owner_end();
	}
}

static void
a_guest_that_must_leave_waits_for_nothing(void)
{
	const long long start = base_now_ms();
	uint8_t data = 0;

	link_reset();
	stop = true;
	VTEST(status_read(&data) < 0);
	VTEST(base_now_ms() - start < 1000);
}

int
main(int argc, char **argv)
{
	static const struct vtest_case cases[] = {
		{ "commands_are_calls_of_vsrd", commands_are_calls_of_vsrd },
		{ "wrong_answers_fail", wrong_answers_fail },
		{ "wrong_doorbells_are_left_out", wrong_doorbells_are_left_out },
		{ "a_vsrd_that_ends_or_is_full_is_asked_again",
				a_vsrd_that_ends_or_is_full_is_asked_again },
		{ "a_vsrd_that_is_away_costs_one_wait", a_vsrd_that_is_away_costs_one_wait },
		{ "a_guest_that_must_leave_waits_for_nothing",
				a_guest_that_must_leave_waits_for_nothing },
	};
	int ret;

	VTEST(mkdtemp(dir) != NULL);
	snprintf(path, sizeof(path), "%s/vsrd.sock", dir);
	ret = vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
	rmdir(dir);
	return ret;
}
