/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * A program for test_shim that uses VFIO through libc, like any program; it has no code for the
 * preload. The first argument names its role. The exit code is 0 if all checks passed; a check that
 * fails ends the program and prints its line.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define PF "0000:01:00.0"
#define REG_COUNT 0x900
#define REG_PLAIN 0x980
#define BAR_OFFSET (4ull << 40)
#define DOORBELLS 0x1000

#define CHECK(cond)                                                                              \
	do {                                                                                     \
		if (!(cond)) {                                                                   \
			fprintf(stderr, "shim_child: line %d: %s (errno %s)\n", __LINE__, #cond, \
					strerror(errno));                                        \
			_exit(100);                                                              \
		}                                                                                \
	} while (0)

static struct {
	int container, group, device;
	uint8_t *bar;
	size_t size;
} dev;

/* As DPDK does: reserve the whole BAR, and map the part after the MSI-X page. */
static void
map_bar(void)
{
	struct vfio_region_info info = { .argsz = sizeof(info), .index = 4 };

	CHECK(ioctl(dev.device, VFIO_DEVICE_GET_REGION_INFO, &info) == 0);
	CHECK(info.offset == BAR_OFFSET);
	dev.size = info.size;
	dev.bar = mmap(NULL, info.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(dev.bar != MAP_FAILED);
	CHECK(mmap(dev.bar + DOORBELLS, info.size - DOORBELLS, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_FIXED, dev.device,
			      info.offset + DOORBELLS) != MAP_FAILED);
}

static void
open_device(void)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	char path[64];

	dev.container = open("/dev/vfio/vfio", O_RDWR);
	CHECK(dev.container >= 0);
	CHECK((fcntl(dev.container, F_GETFD) & FD_CLOEXEC) == 0);
	CHECK(ioctl(dev.container, VFIO_GET_API_VERSION) == VFIO_API_VERSION);
	snprintf(path, sizeof(path), "/dev/vfio/%s", getenv("TEST_GROUP"));
	dev.group = open(path, O_RDWR | O_CLOEXEC);
	CHECK(dev.group >= 0);
	CHECK((fcntl(dev.group, F_GETFD) & FD_CLOEXEC) != 0);
	CHECK(open(path, O_RDWR) < 0 && errno == EBUSY);
	CHECK(ioctl(dev.group, VFIO_GROUP_GET_STATUS, &status) == 0);
	CHECK(ioctl(dev.group, VFIO_GROUP_SET_CONTAINER, &dev.container) == 0);
	CHECK(ioctl(dev.container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU) == 0);
	dev.device = ioctl(dev.group, VFIO_GROUP_GET_DEVICE_FD, PF);
	CHECK(dev.device >= 0);
	map_bar();
}

static volatile uint32_t *
reg32(size_t offset)
{
	return (volatile uint32_t *)(void *)(dev.bar + offset);
}

/* ---------------------------------------------------------------- registers */

#define STORE(insn, value) __asm__ volatile(insn : : "r"(at), "a"((uint64_t)(value)) : "memory")
#define LOAD(insn)                                                        \
	({                                                                \
		uint64_t out_ = 0x1122334455667788;                       \
		__asm__ volatile(insn : "+a"(out_) : "r"(at) : "memory"); \
		out_;                                                     \
	})

static void
registers(void)
{
	uint8_t *at = dev.bar + REG_PLAIN;
	uint64_t flags;
	uint8_t back[16];

	STORE("mov %%rax, (%0)", 0xa1a2a3a4a5a6a7a8);
	CHECK(pread(dev.device, back, 8, BAR_OFFSET + REG_PLAIN) == 8);
	CHECK(memcmp(back, "\xa8\xa7\xa6\xa5\xa4\xa3\xa2\xa1", 8) == 0);
	CHECK(LOAD("mov (%1), %%rax") == 0xa1a2a3a4a5a6a7a8);
	CHECK(LOAD("mov (%1), %%eax") == 0x00000000a5a6a7a8);
	CHECK(LOAD("mov (%1), %%ax") == 0x112233445566a7a8);
	CHECK(LOAD("mov (%1), %%al") == 0x11223344556677a8);
	CHECK(LOAD("mov (%1), %%ah") == 0x112233445566a888);
	CHECK(LOAD("movzbl (%1), %%eax") == 0xa8);
	CHECK(LOAD("movzwl (%1), %%eax") == 0xa7a8);
	CHECK(LOAD("movsbl (%1), %%eax") == 0xffffffa8);
	CHECK(LOAD("movswq (%1), %%rax") == 0xffffffffffffa7a8);
	CHECK(LOAD("movslq (%1), %%rax") == 0xffffffffa5a6a7a8);
	CHECK(LOAD("mov 4(%1), %%eax") == 0xa1a2a3a4);
	STORE("mov %%eax, (%0)", 0x01020304);
	CHECK(LOAD("mov (%1), %%rax") == 0xa1a2a3a401020304);
	STORE("mov %%ax, 2(%0)", 0x7172);
	STORE("mov %%al, 1(%0)", 0x63);
	STORE("mov %%ah, 4(%0)", 0x5500);
	CHECK(LOAD("mov (%1), %%rax") == 0xa1a2a35571726304);
	STORE("movb $0x0f, (%0)", 0);
	STORE("movw $0xffff, 2(%0)", 0);
	STORE("movl $0x80000001, 4(%0)", 0);
	CHECK(LOAD("mov (%1), %%rax") == 0x80000001ffff630f);
	STORE("movq $-2, (%0)", 0);
	CHECK(LOAD("mov (%1), %%rax") == (uint64_t)-2);
	__asm__ volatile("mov $0x77, %%r9d; mov %%r9d, 8(%0, %1, 4)"
			 :
			 : "r"(at), "r"((uint64_t)1)
			 : "r9", "memory");
	CHECK(*reg32(REG_PLAIN + 12) == 0x77);
	/* Instructions that compute with memory operands. */
	*reg32(REG_PLAIN) = 0x80;
	__asm__ volatile("orl $1, (%1); addl $2, (%1); mov (%1), %%eax\n"
			 "cmpl $0x83, (%1); sete %%al"
			 : "=&a"(flags)
			 : "r"(at)
			 : "cc", "memory");
	CHECK((flags & 0xff) == 1 && *reg32(REG_PLAIN) == 0x83);
	/* The MSI-X table cannot be accessed, the doorbells are memory. */
	CHECK(*reg32(0) == 0xffffffff);
	*reg32(DOORBELLS + 8) = 0x1234;
	CHECK(*reg32(DOORBELLS + 8) == 0x1234);
}

/* Each access of any thread reaches the device once. */
#define ROUNDS 1000

static void *
count(void *arg)
{
	uint32_t last = 0;

	for (unsigned int i = 0; i < ROUNDS; i++) {
		const uint32_t now = *reg32(REG_COUNT);

		CHECK(i == 0 || now > last);
		last = now;
	}
	return NULL;
}

static void
threads(void)
{
	pthread_t thread[3];

	for (unsigned int i = 0; i < 3; i++)
		CHECK(pthread_create(&thread[i], NULL, count, NULL) == 0);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(pthread_join(thread[i], NULL) == 0);
	CHECK(*reg32(REG_COUNT) == 3 * ROUNDS);
}

/* ---------------------------------------------------------------- signals */

static sigjmp_buf back_here;
static volatile sig_atomic_t hits;
static void *volatile fault_at;
static uint8_t *volatile nowhere = (uint8_t *)16;

static void
on_segv(int sig, siginfo_t *info, void *context)
{
	hits++;
	fault_at = info->si_addr;
	siglongjmp(back_here, 1);
}

static void
on_plain_segv(int sig)
{
	hits++;
	siglongjmp(back_here, 1);
}

static void
real_faults(void)
{
	struct sigaction act = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO }, old;
	uint8_t *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *none = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *const wrong[] = { nowhere, page + 5, none + 6 };

	CHECK(*reg32(REG_COUNT) == 0);
	CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGSEGV, &act, &old) == 0 && old.sa_handler == SIG_DFL);
	CHECK(sigaction(SIGSEGV, NULL, &old) == 0 && old.sa_sigaction == on_segv);
	for (unsigned int i = 0; i < 3; i++) {
		if (sigsetjmp(back_here, 1) == 0) {
			*(volatile uint8_t *)wrong[i] = 1;
			CHECK(!"reached");
		}
		CHECK(hits == (int)i + 1 && fault_at == wrong[i]);
		CHECK(*reg32(REG_COUNT) == i + 1);
	}
	/* The other functions that set a handler. */
	CHECK(signal(SIGSEGV, on_plain_segv) != SIG_ERR);
	if (sigsetjmp(back_here, 1) == 0)
		raise(SIGSEGV);
	CHECK(hits == 4);
	if (sigsetjmp(back_here, 1) == 0)
		*(volatile uint8_t *)wrong[0] = 1;
	CHECK(hits == 5 && *reg32(REG_COUNT) == 4);
	CHECK(signal(SIGSEGV, SIG_IGN) == on_plain_segv);
	raise(SIGSEGV);
	CHECK(signal(SIGSEGV, SIG_DFL) == SIG_IGN);
}

static void
blocked(void)
{
	pthread_t thread;
	sigset_t all, now;

	sigfillset(&all);
	CHECK(pthread_sigmask(SIG_SETMASK, &all, NULL) == 0);
	CHECK(*reg32(REG_COUNT) == 0);
	CHECK(sigprocmask(SIG_SETMASK, &all, NULL) == 0);
	CHECK(*reg32(REG_COUNT) == 1);
	CHECK(sigprocmask(SIG_BLOCK, &all, &now) == 0);
	CHECK(*reg32(REG_COUNT) == 2);
	CHECK(sigismember(&now, SIGSEGV) == 0 && sigismember(&now, SIGTERM) == 1);
	/* Also in a thread that inherits the signal mask. */
	CHECK(pthread_create(&thread, NULL, count, NULL) == 0);
	CHECK(pthread_join(thread, NULL) == 0);
	CHECK(*reg32(REG_COUNT) == 3 + ROUNDS);
}

static volatile sig_atomic_t alarms;

static void
on_alarm(int sig)
{
	alarms++;
	(void)*reg32(REG_PLAIN);
}

/* Signal handlers that access registers during requests of all kinds. */
static void
storm(void)
{
	const struct itimerval often = { { 0, 500 }, { 0, 500 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction act = { .sa_handler = on_alarm, .sa_flags = SA_RESTART };
	uint32_t value;

	sigfillset(&act.sa_mask);
	CHECK(sigaction(SIGALRM, &act, NULL) == 0);
	CHECK(setitimer(ITIMER_REAL, &often, NULL) == 0);
	for (unsigned int i = 0; i < 20000 && alarms < 200; i++) {
		CHECK(*reg32(REG_COUNT) == 2 * i);
		CHECK(pread(dev.device, &value, 4, BAR_OFFSET + REG_COUNT) == 4);
		CHECK(value == 2 * i + 1);
	}
	CHECK(setitimer(ITIMER_REAL, &never, NULL) == 0);
	CHECK(alarms > 0);
}

static void
die_real(void)
{
	(void)*reg32(REG_COUNT);
	*(volatile uint8_t *)nowhere = 1;
}

static void
die_unknown(void)
{
	__asm__ volatile("notl (%0)" : : "r"(dev.bar + REG_PLAIN) : "memory");
}

/* An address that was a BAR before is not a BAR any more. */
static void
die_stale(void)
{
	struct sigaction act = { .sa_sigaction = on_segv, .sa_flags = SA_SIGINFO };

	CHECK(*reg32(REG_COUNT) == 0);
	munmap(dev.bar, dev.size);
	CHECK(mmap(dev.bar, dev.size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) !=
			MAP_FAILED);
	CHECK(sigaction(SIGSEGV, &act, NULL) == 0);
	if (sigsetjmp(back_here, 1) == 0)
		(void)*reg32(REG_COUNT);
	CHECK(hits == 1 && fault_at == dev.bar + REG_COUNT);
	/* A BAR that is mapped again at another address works. */
	map_bar();
	CHECK(*reg32(REG_COUNT) == 1);
	CHECK(signal(SIGSEGV, SIG_DFL) != SIG_ERR);
	close(dev.device);
	munmap(dev.bar, dev.size);
	(void)*reg32(REG_COUNT);
}

/* ---------------------------------------------------------------- processes */

static void
forked(void)
{
	uint32_t seen = 0;
	int status;

	CHECK(*reg32(REG_COUNT) == 0);
	for (unsigned int i = 0; i < 3; i++) {
		pid_t child = fork();

		CHECK(child >= 0);
		if (child == 0) {
			for (unsigned int n = 0; n < 200; n++)
				(void)*reg32(REG_COUNT);
			_exit(dev.device >= 0 && pread(dev.device, &seen, 4, 7ull << 40) == 4 &&
									seen == 0x10411af4 ?
							0 :
							1);
		}
	}
	for (unsigned int n = 0; n < 200; n++)
		(void)*reg32(REG_COUNT);
	for (unsigned int i = 0; i < 3; i++)
		CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(*reg32(REG_COUNT) == 801);
}

static void
send_fd(int sock, int fd)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { .room = { 0 } };
	struct iovec iov = { "x", 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
	CHECK(sendmsg(sock, &msg, 0) == 1);
}

static int
receive_fd(int sock)
{
	union {
		char room[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr msg = { .msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.room,
		.msg_controllen = sizeof(control.room) };
	int fd;

	CHECK(recvmsg(sock, &msg, 0) == 1);
	memcpy(&fd, CMSG_DATA(&control.align), sizeof(fd));
	return fd;
}

/* Like a secondary process of DPDK: receive container and group by message, open the device. */
static void
second_program(void)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };

	dev.container = receive_fd(STDIN_FILENO);
	dev.group = receive_fd(STDIN_FILENO);
	CHECK(ioctl(dev.container, VFIO_CHECK_EXTENSION, VFIO_TYPE1_IOMMU) == 1);
	CHECK(ioctl(dev.group, VFIO_GROUP_GET_STATUS, &status) == 0);
	CHECK(status.flags == (VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET));
	dev.device = ioctl(dev.group, VFIO_GROUP_GET_DEVICE_FD, PF);
	CHECK(dev.device >= 0);
	map_bar();
	CHECK(*reg32(REG_COUNT) == 1);
	CHECK(*reg32(DOORBELLS) == 0x5151);
}

static void
secondary(char **argv)
{
	int sock[2], status;
	pid_t child;

	CHECK(*reg32(REG_COUNT) == 0);
	*reg32(DOORBELLS) = 0x5151;
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, sock) == 0);
	child = fork();
	if (child == 0) {
		dup2(sock[1], STDIN_FILENO);
		for (int fd = 3; fd < 200; fd++)
			close(fd);
		execl("/proc/self/exe", argv[0], "second_program", NULL);
		_exit(99);
	}
	send_fd(sock[0], dev.container);
	send_fd(sock[0], dev.group);
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
	CHECK(*reg32(REG_COUNT) == 2);
}

/* A program that closes unknown descriptors and gets the same numbers for its own files. */
static void
closed_fds(void)
{
	char text[8] = "";
	int pair[2];

	CHECK(*reg32(REG_COUNT) == 0);
	for (int fd = 3; fd < 200; fd++)
		close(fd);
	CHECK(*reg32(REG_COUNT) == 1);
	for (int fd = 3; fd < 200; fd++)
		close(fd);
	for (unsigned int i = 0; i < 20; i++)
		CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	CHECK(*reg32(REG_COUNT) == 2);
	CHECK(recv(pair[0], text, sizeof(text), MSG_DONTWAIT) < 0 && errno == EAGAIN);
	CHECK(recv(pair[1], text, sizeof(text), MSG_DONTWAIT) < 0 && errno == EAGAIN);
}

/* ---------------------------------------------------------------- files */

static void
files(void)
{
	struct vfio_group_status status = { .argsz = sizeof(status) };
	struct stat st;
	char name[] = "/tmp/shim-child-XXXXXX", text[4];
	int fd;

	CHECK(stat("/sys/module/vfio", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(stat("/sys/module/vfio_pci", &st) == 0 && S_ISDIR(st.st_mode));
	CHECK(stat("/dev/vfio/vfio", &st) == 0 && S_ISCHR(st.st_mode));
	CHECK(access("/dev/vfio/vfio", R_OK | W_OK) == 0);
	CHECK(stat("/dev/vfio/there-is-none", &st) < 0 && errno == ENOENT);
	CHECK(opendir("/dev/vfio") != NULL);
	CHECK(open("/dev/vfio/99", O_RDWR) < 0 && errno == ENOENT);
	CHECK(open("/dev/vfio/noiommu-0", O_RDWR) < 0 && errno == ENOENT);
	/* All other files behave as without the preload. */
	fd = mkstemp(name);
	CHECK(fd >= 0 && unlink(name) == 0);
	close(fd);
	umask(022);
	fd = open(name, O_CREAT | O_EXCL | O_RDWR, 0640);
	CHECK(fd >= 0 && fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0640);
	CHECK(pwrite(fd, "abcd", 4, 1ll << 40) == 4 && pread(fd, text, 4, 1ll << 40) == 4);
	CHECK(memcmp(text, "abcd", 4) == 0);
	CHECK(ioctl(fd, VFIO_DEVICE_RESET) < 0 && errno == ENOTTY);
	CHECK(pread(-1, text, 4, 0) < 0 && errno == EBADF);
	CHECK(ioctl(dev.device, VFIO_GROUP_GET_STATUS, &status) < 0 && errno == ENOTTY);
	CHECK(ioctl(dev.device, VFIO_DEVICE_GET_INFO, (void *)1) < 0 && errno == EFAULT);
	unlink(name);
}

static void
private_memory(void)
{
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map),
		.iova = 0x10000,
		.size = 4096,
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE };

	map.vaddr = (uintptr_t)mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	CHECK(ioctl(dev.container, VFIO_IOMMU_MAP_DMA, &map) < 0 && errno == EFAULT);
}

/* Tell the test that set-up is done, and wait for the test. */
static void
meet(void)
{
	char byte;

	CHECK(write(STDOUT_FILENO, "r", 1) == 1);
	CHECK(read(STDIN_FILENO, &byte, 1) == 1);
}

/* vsr-sim ends while the program runs. */
static void
host_gone(void)
{
	uint32_t value = 0;

	CHECK(*reg32(REG_COUNT) == 0);
	meet();
	CHECK(*reg32(REG_COUNT) == 0xffffffff);
	*reg32(REG_PLAIN) = 5;
	CHECK(*reg32(REG_PLAIN) == 0xffffffff);
	*reg32(DOORBELLS) = 1;
	CHECK(pread(dev.device, &value, 4, 7ull << 40) < 0 && errno == ENODEV);
	CHECK(ioctl(dev.device, VFIO_DEVICE_RESET) < 0 && errno == ENODEV);
	CHECK(open("/dev/vfio/vfio", O_RDWR) < 0 && errno == ENODEV);
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} roles[] = {
		{ "registers", registers },
		{ "threads", threads },
		{ "real_faults", real_faults },
		{ "blocked", blocked },
		{ "storm", storm },
		{ "die_real", die_real },
		{ "die_unknown", die_unknown },
		{ "die_stale", die_stale },
		{ "forked", forked },
		{ "closed_fds", closed_fds },
		{ "files", files },
		{ "private_memory", private_memory },
		{ "host_gone", host_gone },
	};

	if (argc == 2 && strcmp(argv[1], "second_program") == 0) {
		second_program();
		return 0;
	}
	open_device();
	if (argc == 2 && strcmp(argv[1], "secondary") == 0) {
		secondary(argv);
		return 0;
	}
	for (size_t i = 0; argc == 2 && i < sizeof(roles) / sizeof(roles[0]); i++) {
		if (strcmp(argv[1], roles[i].name) == 0) {
			roles[i].run();
			return 0;
		}
	}
	return 98;
}
