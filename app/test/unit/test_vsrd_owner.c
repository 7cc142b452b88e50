/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* How an owner leaves its PFs, on a clock that the test moves, and what becomes of memory that a
 * device may still use: the linker puts the functions wrap_* below in the place of those of vsrd,
 * lib/virtio and libc. */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <rte_malloc.h>

#include "vsrd/owner/owner.h"
#include "vsrd/owner/owner_admin.h"
#include "vsrd/owner/owner_keep.h"
#include "vsrd/owner/owner_pf.h"
#include "vsrd/owner/owner_watch.h"
#include "test/fixture/vtest.h"

static long long now_ms = 1000000;
static bool gates_hang, watchers_hang;
static unsigned int nb_resets;

int wrap_clock_gettime(clockid_t clock, struct timespec *now) VTEST_WRAP(clock_gettime);
bool wrap_gate_wait_empty(struct gate *gate, unsigned int wait_ms) VTEST_WRAP(gate_wait_empty);
bool wrap_owner_watch_end(struct owner_pf *pf, unsigned int wait_ms) VTEST_WRAP(owner_watch_end);
int wrap_vio_dev_reset(struct vio_dev *dev) VTEST_WRAP(vio_dev_reset);

int
wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ now_ms / 1000, now_ms % 1000 * 1000000 };
	return 0;
}

static bool
wait_all(bool hangs, unsigned int wait_ms)
{
	if (hangs)
		now_ms += wait_ms;
	return !hangs;
}

bool
wrap_gate_wait_empty(struct gate *gate, unsigned int wait_ms)
{
	(void)gate;
	return wait_all(gates_hang, wait_ms);
}

bool
wrap_owner_watch_end(struct owner_pf *pf, unsigned int wait_ms)
{
	(void)pf;
	return wait_all(watchers_hang, wait_ms);
}

int
wrap_vio_dev_reset(struct vio_dev *dev)
{
	nb_resets++;
	now_ms += dev->timeout_us / 1000;
	return -ETIMEDOUT;
}

static struct owner owner;

/* An owner whose places all have a PF. */
static void
own_all(void)
{
	owner_init(&owner);
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		struct owner_pf *pf = &owner.pfs[i];

		pf->vfio.container = pf->vfio.group = pf->vfio.device = -1;
		pf->dev.timeout_us = VIO_DEV_TIMEOUT_US;
		pf->used = true;
	}
	nb_resets = 0;
}

/* More time would end in a kill by the service manager, in the middle of the last steps. */
static void
all_pfs_together_are_waited_for_once(void)
{
	for (unsigned int kind = 0; kind < 2; kind++) {
		const long long start = now_ms;

		gates_hang = kind == 0;
		watchers_hang = kind == 1;
		own_all();
		VTEST(!owner_leave(&owner));
		VTEST(now_ms - start <= OWNER_LEAVE_MS);
		VTEST_EQ(nb_resets, 0);
	}
}

static void
devices_that_hang_are_left_to_the_kernel(void)
{
	const long long start = now_ms;

	gates_hang = watchers_hang = false;
	own_all();
	VTEST(owner_leave(&owner));
	VTEST(now_ms - start <= OWNER_LEAVE_MS);
	VTEST_EQ(nb_resets, OWNER_MAX_PFS);
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		VTEST(!owner.pfs[i].used);
}

/* ---------------------------------------------------------------- memory of queues */

static int unmap_ret; /* Of the removal of all DMA maps. */
static unsigned int nb_maps, nb_freed;
static bool closed;

int wrap_vio_vfio_dma_unmap_all(struct vio_vfio *vfio) VTEST_WRAP(vio_vfio_dma_unmap_all);
int wrap_vio_vfio_dma_map(struct vio_vfio *vfio, void *addr, uint64_t len, uint64_t iova)
		VTEST_WRAP(vio_vfio_dma_map);
void wrap_vio_vfio_close(struct vio_vfio *vfio) VTEST_WRAP(vio_vfio_close);
void wrap_vio_admin_free(struct vio_admin *admin) VTEST_WRAP(vio_admin_free);

int
wrap_vio_vfio_dma_unmap_all(struct vio_vfio *vfio)
{
	(void)vfio;
	return unmap_ret;
}

int
wrap_vio_vfio_dma_map(struct vio_vfio *vfio, void *addr, uint64_t len, uint64_t iova)
{
	(void)vfio, (void)addr, (void)len, (void)iova;
	nb_maps++;
	return 0;
}

void
wrap_vio_vfio_close(struct vio_vfio *vfio)
{
	(void)vfio;
	closed = true;
}

void
wrap_vio_admin_free(struct vio_admin *admin)
{
	if (admin == NULL)
		return;
	VTEST(closed || unmap_ret == 0);
	nb_freed++;
}

/* A PF with memory and an admin queue. */
static struct owner_pf *
own_one(void)
{
	struct owner_pf *pf = &owner.pfs[0];
	static int queues;
	struct err err;

	owner_init(&owner);
	strcpy(pf->fn.bdf, "0000:01:00.0");
	pf->vfio.container = pf->vfio.group = pf->vfio.device = -1;
	vio_features_add(&pf->dev.accepted, VIRTIO_F_ADMIN_VQ);
	VTEST_EQ(memory_create(&pf->memory, pf->fn.bdf, -1, &err), 0);
	pf->admin = (struct vio_admin *)&queues;
	pf->used = true;
	nb_maps = nb_freed = 0;
	closed = false;
	return pf;
}

static bool
is_there(void *memory)
{
	unsigned char in_core;

	return mincore(memory, 4096, &in_core) == 0 &&
			rte_malloc_heap_get_socket("vsrd 0000:01:00.0") >= 0;
}

static void
memory_that_the_device_reaches_is_neither_freed_nor_used(void)
{
	struct owner_pf *pf = own_one();
	void *memory = pf->memory.addr;

	unmap_ret = -EIO;
	for (int i = 0; i < 2; i++) {
		owner_memory_drop(pf);
		VTEST(is_there(memory));
		VTEST(pf->admin == NULL && pf->memory.addr == NULL);
		/* The device has come back: without other memory it gets no queue. */
		owner_admin_start(pf);
		VTEST(pf->admin == NULL && pf->memory.addr == NULL);
		VTEST(strstr(pf->admin_err.text, "its old queues") != NULL);
	}
	VTEST_EQ(nb_maps, 0);
	VTEST_EQ(nb_freed, 0);
	unmap_ret = 0;
	owner_admin_start(pf);
	VTEST_EQ(nb_freed, 1);
	VTEST_EQ(nb_maps, 1);
	VTEST(pf->memory.addr != NULL);
	owner_clear(pf);
	VTEST_EQ(nb_freed, 1);
}

static void
memory_is_freed_when_the_pf_is_closed(void)
{
	for (int dropped = 0; dropped < 2; dropped++) {
		struct owner_pf *pf = own_one();
		void *memory = pf->memory.addr;

		unmap_ret = -EIO;
		if (dropped != 0)
			owner_memory_drop(pf);
		VTEST(is_there(memory));
		owner_clear(pf);
		VTEST_EQ(nb_freed, 1);
		VTEST(!is_there(memory));
	}
}

int
main(int argc, char **argv)
{
	static const struct vtest_case cases[] = {
		{ "all_pfs_together_are_waited_for_once", all_pfs_together_are_waited_for_once },
		{ "devices_that_hang_are_left_to_the_kernel",
				devices_that_hang_are_left_to_the_kernel },
		{ "memory_that_the_device_reaches_is_neither_freed_nor_used",
				memory_that_the_device_reaches_is_neither_freed_nor_used },
		{ "memory_is_freed_when_the_pf_is_closed", memory_is_freed_when_the_pf_is_closed },
	};
	struct err err;

	if (memory_init(&err) != 0)
		return 1;

	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
