/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SLOW_H
#define VSR_SLOW_H

/**
 * @file
 * Rare cases of the bursts.
 */

#include "../base/vsr_queue.h"

/** The device reported a wrong length: count and drop the packet. @return NULL. */
struct rte_mbuf *vsr_rx_bad_len(struct vsr_rxq *rxq, struct rte_mbuf *m);
/** The device reported an impossible num_buffers: count and drop the packet. @return NULL. */
struct rte_mbuf *vsr_rx_bad_num_buffers(struct vsr_rxq *rxq, struct rte_mbuf *m);
/** A later buffer of a merged packet is unusable: drop it with the buffers before it, and let the
 * burst drop the buffers after it. @return NULL. */
struct rte_mbuf *vsr_rx_merge_drop(struct vsr_rxq *rxq, struct rte_mbuf *m);
/** The pool has fewer than nb mbufs: allocate fewer. @return number of mbufs. */
uint16_t vsr_rx_alloc_few(struct vsr_rxq *rxq, struct rte_mbuf **bufs, uint16_t nb);
/** Free nb packets that were sent. */
void vsr_tx_free(const struct vsr_txq *txq, struct rte_mbuf **done, uint32_t nb);
/** Free a packet that cannot be sent, and increment the counter. */
void vsr_tx_drop(struct rte_mbuf *m, uint64_t *counter);
/** Post a packet that needs several buffers. @return false if the ring has no room. */
bool vsr_tx_post_list(struct vsr_txq *txq, struct rte_mbuf *m);

#endif /* VSR_SLOW_H */
