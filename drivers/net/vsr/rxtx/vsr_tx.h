/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_TX_H
#define VSR_TX_H

/**
 * @file
 * The scalar TX bursts.
 */

#include "../base/vsr_queue.h"
#include "vsr_path_list.h"

VSR_TX_SCALAR(VSR_TX_DECLARE, )

/** Free sent packets, at most nb_max of them (0: all). @return how many. */
int vsr_tx_done_cleanup(void *queue, uint32_t nb_max);

#endif /* VSR_TX_H */
