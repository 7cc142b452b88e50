/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_CMDQ_H
#define VIO_CMDQ_H

/**
 * @file
 * Requests to the device over a command queue: send bytes, wait, get bytes back.
 *
 * The control queue (vio_ctrl.h) and the admin queues (vio_admin.h) use this engine. Callable from
 * any control thread: a lock is held while a request is posted or answers are taken, never while
 * waiting. So requests of many threads are outstanding together, up to the depth of the queue.
 * After a request without an answer the device may still write to its memory: the slot is kept for
 * the device (vio_cmdq_leave()), or the queue is dead until it is initialised again after a reset.
 */

#include <sys/uio.h>

#include <rte_spinlock.h>

#include "vio_virtq.h"

#define VIO_CMDQ_TIMEOUT_US 2000000

/** Memory for one request and its answer. */
struct vio_cmdq_slot {
	enum {
		VIO_CMDQ_FREE,
		VIO_CMDQ_POSTED, /**< The device has it. */
		VIO_CMDQ_ANSWERED,
		VIO_CMDQ_LEFT, /**< The device has it, and nobody waits for the answer. */
	} state;
	uint64_t posted_ns;
	uint32_t out_len, in_len; /**< Bytes. */
	uint32_t used_len; /**< Bytes that the device reports as written, at most in_len. */
};

struct vio_cmdq {
	struct vio_virtq *vq;
	const struct rte_memzone *mz; /**< NULL: the memory is that of the caller. */
	uint8_t *mem; /**< depth pieces of slot_bytes. */
	uint64_t iova; /**< Bus address of mem. */
	struct vio_cmdq_slot *slots;
	rte_spinlock_t lock;
	uint16_t depth; /**< Slots. */
	uint16_t outstanding; /**< Slots that are not free. */
	uint32_t slot_bytes; /**< Bytes of a request and its answer together, at most. */
	uint32_t timeout_us; /**< Of vio_cmdq_exec(). */
	bool dead; /**< A request got no answer. */
	uint16_t left; /**< Slots in the state VIO_CMDQ_LEFT. */
	uint64_t heard_ns; /**< Last answer, or the first request after the queue was empty. */
	uint64_t nb_requests, nb_timeouts;
};

/** Bytes of memory of a queue that gets its memory from the caller. */
size_t vio_cmdq_bytes(uint16_t size, bool packed, uint16_t depth, uint32_t slot_bytes);

/**
 * Allocate a command queue.
 * @param conf        As for vio_virtq_create(); a second memory zone has "c" appended to the name.
 *                    With mem, that are vio_cmdq_bytes() bytes.
 * @param depth       Requests that can be outstanding; fewer when the ring is smaller.
 * @param slot_bytes  Bytes of a request and its answer together, at most.
 * @return 0, -ENOMEM, or -EINVAL.
 */
int vio_cmdq_create(struct vio_cmdq *cmdq, struct vio_dev *dev, const struct vio_virtq_conf *conf,
		uint16_t depth, uint32_t slot_bytes);

/** Initialise the queue after a reset of the device; enable vq afterwards. */
void vio_cmdq_init(struct vio_cmdq *cmdq, struct vio_dev *dev);

/** Free all memory; the device must no longer use it. Does nothing if not created. */
void vio_cmdq_free(struct vio_cmdq *cmdq);

/**
 * Send a request and wait for its answer.
 *
 * @param out     What to send, nb_out parts, at least one byte together.
 * @param in      Where the answer goes, nb_in parts, at least one byte together. Bytes that the
 *                device did not write keep their value.
 * @return bytes of the answer, or
 *         -EINVAL     nothing to send or to receive, or more than slot_bytes,
 *         -EIO        the queue is dead or broken,
 *         -ETIMEDOUT  no answer in time; the queue is dead from now on, unless the request was
 *                     never posted.
 */
int vio_cmdq_exec(struct vio_cmdq *cmdq, const struct iovec *out, unsigned int nb_out,
		const struct iovec *in, unsigned int nb_in);

/* ------------------------------------------------------------------ step by step */

/**
 * Send a request without waiting.
 * @return its slot, -EINVAL, -EIO as above, or -ENOBUFS (depth requests are outstanding).
 */
int vio_cmdq_post(struct vio_cmdq *cmdq, const struct iovec *out, unsigned int nb_out,
		const struct iovec *in, unsigned int nb_in);
/** Check for the answer. @return 1, 0 (not yet), or -EIO (the queue is dead or broken). */
int vio_cmdq_poll(struct vio_cmdq *cmdq, int slot);
/** Copy the answer and free the slot. @return bytes of the answer. */
int vio_cmdq_take(struct vio_cmdq *cmdq, int slot, const struct iovec *in, unsigned int nb_in);
/**
 * Stop waiting for the answer, and keep the slot for the device until it answers. The queue is dead
 * if the device has answered nothing on it for silence_ns; 0: in any case.
 * @return false if the answer has arrived meanwhile.
 */
bool vio_cmdq_leave(struct vio_cmdq *cmdq, int slot, uint64_t silence_ns);
/**
 * Look for answers to requests that nobody waits for. The queue is dead if one is older than
 * silence_ns.
 * @return number of these requests.
 */
unsigned int vio_cmdq_left(struct vio_cmdq *cmdq, uint64_t silence_ns);

#endif /* VIO_CMDQ_H */
