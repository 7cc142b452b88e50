/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_CHAIN_H
#define VSIM_CHAIN_H

/**
 * @file
 * Requests of control and admin queues: one chain at a time, read and written by offset.
 */

#include "vsim/ring/vsim_walk.h"

/** A request popped from a queue: all readable segments, then all writable segments. */
struct vsim_chain {
	uint16_t id; /**< Head index (split) or buffer id (packed). */
	uint16_t nb_descs; /**< Ring slots of the chain. */
	uint32_t readable_len, writable_len; /**< Bytes. */
	unsigned int nb_segs, nb_readable_segs;
	struct vsim_seg segs[256];
	uint64_t iovas[256]; /**< Bus addresses of segs, to translate again after some time. */
};
/**
 * Take the next request of a queue.
 * @return 1, 0 (none), or -errno (the queue failed).
 */
int vsim_chain_pop(struct vsim_queue *q, struct vsim_chain *chain);
/** Copy from the readable part; bytes past its end read as zero. @return bytes in the chain. */
size_t vsim_chain_read(const struct vsim_chain *chain, size_t offset, void *buf, size_t len);
/** Copy into the writable part; bytes that do not fit are dropped. @return bytes written. */
size_t vsim_chain_write(const struct vsim_chain *chain, size_t offset, const void *buf, size_t len);
/** Translate the writable part again, after the DMA map may have changed. @return 0, or -EFAULT
 * (the queue failed). */
int vsim_chain_relocate(struct vsim_queue *q, struct vsim_chain *chain);
/** Push the chain with this used length, and raise an interrupt if the driver wants one. */
void vsim_chain_push(struct vsim_queue *q, const struct vsim_chain *chain, uint32_t written);

#endif /* VSIM_CHAIN_H */
