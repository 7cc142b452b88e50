/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_RXTX_H
#define VSIM_RXTX_H

/**
 * @file
 * Packets between rings and wires, in bursts. Call these functions in the worker of the function
 * only.
 */

#include "vsim/ring/vsim_walk.h"

#define VSIM_RX_BUFS 512 /**< RX buffers popped at once; bounds a merged packet. */

/** A frame without virtio header. */
struct vsim_frame {
	const uint8_t *ptr; /**< First (or only) segment. */
	uint32_t len; /**< Of the first segment. */
	uint32_t total; /**< Bytes of the frame; if segs has fewer, the rest is undefined. */
	uint32_t nb_segs;
	const struct vsim_seg *segs; /**< All segments, valid when nb_segs is not 1. */
};

/** Memory of a worker for one burst. TX and RX are separate because a wire may call RX during TX.
 * */
struct vsim_scratch {
	struct vsim_buf tx_bufs[VSIM_BURST];
	struct vsim_frame tx_frames[VSIM_BURST];
	struct vsim_buf rx_bufs[VSIM_RX_BUFS];
	struct vsim_pool tx_pool, rx_pool;
};

/**
 * A wire delivers up to VSIM_BURST frames to a function: filter, steer, copy into RX buffers.
 * Drops are counted.
 * @param hold  Without a free buffer, stop instead of dropping: the caller keeps the rest.
 * @return frames consumed (all of them without hold).
 */
unsigned int vsim_rx_frames(struct vsim_fn *fn, const struct vsim_frame *frames, unsigned int n,
		bool hold);
/** As vsim_rx_frames() for one queue, after filter and steering. */
unsigned int vsim_rx_queue(struct vsim_queue *q, const struct vsim_frame *frames, unsigned int n,
		bool hold);
/** Serve a TX queue once: up to VSIM_BURST packets. @return packets taken. */
unsigned int vsim_tx_queue(struct vsim_queue *q);
/** Copy the first bytes of a frame. @return bytes copied, at most len. */
size_t vsim_frame_peek(const struct vsim_frame *frame, uint8_t *buf, size_t len);

#endif /* VSIM_RXTX_H */
