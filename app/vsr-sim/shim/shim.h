/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef SHIM_H
#define SHIM_H

/**
 * @file
 * libvsr_vfio.so, preloaded into programs by `vsr-sim run`: makes /dev/vfio of the simulated
 * kernel appear in them. It holds no state that matters: every request goes to vsr-sim.
 *
 *   shim_wrap.c    the functions of libc that it stands in front of
 *   shim_signal.c  those that could take or block SIGSEGV
 *   shim_vfio.c    ioctl, pread and pwrite on VFIO descriptors
 *   shim_dma.c     memory of the program as files and offsets
 *   shim_trap.c    registers: loads and stores that fault
 *   shim_decode.c  the instructions that do them
 *   shim_copy.c    memory of the program that may not be mapped
 *   shim_maps.c    reads /proc/self/maps
 *   shim_conn.c    requests to vsr-sim, and which descriptors are its files
 *
 * Threads: any, signal handlers included where a function says so.
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

/** A request with all that goes and comes beside it. */
struct shim_call {
	struct host_request req; /**< data_len is filled in. */
	const void *data; /**< Behind the request. */
	size_t data_len;
	const int *fds; /**< Sent along. */
	unsigned int nb_fds;
	struct host_reply rep;
	void *out; /**< Where data behind the reply goes, at most out_max bytes; may be NULL. */
	size_t out_max;
	int fd; /**< Descriptor that came, or -1; closed on exec. */
};

struct shim_conn;
extern struct shim_conn shim_control; /**< For all but traps. */
extern struct shim_conn shim_trap; /**< Never held while code of the program runs. */

/**
 * A lock that holds the process id of its owner, so that it does not stay locked in a child by
 * fork whose parent's other thread held it.
 */
void shim_lock(_Atomic pid_t *owner);
void shim_unlock(_Atomic pid_t *owner);

/** Whether this process is to see the simulated host at all. */
bool shim_active(void);

/**
 * Make one request and wait for the answer (bounded). Usable in a signal handler; keeps errno.
 * Signals that are not faults wait meanwhile.
 * @return the reply's ret, or -ENODEV when vsr-sim cannot be reached (said once on stderr).
 */
int shim_request(struct shim_conn *conn, struct shim_call *call);

/** A file of the simulated host that this process has met. */
struct shim_file {
	ino_t ino; /**< 0: end of the table. */
	int kind; /**< enum host_kind. */
	uint64_t region_size[6]; /**< Of a device. */
};
enum { SHIM_CONTAINER = 1, SHIM_GROUP, SHIM_DEVICE }; /* As enum host_kind. */

/**
 * What a descriptor is: its kind, with *ino; 0 when it is none of ours. Asks vsr-sim about a
 * memory file it has not seen yet.
 */
int shim_fd_kind(int fd, ino_t *ino);
/** The same of a file that may be another process's. */
int shim_file_kind(const struct stat *st);
/** Process that plays the kernel, 0 before the first request. */
pid_t shim_host_pid(void);
/** Number i of the device files met, false past the end. Usable in a signal handler. */
bool shim_device_at(unsigned int i, struct shim_file *out);
/** Where memory files live. */
dev_t shim_mem_dev(void);

/** One line on stderr, with the name of the library before it. Usable in a signal handler. */
void shim_say(const char *text);

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
/** Call fn for every mapping by address. Usable in a signal handler. 0 or -errno. */
int shim_maps(shim_map_fn fn, void *arg);
/** "/proc/self/map_files/START-END" of a mapping; usable in a signal handler. */
#define SHIM_MAP_PATH 64
void shim_map_path(const struct shim_map *map, char path[SHIM_MAP_PATH]);

/* ---------------------------------------------------------------- shim_copy.c */

/** Copy from and to memory of the program that may not be there: 0 or -EFAULT. */
int shim_copy_in(void *to, uintptr_t from, size_t len);
int shim_copy_out(uintptr_t to, const void *from, size_t len);

/* ---------------------------------------------------------------- shim_vfio.c, shim_dma.c */

/* All: the result as the system call has it, or -errno. */
int shim_open(const char *path, int flags);
int shim_ioctl(int kind, ino_t ino, unsigned long cmd, uintptr_t arg);
ssize_t shim_pread(ino_t ino, void *buf, size_t len, off_t offset);
ssize_t shim_pwrite(ino_t ino, const void *buf, size_t len, off_t offset);
int shim_dma_map(ino_t ino, uintptr_t arg);

/* ---------------------------------------------------------------- shim_trap.c, shim_signal.c */

/**
 * A fault: perform it as a register access, if it is one.
 * @return whether the program can go on.
 */
bool shim_trap_handle(const void *siginfo, void *ucontext);

#endif /* SHIM_H */
