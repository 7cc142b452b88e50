/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* VFIO of the simulated host: DMA maps, regions, configuration space, interrupts, several
 * processes, and peers that break the protocol. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/base_memory.h"
#include "test/fixture/host_rig.h"

/* ---------------------------------------------------------------- DMA */

static void
dma_memory_is_shared_with_the_device(void)
{
	uint8_t *memory = t_memory(4 * 4096);
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_map(fn.container, 0x100000, memory + 4096, 2 * 4096), 0);
	VTEST_EQ(host_rig.pf.nb_maps, 1);
	memory[4096 + 5] = 42;
	VTEST_EQ(*toy_dma(&host_rig.pf, 0x100005), 42);
	*toy_dma(&host_rig.pf, 0x101fff) = 43;
	VTEST_EQ(memory[3 * 4096 - 1], 43);
	VTEST(toy_dma(&host_rig.pf, 0x102000) == NULL);
	VTEST_EQ(t_unmap(fn.container, 0x100000, 2 * 4096), 2 * 4096);
	VTEST_EQ(host_rig.pf.nb_maps, 0);
	t_fn_close(&fn);
	host_rig_down();
	munmap(memory, 4 * 4096);
}

static void
dma_errors_are_those_of_linux(void)
{
	uint8_t *memory = t_memory(4 * 4096);
	const uintptr_t at = (uintptr_t)memory;
	const uint32_t rw = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE;
	const struct {
		struct vfio_iommu_type1_dma_map map;
		int want;
	} cases[] = {
		{ { 32, rw, at, 0x10000, 4096 }, -EEXIST },
		{ { 32, rw, at, 0xf000, 8192 }, -EEXIST },
		{ { 32, rw, at, 0x11000, 4096 }, -EEXIST },
		{ { 32, rw, at, 0x20800, 4096 }, -EINVAL },
		{ { 32, rw, at + 1, 0x20000, 4096 }, -EINVAL },
		{ { 32, rw, at, 0x20000, 100 }, -EINVAL },
		{ { 32, rw, at, 0x20000, 0 }, -EINVAL },
		{ { 32, 0, at, 0x20000, 4096 }, -EINVAL },
		{ { 32, rw | 8, at, 0x20000, 4096 }, -EINVAL },
		{ { 31, rw, at, 0x20000, 4096 }, -EINVAL },
		{ { 32, rw, at, UINT64_MAX - 4095, 8192 }, -EINVAL },
		{ { 32, rw, at, 1ull << 48, 4096 }, -EINVAL },
		{ { 32, rw, at, 0xfee00000, 4096 }, -EINVAL }, /* the range of interrupts */
		{ { 32, rw, 0x1000, 0x20000, 4096 }, -EFAULT },
		{ { 32, rw, at, 0x20000, 4096 }, 0 },
		{ { 32, VFIO_DMA_MAP_FLAG_READ, at, 0x30000, 4096 }, 0 },
	};
	struct t_fn fn;
	int group;

	host_rig_up();
	fn.container = t_open("/dev/vfio/vfio");
	VTEST_EQ(t_map(fn.container, 0x10000, memory, 8192), -EINVAL); /* no IOMMU type is set */
	close(fn.container);
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_map(fn.container, 0x10000, memory, 8192), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		VTEST_EQ(t_ioctl(fn.container, VFIO_IOMMU_MAP_DMA, (uintptr_t)&cases[i].map),
				cases[i].want);
	VTEST_EQ(t_ioctl(fn.container, VFIO_IOMMU_MAP_DMA, 8), -EFAULT);
	group = fn.group;
	VTEST_EQ(t_ioctl(group, VFIO_IOMMU_MAP_DMA, (uintptr_t)&cases[0].map), -ENOTTY);
	VTEST_EQ(host_rig.pf.nb_maps, 3);
	t_fn_close(&fn);
	host_rig_down();
	munmap(memory, 4 * 4096);
}

static void
memory_that_no_file_holds_is_refused(void)
{
	uint8_t *private = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
			0);
	uint8_t *shared = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
			-1, 0);
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_map(fn.container, 0x10000, private, 8192), -EFAULT);
	/* Anonymous shared memory has a file. */
	VTEST_EQ(t_map(fn.container, 0x20000, shared, 3 * 4096), 0);
	shared[4096] = 9;
	VTEST_EQ(*toy_dma(&host_rig.pf, 0x21000), 9);
	VTEST_EQ(t_unmap(fn.container, 0x20000, 3 * 4096), 3 * 4096);
	/* A gap in the memory. */
	munmap(shared + 4096, 4096);
	VTEST_EQ(t_map(fn.container, 0x20000, shared, 3 * 4096), -EFAULT);
	VTEST_EQ(host_rig.pf.nb_maps, 0);
	t_fn_close(&fn);
	host_rig_down();
	munmap(private, 8192);
	munmap(shared, 3 * 4096);
}

static void
dma_of_a_file_that_is_too_short_is_refused(void)
{
	const int fd = memfd_create("short", MFD_CLOEXEC);
	uint8_t *area = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct t_fn fn;

	VTEST(fd >= 0 && area != MAP_FAILED);
	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_map(fn.container, 0x10000, area, 4 * 4096), -EFAULT);
	VTEST_EQ(ftruncate(fd, 3 * 4096), 0);
	VTEST_EQ(t_map(fn.container, 0x10000, area, 4 * 4096), -EFAULT);
	VTEST_EQ(host_rig.pf.nb_maps, 0);
	VTEST_EQ(t_map(fn.container, 0x10000, area, 3 * 4096), 0);
	VTEST_EQ(t_unmap(fn.container, 0x10000, 3 * 4096), 3 * 4096);
	VTEST_EQ(ftruncate(fd, 3 * 4096 + 1), 0);
	VTEST_EQ(t_map(fn.container, 0x10000, area, 4 * 4096), 0);
	t_fn_close(&fn);
	host_rig_down();
	munmap(area, 4 * 4096);
	close(fd);
}

/* A device that reads a page of another file would wait for the file system of the program. */
static void
dma_of_a_file_that_is_no_memory_is_refused(void)
{
	const int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint8_t *area = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map),
		.iova = 0x10000,
		.size = 4096,
		.flags = VFIO_DMA_MAP_FLAG_READ };
	struct t_fn fn;

	VTEST(fd >= 0 && area != MAP_FAILED);
	if (base_is_memory(fd)) {
		munmap(area, 4096);
		close(fd);
		VTEST_SKIP("the build folder is in memory");
	}
	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	map.vaddr = (uintptr_t)area;
	VTEST_EQ(t_ioctl(fn.container, VFIO_IOMMU_MAP_DMA, (uintptr_t)&map), -EFAULT);
	VTEST_EQ(host_rig.pf.nb_maps, 0);
	t_fn_close(&fn);
	host_rig_down();
	munmap(area, 4096);
	close(fd);
}

/* A handler that takes the lock too would wait for the code that it has interrupted, for ever. */
static void
locks_of_the_preload_are_held_with_signals_blocked(void)
{
	static _Atomic pid_t outer, inner;
	uint64_t before, between;
	sigset_t now;

	before = shim_lock(&outer);
	between = shim_lock(&inner);
	for (int i = 0; i < 2; i++) {
		VTEST_EQ(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
		VTEST(sigismember(&now, SIGALRM) == 1 && sigismember(&now, SIGRTMIN) == 1);
		/* A register is accessed by a fault. */
		VTEST(sigismember(&now, SIGSEGV) == 0);
		if (i == 0)
			shim_unlock(&inner, between);
	}
	shim_unlock(&outer, before);
	VTEST_EQ(pthread_sigmask(SIG_BLOCK, NULL, &now), 0);
	VTEST(sigismember(&now, SIGALRM) == 0 && sigismember(&now, SIGRTMIN) == 0);
}

static void
dma_range_of_many_files_is_one_map(void)
{
	const unsigned int nb = 200; /* more than the descriptors of one message */
	uint8_t *area = mmap(NULL, nb * 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct t_fn fn;

	for (unsigned int i = 0; i < nb; i++) {
		const int fd = memfd_create("page", MFD_CLOEXEC);

		VTEST_EQ(ftruncate(fd, 3 * 4096), 0);
		VTEST(mmap(area + i * 8192, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
				      fd, i % 2 * 4096) != MAP_FAILED);
		close(fd);
		area[i * 8192] = i;
	}
	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_map(fn.container, 0x40000000, area, nb * 8192), 0);
	VTEST_EQ(host_rig.pf.nb_maps, nb);
	for (unsigned int i = 0; i < nb; i++)
		VTEST_EQ(*toy_dma(&host_rig.pf, 0x40000000 + i * 8192), (uint8_t)i);
	VTEST_EQ(t_unmap(fn.container, 0x40000000, nb * 8192), nb * 8192);
	VTEST_EQ(host_rig.pf.nb_maps, 0);
	t_fn_close(&fn);
	host_rig_down();
	munmap(area, nb * 8192);
}

static void
unmap_takes_whole_maps(void)
{
	static const struct {
		uint64_t iova, size;
		long long v1, v2; /* Answers; maps are [0x10000,0x12000) and [0x14000,0x18000). */
	} cases[] = {
		{ 0x10000, 0x2000, 0x2000, 0x2000 },
		{ 0x0, 0x100000, 0x6000, 0x6000 },
		{ 0x20000, 0x1000, 0, 0 },
		{ 0x11000, 0x1000, 0, -EINVAL },
		{ 0x10000, 0x1000, 0x2000, -EINVAL },
		{ 0x10000, 0x5000, 0x6000, -EINVAL },
		{ 0x10800, 0x1000, -EINVAL, -EINVAL },
		{ 0x10000, 0, -EINVAL, -EINVAL },
		{ 0x10000, 0x123, -EINVAL, -EINVAL },
		{ UINT64_MAX - 4095, 0x2000, -EINVAL, -EINVAL },
	};
	uint8_t *memory = t_memory(0x8000);

	for (unsigned int v2 = 0; v2 < 2; v2++) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			const long long want = v2 ? cases[i].v2 : cases[i].v1;
			uint64_t left = 0;
			struct t_fn fn = { -1, -1, -1 };

			host_rig_up();
			fn.container = t_open("/dev/vfio/vfio");
			fn.group = t_group(PF);
			VTEST_EQ(t_ioctl(fn.group, VFIO_GROUP_SET_CONTAINER,
						 (uintptr_t)&fn.container),
					0);
			VTEST_EQ(t_ioctl(fn.container, VFIO_SET_IOMMU,
						 v2 ? VFIO_TYPE1v2_IOMMU : VFIO_TYPE1_IOMMU),
					0);
			VTEST_EQ(t_map(fn.container, 0x14000, memory, 0x4000), 0);
			VTEST_EQ(t_map(fn.container, 0x10000, memory + 0x4000, 0x2000), 0);
			VTEST_EQ(t_unmap(fn.container, cases[i].iova, cases[i].size), want);
			for (unsigned int m = 0; m < host_rig.pf.nb_maps; m++)
				left += host_rig.pf.maps[m].size;
			VTEST_EQ(left, 0x6000 - (want > 0 ? want : 0));
			t_fn_close(&fn);
			host_rig_down();
		}
	}
	munmap(memory, 0x8000);
}

static void
unmap_all_is_supported(void)
{
	struct vfio_iommu_type1_dma_unmap all = { .argsz = sizeof(all),
		.flags = VFIO_DMA_UNMAP_FLAG_ALL };
	uint8_t *memory = t_memory(0x8000);
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_map(fn.container, 0x14000, memory, 0x4000), 0);
	VTEST_EQ(t_map(fn.container, 0x10000, memory + 0x4000, 0x2000), 0);
	all.size = 4096;
	VTEST_EQ(t_ioctl(fn.container, VFIO_IOMMU_UNMAP_DMA, (uintptr_t)&all), -EINVAL);
	all.size = 0;
	VTEST_EQ(t_ioctl(fn.container, VFIO_IOMMU_UNMAP_DMA, (uintptr_t)&all), 0);
	VTEST_EQ(all.size, 0x6000);
	VTEST_EQ(host_rig.pf.nb_maps, 0);
	t_fn_close(&fn);
	host_rig_down();
	munmap(memory, 0x8000);
}

static void
maps_follow_the_group_into_and_out_of_a_container(void)
{
	uint8_t *memory = t_memory(0x8000);
	struct t_fn first, second;

	host_rig_up();
	VTEST_EQ(t_fn_open(&first, -1, PF, NULL), 0);
	VTEST_EQ(t_map(first.container, 0x10000, memory, 0x4000), 0);
	VTEST_EQ(t_map(first.container, 0x20000, memory + 0x4000, 0x4000), 0);
	VTEST_EQ(host_rig.other.nb_maps, 0);
	VTEST_EQ(t_fn_open(&second, first.container, OTHER, NULL), 0);
	VTEST_EQ(host_rig.other.nb_maps, 2);
	VTEST_EQ(t_unmap(first.container, 0x20000, 0x4000), 0x4000);
	VTEST_EQ(host_rig.pf.nb_maps + host_rig.other.nb_maps, 2);
	/* A group leaves and the other keeps its maps; the last group removes all maps. */
	close(first.device);
	close(first.group);
	VTEST_EQ(t_nb_open(PF), 0);
	VTEST_EQ(host_rig.pf.nb_maps, 0);
	VTEST_EQ(host_rig.other.nb_maps, 1);
	close(second.device);
	close(second.group);
	VTEST_EQ(t_nb_open(OTHER), 0);
	VTEST_EQ(host_rig.other.nb_maps, 0);
	/* The container has no IOMMU type and no maps. */
	VTEST_EQ(t_map(first.container, 0x10000, memory, 0x4000), -EINVAL);
	second.group = t_group(OTHER);
	VTEST_EQ(t_ioctl(second.group, VFIO_GROUP_SET_CONTAINER, (uintptr_t)&first.container), 0);
	VTEST_EQ(t_ioctl(first.container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU), 0);
	VTEST_EQ(t_map(first.container, 0x10000, memory, 0x4000), 0);
	close(second.group);
	close(first.container);
	host_rig_down();
	munmap(memory, 0x8000);
}

static void
map_that_one_device_refuses_is_taken_back(void)
{
	uint8_t *memory = t_memory(0x8000);
	struct t_fn first, second;

	host_rig_up();
	VTEST_EQ(t_fn_open(&first, -1, PF, NULL), 0);
	VTEST_EQ(t_fn_open(&second, first.container, OTHER, NULL), 0);
	host_rig.other.fail_dma = -ENOMEM;
	VTEST_EQ(t_map(first.container, 0x10000, memory, 0x4000), -ENOMEM);
	VTEST_EQ(host_rig.pf.nb_maps, 0);
	VTEST_EQ(t_map(first.container, 0x10000, memory, 0x4000), 0);
	VTEST_EQ(host_rig.pf.nb_maps + host_rig.other.nb_maps, 2);
	second.container = -1;
	t_fn_close(&second);
	t_fn_close(&first);
	/* A device that refuses the maps of the container does not join it. */
	VTEST_EQ(t_fn_open(&first, -1, PF, NULL), 0);
	VTEST_EQ(t_map(first.container, 0x10000, memory, 0x4000), 0);
	host_rig.other.fail_dma = -ENOMEM;
	VTEST_EQ(t_fn_open(&second, first.container, OTHER, NULL), -ENOMEM);
	second.container = -1;
	t_fn_close(&second);
	t_fn_close(&first);
	host_rig_down();
	munmap(memory, 0x8000);
}

static void
iommu_info_tells_its_ranges(void)
{
	struct {
		struct vfio_iommu_type1_info info;
		uint8_t room[256];
	} full = { .info.argsz = sizeof(full) };
	struct vfio_iommu_type1_info bare = { .argsz = 16 };
	const struct vfio_iommu_type1_info_cap_iova_range *cap;
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_ioctl(fn.container, VFIO_IOMMU_GET_INFO, (uintptr_t)&bare), 0);
	VTEST((bare.flags & VFIO_IOMMU_INFO_PGSIZES) != 0 && (bare.iova_pgsizes & 4096) != 0);
	VTEST(bare.argsz > 16);
	VTEST_EQ(t_ioctl(fn.container, VFIO_IOMMU_GET_INFO, (uintptr_t)&full), 0);
	VTEST_EQ(full.info.cap_offset, sizeof(full.info));
	cap = (const void *)((uint8_t *)&full + full.info.cap_offset);
	VTEST_EQ(cap->header.id, VFIO_IOMMU_TYPE1_INFO_CAP_IOVA_RANGE);
	VTEST_EQ(cap->nr_iovas, 2);
	VTEST_EQ(cap->iova_ranges[1].end, (1ll << 48) - 1);
	t_fn_close(&fn);
	host_rig_down();
}

/* ---------------------------------------------------------------- regions */

static void
device_is_described(void)
{
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct vfio_region_info region = { .argsz = sizeof(region), .index = TOY_BAR };
	struct {
		struct vfio_region_info info;
		uint8_t caps[64];
	} full = { .info = { .argsz = sizeof(full), .index = TOY_BAR } };
	const struct vfio_region_info_cap_sparse_mmap *sparse;
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_GET_INFO, (uintptr_t)&info), 0);
	VTEST_EQ(info.flags, VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET);
	VTEST_EQ(info.num_regions, VFIO_PCI_NUM_REGIONS);
	VTEST_EQ(info.num_irqs, VFIO_PCI_NUM_IRQS);
	info.argsz = 8;
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_GET_INFO, (uintptr_t)&info), -EINVAL);

	/* Too little room for the capability: the answer has the needed size. */
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_GET_REGION_INFO, (uintptr_t)&region), 0);
	VTEST_EQ(region.size, TOY_BAR_SIZE);
	VTEST_EQ(region.offset, BAR(0));
	VTEST_EQ(region.flags,
			VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
					VFIO_REGION_INFO_FLAG_MMAP | VFIO_REGION_INFO_FLAG_CAPS);
	VTEST(region.argsz > sizeof(region) && region.cap_offset == 0);
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_GET_REGION_INFO, (uintptr_t)&full), 0);
	sparse = (const void *)((uint8_t *)&full + full.info.cap_offset);
	VTEST_EQ(sparse->header.id, VFIO_REGION_INFO_CAP_SPARSE_MMAP);
	VTEST_EQ(sparse->nr_areas, 1);
	VTEST_EQ(sparse->areas[0].offset, 0x1000);
	region = (struct vfio_region_info){ .argsz = sizeof(region), .index = 0 };
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_GET_REGION_INFO, (uintptr_t)&region), 0);
	VTEST(region.size == 0 && region.flags == 0);
	region = (struct vfio_region_info){ .argsz = sizeof(region), .index = 8 };
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_GET_REGION_INFO, (uintptr_t)&region), -EINVAL);
	t_fn_close(&fn);
	host_rig_down();
}

static void
regions_are_read_and_written_but_for_the_msix_table(void)
{
	uint8_t out[64], back[64];
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	for (unsigned int i = 0; i < sizeof(out); i++)
		out[i] = i + 1;
	VTEST_EQ(t_pwrite(fn.device, out + 1, 21, BAR(TOY_REG_PLAIN + 1)), 21);
	VTEST_EQ(t_pread(fn.device, back, 21, BAR(TOY_REG_PLAIN + 1)), 21);
	VTEST(memcmp(out + 1, back, 21) == 0);
	VTEST_EQ(host_rig.pf.regs[TOY_REG_PLAIN], 0);
	VTEST_EQ(t_read32(fn.device, BAR(TOY_REG_COUNT)), 0);
	VTEST_EQ(t_read32(fn.device, BAR(TOY_REG_COUNT)), 1);
	VTEST_EQ(t_pwrite(fn.device, out, 16, BAR(0)), 16);
	VTEST_EQ(t_read32(fn.device, BAR(0)), 0xffffffff);
	VTEST_EQ(host_rig.pf.regs[0], 0);
	/* An access across the end is shortened, one beyond the end reads nothing. */
	VTEST_EQ(t_pread(fn.device, back, 64, BAR(TOY_BAR_SIZE - 8)), 8);
	VTEST_EQ(t_pread(fn.device, back, 4, BAR(TOY_BAR_SIZE)), -EINVAL);
	VTEST_EQ(t_pread(fn.device, back, 4, 0), -EINVAL);
	VTEST_EQ(t_pread(fn.device, back, 4, 9ull << 40), -EINVAL);
	VTEST_EQ(t_pread(fn.device, back, 4, UINT64_MAX - 8), -EINVAL);
	t_fn_close(&fn);
	host_rig_down();
}

static void
config_space_is_filtered(void)
{
	const uint32_t ones = 0xffffffff;
	struct t_fn pf, vf;
	uint8_t all[PCI_CFG_EXT_SIZE];

	host_rig_up();
	VTEST_EQ(t_fn_open(&pf, -1, PF, TOKEN_A), 0);
	VTEST_EQ(host_sriov_numvfs_set(host_rig.host, PF, 2), 0);
	VTEST_EQ(t_fn_open(&vf, pf.container, VF1, TOKEN_A), 0);
	VTEST_EQ(t_pread(pf.device, all, sizeof(all), CONFIG(0)), sizeof(all));
	VTEST_EQ(toy_get(all, 4), 0x10411af4);

	/* Sizing of BARs works and does not reach the device. */
	VTEST_EQ(t_pwrite(pf.device, &ones, 4, CONFIG(PCI_CFG_BAR0 + 16)), 4);
	VTEST_EQ(t_read32(pf.device, CONFIG(PCI_CFG_BAR0 + 16)),
			0xffffffff - TOY_BAR_SIZE + 1 + 0xc);
	VTEST_EQ(t_pwrite(pf.device, &ones, 4, CONFIG(PCI_CFG_BAR0)), 4);
	VTEST_EQ(t_read32(pf.device, CONFIG(PCI_CFG_BAR0)), 0);
	VTEST(toy_get(host_rig.pf.config + PCI_CFG_BAR0 + 20, 4) == 0x3820);

	/* The system controls SR-IOV and MSI-X, the program controls vendor capabilities. */
	VTEST_EQ(t_pwrite(pf.device, "\0\0\0\0", 4, CONFIG(TOY_CAP_SRIOV + 8)), 4);
	VTEST_EQ(host_rig.pf.num_vfs, 2);
	VTEST_EQ(t_pwrite(pf.device, &ones, 2, CONFIG(TOY_CAP_MSIX + 2)), 2);
	VTEST_EQ(toy_get(host_rig.pf.config + TOY_CAP_MSIX + 2, 2), TOY_VECTORS - 1);
	VTEST_EQ(t_pwrite(pf.device, &ones, 4, CONFIG(TOY_CAP_VENDOR + 8)), 4);
	VTEST_EQ(toy_get(host_rig.pf.config + TOY_CAP_VENDOR + 8, 4), ones);

	/* Writes of the command register reach the device, except the memory bit of a VF. */
	VTEST_EQ(t_pwrite(pf.device, "\6", 1, CONFIG(PCI_CFG_COMMAND)), 1);
	VTEST_EQ(host_rig.pf.config[PCI_CFG_COMMAND], 6);
	VTEST_EQ(t_read32(vf.device, CONFIG(0)), 0x10411af4);
	VTEST_EQ(t_read32(vf.device, CONFIG(PCI_CFG_COMMAND)) & 0xffff, 2);
	VTEST_EQ(t_pwrite(vf.device, "\4\0", 2, CONFIG(PCI_CFG_COMMAND)), 2);
	VTEST_EQ(t_read32(vf.device, CONFIG(PCI_CFG_COMMAND)) & 0xffff, 4);
	VTEST_EQ(host_rig.vfs[0].config[PCI_CFG_COMMAND], 4);
	VTEST_EQ(t_read32(vf.device, CONFIG(PCI_CFG_BAR0 + 16)) & 0xf, 0xc);

	/* sysfs shows the registers of the device. */
	VTEST_EQ(host_config_read(host_rig.host, VF1, 0, all, 4), 0);
	VTEST_EQ(toy_get(all, 4), 0xffffffff);
	VTEST_EQ(host_config_read(host_rig.host, PF, 4094, all, 4), -EINVAL);
	VTEST_EQ(t_pread(pf.device, all, 4, CONFIG(4096)), -EFAULT);
	vf.container = -1;
	t_fn_close(&vf);
	t_fn_close(&pf);
	host_rig_down();
}

static void
reset_comes_by_ioctl_and_by_register(void)
{
	const uint16_t flr = 0x8000;
	struct host_fn_info info;
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(t_pwrite(fn.device, "\6\0", 2, CONFIG(PCI_CFG_COMMAND)), 2);
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_RESET, 0), 0);
	VTEST_EQ(host_rig.pf.resets, 2); /* one of them by the first open */
	VTEST_EQ(host_rig.pf.config[PCI_CFG_COMMAND], 6);
	VTEST_EQ(t_pwrite(fn.device, &flr, 2, CONFIG(TOY_CAP_EXPRESS + 8)), 2);
	VTEST_EQ(host_rig.pf.resets, 3);
	VTEST_EQ(host_sysfs_reset(host_rig.host, PF), 0);
	VTEST_EQ(host_rig.pf.resets, 4);
	VTEST_EQ(host_fn_info(host_rig.host, PF, &info), 0);
	VTEST_EQ(toy_get(host_rig.pf.config + PCI_CFG_BAR0 + 16, 4),
			(uint32_t)info.bar_start[4] | 0xc);
	t_fn_close(&fn);
	host_rig_down();
}

/* ---------------------------------------------------------------- interrupts */

static int
set_irqs(int device, uint32_t index, uint32_t flags, uint32_t start, uint32_t count,
		const int32_t *fds)
{
	uint8_t room[sizeof(struct vfio_irq_set) + 4 * TOY_VECTORS];
	struct vfio_irq_set set = { .argsz = sizeof(room),
		.index = index,
		.start = start,
		.count = count,
		.flags = flags | VFIO_IRQ_SET_ACTION_TRIGGER };

	memcpy(room, &set, sizeof(set));
	if (fds != NULL)
		memcpy(room + sizeof(set), fds, 4 * (count < TOY_VECTORS ? count : TOY_VECTORS));
	return t_ioctl(device, VFIO_DEVICE_SET_IRQS, (uintptr_t)room);
}

static bool
signalled(int fd)
{
	struct pollfd wait = { .fd = fd, .events = POLLIN };
	uint64_t count;

	return poll(&wait, 1, 0) == 1 && read(fd, &count, 8) == 8;
}

static void
vectors_signal_event_descriptors(void)
{
	const uint32_t msix = VFIO_PCI_MSIX_IRQ_INDEX, eventfds = VFIO_IRQ_SET_DATA_EVENTFD;
	const int32_t bad[1] = { STDOUT_FILENO };
	int32_t fds[TOY_VECTORS];
	struct t_fn fn;
	int pipes[2];

	for (unsigned int v = 0; v < TOY_VECTORS; v++)
		fds[v] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(set_irqs(fn.device, msix, eventfds, 0, 3, fds), 0);
	/* The system unmasked the table entries and enabled MSI-X. */
	VTEST_EQ(host_rig.pf.regs[2 * PCI_MSIX_ENTRY_LEN + PCI_MSIX_ENTRY_CTRL], 0);
	VTEST_EQ(host_rig.pf.regs[3 * PCI_MSIX_ENTRY_LEN + PCI_MSIX_ENTRY_CTRL],
			PCI_MSIX_ENTRY_MASKED);
	VTEST((toy_get(host_rig.pf.config + TOY_CAP_MSIX + 2, 2) & PCI_MSIX_CTRL_ENABLE) != 0);
	VTEST_EQ(toy_irq_trigger(&host_rig.pf, msix, 1, 1), 0);
	VTEST(!signalled(fds[0]) && signalled(fds[1]) && !signalled(fds[2]));
	VTEST_EQ(set_irqs(fn.device, msix, VFIO_IRQ_SET_DATA_NONE, 2, 1, NULL), 0);
	VTEST(signalled(fds[2]));
	/* The vectors survive a reset. */
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_RESET, 0), 0);
	VTEST_EQ(host_rig.pf.regs[2 * PCI_MSIX_ENTRY_LEN + PCI_MSIX_ENTRY_CTRL], 0);
	VTEST((toy_get(host_rig.pf.config + TOY_CAP_MSIX + 2, 2) & PCI_MSIX_CTRL_ENABLE) != 0);

	/* Requests that are refused. */
	VTEST_EQ(set_irqs(fn.device, msix, eventfds, 5, 4, fds), -EINVAL);
	VTEST_EQ(set_irqs(fn.device, msix, eventfds, 8, 1, fds), -EINVAL);
	VTEST_EQ(set_irqs(fn.device, msix, eventfds, UINT32_MAX, 2, fds), -EINVAL);
	VTEST_EQ(set_irqs(fn.device, 5, eventfds, 0, 1, fds), -EINVAL);
	VTEST_EQ(set_irqs(fn.device, msix, eventfds | VFIO_IRQ_SET_DATA_BOOL, 0, 1, fds), -EINVAL);
	VTEST_EQ(set_irqs(fn.device, VFIO_PCI_INTX_IRQ_INDEX, eventfds, 0, 1, fds), -EINVAL);
	VTEST_EQ(pipe(pipes), 0);
	VTEST_EQ(set_irqs(fn.device, msix, eventfds, 0, 1, bad), -EINVAL);
	VTEST_EQ(set_irqs(fn.device, msix, eventfds, 0, 1, pipes), -EINVAL);
	close(pipes[0]);
	close(pipes[1]);
	VTEST_EQ(set_irqs(fn.device, msix, eventfds, 0, 1, (int32_t[]){ 9999 }), -EBADF);

	/* Count 0 and the last close switch the vectors off. */
	VTEST_EQ(set_irqs(fn.device, msix, VFIO_IRQ_SET_DATA_NONE, 0, 0, NULL), 0);
	VTEST_EQ(host_rig.pf.irq_fds[1], -1);
	VTEST_EQ(toy_get(host_rig.pf.config + TOY_CAP_MSIX + 2, 2) & PCI_MSIX_CTRL_ENABLE, 0);
	VTEST_EQ(set_irqs(fn.device, msix, eventfds, 0, 8, fds), 0);
	t_fn_close(&fn);
	VTEST_EQ(t_nb_open(PF), 0);
	VTEST_EQ(host_rig.pf.irq_fds[7], -1);
	host_rig_down();
	for (unsigned int v = 0; v < TOY_VECTORS; v++)
		close(fds[v]);
}

static void
irq_info_is_that_of_vfio_pci(void)
{
	static const struct {
		uint32_t index, count;
		int want;
	} cases[] = {
		{ VFIO_PCI_INTX_IRQ_INDEX, 0, 0 },
		{ VFIO_PCI_MSI_IRQ_INDEX, 0, 0 },
		{ VFIO_PCI_MSIX_IRQ_INDEX, TOY_VECTORS, 0 },
		{ VFIO_PCI_ERR_IRQ_INDEX, 1, 0 },
		{ VFIO_PCI_REQ_IRQ_INDEX, 1, 0 },
		{ 5, 0, -EINVAL },
	};
	const int32_t fd = eventfd(0, EFD_CLOEXEC);
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vfio_irq_info info = { .argsz = sizeof(info), .index = cases[i].index };

		VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_GET_IRQ_INFO, (uintptr_t)&info),
				cases[i].want);
		VTEST_EQ(info.count, cases[i].count);
		if (cases[i].want == 0)
			VTEST((info.flags & VFIO_IRQ_INFO_EVENTFD) != 0);
	}
	/* The interrupts of the system, which DPDK connects and disconnects. */
	for (unsigned int i = 0; i < 2; i++) {
		const uint32_t index = i == 0 ? VFIO_PCI_REQ_IRQ_INDEX : VFIO_PCI_ERR_IRQ_INDEX;

		VTEST_EQ(set_irqs(fn.device, index, VFIO_IRQ_SET_DATA_EVENTFD, 0, 1, &fd), 0);
		VTEST_EQ(set_irqs(fn.device, index, VFIO_IRQ_SET_DATA_NONE, 0, 1, NULL), 0);
		VTEST(signalled(fd));
		VTEST_EQ(set_irqs(fn.device, index, VFIO_IRQ_SET_DATA_NONE, 0, 0, NULL), 0);
		VTEST_EQ(set_irqs(fn.device, index, VFIO_IRQ_SET_DATA_NONE, 0, 1, NULL), -EINVAL);
	}
	t_fn_close(&fn);
	close(fd);
	host_rig_down();
}

/* ---------------------------------------------------------------- processes */

/* Run a function in a child. @return its exit code. */
static int
in_child(int (*run)(void *), void *arg)
{
	const pid_t child = fork();
	int status;

	if (child == 0)
		_exit(run(arg));
	return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int
secondary(void *arg)
{
	struct t_fn *fn = arg;
	const uint32_t mark = 0xcafe;
	const int device = t_ioctl(fn->group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)PF);
	uint32_t *page;

	if (device < 0 || t_read32(device, CONFIG(0)) != 0x10411af4)
		return 1;
	if (t_pwrite(device, &mark, 4, BAR(TOY_REG_PLAIN)) != 4)
		return 2;
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, device, BAR(0x1000));
	if (page == MAP_FAILED)
		return 3;
	page[3] = 0xbeef;
	return 0;
}

static void
secondary_process_gets_the_same_device(void)
{
	struct t_fn fn;
	uint32_t *page;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(in_child(secondary, &fn), 0);
	VTEST_EQ(t_read32(fn.device, BAR(TOY_REG_PLAIN)), 0xcafe);
	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fn.device, BAR(0x1000));
	VTEST(page != MAP_FAILED);
	VTEST_EQ(page[3], 0xbeef);
	VTEST_EQ(t_nb_open(PF), 1);
	VTEST_EQ(host_rig.pf.resets, 1);
	munmap(page, 4096);
	t_fn_close(&fn);
	host_rig_down();
}

struct opener {
	void *memory;
	char group[T_PATH_LEN];
};

static int
open_and_die(void *arg)
{
	const struct opener *opener = arg;
	struct t_fn fn;

	if (t_fn_open_group(&fn, -1, opener->group, PF, NULL) != 0 ||
			t_map(fn.container, 0x10000, opener->memory, 0x4000) != 0)
		return 1;
	kill(getpid(), SIGKILL);
	return 2;
}

static void
killed_program_leaves_nothing(void)
{
	struct opener opener = { .memory = t_memory(0x4000) };
	struct t_fn fn;

	host_rig_up();
	VTEST_EQ(t_group_path(PF, opener.group), 0);
	for (unsigned int i = 0; i < 20; i++) {
		VTEST_EQ(in_child(open_and_die, &opener), 255);
		VTEST_EQ(t_nb_open(PF), 0);
		VTEST_EQ(host_rig.pf.nb_maps, 0);
		VTEST_EQ(host_rig.pf.resets, 2 * (i + 1));
	}
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	t_fn_close(&fn);
	host_rig_down();
	munmap(opener.memory, 0x4000);
}

static unsigned int
open_files(void)
{
	unsigned int nb = 0;

	for (int fd = 0; fd < 1024; fd++)
		nb += fcntl(fd, F_GETFD) >= 0;
	return nb;
}

static void
hundred_rounds_leak_no_descriptor(void)
{
	uint8_t *memory = t_memory(0x4000);
	unsigned int before = 0;
	struct t_fn fn;

	host_rig_up();
	for (unsigned int i = 0; i < 100; i++) {
		VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
		VTEST_EQ(t_map(fn.container, 0x10000, memory, 0x4000), 0);
		t_fn_close(&fn);
		/* Any look at the function notices the close. The container is released in the
		 * next round of the reaper, or by the next open. */
		VTEST_EQ(t_nb_open(PF), 0);
		if (i == 0)
			before = open_files();
	}
	for (unsigned int ms = 0; open_files() > before && ms < 2000; ms++)
		usleep(1000);
	VTEST(open_files() <= before);
	host_rig_down();
	munmap(memory, 0x4000);
}

/* ---------------------------------------------------------------- bad peers */

static int
raw_connect(void)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	const int sock = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	const struct timeval limit = { .tv_sec = 5 };

	strcpy(addr.sun_path, getenv("VSR_SIM_HOST"));
	setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	return connect(sock, (struct sockaddr *)&addr, sizeof(addr)) == 0 ? sock : -errno;
}

static int
raw_request(int sock, const void *msg, size_t len)
{
	struct host_reply rep;
	uint8_t room[HOST_PROTO_DATA + sizeof(rep)];

	if (send(sock, msg, len, MSG_NOSIGNAL) != (ssize_t)len)
		return -EPIPE;
	if (recv(sock, room, sizeof(room), 0) < (ssize_t)sizeof(rep))
		return -ECONNRESET;
	memcpy(&rep, room, sizeof(rep));
	return rep.ret;
}

static void
bad_messages_are_answered_or_cut_off(void)
{
	uint8_t big[sizeof(struct host_request) + HOST_PROTO_DATA + 100] = { 0 };
	struct host_request req = { .op = HOST_OP_LOOKUP };
	int sock;

	host_rig_up();
	sock = raw_connect();
	VTEST(sock >= 0);
	VTEST_EQ(raw_request(sock, "x", 1), -EPROTO);
	VTEST_EQ(raw_request(sock, big, sizeof(big)), -EPROTO);
	req.data_len = 8;
	VTEST_EQ(raw_request(sock, &req, sizeof(req)), -EPROTO);
	req.data_len = 0;
	VTEST_EQ(raw_request(sock, &req, sizeof(req)), 0);
	req.op = 77;
	VTEST_EQ(raw_request(sock, &req, sizeof(req)), -ENODEV);
	req.op = HOST_OP_HELLO;
	req.arg[0] = 999;
	VTEST_EQ(raw_request(sock, &req, sizeof(req)), -EPROTO);
	close(sock);
	/* A peer that sends requests and reads no answer. */
	sock = raw_connect();
	for (unsigned int i = 0; i < 100000; i++)
		if (send(sock, &req, sizeof(req), MSG_NOSIGNAL | MSG_DONTWAIT) < 0 &&
				errno == EPIPE)
			break;
	close(sock);
	sock = raw_connect();
	req.arg[0] = HOST_PROTO_VERSION;
	VTEST_EQ(raw_request(sock, &req, sizeof(req)), 0);
	close(sock);
	host_rig_down();
}

/* Random requests about open files do not break the host. */
static void
random_requests_do_no_harm(void)
{
	static const uint64_t cmds[] = { VFIO_GET_API_VERSION, VFIO_CHECK_EXTENSION, VFIO_SET_IOMMU,
		VFIO_IOMMU_GET_INFO, VFIO_IOMMU_MAP_DMA, VFIO_IOMMU_UNMAP_DMA,
		VFIO_GROUP_GET_STATUS, VFIO_GROUP_SET_CONTAINER, VFIO_GROUP_UNSET_CONTAINER,
		VFIO_DEVICE_GET_INFO, VFIO_DEVICE_GET_REGION_INFO, VFIO_DEVICE_GET_IRQ_INFO,
		VFIO_DEVICE_SET_IRQS, VFIO_DEVICE_RESET };
	uint8_t msg[sizeof(struct host_request) + 128];
	struct vfio_device_info info = { .argsz = sizeof(info) };
	struct host_request req;
	ino_t inodes[3];
	uint64_t seed = 7;
	struct t_fn fn;
	int sock;

	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	VTEST_EQ(shim_fd_kind(fn.container, &inodes[0]), SHIM_CONTAINER);
	VTEST_EQ(shim_fd_kind(fn.group, &inodes[1]), SHIM_GROUP);
	VTEST_EQ(shim_fd_kind(fn.device, &inodes[2]), SHIM_DEVICE);
	sock = raw_connect();
	for (unsigned int n = 0; n < 20000; n++) {
		for (size_t i = 0; i < sizeof(msg); i++) {
			seed = seed * 6364136223846793005u + 1442695040888963407u;
			msg[i] = (seed >> 60) < 12 ? 0 : seed >> 40;
		}
		memcpy(&req, msg, sizeof(req));
		req.op = HOST_OP_OPEN_DEVICE + (seed >> 33) % 5;
		req.ino = inodes[(seed >> 45) % 3];
		req.data_len = (seed >> 50) % 128;
		if (req.op == HOST_OP_IOCTL)
			req.arg[0] = cmds[(seed >> 20) % (sizeof(cmds) / sizeof(cmds[0]))];
		memcpy(msg, &req, sizeof(req));
		VTEST(raw_request(sock, msg, sizeof(req) + req.data_len) != -ECONNRESET);
	}
	close(sock);
	/* The container may be unset by a request, but the device still answers. */
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_GET_INFO, (uintptr_t)&info), 0);
	t_fn_close(&fn);
	host_rig_down();
}

static _Atomic pid_t a_lock;

static void *
lock_once(void *arg)
{
	shim_unlock(&a_lock, shim_lock(&a_lock));
	return NULL;
}

static void
waiting_for_a_lock_of_the_preload_takes_no_processor(void)
{
	struct rusage before, after;
	pthread_t threads[20];
	uint64_t signals;

	getrusage(RUSAGE_SELF, &before);
	signals = shim_lock(&a_lock);
	for (unsigned int i = 0; i < sizeof(threads) / sizeof(threads[0]); i++)
		VTEST_EQ(pthread_create(&threads[i], NULL, lock_once, NULL), 0);
	usleep(300000);
	shim_unlock(&a_lock, signals);
	for (unsigned int i = 0; i < sizeof(threads) / sizeof(threads[0]); i++)
		pthread_join(threads[i], NULL);
	getrusage(RUSAGE_SELF, &after);
	/* A thread that looks every 20 us switches thousands of times. */
	VTEST(after.ru_nvcsw - before.ru_nvcsw < 500);
}

static void
one_host_serves_a_socket(void)
{
	struct host *second = host_create();
	struct t_fn fn;
	char path[200];

	host_rig_up();
	VTEST_EQ(host_vfio_start(second, getenv("VSR_SIM_HOST")), -EADDRINUSE);
	memset(path, 'x', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	VTEST_EQ(host_vfio_start(second, path), -ENAMETOOLONG);
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	t_fn_close(&fn);
	host_destroy(second);
	host_rig_down();
}

static int
serve_and_die(void *arg)
{
	struct host *host = host_create();

	host_vfio_start(host, getenv("VSR_SIM_HOST"));
	kill(getpid(), SIGKILL);
	return 0;
}

static void
socket_of_a_dead_host_is_replaced(void)
{
	struct t_fn fn;

	VTEST_EQ(in_child(serve_and_die, NULL), 255);
	VTEST_EQ(access(getenv("VSR_SIM_HOST"), F_OK), 0);
	host_rig_up();
	VTEST_EQ(t_fn_open(&fn, -1, PF, NULL), 0);
	/* A host that ends refuses requests at once. */
	host_vfio_stop(host_rig.host);
	VTEST_EQ(t_ioctl(fn.device, VFIO_DEVICE_RESET, 0), -ENODEV);
	VTEST_EQ(t_open("/dev/vfio/vfio"), -ENODEV);
	t_fn_close(&fn);
	host_rig_down();
}

static const struct vtest_case cases[] = {
	{ "waiting_for_a_lock_of_the_preload_takes_no_processor",
			waiting_for_a_lock_of_the_preload_takes_no_processor },
	{ "dma_memory_is_shared_with_the_device", dma_memory_is_shared_with_the_device },
	{ "dma_errors_are_those_of_linux", dma_errors_are_those_of_linux },
	{ "memory_that_no_file_holds_is_refused", memory_that_no_file_holds_is_refused },
	{ "dma_of_a_file_that_is_too_short_is_refused",
			dma_of_a_file_that_is_too_short_is_refused },
	{ "locks_of_the_preload_are_held_with_signals_blocked",
			locks_of_the_preload_are_held_with_signals_blocked },
	{ "dma_of_a_file_that_is_no_memory_is_refused",
			dma_of_a_file_that_is_no_memory_is_refused },
	{ "dma_range_of_many_files_is_one_map", dma_range_of_many_files_is_one_map },
	{ "unmap_takes_whole_maps", unmap_takes_whole_maps },
	{ "unmap_all_is_supported", unmap_all_is_supported },
	{ "maps_follow_the_group_into_and_out_of_a_container",
			maps_follow_the_group_into_and_out_of_a_container },
	{ "map_that_one_device_refuses_is_taken_back", map_that_one_device_refuses_is_taken_back },
	{ "iommu_info_tells_its_ranges", iommu_info_tells_its_ranges },
	{ "device_is_described", device_is_described },
	{ "regions_are_read_and_written_but_for_the_msix_table",
			regions_are_read_and_written_but_for_the_msix_table },
	{ "config_space_is_filtered", config_space_is_filtered },
	{ "reset_comes_by_ioctl_and_by_register", reset_comes_by_ioctl_and_by_register },
	{ "vectors_signal_event_descriptors", vectors_signal_event_descriptors },
	{ "irq_info_is_that_of_vfio_pci", irq_info_is_that_of_vfio_pci },
	{ "secondary_process_gets_the_same_device", secondary_process_gets_the_same_device },
	{ "killed_program_leaves_nothing", killed_program_leaves_nothing },
	{ "hundred_rounds_leak_no_descriptor", hundred_rounds_leak_no_descriptor },
	{ "bad_messages_are_answered_or_cut_off", bad_messages_are_answered_or_cut_off },
	{ "random_requests_do_no_harm", random_requests_do_no_harm },
	{ "one_host_serves_a_socket", one_host_serves_a_socket },
	{ "socket_of_a_dead_host_is_replaced", socket_of_a_dead_host_is_replaced },
};

int
main(int argc, char **argv)
{
	return host_rig_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
