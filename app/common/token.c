/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token.h"

int
token_parse(const char *text, char token[TOKEN_LEN])
{
	bool any = false;

	if (strlen(text) != TOKEN_LEN - 1)
		return -EINVAL;
	for (size_t i = 0; i < TOKEN_LEN - 1; i++) {
		bool dash = i == 8 || i == 13 || i == 18 || i == 23;
		unsigned char c = (unsigned char)text[i];

		if (dash ? c != '-' : !isxdigit(c))
			return -EINVAL;
		any |= !dash && c != '0';
		token[i] = (char)tolower(c);
	}
	token[TOKEN_LEN - 1] = '\0';
	return any ? 0 : -EINVAL;
}

int
token_make(char token[TOKEN_LEN])
{
	uint8_t raw[16];
	ssize_t got = getrandom(raw, sizeof(raw), 0);
	size_t pos = 0;

	if (got != (ssize_t)sizeof(raw))
		return got < 0 ? -errno : -EIO;
	raw[6] = (raw[6] & 0x0f) | 0x40; /* version 4 */
	raw[8] = (raw[8] & 0x3f) | 0x80; /* variant 1 */
	for (size_t i = 0; i < sizeof(raw); i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			token[pos++] = '-';
		snprintf(token + pos, TOKEN_LEN - pos, "%02x", raw[i]);
		pos += 2;
	}
	return 0;
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
	int len, fd, err;

	len = snprintf(tmp, sizeof(tmp), "%s.XXXXXX", path);
	if (len < 0 || (size_t)len >= sizeof(tmp))
		return -ENAMETOOLONG;
	err = make_folder(path);
	if (err != 0)
		return err;
	fd = mkstemp(tmp); /* mode 0600 */
	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s\n", token) != TOKEN_LEN)
		err = -EIO;
	if (close(fd) != 0 && err == 0)
		err = -errno;
	if (err == 0 && rename(tmp, path) != 0)
		err = -errno;
	if (err != 0)
		unlink(tmp);
	return err;
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
