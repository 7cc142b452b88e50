/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef SHIM_H
#define SHIM_H

/**
 * @file
 * libvsr_vfio.so, which `vsr-sim run` preloads into programs: shows them /dev/vfio of the simulated
 * host. The state is in vsr-sim: the preload sends it every request.
 *
 *   shim_wrap.c    functions of libc that the preload replaces
 *   shim_signal.c  of these, the functions that set or block SIGSEGV
 *   shim_vfio.c    open, ioctl, pread and pwrite on VFIO files
 *   shim_dma.c     memory of the program as files and offsets
 *   shim_trap.c    registers: loads and stores that fault
 *   shim_decode.c  instructions of such loads and stores
 *   shim_copy.c    copies from and to memory of the program
 *   shim_maps.c    reader of /proc/self/maps
 *   shim_conn.c    requests to vsr-sim, and its files that this process has met
 *
 * Threads: any. A function is usable in a signal handler only if its comment says so.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "../host/host_proto.h"

#define SHIM_PUBLIC __attribute__((visibility("default")))

/* ---------------------------------------------------------------- shim_conn.c */

/** A request and its reply, with their data and descriptors. */
struct shim_call {
	struct host_request req; /**< data_len is set by shim_request(). */
	const void *data; /**< Sent after the request. */
	size_t data_len;
	const int *fds; /**< Descriptors to send. */
	unsigned int nb_fds;
	struct host_reply rep;
	void *out; /**< Data of the reply, at most out_max bytes; may be NULL. */
	size_t out_max;
	int fd; /**< Descriptor of the reply, closed on exec; -1: none. */
};

/** Connections to vsr-sim, by use. */
enum shim_way {
	SHIM_CONTROL, /**< For all requests other than these: */
	SHIM_DMA, /**< Maps, whose pieces go through one connection, under a lock of the caller. */
	SHIM_TRAP, /**< Traps: never locked while code of the program runs. */
	SHIM_NB_WAYS,
};

/**
 * A lock that contains the process id of its owner; who waits for it sleeps. After fork, the child
 * can take a lock that another thread of the parent held. Signals other than faults are blocked
 * while it is held: a handler that takes the lock too would wait for the code that it interrupts.
 * @return the signals that were blocked before, for shim_unlock().
 */
uint64_t shim_lock(_Atomic pid_t *owner);
void shim_unlock(_Atomic pid_t *owner, uint64_t signals);

/** Whether this process uses the simulated host. */
bool shim_active(void);

/**
 * Send a request and wait for the reply, with a timeout. Usable in a signal handler; keeps errno.
 * Signals other than faults are blocked meanwhile.
 * @return ret of the reply, or -ENODEV: vsr-sim cannot be reached (logged once to stderr).
 */
int shim_request(enum shim_way way, struct shim_call *call);

/** A file of the simulated host that this process has used. */
struct shim_file {
	ino_t ino; /**< 0: free entry. */
	int kind; /**< enum host_kind. */
	uint64_t region_size[6]; /**< Of a device, regions 0..5. */
};
enum { SHIM_CONTAINER = 1, SHIM_GROUP, SHIM_DEVICE }; /* As enum host_kind. */

/**
 * Kind of the VFIO file of a descriptor, with its inode in *ino; 0: not a VFIO file. Sends a
 * request about a memory file that is not known yet.
 */
int shim_fd_kind(int fd, ino_t *ino);
/** The same for a file that another process may have open. */
int shim_file_kind(const struct stat *st);
/** Process id of vsr-sim; 0 before the first request. */
pid_t shim_host_pid(void);
/** Device file number i that this process has used; false: no more. Usable in a signal handler. */
bool shim_device_at(unsigned int i, struct shim_file *out);
/** Device number of memory files. */
dev_t shim_mem_dev(void);

/** Write a line to stderr, after the name of the library. Usable in a signal handler. */
void shim_log(const char *text);

/* ---------------------------------------------------------------- shim_maps.c */

/** One line of /proc/self/maps. */
struct shim_map {
	uint64_t start, end, offset;
	dev_t dev;
	ino_t ino;
	bool readable, writable, executable, shared;
};
/** @return false to stop. */
typedef bool (*shim_map_fn)(const struct shim_map *map, void *arg);
/**
 * Call fn for every mapping, sorted by address. Usable in a signal handler. @return 0 or -errno.
 */
int shim_maps(shim_map_fn fn, void *arg);
/** "/proc/self/map_files/START-END" of a mapping. Usable in a signal handler. */
#define SHIM_MAP_PATH 64
void shim_map_path(const struct shim_map *map, char path[SHIM_MAP_PATH]);

/* ---------------------------------------------------------------- shim_copy.c */

/** Copy from and to memory of the program that may not be mapped. @return 0 or -EFAULT. */
int shim_copy_in(void *to, uintptr_t from, size_t len);
int shim_copy_out(uintptr_t to, const void *from, size_t len);

/* ---------------------------------------------------------------- shim_vfio.c, shim_dma.c */

/* Each returns the result of the system call, or -errno. */
int shim_open(const char *path, int flags);
int shim_ioctl(int kind, ino_t ino, unsigned long cmd, uintptr_t arg);
ssize_t shim_pread(ino_t ino, void *buf, size_t len, off_t offset);
ssize_t shim_pwrite(ino_t ino, const void *buf, size_t len, off_t offset);
int shim_dma_map(ino_t ino, uintptr_t user);

/* ---------------------------------------------------------------- shim_trap.c, shim_signal.c */

/**
 * Execute the instruction that faulted, if it accesses a register.
 * @return whether it did: the program continues after the instruction.
 */
bool shim_trap_handle(const void *siginfo, void *ucontext);

#endif /* SHIM_H */
