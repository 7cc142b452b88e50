/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_VIRTQ_H
#define VIO_VIRTQ_H

/**
 * @file
 * A virtqueue, driver side, in either layout.
 *
 * The functions of the data path are inline, in vio_virtq_split.h and vio_virtq_packed.h: the same
 * functions in the same order, collected in a struct vio_ring_ops. This header has what both
 * layouts share, and creates and frees the memory. One thread at a time per queue. Posted buffers
 * must be published before the next reap.
 *
 * The device is not trusted: its ids and indices are checked against the outstanding buffers. The
 * first impossible value breaks the queue (vio_virtq_break()): a broken queue returns no more
 * buffers until it is initialised again.
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

/** State of an outstanding buffer of several descriptors, by descriptor index or buffer id. */
struct vio_chain {
	uint32_t len; /**< Bytes that the device may write. */
	uint16_t nb_descs; /**< Ring descriptors of the buffer. */
	uint16_t next; /**< Split: next descriptor of the chain. */
};

/** Set in the cookie of a buffer that was posted as a list, and so has a struct vio_chain. Other
 * buffers have one descriptor and need only a cookie. */
#define VIO_COOKIE_LIST ((uintptr_t)1)

struct vio_virtq;

/** Called once when the queue breaks, in the thread that noticed. */
typedef void (*vio_virtq_broken_fn)(struct vio_virtq *vq, void *arg, const char *err);

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
	void **cookies; /**< Of the caller, by id, with VIO_COOKIE_LIST; NULL: not outstanding. */
	uint16_t *free_ids; /**< Free descriptors (split) or ids (packed), first in, first out. */
	uint16_t size; /**< Descriptors; split: a power of two. */
	uint16_t nb_free; /**< Descriptors not posted. */
	uint16_t id_head, id_tail; /**< In free_ids: next id to take, place of the next free id. */
	uint16_t nb_posted; /**< Since the last publish: buffers; packed: descriptors. */
	uint16_t nb_unannounced; /**< Published since the last doorbell_needed, counted alike. */
	uint16_t post_i; /**< Split: free-running avail index. Packed: ring slot. */
	uint16_t publish_i; /**< post_i at the last publish. */
	uint16_t reap_i; /**< Split: free-running used index. Packed: ring slot. */
	uint16_t used_seen; /**< Split: used index of the device as last read. */
	uint16_t desc_i; /**< In order, split: next descriptor. */
	uint16_t oldest; /**< In order: id of the oldest outstanding buffer. */
	uint16_t batch_id; /**< In order: id of the last buffer of the batch being reaped. */
	uint16_t first_flags; /**< Packed: flags of the first posted descriptor, for publish. */
	uint32_t batch_len; /**< In order: bytes written to the last buffer of the batch. */
	uint32_t write_len; /**< In order: bytes of a buffer of one writable descriptor. */
	bool in_batch; /**< In order: a batch is being reaped. */
	bool post_wrap, reap_wrap; /**< Packed wrap counters. */
	bool broken; /**< The device broke a rule: returns no more buffers. */
	bool in_order, event_idx, order_platform, notify_data;
	uint16_t doorbell_id; /**< As id of struct vio_doorbell. */
	volatile void *doorbell; /**< NULL: not mapped, write through the transport. */
	struct vio_chain *chains; /**< By id; valid with VIO_COOKIE_LIST. NULL: posts no lists. */
	uint64_t nb_doorbells; /**< Doorbells rung. */
	uint64_t nb_doorbells_saved; /**< Doorbells that were not needed. */

	/* cold */
	struct vio_transport *t;
	const struct rte_memzone *mz; /**< NULL: the memory is that of the caller. */
	uint8_t *mem; /**< The three areas. */
	uint64_t iova; /**< Bus address of mem. */
	uint32_t doorbell_offset;
	uint32_t driver_at, device_at; /**< Offsets of the driver and device areas in mem. */
	uint16_t index; /**< Number of the queue in the device. */
	uint16_t drain_i; /**< Next id to drain. */
	bool packed;
	uint64_t nb_violations; /**< Times that the queue broke since its creation. */
	vio_virtq_broken_fn on_broken;
	void *on_broken_arg;
};

/** Parameters of a queue. */
struct vio_virtq_conf {
	/** Of the memory; unique in the process, up to 31 characters. Not used with mem. */
	const char *name;
	/** vio_virtq_bytes() bytes for the ring, aligned to VIO_VIRTQ_ALIGN, until the queue is
	 * freed; NULL: the queue reserves a memzone. */
	void *mem;
	uint64_t iova; /**< Bus address of mem. */
	uint16_t index; /**< Number of the queue in the device. */
	uint16_t size; /**< Descriptors; split: a power of two. */
	int socket; /**< NUMA node of the memory. */
	bool lists; /**< The caller posts lists, which need more memory. */
	vio_virtq_broken_fn on_broken; /**< May be NULL. */
	void *on_broken_arg;
};

#define VIO_VIRTQ_ALIGN 128 /**< Of the memory of a ring, bytes. */

/** Bytes of memory that the ring of a queue takes. */
size_t vio_virtq_bytes(uint16_t size, bool packed);

/**
 * Allocate a queue of the negotiated layout and initialise it.
 * @return the queue, or NULL with rte_errno EINVAL (size) or ENOMEM.
 */
struct vio_virtq *vio_virtq_create(struct vio_dev *dev, const struct vio_virtq_conf *conf);

/** Empty the ring and forget all buffers; the device, or the queue, must have been reset. */
void vio_virtq_init(struct vio_virtq *vq, const struct vio_dev *dev);

/** Set the queue up in the device and enable it. @return as vio_dev_queue_setup(). */
int vio_virtq_enable(struct vio_virtq *vq, struct vio_dev *dev, uint16_t vector);

/**
 * Take back a buffer that the device did not use; the device, or the queue, must have been reset.
 * Call vio_virtq_init() before the queue is used again.
 * @return cookie of the buffer; NULL: no buffer is left.
 */
void *vio_virtq_drain(struct vio_virtq *vq);

/** Free the memory; the device must no longer use it. Does nothing for NULL. */
void vio_virtq_free(struct vio_virtq *vq);

/** The device broke a rule: mark the queue as broken. @return NULL. */
void *vio_virtq_break(struct vio_virtq *vq, const char *err);

/** Write a doorbell through the transport. */
void vio_virtq_doorbell_write(struct vio_virtq *vq, uint32_t value);

/* ------------------------------------------------------------------ shared by both layouts */

/* Without ORDER_PLATFORM the device orders memory like another CPU (virtio 1.4 6, bit 36). */
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

/* Read memory that the device writes: exactly once, into a local. */
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

/** True if entry `event` was added between old_i and new_i (virtio 1.4 2.7.10). */
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

/* Free ids are a ring. While the device uses buffers in the order of their posting, free ids are
 * consecutive, and vector code can take and give a run of them at once. */
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

/* Take the cookie of a used buffer, and the number of its descriptors. */
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
 * In order: take the oldest buffer of the batch that ends with batch_id. All buffers of a batch but
 * the last count as completely written (virtio 1.4 2.7.9, 2.8.8).
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

/* In order: take up to nb buffers of the batch that have one descriptor each, excluding the last of
 * the batch, up to the end of the ring. @return number of buffers. */
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

/* Prefetch the cache lines of nb elements of a ring from `at` on, for writing. */
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

/** Ring the doorbell, in the negotiated width and form. */
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

/** Functions of one layout. Callers name the table as a constant, so that the compiler inlines the
 * functions and drops the table. */
struct vio_ring_ops {
	/** Id of the next post, an index for memory that the caller keeps per buffer. */
	uint16_t (*next_id)(const struct vio_virtq *vq);
	/** Write one descriptor (flags 0, WRITE or INDIRECT), not yet visible to the device. The
	 * caller has checked nb_free. The cookie is an even address. All writable descriptors of a
	 * queue have the same length. */
	void (*post)(struct vio_virtq *vq, const struct vio_seg *seg, uint16_t flags, void *cookie);
	/** The same for a list: nb_readable readable segments, then writable ones. */
	void (*post_list)(struct vio_virtq *vq, const struct vio_seg *segs, uint16_t nb_segs,
			uint16_t nb_readable, void *cookie);
	/** Fill an indirect table with readable segments. */
	void (*indirect_fill)(void *table, const struct vio_seg *segs, uint16_t nb_segs);
	/** Make all posted buffers visible to the device. */
	void (*publish)(struct vio_virtq *vq);
	/** True if the device wants a doorbell for the buffers published since the last call. Only
	 * the answer false needs a memory barrier: a surplus doorbell does no harm. */
	bool (*doorbell_needed)(struct vio_virtq *vq);
	/** Ring the doorbell. */
	void (*doorbell_ring)(struct vio_virtq *vq);
	/** Take one used buffer. @return its cookie; NULL: none is used, or the queue is broken. */
	void *(*reap)(struct vio_virtq *vq, uint32_t *len);
	/** After a reap: take further buffers of the batch, without their lengths.
	 * @return number of buffers; 0 does not mean that no buffer is used. */
	uint16_t (*reap_batch)(struct vio_virtq *vq, void **cookies, uint16_t nb);
	/** True if the next nb buffers are used. */
	bool (*used_ahead)(const struct vio_virtq *vq, uint16_t nb);
	/** Id of the used buffer after the next `skip` ones, for a prefetch: below the size of the
	 * ring, and otherwise what the device wrote. */
	uint16_t (*id_ahead)(const struct vio_virtq *vq, uint16_t skip);
	/** Prefetch the part of the ring that nb used buffers will occupy, after the next `skip`
	 * ones. */
	void (*prefetch_reap)(const struct vio_virtq *vq, uint16_t skip, uint16_t nb);
	/** Enable the interrupt for the next used buffer. @return true if one is used already. */
	bool (*intr_enable)(struct vio_virtq *vq);
	/** Disable interrupts. */
	void (*intr_disable)(struct vio_virtq *vq);
};

#endif /* VIO_VIRTQ_H */
