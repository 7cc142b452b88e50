/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Memory of the queues of a PF. */

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "memory.h"

#define PAGE 4096u
/* An access beyond the end of a file ends the process. */
#define SEALS (F_SEAL_SHRINK | F_SEAL_GROW)

int
memory_init(struct err *err)
{
	/* EAL may keep and change them. */
	static char words[][32] = { "vsrd", "--no-huge", "--no-shconf", "--no-pci",
		"--no-telemetry", "--iova-mode=va", "-m", "8", "--log-level=lib.eal:error" };
	char *args[sizeof(words) / sizeof(words[0]) + 1] = { NULL };
	const int nb = sizeof(words) / sizeof(words[0]);
	cpu_set_t cpus;
	int ret;

	for (int i = 0; i < nb; i++)
		args[i] = words[i];

	/* rte_eal_init() pins the calling thread to one processor: undo that. */
	CPU_ZERO(&cpus);
	sched_getaffinity(0, sizeof(cpus), &cpus);
	ret = rte_eal_init(nb, args);
	sched_setaffinity(0, sizeof(cpus), &cpus);
	return ret >= 0 ? 0 :
			  err_set(err, -rte_errno,
					  "cannot set up EAL for the memory "
					  "of queues: %s",
					  rte_strerror(rte_errno));
}

bool
memory_fits(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size == MEMORY_BYTES &&
			(fcntl(fd, F_GET_SEALS) & SEALS) == SEALS;
}

static int
file_create(void)
{
	const int fd = memfd_create("vsrd-queues", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	int ret;

	if (fd >= 0 && ftruncate(fd, MEMORY_BYTES) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	ret = -errno;
	if (fd >= 0)
		close(fd);
	return ret;
}

static int
file_map(struct memory *memory, int fd, struct err *err)
{
	memory->fd = fd >= 0 ? fd : file_create();
	if (memory->fd < 0)
		return err_set(err, memory->fd,
				"cannot create the file for the memory of queues: %s",
				strerror(-memory->fd));
	memory->addr = mmap(NULL, MEMORY_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (memory->addr == MAP_FAILED) {
		memory->addr = NULL;
		return err_set(err, -errno, "cannot map the memory of queues: %s", strerror(errno));
	}
	return 0;
}

static int
heap_create(struct memory *memory, struct err *err)
{
	const unsigned int nb_pages = MEMORY_BYTES / PAGE;
	rte_iova_t *iovas = malloc(nb_pages * sizeof(*iovas));
	int ret;

	if (iovas == NULL)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned int i = 0; i < nb_pages; i++)
		iovas[i] = MEMORY_IOVA + (uint64_t)i * PAGE;
	ret = rte_malloc_heap_create(memory->heap);
	if (ret == 0)
		ret = rte_malloc_heap_memory_add(memory->heap, memory->addr, MEMORY_BYTES, iovas,
				nb_pages, PAGE);
	free(iovas);
	if (ret == 0)
		memory->socket = rte_malloc_heap_get_socket(memory->heap);
	return ret == 0 && memory->socket >= 0 ?
			0 :
			err_set(err, -rte_errno, "cannot add the memory of queues to EAL: %s",
					rte_strerror(rte_errno));
}

int
memory_create(struct memory *memory, const char *bdf, int fd, struct err *err)
{
	int ret;

	memset(memory, 0, sizeof(*memory));
	memory->fd = -1;
	snprintf(memory->heap, sizeof(memory->heap), "vsrd %s", bdf);
	ret = file_map(memory, fd, err);
	if (ret == 0)
		ret = heap_create(memory, err);
	if (ret != 0)
		memory_free(memory);
	return ret;
}

void
memory_free(struct memory *memory)
{
	if (memory->addr != NULL) {
		rte_malloc_heap_memory_remove(memory->heap, memory->addr, MEMORY_BYTES);
		rte_malloc_heap_destroy(memory->heap);
		munmap(memory->addr, MEMORY_BYTES);
	}
	if (memory->fd >= 0)
		close(memory->fd);
	memset(memory, 0, sizeof(*memory));
	memory->fd = -1;
}
