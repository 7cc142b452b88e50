/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_STEPS_H
#define VIO_STEPS_H

/** @file The steps of vio_virtq_vec.h as C functions, for programs without vectors. */

#include "virtio/vio_virtq.h"

#define VIO_STEP_MAX 8 /**< Buffers of the largest step. */

struct vio_steps {
	unsigned int lanes; /**< Buffers of a step. */
	/** Take the next used buffers. @return false: nothing was taken. */
	bool (*reap)(struct vio_virtq *vq, void **cookies, uint32_t *lens);
	/** Post one descriptor for each of these. @return false: nothing was posted. */
	bool (*post)(struct vio_virtq *vq, const struct vio_seg *segs, uint16_t flags,
			void **cookies);
};

extern const struct vio_steps vio_steps_avx2;
extern const struct vio_steps vio_steps_avx512;

#endif /* VIO_STEPS_H */
