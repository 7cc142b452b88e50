/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_IOMMU_H
#define VSR_SIM_HOST_IOMMU_H

/**
 * @file
 * DMA maps of a container.
 */

#include "host_bus.h"

#define HOST_MAX_MAPS 65535 /**< Of one container, as Linux' dma_entry_limit. */

struct vfio_iommu_type1_dma_map;

/** A file that holds DMA memory; shared by all pieces that lie in it. */
struct host_file {
	struct host_file *next;
	unsigned int refs;
	int fd;
	int access; /**< O_RDONLY, O_WRONLY or O_RDWR. */
	dev_t dev;
	ino_t ino;
};

struct host_piece {
	uint64_t size;
	uint64_t offset; /**< Into the file. */
	struct host_file *file;
};

/** What one VFIO_IOMMU_MAP_DMA mapped. */
struct host_map {
	uint64_t iova, size;
	int prot;
	size_t nb_pieces;
	struct host_piece *pieces; /**< Without gap, together size bytes. */
};

struct host_container {
	struct host_container *next;
	int fd; /**< Memory file that is its name; no lock of its own. */
	ino_t ino;
	struct host_open open;
	int iommu; /**< VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, or 0. */
	unsigned int nb_groups;
	unsigned int nb_remote; /**< Of these, of functions of another process. */
	struct host_map **maps; /**< By iova. */
	size_t nb_maps, max_maps;
};

/** What VFIO_IOMMU_MAP_DMA asks is allowed: 0, -EINVAL, -EEXIST, -ENOSPC. */
int host_iommu_check(const struct host_container *container,
		const struct vfio_iommu_type1_dma_map *arg);
/** Add a map, which the container then owns, and let every function of it see the memory. */
int host_iommu_map(struct host *host, struct host_container *container, struct host_map *map);
/** VFIO_IOMMU_UNMAP_DMA. @return 0 with *unmapped bytes, or -errno. */
int host_iommu_unmap(struct host *host, struct host_container *container, uint64_t iova,
		uint64_t size, bool all, uint64_t *unmapped);
/** Show a function all maps of its container; those it has already are fine. */
int host_iommu_attach(struct host_container *container, struct host_fn *fn);
void host_iommu_detach(struct host_container *container, struct host_fn *fn);
/** Forget all maps; no function may be attached. */
void host_iommu_free(struct host *host, struct host_container *container);
int host_iommu_info(const struct host_container *container, void *data, size_t len,
		size_t *out_len);
/** The file of a descriptor, which is borrowed; NULL: no memory or descriptors. */
struct host_file *host_file_get(struct host *host, int fd);
void host_file_put(struct host *host, struct host_file *file);
/** Free a map that no container has. */
void host_map_free(struct host *host, struct host_map *map);

#endif /* VSR_SIM_HOST_IOMMU_H */
