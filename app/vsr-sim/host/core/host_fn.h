/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_FN_H
#define VSR_SIM_HOST_FN_H

/**
 * @file
 * Requests of the host to one function. Each wraps the vuser_client_*() call of the same name and
 * releases host->lock during the request when the function is of another process.
 */

#include "host_bus.h"

#define HOST_REMOTE_MS \
	8000 /**< Timeout of another process; shorter than the timeout of the preload. */

int host_fn_read(struct host_fn *fn, unsigned int region, uint64_t offset, void *data, size_t len);
int host_fn_write(struct host_fn *fn, unsigned int region, uint64_t offset, const void *data,
		size_t len);
int host_fn_irq_set_fds(struct host_fn *fn, unsigned int index, uint32_t start, uint32_t count,
		const int *fds);
int host_fn_irq_trigger(struct host_fn *fn, unsigned int index, uint32_t vector);
int host_fn_dma_map(struct host_fn *fn, uint64_t iova, uint64_t size, int prot, int fd,
		uint64_t offset);
int host_fn_dma_unmap(struct host_fn *fn, uint64_t iova, uint64_t size);
int host_fn_reset(struct host_fn *fn);
/** Connect, then read the description of the function: flags, regions (with descriptors), irqs. */
int host_fn_connect(struct host_fn *fn, struct vuser_server *server, const char *path);

#endif /* VSR_SIM_HOST_FN_H */
