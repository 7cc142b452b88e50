/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Functions of the NIC: creation with DMA map, doorbell memory, vectors and wire; reset; VFs that
 * exist while VF Enable is set.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vsim/nic/vsim_fns.h"
#include "vsim/admin/vsim_admin.h"
#include "vsim/core/vsim_dma.h"
#include "vsim/core/vsim_lock.h"
#include "vsim/data/vsim_filter.h"
#include "vsim/regs/vsim_config_layout.h"
#include "vsim/regs/vsim_status.h"
#include "vsim/ring/vsim_queue.h"
#include "vsim/wire/vsim_wire.h"

/* Without page_per_vq, one page holds all doorbells. */
static_assert((VSIM_MAX_QUEUES / 2 + 1) * VSIM_CACHE_LINE <= VSIM_LEGACY_OWNER_DOORBELLS,
		"doorbells run into those of the owner");
static_assert(VSIM_LEGACY_OWNER_DOORBELLS + 4 * VSIM_MAX_VFS <= VSIM_LEGACY_DOORBELL,
		"doorbells of the owner run into that of the VF");
static_assert(VSIM_LEGACY_DOORBELL + 4 <= VSIM_DOORBELL_PAGE, "doorbells need a second page");
/** Size of a file with an offset for each of the nine VFIO regions. */
#define MEM_FILE_LEN ((off_t)9 << 40)

uint64_t
vsim_doorbell_len(const struct vsim_nic_conf *conf)
{
	/* Queues as vsim_fn_queues_offered() and vsim_fn_nb_admin_queues() count them, at most. */
	const uint64_t queues = 2 * conf->queue_pairs + 1 + conf->admin_queues;

	return (conf->page_per_vq ? queues + 1 : 1) * VSIM_DOORBELL_PAGE;
}

/* Make the memory file. Only the doorbell pages are used, at the offset that VFIO gives BAR4. Pages
 * that are mapped already are replaced in one step: workers read them at any time. */
int
vsim_fn_mem_create(struct vsim_fn *fn)
{
	const off_t offset = VSIM_REGION_OFFSET(VSIM_BAR) + VSIM_BAR_DOORBELLS;
	const uint64_t len = fn->nic->doorbell_len;
	static uint8_t idle[VSIM_DOORBELL_PAGE];
	void *old = (void *)(uintptr_t)fn->doorbells, *page;
	char name[32];
	int fd, ret;

	snprintf(name, sizeof(name), "vsim-fn%u", fn->index);
	fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return -errno;
	memset(idle, 0xff, sizeof(idle));
	/* A client that has the file must not be able to truncate it while workers use it. */
	if (ftruncate(fd, MEM_FILE_LEN) < 0 ||
			fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		goto fail;
	for (uint64_t at = 0; at < len; at += sizeof(idle))
		if (pwrite(fd, idle, sizeof(idle), offset + (off_t)at) != sizeof(idle))
			goto fail;
	page = mmap(old, len, PROT_READ | PROT_WRITE, MAP_SHARED | (old != NULL ? MAP_FIXED : 0),
			fd, offset);
	if (page == MAP_FAILED)
		goto fail;
	if (fn->mem_fd >= 0)
		close(fn->mem_fd);
	fn->mem_fd = fd;
	fn->doorbells = page;
	fn->mem_size = len;
	return 0;

fail:
	ret = -errno;
	close(fd);
	return ret;
}

static void
data_free(struct vsim_fn *fn)
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
		munmap((void *)(uintptr_t)fn->doorbells, fn->mem_size);
	fn->doorbells = NULL;
	if (fn->mem_fd >= 0)
		close(fn->mem_fd);
	fn->mem_fd = -1;
}

static int
data_init(struct vsim_fn *fn)
{
	int ret;

	for (unsigned int v = 0; v < VSIM_MAX_VECTORS; v++)
		fn->irq_fd[v] = -1;
	fn->nb_irq_fds = 0;
	memset(fn->queue, 0, sizeof(fn->queue));
	ret = vsim_fn_mem_create(fn);
	if (ret < 0)
		return ret;
	fn->dma = vsim_dma_create();
	if (fn->dma == NULL) {
		data_free(fn);
		return -ENOMEM;
	}
	fn->wire = fn->nic->wires[fn->index];
	fn->worker = vsim_wire_worker(fn->nic, fn->index);
	vsim_workers_stale(fn->nic);
	return 0;
}

/* ---------------------------------------------------------------- functions */

/* MAC address of a function: that of the PF plus the number of the VF, as a 48-bit number. */
static void
mac_of(const struct vsim_nic *nic, unsigned int index, uint8_t mac[6])
{
	unsigned int carry = index;

	memcpy(mac, nic->conf.mac, 6);
	for (int i = 5; i >= 0; i--) {
		carry += mac[i];
		mac[i] = carry & 0xff;
		carry >>= 8;
	}
}

static void
fn_free(struct vsim_fn *fn)
{
	if (fn == NULL)
		return;
	vsim_admin_free(fn->admin);
	free(fn->filter);
	free(fn->counters);
	free(fn);
}

int
vsim_fn_create(struct vsim_nic *nic, unsigned int index, struct vsim_fn **out)
{
	struct vsim_fn *fn = calloc(1, sizeof(*fn));
	int ret = -ENOMEM;

	if (fn == NULL)
		return -ENOMEM;
	fn->nic = nic;
	fn->index = index;
	fn->worker = index % nic->conf.workers;
	fn->mem_fd = -1;
	fn->link_up = true;
	for (unsigned int v = 0; v < VSIM_MAX_VECTORS; v++)
		fn->irq_fd[v] = -1;
	mac_of(nic, index, fn->mac);
	fn->mtu = nic->conf.mtu;
	fn->counters = calloc(1, sizeof(*fn->counters));
	fn->filter = vsim_filter_create();
	/* Only the owner of the VFs has admin queues. */
	fn->admin = index == 0 ? vsim_admin_create() : NULL;
	if (fn->counters == NULL || fn->filter == NULL || (index == 0 && fn->admin == NULL))
		goto free_fn;
	ret = data_init(fn);
	if (ret < 0)
		goto free_fn;
	*out = fn;
	return 0;
free_fn:
	fn_free(fn);
	return ret;
}

void
vsim_fn_power_up(struct vsim_fn *fn, const struct vsim_features *offered)
{
	fn->offered = *offered;
	vsim_config_reset(fn, true);
	vsim_fn_virtio_reset(fn);
	fn->counters->resets = 0;
}

void
vsim_fn_destroy(struct vsim_fn *fn)
{
	data_free(fn);
	fn_free(fn);
}

/* ---------------------------------------------------------------- VFs come and go */

static void
vfs_remove(struct vsim_nic *nic)
{
	for (unsigned int i = 1; i < VSIM_MAX_FNS; i++) {
		if (nic->fns[i] == NULL)
			continue;
		vsim_fn_virtio_reset(nic->fns[i]);
		vsim_config_reset(nic->fns[i], true);
		__atomic_store_n(&nic->fns[i], NULL, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&nic->num_vfs, 0, __ATOMIC_RELAXED);
}

int
vsim_nic_vfs_set(struct vsim_nic *nic, uint16_t n)
{
	struct vsim_fn *pf = nic->all[0];

	vsim_admin_vfs_changed(pf);
	vfs_remove(nic);
	for (unsigned int i = 1; i <= n; i++) {
		struct vsim_fn *fn = nic->all[i];
		struct vsim_features offered = pf->offered;

		if (fn == NULL) {
			int ret = vsim_fn_create(nic, i, &fn);

			if (ret < 0) {
				vfs_remove(nic);
				return ret;
			}
			vsim_features_put(&offered, VIRTIO_F_SR_IOV, false);
			vsim_features_put(&offered, VIRTIO_F_ADMIN_VQ, false);
			vsim_fn_power_up(fn, &offered);
			__atomic_store_n(&nic->all[i], fn, __ATOMIC_RELEASE);
		}
		__atomic_store_n(&nic->fns[i], fn, __ATOMIC_RELEASE);
	}
	__atomic_store_n(&nic->num_vfs, n, __ATOMIC_RELAXED);
	return 0;
}

void
vsim_fn_flr(struct vsim_fn *fn)
{
	vsim_fn_virtio_reset(fn);
	vsim_config_reset(fn, false);
	if (fn->index == 0)
		vsim_nic_vfs_set(fn->nic, 0);
}
