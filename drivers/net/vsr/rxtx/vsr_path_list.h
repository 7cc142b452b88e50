/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_PATH_LIST_H
#define VSR_PATH_LIST_H

/**
 * @file
 * The list of paths, the variants of the bursts. This list is the only one: declarations, burst
 * functions, the path table and the parameter text for dpdk-pmdinfo.py are generated from it, and
 * the unit test check_paths.py compares the table in doc/guides/net_vsr.rst with it.
 *
 * Each macro calls ROW once per path, the best path first, and puts the argument BETWEEN after
 * every row except the last.
 *
 *   name       value of the device argument rx_path or tx_path; burst function vsr_rx_<name>
 *   layout     of the ring: packed or split
 *   mergeable  the path takes packets that span several buffers
 *   single     the path works when mergeable buffers were not negotiated
 *   simd       bits of the vectors that the path needs, 0: none
 */

/* clang-format off */

/*          name           layout  mergeable single simd */
#define VSR_RX_AVX512(ROW, BETWEEN)                              \
	ROW(packed_avx512, packed, true,     true,  512) BETWEEN \
	ROW(split_avx512,  split,  true,     true,  512)
#define VSR_RX_AVX2(ROW, BETWEEN)                                \
	ROW(packed_avx2,   packed, true,     true,  256) BETWEEN \
	ROW(split_avx2,    split,  true,     true,  256)
#define VSR_RX_SCALAR(ROW, BETWEEN)                              \
	ROW(packed,        packed, false,    true,  0)   BETWEEN \
	ROW(packed_mrg,    packed, true,     false, 0)   BETWEEN \
	ROW(split,         split,  false,    true,  0)   BETWEEN \
	ROW(split_mrg,     split,  true,     false, 0)

/*          name           layout  simd */
#define VSR_TX_AVX512(ROW, BETWEEN)             \
	ROW(packed_avx512, packed, 512) BETWEEN \
	ROW(split_avx512,  split,  512)
#define VSR_TX_AVX2(ROW, BETWEEN)               \
	ROW(packed_avx2,   packed, 256) BETWEEN \
	ROW(split_avx2,    split,  256)
#define VSR_TX_SCALAR(ROW, BETWEEN)             \
	ROW(packed,        packed, 0)   BETWEEN \
	ROW(split,         split,  0)

/** ROW that declares the burst function of a path. */
#define VSR_RX_DECLARE(name, ...) \
	uint16_t vsr_rx_##name(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
#define VSR_TX_DECLARE(name, ...) \
	uint16_t vsr_tx_##name(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);

/** Names of all paths, "packed_avx512|...", as a string literal. */
#define VSR_PATH_NAME(name, ...) #name
#define VSR_RX_NAMES                          \
	VSR_RX_AVX512(VSR_PATH_NAME, "|") "|" \
	VSR_RX_AVX2(VSR_PATH_NAME, "|") "|"   \
	VSR_RX_SCALAR(VSR_PATH_NAME, "|")
#define VSR_TX_NAMES                          \
	VSR_TX_AVX512(VSR_PATH_NAME, "|") "|" \
	VSR_TX_AVX2(VSR_PATH_NAME, "|") "|"   \
	VSR_TX_SCALAR(VSR_PATH_NAME, "|")

/* clang-format on */

#endif /* VSR_PATH_LIST_H */
