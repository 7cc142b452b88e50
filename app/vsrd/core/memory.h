/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_MEMORY_H
#define VSRD_MEMORY_H

/**
 * @file
 * Memory of the queues of a PF: a file that outlives the process and is mapped for DMA once.
 *
 * lib/virtio allocates from EAL by NUMA node ("socket"). Each PF gets a heap of its own, made of
 * its file, with a socket number of its own. The DMA map belongs to the VFIO container, which is
 * kept together with the file: the next process maps the file and need not change the IOMMU.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/err.h"

#define MEMORY_BYTES (16u * 1024 * 1024)
#define MEMORY_IOVA UINT64_C(0x100000000) /**< Bus address of the file: above MSI windows. */

struct memory {
	int fd;
	void *addr;
	int socket; /**< Socket number of the heap, for lib/virtio. */
	char heap[32];
};

/** Start EAL, once, without devices and hugepages. The CPU affinity of the caller is kept. */
int memory_init(struct err *err);

/** Whether a file that an earlier process left can be taken over: of this size, and for good. */
bool memory_fits(int fd);
/**
 * Create the memory of a PF.
 * @param fd  File for which memory_fits(), which is taken over; -1: create a file.
 */
int memory_create(struct memory *memory, const char *bdf, int fd, struct err *err);
/** Free the memory. Neither this process nor the device uses it any more. */
void memory_free(struct memory *memory);

#endif /* VSRD_MEMORY_H */
