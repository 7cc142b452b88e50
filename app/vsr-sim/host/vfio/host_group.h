/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_GROUP_H
#define VSR_SIM_HOST_GROUP_H

/**
 * @file
 * Containers, groups and devices as a program opens and asks them.
 */

#include "../core/host_iommu.h"

/** Each returns a new descriptor for the program, or -errno. */
int host_container_open(struct host *host);
/** @param fn  The function of the group, or NULL: there is no such group. */
int host_group_open(struct host *host, struct host_fn *fn);
/** name as in VFIO_GROUP_GET_DEVICE_FD, ended by 0. */
int host_device_open(struct host *host, struct host_fn *fn, const char *name);

/** @param value  The third argument of ioctl(2), where it is no pointer. */
int host_container_ioctl(struct host *host, struct host_container *container, unsigned long cmd,
		uint64_t value, void *data, size_t len, size_t *out_len);
int host_group_ioctl(struct host *host, struct host_fn *fn, unsigned long cmd, uint64_t value,
		void *data, size_t len, size_t *out_len);

#endif /* VSR_SIM_HOST_GROUP_H */
