/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* RX and TX queues: setup, release and information. */

#include <errno.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "vsr_queue.h"

#define VSR_RX_FREE_THRESH 32
#define VSR_RX_LATE_THRESH 128
#define VSR_TX_FREE_THRESH 32
#define VSR_SHARE_MIN 16u /* Buffers of a ring that shares a pool, if the pool has so many. */

static void
queue_broken(struct vio_virtq *vq, void *arg, const char *err)
{
	const struct vsr_dev *dev = arg;

	VSR_LOG(ERR, dev, "virtqueue %u is out of use until the port is restarted: %s", vq->index,
			err);
}

void
vsr_memory_name(const struct vsr_dev *dev, const char *what, char name[RTE_MEMZONE_NAMESIZE])
{
	static uint32_t nb_names;

	snprintf(name, RTE_MEMZONE_NAMESIZE, "vsr%u_p%u_%s",
			__atomic_fetch_add(&nb_names, 1, __ATOMIC_RELAXED), dev->port_id, what);
}

static struct vio_virtq *
virtq_create(struct vsr_dev *dev, uint16_t index, uint16_t nb_desc, int socket, bool lists)
{
	char name[RTE_MEMZONE_NAMESIZE], what[8];
	const struct vio_virtq_conf conf = {
		.name = name,
		.index = index,
		.size = nb_desc,
		.socket = socket,
		.lists = lists,
		.on_broken = queue_broken,
		.on_broken_arg = dev,
	};

	snprintf(what, sizeof(what), "vq%u", index);
	vsr_memory_name(dev, what, name);
	return vio_virtq_create(&dev->vio, &conf);
}

struct vio_virtq *
vsr_spare_create(struct vsr_dev *dev, uint16_t index)
{
	return virtq_create(dev, index, VSR_DESC_MIN, dev->socket, false);
}

/* The size of a split ring is a power of two (virtio 1.4 2.7). An application may ask for more than
 * the device has: some have a fixed default, and do not start if it is refused. */
static uint16_t
ring_size(const struct vsr_dev *dev, const char *queue, uint16_t nb_desc, uint16_t most)
{
	if (nb_desc > most) {
		VSR_LOG(NOTICE, dev, "%s: %u descriptors, the most the device has, instead of %u",
				queue, most, nb_desc);
		return most;
	}
	return vsr_has(dev, VIRTIO_F_RING_PACKED) ? nb_desc : rte_align32pow2(nb_desc);
}

/* The threshold that the application asked for, unless it would leave most of the ring unused. */
static uint16_t
free_thresh(uint16_t asked, uint16_t usual, uint16_t nb_desc)
{
	if (asked != 0 && asked <= nb_desc / 2)
		return asked;
	return RTE_MIN(usual, RTE_MAX(nb_desc / 4, 1));
}

uint16_t
vsr_rxq_packet_bufs(const struct vsr_rxq *rxq, uint16_t mtu)
{
	const uint32_t len = rxq->hdr_len + mtu + RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN;

	return rxq->mergeable ? (uint16_t)((len + rxq->buf_len - 1) / rxq->buf_len) : 1;
}

/* An RX burst leaves so many buffers announced, or all; see rx_doorbell(). */
static uint16_t
announced_min(const struct vsr_rxq *rxq, uint16_t nb_bufs)
{
	const uint32_t least = RTE_MAX(nb_bufs * 3 / 8u,
			vsr_rxq_packet_bufs(rxq, rxq->dev->max_mtu));

	return (uint16_t)RTE_MIN(nb_bufs, least + RTE_MIN(VSR_AHEAD, nb_bufs / 8));
}

/* Let the ring hold this number of buffers at most, and treat it like a ring of this size. */
static void
rxq_limit(struct vsr_rxq *rxq, uint16_t nb_bufs)
{
	const uint16_t asked = rxq->conf.rx_free_thresh;
	const uint16_t late = free_thresh(asked, VSR_RX_LATE_THRESH, nb_bufs);

	rxq->reserve = rxq->vq->size - nb_bufs;
	rxq->free_thresh = free_thresh(asked, VSR_RX_FREE_THRESH, nb_bufs);
	rxq->late_thresh = late + RTE_MIN(VSR_AHEAD, (nb_bufs - late) / 4);
	rxq->unannounced_max = rxq->vq->size - announced_min(rxq, nb_bufs);
}

/* Mbufs of a pool that may be out of reach of the RX queues for long: TX queues keep sent packets,
 * and each lcore has a cache. */
static uint32_t
kept_elsewhere(const struct rte_eth_dev *eth_dev, const struct rte_mempool *pool)
{
	uint32_t nb = rte_lcore_count() * pool->cache_size * 3 / 2;

	for (uint16_t i = 0; i < eth_dev->data->nb_tx_queues; i++) {
		const struct vsr_txq *txq = eth_dev->data->tx_queues[i];

		nb += txq->vq->size - txq->free_thresh;
	}
	return nb;
}

/*
 * Buffers that a ring may hold. A ring gives no buffer back before the device has filled it. So if
 * the pool is too small, all shares together must not be more than the pool has: else a ring
 * without packets could keep what another needs. What TX queues may keep counts too, or an
 * application that forwards packets would run out of buffers. An application without extra queues
 * that has enough mbufs for its RX rings has thought of that itself.
 */
static uint16_t
rxq_share(const struct rte_eth_dev *eth_dev, const struct vsr_rxq *rxq)
{
	const uint32_t pool = rxq->pool->populated_size, kept = kept_elsewhere(eth_dev, rxq->pool);
	const bool extras = eth_dev->data->nb_tx_queues > eth_dev->data->nb_rx_queues;
	uint32_t nb_rings = 0, room = 0, share, least;

	for (uint16_t i = 0; i < eth_dev->data->nb_rx_queues; i++)
		for (const struct vsr_rxq *at = eth_dev->data->rx_queues[i]; at != NULL;
				at = at->next)
			if (at->pool == rxq->pool) {
				nb_rings++;
				room += at->vq->size;
			}
	if (nb_rings <= 1 || room + (extras ? kept : 0) <= pool)
		return rxq->vq->size;
	share = pool > kept ? (pool - kept) / nb_rings : 0;
	least = RTE_MAX(VSR_SHARE_MIN, vsr_rxq_packet_bufs(rxq, rxq->dev->max_mtu));
	share = RTE_MAX(share, RTE_MIN(pool / nb_rings, least));
	return (uint16_t)RTE_MIN(RTE_MAX(share, 1u), rxq->vq->size);
}

void
vsr_rxqs_share(struct rte_eth_dev *eth_dev)
{
	for (uint16_t i = 0; i < eth_dev->data->nb_rx_queues; i++)
		for (struct vsr_rxq *rxq = eth_dev->data->rx_queues[i]; rxq != NULL;
				rxq = rxq->next)
			rxq_limit(rxq, rxq_share(eth_dev, rxq));
}

bool
vsr_rxq_fits(const struct vsr_rxq *rxq, uint16_t mtu, bool scatter)
{
	const uint32_t frame = (uint32_t)mtu + VSR_FRAME_OVERHEAD;

	if (scatter && vsr_has(rxq->dev, VIRTIO_NET_F_MRG_RXBUF))
		return true;
	return rxq->buf_len >= rxq->hdr_len + frame;
}

static struct vsr_shape
shape_of(const struct vsr_dev *dev)
{
	return (struct vsr_shape){
		.packed = vsr_has(dev, VIRTIO_F_RING_PACKED),
		.mergeable = vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF),
		.indirect = vsr_has(dev, VIRTIO_F_INDIRECT_DESC),
		.max_mtu = dev->max_mtu,
	};
}

static bool
shape_is(const struct vsr_dev *dev, const struct vsr_shape *shape)
{
	const struct vsr_shape now = shape_of(dev);

	return now.packed == shape->packed && now.mergeable == shape->mergeable &&
			now.indirect == shape->indirect && now.max_mtu == shape->max_mtu;
}

static void
kept_free(struct vsr_kept *kept)
{
	struct rte_mbuf *m;

	while (kept->vq != NULL && (m = vio_virtq_drain(kept->vq)) != NULL)
		rte_pktmbuf_free(m);
	rte_memzone_free(kept->aux_mz);
	vio_virtq_free(kept->vq);
	rte_free(kept->queue);
}

void
vsr_kept_free(struct vsr_dev *dev)
{
	struct vsr_kept *kept;

	while ((kept = dev->kept) != NULL) {
		dev->kept = kept->next;
		kept_free(kept);
	}
}

/* Free a queue, or keep the queue if the device may still access its memory and its packets. */
static void
queue_free(struct vsr_dev *dev, struct vsr_kept *kept)
{
	if (!dev->vio.resetting) {
		kept_free(kept);
		return;
	}
	kept->next = dev->kept;
	dev->kept = kept;
}

static void
rxq_free(struct vsr_rxq *rxq)
{
	if (rxq == NULL)
		return;
	rte_pktmbuf_free(rxq->head); /* received in part: not the device's any more */
	rxq->kept = (struct vsr_kept){ .queue = rxq, .vq = rxq->vq };
	queue_free(rxq->dev, &rxq->kept);
}

/* Result of the walk over all mbufs of a pool by place_check(). */
struct place {
	uint64_t offset; /**< From mbuf to the bus address of its buffer. */
	uint64_t virt; /**< From mbuf to the virtual address of its buffer. */
	bool seen; /**< The pool has an mbuf. */
	bool linear; /**< All mbufs have these two offsets. */
};

static void
place_check(struct rte_mempool *pool, void *arg, void *obj, unsigned int i)
{
	const struct rte_mbuf *m = obj;
	const uint64_t offset = rte_mbuf_iova_get(m) - (uintptr_t)m;
	const uint64_t virt = (uintptr_t)m->buf_addr - (uintptr_t)m;
	struct place *place = arg;

	if (!place->seen) {
		place->offset = offset;
		place->virt = virt;
	}
	place->seen = true;
	place->linear = place->linear && place->offset == offset && place->virt == virt;
}

/* Compute what is the same for all buffers of the queue, so that a burst need not. */
static void
rxq_constants(struct vsr_rxq *rxq)
{
	const struct rte_mbuf m = {
		.data_off = RTE_PKTMBUF_HEADROOM,
		.refcnt = 1,
		.nb_segs = 1,
		.port = rxq->port_id,
	};
	struct place place = { .linear = true };

	memcpy(&rxq->rearm[0], &m.rearm_data, sizeof(rxq->rearm[0]));
	rxq->rearm[1] = 0;
	rte_mempool_obj_iter(rxq->pool, place_check, &place);
	rxq->linear = place.seen && place.linear;
	rxq->buf_offset = place.offset + RTE_PKTMBUF_HEADROOM - rxq->hdr_len;
	rxq->hdr_offset = place.virt + RTE_PKTMBUF_HEADROOM - rxq->hdr_len;
	if ((rte_pktmbuf_priv_flags(rxq->pool) & RTE_PKTMBUF_POOL_F_PINNED_EXT_BUF) != 0)
		rxq->rearm[1] = RTE_MBUF_F_EXTERNAL;
}

static int
rxq_create(struct rte_eth_dev *eth_dev, uint16_t queue_id, uint16_t nb_desc, unsigned int socket_id,
		const struct rte_eth_rxconf *conf, struct rte_mempool *pool, struct vsr_rxq **out)
{
	const uint64_t offloads = eth_dev->data->dev_conf.rxmode.offloads | conf->offloads;
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	struct vsr_rxq *rxq;
	uint16_t room;

	if (pool == NULL) {
		VSR_LOG(ERR, dev, "RX queue %u needs a mempool of its own", queue_id);
		return -EINVAL;
	}
	if (conf->rx_deferred_start) {
		VSR_LOG(ERR, dev, "RX queue %u: deferred start is not supported", queue_id);
		return -EINVAL;
	}
	nb_desc = ring_size(dev, "RX ring", nb_desc, dev->rx_desc_max);
	room = rte_pktmbuf_data_room_size(pool);
	if (room < RTE_PKTMBUF_HEADROOM + RTE_ETHER_MIN_LEN ||
			dev->hdr_len > RTE_PKTMBUF_HEADROOM) {
		VSR_LOG(ERR, dev, "RX queue %u: buffers of %u bytes are too small", queue_id, room);
		return -EINVAL;
	}
	rxq = rte_zmalloc_socket("vsr_rxq", sizeof(*rxq), RTE_CACHE_LINE_SIZE, (int)socket_id);
	if (rxq == NULL)
		return -ENOMEM;
	rxq->dev = dev;
	rxq->pool = pool;
	rxq->hdr_len = dev->hdr_len;
	rxq->buf_len = room - RTE_PKTMBUF_HEADROOM + dev->hdr_len;
	rxq->port_id = eth_dev->data->port_id;
	rxq->queue_id = queue_id;
	rxq->mergeable = vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF);
	rxq->rings_doorbells = dev->args.tx_db_delay_us != 0;
	rxq->conf = *conf;
	rxq->shape = shape_of(dev);
	rxq_constants(rxq);
	if (!vsr_rxq_fits(rxq, eth_dev->data->mtu, offloads & RTE_ETH_RX_OFFLOAD_SCATTER)) {
		VSR_LOG(ERR, dev, "RX queue %u: an MTU of %u does not fit buffers of %u bytes%s",
				queue_id, eth_dev->data->mtu, room,
				vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF) ?
						" without the scatter offload" :
						"");
		rte_free(rxq);
		return -EINVAL;
	}
	rxq->vq = virtq_create(dev, 2 * queue_id, nb_desc, (int)socket_id, false);
	if (rxq->vq == NULL) {
		VSR_LOG(ERR, dev, "RX queue %u: no memory for %u descriptors", queue_id, nb_desc);
		rte_free(rxq);
		return -rte_errno;
	}
	rxq_limit(rxq, nb_desc);
	rxq->turn = rxq;
	*out = rxq;
	return 0;
}

int
vsr_rx_queue_setup(struct rte_eth_dev *eth_dev, uint16_t queue_id, uint16_t nb_desc,
		unsigned int socket_id, const struct rte_eth_rxconf *conf, struct rte_mempool *pool)
{
	struct vsr_rxq *rxq;
	int ret;

	ret = rxq_create(eth_dev, queue_id, nb_desc, socket_id, conf, pool, &rxq);
	if (ret == 0)
		eth_dev->data->rx_queues[queue_id] = rxq;
	return ret;
}

/* All counters are 64-bit words. */
static void
rxq_stats_add(struct vsr_rxq *to, const struct vsr_rxq *from)
{
	const uint64_t *more = (const uint64_t *)&from->stats;
	uint64_t *sum = (uint64_t *)&to->stats;

	RTE_BUILD_BUG_ON(sizeof(to->stats) % sizeof(*sum) != 0);
	for (size_t i = 0; i < sizeof(to->stats) / sizeof(*sum); i++)
		sum[i] += more[i];
	to->vq->nb_doorbells += from->vq->nb_doorbells;
	to->vq->nb_doorbells_saved += from->vq->nb_doorbells_saved;
	to->vq->nb_violations += from->vq->nb_violations;
}

static void
extras_free(struct vsr_rxq *own)
{
	struct vsr_rxq *extra;

	if (own == NULL)
		return;
	while ((extra = own->next) != NULL) {
		own->next = extra->next;
		rxq_stats_add(own, extra);
		rxq_free(extra);
	}
	own->turn = own;
}

/* Free the extra queues that the port does not need any more, or not as they are. */
static void
extras_prune(struct rte_eth_dev *eth_dev, struct vsr_rxq *own)
{
	const uint16_t nb_rx = eth_dev->data->nb_rx_queues, nb_tx = eth_dev->data->nb_tx_queues;

	for (const struct vsr_rxq *extra = own->next; extra != NULL; extra = extra->next)
		if (extra->queue_id < nb_rx || extra->queue_id >= nb_tx ||
				extra->queue_id % nb_rx != own->queue_id ||
				!shape_is(extra->dev, &extra->shape)) {
			extras_free(own);
			return;
		}
}

static bool
extra_exists(const struct vsr_rxq *own, uint16_t queue_id)
{
	const struct vsr_rxq *extra = own->next;

	while (extra != NULL && extra->queue_id != queue_id)
		extra = extra->next;
	return extra != NULL;
}

int
vsr_extra_rxqs_create(struct rte_eth_dev *eth_dev)
{
	const uint16_t nb_rx = eth_dev->data->nb_rx_queues;
	int ret = 0;

	for (uint16_t i = 0; i < nb_rx; i++)
		extras_prune(eth_dev, eth_dev->data->rx_queues[i]);
	for (uint16_t i = nb_rx; ret == 0 && nb_rx != 0 && i < eth_dev->data->nb_tx_queues; i++) {
		struct vsr_rxq *own = eth_dev->data->rx_queues[i % nb_rx], *extra;

		if (extra_exists(own, i))
			continue;
		ret = rxq_create(eth_dev, i, own->vq->size, (unsigned int)own->vq->mz->socket_id,
				&own->conf, own->pool, &extra);
		if (ret != 0)
			break;
		extra->next = own->next;
		/* Another thread may be reading counters. */
		__atomic_store_n(&own->next, extra, __ATOMIC_RELEASE);
	}
	return ret;
}

static void
txq_free(struct vsr_txq *txq)
{
	if (txq == NULL)
		return;
	txq->kept = (struct vsr_kept){ .queue = txq, .vq = txq->vq, .aux_mz = txq->aux_mz };
	queue_free(txq->dev, &txq->kept);
}

static int
txq_memory(struct vsr_txq *txq, uint16_t nb_desc, int socket)
{
	char name[RTE_MEMZONE_NAMESIZE], what[12];

	txq->vq = virtq_create(txq->dev, 2 * txq->queue_id + 1, nb_desc, socket, true);
	if (txq->vq == NULL)
		return -rte_errno;
	txq->indirect = vsr_has(txq->dev, VIRTIO_F_INDIRECT_DESC);
	txq->aux_len = txq->indirect ? VSR_TX_AUX_LEN : VSR_TX_AUX_TABLE;
	snprintf(what, sizeof(what), "tx%u_aux", txq->queue_id);
	vsr_memory_name(txq->dev, what, name);
	txq->aux_mz = rte_memzone_reserve_aligned(name, (size_t)txq->aux_len * nb_desc, socket,
			RTE_MEMZONE_IOVA_CONTIG, RTE_CACHE_LINE_SIZE);
	if (txq->aux_mz == NULL)
		return -ENOMEM;
	txq->aux = txq->aux_mz->addr;
	txq->aux_iova = txq->aux_mz->iova;
	return 0;
}

int
vsr_tx_queue_setup(struct rte_eth_dev *eth_dev, uint16_t queue_id, uint16_t nb_desc,
		unsigned int socket_id, const struct rte_eth_txconf *conf)
{
	const uint64_t offloads = eth_dev->data->dev_conf.txmode.offloads | conf->offloads;
	struct vsr_dev *dev = vsr_dev_of(eth_dev);
	struct vsr_txq *txq;
	int ret;

	if (conf->tx_deferred_start) {
		VSR_LOG(ERR, dev, "TX queue %u: deferred start is not supported", queue_id);
		return -EINVAL;
	}
	nb_desc = ring_size(dev, "TX ring", nb_desc, dev->tx_desc_max);
	txq = rte_zmalloc_socket("vsr_txq", sizeof(*txq), RTE_CACHE_LINE_SIZE, (int)socket_id);
	if (txq == NULL)
		return -ENOMEM;
	txq->dev = dev;
	txq->queue_id = queue_id;
	txq->hdr_len = dev->hdr_len;
	txq->conf = *conf;
	txq->shape = shape_of(dev);
	txq->free_thresh = free_thresh(conf->tx_free_thresh, VSR_TX_FREE_THRESH, nb_desc);
	txq->doorbell_delay = dev->args.tx_db_delay_us * (rte_get_tsc_hz() / US_PER_S);
	txq->fast_free = (offloads & RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE) != 0;
	txq->max_len = UINT16_MAX;
	if (vsr_has(dev, VIRTIO_NET_F_MTU))
		txq->max_len = dev->max_mtu + VSR_FRAME_OVERHEAD;
	ret = txq_memory(txq, nb_desc, (int)socket_id);
	if (ret != 0) {
		VSR_LOG(ERR, dev, "TX queue %u: no memory for %u descriptors", queue_id, nb_desc);
		txq_free(txq);
		return ret;
	}
	eth_dev->data->tx_queues[queue_id] = txq;
	return 0;
}

static void
counters_move(struct vio_virtq *to, const struct vio_virtq *from)
{
	to->nb_doorbells = from->nb_doorbells;
	to->nb_doorbells_saved = from->nb_doorbells_saved;
	to->nb_violations = from->nb_violations;
}

static int
rxq_reshape(struct rte_eth_dev *eth_dev, uint16_t i)
{
	struct vsr_rxq *old = eth_dev->data->rx_queues[i], *rxq;
	int ret;

	if (old == NULL ||
			(shape_is(old->dev, &old->shape) && old->vq->size <= old->dev->rx_desc_max))
		return 0;
	extras_free(old);
	ret = vsr_rx_queue_setup(eth_dev, i, old->vq->size, (unsigned int)old->vq->mz->socket_id,
			&old->conf, old->pool);
	if (ret != 0)
		return ret;
	rxq = eth_dev->data->rx_queues[i];
	rxq->stats = old->stats;
	counters_move(rxq->vq, old->vq);
	rxq_free(old);
	return 0;
}

static int
txq_reshape(struct rte_eth_dev *eth_dev, uint16_t i)
{
	struct vsr_txq *old = eth_dev->data->tx_queues[i], *txq;
	int ret;

	if (old == NULL ||
			(shape_is(old->dev, &old->shape) && old->vq->size <= old->dev->tx_desc_max))
		return 0;
	ret = vsr_tx_queue_setup(eth_dev, i, old->vq->size, (unsigned int)old->vq->mz->socket_id,
			&old->conf);
	if (ret != 0)
		return ret;
	txq = eth_dev->data->tx_queues[i];
	txq->stats = old->stats;
	counters_move(txq->vq, old->vq);
	txq_free(old);
	return 0;
}

int
vsr_queues_reshape(struct rte_eth_dev *eth_dev)
{
	int ret = 0;

	for (uint16_t i = 0; ret == 0 && i < eth_dev->data->nb_rx_queues; i++)
		ret = rxq_reshape(eth_dev, i);
	for (uint16_t i = 0; ret == 0 && i < eth_dev->data->nb_tx_queues; i++)
		ret = txq_reshape(eth_dev, i);
	return ret;
}

void
vsr_rx_queue_release(struct rte_eth_dev *eth_dev, uint16_t queue_id)
{
	extras_free(eth_dev->data->rx_queues[queue_id]);
	rxq_free(eth_dev->data->rx_queues[queue_id]);
	eth_dev->data->rx_queues[queue_id] = NULL;
}

void
vsr_tx_queue_release(struct rte_eth_dev *eth_dev, uint16_t queue_id)
{
	txq_free(eth_dev->data->tx_queues[queue_id]);
	eth_dev->data->tx_queues[queue_id] = NULL;
}

void
vsr_rxq_drain(struct vsr_rxq *rxq)
{
	struct rte_mbuf *m;

	for (rxq->turn = rxq; rxq != NULL; rxq = rxq->next) {
		rte_pktmbuf_free(rxq->head);
		rxq->head = rxq->tail = NULL;
		rxq->left = 0;
		while ((m = vio_virtq_drain(rxq->vq)) != NULL)
			rte_pktmbuf_free(m);
	}
}

void
vsr_txq_drain(struct vsr_txq *txq)
{
	struct rte_mbuf *m;

	while (txq->vq != NULL && (m = vio_virtq_drain(txq->vq)) != NULL)
		rte_pktmbuf_free(m);
}

void
vsr_rxq_info_get(struct rte_eth_dev *eth_dev, uint16_t queue_id, struct rte_eth_rxq_info *info)
{
	const struct vsr_rxq *rxq = eth_dev->data->rx_queues[queue_id];

	info->mp = rxq->pool;
	info->conf = rxq->conf;
	info->scattered_rx = eth_dev->data->scattered_rx;
	info->nb_desc = rxq->vq->size;
	info->rx_buf_size = (uint16_t)(rxq->buf_len - rxq->hdr_len);
}

void
vsr_txq_info_get(struct rte_eth_dev *eth_dev, uint16_t queue_id, struct rte_eth_txq_info *info)
{
	const struct vsr_txq *txq = eth_dev->data->tx_queues[queue_id];

	info->conf = txq->conf;
	info->nb_desc = txq->vq->size;
}
