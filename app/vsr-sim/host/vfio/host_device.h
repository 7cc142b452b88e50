/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_DEVICE_H
#define VSR_SIM_HOST_DEVICE_H

/**
 * @file
 * What a program asks of an open device.
 */

#include "../core/host_bus.h"

/** fds: of the message, borrowed; SET_IRQS names them by number. */
int host_device_ioctl(struct host *host, struct host_fn *fn, unsigned long cmd, void *data,
		size_t len, size_t *out_len, const int *fds, unsigned int nb_fds);
/** Bytes moved or -errno. */
int host_device_read(struct host_fn *fn, uint64_t offset, void *data, size_t len);
int host_device_write(struct host *host, struct host_fn *fn, uint64_t offset, const void *data,
		size_t len);

#endif /* VSR_SIM_HOST_DEVICE_H */
