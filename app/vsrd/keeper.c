/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * vsrd-keeper runs vsrd and keeps its descriptors on a machine without systemd: it has the
 * descriptors open between two runs of vsrd and passes them to the next run (sd_notify(3),
 * FDSTORE=1).
 *
 *   vsrd-keeper COMMAND [ARGUMENTS]
 *
 * Only the child and its user can store and remove: the socket is in a folder that other users
 * cannot enter, and the sender of a message must be the child, while there is one.
 *
 * SIGTERM or SIGINT ends the command and the keeper, which closes the descriptors. SIGHUP ends the
 * command only: it is started again from its file, which may be a newer version.
 */

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_clock.h"
#include "base/base_log.h"

#define FIRST_FD 3
#define MAX_KEPT 128
#define MAX_PER_MESSAGE 16
#define SHORT_RUN_MS 2000 /* After a shorter run the command is started again later. */
#define STOP_MS 45000 /* Then the command is killed. */
#define KILL_MS 5000 /* Then the command hangs in the kernel: the keeper ends without it. */

struct kept {
	char name[64];
	int fd;
};

static struct kept kept[MAX_KEPT];
static size_t nb_kept;
static char notify_folder[64], notify_name[80];
static int notify_fd, signal_fd;
static pid_t child; /* 0: none. */
static bool stopping;
static struct base_log log_place;

static void
print_line(const char *text, const char *more)
{
	char line[256];

	snprintf(line, sizeof(line), "vsrd-keeper: %s%s", text, more);
	base_log_line(&log_place, line);
}

/* ---------------------------------------------------------------- the store */

static void
forget(const char *name)
{
	for (size_t i = 0; i < nb_kept;) {
		if (strcmp(kept[i].name, name) != 0) {
			i++;
			continue;
		}
		close(kept[i].fd);
		kept[i] = kept[--nb_kept];
	}
}

/* Keep a descriptor, or close it. */
static void
keep(const char *name, int fd)
{
	if (nb_kept == MAX_KEPT || strlen(name) >= sizeof(kept->name) ||
			strchr(name, ':') != NULL) {
		print_line("cannot keep a descriptor: ", name);
		close(fd);
		return;
	}
	strcpy(kept[nb_kept].name, name);
	kept[nb_kept++].fd = fd;
}

struct message {
	bool store, remove;
	char name[64];
};

static void
parse(char *text, struct message *message)
{
	char *rest;

	memset(message, 0, sizeof(*message));
	strcpy(message->name, "stored");
	for (char *line = strtok_r(text, "\n", &rest); line != NULL;
			line = strtok_r(NULL, "\n", &rest)) {
		if (strcmp(line, "FDSTORE=1") == 0)
			message->store = true;
		else if (strcmp(line, "FDSTOREREMOVE=1") == 0)
			message->remove = true;
		else if (strncmp(line, "FDNAME=", 7) == 0)
			snprintf(message->name, sizeof(message->name), "%s", line + 7);
	}
}

/* @return number of descriptors received. @param from  Out: the sender. */
static size_t
take_control(struct msghdr *msg, int fds[MAX_PER_MESSAGE], struct ucred *from)
{
	size_t nb = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS)
			memcpy(from, CMSG_DATA(c), sizeof(*from));
		if (c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++, nb++)
			memcpy(&fds[nb], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return nb;
}

/* Handle one message. @return false: there is none. */
static bool
receive(void)
{
	union {
		char room[CMSG_SPACE(MAX_PER_MESSAGE * sizeof(int)) +
				CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	char text[1024];
	struct iovec iov = { text, sizeof(text) - 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	struct ucred from = { .pid = 0 };
	int fds[MAX_PER_MESSAGE];
	struct message message;
	ssize_t len;
	size_t nb;

	len = recvmsg(notify_fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (len < 0)
		return errno == EINTR;
	text[len] = '\0';
	nb = take_control(&msg, fds, &from);
	parse(text, &message);
	/* Pid 0 is a process outside of our PID namespace. */
	if (child == 0 || from.pid != child || (from.uid != 0 && from.uid != geteuid()))
		memset(&message, 0, sizeof(message));
	if (message.remove)
		forget(message.name);
	for (size_t i = 0; i < nb; i++) {
		if (message.store)
			keep(message.name, fds[i]);
		else
			close(fds[i]); /* closing the descriptor of a barrier is its answer */
	}
	return true;
}

/* A descriptor may block its last close, and a queue may be full: nobody else may send. */
static int
notify_folder_create(void)
{
	static const char *const parents[] = { "/run", "/tmp" };

	for (size_t i = 0; i < sizeof(parents) / sizeof(parents[0]); i++) {
		snprintf(notify_folder, sizeof(notify_folder), "%s/vsrd-keeper.XXXXXX", parents[i]);
		if (mkdtemp(notify_folder) != NULL)
			return 0;
	}
	notify_folder[0] = '\0';
	return -errno;
}

static void
notify_remove(void)
{
	unlink(notify_name);
	rmdir(notify_folder);
}

static int
notify_open(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int on = 1;
	int ret = notify_folder_create();

	if (ret != 0)
		return ret;
	snprintf(notify_name, sizeof(notify_name), "%s/notify", notify_folder);
	strcpy(addr.sun_path, notify_name);
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (notify_fd < 0 || bind(notify_fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
			setsockopt(notify_fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0) {
		ret = -errno;
		notify_remove();
	}
	return ret;
}

/* ---------------------------------------------------------------- the child */

/* In the child: the kept descriptors become 3 and up, as the environment tells the command. */
static void
hand_over(void)
{
	char names[MAX_KEPT * sizeof(kept->name)] = "", number[16];
	int high[MAX_KEPT];

	/* Duplicate them first to numbers that do not collide with the final ones. */
	for (size_t i = 0; i < nb_kept; i++)
		high[i] = fcntl(kept[i].fd, F_DUPFD_CLOEXEC, FIRST_FD + MAX_KEPT);
	for (size_t i = 0; i < nb_kept; i++) {
		if (dup2(high[i], FIRST_FD + (int)i) < 0)
			_exit(126);
		if (i != 0)
			strcat(names, ":");
		strcat(names, kept[i].name);
	}
	snprintf(number, sizeof(number), "%zu", nb_kept);
	setenv("LISTEN_FDS", number, 1);
	setenv("LISTEN_FDNAMES", names, 1);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
	setenv("NOTIFY_SOCKET", notify_name, 1);
}

static void
start_child(char **command)
{
	sigset_t none;

	child = fork();
	if (child > 0)
		return;
	if (child < 0) {
		child = 0;
		print_line("cannot start a process: ", strerror(errno));
		return;
	}
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	/* A kept descriptor takes the number of the log. */
	log_place = (struct base_log){ .fd = STDERR_FILENO, .blocks = true };
	hand_over();
	execvp(command[0], command);
	print_line("cannot run ", command[0]);
	_exit(127);
}

/* Handle one message or signal; wait for it at most limit_ms (-1: no limit). */
static void
handle_event(long long limit_ms)
{
	struct pollfd wait[2] = { { .fd = notify_fd, .events = POLLIN },
		{ .fd = signal_fd, .events = POLLIN } };
	struct signalfd_siginfo info;

	if (poll(wait, 2, limit_ms < 0 ? -1 : (int)limit_ms) <= 0)
		return;
	if (wait[0].revents != 0)
		receive();
	if (wait[1].revents == 0 || read(signal_fd, &info, sizeof(info)) != sizeof(info))
		return;
	if (info.ssi_signo == SIGTERM || info.ssi_signo == SIGINT)
		stopping = true;
	if (info.ssi_signo != SIGCHLD && child > 0)
		kill(child, SIGTERM);
}

/* Serve the child until it ends and its last message is handled. @return its wait status. */
static int
serve_child(void)
{
	long long limit = -1;
	siginfo_t ended = { .si_pid = 0 };
	int status = SIGKILL;

	/* Its pid stays taken until its last message is handled. */
	while (waitid(P_PID, (id_t)child, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
			ended.si_pid == 0) {
		if (stopping && limit < 0)
			limit = base_now_ms() + STOP_MS;
		if (limit >= 0 && base_now_ms() >= limit)
			kill(child, SIGKILL);
		if (limit >= 0 && base_now_ms() >= limit + KILL_MS)
			break;
		handle_event(limit < 0 ? -1 : limit > base_now_ms() ? limit - base_now_ms() : 100);
	}
	while (receive())
		continue;
	waitpid(child, &status, WNOHANG);
	child = 0;
	return status;
}

static void
wait_ms(long long ms)
{
	const long long end = base_now_ms() + ms;

	while (!stopping && base_now_ms() < end)
		handle_event(end - base_now_ms());
}

static int
run(char **command)
{
	long long pause = 100;
	bool first = true;

	while (!stopping) {
		const long long started = base_now_ms();
		char text[64];
		int status;

		start_child(command);
		if (child == 0) {
			wait_ms(1000);
			continue;
		}
		status = serve_child();
		/* The first run failed before it stored anything: do not try again. */
		if (first && WIFEXITED(status) && WEXITSTATUS(status) != 0 && nb_kept == 0)
			return WEXITSTATUS(status);
		first = false;
		if (stopping)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
		pause = base_now_ms() - started >= SHORT_RUN_MS ? 100 :
				pause < 5000                    ? 2 * pause :
								  pause;
		snprintf(text, sizeof(text), "%s %d, %zu descriptors kept; starting it again",
				WIFEXITED(status) ? "with code" : "by signal",
				WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
				nb_kept);
		print_line("the command ended ", text);
		wait_ms(pause);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	sigset_t signals;
	int ret;

	base_log_open(&log_place, STDERR_FILENO);
	/* The reader of the log may end before the keeper. */
	signal(SIGPIPE, SIG_IGN);
	if (argc < 2 || argv[1][0] == '-') {
		printf("usage: vsrd-keeper COMMAND [ARGUMENTS]\n"
		       "Run vsrd, keep the descriptors it stores, start it again when it ends.\n");
		return argc == 2 && strcmp(argv[1], "--help") == 0 ? 0 : 2;
	}
	sigemptyset(&signals);
	sigaddset(&signals, SIGCHLD);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	sigprocmask(SIG_BLOCK, &signals, NULL);
	signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
	ret = signal_fd < 0 ? -errno : notify_open();
	if (ret != 0) {
		print_line("cannot start: ", strerror(-ret));
		return 1;
	}
	ret = run(argv + 1);
	notify_remove();
	return ret;
}
