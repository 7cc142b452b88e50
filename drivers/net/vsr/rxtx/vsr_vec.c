/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The bursts that use vectors. The build compiles this file once for AVX2 and once for AVX-512.
 *
 * A call reaps or posts VIO_LANES packets, or nothing. The scalar code of the bursts handles what
 * is not plain.
 */

#include "virtio/vio_virtq_vec.h"
#include "vsr_rx_body.h"
#include "vsr_tx_body.h"
#include "vsr_vec.h"

/* ------------------------------------------------------------------ RX */

typedef uint64_t rearm_words __attribute__((vector_size(32)));
typedef rearm_words rearm_words_mem __attribute__((aligned(8), may_alias));

/* As rx_rearm(), with one store. */
static __rte_always_inline void
rx_rearm_wide(const struct vsr_rxq *rxq, struct rte_mbuf *m, uint64_t data_len)
{
	*(rearm_words_mem *)(uintptr_t)&m->rearm_data = (rearm_words){ rxq->rearm[0], rxq->rearm[1],
		data_len << 32, data_len };
}

/* Zero if each of these packets is in one buffer. */
static __rte_always_inline uint64_t
rx_in_more(const struct vsr_rxq *rxq, struct rte_mbuf *const *pkts)
{
	const uint64_t at = rxq->hdr_offset + offsetof(struct virtio_net_hdr, num_buffers);
	uint64_t more = 0;

#pragma GCC unroll 8
	for (unsigned int i = 0; i < VIO_LANES; i++)
		more |= vio_load16(RTE_PTR_ADD(pkts[i], at)) ^ 1;
	return more;
}

/* At least one packet is unusual: handle the packets one by one. */
static __rte_noinline uint16_t
rx_sort(struct vsr_rxq *rxq, struct rte_mbuf **pkts, const uint64_t *lens, uint64_t *bytes)
{
	struct rte_mbuf *bufs[VIO_LANES], *m;
	uint16_t nb = 0;

	memcpy(bufs, pkts, sizeof(bufs));
	for (unsigned int i = 0; i < VIO_LANES; i++) {
		m = rx_fix_up(rxq, bufs[i], (uint32_t)lens[i], rxq->mergeable);
		if (m == NULL)
			continue;
		*bytes += m->pkt_len;
		pkts[nb++] = m;
	}
	return nb;
}

static __rte_always_inline uint16_t
rx_reap_lanes(struct vsr_rxq *rxq, struct rte_mbuf **pkts, uint64_t *bytes, const bool packed)
{
	vio_vec mbufs, lens;
	uint64_t each[VIO_LANES];

	if (unlikely(rxq->left != 0))
		return 0;
	if (packed ? !vio_vec_packed_reap(rxq->vq, &mbufs, &lens) :
		     !vio_vec_split_reap(rxq->vq, &mbufs, &lens))
		return 0;
	vio_vec_store(pkts, mbufs);
	if (unlikely(vio_vec_any(vio_vec_outside(lens, rxq->hdr_len + 1, rxq->buf_len)) ||
			    (rxq->mergeable && (!rxq->linear || rx_in_more(rxq, pkts) != 0)))) {
		vio_vec_store(each, lens);
		return rx_sort(rxq, pkts, each, bytes);
	}
	lens -= vio_vec_all(rxq->hdr_len);
	vio_vec_store(each, lens);
#pragma GCC unroll 8
	for (unsigned int i = 0; i < VIO_LANES; i++) {
		rx_rearm_wide(rxq, pkts[i], each[i]);
		*bytes += each[i];
	}
	return VIO_LANES;
}

static __rte_always_inline uint16_t
rx_post_lanes(struct vsr_rxq *rxq, struct rte_mbuf **bufs, const bool packed)
{
	const vio_vec mbufs = vio_vec_gather((const uint64_t *)bufs);
	const vio_vec lens = vio_vec_all(rxq->buf_len);
	vio_vec iovas;

	if (likely(rxq->linear)) {
		iovas = mbufs + vio_vec_all(rxq->buf_offset);
	} else {
		for (unsigned int i = 0; i < VIO_LANES; i++)
			iovas[i] = rx_iova(rxq, bufs[i]);
	}
	if (packed ? !vio_vec_packed_post(rxq->vq, iovas, lens, VIRTQ_DESC_F_WRITE, mbufs) :
		     !vio_vec_split_post(rxq->vq, iovas, lens, VIRTQ_DESC_F_WRITE, mbufs))
		return 0;
	return VIO_LANES;
}

/* ------------------------------------------------------------------ TX */

static __rte_always_inline uint16_t
tx_reap_lanes(struct vsr_txq *txq, struct rte_mbuf **done, const bool packed)
{
	vio_vec mbufs, lens;

	if (packed ? !vio_vec_packed_reap(txq->vq, &mbufs, &lens) :
		     !vio_vec_split_reap(txq->vq, &mbufs, &lens))
		return 0;
	vio_vec_store(done, mbufs);
	return VIO_LANES;
}

static __rte_always_inline uint16_t
tx_post_lanes(struct vsr_txq *txq, struct rte_mbuf **pkts, uint64_t *bytes, const bool packed)
{
	uint64_t iovas[VIO_LANES], lens[VIO_LANES], spoilt = 0, sum = 0;
	void *hdrs[VIO_LANES];

#pragma GCC unroll 8
	for (unsigned int i = 0; i < VIO_LANES; i++) {
		const struct rte_mbuf *m = pkts[i];
		const int64_t front = (int64_t)m->data_off - txq->hdr_len;
		const int64_t len = m->data_len;

		/* One of these is negative if the packet needs the scalar code. */
		spoilt |= (uint64_t)(front | (len - 1) | (txq->max_len - len));
		spoilt |= -(uint64_t)!tx_is_plain(m);
		iovas[i] = rte_mbuf_iova_get(m) + front;
		hdrs[i] = RTE_PTR_ADD(m->buf_addr, front);
		lens[i] = len + txq->hdr_len;
		sum += len;
	}
	if (unlikely((int64_t)spoilt < 0))
		return 0;
	if (packed ? !vio_vec_packed_post(txq->vq, vio_vec_gather(iovas), vio_vec_gather(lens), 0,
				     vio_vec_load(pkts)) :
		     !vio_vec_split_post(txq->vq, vio_vec_gather(iovas), vio_vec_gather(lens), 0,
				     vio_vec_load(pkts)))
		return 0;
#pragma GCC unroll 8
	for (unsigned int i = 0; i < VIO_LANES; i++)
		tx_header(hdrs[i]);
	*bytes += sum;
	return VIO_LANES;
}

/* ------------------------------------------------------------------ rows */

static __rte_always_inline uint16_t
rx_reap_split(struct vsr_rxq *rxq, struct rte_mbuf **pkts, uint64_t *bytes)
{
	return rx_reap_lanes(rxq, pkts, bytes, false);
}

static __rte_always_inline uint16_t
rx_post_split(struct vsr_rxq *rxq, struct rte_mbuf **bufs)
{
	return rx_post_lanes(rxq, bufs, false);
}

static __rte_always_inline uint16_t
tx_reap_split(struct vsr_txq *txq, struct rte_mbuf **done)
{
	return tx_reap_lanes(txq, done, false);
}

static __rte_always_inline uint16_t
tx_post_split(struct vsr_txq *txq, struct rte_mbuf **pkts, uint64_t *bytes)
{
	return tx_post_lanes(txq, pkts, bytes, false);
}

static __rte_always_inline uint16_t
rx_reap_packed(struct vsr_rxq *rxq, struct rte_mbuf **pkts, uint64_t *bytes)
{
	return rx_reap_lanes(rxq, pkts, bytes, true);
}

static __rte_always_inline uint16_t
rx_post_packed(struct vsr_rxq *rxq, struct rte_mbuf **bufs)
{
	return rx_post_lanes(rxq, bufs, true);
}

static __rte_always_inline uint16_t
tx_reap_packed(struct vsr_txq *txq, struct rte_mbuf **done)
{
	return tx_reap_lanes(txq, done, true);
}

static __rte_always_inline uint16_t
tx_post_packed(struct vsr_txq *txq, struct rte_mbuf **pkts, uint64_t *bytes)
{
	return tx_post_lanes(txq, pkts, bytes, true);
}

#define RX_BURST(name, layout, may_merge, single, simd)                               \
	uint16_t vsr_rx_##name(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts) \
	{                                                                             \
		static const struct vsr_rx_row row = { .ring = &vio_ring_##layout,    \
			.mergeable = (may_merge),                                     \
			.reap = rx_reap_##layout,                                     \
			.post = rx_post_##layout,                                     \
			.step = VIO_LANES };                                          \
                                                                                      \
		return rx_burst(queue, pkts, nb_pkts, row);                           \
	}

#define TX_BURST(name, layout, simd)                                                  \
	uint16_t vsr_tx_##name(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts) \
	{                                                                             \
		static const struct vsr_tx_row row = { .ring = &vio_ring_##layout,    \
			.reap = tx_reap_##layout,                                     \
			.post = tx_post_##layout,                                     \
			.step = VIO_LANES };                                          \
                                                                                      \
		return tx_burst(queue, pkts, nb_pkts, row);                           \
	}

#if VIO_LANES == 8
VSR_RX_AVX512(RX_BURST, )
VSR_TX_AVX512(TX_BURST, )
#else
VSR_RX_AVX2(RX_BURST, )
VSR_TX_AVX2(TX_BURST, )
#endif
