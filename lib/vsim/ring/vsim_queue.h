/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_QUEUE_H
#define VSIM_QUEUE_H

/**
 * @file
 * Running queues: activation, deactivation, doorbells. Under the lock or in the worker of the
 * function.
 */

#include "vsim/ring/vsim_walk.h"

/**
 * Activate queue qi with the values of fn->queue_cfg[qi]. Checks addresses, alignment and DMA map.
 * @return 0, -EINVAL (the driver broke a rule, counted), -EFAULT (outside the DMA map, counted),
 *         -ENOMEM.
 */
int vsim_queue_activate(struct vsim_fn *fn, uint16_t qi);
/** Continue an activated split ring where the used index in memory is. */
void vsim_queue_resume(struct vsim_fn *fn, uint16_t qi);
/** Stop and free a queue; its ring is not accessed any more. Does nothing if the queue does not
 * run. */
void vsim_queue_deactivate(struct vsim_fn *fn, uint16_t qi);
/** Translate the addresses of running queues again, after a change of the DMA map. */
void vsim_queues_remap(struct vsim_fn *fn);

/** Read the doorbell; if it was rung, the queue becomes active. @return true: it was rung and the
 * queue can be served. */
bool vsim_queue_doorbell_take(struct vsim_queue *q);

VSIM_INLINE bool
vsim_queue_doorbell(struct vsim_queue *q)
{
	/* A plain load keeps the cache line shared until the driver writes the doorbell. */
	if (likely(atomic_load_explicit(q->doorbell, memory_order_relaxed) == VSIM_DOORBELL_IDLE))
		return false;
	return vsim_queue_doorbell_take(q);
}

/** The driver wrote a doorbell by register access instead of the mapped page. */
void vsim_doorbell_ring(struct vsim_fn *fn, uint64_t doorbell_offset, uint32_t value,
		unsigned int width);
/** The driver rang the doorbell that announces all queues, and wrote this queue index to it. */
void vsim_doorbell_ring_all(struct vsim_fn *fn, uint16_t named);
/** Reset the doorbell words that announce all queues. */
void vsim_legacy_doorbells_idle(struct vsim_fn *fn);

#endif /* VSIM_QUEUE_H */
