/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Running queues: activation with what the driver programmed, deactivation, doorbells. virtio 1.4
 * 2.6 to 2.8, 4.1.5.2.
 */

#include <errno.h>
#include <stdlib.h>

#include "vsim/ring/vsim_queue.h"
#include "vsim/core/vsim_event.h"
#include "vsim/core/vsim_lock.h"
#include "vsim/core/vsim_wire_ops.h"
#include "vsim/ring/vsim_packed.h"
#include "vsim/ring/vsim_split.h"
#include "vsim/ring/vsim_window.h"

/* ---------------------------------------------------------------- activation */

/** A part of the ring: address, length, alignment, access by the device. */
struct area {
	uint64_t iova, len, align;
	int prot;
};

static void
queue_areas(const struct vsim_queue *q, struct area area[3])
{
	uint32_t size = q->size;

	if (q->is_packed) {
		area[0] = (struct area){ q->areas[0], VIRTQ_DESC_BYTES(size),
			VIRTQ_PACKED_DESC_ALIGN, PROT_READ | PROT_WRITE };
		area[1] = (struct area){ q->areas[1], sizeof(struct pvirtq_event_suppress),
			VIRTQ_PACKED_EVENT_ALIGN, PROT_READ };
		area[2] = (struct area){ q->areas[2], sizeof(struct pvirtq_event_suppress),
			VIRTQ_PACKED_EVENT_ALIGN, PROT_WRITE };
	} else {
		area[0] = (struct area){ q->areas[0], VIRTQ_DESC_BYTES(size), VIRTQ_DESC_ALIGN,
			PROT_READ };
		area[1] = (struct area){ q->areas[1], VIRTQ_AVAIL_BYTES(size), VIRTQ_AVAIL_ALIGN,
			PROT_READ };
		area[2] = (struct area){ q->areas[2], VIRTQ_USED_BYTES(size), VIRTQ_USED_ALIGN,
			PROT_WRITE };
	}
}

/** Translate the addresses of the parts of the ring. @return 0, or -EFAULT: nothing is changed. */
static int
queue_locate(struct vsim_queue *q)
{
	struct area area[3];
	uint8_t *ptr[3];

	queue_areas(q, area);
	for (unsigned int i = 0; i < 3; i++) {
		uint64_t len = area[i].len;

		ptr[i] = vsim_dma_find(q->fn->dma, area[i].iova, &len, area[i].prot, NULL);
		if (ptr[i] == NULL || len != area[i].len)
			return -EFAULT;
	}
	if (q->is_packed) {
		q->packed.desc = (void *)ptr[0];
		q->packed.driver = (void *)ptr[1];
		q->packed.device = (void *)ptr[2];
	} else {
		q->split.desc = (void *)ptr[0];
		q->split.avail = (void *)ptr[1];
		q->split.used = (void *)ptr[2];
	}
	return 0;
}

/** virtio 1.4 5.1.9: the length of the header depends on the accepted features. */
static uint16_t
header_len(const struct vsim_features *f)
{
	if (vsim_features_has(f, VIRTIO_NET_F_OUT_NET_HEADER) ||
			vsim_features_has(f, VIRTIO_NET_F_IPSEC))
		return VIRTIO_NET_HDR_LEN_OUT;
	if (vsim_features_has(f, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO) ||
			vsim_features_has(f, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO))
		return VIRTIO_NET_HDR_LEN_TUNNEL;
	if (vsim_features_has(f, VIRTIO_NET_F_HASH_REPORT))
		return VIRTIO_NET_HDR_LEN_HASH;
	return VIRTIO_NET_HDR_LEN;
}

static void
queue_settings(struct vsim_queue *q)
{
	const struct vsim_features *f = &q->fn->accepted;

	q->is_packed = vsim_features_has(f, VIRTIO_F_RING_PACKED);
	q->in_order = vsim_features_has(f, VIRTIO_F_IN_ORDER);
	q->event_idx = vsim_features_has(f, VIRTIO_F_EVENT_IDX);
	q->indirect = vsim_features_has(f, VIRTIO_F_INDIRECT_DESC);
	q->mergeable = vsim_features_has(f, VIRTIO_NET_F_MRG_RXBUF);
	q->notification_data = vsim_features_has(f, VIRTIO_F_NOTIFICATION_DATA);
	q->notif_config_data = vsim_features_has(f, VIRTIO_F_NOTIF_CONFIG_DATA);
	q->hdr_len = header_len(f);
	if (q->fn->legacy && !q->mergeable)
		q->hdr_len = VIRTIO_NET_HDR_LEN_LEGACY;
	q->is_ctrl = q->qi == vsim_fn_ctrl_index(q->fn);
	q->is_admin = q->qi >= vsim_fn_admin_index(q->fn);
	q->write = !q->is_ctrl && !q->is_admin && q->qi % 2 == 0;
	q->legacy = q->fn->legacy;
	q->strict = q->fn->nic->conf.strict_doorbells;
	/* virtio 1.4 6.1: with IN_ORDER buffers are used in order. */
	q->shuffled = q->fn->nic->conf.shuffled_completions && !q->in_order && !q->is_ctrl &&
			!q->is_admin;
	q->hard = q->strict || q->shuffled;
	q->polled = q->fn->nic->conf.polled_rings && !q->is_ctrl && !q->is_admin;
	q->flags_avail = VIRTQ_DESC_F_AVAIL;
	q->flags_used = VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;
}

/** @return the rule that the driver broke when it programmed the queue, or VIRTIO_RULE_NONE. */
static enum virtio_rule
queue_misconfigured(const struct vsim_queue *q)
{
	struct area area[3];

	if (q->size == 0 || q->size > q->fn->nic->conf.queue_size ||
			(!q->is_packed && (q->size & (q->size - 1)) != 0))
		return VIRTIO_RULE_QUEUE_SIZE;
	queue_areas(q, area);
	for (unsigned int i = 0; i < 3; i++)
		if (area[i].iova & (area[i].align - 1))
			return VIRTIO_RULE_RING_ALIGNMENT;
	return VIRTIO_RULE_NONE;
}

/** From now on the device looks at the ring without doorbells. */
static void
queue_poll(struct vsim_queue *q)
{
	q->active = true;
	if (q->is_packed)
		__atomic_store_n((uint32_t *)(void *)q->packed.device,
				htole32(RING_EVENT_FLAGS_DISABLE << 16), __ATOMIC_RELAXED);
	else
		vsim_split_doorbells_off(q);
}

int
vsim_queue_activate(struct vsim_fn *fn, uint16_t qi)
{
	const struct vsim_queue_cfg *cfg = &fn->queue_cfg[qi];
	struct vsim_queue *q;
	enum virtio_rule rule;

	if (fn->queue[qi] != NULL)
		return 0;
	q = aligned_alloc(VSIM_CACHE_LINE, (sizeof(*q) + VSIM_CACHE_LINE - 1) & -VSIM_CACHE_LINE);
	if (q == NULL)
		return -ENOMEM;
	*q = (struct vsim_queue){
		.fn = fn,
		.qi = qi,
		.size = cfg->size,
		.serial = ++fn->queue_serial,
		.areas = { cfg->desc, cfg->driver, cfg->device },
		.ctr = &fn->counters->queue[qi],
		.doorbell = vsim_queue_doorbell_word(fn, qi),
	};
	queue_settings(q);
	rule = queue_misconfigured(q);
	if (rule != VIRTIO_RULE_NONE) {
		vsim_fn_violation(fn, rule);
		free(q);
		return -EINVAL;
	}
	if (queue_locate(q) < 0) {
		vsim_count(&fn->counters->dma_faults, 1);
		free(q);
		return -EFAULT;
	}
	if (q->shuffled) {
		q->window = calloc(1, sizeof(*q->window));
		if (q->window == NULL) {
			free(q);
			return -ENOMEM;
		}
		q->window->seed = qi;
	}
	/* Every reset sets the word to idle. If it is not idle now, the driver rang the doorbell
	 * before the queue ran: before DRIVER_OK this breaks 3.1.1. */
	if (atomic_exchange(q->doorbell, VSIM_DOORBELL_IDLE) != VSIM_DOORBELL_IDLE &&
			!(fn->status & VIRTIO_STATUS_DRIVER_OK))
		vsim_fn_violation(fn, VIRTIO_RULE_DOORBELL_EARLY);
	if (qi == 0 && fn->wire != NULL && fn->wire->ops->start != NULL)
		fn->wire->ops->start(fn->wire);
	if (q->polled)
		queue_poll(q);
	fn->queue[qi] = q;
	vsim_workers_stale(fn->nic);
	return 0;
}

/**
 * All that a strict device sees from now on.
 * @param named  A doorbell named the position pos; else all buffers that are available now.
 */
static VSIM_COLD void
announce(struct vsim_queue *q, bool named, uint16_t pos)
{
	uint16_t nb = pos - q->avail_i;

	if (q->is_packed) {
		vsim_packed_announce(q, named, pos);
		return;
	}
	if (vsim_split_look(q) <= 0 || !named)
		return;
	if (nb > q->size)
		q->avail_seen = q->avail_i; /* A position of the past: nothing new. */
	else if (nb < (uint16_t)(q->avail_seen - q->avail_i))
		q->avail_seen = pos;
}

void
vsim_queue_resume(struct vsim_fn *fn, uint16_t qi)
{
	struct vsim_queue *q = fn->queue[qi];

	if (q == NULL || q->is_packed)
		return;
	q->used_i = q->avail_i = q->avail_seen = le16toh(
			__atomic_load_n(&q->split.used->idx, __ATOMIC_RELAXED));
	q->active = true; /* Doorbells rung before the stop are lost: look at the ring. */
	if (q->strict)
		announce(q, false, 0);
}

void
vsim_queue_deactivate(struct vsim_fn *fn, uint16_t qi)
{
	struct vsim_queue *q = fn->queue[qi];

	/* Queues that this NIC cannot have may have no word. */
	if (fn->doorbells != NULL && vsim_queue_doorbell_offset(fn->nic, qi) < fn->mem_size)
		atomic_store(vsim_queue_doorbell_word(fn, qi), VSIM_DOORBELL_IDLE);
	if (q == NULL)
		return;
	fn->queue[qi] = NULL;
	free(q->window);
	free(q);
	vsim_workers_stale(fn->nic);
}

void
vsim_queues_remap(struct vsim_fn *fn)
{
	for (unsigned int qi = 0; qi < VSIM_MAX_QUEUES; qi++) {
		struct vsim_queue *q = fn->queue[qi];

		if (q == NULL)
			continue;
		q->cache = (struct vsim_dma_cache){ 0 };
		/* As in hardware, the fault comes with the next access, not with the unmapping. */
		q->unmapped = queue_locate(q) < 0;
	}
}

/* ---------------------------------------------------------------- doorbells */

/** next_off and next_wrap must name the first descriptor that is not yet available (4.1.5.2). The
 * driver may have published more since, so only a position past the published descriptors is
 * certainly wrong. */
static bool
next_plausible(const struct vsim_queue *q, uint16_t pos)
{
	uint16_t slot;
	uint64_t tail;
	uint32_t d;
	bool wrap;

	if (!q->is_packed) {
		uint16_t idx = le16toh(__atomic_load_n(&q->split.avail->idx, __ATOMIC_ACQUIRE));

		return (int16_t)(pos - idx) <= 0;
	}
	if ((pos & 0x7fff) >= q->size)
		return false;
	d = vsim_packed_distance(q, pos);
	if (d == 0 || d > q->size)
		return true;
	/* The device has not used the slot before the position, so the slot still has the flags
	 * of the driver. */
	slot = (pos & 0x7fff) == 0 ? q->size - 1 : (pos & 0x7fff) - 1;
	wrap = (pos >> 15) ^ ((pos & 0x7fff) == 0);
	tail = vsim_packed_tail(&q->packed.desc[slot], __ATOMIC_ACQUIRE);
	return ((tail >> 48) & PACKED_WRAP_FLAGS) ==
			(wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED);
}

/** Was the word written with 32 bits? The upper half of an idle word is all ones. If it still is,
 * the write had 16 bits, except where a 32-bit write can also have all ones there. */
static bool
written_wide(const struct vsim_queue *q, uint32_t value)
{
	uint16_t idx;

	if (value >> 16 != 0xffff)
		return true;
	if (!q->notification_data)
		return false;
	if (q->is_packed)
		return q->size > 0x7fff;
	idx = le16toh(__atomic_load_n(&q->split.avail->idx, __ATOMIC_RELAXED));
	/* Only a driver that has just published its 65535th entry writes 0xffff into the upper
	 * half. Since then it may have published a whole ring, and a burst that the device took. */
	return (q->lapped || idx < q->avail_i || idx == 0xffff) &&
			(uint16_t)(idx - 0xffff) <= q->size + VSIM_BURST;
}

static void
doorbell_check(struct vsim_queue *q, uint32_t value)
{
	uint16_t id = q->notif_config_data ? vsim_queue_notif_data(q->qi) : q->qi;
	bool wide = written_wide(q, value);

	if ((value & 0xffff) != id)
		vsim_fn_violation(q->fn, VIRTIO_RULE_DOORBELL_QUEUE);
	if (wide != q->notification_data)
		vsim_fn_violation(q->fn, VIRTIO_RULE_DOORBELL_WIDTH);
	else if (wide && !next_plausible(q, value >> 16))
		vsim_fn_violation(q->fn, VIRTIO_RULE_DOORBELL_POSITION);
}

/** A doorbell was rung: look at the ring. Out: *more, whether the ring has new buffers. @return
 * false: the ring cannot be read. */
static bool
queue_wake(struct vsim_queue *q, bool *more)
{
	if (q->dead)
		return false;
	if (q->unmapped) {
		vsim_queue_fault(q);
		return false;
	}
	*more = q->is_packed ? vsim_packed_look(q) : q->split.avail->idx != htole16(q->avail_i);
	return true;
}

bool
vsim_queue_doorbell_take(struct vsim_queue *q)
{
	/* Reset the word before the ring is read, so that a doorbell rung meanwhile is seen
	 * later. */
	uint32_t value = atomic_exchange(q->doorbell, VSIM_DOORBELL_IDLE);
	bool more;

	if (value == VSIM_DOORBELL_IDLE)
		return false;
	vsim_count(&q->ctr->doorbells, 1);
	if (!queue_wake(q, &more))
		return false;
	doorbell_check(q, value);
	if (!q->active && !more)
		vsim_count(&q->ctr->doorbells_spurious, 1);
	q->active = true;
	q->known = 0; /* From now on the ring is read. */
	if (unlikely(q->strict))
		announce(q, q->notification_data && written_wide(q, value), value >> 16);
	return true;
}

void
vsim_doorbell_ring_all(struct vsim_fn *fn, uint16_t named)
{
	bool more;

	/* Two doorbells in the same word may be seen as one, so the queue index may be
	 * incomplete: look at all queues. */
	for (unsigned int qi = 0; qi < VSIM_MAX_QUEUES; qi++) {
		struct vsim_queue *q = fn->queue[qi];

		if (q == NULL)
			continue;
		if (qi == named)
			vsim_count(&q->ctr->doorbells, 1);
		if (!queue_wake(q, &more))
			continue;
		q->active = true;
		q->known = 0;
		if (q->strict)
			announce(q, false, 0);
	}
}

void
vsim_doorbell_ring(struct vsim_fn *fn, uint64_t doorbell_offset, uint32_t value, unsigned int width)
{
	uint8_t *word;

	if (width < sizeof(uint16_t) || doorbell_offset + width > fn->mem_size) {
		vsim_fn_violation(fn, VIRTIO_RULE_DOORBELL_WIDTH);
		return;
	}
	/* Store the value as the driver stores it into the mapped page. */
	word = (uint8_t *)fn->doorbells + doorbell_offset;
	if (width == sizeof(uint16_t))
		__atomic_store_n((uint16_t *)(void *)word, htole16(value), __ATOMIC_RELEASE);
	else
		__atomic_store_n((uint32_t *)(void *)word, htole32(value), __ATOMIC_RELEASE);
}

static void
word_idle(_Atomic uint32_t *page, uint64_t offset)
{
	if (page != NULL)
		atomic_store(&page[offset / sizeof(*page)], VSIM_DOORBELL_IDLE);
}

void
vsim_legacy_doorbells_idle(struct vsim_fn *fn)
{
	const struct vsim_fn *pf = fn->nic->all[0];

	word_idle(fn->doorbells, vsim_legacy_doorbell(fn->nic, VSIM_LEGACY_DOORBELL));
	if (fn->index > 0 && pf != NULL)
		word_idle(pf->doorbells,
				vsim_legacy_doorbell(fn->nic, VSIM_LEGACY_OWNER_DOORBELLS) +
						4 * (fn->index - 1));
}
