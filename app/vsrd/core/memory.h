/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_MEMORY_H
#define VSRD_MEMORY_H

/**
 * @file
 * Memory of a PF's queues: a file that outlives the process, mapped for DMA once.
 *
 * lib/virtio takes memory from EAL by NUMA node; each PF gets a heap of its own there, over its
 * file. The map of the IOMMU belongs to the container, which is kept with the file: the next
 * process maps the same pages and has nothing to ask of the IOMMU.
 */

#include <stddef.h>
#include <stdint.h>

#include "common/why.h"

#define MEMORY_BYTES (16u * 1024 * 1024)
#define MEMORY_IOVA UINT64_C(0x100000000) /**< Bus address of the file: above MSI windows. */

struct memory {
	int fd;
	void *addr;
	int socket; /**< What lib/virtio is told. */
	char heap[32];
};

/** Start EAL without devices and hugepages, once. Threads keep their processors. */
int memory_init(struct why *why);

/**
 * Make the memory of a PF.
 * @param fd  File of an earlier process, which is taken over; -1: a new one.
 */
int memory_create(struct memory *memory, const char *bdf, int fd, struct why *why);
/** Nobody may use it any more, the device included. Idle when there is none. */
void memory_free(struct memory *memory);

#endif /* VSRD_MEMORY_H */
