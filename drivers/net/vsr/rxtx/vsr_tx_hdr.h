/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_TX_HDR_H
#define VSR_TX_HDR_H

/**
 * @file
 * Properties of a packet to send, and its virtio header; for the TX bursts and vsr_slow.c.
 */

#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"
#include "../base/vsr_queue.h"

/* The mbuf is direct, has no other reference, and is the whole packet. */
static __rte_always_inline bool
tx_is_plain(const struct rte_mbuf *m)
{
	return rte_mbuf_refcnt_read(m) == 1 && m->nb_segs == 1 && RTE_MBUF_DIRECT(m);
}

/* The virtio header fits in the headroom, and nobody else uses the memory of this mbuf. */
static inline bool
tx_can_push(const struct vsr_txq *txq, const struct rte_mbuf *m)
{
	return rte_mbuf_refcnt_read(m) == 1 && RTE_MBUF_DIRECT(m) &&
			rte_pktmbuf_headroom(m) >= txq->hdr_len;
}

/* No offload is negotiated, so the whole header is zero (virtio 1.4 5.1.9.2). Skip the store when
 * the header is zero already, so that the cache line stays clean. */
static __rte_always_inline void
tx_header(void *hdr)
{
	uint64_t low;
	uint32_t high;

	memcpy(&low, hdr, sizeof(low));
	memcpy(&high, RTE_PTR_ADD(hdr, sizeof(low)), sizeof(high));
	RTE_BUILD_BUG_ON(VIRTIO_NET_HDR_LEN != sizeof(low) + sizeof(high));
	if ((low | high) != 0)
		memset(hdr, 0, VIRTIO_NET_HDR_LEN);
}

#endif /* VSR_TX_HDR_H */
