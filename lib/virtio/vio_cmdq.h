/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_CMDQ_H
#define VIO_CMDQ_H

/**
 * @file
 * Requests to the device over a command queue: send bytes, wait, get bytes back.
 *
 * The control queue speaks through this engine. Callable from any control thread, serialised by
 * a lock; blocks up to the timeout. A request that got no answer leaves its memory with the
 * device, so the queue is dead from then on, until it is initialised again after a reset.
 */

#include <sys/uio.h>

#include <rte_spinlock.h>

#include "vio_virtq.h"

#define VIO_CMDQ_TIMEOUT_US 2000000
#define VIO_CMDQ_BYTES 8192 /**< Most that a request and its answer take together. */

struct vio_cmdq {
	struct vio_virtq *vq;
	const struct rte_memzone *mz; /**< Request and answer, VIO_CMDQ_BYTES. */
	rte_spinlock_t lock;
	uint32_t timeout_us;
	bool dead;
	uint64_t nb_requests, nb_timeouts;
};

/**
 * Allocate a command queue.
 * @param conf  As for vio_virtq_create(); the name gets "c" appended for a second memory.
 * @return 0, -ENOMEM, or -EINVAL.
 */
int vio_cmdq_create(struct vio_cmdq *cmdq, struct vio_dev *dev, const struct vio_virtq_conf *conf);

/** Make it usable (again) after the device was reset; enable vq afterwards. */
void vio_cmdq_init(struct vio_cmdq *cmdq, struct vio_dev *dev);

/** Free all; the device must have let go. Idle when not created. */
void vio_cmdq_free(struct vio_cmdq *cmdq);

/**
 * One request.
 *
 * @param out     What to send, nb_out parts, at least one byte together.
 * @param in      Where the answer goes, nb_in parts, at least one byte together. Parts that the
 *                device did not write keep what they hold.
 * @return bytes of the answer, or
 *         -EINVAL     nothing to send or receive, or too much,
 *         -EIO        the queue is dead or broken,
 *         -ETIMEDOUT  no answer in time; the queue is dead from now on.
 */
int vio_cmdq_exec(struct vio_cmdq *cmdq, const struct iovec *out, unsigned int nb_out,
		const struct iovec *in, unsigned int nb_in);

#endif /* VIO_CMDQ_H */
