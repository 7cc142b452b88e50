/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Folders and files that no other user may have made or can change. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base_path.h"

static bool
is_ours(const struct stat *st)
{
	return (st->st_uid == 0 || st->st_uid == geteuid()) && (st->st_mode & 022) == 0;
}

/* @return fd, or an error after closing fd. */
static int
checked(int fd, mode_t type)
{
	struct stat st;
	int ret = fd;

	if (fstat(fd, &st) != 0)
		ret = -errno;
	else if ((st.st_mode & S_IFMT) != type)
		ret = type == S_IFDIR ? -ENOTDIR : -EINVAL;
	else if (!is_ours(&st))
		ret = -EPERM;
	if (ret < 0)
		close(fd);
	return ret;
}

int
base_folder_open(const char *path, bool create)
{
	int fd;

	if (create && mkdir(path, 0700) != 0 && errno != EEXIST)
		return -errno;
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : checked(fd, S_IFDIR);
}

int
base_file_open(int folder, const char *name)
{
	/* Without O_NONBLOCK the open of a pipe would wait for a writer. */
	const int fd = openat(folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : checked(fd, S_IFREG);
}

int
base_path_split(const char *path, char *folder, size_t folder_len, const char **name)
{
	const char *slash = strrchr(path, '/');
	const size_t len = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);

	*name = slash != NULL ? slash + 1 : path;
	if ((*name)[0] == '\0')
		return -EINVAL;
	if (len >= folder_len)
		return -ENAMETOOLONG;
	memcpy(folder, slash != NULL ? path : ".", len);
	folder[len] = '\0';
	return 0;
}

const char *
base_path_error(int ret)
{
	switch (ret) {
	case -EPERM:
		return "it belongs to another user, or others may write to it";
	case -ELOOP:
		return "it is a symbolic link";
	case -ENOTDIR:
		return "it is no folder";
	default:
		return strerror(-ret);
	}
}
