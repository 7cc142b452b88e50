/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* PCI functions as sysfs shows them. */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_text.h"
#include "virtio_spec/pci.h"

#include "sysfs.h"

bool
sysfs_fn_is_virtio_net(const struct sysfs_fn *fn)
{
	return fn->vendor == VIRTIO_PCI_VENDOR_ID &&
			(fn->device == VIRTIO_PCI_DEVICE_ID_NET ||
					fn->device == VIRTIO_PCI_DEVICE_ID_NET_TRANSITIONAL);
}

static int
fn_path(char out[PATH_MAX], const char *sysfs, const char *bdf, const char *file)
{
	int len = snprintf(out, PATH_MAX, "%s/bus/pci/devices/%s%s%s", sysfs, bdf,
			file[0] != '\0' ? "/" : "", file);

	return len < 0 || len >= PATH_MAX ? -ENAMETOOLONG : 0;
}

/* Read a file with one number, at most max. */
static int
read_number(const char *sysfs, const char *bdf, const char *file, unsigned long max,
		unsigned long *out)
{
	char path[PATH_MAX], text[32], *end;
	ssize_t len;
	int fd, ret = fn_path(path, sysfs, bdf, file);

	if (ret != 0)
		return ret;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	ret = -errno;
	close(fd);
	if (len < 0)
		return ret;
	text[len] = '\0';
	errno = 0;
	*out = strtoul(text, &end, 0);
	if (errno != 0 || end == text || (*end != '\n' && *end != '\0') || *out > max)
		return -EIO;
	return 0;
}

/* Read the last name of the target of a link, made printable. @return 0, -ENOENT: no such link. */
static int
read_link_name(const char *sysfs, const char *bdf, const char *file, char *out, size_t out_len)
{
	char path[PATH_MAX], target[PATH_MAX], target_name[256];
	const char *name;
	ssize_t len;
	int ret = fn_path(path, sysfs, bdf, file);

	if (ret != 0)
		return ret;
	len = readlink(path, target, sizeof(target) - 1);
	if (len < 0)
		return -errno;
	target[len] = '\0';
	name = strrchr(target, '/');
	name = name != NULL ? name + 1 : target;
	if (name[0] == '\0' || base_text_clean(target_name, sizeof(target_name), name) >= out_len)
		return -EIO;
	strcpy(out, target_name);
	return 0;
}

static int
read_ids(const char *sysfs, struct sysfs_fn *fn)
{
	const struct {
		const char *file;
		uint16_t *out;
	} ids[] = {
		{ "vendor", &fn->vendor },
		{ "device", &fn->device },
		{ "subsystem_vendor", &fn->subsys_vendor },
		{ "subsystem_device", &fn->subsys },
	};

	for (size_t i = 0; i < sizeof(ids) / sizeof(ids[0]); i++) {
		unsigned long value = 0;
		int ret = read_number(sysfs, fn->bdf, ids[i].file, 0xffff, &value);

		/* The function may have disappeared meanwhile. */
		if (ret != 0)
			return ret == -ENOENT ? -ENODEV : ret;
		*ids[i].out = (uint16_t)value;
	}
	return 0;
}

static int
read_group(const char *sysfs, struct sysfs_fn *fn)
{
	char name[16], *end;
	long group;
	int ret = read_link_name(sysfs, fn->bdf, "iommu_group", name, sizeof(name));

	fn->group = -1;
	if (ret == -ENOENT)
		return 0;
	if (ret != 0)
		return ret;
	group = strtol(name, &end, 10);
	if (end == name || *end != '\0' || group < 0 || group > INT_MAX)
		return -EIO;
	fn->group = (int)group;
	return 0;
}

static bool
has_vf(const char *sysfs, const char *pf, unsigned int vf)
{
	char bdf[BASE_BDF_LEN];

	return vf <= SYSFS_MAX_VFS && sysfs_vf_bdf(sysfs, pf, vf, bdf) == 0;
}

/* Count the links to VFs. A read of sriov_numvfs could deadlock: it waits for the device lock,
 * which the kernel holds while it unbinds the PF and waits for its owner, us, to close it. */
static unsigned int
count_vfs(const char *sysfs, const char *pf)
{
	unsigned int there = 0, step = 1;

	/* The links are numbered without gaps. */
	while (has_vf(sysfs, pf, there + step)) {
		there += step;
		step *= 2;
	}
	for (; step != 0; step /= 2)
		if (has_vf(sysfs, pf, there + step))
			there += step;
	return there;
}

static int
read_sriov(const char *sysfs, struct sysfs_fn *fn)
{
	unsigned long total = 0;
	int ret = read_number(sysfs, fn->bdf, "sriov_totalvfs", SYSFS_MAX_VFS, &total);

	if (ret == -ENOENT)
		return 0;
	if (ret != 0)
		return ret;
	fn->has_sriov = true;
	fn->total_vfs = (unsigned int)total;
	fn->num_vfs = count_vfs(sysfs, fn->bdf);
	return 0;
}

int
sysfs_fn_read(const char *sysfs, const char *bdf, struct sysfs_fn *fn)
{
	int ret;

	memset(fn, 0, sizeof(*fn));
	if (strlen(bdf) >= sizeof(fn->bdf))
		return -ENODEV;
	strcpy(fn->bdf, bdf);
	ret = read_ids(sysfs, fn);
	if (ret == 0)
		ret = read_link_name(sysfs, bdf, "driver", fn->driver, sizeof(fn->driver));
	if (ret == 0 || ret == -ENOENT)
		ret = read_link_name(sysfs, bdf, "physfn", fn->pf, sizeof(fn->pf));
	if (ret == 0 || ret == -ENOENT)
		ret = read_group(sysfs, fn);
	if (ret == 0)
		ret = read_sriov(sysfs, fn);
	return ret;
}

int
sysfs_vf_bdf(const char *sysfs, const char *pf, unsigned int vf, char bdf[BASE_BDF_LEN])
{
	char link[32];

	/* sysfs numbers VFs from 0; everything else, virtio group members too, from 1. */
	snprintf(link, sizeof(link), "virtfn%u", vf - 1);
	return read_link_name(sysfs, pf, link, bdf, BASE_BDF_LEN);
}

static int
compare_bdf(const void *a, const void *b)
{
	return strcmp(((const struct sysfs_fn *)a)->bdf, ((const struct sysfs_fn *)b)->bdf);
}

/* Set the number of each VF, from the links of its PF. */
static void
number_vfs(const char *sysfs, struct sysfs_fn *fns, size_t nb_fns)
{
	for (size_t i = 0; i < nb_fns; i++) {
		for (unsigned int vf = 1; vf <= fns[i].num_vfs; vf++) {
			struct sysfs_fn key, *found;

			if (sysfs_vf_bdf(sysfs, fns[i].bdf, vf, key.bdf) != 0)
				continue;
			found = bsearch(&key, fns, nb_fns, sizeof(*fns), compare_bdf);
			if (found != NULL)
				found->vf = vf;
		}
	}
}

int
sysfs_list(const char *sysfs, struct sysfs_fn **out)
{
	struct sysfs_fn *fns = NULL;
	size_t nb_fns = 0, room = 0;
	char path[PATH_MAX], bdf[BASE_BDF_LEN];
	struct dirent *entry;
	DIR *dir;
	int ret = fn_path(path, sysfs, "", "");

	*out = NULL;
	if (ret != 0)
		return ret;
	dir = opendir(path);
	if (dir == NULL)
		return -errno;
	while ((entry = readdir(dir)) != NULL) {
		if (base_bdf_expand(entry->d_name, bdf) != 0)
			continue;
		if (nb_fns == room) {
			struct sysfs_fn *more;

			room = room != 0 ? 2 * room : 64;
			more = reallocarray(fns, room, sizeof(*fns));
			if (more == NULL) {
				ret = -ENOMEM;
				break;
			}
			fns = more;
		}
		/* Skip a function that disappeared meanwhile or cannot be read. */
		if (sysfs_fn_read(sysfs, bdf, &fns[nb_fns]) == 0 &&
				sysfs_fn_is_virtio_net(&fns[nb_fns]))
			nb_fns++;
	}
	closedir(dir);
	if (ret != 0 || nb_fns == 0) {
		free(fns);
		return ret;
	}
	qsort(fns, nb_fns, sizeof(*fns), compare_bdf);
	number_vfs(sysfs, fns, nb_fns);
	*out = fns;
	return (int)nb_fns;
}

int
sysfs_num_vfs_set(const char *sysfs, const char *pf, unsigned int num_vfs)
{
	char path[PATH_MAX], text[16];
	int fd, len, ret = fn_path(path, sysfs, pf, "sriov_numvfs");

	if (ret != 0)
		return ret;
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = snprintf(text, sizeof(text), "%u", num_vfs);
	/* One write, whose error is the result of the change. */
	ret = write(fd, text, (size_t)len) == len ? 0 : -errno;
	close(fd);
	return ret;
}
