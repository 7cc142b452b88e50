/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* lib/base: addresses, digits, UUIDs, eventfds, memory files, the server with threads. */

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/base_bdf.h"
#include "base/base_eventfd.h"
#include "base/base_hex.h"
#include "base/base_listen.h"
#include "base/base_number.h"
#include "base/base_path.h"
#include "base/base_log.h"
#include "base/base_memory.h"
#include "base/base_server.h"
#include "base/base_text.h"
#include "base/base_uuid.h"

#include "test/fixture/vtest.h"

/* ---------------------------------------------------------------- texts */

static void
bdf_is_parsed_with_and_without_domain(void)
{
	char text[BASE_BDF_LEN];
	struct base_bdf bdf;

	VTEST_EQ(base_bdf_parse("ABCD:12:1f.7", &bdf), 0);
	VTEST_EQ(bdf.domain, 0xabcd);
	VTEST_EQ(bdf.rid, 0x12ff);
	base_bdf_format(bdf, text);
	VTEST(strcmp(text, "abcd:12:1f.7") == 0);
	VTEST_EQ(base_bdf_parse("1:2.3", &bdf), 0);
	base_bdf_format(bdf, text);
	VTEST(strcmp(text, "0000:01:02.3") == 0);
	VTEST_EQ(base_bdf_expand("F:2.3", text), 0);
	VTEST(strcmp(text, "0000:0f:02.3") == 0);
	VTEST_EQ(base_bdf_expand("F:2.8", text), -EINVAL);
}

static void
bdf_of_another_form_is_refused(void)
{
	static const char *const wrong[] = { "", "01", "01:00", "01:00.", "01:00.8", "01:00.0 ",
		" 01:00.0", "+1:00.0", "-1:00:00.0", "0x1:00.0", "01:20.0", "001:00.0",
		"10000:01:00.0", "0000:01:00.00", "0000:01:00.0x", "0000:01:00:0", "0000:01:00.f" };
	struct base_bdf bdf;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		VTEST_EQ(base_bdf_parse(wrong[i], &bdf) == -EINVAL ? -1 : (int)i, -1);
}

static void
hex_goes_both_ways(void)
{
	uint8_t data[3];
	char text[7];

	VTEST_EQ(base_hex_parse("00fFA5", data, sizeof(data)), 3);
	base_hex_format(data, 3, text);
	VTEST(strcmp(text, "00ffa5") == 0);
	VTEST_EQ(base_hex_parse("", data, 0), 0);
	base_hex_format(data, 0, text);
	VTEST(text[0] == '\0');
}

static void
hex_of_another_form_is_refused(void)
{
	static const char *const wrong[] = { "0", "000", "0g", "g0", "0x", " 0", "00000000" };
	uint8_t data[3];

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		VTEST_EQ(base_hex_parse(wrong[i], data, sizeof(data)), -EINVAL);
	/* Characters next to the digits, and characters that differ from a digit in bit 5. */
	for (const char *c = "/:@G`g\x10\x19"; *c != '\0'; c++)
		VTEST_EQ(base_hex_digit(*c), -1);
	VTEST_EQ(base_hex_digit('\0'), -1);
}

static void
uuid_goes_both_ways(void)
{
	static const char mixed[] = "F81d4fae-7DEC-41d0-a765-00a0c91e6bf6 and more";
	char text[BASE_UUID_LEN + 1];
	uint8_t uuid[16];

	VTEST_EQ(base_uuid_parse(mixed, uuid), 0);
	VTEST_EQ(uuid[0], 0xf8);
	VTEST_EQ(uuid[4], 0x7d);
	VTEST_EQ(uuid[15], 0xf6);
	base_uuid_format(uuid, text);
	VTEST(strcmp(text, "f81d4fae-7dec-41d0-a765-00a0c91e6bf6") == 0);
}

static void
uuid_of_another_form_is_refused(void)
{
	static const char right[] = "f81d4fae-7dec-41d0-a765-00a0c91e6bf6";
	char text[BASE_UUID_LEN + 1];
	uint8_t uuid[16];

	for (size_t len = 0; len < BASE_UUID_LEN; len++) {
		snprintf(text, sizeof(text), "%.*s", (int)len, right);
		VTEST_EQ(base_uuid_parse(text, uuid), -EINVAL);
		snprintf(text, sizeof(text), "%s", right);
		text[len] = text[len] == '-' ? '0' : '-';
		VTEST_EQ(base_uuid_parse(text, uuid), -EINVAL);
	}
}

static void
uuid_is_random_and_of_version_4(void)
{
	uint8_t one[16], two[16];

	VTEST_EQ(base_uuid_make(one), 0);
	VTEST_EQ(base_uuid_make(two), 0);
	VTEST(memcmp(one, two, sizeof(one)) != 0);
	VTEST_EQ(one[6] >> 4, 4);
	VTEST_EQ(one[8] >> 6, 2);
}

static void
eventfd_is_distinguished_from_other_files(void)
{
	int fds[2], fd = eventfd(0, EFD_CLOEXEC);

	VTEST(base_is_eventfd(fd));
	close(fd);
	VTEST(!base_is_eventfd(fd));
	VTEST_EQ(pipe(fds), 0);
	VTEST(!base_is_eventfd(fds[1]));
	close(fds[0]);
	close(fds[1]);
	VTEST(!base_is_eventfd(-1));
}

static void
memory_is_distinguished_from_other_files(void)
{
	const int plain = memfd_create("plain", MFD_CLOEXEC);
	const int sealed = memfd_create("sealed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const int huge = memfd_create("huge", MFD_CLOEXEC | MFD_HUGETLB);
	const int others[] = { -1, open("/dev/zero", O_RDWR | O_CLOEXEC),
		open("/proc/self/maps", O_RDONLY | O_CLOEXEC), eventfd(0, EFD_CLOEXEC) };

	VTEST(base_is_memory(plain) && base_is_memory(sealed));
	/* A kernel without hugepages has no such file. */
	VTEST(huge < 0 || base_is_memory(huge));
	close(plain);
	close(sealed);
	close(huge);
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		VTEST(!base_is_memory(others[i]));
		close(others[i]);
	}
}

/* ---------------------------------------------------------------- lines of a log */

/* Read what is in a pipe. @return number of bytes; text is the end of them, terminated. */
static size_t
drain(int fd, char *text, size_t max)
{
	size_t all = 0;
	char buf[4096];
	ssize_t n;

	fcntl(fd, F_SETFL, O_NONBLOCK);
	text[0] = '\0';
	while ((n = read(fd, buf, sizeof(buf))) > 0) {
		const size_t keep = (size_t)n < max - 1 ? (size_t)n : max - 1;

		memcpy(text, buf + n - keep, keep);
		text[keep] = '\0';
		all += (size_t)n;
	}
	return all;
}

static void
log_drops_lines_while_nobody_reads_and_says_so(void)
{
	struct base_log log;
	char text[128];
	int fds[2];

	VTEST_EQ(pipe(fds), 0);
	base_log_open(&log, fds[1]);
	for (int i = 0; i < 20000; i++)
		base_log_line(&log, "a line of the log");
	VTEST(drain(fds[0], text, sizeof(text)) > 1000);
	VTEST(strcmp(text + strlen(text) - 18, "a line of the log\n") == 0);
	VTEST(log.lost > 1000);
	base_log_line(&log, "next");
	drain(fds[0], text, sizeof(text));
	VTEST(strncmp(text, "next (", 6) == 0 && strstr(text, "were lost)\n") != NULL);
	base_log_line(&log, "last");
	drain(fds[0], text, sizeof(text));
	VTEST(strcmp(text, "last\n") == 0);
	/* Other processes that share the pipe expect it to block. */
	VTEST_EQ(fcntl(fds[1], F_GETFL) & O_NONBLOCK, 0);
	close(log.fd);
	close(fds[0]);
	close(fds[1]);
}

static void
log_says_what_was_lost_in_a_line_that_is_cut(void)
{
	static char longest[3 * 4096], text[2 * 4096];
	struct base_log log;
	int fds[2];

	VTEST_EQ(pipe(fds), 0);
	base_log_open(&log, fds[1]);
	for (int i = 0; i < 20000; i++)
		base_log_line(&log, "a line of the log");
	drain(fds[0], text, sizeof(text));
	memset(longest, 'x', sizeof(longest) - 1);
	base_log_line(&log, longest);
	VTEST_EQ(drain(fds[0], text, sizeof(text)), 4095);
	VTEST(strstr(text, "x (") != NULL && strstr(text, " lines before this one were lost)\n"));
	VTEST_EQ(log.lost, 0);
	close(log.fd);
	close(fds[0]);
	close(fds[1]);
}

static void
log_survives_the_end_of_its_reader(void)
{
	struct base_log log;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	VTEST_EQ(pipe(fds), 0);
	base_log_open(&log, fds[1]);
	close(fds[0]);
	base_log_line(&log, "a line");
	VTEST_EQ(log.lost, 1);
	close(log.fd);
	close(fds[1]);
	signal(SIGPIPE, SIG_DFL);
}

static void
log_cuts_a_line_and_appends_to_a_file(void)
{
	static char longest[3 * 4096];
	char name[] = "/tmp/test_base.XXXXXX";
	struct base_log log;
	struct stat st;
	int fd = mkstemp(name);

	VTEST(fd >= 0);
	unlink(name);
	VTEST_EQ(write(fd, "before\n", 7), 7);
	base_log_open(&log, fd);
	memset(longest, 'x', sizeof(longest) - 1);
	base_log_line(&log, longest);
	base_log_line(&log, "end");
	VTEST_EQ(fstat(fd, &st), 0);
	VTEST_EQ(st.st_size, 7 + 4095 + 4);
	close(fd);
}

static void
log_finds_the_next_reader_of_its_socket(void)
{
	struct base_log log;
	struct sockaddr_un addr;
	char name[64], text[64];
	int reader = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	snprintf(name, sizeof(name), "/tmp/test_base.log.%d", (int)getpid());
	base_address(&addr, name);
	VTEST(base_log_connect(&log, name) != 0);
	base_log_line(&log, "nobody");
	for (int i = 0; i < 2; i++) {
		VTEST_EQ(bind(reader, (struct sockaddr *)&addr, sizeof(addr)), 0);
		base_log_line(&log, "somebody");
		VTEST(recv(reader, text, sizeof(text), 0) >= 9 && memcmp(text, "some", 4) == 0);
		/* A reader that does not read. */
		for (int j = 0; j < 2000; j++)
			base_log_line(&log, "more");
		close(reader);
		unlink(name);
		reader = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	}
	close(reader);
	close(log.fd);
}

static void
log_holds_back_what_one_source_repeats(void)
{
	struct base_log_limit limit = { 0 };
	unsigned long held = 1, let = 0;

	for (int i = 0; i < 1000; i++)
		let += base_log_allowed(&limit, &held);
	/* Two windows at most, unless the test runs for longer. */
	VTEST(let >= BASE_LOG_BURST && let < 100);
	limit.window--; /* a later window */
	VTEST(base_log_allowed(&limit, &held));
	VTEST_EQ(held + let, 1000);
}

/* ---------------------------------------------------------------- server */

static char path[64];
static unsigned int nb_refused;
static int last_err;
static bool admit_all, all_privileged;
static unsigned int nb_reserved, nb_per_user;

/* Send each byte back, until the client leaves or the server stops; 'x': leave first. */
static void
echo(struct base_client *client)
{
	struct pollfd wait[2] = { { .fd = client->fd, .events = POLLIN },
		{ .fd = client->stop_fd, .events = POLLIN } };
	char c;

	while (poll(wait, 2, -1) > 0 && wait[1].revents == 0 && recv(client->fd, &c, 1, 0) == 1 &&
			c != 'x') {
		/* 'i': idle for a long time; any other: not idle. */
		client->idle_since_ms = c == 'i' ? 1 : 0;
		send(client->fd, &c, 1, MSG_NOSIGNAL);
	}
}

static int hang_end;

/* Look neither at the client nor at stop_fd. */
static void
hang(struct base_client *client)
{
	struct pollfd wait = { .fd = hang_end, .events = POLLIN };

	send(client->fd, "h", 1, MSG_NOSIGNAL);
	poll(&wait, 1, -1);
}

/* Tell which signals the thread of the client blocks. */
static void
tell_signals(struct base_client *client)
{
	sigset_t now;
	char c;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	c = (char)(sigismember(&now, SIGTERM) | sigismember(&now, SIGSEGV) << 1);
	send(client->fd, &c, 1, MSG_NOSIGNAL);
}

static bool
admit(void *ctx, const struct base_client *client)
{
	return ctx == path && admit_all && client->pid == getpid() && client->uid == geteuid();
}

static bool
privileged(void *ctx, const struct base_client *client)
{
	return all_privileged;
}

static void
refuse(void *ctx, const struct base_client *client, int err)
{
	__atomic_store_n(&last_err, err, __ATOMIC_RELAXED);
	__atomic_add_fetch(&nb_refused, 1, __ATOMIC_RELEASE);
	send(client->fd, "r", 1, MSG_NOSIGNAL);
}

static struct base_server *
start(unsigned int max_clients, mode_t mode, void (*serve)(struct base_client *client))
{
	const struct base_access access = { .uid = (uid_t)-1, .gid = (gid_t)-1, .mode = mode };
	const struct base_server_conf conf = { .path = path,
		.type = SOCK_STREAM,
		.access = &access,
		.max_clients = max_clients,
		.reserved = nb_reserved,
		.max_per_user = nb_per_user,
		.idle_ms = 1,
		.ctx = path,
		.admit = admit,
		.privileged = privileged,
		.refuse = refuse,
		.serve = serve };
	struct base_server *server;

	snprintf(path, sizeof(path), "/tmp/test_base.%d", (int)getpid());
	admit_all = true;
	nb_refused = 0;
	return base_server_start(&conf, &server) == 0 ? server : NULL;
}

static int
join(void)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_un addr;

	base_address(&addr, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

/* @return what the server sends next; 0: it closes the connection; -1: nothing for 5 s. */
static int
next(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	char c;

	if (poll(&wait, 1, 5000) != 1)
		return -1;
	return recv(fd, &c, 1, 0) == 1 ? c : 0;
}

static int
ask(int fd, char c)
{
	return send(fd, &c, 1, MSG_NOSIGNAL) == 1 ? next(fd) : -2;
}

static void
clients_are_served_at_the_same_time(void)
{
	struct base_server *server = start(3, 0600, echo);
	int fds[3];

	VTEST(server != NULL);
	for (int i = 0; i < 3; i++) {
		fds[i] = join();
		VTEST_EQ(ask(fds[i], 'a'), 'a');
	}
	VTEST_EQ(base_server_nb_clients(server), 3);
	for (int i = 3; i-- > 0;)
		VTEST_EQ(ask(fds[i], (char)('b' + i)), 'b' + i);
	base_server_stop(server);
	for (int i = 0; i < 3; i++) {
		VTEST_EQ(next(fds[i]), 0);
		close(fds[i]);
	}
	VTEST(access(path, F_OK) != 0);
}

static void
client_over_the_limit_is_refused_until_another_leaves(void)
{
	struct base_server *server = start(1, 0600, echo);
	int one, two;

	VTEST(server != NULL);
	one = join();
	VTEST_EQ(ask(one, 'a'), 'a');
	two = join();
	VTEST_EQ(next(two), 'r');
	VTEST_EQ(next(two), 0);
	VTEST_EQ(last_err, -EUSERS);
	close(two);
	VTEST_EQ(ask(one, 'x'), 0);
	while (base_server_nb_clients(server) != 0)
		usleep(1000);
	/* The slot becomes free when the thread has ended. */
	for (int i = 0; i < 1000; i++) {
		two = join();
		if (ask(two, 'c') == 'c')
			break;
		close(two);
		usleep(1000);
	}
	VTEST_EQ(ask(two, 'b'), 'b');
	close(one);
	close(two);
	base_server_stop(server);
}

static void
idle_client_makes_room(void)
{
	struct base_server *server = start(3, 0, echo);
	int fds[3], next_one;

	VTEST(server != NULL);
	for (int i = 0; i < 3; i++)
		fds[i] = join();
	/* The others are busy, or are asked later. */
	VTEST_EQ(ask(fds[0], 'a'), 'a');
	VTEST_EQ(ask(fds[1], 'i'), 'i');
	VTEST_EQ(ask(fds[2], 'a'), 'a');
	next_one = join();
	VTEST_EQ(ask(next_one, 'b'), 'b');
	VTEST_EQ(next(fds[1]), 0);
	VTEST_EQ(ask(fds[0], 'c'), 'c');
	VTEST_EQ(ask(fds[2], 'd'), 'd');
	VTEST_EQ(nb_refused, 0);
	close(next_one);
	for (int i = 0; i < 3; i++)
		close(fds[i]);
	base_server_stop(server);
}

/* Join, and check that the client is refused, or not. @return its connection. */
static int
join_as(bool privilege, bool fine)
{
	int fd;

	all_privileged = privilege;
	fd = join();
	if (fine)
		VTEST_EQ(ask(fd, 'a'), 'a');
	else
		VTEST_EQ(next(fd), 'r');
	return fd;
}

static void
places_are_reserved_and_shared(void)
{
	struct base_server *server;
	int fds[8];

	nb_reserved = 2;
	nb_per_user = 2;
	server = start(5, 0, echo);
	nb_reserved = nb_per_user = 0;
	VTEST(server != NULL);
	fds[0] = join_as(false, true);
	fds[1] = join_as(false, true);
	fds[2] = join_as(false, false); /* its share of two is used */
	VTEST_EQ(last_err, -EUSERS);
	fds[3] = join_as(true, true);
	fds[4] = join_as(false, false); /* two places are reserved */
	fds[5] = join_as(true, true);
	fds[6] = join_as(true, true);
	fds[7] = join_as(true, false);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	all_privileged = false;
	base_server_stop(server);
}

static void
client_that_hangs_does_not_stop_the_server_from_stopping(void)
{
	struct base_server *server = start(1, 0, hang);
	int fd;

	VTEST(server != NULL);
	hang_end = eventfd(0, EFD_CLOEXEC);
	fd = join();
	VTEST_EQ(next(fd), 'h');
	VTEST(!base_server_stop_within(server, 10));
	VTEST(access(path, F_OK) != 0);
	eventfd_write(hang_end, 1);
	VTEST(base_server_stop_within(server, 60000));
	close(hang_end);
	close(fd);
}

static void
client_that_is_not_admitted_gets_no_thread(void)
{
	struct base_server *server = start(2, 0600, echo);
	int fd;

	VTEST(server != NULL);
	admit_all = false;
	fd = join();
	VTEST_EQ(next(fd), 'r');
	VTEST_EQ(next(fd), 0);
	VTEST_EQ(last_err, -EACCES);
	VTEST_EQ(nb_refused, 1);
	VTEST_EQ(base_server_nb_clients(server), 0);
	close(fd);
	base_server_stop(server);
}

static void
threads_of_clients_block_signals_but_their_own_faults(void)
{
	struct base_server *server = start(1, 0600, tell_signals);
	int fd;

	VTEST(server != NULL);
	fd = join();
	VTEST_EQ(next(fd), 1);
	close(fd);
	base_server_stop(server);
}

static void
socket_has_the_mode_asked_for(void)
{
	static const mode_t modes[] = { 0600, 0660, 0666, 0200 }, masks[] = { 0, 027, 077, 0777 };

	for (size_t i = 0; i < 4; i++)
		for (size_t m = 0; m < 4; m++) {
			const mode_t old = umask(masks[m]);
			struct base_server *server = start(1, modes[i], echo);
			struct stat st;

			VTEST_EQ(umask(old), masks[m]);
			VTEST(server != NULL);
			VTEST_EQ(stat(path, &st), 0);
			VTEST_EQ(st.st_mode & 07777, modes[i]);
			base_server_stop(server);
		}
}

static unsigned int nb_umasks;

/* In place of the one of libc, to count the calls. */
mode_t
umask(mode_t mask)
{
	nb_umasks++;
	return (mode_t)syscall(SYS_umask, mask);
}

/* The umask is that of all threads, and other threads make files meanwhile. */
static void
umask_is_left_alone(void)
{
	const unsigned int before = nb_umasks;
	struct base_server *server = start(1, 0666, echo);

	VTEST(server != NULL);
	base_server_stop(server);
	VTEST_EQ(nb_umasks, before);
	umask(umask(0));
	VTEST_EQ(nb_umasks, before + 2);
}

static void
socket_is_given_to_others_but_no_other_file_is(void)
{
	const struct base_access wide = { .uid = (uid_t)-1, .gid = getegid(), .mode = 0660 };
	struct base_socket_file file, none;
	char link_path[sizeof(path) + 8];
	struct stat st;
	int fd, other;

	snprintf(path, sizeof(path), "/tmp/test_base.%d", (int)getpid());
	snprintf(link_path, sizeof(link_path), "%s.link", path);
	fd = base_listen(path, SOCK_STREAM, BASE_ACCESS_OWN, 1, &file);
	VTEST(fd >= 0);
	VTEST_EQ(base_socket_give(path, &wide), 0);
	VTEST(stat(path, &st) == 0 && (st.st_mode & 07777) == 0660);
	VTEST_EQ(symlink(path, link_path), 0);
	VTEST_EQ(base_socket_give(link_path, &wide), -EPERM);
	VTEST_EQ(base_listen(link_path, SOCK_STREAM, BASE_ACCESS_OWN, 1, &none), -EADDRINUSE);
	unlink(link_path);
	/* Another file with the path of the socket stays. */
	VTEST_EQ(unlink(path), 0);
	other = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	VTEST(other >= 0);
	VTEST_EQ(base_socket_give(path, &wide), -EPERM);
	base_unlisten(path, &file);
	VTEST_EQ(unlink(path), 0);
	close(other);
	close(fd);
}

static void
folder_or_file_of_others_is_refused(void)
{
	char folder[64], name[96], copy[96];
	const char *last;
	int dir, fd;

	snprintf(folder, sizeof(folder), "/tmp/test_base.%d.d", (int)getpid());
	VTEST_EQ(base_folder_open(folder, false), -ENOENT);
	dir = base_folder_open(folder, true);
	VTEST(dir >= 0);
	snprintf(name, sizeof(name), "%s/file", folder);
	fd = open(name, O_CREAT | O_EXCL | O_WRONLY, 0600);
	VTEST(fd >= 0);
	close(fd);
	fd = base_file_open(dir, "file");
	VTEST(fd >= 0);
	close(fd);
	VTEST_EQ(base_file_open(dir, "none"), -ENOENT);
	/* Kinds of files. */
	snprintf(copy, sizeof(copy), "%s/link", folder);
	VTEST_EQ(symlink(name, copy), 0);
	VTEST_EQ(base_file_open(dir, "link"), -ELOOP);
	VTEST_EQ(base_folder_open(name, true), -ENOTDIR);
	unlink(copy);
	VTEST_EQ(symlink(folder, copy), 0);
	VTEST_EQ(base_folder_open(copy, true), -ENOTDIR);
	unlink(copy);
	VTEST_EQ(mkfifo(copy, 0600), 0);
	VTEST_EQ(base_file_open(dir, "link"), -EINVAL); /* without waiting for a writer */
	unlink(copy);
	/* Others may write. */
	VTEST_EQ(chmod(name, 0602), 0);
	VTEST_EQ(base_file_open(dir, "file"), -EPERM);
	VTEST_EQ(chmod(name, 0600), 0);
	VTEST_EQ(chmod(folder, 0720), 0);
	VTEST_EQ(base_folder_open(folder, true), -EPERM);
	VTEST_EQ(chmod(folder, 0755), 0);
	close(base_folder_open(folder, true));
	/* Another owner; only root can make this case. */
	if (geteuid() == 0) {
		VTEST_EQ(chown(name, 65534, 65534), 0);
		VTEST_EQ(base_file_open(dir, "file"), -EPERM);
		VTEST_EQ(chown(folder, 65534, 65534), 0);
		VTEST_EQ(base_folder_open(folder, true), -EPERM);
	}
	unlink(name);
	rmdir(folder);
	close(dir);
	VTEST_EQ(base_path_split("/run/vsr/x.token", copy, sizeof(copy), &last), 0);
	VTEST(strcmp(copy, "/run/vsr") == 0 && strcmp(last, "x.token") == 0);
	VTEST_EQ(base_path_split("/x", copy, sizeof(copy), &last), 0);
	VTEST(strcmp(copy, "/") == 0 && strcmp(last, "x") == 0);
	VTEST_EQ(base_path_split("x", copy, sizeof(copy), &last), 0);
	VTEST(strcmp(copy, ".") == 0 && strcmp(last, "x") == 0);
	VTEST_EQ(base_path_split("x/", copy, sizeof(copy), &last), -EINVAL);
	VTEST_EQ(base_path_split("/run/vsr/x", copy, 8, &last), -ENAMETOOLONG);
}

static void
number_is_digits_and_does_not_wrap(void)
{
	static const struct {
		const char *text;
		uint64_t max;
		int ret, any_ret;
		uint64_t value;
	} rows[] = {
		{ "0", 0, 0, 0, 0 },
		{ "010", 100, 0, 0, 10 },
		{ "255", 255, 0, 0, 255 },
		{ "256", 255, -ERANGE, -ERANGE, 0 },
		{ "4294967296", UINT32_MAX, -ERANGE, -ERANGE, 0 },
		{ "4294967297", UINT32_MAX, -ERANGE, -ERANGE, 0 },
		{ "18446744073709551615", UINT64_MAX, 0, 0, UINT64_MAX },
		{ "18446744073709551616", UINT64_MAX, -ERANGE, -ERANGE, 0 },
		{ "99999999999999999999999", UINT64_MAX, -ERANGE, -ERANGE, 0 },
		{ "0x1f", 100, -EINVAL, 0, 31 },
		{ "0XfF", 255, -EINVAL, 0, 255 },
		{ "0x", 100, -EINVAL, -EINVAL, 0 },
		{ "", 100, -EINVAL, -EINVAL, 0 },
		{ "-1", UINT64_MAX, -EINVAL, -EINVAL, 0 },
		{ "+1", 100, -EINVAL, -EINVAL, 0 },
		{ " 1", 100, -EINVAL, -EINVAL, 0 },
		{ "1 ", 100, -EINVAL, -EINVAL, 0 },
		{ "1k", 100, -EINVAL, -EINVAL, 0 },
		{ "999x", 100, -EINVAL, -EINVAL, 0 },
		{ "1.5", 100, -EINVAL, -EINVAL, 0 },
		{ "a", 100, -EINVAL, -EINVAL, 0 },
	};
	uint64_t value;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		value = 77;
		VTEST_EQ(base_number_parse(rows[i].text, rows[i].max, &value), rows[i].ret);
		VTEST_EQ(value, rows[i].ret == 0 ? rows[i].value : 77);
		value = 77;
		VTEST_EQ(base_number_parse_any(rows[i].text, rows[i].max, &value), rows[i].any_ret);
		VTEST_EQ(value, rows[i].any_ret == 0 ? rows[i].value : 77);
	}
	VTEST_EQ(base_number_parse_octal("0660", 0777, &value), 0);
	VTEST_EQ(value, 0660);
	VTEST_EQ(base_number_parse_octal("1000", 0777, &value), -ERANGE);
	VTEST_EQ(base_number_parse_octal("680", 0777, &value), -EINVAL);
}

static void
socket_of_a_dead_process_is_replaced_and_no_other(void)
{
	struct base_server *server = start(1, 0600, echo), *second;
	struct base_socket_file file;
	struct sockaddr_un addr;
	int fd;

	VTEST(server != NULL);
	second = start(1, 0600, echo);
	VTEST(second == NULL);
	VTEST_EQ(base_listen(path, SOCK_STREAM, BASE_ACCESS_OWN, 1, &file), -EADDRINUSE);
	base_server_stop(server);

	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	base_address(&addr, path);
	VTEST_EQ(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	fd = base_listen(path, SOCK_STREAM, BASE_ACCESS_OWN, 1, &file);
	VTEST(fd >= 0);
	close(fd);
	unlink(path);

	fd = open(path, O_CREAT | O_EXCL | O_WRONLY, 0600);
	VTEST(fd >= 0);
	close(fd);
	VTEST_EQ(base_listen(path, SOCK_STREAM, BASE_ACCESS_OWN, 1, &file), -EADDRINUSE);
	VTEST_EQ(unlink(path), 0);
}

static pthread_barrier_t together;

struct listener {
	struct base_socket_file file;
	int fd;
};

static void *
listen_once(void *arg)
{
	struct listener *listener = arg;

	pthread_barrier_wait(&together);
	listener->fd = base_listen(path, SOCK_STREAM, BASE_ACCESS_OWN, 1, &listener->file);
	return NULL;
}

/* A path in a folder of its own, whose lock nobody else takes. */
static void
own_folder(char folder[64])
{
	snprintf(folder, 64, "/tmp/test_base.%d.d", (int)getpid());
	VTEST_EQ(mkdir(folder, 0700), 0);
	snprintf(path, sizeof(path), "%s/s", folder);
}

/* A socket that does not listen yet looks like that of a process that has ended. */
static void
one_of_two_that_start_together_gets_the_path(void)
{
	struct listener listeners[2];
	pthread_t threads[2];
	char folder[64];

	own_folder(folder);
	VTEST_EQ(pthread_barrier_init(&together, NULL, 2), 0);
	for (int round = 0; round < 3000; round++) {
		for (int i = 0; i < 2; i++)
			VTEST_EQ(pthread_create(&threads[i], NULL, listen_once, &listeners[i]), 0);
		for (int i = 0; i < 2; i++)
			pthread_join(threads[i], NULL);
		VTEST_EQ((listeners[0].fd >= 0) + (listeners[1].fd >= 0), 1);
		/* In every second round the file is there already. */
		for (int i = 0; i < 2; i++) {
			if (round % 2 == 0)
				base_unlisten(path, &listeners[i].file);
			if (listeners[i].fd >= 0)
				close(listeners[i].fd);
		}
	}
	unlink(path);
	rmdir(folder);
	pthread_barrier_destroy(&together);
}

static void
folder_that_another_has_locked_is_not_waited_for(void)
{
	struct base_socket_file file;
	char folder[64];
	int fd, lock;

	own_folder(folder);
	lock = open(folder, O_RDONLY | O_DIRECTORY);
	VTEST(lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0);
	fd = base_listen(path, SOCK_STREAM, BASE_ACCESS_OWN, 1, &file);
	VTEST(fd >= 0);
	base_unlisten(path, &file);
	close(fd);
	close(lock);
	rmdir(folder);
}

static void
path_without_room_or_characters_is_refused(void)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 1];
	struct base_socket_file file;

	memset(name, 'n', sizeof(name) - 1);
	name[sizeof(name) - 1] = '\0';
	VTEST_EQ(base_listen(name, SOCK_STREAM, BASE_ACCESS_OWN, 1, &file), -ENAMETOOLONG);
	VTEST_EQ(base_listen("", SOCK_STREAM, BASE_ACCESS_OWN, 1, &file), -EINVAL);
}

static void
text_is_made_printable_and_cut_between_characters(void)
{
	static const struct {
		const char *in, *out;
		size_t size;
	} rows[] = {
		{ "plain \\ text", "plain \\ text", 64 },
		{ "", "", 1 },
		{ "x", "", 1 },
		{ "gr\u00fc\u00dfe \u20ac \U0001f600", "gr\u00fc\u00dfe \u20ac \U0001f600", 64 },
		{ "dpdk-forwarder\xc3", "dpdk-forwarder\\xc3", 64 },
		{ "\x1b[31mRED\x1b[0m", "\\x1b[31mRED\\x1b[0m", 64 },
		{ "a\nb\tc\x7f", "a\\x0ab\\x09c\\x7f", 64 },
		{ "\xc2\x9b"
		  "31m",
				"\\xc2\\x9b31m", 64 }, /* one-character CSI */
		{ "\xe2\x80\xae"
		  "ab"
		  "\xe2\x81\xa6\xe2\x81\xa9\xe2\x80\xac",
				"\\xe2\\x80\\xaeab\\xe2\\x81\\xa6\\xe2\\x81\\xa9\\xe2\\x80\\xac",
				64 },
		{ "\xc0\xaf", "\\xc0\\xaf", 64 }, /* overlong */
		{ "\xe0\x80\xaf", "\\xe0\\x80\\xaf", 64 },
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80", 64 }, /* surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80", 64 },
		{ "\xff\xfe", "\\xff\\xfe", 64 },
		{ "\x80", "\\x80", 64 },
		{ "ab\u20ac", "ab", 5 },
		{ "ab\u20ac", "ab\u20ac", 6 },
		{ "ab\xff", "ab", 6 },
		{ "ab\xff", "ab\\xff", 7 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char once[65], twice[65];

		memset(once, '#', sizeof(once));
		VTEST_EQ(base_text_clean(once, rows[i].size, rows[i].in), strlen(rows[i].out));
		VTEST(strcmp(once, rows[i].out) == 0);
		VTEST(once[rows[i].size] == '#');
		base_text_clean(twice, sizeof(twice), once);
		VTEST(strcmp(twice, once) == 0);
	}
	VTEST_EQ(base_text_width("gr\u00fcn\u20ac"), 5);
	VTEST_EQ(base_text_cut("gr\u00fcn\u20ac", 3), 4);
	VTEST_EQ(base_text_cut("gr\u00fcn\u20ac", 9), 8);
	VTEST_EQ(base_text_cut("gr", 0), 0);
}

static const struct vtest_case cases[] = {
	{ "text_is_made_printable_and_cut_between_characters",
			text_is_made_printable_and_cut_between_characters },
	{ "bdf_is_parsed_with_and_without_domain", bdf_is_parsed_with_and_without_domain },
	{ "bdf_of_another_form_is_refused", bdf_of_another_form_is_refused },
	{ "hex_goes_both_ways", hex_goes_both_ways },
	{ "hex_of_another_form_is_refused", hex_of_another_form_is_refused },
	{ "uuid_goes_both_ways", uuid_goes_both_ways },
	{ "uuid_of_another_form_is_refused", uuid_of_another_form_is_refused },
	{ "uuid_is_random_and_of_version_4", uuid_is_random_and_of_version_4 },
	{ "eventfd_is_distinguished_from_other_files", eventfd_is_distinguished_from_other_files },
	{ "memory_is_distinguished_from_other_files", memory_is_distinguished_from_other_files },
	{ "log_drops_lines_while_nobody_reads_and_says_so",
			log_drops_lines_while_nobody_reads_and_says_so },
	{ "log_says_what_was_lost_in_a_line_that_is_cut",
			log_says_what_was_lost_in_a_line_that_is_cut },
	{ "log_survives_the_end_of_its_reader", log_survives_the_end_of_its_reader },
	{ "log_cuts_a_line_and_appends_to_a_file", log_cuts_a_line_and_appends_to_a_file },
	{ "log_finds_the_next_reader_of_its_socket", log_finds_the_next_reader_of_its_socket },
	{ "log_holds_back_what_one_source_repeats", log_holds_back_what_one_source_repeats },
	{ "clients_are_served_at_the_same_time", clients_are_served_at_the_same_time },
	{ "client_over_the_limit_is_refused_until_another_leaves",
			client_over_the_limit_is_refused_until_another_leaves },
	{ "idle_client_makes_room", idle_client_makes_room },
	{ "places_are_reserved_and_shared", places_are_reserved_and_shared },
	{ "client_that_hangs_does_not_stop_the_server_from_stopping",
			client_that_hangs_does_not_stop_the_server_from_stopping },
	{ "client_that_is_not_admitted_gets_no_thread",
			client_that_is_not_admitted_gets_no_thread },
	{ "threads_of_clients_block_signals_but_their_own_faults",
			threads_of_clients_block_signals_but_their_own_faults },
	{ "socket_has_the_mode_asked_for", socket_has_the_mode_asked_for },
	{ "umask_is_left_alone", umask_is_left_alone },
	{ "socket_is_given_to_others_but_no_other_file_is",
			socket_is_given_to_others_but_no_other_file_is },
	{ "folder_or_file_of_others_is_refused", folder_or_file_of_others_is_refused },
	{ "number_is_digits_and_does_not_wrap", number_is_digits_and_does_not_wrap },
	{ "socket_of_a_dead_process_is_replaced_and_no_other",
			socket_of_a_dead_process_is_replaced_and_no_other },
	{ "one_of_two_that_start_together_gets_the_path",
			one_of_two_that_start_together_gets_the_path },
	{ "folder_that_another_has_locked_is_not_waited_for",
			folder_that_another_has_locked_is_not_waited_for },
	{ "path_without_room_or_characters_is_refused",
			path_without_room_or_characters_is_refused },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
