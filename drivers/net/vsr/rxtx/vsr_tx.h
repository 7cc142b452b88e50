/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_TX_H
#define VSR_TX_H

/**
 * @file
 * The TX bursts without vectors, and tx_done_cleanup.
 */

#include "../base/vsr_queue.h"
#include "vsr_path_list.h"

VSR_TX_SCALAR(VSR_TX_DECLARE, )

/** Free sent packets, at most nb_max (0: all). @return number of packets. */
int vsr_tx_done_cleanup(void *queue, uint32_t nb_max);

#endif /* VSR_TX_H */
