/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * VFIO_IOMMU_MAP_DMA: memory of the program as a list of files and offsets.
 *
 * A real IOMMU reaches any page of the program, the simulated one only files that can be mapped a
 * second time. /proc/self/maps says which files a range of memory consists of.
 */

#include <dirent.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "shim.h"

#define MAX_PIECES                                                     \
	((HOST_PROTO_DATA - sizeof(struct vfio_iommu_type1_dma_map)) / \
			sizeof(struct host_proto_piece))

/* A part of a file that is mapped in the range. */
struct piece {
	struct shim_map map;
	uint64_t size, offset;
};

struct resolve {
	uint64_t at, end; /* Next address to resolve, and the end of the range. */
	struct piece *pieces;
	size_t nb, max;
	int ret; /* 0, -EFAULT (see err) or -ENOMEM. */
	const char *err;
};

static bool
resolve_map(const struct shim_map *map, void *arg)
{
	struct resolve *r = arg;
	struct piece *piece = r->nb == 0 ? NULL : &r->pieces[r->nb - 1];
	uint64_t size, offset;

	if (map->end <= r->at)
		return true;
	r->ret = -EFAULT;
	if (map->start > r->at) {
		r->err = "nothing is mapped";
		return false;
	}
	if (!map->shared) {
		r->err = "the memory is private to the process (use hugepages, or a shared mapping "
			 "of a file or memfd)";
		return false;
	}
	size = (map->end < r->end ? map->end : r->end) - r->at;
	offset = map->offset + (r->at - map->start);
	if (piece != NULL && piece->map.ino == map->ino && piece->map.dev == map->dev &&
			piece->offset + piece->size == offset) {
		piece->size += size;
	} else {
		if (r->pieces == NULL || r->nb == r->max) {
			r->max = r->max == 0 ? 64 : 2 * r->max;
			piece = realloc(r->pieces, r->max * sizeof(*piece));
			if (piece == NULL) {
				r->ret = -ENOMEM;
				return false;
			}
			r->pieces = piece;
		}
		r->pieces[r->nb++] = (struct piece){ *map, size, offset };
	}
	r->at += size;
	r->ret = 0;
	return r->at < r->end;
}

/* Find the file of a mapping among the descriptors of this process. */
static int
find_own_fd(const struct shim_map *map)
{
	/* Not opendir(): this library replaces it. */
	const int list = syscall(SYS_openat, AT_FDCWD, "/proc/self/fd",
			O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = list >= 0 ? fdopendir(list) : NULL;
	struct dirent *entry;
	int fd = -1;

	while (dir != NULL && fd < 0 && (entry = readdir(dir)) != NULL) {
		const int number = atoi(entry->d_name);
		struct stat st;

		if (entry->d_name[0] != '.' && fstat(number, &st) == 0 && st.st_ino == map->ino &&
				st.st_dev == map->dev &&
				(fcntl(number, F_GETFL) & O_ACCMODE) == O_RDWR)
			fd = fcntl(number, F_DUPFD_CLOEXEC, 0);
	}
	if (dir != NULL)
		closedir(dir);
	else if (list >= 0)
		close(list);
	return fd;
}

static int
open_file(const struct shim_map *map)
{
	char path[SHIM_MAP_PATH];
	int fd;

	shim_map_path(map, path);
	fd = syscall(SYS_openat, AT_FDCWD, path, (map->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	/* The path is for root only, and some sandboxes do not have it. */
	return fd >= 0 ? fd : find_own_fd(map);
}

/* Index of the file of a piece in this message, where it is added if needed. -1: no room; -EFAULT:
 * the file cannot be opened. */
static int
file_number(const struct piece *pieces, size_t first, size_t i, const int *number, int *fds,
		unsigned int *nb_fds)
{
	for (size_t j = first; j < i; j++)
		if (pieces[j].map.ino == pieces[i].map.ino &&
				pieces[j].map.dev == pieces[i].map.dev)
			return number[j - first];
	if (*nb_fds == HOST_PROTO_FDS)
		return -1;
	fds[*nb_fds] = open_file(&pieces[i].map);
	return fds[*nb_fds] < 0 ? -EFAULT : (int)(*nb_fds)++;
}

/* Send one message with as many pieces as fit. @return number of pieces, or -errno. */
static int
send_pieces(ino_t ino, const struct vfio_iommu_type1_dma_map *arg, const struct resolve *r,
		size_t first)
{
	uint8_t data[HOST_PROTO_DATA];
	int fds[HOST_PROTO_FDS], number[MAX_PIECES], ret = 0;
	struct shim_call call = { .req = { .op = HOST_OP_MAP_DMA, .ino = ino },
		.data = data,
		.fds = fds };
	size_t i;

	memcpy(data, arg, sizeof(*arg));
	for (i = first; i < r->nb && i - first < MAX_PIECES; i++) {
		struct host_proto_piece piece = { .size = r->pieces[i].size,
			.offset = r->pieces[i].offset };

		ret = file_number(r->pieces, first, i, number, fds, &call.nb_fds);
		if (ret < 0)
			break;
		number[i - first] = piece.fd = ret;
		memcpy(data + sizeof(*arg) + (i - first) * sizeof(piece), &piece, sizeof(piece));
	}
	if (ret >= -1) {
		call.data_len = sizeof(*arg) + (i - first) * sizeof(struct host_proto_piece);
		call.req.arg[0] = i == r->nb ? HOST_MAP_LAST : HOST_MAP_MORE;
		ret = shim_request(SHIM_DMA, &call);
	}
	for (unsigned int f = 0; f < call.nb_fds; f++)
		close(fds[f]);
	return ret < 0 ? ret : (int)(i - first);
}

static void
log_error(const struct vfio_iommu_type1_dma_map *arg, uint64_t at, const char *err)
{
	char text[256];

	snprintf(text, sizeof(text), "cannot map 0x%llx bytes at 0x%llx for DMA: at 0x%llx %s",
			(unsigned long long)arg->size, (unsigned long long)arg->vaddr,
			(unsigned long long)at, err);
	shim_log(text);
}

static _Atomic pid_t map_lock;

int
shim_dma_map(ino_t ino, uintptr_t user)
{
	struct vfio_iommu_type1_dma_map arg;
	struct shim_call check = {
		.req = { .op = HOST_OP_MAP_DMA, .ino = ino, .arg = { HOST_MAP_CHECK } },
		.data = &arg,
		.data_len = sizeof(arg)
	};
	struct resolve r = { .ret = -EFAULT, .err = "nothing is mapped" };
	uint64_t signals;
	int ret;

	ret = shim_copy_in(&arg, user, sizeof(arg));
	if (ret == 0)
		ret = shim_request(SHIM_DMA, &check);
	if (ret != 0)
		return ret;
	r.at = arg.vaddr;
	r.end = arg.vaddr + arg.size;
	ret = shim_maps(resolve_map, &r);
	if (ret == 0 && r.ret == 0 && r.at < r.end) {
		r.ret = -EFAULT;
		r.err = "nothing is mapped";
	}
	if (ret == 0)
		ret = r.ret;
	if (ret == -EFAULT)
		log_error(&arg, r.at, r.err);

	/* The pieces of a map must not mix with other maps on the connection of this process. */
	signals = shim_lock(&map_lock);
	for (size_t first = 0; ret >= 0 && first < r.nb; first += ret) {
		ret = send_pieces(ino, &arg, &r, first);
		if (ret == -EFAULT)
			log_error(&arg, arg.vaddr,
					"the file is shorter than its mapping, or is no memory "
					"(memfd, tmpfs, hugetlbfs), or cannot be opened (run the "
					"program as root)");
	}
	shim_unlock(&map_lock, signals);
	free(r.pieces);
	return ret < 0 ? ret : 0;
}
