/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_RX_H
#define VSR_RX_H

/**
 * @file
 * The scalar RX bursts.
 */

#include "../base/vsr_queue.h"
#include "vsr_path_list.h"

VSR_RX_SCALAR(VSR_RX_DECLARE, )

/** Give the device all the buffers that the pool has, up to a full ring; no doorbell. */
void vsr_rxq_fill(struct vsr_rxq *rxq);
/** First doorbell after the start. */
void vsr_rxq_doorbell_ring(struct vsr_rxq *rxq);

#endif /* VSR_RX_H */
