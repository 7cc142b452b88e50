/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_CHAIN_H
#define VSIM_CHAIN_H

/**
 * @file
 * Requests of control and admin queues: a chain at a time, read and written by offset.
 */

#include "vsim/ring/vsim_walk.h"

/** A request taken from a queue: all its readable bytes, then all its writable bytes. */
struct vsim_chain {
	uint16_t id; /**< Head index (split) or buffer id (packed). */
	uint16_t nb_descs; /**< Ring slots it took. */
	uint32_t readable_len, writable_len; /**< Bytes. */
	unsigned int nb_segs, nb_readable_segs;
	struct vsim_seg segs[256];
	uint64_t iovas[256]; /**< Bus addresses of segs, for who keeps the chain for long. */
};
/**
 * Take the next request of a control-like queue.
 * @return 1, 0 (none), or -errno (queue broken).
 */
int vsim_chain_pop(struct vsim_queue *q, struct vsim_chain *chain);
/** Copy from the readable part; what is not there reads as zero. @return bytes that were there. */
size_t vsim_chain_read(const struct vsim_chain *chain, size_t offset, void *buf, size_t len);
/** Copy into the writable part; what does not fit is dropped. @return bytes written. */
size_t vsim_chain_write(const struct vsim_chain *chain, size_t offset, const void *buf, size_t len);
/** Where its writable part stands now, after some time. @return 0, or -EFAULT (queue dead). */
int vsim_chain_relocate(struct vsim_queue *q, struct vsim_chain *chain);
/** Give it back with this used length, and interrupt if the driver wants it. */
void vsim_chain_push(struct vsim_queue *q, const struct vsim_chain *chain, uint32_t written);

#endif /* VSIM_CHAIN_H */
