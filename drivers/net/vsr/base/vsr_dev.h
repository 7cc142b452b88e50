/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_DEV_H
#define VSR_DEV_H

/**
 * @file
 * One port of net_vsr: what its files share.
 *
 * vsr_pci.c finds the device, vsr_ethdev.c is the port towards ethdev, vsr_dev.c brings the
 * device up and down, vsr_queue.c makes queues, vsr_rx.c, vsr_tx.c and vsr_vec.c move packets by
 * the bodies of vsr_rx_body.h and vsr_tx_body.h, vsr_path.c chooses between their variants,
 * vsr_doorbell.c holds doorbells back, vsr_filter.c holds addresses and modes, vsr_stats.c
 * counts, vsr_intr.c takes interrupts.
 */

#include <ethdev_driver.h>

#include "../../../common_compat.h"
#include "virtio/vio_ctrl.h"
#include "virtio/vio_pci.h"
#include "virtio_spec/net.h"
#include "vsr_log.h"

#define VSR_QUEUES_MAX 256 /**< Per direction. */
#define VSR_MACS_MAX 64 /**< Addresses of a port, its own included. */
#define VSR_MC_MAX 64 /**< Multicast addresses. */
#define VSR_CTRL_SIZE 64 /**< Descriptors of the control queue. */
#define VSR_DESC_MIN 8 /**< Smallest ring that ethdev may ask for. */
#define VSR_DESC_DEFAULT 1024
#define VSR_TX_SEGS_MAX 40 /**< Segments of a packet to send. */
#define VSR_RX_BULK 32 /**< Buffers taken from the pool at once. */
#define VSR_RX_FREE_THRESH 128
#define VSR_TX_FREE_THRESH 32
#define VSR_TX_HOLD_MIN 8 /**< A burst of fewer packets rings at once. */
#define VSR_AHEAD 32 /**< Packets to look ahead for. */

struct vsr_rx_path;
struct vsr_tx_path;

/** How far the device is in its life. */
enum vsr_state {
	VSR_RESET, /**< Reset, or never touched: negotiate first. */
	VSR_NEGOTIATED, /**< FEATURES_OK; no queue is set up. */
	VSR_LIVE, /**< DRIVER_OK. */
};

/** Device arguments. */
struct vsr_args {
	char rx_path[24], tx_path[24]; /**< Row to use; empty: the best that fits. */
	bool no_packed, no_mrg_rxbuf, no_in_order; /**< Features not to accept. */
	uint32_t tx_db_delay_us; /**< How long a TX doorbell may be held back; 0: not at all. */
};

/** The port; dev_private. */
struct vsr_dev {
	char name[RTE_DEV_NAME_MAX_LEN];
	struct vsr_args args;
	struct vio_pci pci; /**< Transport of a PCI device; unused otherwise. */
	struct vio_dev vio;
	enum vsr_state state;
	struct vio_features allowed; /**< All that the driver may ever accept. */
	struct vio_features wanted; /**< Of these, what the configuration asks for. */
	const struct vsr_rx_path *rx_path;
	const struct vsr_tx_path *tx_path;
	struct vio_cmdq ctrl;
	bool has_ctrl;
	bool complained; /**< About a device that stopped, since the last start. */
	bool lost; /**< A reset timed out: the device may still use its memory. */
	bool intr_lsc, intr_rxq; /**< Interrupts in use. */
	struct rte_intr_handle *intr; /**< NULL: no interrupts here. */
	void (*bus_close)(struct rte_eth_dev *eth_dev); /**< Let go of the device; may be NULL. */
	uint32_t nb_debts; /**< TX queues that owe a doorbell; atomic. */
	bool alarm_armed; /**< Atomic. */
	uint16_t port_id;
	int socket;
	uint16_t max_pairs, max_mtu;
	uint16_t rx_desc_max, tx_desc_max; /**< Largest rings. */
	uint16_t hdr_len; /**< Bytes before each packet. */
	uint16_t pairs; /**< In use in the device since it is live. */
	bool known[2 * VSR_QUEUES_MAX]; /**< Virtqueues enabled since the device is live. */
	struct vio_virtq *spare[2 * VSR_QUEUES_MAX]; /**< Halves of pairs that the port lacks. */
	uint64_t vlans[4096 / 64]; /**< VLANs to accept. */
	uint16_t nb_mc;
	struct rte_ether_addr mc[VSR_MC_MAX];
	struct virtio_net_config config; /**< As read last. */
};

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
	uint16_t told_min; /**< Tell the device of a refill when it knows of fewer buffers. */
	uint16_t port_id, queue_id;
	uint16_t left; /**< Buffers of the packet in the making still to come. */
	bool mergeable;
	bool pays; /**< Looks after TX doorbells that are held back. */
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
struct vsr_debt {
	rte_spinlock_t lock;
	bool owed; /**< Becomes true in the thread of the queue only. */
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
	uint64_t db_delay; /**< Clock ticks that a doorbell may be held back; 0: not at all. */
	struct vsr_txq_stats stats;
	struct vsr_debt debt;

	/* cold */
	struct vsr_dev *dev;
	const struct rte_memzone *aux_mz;
	uint16_t queue_id;
	struct rte_eth_txconf conf;
};

static inline struct vsr_dev *
vsr_dev_of(const struct rte_eth_dev *eth_dev)
{
	return eth_dev->data->dev_private;
}

static inline bool
vsr_has(const struct vsr_dev *dev, unsigned int bit)
{
	return vio_dev_has(&dev->vio, bit);
}

/* ------------------------------------------------------------------ vsr_ethdev.c */

/**
 * Make a port of a device that can be reached. dev_private is zeroed, device and the fields of
 * it that ethdev wants are set; intr and socket of the port may be set.
 *
 * @param transport  Outlives the port.
 * @param args       Device arguments "rx_path=...,packed=0", or NULL.
 * @return 0, or -errno (logged).
 */
int vsr_eth_init(struct rte_eth_dev *eth_dev, struct vio_transport *transport, const char *args);
/** Undo: stop the device, free all but dev_private. Idle on a closed port. */
int vsr_eth_close(struct rte_eth_dev *eth_dev);
/** The port is one of this driver, in the primary process. */
bool vsr_is_ours(const struct rte_eth_dev *eth_dev);
/** Make the port of a secondary process: it can look, not act. */
void vsr_eth_init_secondary(struct rte_eth_dev *eth_dev);

/* ------------------------------------------------------------------ vsr_dev.c */

/** Agree on dev->wanted and read the configuration. @return 0 or -errno (logged). */
int vsr_dev_negotiate(struct vsr_dev *dev);
/** Bring all queues of the port up. @return 0 or -errno (logged). */
int vsr_dev_start(struct rte_eth_dev *eth_dev);
/** Take all queues back from the device and free their packets. @return 0 or -errno (logged). */
int vsr_dev_stop(struct rte_eth_dev *eth_dev);
/** Reset the device and free what is not a queue of the port. */
void vsr_dev_close(struct vsr_dev *dev);
/** The device has stopped by itself and waits for a reset. */
bool vsr_dev_needs_reset(struct vsr_dev *dev);
/** Read the device configuration into dev->config. @return 0 or -errno. */
int vsr_dev_config_read(struct vsr_dev *dev);

/* ------------------------------------------------------------------ vsr_queue.c */

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

/* ------------------------------------------------------------------ vsr_rx.c, vsr_tx.c */

uint16_t vsr_rx_split(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vsr_rx_split_mrg(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vsr_rx_packed(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vsr_rx_packed_mrg(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
/** Cases that a burst meets rarely. The first three drop the buffer, and return NULL. */
struct rte_mbuf *vsr_rx_bad_len(struct vsr_rxq *rxq, struct rte_mbuf *m);
struct rte_mbuf *vsr_rx_bad_num_buffers(struct vsr_rxq *rxq, struct rte_mbuf *m);
/** A later buffer of a merged packet is of no use: drop it with what came before, and skip what
 * is still to come. */
struct rte_mbuf *vsr_rx_merge_drop(struct vsr_rxq *rxq, struct rte_mbuf *m);
/** The pool has fewer than nb: take what is there. @return how many. */
uint16_t vsr_rx_alloc_few(struct vsr_rxq *rxq, struct rte_mbuf **bufs, uint16_t nb);
/** Give the device all the buffers that the pool has, up to a full ring; no doorbell. */
void vsr_rxq_fill(struct vsr_rxq *rxq);
/** First doorbell after the start. */
void vsr_rxq_kick(struct vsr_rxq *rxq);

uint16_t vsr_tx_split(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
uint16_t vsr_tx_packed(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);
/** Free packets that were sent. */
void vsr_tx_free(const struct vsr_txq *txq, struct rte_mbuf **done, uint32_t nb);
/** Drop a packet that cannot be sent, and count why. */
void vsr_tx_drop(struct rte_mbuf *m, uint64_t *why);
/** Post a packet that takes more than one buffer. @return false: the ring has no room. */
bool vsr_tx_post_list(struct vsr_txq *txq, struct rte_mbuf *m);
/** Free sent packets, at most nb_max of them (0: all). @return how many. */
int vsr_tx_done_cleanup(void *queue, uint32_t nb_max);

/* ------------------------------------------------------------------ vsr_doorbell.c */

/** Packets were published: ring, or owe the doorbell. */
void vsr_txq_owe(struct vsr_txq *txq, uint16_t nb_sent);
/** Ring what is owed. @return true if it was. */
bool vsr_txq_doorbell(struct vsr_txq *txq);
/** Ring for all TX queues what is owed, or only what is due. */
void vsr_debts_pay(struct vsr_dev *dev, bool all);
/** The same, for the last time before the next start. */
void vsr_debts_stop(struct vsr_dev *dev);

/* ------------------------------------------------------------------ vsr_vec.c */

#define VSR_VEC_BURSTS(simd)                                                                  \
	uint16_t vsr_rx_split_##simd(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);  \
	uint16_t vsr_rx_packed_##simd(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts); \
	uint16_t vsr_tx_split_##simd(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts);  \
	uint16_t vsr_tx_packed_##simd(void *queue, struct rte_mbuf **pkts, uint16_t nb_pkts)
VSR_VEC_BURSTS(avx2);
VSR_VEC_BURSTS(avx512);

/* ------------------------------------------------------------------ vsr_path.c */

/** A variant of the RX burst. */
struct vsr_rx_path {
	const char *name;
	eth_rx_burst_t burst;
	bool packed; /**< Layout of the ring. */
	bool mergeable; /**< Takes packets in several buffers. */
	bool single; /**< Takes a device without mergeable buffers. */
	uint16_t simd; /**< Bits of the vectors it needs; 0: none. */
};

/** A variant of the TX burst. */
struct vsr_tx_path {
	const char *name;
	eth_tx_burst_t burst;
	bool packed; /**< Layout of the ring. */
	uint16_t simd; /**< Bits of the vectors it needs; 0: none. */
};

/** All variants, ended by a NULL name; best first. */
extern const struct vsr_rx_path vsr_rx_paths[];
extern const struct vsr_tx_path vsr_tx_paths[];

/** The processor has vectors of so many bits (0, 256 or 512), and the application lets drivers
 * use them (--force-max-simd-bitwidth). */
bool vsr_simd_fits(uint16_t simd);
/** Choose dev->rx_path and tx_path. @return 0, or -EINVAL (a forced row does not fit, logged). */
int vsr_path_choose(struct vsr_dev *dev);
/** Take device arguments apart. @return 0, or -EINVAL (logged). */
int vsr_args_parse(struct vsr_dev *dev, const char *args);

/* ------------------------------------------------------------------ vsr_filter.c */

int vsr_promiscuous_enable(struct rte_eth_dev *eth_dev);
int vsr_promiscuous_disable(struct rte_eth_dev *eth_dev);
int vsr_allmulticast_enable(struct rte_eth_dev *eth_dev);
int vsr_allmulticast_disable(struct rte_eth_dev *eth_dev);
int vsr_mac_addr_set(struct rte_eth_dev *eth_dev, struct rte_ether_addr *addr);
int vsr_mac_addr_add(struct rte_eth_dev *eth_dev, struct rte_ether_addr *addr, uint32_t index,
		uint32_t pool);
void vsr_mac_addr_remove(struct rte_eth_dev *eth_dev, uint32_t index);
int vsr_set_mc_addr_list(struct rte_eth_dev *eth_dev, struct rte_ether_addr *list, uint32_t nb);
int vsr_vlan_filter_set(struct rte_eth_dev *eth_dev, uint16_t vlan_id, int on);
/** Tell a device that was just brought up what ethdev does not repeat. @return 0 or -errno. */
int vsr_filter_restore(struct rte_eth_dev *eth_dev);

/* ------------------------------------------------------------------ vsr_stats.c */

int vsr_stats_get VSR_STATS_GET_ARGS(eth_dev, stats, qstats);
int vsr_stats_reset(struct rte_eth_dev *eth_dev);
int vsr_xstats_get(struct rte_eth_dev *eth_dev, struct rte_eth_xstat *xstats, unsigned int n);
int vsr_xstats_get_names(struct rte_eth_dev *eth_dev, struct rte_eth_xstat_name *names,
		unsigned int n);

/* ------------------------------------------------------------------ vsr_intr.c */

/** Set interrupts up as configured, before queues are enabled. @return 0 or -errno (logged). */
int vsr_intr_start(struct rte_eth_dev *eth_dev);
/** Undo. */
void vsr_intr_stop(struct rte_eth_dev *eth_dev);
/** Vector of an RX queue. */
uint16_t vsr_intr_rxq_vector(const struct vsr_dev *dev, uint16_t queue_id);
int vsr_rx_queue_intr_enable(struct rte_eth_dev *eth_dev, uint16_t queue_id);
int vsr_rx_queue_intr_disable(struct rte_eth_dev *eth_dev, uint16_t queue_id);
int vsr_link_update(struct rte_eth_dev *eth_dev, int wait_to_complete);

#endif /* VSR_DEV_H */
