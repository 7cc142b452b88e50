/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef HOST_RIG_H
#define HOST_RIG_H

/**
 * @file
 * A simulated host with toy functions in one process, and VFIO's system calls on it: the sources
 * of the preload are linked in and called by their own names, without interposition.
 *
 * The functions are rig.pf (0000:01:00.0), its VFs (0000:01:00.1 and up) while they exist, and
 * rig.other (0000:02:00.0), a second PF.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../vsr-sim/host/host.h"
#include "../vsr-sim/shim/shim.h"
#include "toy_fn.h"
#include "vtest.h"

#define PF "0000:01:00.0"
#define VF1 "0000:01:00.1"
#define VF2 "0000:01:00.2"
#define OTHER "0000:02:00.0"
#define TOKEN_A "bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3"
#define TOKEN_B "14d63f20-8445-11ea-8900-1f9ce7d5650d"

#define CONFIG(offset) (((uint64_t)VFIO_PCI_CONFIG_REGION_INDEX << 40) + (offset))
#define BAR(offset) (((uint64_t)TOY_BAR << 40) + (offset))

static struct {
	struct host *host;
	struct toy_fn pf, other, vfs[TOY_MAX_VFS];
	int sync_answer; /**< What making VFs answers. */
	unsigned int syncs;
	char bdf[HOST_BDF_LEN];
} rig;

static const struct host_ids toy_ids = { .vendor = 0x1af4,
	.device = 0x1041,
	.subsys_vendor = 0x1af4,
	.subsys = 0x1041,
	.class_code = 0x020000 };

static inline const char *
vf_bdf(unsigned int n)
{
	snprintf(rig.bdf, sizeof(rig.bdf), "0000:01:00.%u", n % 8);
	if (n >= 8)
		snprintf(rig.bdf, sizeof(rig.bdf), "0000:01:01.%u", n % 8);
	return rig.bdf;
}

static inline int
rig_vfs_sync(void *arg, const char *pf_bdf, uint16_t num_vfs)
{
	rig.syncs++;
	for (unsigned int n = TOY_MAX_VFS; n > num_vfs; n--)
		host_dev_remove(rig.host, vf_bdf(n));
	if (num_vfs != 0 && rig.sync_answer != 0)
		return rig.sync_answer;
	for (unsigned int n = 1; n <= num_vfs; n++) {
		int ret = host_dev_add(rig.host, vf_bdf(n), pf_bdf, n, &toy_ids,
				rig.vfs[n - 1].server, NULL);

		if (ret != 0)
			return ret;
	}
	return 0;
}

static inline void
rig_down(void)
{
	host_vfio_stop(rig.host);
	host_destroy(rig.host);
	rig.host = NULL;
	toy_destroy(&rig.pf);
	toy_destroy(&rig.other);
	for (unsigned int i = 0; i < TOY_MAX_VFS; i++)
		toy_destroy(&rig.vfs[i]);
}

static inline void
rig_up(void)
{
	/* A case that failed left its own. */
	if (rig.host != NULL)
		rig_down();
	rig.sync_answer = 0;
	rig.syncs = 0;
	rig.host = host_create();
	VTEST(rig.host != NULL);
	VTEST_EQ(toy_create(&rig.pf, false, rig.vfs, NULL), 0);
	VTEST_EQ(toy_create(&rig.other, false, NULL, NULL), 0);
	for (unsigned int i = 0; i < TOY_MAX_VFS; i++)
		VTEST_EQ(toy_create(&rig.vfs[i], true, NULL, NULL), 0);
	host_on_vfs_sync(rig.host, rig_vfs_sync, NULL);
	VTEST_EQ(host_dev_add(rig.host, PF, NULL, 0, &toy_ids, rig.pf.server, NULL), 0);
	VTEST_EQ(host_dev_add(rig.host, OTHER, NULL, 0, &toy_ids, rig.other.server, NULL), 0);
	VTEST_EQ(host_vfio_start(rig.host, getenv("VSR_SIM_HOST")), 0);
}

/** A process of the test's own with the environment of the preload. @return exit code of main. */
static inline int
rig_main(int argc, char **argv, const struct vtest_case *cases, size_t nb)
{
	char path[64];

	if (getenv("VSR_SIM_HOST") == NULL) {
		snprintf(path, sizeof(path), "/tmp/vsr-test-%d.sock", getpid());
		setenv("VSR_SIM_HOST", path, 1);
		execv("/proc/self/exe", argv);
		perror("execv");
		return 1;
	}
	return vtest_main(argc, argv, cases, nb);
}

/* ---------------------------------------------------------------- system calls */

/** open(2) of a VFIO node: a descriptor or -errno. */
static inline int
t_open(const char *path)
{
	return shim_open(path, O_RDWR | O_CLOEXEC);
}

/** The result or -errno. */
static inline int
t_ioctl(int fd, unsigned long cmd, uintptr_t arg)
{
	ino_t ino;
	const int kind = shim_fd_kind(fd, &ino);

	return kind == 0 ? -EBADF : shim_ioctl(kind, ino, cmd, arg);
}

static inline int
t_pread(int fd, void *buf, size_t len, uint64_t offset)
{
	ino_t ino;

	return shim_fd_kind(fd, &ino) != SHIM_DEVICE ? -EBADF : shim_pread(ino, buf, len, offset);
}

static inline int
t_pwrite(int fd, const void *buf, size_t len, uint64_t offset)
{
	ino_t ino;

	return shim_fd_kind(fd, &ino) != SHIM_DEVICE ? -EBADF : shim_pwrite(ino, buf, len, offset);
}

static inline uint32_t
t_read32(int fd, uint64_t offset)
{
	uint32_t value = 0xdeadbeef;

	t_pread(fd, &value, sizeof(value), offset);
	return value;
}

static inline int
t_group(const char *bdf)
{
	struct host_dev_info info;
	char path[32];
	int ret = host_dev_info(rig.host, bdf, &info);

	if (ret != 0)
		return ret;
	snprintf(path, sizeof(path), "/dev/vfio/%d", info.group);
	return t_open(path);
}

/** A program's way to a function; all -1 when there is none. */
struct t_fn {
	int container, group, device;
};

/**
 * Open a function in a container (or a new one when container is -1).
 * @return 0 with all of fn open, or -errno with what was reached.
 */
static inline int
t_fn_open(struct t_fn *fn, int container, const char *bdf, const char *token)
{
	char name[128];
	int ret;

	fn->device = fn->group = -1;
	fn->container = container >= 0 ? container : t_open("/dev/vfio/vfio");
	if (fn->container < 0)
		return fn->container;
	fn->group = t_group(bdf);
	if (fn->group < 0)
		return fn->group;
	ret = t_ioctl(fn->group, VFIO_GROUP_SET_CONTAINER, (uintptr_t)&fn->container);
	if (ret == 0 && container < 0)
		ret = t_ioctl(fn->container, VFIO_SET_IOMMU, VFIO_TYPE1_IOMMU);
	if (ret != 0)
		return ret;
	snprintf(name, sizeof(name), "%s%s%s", bdf, token != NULL ? " vf_token=" : "",
			token != NULL ? token : "");
	fn->device = t_ioctl(fn->group, VFIO_GROUP_GET_DEVICE_FD, (uintptr_t)name);
	return fn->device < 0 ? fn->device : 0;
}

static inline void
t_fn_close(struct t_fn *fn)
{
	const int fds[] = { fn->device, fn->group, fn->container };

	for (unsigned int i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	*fn = (struct t_fn){ -1, -1, -1 };
}

static inline int
t_map(int container, uint64_t iova, void *ptr, uint64_t size)
{
	struct vfio_iommu_type1_dma_map map = { .argsz = sizeof(map),
		.iova = iova,
		.size = size,
		.vaddr = (uintptr_t)ptr,
		.flags = VFIO_DMA_MAP_FLAG_READ | VFIO_DMA_MAP_FLAG_WRITE };

	return t_ioctl(container, VFIO_IOMMU_MAP_DMA, (uintptr_t)&map);
}

/** Bytes unmapped or -errno. */
static inline long long
t_unmap(int container, uint64_t iova, uint64_t size)
{
	struct vfio_iommu_type1_dma_unmap unmap = { .argsz = sizeof(unmap),
		.iova = iova,
		.size = size };
	int ret = t_ioctl(container, VFIO_IOMMU_UNMAP_DMA, (uintptr_t)&unmap);

	return ret != 0 ? ret : (long long)unmap.size;
}

/** Shared memory of this process; in a file of its own. */
static inline void *
t_memory(size_t size)
{
	const int fd = memfd_create("test", MFD_CLOEXEC);
	void *ptr;

	if (fd < 0 || ftruncate(fd, size) != 0)
		abort();
	ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (ptr == MAP_FAILED)
		abort();
	return ptr;
}

static inline unsigned int
t_nb_open(const char *bdf)
{
	struct host_dev_info info = { .nb_open = 999 };

	host_dev_info(rig.host, bdf, &info);
	return info.nb_open;
}

#endif /* HOST_RIG_H */
