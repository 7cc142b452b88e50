/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Requests to vsr-sim, and the table of its files that this process has met.
 *
 * All functions may run in a signal handler: system calls and atomics only.
 *
 * vsr-sim executes the requests of one connection one after the other, and some take as long as a
 * device needs. So a process has several connections, and a thread takes one that is free.
 *
 * A connection belongs to one process. A child process inherits the descriptor of its parent by
 * fork, but must not take its replies: the process id differs, so the child makes a connection of
 * its own. A program that closes descriptors which it did not open may close a connection: the
 * inode is compared before each use, so that a file which got the same number is left alone.
 */

#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "shim.h"

#define TIMEOUT_S 10
#define MAX_CONNS 16 /* Per process and way. */
#define MAX_FILES 512
#define MAX_OTHERS 64

struct shim_conn {
	_Atomic pid_t owner; /* Process that holds the lock; 0: free. */
	pid_t pid; /* Process that made the connection. */
	int fd;
	ino_t ino;
};

static struct shim_conn conns[SHIM_NB_WAYS][MAX_CONNS] = {
	[0 ... SHIM_NB_WAYS - 1] = { [0 ... MAX_CONNS - 1] = { .fd = -1 } },
};

static struct sockaddr_un host_addr;
static dev_t mem_dev;
static atomic_bool gone_logged;
static _Atomic pid_t host_pid;

bool
shim_active(void)
{
	return host_addr.sun_path[0] != '\0';
}

dev_t
shim_mem_dev(void)
{
	return mem_dev;
}

void
shim_log(const char *text)
{
	static const char name[] = "libvsr_vfio: ";
	char line[256];
	size_t len = strlen(text);

	memcpy(line, name, sizeof(name));
	if (len > sizeof(line) - sizeof(name))
		len = sizeof(line) - sizeof(name);
	/* NOLINTNEXTLINE(bugprone-not-null-terminated-result): a newline ends the line. */
	memcpy(line + sizeof(name) - 1, text, len);
	line[sizeof(name) - 1 + len] = '\n';
	syscall(SYS_write, STDERR_FILENO, line, sizeof(name) + len);
}

__attribute__((constructor(101))) static void
conn_init(void)
{
	const char *path = getenv("VSR_SIM_HOST");
	struct stat st;
	int fd;

	if (path == NULL || path[0] == '\0')
		return;
	if (strlen(path) >= sizeof(host_addr.sun_path)) {
		shim_log("the path in VSR_SIM_HOST is too long for a socket: no simulated host");
		return;
	}
	/* All memory files of a machine have the same device number. */
	fd = memfd_create("vsr-probe", MFD_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) != 0) {
		shim_log("memfd_create() does not work here: no simulated host");
		return;
	}
	close(fd);
	mem_dev = st.st_dev;
	host_addr.sun_family = AF_UNIX;
	strcpy(host_addr.sun_path, path);
}

/* ---------------------------------------------------------------- the lock */

static atomic_uint nb_waiting; /* Threads that wait for any lock. */

static void
futex(_Atomic pid_t *owner, int op, int value)
{
	syscall(SYS_futex, owner, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

static bool
try_lock(_Atomic pid_t *owner, pid_t pid)
{
	pid_t seen = 0;

	if (atomic_compare_exchange_strong(owner, &seen, pid))
		return true;
	/* A thread of the parent held the lock at fork: none of this process will release it. */
	return seen != pid && atomic_compare_exchange_strong(owner, &seen, pid);
}

static void
wait_lock(_Atomic pid_t *owner)
{
	const pid_t pid = syscall(SYS_getpid);

	if (try_lock(owner, pid))
		return;
	atomic_fetch_add(&nb_waiting, 1);
	while (!try_lock(owner, pid))
		futex(owner, FUTEX_WAIT, pid);
	atomic_fetch_sub(&nb_waiting, 1);
}

static void
let_lock(_Atomic pid_t *owner)
{
	atomic_store(owner, 0);
	if (atomic_load(&nb_waiting) != 0)
		futex(owner, FUTEX_WAKE, 1);
}

/* Block all signals except faults. @return those that were blocked before. */
static uint64_t
signals_block(void)
{
	/* A signal set of the kernel. */
	const uint64_t faults = UINT64_C(1) << (SIGSEGV - 1) | UINT64_C(1) << (SIGBUS - 1) |
			UINT64_C(1) << (SIGILL - 1) | UINT64_C(1) << (SIGFPE - 1);
	const uint64_t others = ~faults;
	uint64_t old;

	syscall(SYS_rt_sigprocmask, SIG_BLOCK, &others, &old, sizeof(old));
	return old;
}

static void
signals_restore(uint64_t old)
{
	syscall(SYS_rt_sigprocmask, SIG_SETMASK, &old, NULL, sizeof(old));
}

uint64_t
shim_lock(_Atomic pid_t *owner)
{
	const uint64_t old = signals_block();

	wait_lock(owner);
	return old;
}

void
shim_unlock(_Atomic pid_t *owner, uint64_t signals)
{
	let_lock(owner);
	signals_restore(signals);
}

/* Lock a connection, with signals blocked: one that is free if there is any. The first ones come
 * first: a connection is made when it is used. */
static struct shim_conn *
conn_lock(enum shim_way way, pid_t pid)
{
	static atomic_uint turn;
	const unsigned int nb = way == SHIM_DMA ? 1 : MAX_CONNS;
	struct shim_conn *conn;

	for (unsigned int i = 0; i < nb; i++)
		if (try_lock(&conns[way][i].owner, pid))
			return &conns[way][i];
	conn = &conns[way][atomic_fetch_add(&turn, 1) % nb];
	wait_lock(&conn->owner);
	return conn;
}

/* ---------------------------------------------------------------- the socket */

static bool
conn_is_ours(const struct shim_conn *conn)
{
	struct stat st;

	return conn->fd >= 0 && fstat(conn->fd, &st) == 0 && S_ISSOCK(st.st_mode) &&
			st.st_ino == conn->ino;
}

static void
conn_drop(struct shim_conn *conn)
{
	if (conn_is_ours(conn))
		syscall(SYS_close, conn->fd);
	conn->fd = -1;
}

static int
send_request(struct shim_conn *conn, struct shim_call *call)
{
	union {
		char room[CMSG_SPACE(HOST_PROTO_FDS * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov[2] = { { &call->req, sizeof(call->req) },
		{ (void *)(uintptr_t)call->data, call->data_len } };
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	call->req.data_len = call->data_len;
	if (call->nb_fds != 0) {
		memset(&control, 0, sizeof(control));
		control.align.cmsg_level = SOL_SOCKET;
		control.align.cmsg_type = SCM_RIGHTS;
		control.align.cmsg_len = CMSG_LEN(call->nb_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.align), call->fds, call->nb_fds * sizeof(int));
		msg.msg_control = control.room;
		msg.msg_controllen = CMSG_SPACE(call->nb_fds * sizeof(int));
	}
	while (syscall(SYS_sendmsg, conn->fd, &msg, MSG_NOSIGNAL) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

static int
receive_reply(struct shim_conn *conn, struct shim_call *call)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov[2] = { { &call->rep, sizeof(call->rep) }, { call->out, call->out_max } };
	struct msghdr msg = { .msg_iov = iov,
		.msg_iovlen = 2,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	ssize_t len;

	do {
		len = syscall(SYS_recvmsg, conn->fd, &msg, MSG_CMSG_CLOEXEC);
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	if (len > 0 && msg.msg_controllen >= CMSG_LEN(sizeof(int)) &&
			control.align.cmsg_type == SCM_RIGHTS)
		memcpy(&call->fd, CMSG_DATA(&control.align), sizeof(int));
	if ((size_t)len < sizeof(call->rep) || (msg.msg_flags & MSG_TRUNC) != 0 ||
			call->rep.data_len != (size_t)len - sizeof(call->rep)) {
		if (call->fd >= 0)
			syscall(SYS_close, call->fd);
		call->fd = -1;
		return len == 0 ? -ECONNRESET : -EPROTO;
	}
	return 0;
}

static int
conn_open(struct shim_conn *conn, pid_t pid)
{
	const struct timeval limit = { .tv_sec = TIMEOUT_S };
	struct shim_call hello = { .req = { .op = HOST_OP_HELLO, .arg = { HOST_PROTO_VERSION } },
		.fd = -1 };
	struct stat st;

	conn_drop(conn);
	conn->pid = pid;
	conn->fd = syscall(SYS_socket, AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (conn->fd < 0)
		return -errno;
	fstat(conn->fd, &st);
	conn->ino = st.st_ino;
	syscall(SYS_setsockopt, conn->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	syscall(SYS_setsockopt, conn->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (syscall(SYS_connect, conn->fd, &host_addr, sizeof(host_addr)) != 0)
		return -errno;
	if (send_request(conn, &hello) != 0 || receive_reply(conn, &hello) != 0)
		return -ECONNRESET;
	atomic_store(&host_pid, (pid_t)hello.rep.arg[1]);
	return hello.rep.ret;
}

/* A bad descriptor is a mistake of the program, and does not end the connection. */
static bool
is_bad_fd(int ret)
{
	return ret == -EBADF || ret == -ETOOMANYREFS;
}

static int
exchange(struct shim_conn *conn, struct shim_call *call)
{
	const pid_t pid = syscall(SYS_getpid);
	int ret;

	for (unsigned int tries = 0;; tries++) {
		call->fd = -1;
		if (conn->pid != pid || !conn_is_ours(conn)) {
			ret = conn_open(conn, pid);
			if (ret != 0)
				break;
		}
		ret = send_request(conn, call);
		if (ret == 0)
			ret = receive_reply(conn, call);
		else if (is_bad_fd(ret))
			return ret;
		else if (tries == 0) {
			/* The request was not sent: try again, in case vsr-sim was restarted. */
			conn_drop(conn);
			continue;
		}
		break;
	}
	if (ret == 0)
		return call->rep.ret;
	conn_drop(conn);
	if (!atomic_exchange(&gone_logged, true))
		shim_log(ret == -ETIMEDOUT || ret == -EAGAIN ?
						"vsr-sim does not answer: the simulated functions are lost" :
						"vsr-sim is gone: the simulated functions are lost");
	return -ENODEV;
}

int
shim_request(enum shim_way way, struct shim_call *call)
{
	const int saved = errno;
	struct shim_conn *conn;
	uint64_t old;
	int ret;

	call->fd = -1;
	if (!shim_active())
		return -ENODEV;
	old = signals_block();
	conn = conn_lock(way, syscall(SYS_getpid));
	ret = exchange(conn, call);
	let_lock(&conn->owner);
	signals_restore(old);
	errno = saved;
	return ret;
}

/* ---------------------------------------------------------------- files */

/* Writers hold files_owner and write ino last. A reader uses an entry whose ino matches. */
static struct {
	_Atomic ino_t ino;
	atomic_int kind;
	_Atomic uint64_t region_size[6];
} files[MAX_FILES];
static _Atomic ino_t others[MAX_OTHERS]; /* Memory files that are not of the simulated host. */
static _Atomic pid_t files_owner;

static int
files_find(ino_t ino)
{
	for (unsigned int i = 0; i < MAX_FILES; i++)
		if (atomic_load(&files[i].ino) == ino)
			return i;
	return -1;
}

static void
files_add(ino_t ino, const struct host_reply *rep)
{
	const uint64_t signals = shim_lock(&files_owner);
	static unsigned int at;
	unsigned int i;

	if (files_find(ino) < 0) {
		i = at++ % MAX_FILES; /* Full: replace the oldest entry. */
		atomic_store(&files[i].ino, 0);
		atomic_store(&files[i].kind, rep->ret);
		for (unsigned int r = 0; r < 6; r++)
			atomic_store(&files[i].region_size[r], rep->arg[r]);
		atomic_store(&files[i].ino, ino);
	}
	shim_unlock(&files_owner, signals);
}

int
shim_file_kind(const struct stat *st)
{
	struct shim_call call = { .req.op = HOST_OP_LOOKUP };
	int at, ret;

	if (!shim_active() || st->st_dev != mem_dev || !S_ISREG(st->st_mode))
		return 0;
	at = files_find(st->st_ino);
	if (at >= 0)
		return atomic_load(&files[at].kind);
	for (unsigned int i = 0; i < MAX_OTHERS; i++)
		if (atomic_load(&others[i]) == st->st_ino)
			return 0;
	call.req.ino = st->st_ino;
	ret = shim_request(SHIM_CONTROL, &call);
	if (ret < 0)
		return 0;
	if (ret == 0)
		atomic_store(&others[st->st_ino % MAX_OTHERS], st->st_ino);
	else
		files_add(st->st_ino, &call.rep);
	return ret;
}

int
shim_fd_kind(int fd, ino_t *ino)
{
	const int saved = errno;
	struct stat st;
	int ret;

	if (!shim_active())
		return 0;
	ret = fstat(fd, &st);
	errno = saved;
	if (ret != 0)
		return 0;
	*ino = st.st_ino;
	return shim_file_kind(&st);
}

pid_t
shim_host_pid(void)
{
	return atomic_load(&host_pid);
}

bool
shim_device_at(unsigned int i, struct shim_file *out)
{
	for (unsigned int at = 0; at < MAX_FILES; at++) {
		const ino_t ino = atomic_load(&files[at].ino);

		if (ino == 0 || atomic_load(&files[at].kind) != SHIM_DEVICE || i-- != 0)
			continue;
		out->ino = ino;
		out->kind = SHIM_DEVICE;
		for (unsigned int r = 0; r < 6; r++)
			out->region_size[r] = atomic_load(&files[at].region_size[r]);
		return true;
	}
	return false;
}
