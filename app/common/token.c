/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* VF tokens and the files that store them. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_path.h"

#include "token.h"

int
token_parse(const char *text, char token[TOKEN_LEN])
{
	static const uint8_t none[16];
	uint8_t uuid[16];

	if (strlen(text) != BASE_UUID_LEN || base_uuid_parse(text, uuid) != 0 ||
			memcmp(uuid, none, sizeof(uuid)) == 0)
		return -EINVAL;
	base_uuid_format(uuid, token);
	return 0;
}

int
token_make(char token[TOKEN_LEN])
{
	uint8_t uuid[16];
	const int ret = base_uuid_make(uuid);

	if (ret == 0)
		base_uuid_format(uuid, token);
	return ret;
}

int
token_path(const char *run_dir, const char *bdf, char *path, size_t path_len)
{
	int len = snprintf(path, path_len, "%s/%s.token", run_dir, bdf);

	return len < 0 || (size_t)len >= path_len ? -ENAMETOOLONG : 0;
}

/* Open the folder of a token file. @return the folder, or -errno. */
static int
folder_open(const char *path, bool create, const char **name)
{
	char folder[PATH_MAX];
	int ret = base_path_split(path, folder, sizeof(folder), name);

	return ret == 0 ? base_folder_open(folder, create) : ret;
}

static int
token_write(int folder, const char *name, const char *token)
{
	const int fd = openat(folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
			0600);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s\n", token) != TOKEN_LEN)
		ret = -EIO;
	if (close(fd) != 0 && ret == 0)
		ret = -errno;
	return ret;
}

int
token_store(const char *path, const char *token)
{
	char fresh[NAME_MAX + 1], random[TOKEN_LEN];
	int folder, len, ret;
	const char *name;

	folder = folder_open(path, true, &name);
	if (folder < 0)
		return folder;
	ret = token_make(random);
	len = snprintf(fresh, sizeof(fresh), "%s.%s", name, random);
	if (ret == 0 && (len < 0 || (size_t)len >= sizeof(fresh)))
		ret = -ENAMETOOLONG;
	if (ret == 0) {
		ret = token_write(folder, fresh, token);
		if (ret == 0 && renameat(folder, fresh, folder, name) != 0)
			ret = -errno;
		if (ret != 0)
			unlinkat(folder, fresh, 0);
	}
	close(folder);
	return ret;
}

int
token_load(const char *path, char token[TOKEN_LEN])
{
	char text[TOKEN_LEN + 2];
	const char *name;
	ssize_t len;
	int folder, fd;

	folder = folder_open(path, false, &name);
	if (folder < 0)
		return folder;
	fd = base_file_open(folder, name);
	close(folder);
	if (fd < 0)
		return fd;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return -EINVAL;
	text[len] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return token_parse(text, token);
}

void
token_drop(const char *path)
{
	const char *name;
	const int folder = folder_open(path, false, &name);

	if (folder < 0)
		return;
	unlinkat(folder, name, 0);
	close(folder);
}
