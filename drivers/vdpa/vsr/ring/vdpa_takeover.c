/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Where to go on with a ring that a VF has used directly: read from the memory of the ring alone.
 *
 * Positions are counted from the used position on: a buffer at 0 or later was made available after
 * as many buffers as the VF has used, a buffer before 0 is older.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_pause.h>

#include "vdpa_takeover.h"

/* The guest is in the middle of a write for some microseconds. */
#define LOOKS 200

void
vdpa_takeover_at(struct vdpa_takeover *to, uint16_t position)
{
	*to = (struct vdpa_takeover){ .avail = position, .used = position };
}

void
vdpa_takeover_free(struct vdpa_takeover *to)
{
	free(to->held);
	to->held = NULL;
	to->nb_again = to->nb_empty = 0;
}

static int
failed(const char **err, int ret, const char *text)
{
	*err = text;
	return ret;
}

/* ------------------------------------------------------------------ split */

#define NEVER INT32_MIN

enum answer { NO, YES, UNSURE };

/* The last positions of a head in the available and in the used ring. */
struct ends {
	int32_t avail, used;
};

struct split {
	const struct vdpa_gring *g;
	uint16_t avail_idx, used_idx;
	int32_t nb_out; /* Buffers from the used to the available position. */
	int32_t oldest; /* Oldest position that the available ring has. */
	uint16_t *heads; /* Of the available ring, from `oldest` on. */
	struct ends *ends; /* By head. */
	int32_t nb_sure, nb_unsure; /* Outstanding buffers, and those that may be. */
};

static uint16_t
split_head(const struct split *s, int32_t at)
{
	return s->heads[at - s->oldest];
}

static uint32_t
split_used(const struct split *s, int32_t at)
{
	const uint16_t i = (uint16_t)(s->used_idx + at) & (s->g->conf.size - 1);

	return vio_load32(&s->g->used->ring[i].id);
}

static void
split_look(struct split *s)
{
	const struct vdpa_gring *g = s->g;
	const uint16_t size = g->conf.size;

	s->used_idx = vio_load16(&g->used->idx);
	s->avail_idx = vio_load16(&g->avail->idx);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	s->nb_out = (uint16_t)(s->avail_idx - s->used_idx);
	s->oldest = s->nb_out - size;
	if (s->nb_out > size)
		return;
	for (int32_t at = s->oldest; at < s->nb_out; at++)
		s->heads[at - s->oldest] = vio_load16(
				&g->avail->ring[(uint16_t)(s->used_idx + at) & (size - 1)]);
}

/* The last position of each head in both rings. Entries of a young ring that were never written are
 * zero in both, so they add nothing to the outstanding buffers. */
static void
heads_fill(const struct split *s)
{
	const uint16_t size = s->g->conf.size;

	for (uint16_t i = 0; i < size; i++)
		s->ends[i] = (struct ends){ NEVER, NEVER };
	for (int32_t at = s->oldest; at < s->nb_out; at++)
		if (split_head(s, at) < size)
			s->ends[split_head(s, at)].avail = at;
	for (int32_t at = -(int32_t)size; at < 0; at++)
		if (split_used(s, at) < size)
			s->ends[split_used(s, at)].used = at;
}

/* Is the buffer that was made available at this position outstanding? */
static enum answer
split_outstanding(const struct split *s, int32_t at)
{
	const uint16_t id = split_head(s, at);
	const struct ends *ends = &s->ends[id];

	/* An older buffer of this head, which therefore was used. */
	if (id >= s->g->conf.size || ends->avail != at)
		return NO;
	if (ends->used == NEVER)
		return YES;
	/* A guest makes a buffer available again after it was used, so at a later position. */
	if (ends->avail <= ends->used)
		return NO;
	/* A VF has at most the whole ring, so it uses no buffer as early as that. */
	return ends->avail > ends->used + s->g->conf.size - 1 ? YES : UNSURE;
}

/* Count the outstanding buffers. @return true if the rings say of each buffer whether it is */
static bool
split_count(struct split *s)
{
	s->nb_sure = s->nb_unsure = 0;
	heads_fill(s);
	for (int32_t at = s->oldest; at < s->nb_out; at++) {
		const enum answer answer = split_outstanding(s, at);

		s->nb_sure += answer == YES;
		s->nb_unsure += answer == UNSURE;
	}
	return s->nb_sure == s->nb_out || s->nb_sure + s->nb_unsure == s->nb_out ||
			s->nb_out == s->g->conf.size;
}

/* As split_outstanding(), with their number, which is known: if it is that of all heads, all heads
 * are outstanding. */
static bool
split_decide(const struct split *s, int32_t at)
{
	const enum answer answer = split_outstanding(s, at);

	if (s->nb_out == s->g->conf.size)
		return split_head(s, at) < s->g->conf.size &&
				s->ends[split_head(s, at)].avail == at;
	return answer == YES || (answer == UNSURE && s->nb_sure != s->nb_out);
}

static void
held_add(struct vdpa_held *held, uint16_t *nb, uint16_t id)
{
	held[(*nb)++] = (struct vdpa_held){ .id = id, .at = id, .nb_descs = 1 };
}

/* List the outstanding buffers. RX buffers that the VF has left behind newer ones stay empty: so
 * the ring is in order again. A packet to send is worth another try. */
static int
split_list(const struct split *s, struct vdpa_takeover *to, const char **err)
{
	const uint16_t size = s->g->conf.size;
	struct vdpa_held *late; /* First the late ones, then all others. */
	int32_t newest = s->oldest; /* That the VF has used. */
	uint16_t nb_late = 0, nb = 0;

	to->held = calloc(size, sizeof(*to->held));
	late = calloc(size, sizeof(*late));
	if (to->held == NULL || late == NULL) {
		free(late);
		return failed(err, -ENOMEM, "out of memory");
	}
	for (int32_t at = s->oldest; at < s->nb_out; at++)
		if (!split_decide(s, at))
			newest = at;
	/* Heads of a full ring whose entries were overwritten. */
	for (uint16_t id = 0; id < size && s->nb_out == size; id++)
		if (s->ends[id].avail == NEVER)
			held_add(late, &nb_late, id);
	for (int32_t at = s->oldest; at < s->nb_out; at++)
		if (split_decide(s, at))
			held_add(at < newest ? late : to->held, at < newest ? &nb_late : &nb,
					split_head(s, at));
	if (s->g->conf.write) {
		memcpy(&to->held[nb], late, nb_late * sizeof(*late));
		to->nb_again = nb;
		to->nb_empty = nb_late;
	} else {
		memmove(&to->held[nb_late], to->held, nb * sizeof(*late));
		memcpy(to->held, late, nb_late * sizeof(*late));
		to->nb_again = nb_late + nb;
	}
	free(late);
	to->avail = s->avail_idx;
	to->used = s->used_idx;
	to->nb_out = (uint16_t)s->nb_out;
	return 0;
}

static int
split_find(struct split *s, struct vdpa_takeover *to, enum vdpa_order order, const char **err)
{
	bool clear = false;

	for (unsigned int looks = 0; looks < LOOKS && !clear; looks++) {
		if (looks != 0)
			rte_pause();
		split_look(s);
		if (s->nb_out > s->g->conf.size)
			return failed(err, -EPROTO,
					"the indices of the ring are further apart "
					"than its size");
		clear = order == VDPA_ORDER_PROMISED || split_count(s);
	}
	/* The guest writes over the oldest entries before it makes new ones available. */
	if (!clear)
		return failed(err, -EAGAIN, "the ring does not say which buffers are outstanding");
	vdpa_takeover_at(to, s->used_idx);
	if (order == VDPA_ORDER_PROMISED)
		return 0;
	for (int32_t at = s->oldest; at < s->nb_out; at++)
		if (split_decide(s, at) != (at >= 0))
			to->disorder = true; /* also if a head of a full ring has no entry */
	return to->disorder ? split_list(s, to, err) : 0;
}

static int
split_takeover(const struct vdpa_gring *g, struct vdpa_takeover *to, enum vdpa_order order,
		const char **err)
{
	struct split s = { .g = g };
	int ret;

	s.heads = calloc(g->conf.size, sizeof(*s.heads));
	s.ends = calloc(g->conf.size, sizeof(*s.ends));
	if (s.heads == NULL || s.ends == NULL)
		ret = failed(err, -ENOMEM, "out of memory");
	else
		ret = split_find(&s, to, order, err);
	free(s.ends);
	free(s.heads);
	return ret;
}

/* ------------------------------------------------------------------ packed */

struct slot {
	uint16_t id;
	uint16_t flags;
	bool blank; /* Never written. */
};

/* How often an id is in the outstanding slots, and whether it is in the used ones. */
struct ident {
	uint16_t nb_out;
	bool used;
};

struct packed {
	const struct vdpa_gring *g;
	struct slot *slots;
	struct ident *idents; /* Room for one of each id. */
	uint16_t avail_i; /* Next available. */
	bool avail_wrap;
	uint16_t nb_out; /* Slots from the used to the available position. */
	bool chains; /* A descriptor has NEXT. */
};

static bool
slot_avail(const struct slot *slot)
{
	return (slot->flags & VIRTQ_DESC_F_AVAIL) != 0;
}

/* The device wrote the slot last. */
static bool
slot_used(const struct slot *slot)
{
	return slot_avail(slot) == ((slot->flags & VIRTQ_DESC_F_USED) != 0);
}

/* The slot that is `back` slots before the available position; 1: the one before it. */
static uint16_t
slot_back(const struct packed *p, uint32_t back)
{
	return (uint16_t)((p->avail_i + p->g->conf.size - back) % p->g->conf.size);
}

/* Read all slots. The driver inverts AVAIL in each lap: where it changes is the available position.
 * @return false: the guest is in the middle of a chain, of which it shows the first slot last */
static bool
packed_look(struct packed *p)
{
	const uint16_t size = p->g->conf.size;
	uint32_t nb_changes = 0;

	p->chains = false;
	p->avail_i = 0;
	for (uint16_t i = 0; i < size; i++) {
		const struct pvirtq_desc *d = &p->g->pdesc[i];
		struct slot *slot = &p->slots[i];

		slot->flags = vio_load16(&d->flags);
		__atomic_thread_fence(__ATOMIC_ACQUIRE);
		slot->id = vio_load16(&d->id);
		slot->blank = slot->flags == 0 && slot->id == 0 && vio_load32(&d->len) == 0 &&
				vio_load64(&d->addr) == 0;
		p->chains = p->chains || (slot->flags & VIRTQ_DESC_F_NEXT) != 0;
		if (i != 0 && slot_avail(slot) != slot_avail(&p->slots[i - 1])) {
			nb_changes++;
			p->avail_i = i;
		}
	}
	p->avail_wrap = slot_avail(&p->slots[0]) == (nb_changes != 0);
	return nb_changes <= 1;
}

/* Number of slots of the chain that begins `back` slots before the available position, and its id.
 * @return 0: it does not end before that position */
static uint32_t
chain_len(const struct packed *p, uint32_t back, uint16_t *id)
{
	for (uint32_t nb = 1; nb <= back; nb++) {
		const struct slot *slot = &p->slots[slot_back(p, back - nb + 1)];

		*id = slot->id;
		if ((slot->flags & VIRTQ_DESC_F_NEXT) == 0)
			return nb;
	}
	return 0;
}

/* The last used descriptor is `back` slots before the available position, and `id` is used. With
 * IN_ORDER it is the first of a batch that ends with `id` (virtio 1.4 2.8.8); the other buffers of
 * the batch look as if they were available.
 * @return slots of the batch after the used descriptor */
static uint32_t
batch_rest(const struct packed *p, uint32_t back, uint16_t id)
{
	uint32_t nb = 0;

	while (nb < back - 1) {
		uint16_t chain_id;
		const uint32_t len = chain_len(p, back - 1 - nb, &chain_id);

		if (len == 0)
			return 0;
		nb += len;
		if (chain_id == id)
			return nb;
	}
	return 0;
}

/* Do all buffers that the ring shows have ids of their own, so that an id that became free is not
 * the next one that is taken? The chain of `len` slots that begins `back` slots before the
 * available position does not count. */
static bool
ids_differ(const struct packed *p, uint32_t back, uint32_t len)
{
	uint32_t nb = 0, at;
	uint16_t id;

	memset(p->idents, 0, p->g->conf.size * sizeof(*p->idents));
	for (at = p->g->conf.size; at > back; at--) {
		const struct slot *slot = &p->slots[slot_back(p, at)];

		if (!slot_used(slot) || slot->blank || slot->id >= p->g->conf.size)
			continue;
		if (p->idents[slot->id].nb_out++ != 0)
			return false;
		nb++;
	}
	for (at -= len; at != 0; at -= len, nb++) {
		len = chain_len(p, at, &id);
		if (len == 0 || id >= p->g->conf.size || p->idents[id].nb_out++ != 0)
			return false;
	}
	return nb >= 4;
}

/* The same without IN_ORDER: the rest of the one buffer, if it is a chain. A buffer with this id in
 * the next slots can also be one that the guest has made available again, as a guest does that
 * takes the id that became free last. A guest makes chains where it has to, and none with INDIRECT.
 */
static int
chain_rest(const struct packed *p, uint32_t back, uint16_t id, uint32_t *rest, const char **err)
{
	uint16_t next_id = 0;
	uint32_t len;

	*rest = 0;
	if (back == 1 || !p->chains || p->g->conf.indirect)
		return 0;
	len = chain_len(p, back - 1, &next_id);
	if (len == 0 || next_id != id)
		return 0;
	if (!ids_differ(p, back - 1, len))
		return failed(err, -ENODATA,
				"the ring does not say whether its last used buffer was "
				"a chain, or was made available again");
	*rest = len;
	return 0;
}

/* No slot was written by the device last: the ring is full, or the guest has overwritten the last
 * used descriptor, but not all slots of its buffers. */
static int
packed_full(struct packed *p, enum vdpa_order order, const char **err)
{
	const uint16_t size = p->g->conf.size;
	uint32_t first, others = 0, at = size, len;
	uint16_t first_id = 0, id;
	bool alike = true, again = false, slot_ids = true;

	p->nb_out = size;
	if (order == VDPA_ORDER_PROMISED && !p->g->conf.write && (p->avail_i != 0 || p->avail_wrap))
		return failed(err, -ENODATA,
				"the ring does not say whether it is full, or whether "
				"a part of its last batch was made available again");
	if (!p->chains)
		return 0;
	first = chain_len(p, size, &first_id);
	if (first == 0)
		return failed(err, -EPROTO, "the last chain of the ring has no end");
	for (at -= first; at != 0; at -= len) {
		len = chain_len(p, at, &id);
		if (len == 0)
			return failed(err, -EPROTO, "the last chain of the ring has no end");
		alike = alike && (others == 0 || others == len);
		again = again || id == first_id;
		slot_ids = slot_ids && id == slot_back(p, at);
		others = len;
	}
	/* The ring is full, or its first slots are what is left of an older chain: its id was taken
	 * again, or is not that of this slot, or it is shorter than all others, which are alike. */
	if (others == 0 || (slot_ids && first_id == p->avail_i) || (alike && first == others))
		return 0;
	p->nb_out = (uint16_t)(size - first);
	if (again || slot_ids || (alike && first < others))
		return 0;
	return failed(err, -ENODATA,
			"the ring does not say whether it is full of chains, or whether "
			"a part of one was overwritten");
}

/* Find the used position. */
static int
packed_used_find(struct packed *p, enum vdpa_order order, const char **err)
{
	const uint16_t size = p->g->conf.size;
	uint32_t back = 1, rest = 0;
	const struct slot *slot;
	int ret = 0;

	while (back <= size && !slot_used(&p->slots[slot_back(p, back)]))
		back++;
	if (back > size)
		return packed_full(p, order, err);
	slot = &p->slots[slot_back(p, back)];
	if (!slot->blank && order == VDPA_ORDER_PROMISED)
		rest = batch_rest(p, back, slot->id);
	else if (!slot->blank)
		ret = chain_rest(p, back, slot->id, &rest, err);
	p->nb_out = (uint16_t)(back - 1 - rest);
	return ret;
}

/* @return true if each outstanding slot has an id of its own, and, with `used`, none of them was
 * used in this lap */
static bool
idents_fill(const struct packed *p, bool used)
{
	struct ident *idents = p->idents;
	bool clear = true;

	memset(idents, 0, p->g->conf.size * sizeof(*idents));
	for (uint32_t back = p->g->conf.size; back > p->nb_out; back--) {
		const struct slot *slot = &p->slots[slot_back(p, back)];

		if (slot_used(slot) && !slot->blank && slot->id < p->g->conf.size)
			idents[slot->id].used = true;
	}
	for (uint32_t back = p->nb_out, len; back != 0; back -= len) {
		uint16_t id;

		len = chain_len(p, back, &id);
		if (len == 0)
			return false;
		if (id >= p->g->conf.size)
			continue;
		if (idents[id].nb_out++ != 0 || (used && idents[id].used))
			clear = false;
	}
	return clear;
}

/* All slots and ids are outstanding: the buffers whose descriptors are there, and the others. The
 * ring has one descriptor for each buffer. */
static int
packed_list(const struct packed *p, struct vdpa_takeover *to, const char **err)
{
	const uint16_t size = p->g->conf.size;
	uint16_t nb_empty = 0;

	to->held = calloc(size, sizeof(*to->held));
	if (to->held == NULL)
		return failed(err, -ENOMEM, "out of memory");
	for (uint32_t back = size; back != 0; back--) {
		const uint16_t at = slot_back(p, back), id = p->slots[at].id;

		/* A buffer is where the guest made it available last. */
		if (id < size && --p->idents[id].nb_out == 0)
			to->held[to->nb_again++] = (struct vdpa_held){ id, at, 1 };
	}
	idents_fill(p, false);
	for (uint16_t id = 0; id < size; id++)
		if (p->idents[id].nb_out == 0)
			to->held[to->nb_again + nb_empty++] = (struct vdpa_held){ id, 0, 1 };
	to->nb_empty = nb_empty;
	to->nb_out = size;
	to->avail = VDPA_PACKED_AT(p->avail_i, p->avail_wrap);
	return 0;
}

static int
packed_find(struct packed *p, struct vdpa_takeover *to, enum vdpa_order order, const char **err)
{
	unsigned int looks = 0;
	bool clear;
	int ret;

	while (!packed_look(p)) {
		if (++looks == LOOKS)
			return failed(err, -EAGAIN, "the guest is writing descriptors");
		rte_pause();
	}
	ret = packed_used_find(p, order, err);
	if (ret != 0)
		return ret;
	/* Going back over the end of the ring goes back to the other wrap counter. */
	to->used = VDPA_PACKED_AT(slot_back(p, p->nb_out),
			p->avail_wrap ^ (p->nb_out > p->avail_i));
	to->avail = to->used;
	if (order == VDPA_ORDER_PROMISED)
		return 0;
	clear = idents_fill(p, order == VDPA_ORDER_NONE);
	if (clear)
		return 0;
	to->disorder = order == VDPA_ORDER_ASSUMED;
	if (p->chains || p->nb_out != p->g->conf.size)
		return failed(err, -EAGAIN, "the ring does not say which buffers are outstanding");
	return packed_list(p, to, err);
}

static int
packed_takeover(const struct vdpa_gring *g, struct vdpa_takeover *to, enum vdpa_order order,
		const char **err)
{
	struct packed p = { .g = g };
	int ret;

	p.idents = calloc(g->conf.size, sizeof(*p.idents));
	p.slots = calloc(g->conf.size, sizeof(*p.slots));
	if (p.idents == NULL || p.slots == NULL)
		ret = failed(err, -ENOMEM, "out of memory");
	else
		ret = packed_find(&p, to, order, err);
	free(p.slots);
	free(p.idents);
	return ret;
}

/* True if the guest made all slots from this position to its own available, and none is used. The
 * slot before is used, unless the ring is full or the slot can be the rest of a chain. */
static bool
packed_fits(const struct vdpa_gring *g, uint16_t position)
{
	const uint16_t size = g->conf.size, at = position & (VDPA_PACKED_AT(0, true) - 1);
	struct packed p = { .g = g };
	int32_t back = -1;

	p.slots = calloc(size, sizeof(*p.slots));
	if (p.slots != NULL && at < size && packed_look(&p))
		back = p.avail_i - at +
				(VDPA_PACKED_AT(at, p.avail_wrap) == position ? 0 : (int32_t)size);
	if (back > size)
		back = -1;
	if (back >= 0 && back < size && !p.chains &&
			!slot_used(&p.slots[slot_back(&p, (uint32_t)back + 1)]))
		back = -1;
	for (int32_t i = back; i > 0 && back >= 0; i--)
		if (slot_used(&p.slots[slot_back(&p, (uint32_t)i)]))
			back = -1;
	free(p.slots);
	return back >= 0;
}

/* ------------------------------------------------------------------ both */

bool
vdpa_takeover_fits(const struct vdpa_gring_conf *conf, const struct vdpa_mem *mem,
		uint16_t position)
{
	struct vdpa_gring g;
	const uint16_t start = VDPA_RING_START(conf->packed);

	if (vdpa_gring_init(&g, conf, mem, start, start, 0) != 0)
		return false;
	return conf->packed ? packed_fits(&g, position) : position == vio_load16(&g.used->idx);
}

int
vdpa_takeover_find(struct vdpa_takeover *to, const struct vdpa_gring_conf *conf,
		const struct vdpa_mem *mem, enum vdpa_order order, const char **err)
{
	struct vdpa_gring g;
	int ret;

	vdpa_takeover_at(to, VDPA_RING_START(conf->packed));
	ret = vdpa_gring_init(&g, conf, mem, to->avail, to->used, 0);
	if (ret == -EINVAL)
		return failed(err, ret, "the size of the ring is impossible");
	if (ret != 0)
		return failed(err, ret, "the ring is not in the memory of the guest");
	ret = conf->packed ? packed_takeover(&g, to, order, err) :
			     split_takeover(&g, to, order, err);
	if (ret != 0)
		vdpa_takeover_free(to);
	return ret;
}
