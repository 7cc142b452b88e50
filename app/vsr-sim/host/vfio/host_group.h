/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_GROUP_H
#define VSR_SIM_HOST_GROUP_H

/**
 * @file
 * VFIO containers and groups: open them, their ioctls, and the opening of a device.
 */

#include "../core/host_iommu.h"

/* Open a file for a program. Each returns its descriptor, or -errno. */

int host_container_open(struct host *host);
/** @param fn  The function of the group; NULL (no such group) gives -ENOENT. */
int host_group_open(struct host *host, struct host_fn *fn);
/** @param name  Argument of VFIO_GROUP_GET_DEVICE_FD. */
int host_device_open(struct host *host, struct host_fn *fn, const char *name);

/** @param value  Third argument of ioctl(2), for an ioctl whose argument is not a pointer. */
int host_container_ioctl(struct host *host, struct host_container *container, unsigned long cmd,
		uint64_t value, void *data, size_t len, size_t *out_len);
int host_group_ioctl(struct host *host, struct host_fn *fn, unsigned long cmd, uint64_t value,
		void *data, size_t len, size_t *out_len);

#endif /* VSR_SIM_HOST_GROUP_H */
