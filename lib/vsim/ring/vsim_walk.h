/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_DATA_H
#define VSIM_DATA_H

/**
 * @file
 * What the files of the data half share: DMA map, running queues, workers, frames.
 *
 * Ring vocabulary of a device: pop (take the next chain), push (give chains back), call
 * (interrupt the driver, if it asked). The rings stand in vsim_split.h and vsim_packed.h, the
 * bursts over them in vsim_rxtx.c.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vsim/core/vsim_fn.h"

#define VSIM_CACHE_LINE 64
#define VSIM_BURST 32 /**< Packets per queue and round. */
#define VSIM_RX_BUFS 512 /**< RX buffers in hand at once; bounds a merged packet. */
#define VSIM_ETHER_LEN 14
#define VSIM_ETHER_EXTRA 22 /**< Ethernet header and two VLAN tags, above the MTU. */

#define likely(x) __builtin_expect(!!(x), 1)
#define unlikely(x) __builtin_expect(!!(x), 0)
#define VSIM_INLINE static inline __attribute__((always_inline))
#define VSIM_COLD __attribute__((noinline, cold))

/** Add to a counter: one writer, any readers. */
VSIM_INLINE void
vsim_count(uint64_t *counter, uint64_t n)
{
	__atomic_store_n(counter, *counter + n, __ATOMIC_RELAXED);
}

/* ---------------------------------------------------------------- DMA map (vsim_dma.c) */

/** Exactly what the client mapped. */
struct vsim_dma_piece {
	uint64_t iova, size;
	uint8_t *ptr; /**< Where iova is seen here. */
	int prot;
	uint8_t *map; /**< What was mapped here for it; NULL: memory of the process itself. */
	size_t map_len;
	int window; /**< Index of the window that holds it, or -1. */
	volatile bool lost; /**< Its file was cut short; nothing but zeros stands here now. */
};

/** Pieces that are neighbours both in bus addresses and here, as one. */
struct vsim_dma_seg {
	uint64_t iova, size;
	uint8_t *ptr;
	int prot;
};

/** Address space kept free, so that pieces in it are neighbours as their bus addresses are. */
#define VSIM_DMA_WINDOW (UINT64_C(64) << 30)
#define VSIM_DMA_WINDOWS 16
struct vsim_dma_window {
	uint64_t iova;
	uint8_t *ptr; /**< NULL: free entry. */
	unsigned int nb_pieces;
	bool spoilt; /**< Part of it was lost to somebody else: map nothing new here. */
};

#define VSIM_DMA_PIECES 65536 /**< Most pieces of a function. */

struct vsim_dma {
	struct vsim_dma_piece *pieces; /**< By iova. */
	unsigned int nb_pieces, room;
	struct vsim_dma_seg *segs; /**< By iova; as much room as pieces. */
	unsigned int nb_segs;
	uint64_t bytes;
	volatile unsigned int
			nb_lost; /**< Pieces lost and not yet accounted for; by the handler. */
	struct vsim_dma_window windows[VSIM_DMA_WINDOWS];
};

/** One readable and writable segment, the last one that a queue used. */
struct vsim_dma_cache {
	uint64_t iova, size;
	uint8_t *ptr;
};

/**
 * Where len bytes at iova stand here, for this access (PROT_READ, PROT_WRITE or both).
 * @param len    In: bytes wanted, not 0. Out: bytes that stand there in one piece, at most that.
 * @param cache  Gets the segment when it can be read and written; may be NULL.
 * @return NULL when the first byte is not mapped, or not for that access.
 */
uint8_t *vsim_dma_find(const struct vsim_dma *dma, uint64_t iova, uint64_t *len, int prot,
		struct vsim_dma_cache *cache);

struct vsim_dma *vsim_dma_create(void);
void vsim_dma_free(struct vsim_dma *dma);

/** From now on, memory of this NIC that goes away under the calling thread is survived. */
void vsim_dma_guard_enter(struct vsim_nic *nic);
void vsim_dma_guard_leave(void);

/* ---------------------------------------------------------------- running queue */

/** A buffer taken from a ring, in the direction of its queue. */
struct vsim_buf {
	uint8_t *ptr; /**< First segment. */
	uint32_t len; /**< Of the first segment. */
	uint32_t total; /**< Bytes of all segments. */
	uint16_t id;
	uint16_t nb_descs; /**< Ring slots. */
	uint32_t nb_segs;
	struct vsim_seg *segs; /**< All segments, valid when nb_segs is not 1. */
	uint32_t used; /**< For push: bytes written. */
};

struct vsim_queue {
	_Atomic uint32_t *doorbell;
	union {
		struct {
			struct virtq_desc *desc;
			struct virtq_avail *avail;
			struct virtq_used *used;
		} split;
		struct {
			struct pvirtq_desc *desc;
			struct pvirtq_event_suppress *driver, *device;
		} packed;
	};
	uint16_t size;
	/** Split: free-running indices. Packed: slots. used_i is where the next push goes, avail_i
	 * where the next pop looks; buffers in hand stand between them. */
	uint16_t avail_i, used_i;
	uint16_t avail_seen; /**< Split: avail idx last read. */
	uint16_t known; /**< Packed: buffers given back to the ring by rewind, while not active. */
	uint16_t flags_avail; /**< Packed: AVAIL and USED of a slot made available in this round. */
	uint16_t flags_used; /**< Packed: AVAIL and USED to write. */
	uint16_t hdr_len;
	bool active; /**< A doorbell was taken, and the ring was not found empty since. */
	bool is_packed, in_order, event_idx, indirect, mergeable;
	bool lapped; /**< Split: the index has been through all its values once. */
	bool write; /**< RX: the device writes its buffers. */
	bool legacy; /**< Of a legacy driver, which leaves num_buffers of what it sends alone. */
	bool dead; /**< Faulted, or its ring was unmapped: not touched any more. */
	bool unmapped; /**< The ring left the DMA map: a fault once it is needed. */
	struct vsim_dma_cache cache;
	struct vsim_queue_counters *ctr;
	struct vsim_fn *fn;
	uint16_t qi;

	/* cold */
	bool is_ctrl, is_admin, notification_data, notif_config_data;
	uint64_t areas[3]; /**< Bus addresses of the ring parts. */
};

/** A function that has queues to serve. */
struct vsim_port {
	struct vsim_fn *fn;
	uint16_t nb_rx, nb_tx;
	struct vsim_queue *rx[VSIM_MAX_QUEUE_PAIRS], *tx[VSIM_MAX_QUEUE_PAIRS];
	struct vsim_queue *ctrl, *admin[VSIM_MAX_ADMIN_QUEUES];
	uint16_t nb_admin;
};

/** Segments for the buffers of one burst. */
#define VSIM_POOL_SEGS (2 * VIRTQ_SIZE_MAX)
struct vsim_pool {
	unsigned int nb;
	struct vsim_seg segs[VSIM_POOL_SEGS];
};

/** A frame on its way, without virtio header. */
struct vsim_frame {
	const uint8_t *ptr; /**< First (or only) segment. */
	uint32_t len; /**< Of the first segment. */
	uint32_t total; /**< Bytes of the frame; more than there are: the rest may be anything. */
	uint32_t nb_segs;
	const struct vsim_seg *segs; /**< All segments, valid when nb_segs is not 1. */
};

struct vsim_worker {
	pthread_mutex_t lock;
	_Atomic unsigned int waiters; /**< Threads that want the lock. */
	struct vsim_nic *nic;
	unsigned int nb_ports;
	bool stale; /**< ports no longer match what runs. */
	struct vsim_port *ports; /**< Room for VSIM_MAX_FNS. */

	struct vsim_fn *admin_fn; /**< Its admin queues have something. */
	int wake_fd;
	_Atomic bool stop;
	_Atomic bool asleep;
	_Atomic uint64_t busy; /**< Clock ticks of rounds with work. */
	uint64_t busy_asked, asked; /**< Both when vsim_worker_busy() last asked; nic->lock. */

	/* one burst's worth of scratch, TX and RX apart because a wire may join them */
	struct vsim_buf tx_bufs[VSIM_BURST];
	struct vsim_frame tx_frames[VSIM_BURST];
	struct vsim_buf rx_bufs[VSIM_RX_BUFS];
	struct vsim_pool tx_pool, rx_pool;
};

/** The driver broke a rule and the queue cannot go on. @return -EPROTO */
int vsim_queue_fail(struct vsim_queue *q, unsigned int rule);
/** Memory outside the DMA map. @return -EFAULT */
int vsim_queue_fault(struct vsim_queue *q);
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

/** Translate what stands whole in the segment last used; NULL otherwise. len is not 0. */
VSIM_INLINE uint8_t *
vsim_queue_dma_cached(const struct vsim_queue *q, uint64_t iova, uint32_t len)
{
	uint64_t offset = iova - q->cache.iova;

	if (likely(offset < q->cache.size && len <= q->cache.size - offset))
		return q->cache.ptr + offset;
	return NULL;
}

/** Translate for a queue; *len as in vsim_dma_find(). NULL: not mapped (nothing counted). */
VSIM_INLINE uint8_t *
vsim_queue_dma(struct vsim_queue *q, uint64_t iova, uint32_t *len, bool write)
{
	uint8_t *ptr = vsim_queue_dma_cached(q, iova, *len);
	uint64_t n = *len;

	if (likely(ptr != NULL))
		return ptr;
	ptr = vsim_dma_find(q->fn->dma, iova, &n, write ? PROT_WRITE : PROT_READ, &q->cache);
	*len = n;
	return ptr;
}

/** Copy a descriptor of either layout once; from may be unaligned, and may change any time. */
VSIM_INLINE void
vsim_desc_copy(void *to, const void *from)
{
	memcpy(to, from, sizeof(struct virtq_desc));
	__asm__ volatile("" ::: "memory"); /* From here on only the copy is looked at. */
}

/** A chain being walked: readable segments first, then writable ones. */
struct vsim_walk {
	struct vsim_seg *segs;
	unsigned int room, nb, nb_readable;
	uint64_t readable_len, writable_len;
	uint16_t id, nb_descs;
	uint64_t *iovas; /**< Bus addresses of segs, as much room; may be NULL. */
};

/** Take one descriptor into the walk. @return 0 or -errno with the queue failed. */
int vsim_walk_add(struct vsim_queue *q, struct vsim_walk *walk, uint64_t addr, uint32_t len,
		bool write);
/**
 * Walk the next chain into segments of the pool: a buffer of the direction of the queue.
 * @return 1; -EAGAIN: the pool may have too little room left, empty it first; -EPROTO: as walk.
 */
int vsim_walk_pool(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_pool *pool,
		int (*walk)(struct vsim_queue *q, struct vsim_walk *walk));

/* ---------------------------------------------------------------- interrupts (vsim_irq.c) */

/** The driver wants to know of used buffers (call_needed said so). */
void vsim_queue_irq(struct vsim_queue *q);

/** MSI-X is in use: enabled by register, or, as under VFIO, by connecting a vector. */
VSIM_INLINE bool
vsim_msix_on(const struct vsim_fn *fn)
{
	const uint8_t *ctrl = &fn->config[fn->nic->layout[fn->index > 0].msix + PCI_MSIX_CTRL];

	return fn->nb_irq_fds > 0 || (ctrl[1] << 8 & PCI_MSIX_CTRL_ENABLE);
}

/** Nobody could be told: no vector while MSI-X is on (virtio 1.4 4.1.5.1.2). */
VSIM_INLINE bool
vsim_queue_mute(const struct vsim_queue *q)
{
	return q->fn->queue_cfg[q->qi].vector == VIRTIO_MSI_NO_VECTOR && vsim_msix_on(q->fn);
}

/* ---------------------------------------------------------------- bursts (vsim_rxtx.c) */

/** Drop frames longer than this, either direction. */
VSIM_INLINE uint32_t
vsim_fn_max_frame(const struct vsim_fn *fn)
{
	return fn->nic->conf.mtu + VSIM_ETHER_EXTRA;
}

VSIM_INLINE bool
vsim_fn_running(const struct vsim_fn *fn)
{
	if (unlikely(fn->legacy | fn->stopped))
		/* virtio 1.4 3.1.2: a legacy driver may use its queues before DRIVER_OK. */
		return !fn->stopped && !(fn->status & VIRTIO_STATUS_NEEDS_RESET);
	return (fn->status & (VIRTIO_STATUS_DRIVER_OK | VIRTIO_STATUS_NEEDS_RESET)) ==
			VIRTIO_STATUS_DRIVER_OK;
}

/**
 * A wire brings up to VSIM_BURST frames to a function: filter, steer, put into RX buffers; drops
 * are counted.
 * @param hold  Rather than drop for want of buffers, stop: the caller keeps what is left.
 * @return frames consumed (all of them without hold).
 */
unsigned int vsim_rx_frames(struct vsim_fn *fn, const struct vsim_frame *frames, unsigned int n,
		bool hold);
/** The same for one queue, filter and steering done. */
unsigned int vsim_rx_queue(struct vsim_queue *q, const struct vsim_frame *frames, unsigned int n,
		bool hold);
/** Serve a TX queue once: up to VSIM_BURST packets. @return packets taken. */
unsigned int vsim_tx_queue(struct vsim_queue *q);
/** Copy the first bytes of a frame together. @return bytes copied, at most len. */
size_t vsim_frame_peek(const struct vsim_frame *frame, uint8_t *buf, size_t len);

/* ---------------------------------------------------------------- workers, time */

/** Which functions run on which worker has changed; under the lock. */
void vsim_workers_stale(struct vsim_nic *nic);

/** Ticks of a fast steady clock, and how many make a second. */
uint64_t vsim_clock(void);
uint64_t vsim_clock_hz(void);

#endif /* VSIM_DATA_H */
