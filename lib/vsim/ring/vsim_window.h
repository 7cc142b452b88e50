/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_WINDOW_H
#define VSIM_WINDOW_H

/**
 * @file
 * Completion in another order than that of the ring, as in a NIC with several engines.
 *
 * RX: the device takes up to VSIM_WINDOW buffers out of the ring into the window of the queue, and
 * each packet gets one of them at random; the window is filled again when it is empty. So a buffer
 * is passed by at most VSIM_WINDOW - 1 others, whatever the rate of the packets. Packets stay in
 * order, and so do the buffers of a merged packet (virtio 1.4 5.1.9.4). A buffer of more than one
 * segment is never in the window: it is used when the window is empty.
 * TX: packets are sent in order, and each VSIM_WINDOW packets of a burst are completed in a random
 * order.
 *
 * A buffer in the window is a copy: the ring may overwrite a descriptor that is not yet used when
 * others were completed before it. The ring therefore has as many slots between used_i and avail_i
 * as the buffers of the window take.
 */

#include "vsim/ring/vsim_walk.h"

#define VSIM_WINDOW 16
/** Buffers that are taken out of the window and then not used return to it. */
#define VSIM_WINDOW_ROOM (VSIM_WINDOW + 512)

struct vsim_window {
	unsigned int nb;
	uint32_t seed;
	struct vsim_kept {
		uint64_t iova;
		uint32_t len;
		uint16_t id, nb_descs;
	} kept[VSIM_WINDOW_ROOM];
};

/** A random number less than n, the same sequence in each run. */
static inline unsigned int
vsim_window_random(struct vsim_window *w, unsigned int n)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (uint64_t)w->seed * n >> 32;
}

static inline void
vsim_window_keep(struct vsim_window *w, const struct vsim_buf *buf)
{
	w->kept[w->nb++] = (struct vsim_kept){ buf->iova, buf->len, buf->id, buf->nb_descs };
}

/** Take a buffer out of the window, which is not empty. @return 1, or -EFAULT: the queue failed. */
static inline int
vsim_window_take(struct vsim_queue *q, struct vsim_buf *buf)
{
	struct vsim_window *w = q->window;
	unsigned int choice = w->nb < VSIM_WINDOW ? w->nb : VSIM_WINDOW;
	struct vsim_kept *kept = &w->kept[w->nb - 1 - vsim_window_random(w, choice)];
	uint32_t len = kept->len;

	/* The map may have changed since the buffer was taken out of the ring. */
	buf->ptr = vsim_queue_dma(q, kept->iova, &len, true);
	if (buf->ptr == NULL || len < kept->len)
		return vsim_queue_fault(q);
	buf->iova = kept->iova;
	buf->len = buf->total = kept->len;
	buf->id = kept->id;
	buf->nb_descs = kept->nb_descs;
	buf->nb_segs = 1;
	*kept = w->kept[--w->nb];
	return 1;
}

/** Exchange the buffers of a burst, each within VSIM_WINDOW. */
static inline void
vsim_window_shuffle(struct vsim_queue *q, struct vsim_buf *bufs, unsigned int n)
{
	for (unsigned int start = 0; start < n; start += VSIM_WINDOW) {
		unsigned int nb = n - start < VSIM_WINDOW ? n - start : VSIM_WINDOW;

		for (unsigned int i = nb - 1; i > 0; i--) {
			unsigned int k = vsim_window_random(q->window, i + 1);
			struct vsim_buf b = bufs[start + i];

			bufs[start + i] = bufs[start + k];
			bufs[start + k] = b;
		}
	}
}

#endif /* VSIM_WINDOW_H */
