/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Processes that use a function: those that have its VFIO group open. */

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_text.h"

#include "holders.h"

/* ---------------------------------------------------------------- /proc */

/* @return the number of the group if the path is like "/dev/vfio/43", else -1. */
static int
group_of_path(const char *target)
{
	static const char dir[] = "/dev/vfio/";
	char *end;
	long group;

	if (strncmp(target, dir, sizeof(dir) - 1) != 0 || !isdigit(target[sizeof(dir) - 1]))
		return -1;
	group = strtol(target + sizeof(dir) - 1, &end, 10);
	return *end == '\0' && group <= INT_MAX ? (int)group : -1;
}

static void
read_name(pid_t pid, char *name, size_t len)
{
	char path[64], raw[16] = "?";
	FILE *file;
	size_t n;

	/* Any byte but zero may be in the name, newlines too; one newline follows the name. */
	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	file = fopen(path, "re");
	if (file != NULL) {
		n = fread(raw, 1, sizeof(raw), file);
		fclose(file);
		if (n != 0)
			raw[n - 1] = '\0';
	}
	base_text_clean(name, len, raw);
}

static int
add(struct holders *holders, int group, pid_t pid)
{
	struct holder *more;

	for (size_t i = holders->nb; i-- > 0 && holders->v[i].pid == pid;)
		if (holders->v[i].group == group)
			return 0;
	if ((holders->nb & (holders->nb - 1)) == 0) {
		more = reallocarray(holders->v, holders->nb != 0 ? 2 * holders->nb : 1,
				sizeof(*more));
		if (more == NULL)
			return -ENOMEM;
		holders->v = more;
	}
	holders->v[holders->nb] = (struct holder){ .group = group, .pid = pid };
	read_name(pid, holders->v[holders->nb].name, sizeof(holders->v->name));
	holders->nb++;
	return 0;
}

/* Skip a process that has ended or whose descriptors we may not read. */
static int
scan_process(struct holders *holders, pid_t pid)
{
	char path[PATH_MAX], target[64];
	struct dirent *entry;
	int ret = 0;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	while (ret == 0 && dir != NULL && (entry = readdir(dir)) != NULL) {
		ssize_t len;

		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, entry->d_name);
		len = readlink(path, target, sizeof(target) - 1);
		if (len <= 0)
			continue;
		target[len] = '\0';
		if (group_of_path(target) >= 0)
			ret = add(holders, group_of_path(target), pid);
	}
	if (dir != NULL)
		closedir(dir);
	return ret;
}

static int
compare(const void *a, const void *b)
{
	const struct holder *x = a, *y = b;

	return x->group != y->group ? x->group - y->group : x->pid - y->pid;
}

int
holders_scan(struct holders *holders)
{
	struct dirent *entry;
	DIR *dir;
	int ret = 0;

	memset(holders, 0, sizeof(*holders));
	dir = opendir("/proc");
	if (dir == NULL)
		return -errno;
	while (ret == 0 && (entry = readdir(dir)) != NULL) {
		const pid_t pid = atoi(entry->d_name);

		if (pid > 0)
			ret = scan_process(holders, pid);
	}
	closedir(dir);
	if (holders->nb != 0)
		qsort(holders->v, holders->nb, sizeof(*holders->v), compare);
	return ret;
}

void
holders_free(struct holders *holders)
{
	free(holders->v);
	memset(holders, 0, sizeof(*holders));
}

const struct holder *
holders_find(const struct holders *holders, int group)
{
	for (size_t i = 0; i < holders->nb; i++)
		if (holders->v[i].group == group)
			return &holders->v[i];
	return NULL;
}

/* ---------------------------------------------------------------- users of VFs */

bool
holders_group_busy(int group)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/dev/vfio/%d", group);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return errno == EBUSY;
	close(fd);
	return false;
}

int
holders_of_vfs(const char *sysfs, const struct sysfs_fn *pf, struct vf_user *out, size_t max)
{
	struct holders holders;
	size_t nb = 0;
	int ret = holders_scan(&holders);

	for (unsigned int i = 1; ret == 0 && i <= pf->num_vfs && nb < max; i++) {
		const struct holder *h;
		char bdf[BASE_BDF_LEN];
		struct sysfs_fn vf;

		if (sysfs_vf_bdf(sysfs, pf->bdf, i, bdf) != 0 ||
				sysfs_fn_read(sysfs, bdf, &vf) != 0 || vf.group < 0)
			continue;
		h = holders_find(&holders, vf.group);
		if (h == NULL && holders_group_busy(vf.group)) {
			out[nb] = (struct vf_user){ .vf = i };
			strcpy(out[nb++].bdf, bdf);
		}
		for (; h != NULL && h < holders.v + holders.nb && h->group == vf.group && nb < max;
				h++) {
			out[nb] = (struct vf_user){ .vf = i, .pid = h->pid };
			strcpy(out[nb].bdf, bdf);
			strcpy(out[nb++].name, h->name);
		}
	}
	holders_free(&holders);
	return ret != 0 ? ret : (int)nb;
}
