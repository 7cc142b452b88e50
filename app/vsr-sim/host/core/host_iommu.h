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

/** A file of DMA memory, shared by all pieces inside it. */
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
	uint64_t offset; /**< In the file. */
	struct host_file *file;
};

/** The result of one VFIO_IOMMU_MAP_DMA. */
struct host_map {
	uint64_t iova, size;
	int prot;
	size_t nb_pieces;
	struct host_piece *pieces; /**< Adjacent; their sizes add up to size. */
};

struct host_container {
	struct host_container *next;
	int fd; /**< Memory file of the container, never locked through this descriptor. */
	ino_t ino;
	struct host_open open;
	int iommu; /**< VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, or 0. */
	unsigned int nb_groups;
	unsigned int nb_remote; /**< Groups whose function is of another process. */
	struct host_map **maps; /**< Sorted by iova. */
	size_t nb_maps, max_maps;
};

/** Check the argument of VFIO_IOMMU_MAP_DMA. @return 0, -EINVAL, -EEXIST or -ENOSPC. */
int host_iommu_check(const struct host_container *container,
		const struct vfio_iommu_type1_dma_map *arg);
/** Add a map to a container and to its functions. Takes over the map, also on failure. */
int host_iommu_map(struct host *host, struct host_container *container, struct host_map *map);
/** VFIO_IOMMU_UNMAP_DMA. @return 0 with *unmapped bytes, or -errno. */
int host_iommu_unmap(struct host *host, struct host_container *container, uint64_t iova,
		uint64_t size, bool all, uint64_t *unmapped);
/** Map all maps of a container in a function; accept maps that the function has already. */
int host_iommu_attach(struct host_container *container, struct host_fn *fn);
void host_iommu_detach(struct host_container *container, struct host_fn *fn);
/** Free all maps of a container without attached functions. */
void host_iommu_free(struct host *host, struct host_container *container);
int host_iommu_info(const struct host_container *container, void *data, size_t len,
		size_t *out_len);
/** A reference to the file of a borrowed descriptor. NULL: out of memory or descriptors. */
struct host_file *host_file_get(struct host *host, int fd);
/** Free a map that is in no container. */
void host_map_free(struct host *host, struct host_map *map);

#endif /* VSR_SIM_HOST_IOMMU_H */
