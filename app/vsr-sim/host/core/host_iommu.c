/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* DMA maps of a container, as in Linux' vfio_iommu_type1. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host_fn.h"
#include "host_iommu.h"

#define IOMMU_PAGE UINT64_C(4096)
#define IOMMU_PAGES (UINT64_C(1) << 12 | UINT64_C(1) << 21 | UINT64_C(1) << 30)

/* Addresses that a 48-bit x86 IOMMU maps: all except the window of interrupt messages. */
static const struct vfio_iova_range ranges[] = {
	{ 0, 0xfedfffff },
	{ 0xfef00000, (UINT64_C(1) << 48) - 1 },
};

/* ---------------------------------------------------------------- memory files */

struct host_file *
host_file_get(struct host *host, int fd)
{
	struct host_file *file;
	struct stat st;
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fstat(fd, &st) != 0)
		return NULL;
	for (file = host->files; file != NULL; file = file->next) {
		if (file->dev == st.st_dev && file->ino == st.st_ino &&
				file->access == (flags & O_ACCMODE)) {
			file->refs++;
			return file;
		}
	}
	file = calloc(1, sizeof(*file));
	if (file == NULL)
		return NULL;
	file->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (file->fd < 0) {
		free(file);
		return NULL;
	}
	file->access = flags & O_ACCMODE;
	file->dev = st.st_dev;
	file->ino = st.st_ino;
	file->refs = 1;
	file->next = host->files;
	host->files = file;
	return file;
}

static void
file_put(struct host *host, struct host_file *file)
{
	if (--file->refs != 0)
		return;
	for (struct host_file **at = &host->files; *at != NULL; at = &(*at)->next) {
		if (*at == file) {
			*at = file->next;
			break;
		}
	}
	close(file->fd);
	free(file);
}

void
host_map_free(struct host *host, struct host_map *map)
{
	for (size_t i = 0; i < map->nb_pieces; i++)
		file_put(host, map->pieces[i].file);
	free(map->pieces);
	free(map);
}

/* ---------------------------------------------------------------- maps of one function */

static void
fn_unmap(struct host_fn *fn, const struct host_map *map)
{
	host_fn_dma_unmap(fn, map->iova, map->size);
}

/* again: accept that the function has all or part of the map already. */
static int
fn_map(struct host_fn *fn, const struct host_map *map, bool again)
{
	uint64_t iova = map->iova;

	for (size_t i = 0; i < map->nb_pieces; i++) {
		const struct host_piece *piece = &map->pieces[i];
		int ret = host_fn_dma_map(fn, iova, piece->size, map->prot, piece->file->fd,
				piece->offset);

		if (ret != 0 && !(again && ret == -EEXIST)) {
			host_log(fn->bdf, "cannot map 0x%llx bytes for DMA at 0x%llx: %s",
					(unsigned long long)piece->size, (unsigned long long)iova,
					strerror(-ret));
			fn_unmap(fn, map);
			return ret;
		}
		iova += piece->size;
	}
	return 0;
}

int
host_iommu_attach(struct host_container *container, struct host_fn *fn)
{
	for (size_t i = 0; i < container->nb_maps; i++) {
		int ret = fn_map(fn, container->maps[i], true);

		if (ret == 0)
			continue;
		while (i-- > 0)
			fn_unmap(fn, container->maps[i]);
		return ret;
	}
	return 0;
}

void
host_iommu_detach(struct host_container *container, struct host_fn *fn)
{
	for (size_t i = 0; i < container->nb_maps; i++)
		fn_unmap(fn, container->maps[i]);
}

void
host_iommu_free(struct host *host, struct host_container *container)
{
	for (size_t i = 0; i < container->nb_maps; i++)
		host_map_free(host, container->maps[i]);
	free(container->maps);
	container->maps = NULL;
	container->nb_maps = container->max_maps = 0;
}

/* ---------------------------------------------------------------- maps of a container */

/* Index of the first map that ends at or after iova. */
static size_t
first_behind(const struct host_container *container, uint64_t iova)
{
	size_t low = 0, high = container->nb_maps;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;
		const struct host_map *map = container->maps[mid];

		if (map->iova + (map->size - 1) < iova)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static bool
iova_allowed(uint64_t first, uint64_t last)
{
	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (first >= ranges[i].start && last <= ranges[i].end)
			return true;
	return false;
}

int
host_iommu_check(const struct host_container *container, const struct vfio_iommu_type1_dma_map *arg)
{
	const uint32_t known = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	const uint64_t last = arg->iova + (arg->size - 1);
	size_t at;

	if (arg->argsz < sizeof(*arg) || (arg->flags & ~known) != 0 || (arg->flags & known) == 0)
		return -EINVAL;
	if (arg->size == 0 || ((arg->size | arg->iova | arg->vaddr) & (IOMMU_PAGE - 1)) != 0)
		return -EINVAL;
	if (last < arg->iova || arg->vaddr + (arg->size - 1) < arg->vaddr)
		return -EINVAL;
	at = first_behind(container, arg->iova);
	if (at < container->nb_maps && container->maps[at]->iova <= last)
		return -EEXIST;
	if (container->nb_maps >= HOST_MAX_MAPS)
		return -ENOSPC;
	return iova_allowed(arg->iova, last) ? 0 : -EINVAL;
}

/* Unmap from the functions of the container before `before` on the bus; NULL: from all. */
static void
unmap_all(struct host *host, const struct host_container *container, const struct host_map *map,
		bool remote, const struct host_fn *before)
{
	for (struct host_fn *fn = NULL; (fn = host_next(host, fn)) != before;)
		if (fn->container == container && (fn->remote != NULL) == remote)
			fn_unmap(fn, map);
}

/* Map in all functions of the container, or in none. */
static int
map_all(struct host *host, const struct host_container *container, const struct host_map *map,
		bool remote)
{
	for (struct host_fn *fn = NULL; (fn = host_next(host, fn)) != NULL;) {
		int ret;

		if (fn->container != container || (fn->remote != NULL) != remote)
			continue;
		ret = fn_map(fn, map, false);
		if (ret == 0)
			continue;
		unmap_all(host, container, map, remote, fn);
		return ret;
	}
	return 0;
}

int
host_iommu_map(struct host *host, struct host_container *container, struct host_map *map)
{
	size_t at;
	int ret;

	if (container->nb_maps == container->max_maps) {
		const size_t max = container->max_maps == 0 ? 64 : 2 * container->max_maps;
		struct host_map **maps = realloc(container->maps, max * sizeof(*maps));

		if (maps == NULL) {
			host_map_free(host, map);
			return -ENOMEM;
		}
		container->maps = maps;
		container->max_maps = max;
	}
	/* Functions of other processes first: host->lock is released meanwhile. The rest happens
	 * without releasing it. */
	ret = map_all(host, container, map, true);
	if (ret == 0 && (ret = map_all(host, container, map, false)) != 0)
		unmap_all(host, container, map, true, NULL);
	if (ret != 0) {
		host_map_free(host, map);
		return ret;
	}
	at = first_behind(container, map->iova);
	memmove(&container->maps[at + 1], &container->maps[at],
			(container->nb_maps - at) * sizeof(container->maps[0]));
	container->maps[at] = map;
	container->nb_maps++;
	return 0;
}

/*
 * As vfio_dma_do_unmap(): whole maps only. Type1 v2 refuses a range that cuts a map. Type1 v1 also
 * unmaps a map that ends after the range, and unmaps nothing when a map starts before the range.
 */
int
host_iommu_unmap(struct host *host, struct host_container *container, uint64_t iova, uint64_t size,
		bool all, uint64_t *unmapped)
{
	const bool v2 = container->iommu == VFIO_TYPE1v2_IOMMU;
	uint64_t last = iova + (size - 1);
	size_t first, end;

	*unmapped = 0;
	if (all) {
		if (iova != 0 || size != 0)
			return -EINVAL;
		last = UINT64_MAX;
	} else if (size == 0 || ((iova | size) & (IOMMU_PAGE - 1)) != 0 || last < iova) {
		return -EINVAL;
	}
	first = first_behind(container, iova);
	if (!all && first < container->nb_maps && container->maps[first]->iova < iova) {
		if (v2)
			return -EINVAL;
		return 0;
	}
	for (end = first; end < container->nb_maps && container->maps[end]->iova <= last; end++) {
		const struct host_map *map = container->maps[end];

		if (v2 && !all && map->iova + (map->size - 1) > last)
			return -EINVAL;
	}
	/* All functions unmap before the program gets its answer. */
	for (; first < end; end--) {
		struct host_map *map = container->maps[first];

		unmap_all(host, container, map, false, NULL);
		container->nb_maps--;
		memmove(&container->maps[first], &container->maps[first + 1],
				(container->nb_maps - first) * sizeof(container->maps[0]));
		*unmapped += map->size;
		unmap_all(host, container, map, true, NULL);
		host_map_free(host, map);
	}
	return 0;
}

int
host_iommu_info(const struct host_container *container, void *data, size_t len, size_t *out_len)
{
	struct vfio_iommu_type1_info info = { .flags = VFIO_IOMMU_INFO_PGSIZES |
				VFIO_IOMMU_INFO_CAPS,
		.iova_pgsizes = IOMMU_PAGES };
	const struct vfio_iommu_type1_info_cap_iova_range cap = {
		.header = { .id = VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE, .version = 1 },
		.nr_iovas = sizeof(ranges) / sizeof(ranges[0])
	};
	const size_t min = offsetof(struct vfio_iommu_type1_info, cap_offset);
	const size_t full = sizeof(info) + sizeof(cap) + sizeof(ranges);
	uint32_t argsz;

	if (len < min)
		return -EINVAL;
	memcpy(&argsz, data, sizeof(argsz));
	if (argsz < min)
		return -EINVAL;
	if (argsz >= full && len >= full) {
		info.argsz = argsz;
		info.cap_offset = sizeof(info);
		memcpy((uint8_t *)data + sizeof(info), &cap, sizeof(cap));
		memcpy((uint8_t *)data + sizeof(info) + sizeof(cap), ranges, sizeof(ranges));
		*out_len = full;
	} else {
		/* Too little room: return the size that is needed. */
		info.argsz = full;
		*out_len = len < sizeof(info) || argsz < sizeof(info) ? min : sizeof(info);
	}
	memcpy(data, &info, *out_len < sizeof(info) ? *out_len : sizeof(info));
	return 0;
}
