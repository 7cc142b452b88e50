/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* VFIO containers and groups: open them, their ioctls, and the opening of a device. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../function/host_files.h"
#include "../function/host_pci.h"
#include "../function/host_token.h"
#include "host_config_view.h"
#include "host_group.h"

/* ---------------------------------------------------------------- containers */

int
host_container_open(struct host *host)
{
	struct host_container *container = calloc(1, sizeof(*container));
	struct stat st;
	int fd;

	if (container == NULL)
		return -ENOMEM;
	container->fd = host_memfile("/dev/vfio/vfio");
	if (container->fd < 0 || fstat(container->fd, &st) != 0) {
		fd = -errno;
		free(container);
		return fd;
	}
	container->ino = st.st_ino;
	fd = host_open_new(host, container->fd, &container->open);
	if (fd < 0) {
		close(container->fd);
		free(container);
		return fd;
	}
	container->next = host->containers;
	host->containers = container;
	return fd;
}

static int
container_set_iommu(struct host *host, struct host_container *container, uint64_t type)
{
	/* As vfio_ioctl_set_iommu(): after a group was added, and once. */
	if (container->nb_groups == 0 || container->iommu != 0)
		return -EINVAL;
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return -ENODEV;
	container->iommu = type;
	return 0;
}

static int
container_unmap(struct host *host, struct host_container *container, void *data, size_t len,
		size_t *out_len)
{
	const uint32_t known = VFIO_DMA_UNMAP_FLAG_ALL;
	struct vfio_iommu_type1_dma_unmap arg;
	uint64_t unmapped;
	int ret;

	if (len < sizeof(arg))
		return -EINVAL;
	memcpy(&arg, data, sizeof(arg));
	if (arg.argsz < sizeof(arg) || (arg.flags & ~known) != 0)
		return -EINVAL;
	ret = host_iommu_unmap(host, container, arg.iova, arg.size,
			(arg.flags & VFIO_DMA_UNMAP_FLAG_ALL) != 0, &unmapped);
	if (ret != 0)
		return ret;
	arg.size = unmapped;
	memcpy(data, &arg, sizeof(arg));
	*out_len = sizeof(arg);
	return 0;
}

int
host_container_ioctl(struct host *host, struct host_container *container, unsigned long cmd,
		uint64_t value, void *data, size_t len, size_t *out_len)
{
	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return value == VFIO_TYPE1_IOMMU || value == VFIO_TYPE1v2_IOMMU ||
				value == VFIO_DMA_CC_IOMMU || value == VFIO_UNMAP_ALL;
	case VFIO_SET_IOMMU:
		return container_set_iommu(host, container, value);
	default:
		break;
	}
	/* All other ioctls are of the IOMMU, which VFIO_SET_IOMMU provides. */
	if (container->iommu == 0)
		return -EINVAL;
	switch (cmd) {
	case VFIO_IOMMU_GET_INFO:
		return host_iommu_info(container, data, len, out_len);
	case VFIO_IOMMU_UNMAP_DMA:
		return container_unmap(host, container, data, len, out_len);
	default:
		return -ENOTTY;
	}
}

/* ---------------------------------------------------------------- groups */

int
host_group_open(struct host *host, struct host_fn *fn)
{
	char name[32];
	struct stat st;
	int fd;

	/* /dev/vfio/N exists while the function of group N is bound to vfio-pci. */
	if (fn == NULL || fn->driver != HOST_DRIVER_VFIO_PCI)
		return -ENOENT;
	if (fn->removing || fn->closing)
		return -ENODEV;
	host_fn_in_use(host, fn);
	if (fn->group_fd >= 0)
		return -EBUSY;
	/* The preload shows this name in /proc/PID/fd, as Linux does. */
	snprintf(name, sizeof(name), "/dev/vfio/%d", fn->group);
	fn->group_fd = host_memfile(name);
	if (fn->group_fd < 0)
		return -errno;
	fd = fstat(fn->group_fd, &st) != 0 ? -errno :
					     host_open_new(host, fn->group_fd, &fn->group_open);
	if (fd < 0) {
		close(fn->group_fd);
		fn->group_fd = -1;
		return fd;
	}
	fn->group_ino = st.st_ino;
	return fd;
}

static int
group_status(const struct host_fn *fn, void *data, size_t len, size_t *out_len)
{
	struct vfio_group_status status;

	if (len < sizeof(status))
		return -EINVAL;
	memcpy(&status, data, sizeof(status));
	if (status.argsz < sizeof(status))
		return -EINVAL;
	/* The only function of the group is bound to vfio-pci, so the group is always viable. */
	status.flags = VFIO_GROUP_FLAGS_VIABLE;
	if (fn->container != NULL)
		status.flags |= VFIO_GROUP_FLAGS_CONTAINER_SET;
	memcpy(data, &status, sizeof(status));
	*out_len = sizeof(status);
	return 0;
}

static int
group_set_container(struct host *host, struct host_fn *fn, ino_t ino)
{
	struct host_object object = host_lookup(host, ino);
	int ret;

	if (fn->container != NULL || object.kind != HOST_KIND_CONTAINER)
		return -EINVAL;
	/* Count the group first: the container must not be freed or changed while host->lock is
	 * released for a function of another process. */
	object.container->nb_groups++;
	object.container->nb_remote += fn->remote != NULL;
	ret = object.container->iommu == 0 ? 0 : host_iommu_attach(object.container, fn);
	if (ret != 0) {
		object.container->nb_remote -= fn->remote != NULL;
		object.container->nb_groups--;
		return ret;
	}
	fn->container = object.container;
	return 0;
}

static int
group_unset_container(struct host *host, struct host_fn *fn)
{
	if (fn->container == NULL)
		return -EINVAL;
	if (host_fn_in_use(host, fn))
		return -EBUSY;
	/* host_fn_in_use() may have detached the container. */
	if (fn->container != NULL)
		host_container_detach(host, fn->container, fn);
	return 0;
}

int
host_group_ioctl(struct host *host, struct host_fn *fn, unsigned long cmd, uint64_t value,
		void *data, size_t len, size_t *out_len)
{
	switch (cmd) {
	case VFIO_GROUP_GET_STATUS:
		return group_status(fn, data, len, out_len);
	case VFIO_GROUP_SET_CONTAINER:
		return group_set_container(host, fn, value);
	case VFIO_GROUP_UNSET_CONTAINER:
		return group_unset_container(host, fn);
	default:
		return -ENOTTY;
	}
}

/* ---------------------------------------------------------------- devices */

int
host_device_open(struct host *host, struct host_fn *fn, const char *name)
{
	int fd, ret;

	/* Handle an earlier last close first. */
	host_fn_in_use(host, fn);
	if (fn->removing || fn->closing)
		return -ENODEV;
	ret = host_token_check(host, fn, name);
	if (ret != 0)
		return ret;
	if (fn->container == NULL || fn->container->iommu == 0)
		return -EINVAL;
	if (fn->nb_open == HOST_MAX_OPENS)
		return -EMFILE;
	fd = host_open_new(host, fn->mem_fd, &fn->opens[fn->nb_open]);
	if (fd < 0)
		return fd;
	/* As vfio_pci_core_enable(): the first open resets the function. */
	if (fn->nb_open++ == 0) {
		host_pci_reset(host, fn);
		host_config_view_init(fn);
	}
	return fd;
}
