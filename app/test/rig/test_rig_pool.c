/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Several RX rings and one mempool that is too small for them: the rings of several queues, and
 * the extra rings of a port with more TX than RX queues. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/fixture/rig.h"

#define BURST 8
#define NB_DESC 64
#define MAX_RINGS 4

/* {split, packed} x mergeable x in order, for each row of the path tables. */
#define NB_LAYOUTS (8 * RIG_NB_ROWS)

static const struct {
	uint16_t rx, tx;
} numbers[] = { { 1, 2 }, { 1, 4 }, { 2, 4 }, { 2, 3 }, { 3, 3 }, { 4, 1 } };

static const unsigned int sizes[] = { 0, 1, 3, 4, 5, 8, 17, 31, 33, 63, NB_DESC, 80, 100, 127, 128,
	150, 2 * NB_DESC + 96, 4 * NB_DESC, NB_DESC + 300 };

static struct rig rig;
static uint16_t nb_rx, nb_tx, nb_rings;
static struct vsr_rxq *rings[MAX_RINGS]; /* By number of the queue pair. */
static uint32_t flow[MAX_RINGS]; /* Seed of packets that the device puts into this ring. */

static uint16_t
port(void)
{
	return rig.fns[0].port;
}

static unsigned int
posted(unsigned int ring)
{
	return rings[ring]->vq->size - rings[ring]->vq->nb_free;
}

static struct rte_mempool *
pool_of(unsigned int nb)
{
	static struct rte_mempool *empty;
	static struct rte_mbuf *only;
	char name[16];

	/* EAL makes no pool without mbufs. */
	if (nb == 0) {
		if (empty == NULL) {
			empty = rig_pool("share0", 1, 2048);
			VTEST_EQ(rte_mempool_get(empty, (void **)&only), 0);
		}
		return empty;
	}
	snprintf(name, sizeof(name), "share%u", nb);
	return rig_pool(name, nb, 2048);
}

static void
start(unsigned int l, unsigned int numbers_i, uint16_t nb_desc, struct rte_mempool *pool)
{
	static char args[128];
	const bool packed = l & 1, mrg = l & 2, in_order = l & 4;
	const struct rig_conf conf = { .args = args };
	const struct rte_eth_conf eth_conf = { .rxmode.mtu = 1500 };
	int len = snprintf(args, sizeof(args), "packed=%d,mrg_rxbuf=%d,in_order=%d,", packed, mrg,
			in_order);

	rig_rows(args + len, sizeof(args) - len, packed, mrg, l / 8);
	rig_open(&rig, &conf);
	nb_rx = numbers[numbers_i].rx;
	nb_tx = numbers[numbers_i].tx;
	nb_rings = RTE_MAX(nb_rx, nb_tx);
	VTEST_EQ(rte_eth_dev_configure(port(), nb_rx, nb_tx, &eth_conf), 0);
	for (uint16_t q = 0; q < nb_rx; q++)
		VTEST_EQ(rte_eth_rx_queue_setup(port(), q, nb_desc, 0, NULL, pool), 0);
	for (uint16_t q = 0; q < nb_tx; q++)
		VTEST_EQ(rte_eth_tx_queue_setup(port(), q, nb_desc, 0, NULL), 0);
	VTEST_EQ(rte_eth_dev_start(port()), 0);
	for (uint16_t q = 0; q < nb_rx; q++)
		for (struct vsr_rxq *rxq = rte_eth_devices[port()].data->rx_queues[q]; rxq != NULL;
				rxq = rxq->next)
			rings[rxq->queue_id] = rxq;
}

/* Poll all RX queues once. */
static uint16_t
poll(struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	uint16_t nb = 0;

	for (uint16_t q = 0; q < nb_rx; q++)
		nb += rte_eth_rx_burst(port(), q, &pkts[nb], nb_pkts - nb);
	return nb;
}

/* Send packets from a pool of their own. */
static void
flow_send(uint32_t seed, uint16_t nb)
{
	for (uint16_t i = 0; i < nb; i++) {
		struct rte_mbuf *pkt = rig_packet(rig.pool, 60, 0, seed, NULL);

		VTEST_EQ(rte_eth_tx_burst(port(), i % nb_tx, &pkt, 1), 1);
	}
	rig_step(&rig);
}

/* Find a flow for each ring. */
static void
flows_find(void)
{
	struct rte_mbuf *got[BURST];

	memset(flow, 0, sizeof(flow));
	for (uint32_t seed = 1; seed < 100; seed++) {
		uint64_t before[MAX_RINGS];

		for (uint16_t r = 0; r < nb_rings; r++)
			before[r] = rings[r]->stats.packets;
		flow_send(seed, 1);
		rte_pktmbuf_free_bulk(got, poll(got, BURST));
		for (uint16_t r = 0; r < nb_rings; r++)
			if (rings[r]->stats.packets != before[r])
				flow[r] = seed;
	}
	for (uint16_t r = 0; r < nb_rings; r++)
		VTEST(flow[r] != 0);
}

static void
start_shares_the_pool_equally(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++)
		for (unsigned int n = 0; n < RTE_DIM(numbers); n++)
			for (unsigned int s = 0; s < RTE_DIM(sizes); s++) {
				unsigned int least = NB_DESC, most = 0;

				rig_note("layout %u, %u RX, %u TX queues, pool of %u", l,
						numbers[n].rx, numbers[n].tx, sizes[s]);
				start(l, n, NB_DESC, pool_of(sizes[s]));
				for (uint16_t r = 0; r < nb_rings; r++) {
					least = RTE_MIN(least, posted(r));
					most = RTE_MAX(most, posted(r));
				}
				VTEST(most - least <= 1);
				VTEST(least != 0 || sizes[s] < nb_rings);
				/* A ring has enough for a burst if the pool has. */
				VTEST(least >= RTE_MIN(16u, sizes[s] / nb_rings));
				rig_close(&rig);
			}
}

/* The application, or another port, has most of the pool. */
static void
start_shares_what_the_pool_has_left(void)
{
	struct rte_mempool *pool = pool_of(NB_DESC + 300);
	struct rte_mbuf *taken[NB_DESC + 300];
	const unsigned int nb = RTE_DIM(taken) - 40;

	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		rig_note("layout %u", l);
		VTEST_EQ(rte_pktmbuf_alloc_bulk(pool, taken, nb), 0);
		start(l, 1, NB_DESC, pool);
		for (uint16_t r = 0; r < nb_rings; r++)
			VTEST_EQ(posted(r), 10);
		rte_pktmbuf_free_bulk(taken, nb);
		rig_close(&rig);
	}
}

/* How the application gives packets back. */
enum habit {
	AT_ONCE,
	BY_20, /* It collects 20 packets first. */
	ALL_AT_THE_END, /* It holds all packets. */
	NB_HABITS,
};

/* One ring after the other is hot; then the application holds nothing, and each flow arrives. */
static void
run(enum habit habit, unsigned int size)
{
	static struct rte_mbuf *held[2048];
	unsigned int nb_held = 0;

	flows_find();
	for (unsigned int round = 0; round < 40u * nb_rings; round++) {
		flow_send(flow[round / 10 % nb_rings], BURST);
		nb_held += poll(&held[nb_held], BURST);
		if (habit == AT_ONCE || (habit == BY_20 && nb_held >= 20)) {
			rte_pktmbuf_free_bulk(held, nb_held);
			nb_held = 0;
		}
		VTEST(nb_held <= size);
	}
	rte_pktmbuf_free_bulk(held, nb_held);
	for (unsigned int i = 0; i < 20u * nb_rings; i++)
		rte_pktmbuf_free_bulk(held, poll(held, BURST));
	for (uint16_t r = 0; r < nb_rings; r++) {
		VTEST(posted(r) != 0);
		flow_send(flow[r], 1);
		VTEST_EQ(poll(held, BURST), 1);
		VTEST(rig_packet_is(held[0], 60, flow[r]));
		rte_pktmbuf_free(held[0]);
	}
}

static void
no_ring_stays_empty_whatever_the_pool_has(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++)
		for (unsigned int n = 0; n < RTE_DIM(numbers); n++)
			for (unsigned int s = 0; s < RTE_DIM(sizes); s++) {
				const enum habit habit = (l / 8 + n + s) % NB_HABITS;

				if ((int)sizes[s] < RTE_MAX(numbers[n].rx, numbers[n].tx))
					continue;
				rig_note("layout %u, %u RX, %u TX queues, pool of %u, habit %d", l,
						numbers[n].rx, numbers[n].tx, sizes[s], habit);
				start(l, n, NB_DESC, pool_of(sizes[s]));
				run(habit, sizes[s]);
				rig_close(&rig);
				VTEST_EQ(rte_mempool_in_use_count(pool_of(sizes[s])), 0);
			}
}

/* The application has taken the packets of two rings, and gives one mbuf back from time to time. */
static void
an_mbuf_goes_to_the_extra_ring_that_lacks_most(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		struct rte_mbuf *held[80], *none[BURST];
		unsigned int nb_held = 0;

		rig_note("layout %u", l);
		start(l, 1, NB_DESC, pool_of(80));
		flows_find();
		/* The rest of the pool, and what two rings have. */
		while (rte_mempool_get(rings[0]->pool, (void **)&held[nb_held]) == 0)
			nb_held++;
		for (unsigned int r = 1; r < 3; r++)
			while (posted(r) != 0) {
				flow_send(flow[r], 1);
				nb_held += poll(&held[nb_held], BURST);
			}
		VTEST_EQ(posted(1) + posted(2), 0);
		for (unsigned int i = 1; i <= 16; i++) {
			rte_pktmbuf_free(held[--nb_held]);
			VTEST_EQ(poll(none, BURST), 0);
			VTEST_EQ(posted(1) + posted(2), i);
			VTEST(abs((int)posted(1) - (int)posted(2)) <= 1);
		}
		rte_pktmbuf_free_bulk(held, nb_held);
		rig_close(&rig);
	}
}

/* A TX queue keeps sent packets until its ring is nearly full. */
static void
forwarded_packets_go_on(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		struct rte_mbuf *pkts[32];
		uint16_t nb;

		rig_note("layout %u", l);
		start(l, 1, 256, pool_of(320));
		flow_send(1, BURST);
		for (unsigned int round = 0; round < 400; round++) {
			nb = poll(pkts, RTE_DIM(pkts));
			VTEST_EQ(nb, BURST);
			VTEST_EQ(rte_eth_tx_burst(port(), 0, pkts, nb), nb);
			rig_step(&rig);
		}
		rig_close(&rig);
	}
}

static const struct vtest_case cases[] = {
	{ "start_shares_the_pool_equally", start_shares_the_pool_equally },
	{ "start_shares_what_the_pool_has_left", start_shares_what_the_pool_has_left },
	{ "no_ring_stays_empty_whatever_the_pool_has", no_ring_stays_empty_whatever_the_pool_has },
	{ "an_mbuf_goes_to_the_extra_ring_that_lacks_most",
			an_mbuf_goes_to_the_extra_ring_that_lacks_most },
	{ "forwarded_packets_go_on", forwarded_packets_go_on },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
