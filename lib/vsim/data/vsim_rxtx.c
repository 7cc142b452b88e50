/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Packets between rings and wires, in bursts: one TX body and one RX body, each compiled for both
 * ring layouts, and for kind and hard devices, by constant arguments. virtio 1.4 5.1.9.
 *
 * The order of the steps makes it fast: pop a burst and prefetch its memory (for writing where the
 * device writes), then access the memory, then push the whole burst.
 */

#include <errno.h>
#include <string.h>

#include "vsim/data/vsim_rxtx.h"
#include "vsim/core/vsim_irq.h"
#include "vsim/core/vsim_event.h"
#include "vsim/core/vsim_lock.h"
#include "vsim/core/vsim_wire_ops.h"
#include "vsim/data/vsim_filter.h"
#include "vsim/ring/vsim_packed.h"
#include "vsim/ring/vsim_queue.h"
#include "vsim/ring/vsim_split.h"
#include "vsim/ring/vsim_window.h"

/** The body of a data path, constant: the layout of the ring, and whether the queue is hard. */
struct path {
	bool packed, hard;
};

VSIM_INLINE int
ring_pop(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_pool *pool, const bool write,
		const struct path path)
{
	return path.packed ? vsim_packed_pop(q, buf, pool, write, path.hard) :
			     vsim_split_pop(q, buf, pool, write, path.hard);
}

VSIM_INLINE void
ring_prefetch(const struct vsim_queue *q, const bool packed)
{
	if (packed)
		vsim_packed_prefetch(q);
	else
		vsim_split_prefetch(q);
}

/** Push, and raise an interrupt if the driver wants one. */
VSIM_INLINE void
ring_push(struct vsim_queue *q, const struct vsim_buf *bufs, unsigned int n, const bool write,
		const bool packed)
{
	uint16_t added = packed ? vsim_packed_push(q, bufs, n, write) :
				  vsim_split_push(q, bufs, n, write);

	if (vsim_irq_no_vector(q->fn, q->qi))
		return;
	if (packed ? vsim_packed_irq_needed(q, added) : vsim_split_irq_needed(q, added))
		vsim_irq_queue(q->fn, q->qi);
}

/** Copy, fast for frames of one cache line. Drivers are untrusted: the source and the destination
 * may overlap. */
VSIM_INLINE void
copy(uint8_t *to, const uint8_t *from, size_t len)
{
	typedef struct {
		uint64_t w[2];
	} __attribute__((may_alias, packed)) chunk;

	if (len < 32 || len > 64) {
		memmove(to, from, len);
		return;
	}
	chunk a = *(const chunk *)from, b = *(const chunk *)(from + 16);
	chunk c = *(const chunk *)(from + len - 32), d = *(const chunk *)(from + len - 16);

	*(chunk *)to = a;
	*(chunk *)(to + 16) = b;
	*(chunk *)(to + len - 32) = c;
	*(chunk *)(to + len - 16) = d;
}

size_t
vsim_frame_peek(const struct vsim_frame *frame, uint8_t *buf, size_t len)
{
	size_t done = 0;

	if (frame->nb_segs == 1) {
		done = frame->len < len ? frame->len : len;
		memcpy(buf, frame->ptr, done);
		return done;
	}
	for (unsigned int i = 0; i < frame->nb_segs && done < len; i++) {
		const struct vsim_seg *seg = &frame->segs[i];
		size_t n = seg->len < len - done ? seg->len : len - done;

		memcpy(buf + done, seg->ptr, n);
		done += n;
	}
	return done;
}

/* ---------------------------------------------------------------- RX: into buffers */

/** Position in a run of buffers, for writing through their segments. */
struct cursor {
	struct vsim_buf *buf;
	uint32_t seg, offset; /**< In buf. */
};

/** Write at the cursor (from NULL: advance only). The caller has checked that the bytes fit. */
static void
cursor_write(struct cursor *c, const uint8_t *from, size_t len)
{
	while (len > 0) {
		const struct vsim_seg one = { c->buf->ptr, c->buf->len };
		const struct vsim_seg *segs = c->buf->nb_segs == 1 ? &one : c->buf->segs;
		size_t n;

		if (c->seg == c->buf->nb_segs) {
			c->buf++;
			c->seg = c->offset = 0;
			c->buf->used = 0;
			continue;
		}
		n = segs[c->seg].len - c->offset;
		if (n > len)
			n = len;
		if (from != NULL) {
			memmove(segs[c->seg].ptr + c->offset, from, n);
			from += n;
		}
		c->buf->used += n;
		c->offset += n;
		len -= n;
		if (c->offset == segs[c->seg].len) {
			c->seg++;
			c->offset = 0;
		}
	}
}

/** Write header and frame into nb buffers, all but the last filled completely (5.1.9.4). */
static VSIM_COLD void
scatter(struct vsim_queue *q, struct vsim_buf *bufs, unsigned int nb,
		const struct vsim_frame *frame)
{
	struct virtio_net_hdr hdr = { .num_buffers = htole16(nb) };
	struct cursor c = { .buf = bufs };

	bufs->used = 0;
	cursor_write(&c, (const uint8_t *)&hdr, q->hdr_len);
	if (frame->nb_segs == 1) {
		cursor_write(&c, frame->ptr, frame->len);
		cursor_write(&c, NULL, frame->total - frame->len);
		return;
	}
	for (unsigned int i = 0; i < frame->nb_segs; i++)
		cursor_write(&c, frame->segs[i].ptr, frame->segs[i].len);
}

/** Write header and frame into one contiguous buffer. */
VSIM_INLINE void
fill(const struct vsim_queue *q, struct vsim_buf *buf, const struct vsim_frame *frame)
{
	uint8_t *at = buf->ptr;

	if (likely(q->hdr_len == VIRTIO_NET_HDR_LEN)) {
		const uint64_t zero = 0;
		const uint32_t one = htole32(1u << 16); /* csum_offset 0, num_buffers 1 */

		memcpy(at, &zero, sizeof(zero));
		memcpy(at + 8, &one, sizeof(one));
		at += VIRTIO_NET_HDR_LEN;
	} else {
		const struct virtio_net_hdr hdr = { .num_buffers = htole16(1) };

		memcpy(at, &hdr, q->hdr_len);
		at += q->hdr_len;
	}
	buf->used = q->hdr_len + frame->total;
	if (likely(frame->nb_segs == 1)) {
		copy(at, frame->ptr, frame->len);
		return;
	}
	for (unsigned int i = 0; i < frame->nb_segs; i++) {
		memmove(at, frame->segs[i].ptr, frame->segs[i].len);
		at += frame->segs[i].len;
	}
}

/** Result for one frame. */
enum rx_verdict { RX_DONE, RX_TOO_BIG, RX_NO_BUFFER, RX_DEAD };

struct rx_burst {
	struct vsim_buf *bufs;
	struct vsim_pool *pool;
	unsigned int nb; /**< Buffers popped. */
	unsigned int done; /**< Buffers filled. */
	unsigned int nb_window; /**< Buffers popped out of the window: the first ones. */
};

/** Undo the last pops of nb buffers, which take this number of slots. */
VSIM_INLINE void
ring_rewind(struct vsim_queue *q, uint16_t nb, uint16_t slots, const struct path path)
{
	if (path.packed)
		vsim_packed_rewind(q, slots);
	else
		vsim_split_rewind(q, nb);
}

static_assert(VSIM_RX_BUFS <= VSIM_WINDOW_ROOM - VSIM_WINDOW, "unused buffers fit the window");

/** Pop a buffer out of the window, which is first filled if it is empty. */
static int
rx_window_pop(struct vsim_queue *q, struct rx_burst *b, const struct path path)
{
	struct vsim_buf *buf = &b->bufs[b->nb];
	struct vsim_window *w = q->window;
	unsigned int segs = b->pool->nb;
	int ret = 0;

	/* Behind a chain that this burst has popped and may yet give back, nothing is taken into
	 * the window. */
	if (b->nb > b->nb_window)
		return ring_pop(q, buf, b->pool, true, path);
	if (w->nb == 0) {
		while (w->nb < VSIM_WINDOW) {
			ret = ring_pop(q, buf, b->pool, true, path);
			if (ret <= 0)
				break;
			if (buf->nb_segs != 1 || buf->iova == VSIM_NO_IOVA) {
				if (w->nb == 0)
					return 1;
				ring_rewind(q, 1, buf->nb_descs, path);
				break;
			}
			vsim_window_keep(w, buf);
			b->pool->nb = segs;
		}
		b->pool->nb = segs;
	}
	if (w->nb == 0 || q->dead)
		return ret;
	b->nb_window++;
	return vsim_window_take(q, buf);
}

VSIM_INLINE int
rx_pop_buf(struct vsim_queue *q, struct rx_burst *b, const struct path path)
{
	return path.hard && q->shuffled ? rx_window_pop(q, b, path) :
					  ring_pop(q, &b->bufs[b->nb], b->pool, true, path);
}

/** Pop one more buffer. */
VSIM_INLINE enum rx_verdict
rx_pop(struct vsim_queue *q, struct rx_burst *b, const struct path path)
{
	int ret;

	if (b->nb == VSIM_RX_BUFS)
		return RX_TOO_BIG;
	ret = rx_pop_buf(q, b, path);
	/* The driver may have posted more since this round read its doorbell. */
	if (unlikely(ret == 0) && vsim_queue_doorbell(q))
		ret = rx_pop_buf(q, b, path);
	if (likely(ret > 0)) {
		b->nb++;
		return RX_DONE;
	}
	return ret == 0 ? RX_NO_BUFFER : ret == -EAGAIN ? RX_TOO_BIG : RX_DEAD;
}

/** Give the buffers back that were popped and not filled. */
static VSIM_COLD void
rx_give_back(struct vsim_queue *q, struct rx_burst *b, const struct path path)
{
	uint16_t slots = 0, nb = 0;

	for (; b->nb > b->done && b->nb > b->nb_window; b->nb--, nb++)
		slots += b->bufs[b->nb - 1].nb_descs;
	ring_rewind(q, nb, slots, path);
	while (b->nb > b->done)
		vsim_window_keep(q->window, &b->bufs[--b->nb]);
}

/** The frame needs several segments or several buffers. */
static VSIM_COLD enum rx_verdict
rx_scatter(struct vsim_queue *q, struct rx_burst *b, const struct vsim_frame *frame,
		const struct path path)
{
	const uint64_t need = (uint64_t)q->hdr_len + frame->total;
	unsigned int nb = 0;
	uint64_t room = 0;

	while (room < need) {
		if (nb > 0 && !q->mergeable)
			return RX_TOO_BIG;
		if (b->done + nb == b->nb) {
			enum rx_verdict v = rx_pop(q, b, path);

			/* A frame that does not fit after others is tried again alone. */
			if (v == RX_TOO_BIG && b->done > 0)
				return RX_NO_BUFFER;
			if (v != RX_DONE)
				return v;
		}
		/* 5.1.9.3.1: each buffer has space for the header. */
		if (q->mergeable && b->bufs[b->done + nb].total < q->hdr_len) {
			vsim_queue_fail(q, VIRTIO_RULE_RX_BUFFER);
			return RX_DEAD;
		}
		room += b->bufs[b->done + nb++].total;
	}
	scatter(q, &b->bufs[b->done], nb, frame);
	b->done += nb;
	return RX_DONE;
}

VSIM_INLINE enum rx_verdict
rx_one(struct vsim_queue *q, struct rx_burst *b, const struct vsim_frame *frame,
		const struct path path)
{
	struct vsim_buf *buf;

	if (b->done == b->nb) {
		enum rx_verdict v = rx_pop(q, b, path);

		if (v != RX_DONE)
			return v;
	}
	buf = &b->bufs[b->done];
	if (unlikely(buf->nb_segs != 1 || buf->len < q->hdr_len + frame->total))
		return rx_scatter(q, b, frame, path);
	fill(q, buf, frame);
	b->done++;
	return RX_DONE;
}

VSIM_INLINE unsigned int
rx_burst(struct vsim_queue *q, const struct vsim_frame *frames, unsigned int n, bool hold,
		const struct path path)
{
	struct vsim_scratch *w = q->fn->nic->workers[q->fn->worker]->scratch;
	const uint32_t max_frame = vsim_fn_max_frame(q->fn);
	struct rx_burst b = { .bufs = w->rx_bufs, .pool = &w->rx_pool };
	uint64_t packets = 0, bytes = 0, descs = 0, no_buffer = 0, too_big = 0;
	enum rx_verdict v;
	unsigned int i;

	w->rx_pool.nb = 0;
	ring_prefetch(q, path.packed);
	/* pop: as many buffers as frames, which is mostly enough */
	while (b.nb < n && rx_pop(q, &b, path) == RX_DONE) {
		const uint8_t *at = b.bufs[b.nb - 1].ptr;

		__builtin_prefetch(at, 1);
		__builtin_prefetch(at + VSIM_CACHE_LINE, 1);
	}
	/* fill */
	for (i = 0; i < n && !q->dead; i++) {
		const struct vsim_frame *frame = &frames[i];

		v = unlikely(frame->total > max_frame) ? RX_TOO_BIG : rx_one(q, &b, frame, path);
		if (likely(v == RX_DONE)) {
			packets++;
			bytes += frame->total;
		} else if (v == RX_TOO_BIG) {
			too_big++;
		} else if (v == RX_NO_BUFFER) {
			if (hold)
				break;
			no_buffer++;
		}
	}
	/* push; the ring of a dead queue is not accessed */
	if (likely(!q->dead)) {
		if (b.done > 0) {
			for (unsigned int k = 0; k < b.done; k++)
				descs += b.bufs[k].nb_descs;
			ring_push(q, b.bufs, b.done, true, path.packed);
		}
		if (unlikely(b.nb > b.done))
			rx_give_back(q, &b, path);
	}
	vsim_count(&q->ctr->packets, packets);
	vsim_count(&q->ctr->bytes, bytes);
	vsim_count(&q->ctr->descriptors, descs);
	if (unlikely(no_buffer | too_big)) {
		vsim_count(&q->ctr->drop_no_buffer, no_buffer);
		vsim_count(&q->ctr->drop_too_big, too_big);
	}
	return q->dead ? n : i;
}

static unsigned int
rx_split(struct vsim_queue *q, const struct vsim_frame *frames, unsigned int n, bool hold)
{
	return rx_burst(q, frames, n, hold, (struct path){ .packed = false });
}

static unsigned int
rx_packed(struct vsim_queue *q, const struct vsim_frame *frames, unsigned int n, bool hold)
{
	return rx_burst(q, frames, n, hold, (struct path){ .packed = true });
}

/* Not inlined: the code of kind devices stays the same. */
static __attribute__((noinline)) unsigned int
rx_hard(struct vsim_queue *q, const struct vsim_frame *frames, unsigned int n, bool hold)
{
	if (q->is_packed)
		return rx_burst(q, frames, n, hold, (struct path){ .packed = true, .hard = true });
	return rx_burst(q, frames, n, hold, (struct path){ .packed = false, .hard = true });
}

/** No doorbell since the ring was found empty, and no buffer left from before. */
VSIM_INLINE bool
rx_nothing_known(const struct vsim_queue *q)
{
	return !q->active && (q->is_packed ? q->known == 0 : q->avail_i == q->avail_seen) &&
			(q->window == NULL || q->window->nb == 0);
}

unsigned int
vsim_rx_queue(struct vsim_queue *q, const struct vsim_frame *frames, unsigned int n, bool hold)
{
	if (unlikely(rx_nothing_known(q) && !vsim_queue_doorbell(q))) {
		if (hold)
			return 0;
		vsim_count(&q->ctr->drop_no_buffer, n);
		return n;
	}
	if (unlikely(q->dead || q->unmapped)) {
		if (!q->dead)
			vsim_queue_fault(q);
		return n;
	}
	if (unlikely(q->hard))
		return rx_hard(q, frames, n, hold);
	return q->is_packed ? rx_packed(q, frames, n, hold) : rx_split(q, frames, n, hold);
}

/* ---------------------------------------------------------------- RX: filter, steer */

/**
 * Receive steering without RSS (virtio 1.4 5.1.9.5.6 "Automatic receive steering"): a hash of
 * addresses and ports of TCP and UDP, or of the Ethernet addresses, so that a flow stays on one
 * queue. Both directions of a flow have the same queue.
 */
static unsigned int
flow_hash(const uint8_t *f, size_t len)
{
	size_t l3 = VSIM_ETHER_LEN, l4 = 0;
	uint16_t type = f[12] << 8 | f[13];
	uint32_t h = 0, word;

	if (type == 0x8100 && len >= 18) {
		type = f[16] << 8 | f[17];
		l3 = 18;
	}
	if (type == 0x0800 && len >= l3 + 20) {
		for (size_t i = 12; i < 20; i += 4) {
			memcpy(&word, f + l3 + i, 4);
			h ^= word;
		}
		if ((f[l3 + 9] == 6 || f[l3 + 9] == 17) && !((f[l3 + 6] << 8 | f[l3 + 7]) & 0x3fff))
			l4 = l3 + 4 * (f[l3] & 15);
	} else if (type == 0x86dd && len >= l3 + 40) {
		for (size_t i = 8; i < 40; i += 4) {
			memcpy(&word, f + l3 + i, 4);
			h ^= word;
		}
		if (f[l3 + 6] == 6 || f[l3 + 6] == 17)
			l4 = l3 + 40;
	} else {
		for (size_t i = 0; i < 12; i += 4) {
			memcpy(&word, f + i, 4);
			h ^= word;
		}
	}
	if (l4 != 0 && len >= l4 + 4)
		h ^= (uint32_t)(f[l4] << 8 | f[l4 + 1]) ^ (uint32_t)(f[l4 + 2] << 8 | f[l4 + 3]);
	h *= 0x9e3779b1u;
	return h >> 16;
}

/** Queue of a frame. Out: *drop, counter for a dropped frame. @return NULL: drop the frame. */
static struct vsim_queue *
rx_steer(struct vsim_fn *fn, const struct vsim_frame *frame, unsigned int pairs, uint64_t **drop)
{
	uint8_t head[80] __attribute__((aligned(16)));
	struct vsim_queue *q;
	const uint8_t *f = frame->ptr;
	size_t len = frame->len;

	/* The first segment is too short for the filter or the hash: gather the head. */
	if (frame->nb_segs != 1 || len < 18) {
		len = vsim_frame_peek(frame, head, sizeof(head));
		memset(head + len, 0, len < 18 ? 18 - len : 0);
		f = head;
	}
	if (unlikely(!vsim_filter_accept(fn, f))) {
		*drop = &fn->counters->drop_filtered;
		return NULL;
	}
	q = fn->queue[pairs == 1 ? 0 : 2 * (flow_hash(f, len) % pairs)];
	*drop = &fn->counters->drop_queue_off; /* The queue is in reset, or was never enabled. */
	return q;
}

unsigned int
vsim_rx_frames(struct vsim_fn *fn, const struct vsim_frame *frames, unsigned int n, bool hold)
{
	unsigned int pairs = atomic_load_explicit(&fn->pairs_in_use, memory_order_relaxed);
	struct vsim_queue *next;
	unsigned int i = 0;
	uint64_t *drop;

	if (n == 0)
		return 0;
	if (!vsim_fn_running(fn)) {
		vsim_count(&fn->counters->drop_queue_off, n);
		return n;
	}
	if (!fn->link_up) {
		vsim_count(&fn->counters->drop_link_down, n);
		return n;
	}
	next = rx_steer(fn, &frames[0], pairs, &drop);
	while (i < n) {
		struct vsim_queue *q = next;
		unsigned int end = i, done;

		if (q == NULL) {
			vsim_count(drop, 1);
			if (++i < n)
				next = rx_steer(fn, &frames[i], pairs, &drop);
			continue;
		}
		/* Adjacent frames for the same queue are one burst. */
		while (++end < n) {
			next = rx_steer(fn, &frames[end], pairs, &drop);
			if (next != q)
				break;
		}
		done = vsim_rx_queue(q, &frames[i], end - i, hold);
		if (done < end - i)
			return i + done;
		i = end;
	}
	return n;
}

/* ---------------------------------------------------------------- TX */

/** Check the header that the driver wrote (5.1.9.2.1). @return true: the packet can be sent. */
static VSIM_COLD bool
tx_hdr_check(struct vsim_fn *fn, const struct virtio_net_hdr *hdr)
{
	const struct vsim_features *f = &fn->accepted;
	uint8_t gso = hdr->gso_type & ~VIRTIO_NET_HDR_GSO_ECN;
	static const struct {
		uint8_t gso, feature;
	} needs[] = {
		{ VIRTIO_NET_HDR_GSO_TCPV4, VIRTIO_NET_F_HOST_TSO4 },
		{ VIRTIO_NET_HDR_GSO_TCPV6, VIRTIO_NET_F_HOST_TSO6 },
		{ VIRTIO_NET_HDR_GSO_UDP, VIRTIO_NET_F_HOST_UFO },
		{ VIRTIO_NET_HDR_GSO_UDP_L4, VIRTIO_NET_F_HOST_USO },
	};
	bool known = gso == VIRTIO_NET_HDR_GSO_NONE;

	if (hdr->num_buffers != 0)
		vsim_fn_violation(fn, VIRTIO_RULE_NUM_BUFFERS);
	if (hdr->flags & (VIRTIO_NET_HDR_F_DATA_VALID | VIRTIO_NET_HDR_F_RSC_INFO))
		vsim_fn_violation(fn, VIRTIO_RULE_TX_FLAGS);
	if ((hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) &&
			!vsim_features_has(f, VIRTIO_NET_F_CSUM)) {
		vsim_fn_violation(fn, VIRTIO_RULE_TX_OFFLOAD);
		return false;
	}
	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++)
		if (gso == needs[i].gso && vsim_features_has(f, needs[i].feature))
			known = true;
	if (gso != VIRTIO_NET_HDR_GSO_NONE &&
			(hdr->gso_size == 0 || !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)))
		known = false;
	if (!known) {
		vsim_fn_violation(fn, VIRTIO_RULE_TX_OFFLOAD);
		return false;
	}
	/* The device does not offer the offloads, so it cannot send such a packet. */
	return gso == VIRTIO_NET_HDR_GSO_NONE && !(hdr->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM);
}

/** Gather the header when it is not in one segment with the frame. */
static VSIM_COLD bool
tx_frame_gather(const struct vsim_queue *q, struct vsim_buf *buf, struct vsim_frame *frame,
		struct virtio_net_hdr *hdr)
{
	struct vsim_frame whole = { .ptr = buf->ptr,
		.len = buf->len,
		.nb_segs = buf->nb_segs,
		.segs = buf->segs };
	uint32_t skip = q->hdr_len;
	unsigned int i;

	memset(hdr, 0, sizeof(*hdr));
	if (vsim_frame_peek(&whole, (uint8_t *)hdr, q->hdr_len) < q->hdr_len)
		return false;
	if (q->legacy)
		hdr->num_buffers = 0;
	if (buf->nb_segs == 1) {
		frame->ptr = buf->ptr + skip;
		frame->len = frame->total = buf->len - skip;
		frame->nb_segs = 1;
		return true;
	}
	for (i = 0; i < buf->nb_segs && skip >= buf->segs[i].len; i++)
		skip -= buf->segs[i].len;
	if (i == buf->nb_segs)
		return false;
	buf->segs[i].ptr += skip;
	buf->segs[i].len -= skip;
	frame->segs = &buf->segs[i];
	frame->nb_segs = buf->nb_segs - i;
	frame->ptr = frame->segs->ptr;
	frame->len = frame->segs->len;
	frame->total = buf->total - q->hdr_len;
	return true;
}

/** Make a frame from a buffer. @return false: dropped and counted. */
VSIM_INLINE bool
tx_frame(struct vsim_queue *q, struct vsim_buf *buf, struct vsim_frame *frame, uint32_t max_frame)
{
	struct virtio_net_hdr hdr;
	bool check;

	if (likely(buf->nb_segs == 1 && buf->len > q->hdr_len)) {
		uint64_t low;

		memcpy(&low, buf->ptr, sizeof(low));
		memcpy(&hdr.num_buffers, buf->ptr + offsetof(struct virtio_net_hdr, num_buffers),
				2);
		frame->ptr = buf->ptr + q->hdr_len;
		frame->len = frame->total = buf->len - q->hdr_len;
		frame->nb_segs = 1;
		if (unlikely(q->legacy))
			hdr.num_buffers = 0;
		check = (le64toh(low) & 0xffff) != 0 || hdr.num_buffers != 0;
		if (unlikely(check)) {
			uint16_t num_buffers = hdr.num_buffers;

			memset(&hdr, 0, sizeof(hdr));
			memcpy(&hdr, &low, sizeof(low));
			hdr.num_buffers = num_buffers;
		}
	} else {
		check = tx_frame_gather(q, buf, frame, &hdr);
		if (!check) {
			vsim_count(&q->ctr->drop_malformed, 1);
			return false;
		}
	}
	if (unlikely(check && !tx_hdr_check(q->fn, &hdr))) {
		vsim_count(&q->ctr->drop_malformed, 1);
		return false;
	}
	if (unlikely(frame->total < VSIM_ETHER_LEN)) {
		vsim_count(&q->ctr->drop_malformed, 1);
		return false;
	}
	if (unlikely(frame->total > max_frame)) {
		if (vsim_features_has(&q->fn->accepted, VIRTIO_NET_F_MTU))
			vsim_fn_violation(q->fn, VIRTIO_RULE_FRAME_LENGTH);
		vsim_count(&q->ctr->drop_too_big, 1);
		return false;
	}
	return true;
}

/** The function sends these frames. @return frames that the wire took. */
VSIM_INLINE unsigned int
wire_tx(struct vsim_fn *fn, const struct vsim_frame *frames, unsigned int n)
{
	struct vsim_wire *wire = fn->wire;

	return wire == NULL ? n : wire->ops->tx(wire, fn, frames, n);
}

VSIM_INLINE unsigned int
tx_burst(struct vsim_queue *q, const struct path path)
{
	struct vsim_fn *fn = q->fn;
	struct vsim_scratch *w = fn->nic->workers[fn->worker]->scratch;
	const uint32_t max_frame = vsim_fn_max_frame(fn);
	struct vsim_buf *bufs = w->tx_bufs;
	struct vsim_frame *frames = w->tx_frames;
	unsigned int nb = 0, nb_frames = 0, taken;
	uint64_t bytes = 0, descs = 0;

	w->tx_pool.nb = 0;
	ring_prefetch(q, path.packed);
	/* pop */
	while (nb < VSIM_BURST && ring_pop(q, &bufs[nb], &w->tx_pool, false, path) > 0) {
		__builtin_prefetch(bufs[nb].ptr);
		nb++;
	}
	if (nb == 0 || unlikely(q->dead))
		return nb;
	/* send */
	for (unsigned int i = 0; i < nb; i++) {
		descs += bufs[i].nb_descs;
		if (likely(tx_frame(q, &bufs[i], &frames[nb_frames], max_frame)))
			bytes += frames[nb_frames++].total;
	}
	if (unlikely(!fn->link_up))
		vsim_count(&fn->counters->drop_link_down, nb_frames);
	else if (nb_frames > 0) {
		taken = wire_tx(fn, frames, nb_frames);
		if (unlikely(taken < nb_frames)) {
			vsim_count(&q->ctr->drop_wire, nb_frames - taken);
			for (unsigned int i = taken; i < nb_frames; i++)
				bytes -= frames[i].total;
		}
		vsim_count(&q->ctr->packets, taken);
		vsim_count(&q->ctr->bytes, bytes);
	}
	vsim_count(&q->ctr->descriptors, descs);
	/* push */
	if (path.hard && q->shuffled)
		vsim_window_shuffle(q, bufs, nb);
	ring_push(q, bufs, nb, false, path.packed);
	return nb;
}

static unsigned int
tx_split(struct vsim_queue *q)
{
	return tx_burst(q, (struct path){ .packed = false });
}

static unsigned int
tx_packed(struct vsim_queue *q)
{
	return tx_burst(q, (struct path){ .packed = true });
}

static __attribute__((noinline)) unsigned int
tx_hard(struct vsim_queue *q)
{
	if (q->is_packed)
		return tx_burst(q, (struct path){ .packed = true, .hard = true });
	return tx_burst(q, (struct path){ .packed = false, .hard = true });
}

unsigned int
vsim_tx_queue(struct vsim_queue *q)
{
	if (unlikely(q->dead))
		return 0;
	if (unlikely(q->unmapped)) {
		vsim_queue_fault(q);
		return 0;
	}
	if (unlikely(q->hard))
		return tx_hard(q);
	return q->is_packed ? tx_packed(q) : tx_split(q);
}
