/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_DRIVER_H
#define VSIM_DRIVER_H

/**
 * @file
 * The driver side of a virtqueue in a few lines, for tests and measurements of the simulated NIC.
 *
 * It does what it is told, also wrong things: the rings are open to the test.
 */

#include "vsim_fixture.h"

#define RING_MAX 256
#define RING_SEGS 24
/** Buffers of a test stand behind the rings of the fixture's memory. */
#define BUF_OFFSET (128 * 1024)
#define BUF_IOVA (FIXTURE_IOVA + BUF_OFFSET)

struct ring_seg {
	uint64_t addr;
	uint32_t len;
};

struct ring {
	struct vsim_fn *fn;
	uint16_t qi, size;
	bool packed, in_order, event_idx, notification_data, notif_config_data;
	union {
		struct {
			struct virtq_desc *desc;
			struct virtq_avail *avail;
			struct virtq_used *used;
		};
		struct {
			struct pvirtq_desc *pdesc;
			struct pvirtq_event_suppress *driver, *device;
		};
	};
	uint16_t avail_i, used_i; /**< Split: free-running. Packed: slots. */
	bool avail_wrap, used_wrap; /**< Packed. */
	uint16_t next_desc; /**< Split: descriptors are taken in ring order, all of them. */
	uint16_t next_id; /**< Packed. */
	uint16_t slots[RING_MAX]; /**< Ring slots that the buffer of this id took. */
	/* IN_ORDER: one used entry may stand for all posted before it. */
	uint16_t order[RING_MAX], order_in, order_out; /**< Ids as posted, free-running. */
	bool batch; /**< Up to batch_id, all is used. */
	uint16_t batch_id;
	uint32_t batch_len;
};

/** A queue set up at mem (its parts 0, 4096 and 5120 bytes from there). */
static inline void
ring_init(struct ring *r, struct vsim_fn *fn, uint16_t qi, uint16_t size, uint8_t *mem)
{
	const struct vsim_features *f = &fn->accepted;

	*r = (struct ring){
		.fn = fn,
		.qi = qi,
		.size = size,
		.packed = vsim_features_has(f, VIRTIO_F_RING_PACKED),
		.in_order = vsim_features_has(f, VIRTIO_F_IN_ORDER),
		.event_idx = vsim_features_has(f, VIRTIO_F_EVENT_IDX),
		.notification_data = vsim_features_has(f, VIRTIO_F_NOTIFICATION_DATA),
		.notif_config_data = vsim_features_has(f, VIRTIO_F_NOTIF_CONFIG_DATA),
		.avail_wrap = true,
		.used_wrap = true,
	};
	r->desc = (void *)mem;
	r->avail = (void *)(mem + 4096);
	r->used = (void *)(mem + 5120);
}

static inline uint16_t
ring_avail_flags(const struct ring *r)
{
	return r->avail_wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

/** Post one buffer of out readable and then in writable segments, through a table at this bus
 * address (and pointer) if it is not 0. Not visible before ring_publish() for split; packed
 * publishes at once, first descriptor last. @return its id */
static inline uint16_t
ring_post(struct ring *r, const struct ring_seg *segs, unsigned int out, unsigned int in,
		uint64_t table, void *table_ptr)
{
	unsigned int nb = out + in;
	uint16_t first_flags = 0, first = r->avail_i, id;

	if (!r->packed) {
		struct virtq_desc *t = table_ptr;

		id = r->next_desc;
		for (unsigned int i = 0; i < nb; i++) {
			uint16_t slot = table != 0 ? i : (r->next_desc + i) % r->size;
			struct virtq_desc *d = table != 0 ? &t[i] : &r->desc[slot];

			*d = (struct virtq_desc){
				.addr = segs[i].addr,
				.len = segs[i].len,
				.flags = (i >= out ? VIRTQ_DESC_F_WRITE : 0) |
						(i + 1 < nb ? VIRTQ_DESC_F_NEXT : 0),
				.next = table != 0 ? i + 1 : (slot + 1u) % r->size,
			};
		}
		if (table != 0)
			r->desc[r->next_desc] = (struct virtq_desc){ .addr = table,
				.len = nb * 16,
				.flags = VIRTQ_DESC_F_INDIRECT };
		r->slots[id] = table != 0 ? 1 : nb;
		r->next_desc = (r->next_desc + r->slots[id]) % r->size;
		r->avail->ring[r->avail_i % r->size] = id;
		r->avail_i++;
		r->order[r->order_in++ % RING_MAX] = id;
		return id;
	}
	id = r->next_id++ % r->size;
	r->order[r->order_in++ % RING_MAX] = id;
	r->slots[id] = table != 0 ? 1 : nb;
	for (unsigned int i = 0; i < nb && table != 0; i++)
		((struct pvirtq_desc *)table_ptr)[i] = (struct pvirtq_desc){ .addr = segs[i].addr,
			.len = segs[i].len,
			.flags = i >= out ? VIRTQ_DESC_F_WRITE : 0 };
	for (unsigned int i = 0; i < r->slots[id]; i++) {
		struct pvirtq_desc *d = &r->pdesc[r->avail_i];
		uint16_t flags = ring_avail_flags(r);

		d->addr = table != 0 ? table : segs[i].addr;
		d->len = table != 0 ? nb * 16 : segs[i].len;
		d->id = id;
		if (table != 0)
			flags |= VIRTQ_DESC_F_INDIRECT;
		else
			flags |= (i >= out ? VIRTQ_DESC_F_WRITE : 0) |
					(i + 1 < nb ? VIRTQ_DESC_F_NEXT : 0);
		if (i == 0)
			first_flags = flags;
		else
			d->flags = flags;
		if (++r->avail_i == r->size) {
			r->avail_i = 0;
			r->avail_wrap = !r->avail_wrap;
		}
	}
	__atomic_store_n(&r->pdesc[first].flags, first_flags, __ATOMIC_RELEASE);
	return id;
}

static inline void
ring_publish(struct ring *r)
{
	if (!r->packed)
		__atomic_store_n(&r->avail->idx, r->avail_i, __ATOMIC_RELEASE);
}

/** The value that the driver owes the doorbell. */
static inline uint32_t
ring_doorbell(const struct ring *r)
{
	uint32_t value = r->notif_config_data ? vsim_queue_notif_data(r->qi) : r->qi;

	if (r->notification_data)
		value |= (uint32_t)r->avail_i << 16 | (uint32_t)(r->packed && r->avail_wrap) << 31;
	return value;
}

static inline void
ring_kick(struct ring *r)
{
	_Atomic uint32_t *word = &r->fn->doorbells[vsim_queue_notify_off(r->qi)];

	if (r->notification_data)
		atomic_store_explicit(word, ring_doorbell(r), memory_order_release);
	else
		__atomic_store_n((uint16_t *)(void *)word, ring_doorbell(r), __ATOMIC_RELEASE);
}

/** The used entry at used_i, which stays there. */
static inline bool
ring_peek(const struct ring *r, uint16_t *id, uint32_t *len)
{
	uint16_t flags;

	if (!r->packed) {
		const struct virtq_used_elem *e = &r->used->ring[r->used_i % r->size];

		if (__atomic_load_n(&r->used->idx, __ATOMIC_ACQUIRE) == r->used_i)
			return false;
		*id = e->id;
		*len = e->len;
		return true;
	}
	flags = __atomic_load_n(&r->pdesc[r->used_i].flags, __ATOMIC_ACQUIRE);
	if (!!(flags & VIRTQ_DESC_F_AVAIL) != r->used_wrap ||
			!!(flags & VIRTQ_DESC_F_USED) != r->used_wrap)
		return false;
	*id = r->pdesc[r->used_i].id;
	*len = flags & VIRTQ_DESC_F_WRITE ? r->pdesc[r->used_i].len : 0;
	return true;
}

/** Take the next used buffer. */
static inline bool
ring_reap(struct ring *r, uint16_t *id, uint32_t *len)
{
	if (r->in_order) {
		if (!r->batch && !ring_peek(r, &r->batch_id, &r->batch_len))
			return false;
		*id = r->order[r->order_out++ % RING_MAX];
		r->batch = *id != r->batch_id;
		*len = r->batch ? 0 : r->batch_len;
	} else if (!ring_peek(r, id, len)) {
		return false;
	}
	r->used_i += r->packed ? r->slots[*id % RING_MAX] : 1;
	if (r->packed && r->used_i >= r->size) {
		r->used_i -= r->size;
		r->used_wrap = !r->used_wrap;
	}
	return true;
}

/** A function with queue pairs running, and their rings (and the control queue's). */
struct driver {
	struct vsim_fn *fn;
	uint8_t *mem; /**< FIXTURE_MEM_LEN bytes at FIXTURE_IOVA of the function. */
	struct ring rx[4], tx[4], ctrl;
};

static inline void
driver_run(struct driver *d, struct vsim_fn *fn, uint8_t *mem, const struct vsim_features *features,
		unsigned int pairs, uint16_t size)
{
	*d = (struct driver){ .fn = fn, .mem = mem };
	memset(mem, 0, 9 * FIXTURE_QUEUE_LEN);
	VTEST(driver_negotiate(fn, features));
	for (unsigned int i = 0; i < 2 * pairs; i++) {
		struct ring *r = i % 2 == 0 ? &d->rx[i / 2] : &d->tx[i / 2];

		driver_queue(fn, i, size);
		ring_init(r, fn, i, size, mem + (size_t)i * FIXTURE_QUEUE_LEN);
	}
	if (vsim_fn_ctrl_index(fn) < VSIM_MAX_QUEUES) {
		uint16_t qi = vsim_fn_ctrl_index(fn);

		driver_queue(fn, qi, size);
		ring_init(&d->ctrl, fn, qi, size, mem + (size_t)qi * FIXTURE_QUEUE_LEN);
	}
	driver_ok(fn);
}

/** VFs come to be, as by VF Enable. */
static inline void
fixture_vfs(struct fixture *f, uint16_t n)
{
	vsim_nic_lock(f->nic);
	VTEST_EQ(vsim_nic_vfs_set(f->nic, n), 0);
	vsim_nic_unlock(f->nic);
}

#endif /* VSIM_DRIVER_H */
