/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_QUEUE_H
#define VSIM_QUEUE_H

/**
 * @file
 * Running queues: made, stopped, rung. Under the lock, or in the worker of the function.
 */

#include "vsim/ring/vsim_walk.h"

/**
 * Make the queue of fn->queue_cfg[qi] run. Checks addresses, alignment and DMA map.
 * @return 0, -EINVAL, -EFAULT (outside the DMA map; counted, see vsim_fn_broken()), -ENOMEM.
 */
int vsim_queue_activate(struct vsim_fn *fn, uint16_t qi);
/** Split rings: all that was made available until the used index was used, no more. */
void vsim_queue_resume(struct vsim_fn *fn, uint16_t qi);
/** Stop and forget a queue; nothing of the ring is touched any more. Idle if not running. */
void vsim_queue_deactivate(struct vsim_fn *fn, uint16_t qi);
/** After a change of the DMA map: look up again what running queues point at. */
void vsim_queues_remap(struct vsim_fn *fn);

/** Take the doorbell if it was written; q->active then. @return true when it was. */
bool vsim_queue_doorbell_take(struct vsim_queue *q);

VSIM_INLINE bool
vsim_queue_doorbell(struct vsim_queue *q)
{
	/* A plain load keeps the line shared until the driver writes it. */
	if (likely(atomic_load_explicit(q->doorbell, memory_order_relaxed) == VSIM_DOORBELL_IDLE))
		return false;
	return vsim_queue_doorbell_take(q);
}

/** The driver wrote a doorbell by register access rather than by the mapped page. */
void vsim_doorbell_ring(struct vsim_fn *fn, uint64_t doorbell_offset, uint32_t value,
		unsigned int width);
/** The driver wrote the doorbell of all queues; from the function's worker or under the lock. */
void vsim_doorbell_ring_all(struct vsim_fn *fn, uint16_t named);
/** The words of all queues are not rung. */
void vsim_legacy_doorbells_idle(struct vsim_fn *fn);

#endif /* VSIM_QUEUE_H */
