/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_FN_H
#define VSR_SIM_HOST_FN_H

/**
 * @file
 * Requests of the host to one function: vuser_client_*() under the lock rule of host_lock.h.
 */

#include "host_bus.h"

#define HOST_REMOTE_MS 8000 /**< Another process must have answered; less than a preload waits. */

/** As vuser_client_*() of the same name, with host->lock let go for a remote function. */
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
/** Connect, and ask what it is made of: client, flags, regions (with descriptors) and irqs. */
int host_fn_connect(struct host_fn *fn, struct vuser_server *server, const char *path);

#endif /* VSR_SIM_HOST_FN_H */
