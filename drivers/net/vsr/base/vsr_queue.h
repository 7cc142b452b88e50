/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_QUEUE_H
#define VSR_QUEUE_H

/**
 * @file
 * RX and TX queues of a port: their structures, setup, release and information.
 */

#include "vsr_dev.h"

#define VSR_DESC_MIN 8 /**< Descriptors of the smallest ring. */
#define VSR_TX_SEGS_MAX 40 /**< Segments of a packet to send, at most. */
#define VSR_AHEAD 32 /**< Packets that an RX burst prefetches for the next burst. */

/** Memory of a released queue, kept until the device has finished a reset. */
struct vsr_kept {
	struct vsr_kept *next;
	void *queue; /**< The struct vsr_rxq or vsr_txq; this structure is part of it. */
	struct vio_virtq *vq;
	const struct rte_memzone *aux_mz; /**< NULL: none. */
};

/** What the structures of a queue depend on, as of its setup. A reset can change it. */
struct vsr_shape {
	bool packed, mergeable, indirect;
	uint16_t max_mtu;
};

struct vsr_rxq_stats {
	uint64_t packets, bytes;
	uint64_t bad_len; /**< The device reported a length that the buffer does not have. */
	uint64_t bad_num_buffers; /**< The device reported an impossible num_buffers. */
	uint64_t no_mbuf; /**< Refills that got no mbuf because the pool was empty. */
	uint64_t refills;
	uint64_t partial_refills; /**< Bulk allocations cut short because the pool ran low. */
};

struct vsr_rxq {
	struct vio_virtq *vq;
	struct rte_mempool *pool;
	uint32_t buf_len; /**< Bytes of a buffer, including the virtio header. */
	uint16_t hdr_len;
	uint16_t reserve; /**< Descriptors that stay free, since the pool is shared and small. */
	uint16_t free_thresh; /**< Other free descriptors that start a refill if no packet waits. */
	uint16_t late_thresh; /**< Other free descriptors that start a refill in any case. */
	uint16_t unannounced_max; /**< Descriptors that are free or not announced, at most. */
	uint16_t recent; /**< Packets of the last poll that had some. */
	uint16_t port_id, queue_id;
	uint16_t left; /**< Buffers that the packet at head still lacks. */
	bool mergeable;
	bool rings_doorbells; /**< RX bursts ring TX doorbells that are due. */
	bool linear; /**< buf_offset and hdr_offset hold for all mbufs of the pool. */
	uint64_t buf_offset; /**< From mbuf to the bus address that the device writes to. */
	uint64_t hdr_offset; /**< From mbuf to the same byte by virtual address. */
	uint64_t rearm[2]; /**< Initial words of a received mbuf: data_off to port, ol_flags. */
	struct rte_mbuf *head, *tail; /**< Incomplete packet; NULL with left > 0: being dropped. */
	struct vsr_rxq_stats stats;

	/* cold */
	struct vsr_dev *dev;
	struct rte_eth_rxconf conf;
	struct vsr_shape shape;
	struct vsr_kept kept;
	struct vsr_rxq *next; /**< An extra RX queue that this one serves too; NULL: no more. */
	struct vsr_rxq *turn; /**< Of these queues, the one that the next burst polls first. */
};

struct vsr_txq_stats {
	uint64_t packets, bytes;
	uint64_t too_long; /**< Packets longer than the device accepts. */
	uint64_t too_many_segs; /**< Packets of too many segments. */
	uint64_t empty; /**< Packets without data. */
	uint64_t full; /**< Bursts cut short because the ring was full. */
};

/** Aux memory of a descriptor, two cache lines: a virtio header, and an indirect table at this
 * offset. A packet of more buffers than the table has entries is a chain of ring descriptors. */
#define VSR_TX_AUX_LEN 128
#define VSR_TX_AUX_TABLE 32
#define VSR_TX_TABLE_SEGS ((VSR_TX_AUX_LEN - VSR_TX_AUX_TABLE) / sizeof(struct virtq_desc))

/** The doorbell of a TX queue, see vsr_tx_pending.c. */
struct vsr_tx_doorbell {
	uint64_t wanted; /**< Ring position to write, below a count; atomic. */
	uint64_t rung; /**< wanted at the last doorbell; another value: pending. Atomic. */
	uint64_t due; /**< TSC at which the doorbell must be rung; atomic. */
	uint32_t asks; /**< Not 0: a thread writes the register; atomic. */
	uint32_t nb_sent; /**< Packets sent since the last doorbell. */
	bool listed; /**< The queue is one of nb_pending_doorbells; atomic. */
};

struct vsr_txq {
	struct vio_virtq *vq;
	uint8_t *aux; /**< aux_len bytes per descriptor: header and indirect table. */
	uint64_t aux_iova;
	uint32_t aux_len;
	uint32_t max_len; /**< Bytes of the longest packet. */
	uint16_t hdr_len;
	uint16_t free_thresh; /**< Clean when fewer descriptors are free. */
	bool indirect;
	bool fast_free; /**< All mbufs: one pool, refcnt 1, one segment (MBUF_FAST_FREE). */
	uint64_t doorbell_delay; /**< Longest delay of a doorbell in TSC ticks; 0: never delay. */
	struct vsr_txq_stats stats;
	struct vsr_tx_doorbell doorbell;

	/* cold */
	struct vsr_dev *dev;
	const struct rte_memzone *aux_mz;
	uint16_t queue_id;
	struct rte_eth_txconf conf;
	struct vsr_shape shape;
	struct vsr_kept kept;
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
/**
 * Set up all queues anew whose shape is not that of the device any more, or that are larger than
 * the device has them; they keep their counters. The device must have finished a reset.
 * @return 0 or -errno (logged).
 */
int vsr_queues_reshape(struct rte_eth_dev *eth_dev);
/** Free the kept queues; the device must have finished a reset. */
void vsr_kept_free(struct vsr_dev *dev);
/** Name for memory that the device uses. No other memory of the process has or had this name:
 * memory of a closed port may have to be kept. */
void vsr_memory_name(const struct vsr_dev *dev, const char *what, char name[RTE_MEMZONE_NAMESIZE]);
/**
 * Create the extra RX queues of a port that is about to start. A device that uses as many pairs as
 * there are TX queues may put packets into the RX queue of each pair; those beyond the port's own
 * RX queues are extra, and each is served by one of the port's queues: same ring size, same pool.
 * They stay until the queue that serves them is released, or the port starts with other queues: a
 * stop frees none, since telemetry and secondary processes may be reading counters.
 *
 * @return 0 or -errno (logged).
 */
int vsr_extra_rxqs_create(struct rte_eth_dev *eth_dev);
/**
 * Set how many buffers each RX ring of the port may hold. Rings that share a mempool with too few
 * mbufs for all of them get equal shares, so that none takes the buffers of another for good. The
 * extra RX queues must exist.
 */
void vsr_rxqs_share(struct rte_eth_dev *eth_dev);
/** Create a virtqueue that carries no packets. @return the queue, or NULL. */
struct vio_virtq *vsr_spare_create(struct vsr_dev *dev, uint16_t index);
/** True if a frame of this MTU fits the buffers of the queue. */
bool vsr_rxq_fits(const struct vsr_rxq *rxq, uint16_t mtu, bool scatter);
/** Buffers that the largest frame of this MTU fills. */
uint16_t vsr_rxq_packet_bufs(const struct vsr_rxq *rxq, uint16_t mtu);
/** Free all packets in the queue, and in the extra queues that it serves; the device must have
 * stopped using them. */
void vsr_rxq_drain(struct vsr_rxq *rxq);
void vsr_txq_drain(struct vsr_txq *txq);

#endif /* VSR_QUEUE_H */
