/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Basic and extended statistics. */

#include <string.h>

#include "../base/vsr_queue.h"
#include "vsr_stats.h"

/* A counter of a queue: its offset in struct vsr_rxq or vsr_txq, or in struct vio_virtq. */
struct counter {
	const char *name;
	size_t offset;
	bool of_virtq;
};

#define RX(field) offsetof(struct vsr_rxq, stats.field)
#define TX(field) offsetof(struct vsr_txq, stats.field)
#define VQ(field) offsetof(struct vio_virtq, field)

static const struct counter rx_counters[] = {
	{ "packets", RX(packets), false },
	{ "bytes", RX(bytes), false },
	{ "doorbells", VQ(nb_doorbells), true },
	{ "doorbells_saved", VQ(nb_doorbells_saved), true },
	{ "bad_len", RX(bad_len), false },
	{ "bad_num_buffers", RX(bad_num_buffers), false },
	{ "bad_ring", VQ(nb_violations), true },
	{ "refills", RX(refills), false },
	{ "partial_refills", RX(partial_refills), false },
	{ "no_mbuf", RX(no_mbuf), false },
};

static const struct counter tx_counters[] = {
	{ "packets", TX(packets), false },
	{ "bytes", TX(bytes), false },
	{ "doorbells", VQ(nb_doorbells), true },
	{ "doorbells_saved", VQ(nb_doorbells_saved), true },
	{ "too_long", TX(too_long), false },
	{ "too_many_segs", TX(too_many_segs), false },
	{ "empty", TX(empty), false },
	{ "bad_ring", VQ(nb_violations), true },
	{ "full", TX(full), false },
};

static uint64_t *
counter_at(const struct counter *counter, void *queue, struct vio_virtq *vq)
{
	return RTE_PTR_ADD(counter->of_virtq ? (void *)vq : queue, counter->offset);
}

/* What a queue and the extra queues that it serves have counted. */
static struct vsr_rxq_stats
rxq_sum(const struct vsr_rxq *rxq)
{
	struct vsr_rxq_stats sum = { 0 };

	for (; rxq != NULL; rxq = rxq->next) {
		sum.packets += rxq->stats.packets;
		sum.bytes += rxq->stats.bytes;
		sum.bad_len += rxq->stats.bad_len;
		sum.bad_num_buffers += rxq->stats.bad_num_buffers;
		sum.no_mbuf += rxq->stats.no_mbuf;
	}
	return sum;
}

static uint64_t
rxq_violations(const struct vsr_rxq *rxq)
{
	uint64_t sum = 0;

	for (; rxq != NULL; rxq = rxq->next)
		sum += rxq->vq->nb_violations;
	return sum;
}

/* clang-format off */
int
vsr_stats_get VSR_STATS_GET_ARGS(eth_dev, stats, qstats)
/* clang-format on */
{
	for (uint16_t i = 0; i < eth_dev->data->nb_rx_queues; i++) {
		const struct vsr_rxq_stats sum = rxq_sum(eth_dev->data->rx_queues[i]);
		const uint64_t errors = sum.bad_len + sum.bad_num_buffers +
				rxq_violations(eth_dev->data->rx_queues[i]);

		stats->ipackets += sum.packets;
		stats->ibytes += sum.bytes;
		stats->ierrors += errors;
		stats->rx_nombuf += sum.no_mbuf;
		if (VSR_QSTATS(stats, qstats) == NULL || i >= RTE_ETHDEV_QUEUE_STAT_CNTRS)
			continue;
		VSR_QSTATS(stats, qstats)->q_ipackets[i] = sum.packets;
		VSR_QSTATS(stats, qstats)->q_ibytes[i] = sum.bytes;
		VSR_QSTATS(stats, qstats)->q_errors[i] = errors;
	}
	for (uint16_t i = 0; i < eth_dev->data->nb_tx_queues; i++) {
		const struct vsr_txq *txq = eth_dev->data->tx_queues[i];

		if (txq == NULL)
			continue;
		stats->opackets += txq->stats.packets;
		stats->obytes += txq->stats.bytes;
		stats->oerrors += txq->stats.too_long + txq->stats.too_many_segs +
				txq->stats.empty + txq->vq->nb_violations;
		if (VSR_QSTATS(stats, qstats) == NULL || i >= RTE_ETHDEV_QUEUE_STAT_CNTRS)
			continue;
		VSR_QSTATS(stats, qstats)->q_opackets[i] = txq->stats.packets;
		VSR_QSTATS(stats, qstats)->q_obytes[i] = txq->stats.bytes;
	}
	return 0;
}

/* Function for each counter of each queue; n is its number in the xstats. Called several times with
 * one number if the queue serves extra queues, for the counter of each. */
typedef void (*each_fn)(const struct counter *counter, const char *direction, uint16_t queue_id,
		uint64_t *value, unsigned int n, void *arg);

static unsigned int
each(struct rte_eth_dev *eth_dev, each_fn fn, void *arg)
{
	unsigned int n = 0;

	for (uint16_t q = 0; q < eth_dev->data->nb_rx_queues; q++) {
		struct vsr_rxq *rxq = eth_dev->data->rx_queues[q];

		for (unsigned int i = 0; rxq != NULL && i < RTE_DIM(rx_counters); i++, n++)
			for (struct vsr_rxq *at = rxq; at != NULL; at = at->next)
				fn(&rx_counters[i], "rx", q,
						counter_at(&rx_counters[i], at, at->vq), n, arg);
	}
	for (uint16_t q = 0; q < eth_dev->data->nb_tx_queues; q++) {
		struct vsr_txq *txq = eth_dev->data->tx_queues[q];

		for (unsigned int i = 0; txq != NULL && i < RTE_DIM(tx_counters); i++, n++)
			fn(&tx_counters[i], "tx", q, counter_at(&tx_counters[i], txq, txq->vq), n,
					arg);
	}
	return n;
}

static void
clear(const struct counter *counter, const char *direction, uint16_t queue_id, uint64_t *value,
		unsigned int n, void *arg)
{
	*value = 0;
}

int
vsr_stats_reset(struct rte_eth_dev *eth_dev)
{
	each(eth_dev, clear, NULL);
	return 0;
}

struct sink {
	struct rte_eth_xstat *xstats;
	struct rte_eth_xstat_name *names;
	unsigned int nb;
};

static void
put(const struct counter *counter, const char *direction, uint16_t queue_id, uint64_t *value,
		unsigned int n, void *arg)
{
	struct sink *sink = arg;

	if (n >= sink->nb)
		return;
	if (sink->xstats != NULL) {
		sink->xstats[n].id = n;
		sink->xstats[n].value += *value;
	}
	if (sink->names != NULL)
		snprintf(sink->names[n].name, sizeof(sink->names[n].name), "%s_q%u_%s", direction,
				queue_id, counter->name);
}

int
vsr_xstats_get(struct rte_eth_dev *eth_dev, struct rte_eth_xstat *xstats, unsigned int n)
{
	struct sink sink = { .xstats = xstats, .nb = n };

	if (xstats != NULL)
		memset(xstats, 0, n * sizeof(*xstats));
	return (int)each(eth_dev, put, &sink);
}

int
vsr_xstats_get_names(struct rte_eth_dev *eth_dev, struct rte_eth_xstat_name *names, unsigned int n)
{
	struct sink sink = { .names = names, .nb = names == NULL ? 0 : n };

	return (int)each(eth_dev, put, &sink);
}
