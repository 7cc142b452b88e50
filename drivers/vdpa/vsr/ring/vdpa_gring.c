/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The ring of a guest, device side: available chains, used entries, and suppression both ways. */

#include <errno.h>
#include <string.h>

#include "vdpa_gring.h"

#define PACKED_FLAGS (VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED)
#define CHAIN_BYTES_MAX (UINT64_C(1) << 32) /* virtio 1.4 2.7.5.2 */

int
vdpa_gring_fail(struct vdpa_gring *g, const char *err)
{
	if (g->err == NULL)
		g->err = err;
	return -EPROTO;
}

/* ------------------------------------------------------------------ memory */

/* All of len bytes at one pointer, aligned to align; else NULL. */
static void *
area_find(const struct vdpa_mem *mem, uint64_t gpa, uint64_t len, size_t align)
{
	uint64_t there = len;
	uint8_t *ptr;

	if (gpa > UINT64_MAX - len)
		return NULL;
	ptr = mem->find(mem->arg, gpa, &there);
	return ptr != NULL && there >= len && (uintptr_t)ptr % align == 0 ? ptr : NULL;
}

int
vdpa_gring_map(struct vdpa_gring *g)
{
	const struct vdpa_gring_conf *c = &g->conf;
	const struct vdpa_mem *mem = g->mem;

	if (c->packed) {
		const size_t event = sizeof(struct pvirtq_event_suppress);

		g->pdesc = area_find(mem, c->desc, VIRTQ_DESC_BYTES(c->size),
				VIRTQ_PACKED_DESC_ALIGN);
		g->driver_event = area_find(mem, c->driver, event, VIRTQ_PACKED_EVENT_ALIGN);
		g->device_event = area_find(mem, c->device, event, VIRTQ_PACKED_EVENT_ALIGN);
	} else {
		g->desc = area_find(mem, c->desc, VIRTQ_DESC_BYTES(c->size), VIRTQ_DESC_ALIGN);
		g->avail = area_find(mem, c->driver, VIRTQ_AVAIL_BYTES(c->size), VIRTQ_AVAIL_ALIGN);
		g->used = area_find(mem, c->device, VIRTQ_USED_BYTES(c->size), VIRTQ_USED_ALIGN);
	}
	return g->desc != NULL && g->avail != NULL && g->used != NULL ? 0 : -EFAULT;
}

int
vdpa_gring_init(struct vdpa_gring *g, const struct vdpa_gring_conf *conf,
		const struct vdpa_mem *mem, uint16_t avail, uint16_t used, uint16_t nb_out)
{
	const uint16_t slot = (1u << RING_EVENT_WRAP_SHIFT) - 1;

	memset(g, 0, sizeof(*g));
	if (conf->size == 0 || conf->size > VIRTQ_SIZE_MAX || nb_out > conf->size ||
			(!conf->packed && !rte_is_power_of_2(conf->size)) ||
			(conf->packed &&
					((avail & slot) >= conf->size ||
							(used & slot) >= conf->size)))
		return -EINVAL;
	g->conf = *conf;
	g->mem = mem;
	g->nb_out = nb_out;
	g->avail_i = g->avail_seen = avail;
	g->used_i = used;
	if (conf->packed) {
		g->avail_i = avail & slot;
		g->used_i = used & slot;
		g->avail_wrap = avail >> RING_EVENT_WRAP_SHIFT;
		g->used_wrap = used >> RING_EVENT_WRAP_SHIFT;
	}
	/* The last device may have used buffers without an interrupt, and has asked for doorbells
	 * or not. */
	g->intr_due = true;
	g->doorbells = true;
	return vdpa_gring_map(g);
}

/* Note for the log what was written at this offset of an area. */
static inline void
area_written(const struct vdpa_gring *g, uint64_t area, size_t offset, size_t len)
{
	if (unlikely(g->mem->written != NULL))
		g->mem->written(g->mem->arg, area + offset, len);
}

/* The same for nb entries of a ring from `at` on, which may wrap. */
static void
ring_written(const struct vdpa_gring *g, uint64_t area, size_t entry, uint32_t at, uint32_t nb)
{
	const uint32_t first = RTE_MIN(nb, g->conf.size - at);

	area_written(g, area, at * entry, first * entry);
	if (nb > first)
		area_written(g, area, 0, (nb - first) * entry);
}

/* ------------------------------------------------------------------ available chains */

/* Add a segment to the chain. */
static inline const char *
chain_add(const struct vdpa_gring *g, struct vdpa_chain *chain, struct vio_seg *segs,
		uint64_t *total, const struct vio_seg *seg, bool write)
{
	if (unlikely(chain->nb_segs == g->conf.size))
		return "a chain of the guest has more descriptors than the queue";
	*total += seg->len;
	if (unlikely(*total > CHAIN_BYTES_MAX))
		return "a chain of the guest has more than 2^32 bytes";
	if (write) {
		chain->writable += seg->len;
	} else {
		if (unlikely(chain->nb_readable != chain->nb_segs))
			return "a chain of the guest has a readable descriptor behind a "
			       "writable one";
		chain->nb_readable++;
	}
	segs[chain->nb_segs++] = *seg;
	return NULL;
}

/* Copy a descriptor of a table, which may cross a border of two regions. */
static bool
table_copy(const struct vdpa_mem *mem, uint64_t gpa, struct virtq_desc *desc)
{
	size_t done = 0;

	if (gpa > UINT64_MAX - sizeof(*desc))
		return false;
	while (done < sizeof(*desc)) {
		uint64_t len = sizeof(*desc) - done;
		const void *from = mem->find(mem->arg, gpa + done, &len);

		if (from == NULL || len == 0 || len > sizeof(*desc) - done)
			return false;
		memcpy((uint8_t *)desc + done, from, len);
		done += len;
	}
	/* The compiler must not read the original again. */
	rte_compiler_barrier();
	return true;
}

/* A walk through an indirect table. */
struct table_walk {
	struct vio_seg seg; /* The entry that was read. */
	uint16_t flags;
	bool end; /* It was the last one. */
	uint32_t at, steps;
};

static const char *
table_check(const struct vdpa_gring *g, const struct vio_seg *table)
{
	if (!g->conf.indirect)
		return "the guest uses an indirect table without the feature";
	if (table->len == 0 || table->len % sizeof(struct virtq_desc) != 0)
		return "an indirect table of the guest has no whole number of descriptors";
	return NULL;
}

/* Read the next entry of an indirect table (virtio 1.4 2.7.5.3, 2.8.7).
 * @return 1; 0: the table has no more; -1 with *err set */
static int
table_next(const struct vdpa_gring *g, const struct vio_seg *table, struct table_walk *w,
		const char **err)
{
	const uint32_t nb = table->len / sizeof(struct virtq_desc);
	struct virtq_desc d;

	if (w->end || (g->conf.packed && w->at == nb))
		return 0;
	*err = table_check(g, table);
	if (*err == NULL && (w->at >= nb || w->steps++ == RTE_MIN(nb, (uint32_t)VIRTQ_SIZE_MAX)))
		*err = "a chain of the guest leaves its indirect table, or has a loop";
	if (*err == NULL && !table_copy(g->mem, table->iova + (uint64_t)w->at * sizeof(d), &d))
		*err = "an indirect table of the guest is outside of its memory";
	if (*err != NULL)
		return -1;
	w->seg = (struct vio_seg){ rte_le_to_cpu_64(d.addr), rte_le_to_cpu_32(d.len) };
	if (g->conf.packed) {
		const struct pvirtq_desc *p = (const struct pvirtq_desc *)(const void *)&d;

		w->flags = rte_le_to_cpu_16(p->flags);
		w->at++;
		return 1;
	}
	w->flags = rte_le_to_cpu_16(d.flags);
	w->at = rte_le_to_cpu_16(d.next);
	w->end = (w->flags & VIRTQ_DESC_F_NEXT) == 0;
	if ((w->flags & VIRTQ_DESC_F_INDIRECT) == 0)
		return 1;
	*err = "an indirect table of the guest names another table";
	return -1;
}

/* Add all segments of an indirect table. */
static const char *
table_add(const struct vdpa_gring *g, const struct vio_seg *table, struct vdpa_chain *chain,
		struct vio_seg *segs, uint64_t *total)
{
	struct table_walk w = { .at = 0 };
	const char *err = NULL;

	while (err == NULL && table_next(g, table, &w, &err) > 0)
		err = chain_add(g, chain, segs, total, &w.seg, (w.flags & VIRTQ_DESC_F_WRITE) != 0);
	return err;
}

uint64_t
vdpa_gring_table_written(const struct vdpa_gring *g, const struct vio_seg *table, uint64_t len,
		void (*written)(void *arg, uint64_t gpa, uint64_t len))
{
	struct table_walk w = { .at = 0 };
	const char *err = NULL;
	uint64_t done = 0;

	while (done < len && table_next(g, table, &w, &err) > 0) {
		const uint64_t part = RTE_MIN((uint64_t)w.seg.len, len - done);

		if ((w.flags & VIRTQ_DESC_F_WRITE) == 0 || part == 0)
			continue;
		if (written != NULL)
			written(g->mem->arg, w.seg.iova, part);
		done += part;
	}
	return done;
}

/* Add a descriptor of the ring. A chain that is one table passes through as it is. */
static inline const char *
desc_add(const struct vdpa_gring *g, struct vdpa_chain *chain, struct vio_seg *segs,
		uint64_t *total, const struct vio_seg *seg, uint16_t flags)
{
	if (likely((flags & VIRTQ_DESC_F_INDIRECT) == 0))
		return chain_add(g, chain, segs, total, seg, (flags & VIRTQ_DESC_F_WRITE) != 0);
	if ((flags & VIRTQ_DESC_F_NEXT) != 0)
		return "a descriptor of the guest has both INDIRECT and NEXT";
	if (g->expand || chain->nb_segs != 0)
		return table_add(g, seg, chain, segs, total);
	chain->indirect = true;
	segs[chain->nb_segs++] = *seg;
	return table_check(g, seg);
}

static int
split_read(struct vdpa_gring *g, uint16_t head, struct vdpa_chain *chain, struct vio_seg *segs)
{
	uint16_t at = head, flags = VIRTQ_DESC_F_NEXT;
	const char *err = NULL;
	uint64_t total = 0;

	*chain = (struct vdpa_chain){ .id = head, .nb_descs = 1 };
	for (uint32_t steps = 0; err == NULL && (flags & VIRTQ_DESC_F_NEXT) != 0; steps++) {
		const struct virtq_desc *d = &g->desc[at];
		struct vio_seg seg;

		if (unlikely(at >= g->conf.size))
			return vdpa_gring_fail(g,
					"the guest names a descriptor that does not exist");
		if (unlikely(steps == g->conf.size))
			return vdpa_gring_fail(g, "a chain of the guest has a loop");
		seg = (struct vio_seg){ vio_load64(&d->addr), vio_load32(&d->len) };
		flags = vio_load16(&d->flags);
		at = vio_load16(&d->next);
		err = desc_add(g, chain, segs, &total, &seg, flags);
	}
	return err == NULL ? 1 : vdpa_gring_fail(g, err);
}

static int
packed_read(struct vdpa_gring *g, uint16_t at, struct vdpa_chain *chain, struct vio_seg *segs)
{
	uint16_t flags = VIRTQ_DESC_F_NEXT;
	const char *err = NULL;
	uint64_t total = 0;

	*chain = (struct vdpa_chain){ .nb_descs = 0 };
	while (err == NULL && (flags & VIRTQ_DESC_F_NEXT) != 0) {
		const struct pvirtq_desc *d = &g->pdesc[at];
		struct vio_seg seg;

		if (unlikely(chain->nb_descs == g->conf.size))
			return vdpa_gring_fail(g, "a chain of the guest fills more than the ring");
		seg = (struct vio_seg){ vio_load64(&d->addr), vio_load32(&d->len) };
		chain->id = vio_load16(&d->id);
		flags = vio_load16(&d->flags);
		if (unlikely((flags & VIRTQ_DESC_F_INDIRECT) != 0 && chain->nb_descs != 0))
			return vdpa_gring_fail(g, "a table of the guest is part of a list");
		chain->nb_descs++;
		if (++at == g->conf.size)
			at = 0;
		err = desc_add(g, chain, segs, &total, &seg, flags);
	}
	return err == NULL ? 1 : vdpa_gring_fail(g, err);
}

int
vdpa_gring_read(struct vdpa_gring *g, uint16_t at, struct vdpa_chain *chain, struct vio_seg *segs)
{
	if (g->err != NULL)
		return -EPROTO;
	if (at >= g->conf.size)
		return vdpa_gring_fail(g, "the guest names a descriptor that does not exist");
	return g->conf.packed ? packed_read(g, at, chain, segs) : split_read(g, at, chain, segs);
}

/* Split: true if entries are available. */
static inline bool
split_more(struct vdpa_gring *g)
{
	if (g->avail_i != g->avail_seen)
		return true;
	g->avail_seen = vio_load16(&g->avail->idx);
	return g->avail_i != g->avail_seen;
}

static inline bool
packed_more(const struct vdpa_gring *g)
{
	bool avail, used;

	vdpa_slot_flags(&g->pdesc[g->avail_i], &avail, &used);
	return avail == g->avail_wrap && used != g->avail_wrap;
}

int
vdpa_gring_peek(struct vdpa_gring *g, struct vdpa_chain *chain, struct vio_seg *segs)
{
	uint16_t at = g->avail_i;
	int ret;

	if (unlikely(g->err != NULL))
		return -EPROTO;
	if (!(g->conf.packed ? packed_more(g) : split_more(g)))
		return 0;
	/* The index, or the flags, first: then what they announce (virtio 1.4 2.7.13.3, 2.8.21). */
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (!g->conf.packed) {
		if (unlikely((uint16_t)(g->avail_seen - g->avail_i) > g->conf.size - g->nb_out))
			return vdpa_gring_fail(g, "the available index of the guest jumps");
		at = vio_load16(&g->avail->ring[g->avail_i & (g->conf.size - 1)]);
	}
	ret = vdpa_gring_read(g, at, chain, segs);
	if (ret < 0)
		return ret;
	if (unlikely(chain->nb_descs > g->conf.size - g->nb_out))
		return vdpa_gring_fail(g, "the guest overwrites buffers that it has not got back");
	return 1;
}

void
vdpa_gring_take(struct vdpa_gring *g, const struct vdpa_chain *chain)
{
	uint32_t at = (uint32_t)g->avail_i + chain->nb_descs;

	g->nb_out += chain->nb_descs;
	if (g->conf.packed && at >= g->conf.size) {
		at -= g->conf.size;
		g->avail_wrap = !g->avail_wrap;
	}
	g->avail_i = (uint16_t)at;
}

/* ------------------------------------------------------------------ used entries */

/* Length, id and flags of a descriptor are one word (virtio 1.4 2.8.13). */
static inline void
tail_put(struct pvirtq_desc *desc, uint64_t tail)
{
	typedef virtio_le64 word __attribute__((may_alias));

	*(volatile word *)(void *)&desc->len = rte_cpu_to_le_64(tail);
}

void
vdpa_gring_use(struct vdpa_gring *g, uint16_t id, uint32_t len, uint16_t nb_descs)
{
	uint64_t tail;
	uint16_t flags;
	uint32_t at;

	g->nb_out -= nb_descs;
	if (!g->conf.packed) {
		struct virtq_used_elem *elem = &g->used->ring[g->used_i & (g->conf.size - 1)];

		elem->id = rte_cpu_to_le_32(id);
		elem->len = rte_cpu_to_le_32(len);
		g->used_i++;
		g->nb_staged++;
		return;
	}
	flags = (g->used_wrap ? PACKED_FLAGS : 0) | (len != 0 ? VIRTQ_DESC_F_WRITE : 0);
	tail = (uint64_t)flags << 48 | (uint64_t)id << 32 | len;
	/* Until the first one is visible, the guest looks at no other. */
	if (g->nb_staged == 0) {
		g->staged_i = g->used_i;
		g->staged_tail = tail;
	} else {
		tail_put(&g->pdesc[g->used_i], tail);
	}
	g->nb_staged += nb_descs;
	at = (uint32_t)g->used_i + nb_descs;
	if (at >= g->conf.size) {
		at -= g->conf.size;
		g->used_wrap = !g->used_wrap;
	}
	g->used_i = (uint16_t)at;
}

/* Does the guest want an interrupt for the last `added` buffers or slots? */
static bool
intr_wanted(const struct vdpa_gring *g, uint16_t added)
{
	uint32_t both;
	uint16_t event;

	if (!g->conf.packed) {
		if (!g->conf.event_idx)
			return (vio_load16(&g->avail->flags) & VIRTQ_AVAIL_F_NO_INTERRUPT) == 0;
		event = vio_load16(&g->avail->ring[g->conf.size]);
		return vio_event_passed(event, g->used_i, (uint16_t)(g->used_i - added));
	}
	both = vio_load32((const virtio_le32 *)(const void *)g->driver_event);
	switch (both >> 16 & 3) {
	case RING_EVENT_FLAGS_DISABLE:
		return false;
	case RING_EVENT_FLAGS_DESC:
		if (!g->conf.event_idx)
			return true;
		event = both & 0x7fff;
		if ((both >> RING_EVENT_WRAP_SHIFT & 1) != g->used_wrap)
			event -= g->conf.size;
		return vio_event_passed(event, g->used_i, (uint16_t)(g->used_i - added));
	default:
		return true;
	}
}

bool
vdpa_gring_flush(struct vdpa_gring *g)
{
	const uint16_t added = g->nb_staged;
	bool wanted = g->intr_due;

	g->intr_due = false;
	if (added == 0)
		return wanted;
	g->nb_staged = 0;
	/* Entries, and the data in the buffers, before what announces them. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	if (g->conf.packed) {
		tail_put(&g->pdesc[g->staged_i], g->staged_tail);
		ring_written(g, g->conf.desc, sizeof(*g->pdesc), g->staged_i, added);
	} else {
		vio_store16(&g->used->idx, g->used_i);
		ring_written(g, g->conf.device + offsetof(struct virtq_used, ring),
				sizeof(struct virtq_used_elem),
				(uint16_t)(g->used_i - added) & (g->conf.size - 1), added);
		area_written(g, g->conf.device, offsetof(struct virtq_used, idx),
				sizeof(g->used->idx));
	}
	/* Pairs with the barrier of the driver between its wish for interrupts and its last look at
	 * the ring. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return intr_wanted(g, added) || wanted;
}

/* ------------------------------------------------------------------ doorbells of the guest */

static void
device_event_put(struct vdpa_gring *g, uint16_t at, uint16_t flags)
{
	const uint32_t both = (uint32_t)flags << 16 | at;

	*(volatile virtio_le32 *)(void *)g->device_event = rte_cpu_to_le_32(both);
	area_written(g, g->conf.device, 0, sizeof(*g->device_event));
}

bool
vdpa_gring_doorbells_on(struct vdpa_gring *g)
{
	const size_t event = offsetof(struct virtq_used, ring) +
			sizeof(struct virtq_used_elem) * g->conf.size;

	g->doorbells = true;
	if (g->conf.packed) {
		if (g->conf.event_idx)
			device_event_put(g, vdpa_gring_avail_at(g), RING_EVENT_FLAGS_DESC);
		else
			device_event_put(g, 0, RING_EVENT_FLAGS_ENABLE);
	} else {
		/* With EVENT_IDX the flags stay zero (virtio 1.4 2.7.10); an earlier device, or a
		 * guest, may have left something else. */
		vio_store16(&g->used->flags, 0);
		area_written(g, g->conf.device, 0, sizeof(g->used->flags));
		if (g->conf.event_idx) {
			vio_store16((virtio_le16 *)(void *)((uint8_t *)g->used + event),
					g->avail_i);
			area_written(g, g->conf.device, event, sizeof(virtio_le16));
		}
	}
	/* The guest sees the wish, or this thread sees the buffer (virtio 1.4 2.7.10, 2.8.10). */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return g->conf.packed ? packed_more(g) : split_more(g);
}

void
vdpa_gring_doorbells_off(struct vdpa_gring *g)
{
	if (!g->doorbells)
		return;
	g->doorbells = false;
	if (g->conf.packed) {
		device_event_put(g, 0, RING_EVENT_FLAGS_DISABLE);
	} else if (!g->conf.event_idx) { /* else the index, which is passed now, does it */
		vio_store16(&g->used->flags, VIRTQ_USED_F_NO_NOTIFY);
		area_written(g, g->conf.device, 0, sizeof(g->used->flags));
	}
}
