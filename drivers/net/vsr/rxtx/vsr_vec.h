/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_VEC_H
#define VSR_VEC_H

/**
 * @file
 * The bursts that use vectors.
 */

#include <rte_mbuf.h>

#include "vsr_path_list.h"

VSR_RX_AVX512(VSR_RX_DECLARE, )
VSR_RX_AVX2(VSR_RX_DECLARE, )
VSR_TX_AVX512(VSR_TX_DECLARE, )
VSR_TX_AVX2(VSR_TX_DECLARE, )

#endif /* VSR_VEC_H */
