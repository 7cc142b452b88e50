/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/**
 * @file
 * What the data half keeps for a function: DMA map, doorbell memory, vectors, its wire.
 */

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "vsim/regs/vsim_regs.h"
#include "vsim/wire/vsim_wire.h"

/** One page holds the doorbells of all queues. */
#define DOORBELL_PAGE 4096
static_assert((VSIM_MAX_QUEUES / 2 + 1) * VSIM_CACHE_LINE <= VSIM_LEGACY_OWNER_DOORBELLS,
		"doorbells run into those of the owner");
static_assert(VSIM_LEGACY_OWNER_DOORBELLS + 4 * VSIM_MAX_VFS <= VSIM_LEGACY_DOORBELL,
		"doorbells of the owner run into that of the VF");
static_assert(VSIM_LEGACY_DOORBELL + 4 <= DOORBELL_PAGE, "doorbells need a second page");
/** Far enough for a memory file with a place for each of the nine VFIO regions. */
#define MEM_FILE_LEN ((off_t)9 << 40)

/** A file that is the doorbell page, standing where VFIO has BAR4, and nothing else. */
static int
mem_create(struct vsim_fn *fn)
{
	char name[32];
	void *page;
	int error;

	snprintf(name, sizeof(name), "vsim-fn%u", fn->index);
	fn->mem_fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fn->mem_fd < 0)
		return -errno;
	/* Whoever gets the file must not be able to cut it short under the workers. */
	if (ftruncate(fn->mem_fd, MEM_FILE_LEN) < 0 ||
			fcntl(fn->mem_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
					0)
		goto fail;
	page = mmap(NULL, DOORBELL_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fn->mem_fd,
			VSIM_REGION_OFFSET(VSIM_BAR) + VSIM_BAR_DOORBELLS);
	if (page == MAP_FAILED)
		goto fail;
	memset(page, 0xff, DOORBELL_PAGE);
	fn->doorbells = page;
	fn->mem_size = DOORBELL_PAGE;
	return 0;

fail:
	error = errno;
	close(fn->mem_fd);
	fn->mem_fd = -1;
	return -error;
}

int
vsim_fn_data_init(struct vsim_fn *fn)
{
	int ret;

	for (unsigned int v = 0; v < VSIM_MAX_VECTORS; v++)
		fn->irq_fd[v] = -1;
	fn->nb_irq_fds = 0;
	memset(fn->queue, 0, sizeof(fn->queue));
	ret = mem_create(fn);
	if (ret < 0)
		return ret;
	fn->dma = vsim_dma_create();
	if (fn->dma == NULL) {
		vsim_fn_data_free(fn);
		return -ENOMEM;
	}
	fn->wire = fn->nic->wires[fn->index];
	fn->worker = vsim_wire_worker(fn->nic, fn->index);
	vsim_workers_stale(fn->nic);
	return 0;
}

void
vsim_fn_data_free(struct vsim_fn *fn)
{
	for (uint16_t qi = 0; qi < VSIM_MAX_QUEUES; qi++)
		vsim_queue_deactivate(fn, qi);
	vsim_dma_free(fn->dma);
	fn->dma = NULL;
	for (unsigned int v = 0; v < VSIM_MAX_VECTORS; v++) {
		if (fn->irq_fd[v] >= 0)
			close(fn->irq_fd[v]);
		fn->irq_fd[v] = -1;
	}
	fn->nb_irq_fds = 0;
	if (fn->doorbells != NULL)
		munmap((void *)(uintptr_t)fn->doorbells, DOORBELL_PAGE);
	fn->doorbells = NULL;
	if (fn->mem_fd >= 0)
		close(fn->mem_fd);
	fn->mem_fd = -1;
}

static void
word_idle(_Atomic uint32_t *page, uint32_t offset)
{
	if (page != NULL)
		atomic_store(&page[offset / sizeof(*page)], VSIM_DOORBELL_IDLE);
}

void
vsim_legacy_doorbells_idle(struct vsim_fn *fn)
{
	const struct vsim_fn *pf = fn->nic->all[0];

	word_idle(fn->doorbells, VSIM_LEGACY_DOORBELL);
	if (fn->index > 0 && pf != NULL)
		word_idle(pf->doorbells, VSIM_LEGACY_OWNER_DOORBELLS + 4 * (fn->index - 1));
}

int
vsim_fn_mem_fd(const struct vsim_fn *fn, uint64_t *size)
{
	if (size != NULL)
		*size = fn->mem_size;
	return fn->mem_fd;
}
