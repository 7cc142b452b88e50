/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_QUEUE_H
#define VSR_QUEUE_H

/**
 * @file
 * RX and TX queues of a port: what bursts use, how queues are made and emptied.
 */

#include "vsr_dev.h"

#define VSR_DESC_MIN 8 /**< Smallest ring that ethdev may ask for. */
#define VSR_TX_SEGS_MAX 40 /**< Segments of a packet to send. */
#define VSR_AHEAD 32 /**< Packets to look ahead for. */

struct vsr_rxq_stats {
	uint64_t packets, bytes;
	uint64_t bad_len; /**< Length that the buffer does not have. */
	uint64_t bad_num_buffers; /**< Number of merged buffers that cannot be. */
	uint64_t no_mbuf; /**< Refills that an empty pool gave nothing for. */
	uint64_t refills;
	uint64_t partial_refills; /**< Of these, bulks cut short by a pool that runs low. */
};

struct vsr_rxq {
	struct vio_virtq *vq;
	struct rte_mempool *pool;
	uint32_t buf_len; /**< Bytes of a buffer, header included. */
	uint16_t hdr_len;
	uint16_t free_thresh; /**< Refill when so many descriptors are free and no packet waits. */
	uint16_t late_thresh; /**< Refill when so many are free in any case. */
	uint16_t announced_min; /**< Tell the device of a refill when it knows of fewer buffers. */
	uint16_t port_id, queue_id;
	uint16_t left; /**< Buffers of the packet in the making still to come. */
	bool mergeable;
	bool rings_doorbells; /**< Looks after TX doorbells that are held back. */
	bool linear; /**< Buffers stand at the same distance from their mbufs, by bus address. */
	uint64_t buf_offset; /**< Linear: from mbuf to what the device writes. */
	uint64_t hdr_offset; /**< Linear: the same, as the driver sees it. */
	uint64_t rearm[2]; /**< Words of a received mbuf: data_off to port, ol_flags. */
	struct rte_mbuf *head, *tail; /**< That packet; NULL while left > 0: being dropped. */
	struct vsr_rxq_stats stats;

	/* cold */
	struct vsr_dev *dev;
	struct rte_eth_rxconf conf;
};

struct vsr_txq_stats {
	uint64_t packets, bytes;
	uint64_t too_long; /**< Longer than the device takes. */
	uint64_t too_many_segs;
	uint64_t empty; /**< No byte in it. */
	uint64_t full; /**< Bursts cut short by a full ring. */
};

/** What stands beside each descriptor: a header, then a table if indirect ones are in use. */
#define VSR_TX_AUX_TABLE 32

/** A doorbell that is held back, see vsr_doorbell.c. */
struct vsr_tx_doorbell {
	rte_spinlock_t lock;
	bool pending; /**< Becomes true in the thread of the queue only. */
	uint16_t position; /**< What it will say. */
	uint32_t nb_sent; /**< Packets since the last one. */
	uint64_t due; /**< Clock. */
};

struct vsr_txq {
	struct vio_virtq *vq;
	uint8_t *aux; /**< One piece of aux_len per descriptor. */
	uint64_t aux_iova;
	uint32_t aux_len;
	uint32_t max_len; /**< Bytes of the longest packet. */
	uint16_t hdr_len;
	uint16_t free_thresh; /**< Clean when fewer descriptors are free. */
	bool indirect;
	bool fast_free; /**< All mbufs are of one pool and nobody else's, and one per packet. */
	uint64_t doorbell_delay; /**< Clock ticks that a doorbell may be held back; 0: not at all. */
	struct vsr_txq_stats stats;
	struct vsr_tx_doorbell doorbell;

	/* cold */
	struct vsr_dev *dev;
	const struct rte_memzone *aux_mz;
	uint16_t queue_id;
	struct rte_eth_txconf conf;
};

int vsr_rx_queue_setup(struct rte_eth_dev *eth_dev, uint16_t queue_id, uint16_t nb_desc,
		unsigned int socket_id, const struct rte_eth_rxconf *conf,
		struct rte_mempool *pool);
int vsr_tx_queue_setup(struct rte_eth_dev *eth_dev, uint16_t queue_id, uint16_t nb_desc,
		unsigned int socket_id, const struct rte_eth_txconf *conf);
void vsr_rx_queue_release(struct rte_eth_dev *eth_dev, uint16_t queue_id);
void vsr_tx_queue_release(struct rte_eth_dev *eth_dev, uint16_t queue_id);
void vsr_rxq_info_get(struct rte_eth_dev *eth_dev, uint16_t queue_id,
		struct rte_eth_rxq_info *info);
void vsr_txq_info_get(struct rte_eth_dev *eth_dev, uint16_t queue_id,
		struct rte_eth_txq_info *info);
/** Make a queue that no packet uses. @return it, or NULL. */
struct vio_virtq *vsr_spare_create(struct vsr_dev *dev, uint16_t index);
/** A frame of this MTU fits the buffers of the queue. */
bool vsr_rxq_fits(const struct vsr_rxq *rxq, uint16_t mtu, bool scatter);
/** Free all packets that the device no longer has. */
void vsr_rxq_drain(struct vsr_rxq *rxq);
void vsr_txq_drain(struct vsr_txq *txq);

#endif /* VSR_QUEUE_H */
