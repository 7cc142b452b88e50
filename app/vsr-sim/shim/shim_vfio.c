/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * System calls on VFIO descriptors, executed by vsr-sim.
 *
 * Arguments are copied, and descriptors in them are replaced by inodes or sent along.
 */

#include <fcntl.h>
#include <limits.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim.h"

#define DEV_VFIO "/dev/vfio/"
#define PAGE 4096u

/* ---------------------------------------------------------------- memory of the program */

/* Copy a terminated string of at most max bytes with its terminator, page by page. */
static int
copy_in_string(char *to, uintptr_t from, size_t max)
{
	for (size_t at = 0; at < max;) {
		size_t len = PAGE - (from + at) % PAGE;
		int ret;

		if (len > max - at)
			len = max - at;
		ret = shim_copy_in(to + at, from + at, len);
		if (ret != 0)
			return ret;
		if (memchr(to + at, '\0', len) != NULL)
			return 0;
		at += len;
	}
	return -EINVAL;
}

/* ---------------------------------------------------------------- open */

/* The descriptor of a reply, for the program; its file is added to the table. */
static int
opened(const struct shim_call *call, int ret, bool cloexec)
{
	ino_t ino;

	if (ret < 0)
		return ret;
	if (call->fd < 0)
		return -EIO;
	if (!cloexec)
		fcntl(call->fd, F_SETFD, 0);
	shim_fd_kind(call->fd, &ino);
	return call->fd;
}

int
shim_open(const char *path, int flags)
{
	struct shim_call call = { .req.op = HOST_OP_OPEN_CONTAINER };
	const char *name = path + strlen(DEV_VFIO);
	char *end;

	if (strcmp(name, "vfio") != 0) {
		if (*name < '0' || *name > '9')
			return -ENOENT;
		call.req.op = HOST_OP_OPEN_GROUP;
		call.req.arg[0] = strtoul(name, &end, 10);
		if (*end != '\0')
			return -ENOENT;
	}
	return opened(&call, shim_request(SHIM_CONTROL, &call), (flags & O_CLOEXEC) != 0);
}

/* ---------------------------------------------------------------- ioctl */

static int
plain_ioctl(ino_t ino, unsigned long cmd, uint64_t value)
{
	struct shim_call call = {
		.req = { .op = HOST_OP_IOCTL, .ino = ino, .arg = { cmd, value } }
	};

	return shim_request(SHIM_CONTROL, &call);
}

/* An ioctl whose structure of in_len bytes starts with its size. The size may be larger, for
 * capabilities in the reply, which is copied back. */
static int
sized_ioctl(ino_t ino, unsigned long cmd, uintptr_t arg, size_t in_len)
{
	uint8_t data[HOST_PROTO_DATA] = { 0 }, out[HOST_PROTO_DATA];
	struct shim_call call = { .req = { .op = HOST_OP_IOCTL, .ino = ino, .arg = { cmd } },
		.data = data,
		.out = out,
		.out_max = sizeof(out) };
	uint32_t argsz;
	int ret;

	ret = shim_copy_in(&argsz, arg, sizeof(argsz));
	if (ret != 0)
		return ret;
	call.data_len = argsz < sizeof(data) ? argsz : sizeof(data);
	ret = shim_copy_in(data, arg, call.data_len < in_len ? call.data_len : in_len);
	if (ret != 0)
		return ret;
	ret = shim_request(SHIM_CONTROL, &call);
	if (ret >= 0 && call.rep.data_len <= call.data_len &&
			shim_copy_out(arg, out, call.rep.data_len) != 0)
		return -EFAULT;
	return ret;
}

static int
set_container(ino_t ino, uintptr_t arg)
{
	ino_t container;
	int ret, fd;

	ret = shim_copy_in(&fd, arg, sizeof(fd));
	if (ret != 0)
		return ret;
	if (fcntl(fd, F_GETFD) < 0)
		return -EBADF;
	if (shim_fd_kind(fd, &container) != SHIM_CONTAINER)
		return -EINVAL;
	return plain_ioctl(ino, VFIO_GROUP_SET_CONTAINER, container);
}

static int
get_device_fd(ino_t ino, uintptr_t arg)
{
	char name[HOST_PROTO_DATA];
	struct shim_call call = { .req = { .op = HOST_OP_OPEN_DEVICE, .ino = ino }, .data = name };
	int ret;

	ret = copy_in_string(name, arg, sizeof(name));
	if (ret != 0)
		return ret;
	call.data_len = strlen(name) + 1;
	return opened(&call, shim_request(SHIM_CONTROL, &call), true);
}

/* Send one message of VFIO_DEVICE_SET_IRQS: count vectors from start, and their descriptors. */
static int
set_irqs_step(ino_t ino, const struct vfio_irq_set *like, uint32_t start, uint32_t count,
		const int32_t *fds)
{
	struct vfio_irq_set set = *like;
	uint8_t data[sizeof(set) + HOST_PROTO_FDS * sizeof(int32_t)];
	int32_t numbers[HOST_PROTO_FDS];
	int sent[HOST_PROTO_FDS];
	struct shim_call call = {
		.req = { .op = HOST_OP_IOCTL, .ino = ino, .arg = { VFIO_DEVICE_SET_IRQS } },
		.data = data,
		.fds = sent
	};

	for (uint32_t i = 0; i < count; i++) {
		numbers[i] = -1;
		if (fds[i] < 0)
			continue;
		numbers[i] = call.nb_fds;
		sent[call.nb_fds++] = fds[i];
	}
	set.start = start;
	set.count = count;
	memcpy(data, &set, sizeof(set));
	memcpy(data + sizeof(set), numbers, count * sizeof(int32_t));
	call.data_len = sizeof(set) + count * sizeof(int32_t);
	return shim_request(SHIM_CONTROL, &call);
}

static int
set_irq_fds(ino_t ino, const struct vfio_irq_set *set, uintptr_t values)
{
	struct vfio_irq_set off = *set;
	uint32_t done = 0;
	int ret;

	do {
		int32_t fds[HOST_PROTO_FDS];
		uint32_t count = set->count - done;

		if (count > HOST_PROTO_FDS)
			count = HOST_PROTO_FDS;
		ret = shim_copy_in(fds, values + done * sizeof(fds[0]), count * sizeof(fds[0]));
		if (ret == 0)
			ret = set_irqs_step(ino, set, set->start + done, count, fds);
		done += count;
	} while (ret >= 0 && done < set->count);
	if (ret < 0 && done > HOST_PROTO_FDS) {
		/* Set all vectors or none. */
		off.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
		off.start = 0;
		set_irqs_step(ino, &off, 0, 0, NULL);
	}
	return ret;
}

static int
set_irqs(ino_t ino, uintptr_t arg)
{
	uint8_t data[HOST_PROTO_DATA];
	struct shim_call call = {
		.req = { .op = HOST_OP_IOCTL, .ino = ino, .arg = { VFIO_DEVICE_SET_IRQS } },
		.data = data
	};
	struct vfio_irq_set set;
	size_t each;
	int ret;

	ret = shim_copy_in(&set, arg, sizeof(set));
	if (ret != 0)
		return ret;
	each = (set.flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0 ?
			sizeof(int32_t) :
			(set.flags & VFIO_IRQ_SET_DATA_BOOL) != 0;
	if (set.argsz < sizeof(set) || set.argsz - sizeof(set) < (uint64_t)each * set.count)
		return -EINVAL;
	if ((set.flags & VFIO_IRQ_SET_DATA_EVENTFD) != 0 && set.count != 0)
		return set_irq_fds(ino, &set, arg + sizeof(set));
	if (each * set.count > sizeof(data) - sizeof(set))
		return -EINVAL;
	call.data_len = sizeof(set) + each * set.count;
	ret = shim_copy_in(data, arg, call.data_len);
	return ret != 0 ? ret : shim_request(SHIM_CONTROL, &call);
}

int
shim_ioctl(int kind, ino_t ino, unsigned long cmd, uintptr_t arg)
{
	switch (cmd) {
	case VFIO_GROUP_SET_CONTAINER:
		return kind == SHIM_GROUP ? set_container(ino, arg) : -ENOTTY;
	case VFIO_GROUP_GET_DEVICE_FD:
		return kind == SHIM_GROUP ? get_device_fd(ino, arg) : -ENOTTY;
	case VFIO_DEVICE_SET_IRQS:
		return kind == SHIM_DEVICE ? set_irqs(ino, arg) : -ENOTTY;
	case VFIO_IOMMU_MAP_DMA:
		return kind == SHIM_CONTAINER ? shim_dma_map(ino, arg) : -ENOTTY;
	case VFIO_GROUP_GET_STATUS:
		return sized_ioctl(ino, cmd, arg, sizeof(struct vfio_group_status));
	case VFIO_DEVICE_GET_INFO:
		return sized_ioctl(ino, cmd, arg, sizeof(struct vfio_device_info));
	case VFIO_DEVICE_GET_REGION_INFO:
		return sized_ioctl(ino, cmd, arg, sizeof(struct vfio_region_info));
	case VFIO_DEVICE_GET_IRQ_INFO:
		return sized_ioctl(ino, cmd, arg, sizeof(struct vfio_irq_info));
	case VFIO_IOMMU_GET_INFO:
		return sized_ioctl(ino, cmd, arg, sizeof(struct vfio_iommu_type1_info));
	case VFIO_IOMMU_UNMAP_DMA:
		return sized_ioctl(ino, cmd, arg, sizeof(struct vfio_iommu_type1_dma_unmap));
	default:
		return plain_ioctl(ino, cmd, arg);
	}
}

/* ---------------------------------------------------------------- pread, pwrite */

ssize_t
shim_pread(ino_t ino, void *buf, size_t len, off_t offset)
{
	uint8_t out[HOST_PROTO_DATA];
	size_t done = 0;

	while (done < len) {
		struct shim_call call = { .req = { .op = HOST_OP_READ,
							  .ino = ino,
							  .arg = { offset + done, len - done } },
			.out = out,
			.out_max = sizeof(out) };
		int ret;

		if (call.req.arg[1] > sizeof(out))
			call.req.arg[1] = sizeof(out);
		ret = shim_request(SHIM_CONTROL, &call);
		if (ret > 0 && shim_copy_out((uintptr_t)buf + done, out, ret) != 0)
			ret = -EFAULT;
		if (ret <= 0)
			return done != 0 ? (ssize_t)done : ret;
		done += ret;
		if ((size_t)ret < call.req.arg[1])
			break;
	}
	return done;
}

ssize_t
shim_pwrite(ino_t ino, const void *buf, size_t len, off_t offset)
{
	uint8_t data[HOST_PROTO_DATA];
	size_t done = 0;

	while (done < len) {
		struct shim_call call = {
			.req = { .op = HOST_OP_WRITE, .ino = ino, .arg = { offset + done } },
			.data = data
		};
		int ret;

		call.data_len = len - done < sizeof(data) ? len - done : sizeof(data);
		ret = shim_copy_in(data, (uintptr_t)buf + done, call.data_len);
		if (ret == 0)
			ret = shim_request(SHIM_CONTROL, &call);
		if (ret <= 0)
			return done != 0 ? (ssize_t)done : ret;
		done += ret;
		if ((size_t)ret < call.data_len)
			break;
	}
	return done;
}
