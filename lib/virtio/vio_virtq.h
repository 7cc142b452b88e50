/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_VIRTQ_H
#define VIO_VIRTQ_H

/**
 * @file
 * A virtqueue as its driver keeps it, whichever layout it has.
 *
 * The verbs of the data path are inline and stand in vio_virtq_split.h and vio_virtq_packed.h,
 * the same set in the same order, collected in a struct vio_ring_ops. This header has what both
 * share, and the life of the memory. One thread at a time per queue. What was posted must be
 * published before the next reap.
 *
 * Nothing that the device writes is trusted: ids and indices are bounded against what is
 * outstanding, and the first one that cannot be true breaks the queue (vio_virtq_break()): it
 * gives back nothing more until it is initialised again.
 */

#include <rte_branch_prediction.h>
#include <rte_byteorder.h>
#include <rte_common.h>
#include <rte_io.h>
#include <rte_memzone.h>

#include "virtio_spec/ring.h"
#include "vio_dev.h"

/** One buffer as the device sees it. */
struct vio_seg {
	uint64_t iova; /**< Bus address. */
	uint32_t len; /**< Bytes. */
};

/** What the driver remembers of a buffer of a list, by descriptor index or buffer id. */
struct vio_chain {
	uint32_t len; /**< Bytes the device may write. */
	uint16_t nb_descs; /**< Ring descriptors it takes. */
	uint16_t next; /**< Split: descriptor that follows in the chain. */
};

/** Set in the cookie of a buffer that was posted as a list: its chain is worth a look. Others
 * take one descriptor, so that nothing but their cookie is remembered, and moved. */
#define VIO_COOKIE_LIST ((uintptr_t)1)

struct vio_virtq;

/** Told once when the queue breaks; in the thread that found it. */
typedef void (*vio_virtq_broken_fn)(struct vio_virtq *vq, void *arg, const char *why);

struct vio_virtq {
	union {
		struct virtq_desc *desc; /**< Split. */
		struct pvirtq_desc *pdesc; /**< Packed. */
	};
	union {
		struct virtq_avail *avail; /**< Split. */
		struct pvirtq_event_suppress *driver_event; /**< Packed. */
	};
	union {
		struct virtq_used *used; /**< Split. */
		struct pvirtq_event_suppress *device_event; /**< Packed. */
	};
	void **cookies; /**< The callers', by id, with VIO_COOKIE_LIST; NULL: not outstanding. */
	uint16_t *free_ids; /**< Free descriptors (split) or ids (packed), first in first out. */
	uint16_t size; /**< Descriptors; split: a power of two. */
	uint16_t nb_free; /**< Descriptors not posted. */
	uint16_t id_head, id_tail; /**< Next id to take, place for the next one given back. */
	uint16_t nb_posted; /**< Posted since the last publish: buffers, packed descriptors. */
	uint16_t nb_unannounced; /**< The same since the last doorbell_needed. */
	uint16_t post_i; /**< Split: free-running avail index. Packed: ring slot. */
	uint16_t publish_i; /**< What post_i was at the last publish. */
	uint16_t reap_i; /**< Split: free-running used index. Packed: ring slot. */
	uint16_t used_seen; /**< Split: device's used index when last read. */
	uint16_t desc_i; /**< In order, split: descriptor that comes next. */
	uint16_t oldest; /**< In order: id of the buffer outstanding the longest. */
	uint16_t batch_id; /**< In order: last buffer of the batch being given back. */
	uint16_t first_flags; /**< Packed: flags held back until publish. */
	uint32_t batch_len; /**< In order: bytes written into that last buffer. */
	uint32_t write_len; /**< In order: bytes of a buffer of one writable descriptor. */
	bool in_batch;
	bool post_wrap, reap_wrap; /**< Packed wrap counters. */
	bool broken;
	bool in_order, event_idx, order_platform, notify_data;
	uint16_t doorbell_id;
	volatile void *doorbell; /**< NULL: through the transport. */
	struct vio_chain *chains; /**< By id; only of those with VIO_COOKIE_LIST. */
	uint64_t nb_doorbells;
	uint64_t nb_doorbells_saved; /**< Doorbells that were not needed. */

	/* cold */
	struct vio_transport *t;
	const struct rte_memzone *mz;
	uint32_t doorbell_offset;
	uint32_t driver_at, device_at; /**< Bytes into the memory, of the other two areas. */
	uint16_t index; /**< In the device. */
	uint16_t drain_i; /**< Ids below are drained. */
	bool packed;
	uint64_t nb_violations; /**< Breaks since creation. */
	vio_virtq_broken_fn on_broken;
	void *on_broken_arg;
};

/** How a queue is made. */
struct vio_virtq_conf {
	const char *name; /**< Of its memory; unique in the process, up to 31 characters. */
	uint16_t index; /**< In the device. */
	uint16_t size; /**< Descriptors; split: a power of two. */
	int socket; /**< NUMA node of its memory. */
	vio_virtq_broken_fn on_broken; /**< May be NULL. */
	void *on_broken_arg;
};

/**
 * Allocate a queue in the layout that was negotiated and initialise it.
 * @return the queue, or NULL with rte_errno EINVAL (size) or ENOMEM.
 */
struct vio_virtq *vio_virtq_create(struct vio_dev *dev, const struct vio_virtq_conf *conf);

/** Empty the ring and forget all buffers, as for a device that was reset. */
void vio_virtq_init(struct vio_virtq *vq, const struct vio_dev *dev);

/** Set the queue up in the device and enable it; as vio_dev_queue_setup(). */
int vio_virtq_enable(struct vio_virtq *vq, struct vio_dev *dev, uint16_t vector);

/**
 * Take back a buffer that the device never used; it must have been reset, or the queue. The
 * queue is of no use afterwards until vio_virtq_init().
 * @return its cookie, NULL when none is left.
 */
void *vio_virtq_drain(struct vio_virtq *vq);

/** Free the memory; the device must have let go. NULL is fine. */
void vio_virtq_free(struct vio_virtq *vq);

/** The device said what cannot be: use the queue no more. Always returns NULL. */
void *vio_virtq_break(struct vio_virtq *vq, const char *why);

/** Ring a doorbell that is not mapped. */
void vio_virtq_doorbell_write(struct vio_virtq *vq, uint32_t value);

/* ------------------------------------------------------------------ shared by both layouts */

/* Without ORDER_PLATFORM the device is as good as another CPU (virtio 1.4 6, bit 36). */
static inline void
vio_wmb(const struct vio_virtq *vq)
{
	if (vq->order_platform)
		rte_io_wmb();
	else
		__atomic_thread_fence(__ATOMIC_RELEASE);
}

static inline void
vio_rmb(const struct vio_virtq *vq)
{
	if (vq->order_platform)
		rte_io_rmb();
	else
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
}

static inline void
vio_mb(const struct vio_virtq *vq)
{
	if (vq->order_platform)
		rte_mb();
	else
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

/* Shared memory is read once, into a local. */
static inline uint16_t
vio_load16(const virtio_le16 *at)
{
	return rte_le_to_cpu_16(*(const volatile virtio_le16 *)at);
}

static inline uint64_t
vio_load64(const virtio_le64 *at)
{
	return rte_le_to_cpu_64(*(const volatile virtio_le64 *)at);
}

static inline uint32_t
vio_load32(const virtio_le32 *at)
{
	return rte_le_to_cpu_32(*(const volatile virtio_le32 *)at);
}

static inline void
vio_store16(virtio_le16 *at, uint16_t value)
{
	*(volatile virtio_le16 *)at = rte_cpu_to_le_16(value);
}

/** virtio 1.4 2.7.10: entry `event` is among those added between old and new. */
static inline bool
vio_event_passed(uint16_t event, uint16_t new_i, uint16_t old_i)
{
	return (uint16_t)(new_i - event - 1) < (uint16_t)(new_i - old_i);
}

static inline uint16_t
vio_ring_add(const struct vio_virtq *vq, uint16_t at, uint16_t nb)
{
	const uint32_t sum = (uint32_t)at + nb;

	return (uint16_t)(sum >= vq->size ? sum - vq->size : sum);
}

/* Ids go round: as long as the device gives buffers back in the order in which it got them, each
 * follows the one before, and a run of them can be taken and given in one go. */
static inline uint16_t
vio_id_take(struct vio_virtq *vq)
{
	const uint16_t id = vq->free_ids[vq->id_head];

	vq->id_head = vio_ring_add(vq, vq->id_head, 1);
	return id;
}

static inline void
vio_id_give(struct vio_virtq *vq, uint16_t id)
{
	vq->free_ids[vq->id_tail] = id;
	vq->id_tail = vio_ring_add(vq, vq->id_tail, 1);
}

/* An outstanding buffer comes back: its cookie, and how many descriptors it took. */
static inline void *
vio_cookie_take(struct vio_virtq *vq, uint16_t id, uint16_t *nb_descs)
{
	const uintptr_t cookie = (uintptr_t)vq->cookies[id];

	*nb_descs = (cookie & VIO_COOKIE_LIST) == 0 ? 1 : vq->chains[id].nb_descs;
	vq->cookies[id] = NULL;
	return (void *)(cookie & ~VIO_COOKIE_LIST);
}

static inline void
vio_cookie_put_list(struct vio_virtq *vq, uint16_t id, void *cookie, uint16_t nb_descs,
		uint32_t len)
{
	vq->cookies[id] = (void *)((uintptr_t)cookie | VIO_COOKIE_LIST);
	vq->chains[id].nb_descs = nb_descs;
	vq->chains[id].len = len;
}

/**
 * In order: give back the oldest buffer of the batch that ends with batch_id. Those before the
 * last count as wholly written (virtio 1.4 2.7.9, 2.8.9).
 */
static inline uint16_t
vio_in_order_next(struct vio_virtq *vq, uint32_t *len)
{
	const uint16_t id = vq->oldest;
	const bool list = ((uintptr_t)vq->cookies[id] & VIO_COOKIE_LIST) != 0;

	if (id == vq->batch_id) {
		vq->in_batch = false;
		*len = vq->batch_len;
	} else {
		*len = list ? vq->chains[id].len : vq->write_len;
	}
	vq->oldest = vio_ring_add(vq, id, list ? vq->chains[id].nb_descs : 1);
	return id;
}

/* In order: buffers of the batch being given back that take one descriptor each, but for the
 * last of the batch; at most nb, and not over the end of the ring. @return how many. */
static inline uint16_t
vio_in_order_run(struct vio_virtq *vq, void **cookies, uint16_t nb)
{
	const uint16_t end = vq->batch_id >= vq->oldest ? vq->batch_id : vq->size;
	void **const from = &vq->cookies[vq->oldest];
	uint16_t i;

	nb = RTE_MIN(nb, end - vq->oldest);
	for (i = 0; i < nb; i++) {
		if (unlikely(((uintptr_t)from[i] & VIO_COOKIE_LIST) != 0))
			break;
		cookies[i] = from[i];
		from[i] = NULL;
	}
	vq->oldest = vio_ring_add(vq, vq->oldest, i);
	return i;
}

/* Lines of nb elements of a ring that begin at one, for writing. */
static __rte_always_inline void
vio_prefetch_ring(const struct vio_virtq *vq, const void *ring, const size_t elem_len, uint32_t at,
		uint16_t nb)
{
	const uint32_t step = RTE_CACHE_LINE_SIZE / elem_len;

	for (uint32_t i = 0; i < nb; i += step) {
		if (at >= vq->size)
			at -= vq->size;
		__builtin_prefetch(RTE_PTR_ADD(ring, at * elem_len), 1);
		at += step;
	}
}

/** Notify the device: one doorbell, in the width and form that was negotiated. */
static inline void
vio_virtq_doorbell_ring(struct vio_virtq *vq, uint16_t position)
{
	uint32_t value = vq->doorbell_id;

	if (vq->notify_data)
		value |= (uint32_t)position << 16;
	vq->nb_doorbells++;
	if (unlikely(vq->doorbell == NULL))
		vio_virtq_doorbell_write(vq, value);
	else if (vq->notify_data)
		rte_write32(rte_cpu_to_le_32(value), vq->doorbell);
	else
		rte_write16(rte_cpu_to_le_16((uint16_t)value), vq->doorbell);
}

/** The verbs of one layout; known when the caller is compiled, so that they fold away. */
struct vio_ring_ops {
	/** Id that the next post gets: index into what a caller keeps per buffer. */
	uint16_t (*next_id)(const struct vio_virtq *vq);
	/** Write one descriptor (flags 0, WRITE or INDIRECT); not visible yet. Room is checked by
	 * the caller. The cookie is at an even address. All writable ones of a queue are equally
	 * long. */
	void (*post)(struct vio_virtq *vq, const struct vio_seg *seg, uint16_t flags, void *cookie);
	/** The same for a list: nb_readable segments, then writable ones. */
	void (*post_list)(struct vio_virtq *vq, const struct vio_seg *segs, uint16_t nb_segs,
			uint16_t nb_readable, void *cookie);
	/** Fill an indirect table with segments that the device reads. */
	void (*table_fill)(void *table, const struct vio_seg *segs, uint16_t nb_segs);
	/** Make all that was posted visible to the device. */
	void (*publish)(struct vio_virtq *vq);
	/** The device wants a doorbell for what was published since the last call. A yes costs no
	 * barrier: it may be stale, and a doorbell too many does no harm. Only a no needs one. */
	bool (*doorbell_needed)(struct vio_virtq *vq);
	/** Ring it. */
	void (*doorbell_ring)(struct vio_virtq *vq);
	/** Take one used buffer back: its cookie; NULL: there is none, or the queue is broken. */
	void *(*reap)(struct vio_virtq *vq, uint32_t *len);
	/** After a reap: more of the same batch, for which no length matters. @return how many, 0
	 * says nothing. */
	uint16_t (*reap_batch)(struct vio_virtq *vq, void **cookies, uint16_t nb);
	/** Look ahead: the next nb buffers are used. @return true, with the id of the first one. */
	bool (*used_ahead)(const struct vio_virtq *vq, uint16_t nb, uint16_t *id);
	/** Have the lines of the ring come near where nb used buffers will be, after the next skip
	 * ones; for writing where the next lap is posted there. */
	void (*prefetch_reap)(const struct vio_virtq *vq, uint16_t skip, uint16_t nb);
	/** Ask for an interrupt at the next used buffer. @return true when one is there already. */
	bool (*intr_enable)(struct vio_virtq *vq);
	/** Ask for none. */
	void (*intr_disable)(struct vio_virtq *vq);
};

#endif /* VIO_VIRTQ_H */
