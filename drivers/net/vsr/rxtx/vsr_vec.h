/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_VEC_H
#define VSR_VEC_H

/**
 * @file
 * The vector rows of the path table.
 */

#include <rte_mbuf.h>

#define VSR_VEC_BURSTS(simd)                                                                  \
	uint16_t vsr_rx_split_##simd(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);  \
	uint16_t vsr_rx_packed_##simd(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts); \
	uint16_t vsr_tx_split_##simd(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);  \
	uint16_t vsr_tx_packed_##simd(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
VSR_VEC_BURSTS(avx2);
VSR_VEC_BURSTS(avx512);

#endif /* VSR_VEC_H */
