/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_DEVICE_H
#define VSR_SIM_HOST_DEVICE_H

/**
 * @file
 * Requests of a program to an open device.
 */

#include "../core/host_bus.h"

/**
 * @param data     In and out: the argument of the ioctl, of len bytes.
 * @param out_len  Out: bytes of data to return.
 * @param fds      Borrowed; for VFIO_DEVICE_SET_IRQS (see host_irq_set()).
 */
int host_device_ioctl(struct host *host, struct host_fn *fn, unsigned long cmd, void *data,
		size_t len, size_t *out_len, const int *fds, unsigned int nb_fds);
/** Read or write a region. @return bytes moved, or -errno. */
int host_device_read(struct host_fn *fn, uint64_t offset, void *data, size_t len);
int host_device_write(struct host *host, struct host_fn *fn, uint64_t offset, const void *data,
		size_t len);

#endif /* VSR_SIM_HOST_DEVICE_H */
