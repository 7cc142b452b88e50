/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Reader of /proc/self/maps ("START-END rwxp OFFSET MAJOR:MINOR INODE   NAME"), by system calls
 * only.
 */

#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "shim.h"

static const char *
read_hex(const char *at, uint64_t *value)
{
	*value = 0;
	for (;; at++) {
		if (*at >= '0' && *at <= '9')
			*value = *value << 4 | (*at - '0');
		else if (*at >= 'a' && *at <= 'f')
			*value = *value << 4 | (*at - 'a' + 10);
		else
			return at;
	}
}

static void
parse_line(const char *at, struct shim_map *map)
{
	uint64_t major_nr, minor_nr;

	at = read_hex(at, &map->start) + 1;
	at = read_hex(at, &map->end) + 1;
	map->readable = at[0] == 'r';
	map->writable = at[1] == 'w';
	map->executable = at[2] == 'x';
	map->shared = at[3] == 's';
	at = read_hex(at + 5, &map->offset) + 1;
	at = read_hex(at, &major_nr) + 1;
	at = read_hex(at, &minor_nr) + 1;
	map->dev = makedev(major_nr, minor_nr);
	map->ino = 0;
	for (; *at >= '0' && *at <= '9'; at++)
		map->ino = map->ino * 10 + (*at - '0');
}

int
shim_maps(shim_map_fn fn, void *arg)
{
	/* The numbers of a line fit; the rest of a long name is skipped. */
	char text[1024], line[128] = { 0 };
	size_t line_len = 0;
	struct shim_map map;
	bool go_on = true;
	ssize_t len = 0;
	int fd;

	fd = syscall(SYS_openat, AT_FDCWD, "/proc/self/maps", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while (go_on && (len = syscall(SYS_read, fd, text, sizeof(text))) > 0) {
		for (ssize_t i = 0; i < len && go_on; i++) {
			if (text[i] != '\n') {
				if (line_len < sizeof(line) - 1)
					line[line_len++] = text[i];
				continue;
			}
			line[line_len] = '\0';
			line_len = 0;
			parse_line(line, &map);
			go_on = fn(&map, arg);
		}
	}
	syscall(SYS_close, fd);
	return len < 0 ? -EIO : 0;
}

static char *
put_hex(char *at, uint64_t value)
{
	int shift = 60;

	while (shift > 0 && (value >> shift) == 0)
		shift -= 4;
	for (; shift >= 0; shift -= 4)
		*at++ = "0123456789abcdef"[(value >> shift) & 0xf];
	return at;
}

void
shim_map_path(const struct shim_map *map, char path[SHIM_MAP_PATH])
{
	static const char dir[] = "/proc/self/map_files/";
	char *at = path + sizeof(dir) - 1;

	memcpy(path, dir, sizeof(dir) - 1);
	at = put_hex(at, map->start);
	*at++ = '-';
	at = put_hex(at, map->end);
	*at = '\0';
}
