/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* VF tokens and the files that store them. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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

static int
make_folder(const char *path)
{
	char dir[PATH_MAX];
	char *slash;

	if (strlen(path) >= sizeof(dir))
		return -ENAMETOOLONG;
	strcpy(dir, path);
	slash = strrchr(dir, '/');
	if (slash == NULL || slash == dir)
		return 0;
	*slash = '\0';
	return mkdir(dir, 0700) == 0 || errno == EEXIST ? 0 : -errno;
}

int
token_store(const char *path, const char *token)
{
	char tmp[PATH_MAX];
	int len, fd, ret;

	len = snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);
	if (len < 0 || (size_t)len >= sizeof(tmp))
		return -ENAMETOOLONG;
	ret = make_folder(path);
	if (ret != 0)
		return ret;
	fd = mkstemp(tmp); /* mode 0600 */
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s\n", token) != TOKEN_LEN)
		ret = -EIO;
	if (close(fd) != 0 && ret == 0)
		ret = -errno;
	if (ret == 0 && rename(tmp, path) != 0)
		ret = -errno;
	if (ret != 0)
		unlink(tmp);
	return ret;
}

int
token_load(const char *path, char token[TOKEN_LEN])
{
	char text[TOKEN_LEN + 2];
	ssize_t len;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
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
	unlink(path);
}
