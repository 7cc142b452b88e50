/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The functions of libc that the preload replaces.
 *
 * Each function checks whether the call concerns VFIO, and calls the function of libc otherwise.
 * mmap(), close() and dup() need no replacement: VFIO descriptors are files of the real kernel.
 */

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shim.h"

/* The function of libc of that name, looked up once. */
#define REAL(name)                                                                \
	({                                                                        \
		static __typeof__(&name) real_##name;                             \
		if (real_##name == NULL)                                          \
			real_##name = (__typeof__(&name))dlsym(RTLD_NEXT, #name); \
		real_##name;                                                      \
	})

static ssize_t
result(ssize_t ret)
{
	if (ret >= 0)
		return ret;
	errno = -ret;
	return -1;
}

/* ---------------------------------------------------------------- open */

static bool
is_vfio_node(const char *path)
{
	return shim_active() && path != NULL && strncmp(path, "/dev/vfio/", 10) == 0;
}

static mode_t
take_mode(int flags, va_list args)
{
	return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg(args, mode_t) : 0;
}

#define WRAP_OPEN(name)                                        \
	SHIM_PUBLIC int name(const char *path, int flags, ...) \
	{                                                      \
		va_list args;                                  \
		mode_t mode;                                   \
                                                               \
		va_start(args, flags);                         \
		mode = take_mode(flags, args);                 \
		va_end(args);                                  \
		if (is_vfio_node(path))                        \
			return result(shim_open(path, flags)); \
		return REAL(name)(path, flags, mode);          \
	}

#define WRAP_OPENAT(name)                                               \
	SHIM_PUBLIC int name(int dir, const char *path, int flags, ...) \
	{                                                               \
		va_list args;                                           \
		mode_t mode;                                            \
                                                                        \
		va_start(args, flags);                                  \
		mode = take_mode(flags, args);                          \
		va_end(args);                                           \
		if (is_vfio_node(path))                                 \
			return result(shim_open(path, flags));          \
		return REAL(name)(dir, path, flags, mode);              \
	}

WRAP_OPEN(open)
WRAP_OPEN(open64)
WRAP_OPENAT(openat)
WRAP_OPENAT(openat64)

/* Programs built with _FORTIFY_SOURCE call these. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);

#define WRAP_OPEN_2(name)                                      \
	SHIM_PUBLIC int name(const char *path, int flags)      \
	{                                                      \
		if (is_vfio_node(path))                        \
			return result(shim_open(path, flags)); \
		return REAL(name)(path, flags);                \
	}

WRAP_OPEN_2(__open_2)
WRAP_OPEN_2(__open64_2)

/* ---------------------------------------------------------------- paths */

/*
 * The path in the simulated /sys for a path of a program, or path itself. The modules of VFIO are
 * folders that must exist, and so is /dev/vfio: any folder serves.
 */
static const char *
redirect(const char *path, char *room, size_t len)
{
	static const char groups[] = "/sys/kernel/iommu_groups";
	const char *sys;

	if (!shim_active() || path == NULL || (path[0] != '/'))
		return path;
	if (strcmp(path, "/sys/module/vfio") == 0 || strcmp(path, "/sys/module/vfio_pci") == 0)
		return "/";
	if (strcmp(path, "/dev/vfio/vfio") == 0)
		return "/dev/null";
	sys = getenv("VSR_SYSFS");
	/* Show the numbers of the groups, which are the names in /dev/vfio except "vfio". */
	if (strcmp(path, "/dev/vfio") == 0 || strcmp(path, "/dev/vfio/") == 0) {
		if (sys == NULL)
			return "/";
		path = groups;
	}
	if (sys != NULL && strncmp(path, groups, sizeof(groups) - 1) == 0 &&
			(size_t)snprintf(room, len, "%s%s", sys, path + strlen("/sys")) < len)
		return room;
	return path;
}

#define WRAP_STAT(name, type)                                              \
	SHIM_PUBLIC int name(const char *path, struct type *st)            \
	{                                                                  \
		char room[PATH_MAX];                                       \
                                                                           \
		return REAL(name)(redirect(path, room, sizeof(room)), st); \
	}

WRAP_STAT(stat, stat)
WRAP_STAT(stat64, stat64)
WRAP_STAT(lstat, stat)
WRAP_STAT(lstat64, stat64)

/* Programs built against an older libc call these. */
int __xstat(int version, const char *path, struct stat *st);
int __xstat64(int version, const char *path, struct stat64 *st);

SHIM_PUBLIC int
__xstat(int version, const char *path, struct stat *st)
{
	char room[PATH_MAX];

	return REAL(__xstat)(version, redirect(path, room, sizeof(room)), st);
}

SHIM_PUBLIC int
__xstat64(int version, const char *path, struct stat64 *st)
{
	char room[PATH_MAX];

	return REAL(__xstat64)(version, redirect(path, room, sizeof(room)), st);
}

SHIM_PUBLIC int
access(const char *path, int mode)
{
	char room[PATH_MAX];

	return REAL(access)(redirect(path, room, sizeof(room)), mode);
}

SHIM_PUBLIC DIR *
opendir(const char *path)
{
	char room[PATH_MAX];

	return REAL(opendir)(redirect(path, room, sizeof(room)));
}

/* ---------------------------------------------------------------- /proc/PID/fd */

/*
 * For an open VFIO file, /proc/PID/fd/N shows what Linux shows: "/dev/vfio/43", not
 * "/memfd:/dev/vfio/43 (deleted)". The descriptors of vsr-sim itself are not changed: it has all
 * files open, as a kernel has.
 */
static ssize_t
link_text(const char *path, char *buf, ssize_t len)
{
	static const char from[] = "/memfd:/dev/vfio/", proc[] = "/proc/";
	const size_t skip = sizeof("/memfd:") - 1;
	const int saved = errno;
	struct stat st;
	ssize_t end;

	if (len <= (ssize_t)sizeof(from) || memcmp(buf, from, sizeof(from) - 1) != 0 ||
			strncmp(path, proc, sizeof(proc) - 1) != 0)
		return len;
	if (REAL(stat)(path, &st) != 0 || shim_file_kind(&st) == 0 ||
			atoi(path + sizeof(proc) - 1) == shim_host_pid()) {
		errno = saved;
		return len;
	}
	for (end = skip; end < len && buf[end] != ' '; end++)
		continue;
	memmove(buf, buf + skip, (size_t)end - skip);
	return end - (ssize_t)skip;
}

SHIM_PUBLIC ssize_t
readlink(const char *path, char *buf, size_t len)
{
	return link_text(path, buf, REAL(readlink)(path, buf, len));
}

/* Programs built with _FORTIFY_SOURCE call these. */
ssize_t __readlink_chk(const char *path, char *buf, size_t len, size_t room);

SHIM_PUBLIC ssize_t
__readlink_chk(const char *path, char *buf, size_t len, size_t room)
{
	return link_text(path, buf, REAL(__readlink_chk)(path, buf, len, room));
}

/* ---------------------------------------------------------------- descriptors */

SHIM_PUBLIC int
ioctl(int fd, unsigned long request, ...)
{
	uintptr_t arg;
	va_list args;
	ino_t ino;
	int kind;

	va_start(args, request);
	arg = va_arg(args, uintptr_t);
	va_end(args);
	if (_IOC_TYPE(request) == VFIO_TYPE) {
		kind = shim_fd_kind(fd, &ino);
		if (kind != 0)
			return result(shim_ioctl(kind, ino, request, arg));
	}
	return REAL(ioctl)(fd, request, arg);
}

#define WRAP_PREAD(name, offset_type)                                               \
	SHIM_PUBLIC ssize_t name(int fd, void *buf, size_t len, offset_type offset) \
	{                                                                           \
		ino_t ino;                                                          \
                                                                                    \
		if (shim_fd_kind(fd, &ino) == SHIM_DEVICE)                          \
			return result(shim_pread(ino, buf, len, offset));           \
		return REAL(name)(fd, buf, len, offset);                            \
	}

#define WRAP_PWRITE(name, offset_type)                                                    \
	SHIM_PUBLIC ssize_t name(int fd, const void *buf, size_t len, offset_type offset) \
	{                                                                                 \
		ino_t ino;                                                                \
                                                                                          \
		if (shim_fd_kind(fd, &ino) == SHIM_DEVICE)                                \
			return result(shim_pwrite(ino, buf, len, offset));                \
		return REAL(name)(fd, buf, len, offset);                                  \
	}

WRAP_PREAD(pread, off_t)
WRAP_PREAD(pread64, off64_t)
WRAP_PWRITE(pwrite, off_t)
WRAP_PWRITE(pwrite64, off64_t)

/* Programs built with _FORTIFY_SOURCE call these. */
ssize_t __pread_chk(int fd, void *buf, size_t len, off_t offset, size_t room);
ssize_t __pread64_chk(int fd, void *buf, size_t len, off64_t offset, size_t room);

#define WRAP_PREAD_CHK(name, offset_type)                                                        \
	SHIM_PUBLIC ssize_t name(int fd, void *buf, size_t len, offset_type offset, size_t room) \
	{                                                                                        \
		ino_t ino;                                                                       \
                                                                                                 \
		if (len <= room && shim_fd_kind(fd, &ino) == SHIM_DEVICE)                        \
			return result(shim_pread(ino, buf, len, offset));                        \
		return REAL(name)(fd, buf, len, offset, room);                                   \
	}

WRAP_PREAD_CHK(__pread_chk, off_t)
WRAP_PREAD_CHK(__pread64_chk, off64_t)
