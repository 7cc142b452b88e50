/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SLOW_H
#define VSR_SLOW_H

/**
 * @file
 * What a burst does rarely.
 */

#include "../base/vsr_queue.h"

/** Cases that a burst meets rarely. The first three drop the buffer, and return NULL. */
struct rte_mbuf *vsr_rx_bad_len(struct vsr_rxq *rxq, struct rte_mbuf *m);
struct rte_mbuf *vsr_rx_bad_num_buffers(struct vsr_rxq *rxq, struct rte_mbuf *m);
/** A later buffer of a merged packet is of no use: drop it with what came before, and skip what
 * is still to come. */
struct rte_mbuf *vsr_rx_merge_drop(struct vsr_rxq *rxq, struct rte_mbuf *m);
/** The pool has fewer than nb: take what is there. @return how many. */
uint16_t vsr_rx_alloc_few(struct vsr_rxq *rxq, struct rte_mbuf **bufs, uint16_t nb);
/** Free packets that were sent. */
void vsr_tx_free(const struct vsr_txq *txq, struct rte_mbuf **done, uint32_t nb);
/** Drop a packet that cannot be sent, and count why. */
void vsr_tx_drop(struct rte_mbuf *m, uint64_t *why);
/** Post a packet that takes more than one buffer. @return false: the ring has no room. */
bool vsr_tx_post_list(struct vsr_txq *txq, struct rte_mbuf *m);

#endif /* VSR_SLOW_H */
