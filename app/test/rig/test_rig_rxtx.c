/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Packets through each row of the path tables, over each variant of rings: every packet that was
 * sent is received once, complete and in order.
 */

#include <string.h>

#include <rte_malloc.h>

#include "test/fixture/rig.h"

#define BURST 32

/* Static, since a case that fails does not return. */
static struct rig rig;

/* Send a burst, run the device, receive; the packets must be the ones that were sent. */
static void
round_trip(struct rte_mbuf **pkts, const uint32_t *lens, uint16_t nb, uint32_t seed)
{
	const uint16_t port = rig.fns[0].port;
	struct rte_mbuf *got[BURST];
	uint16_t nb_got = 0;

	VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, nb), nb);
	rig_step(&rig);
	nb_got = rte_eth_rx_burst(port, 0, got, RTE_DIM(got));
	VTEST_EQ(nb_got, nb);
	for (uint16_t i = 0; i < nb; i++) {
		VTEST(rig_packet_is(got[i], lens[i], seed + i));
		VTEST_EQ(got[i]->port, port);
		rte_pktmbuf_free(got[i]);
	}
	/* The device must see the refilled buffers before the next burst. */
	rig_step(&rig);
	VTEST_EQ(rte_eth_rx_burst(port, 0, got, RTE_DIM(got)), 0);
}

static void
rows_note(bool *rx_seen, bool *tx_seen)
{
	const struct vsr_dev *dev = rte_eth_devices[rig.fns[0].port].data->dev_private;
	struct rte_eth_burst_mode mode;

	rx_seen[dev->rx_path - vsr_rx_paths] = true;
	tx_seen[dev->tx_path - vsr_tx_paths] = true;
	VTEST_EQ(rte_eth_rx_burst_mode_get(rig.fns[0].port, 0, &mode), 0);
	VTEST(strcmp(mode.info, dev->rx_path->name) == 0);
}

static void
every_size_and_shape_comes_back(void)
{
	static const uint32_t sizes[] = { 60, 61, 64, 65, 127, 128, 129, 1000, 1514, 2030 };
	static const uint16_t shapes[] = { 0, 1000, 333, 64 };
	static bool rx_seen[16], tx_seen[16];
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		rig_start(&rig);
		rows_note(rx_seen, tx_seen);
		for (unsigned int shape = 0; shape < RTE_DIM(shapes); shape++) {
			struct rte_mbuf *pkts[RTE_DIM(sizes)];

			for (unsigned int s = 0; s < RTE_DIM(sizes); s++)
				pkts[s] = rig_packet(rig.pool, sizes[s], shapes[shape], 100 + s,
						NULL);
			round_trip(pkts, sizes, RTE_DIM(sizes), 100);
		}
		rig_close(&rig);
	}
	for (const struct vsr_rx_path *p = vsr_rx_paths; p->name != NULL; p++)
		VTEST(rx_seen[p - vsr_rx_paths] || !vsr_simd_fits(p->simd));
	for (const struct vsr_tx_path *p = vsr_tx_paths; p->name != NULL; p++)
		VTEST(tx_seen[p - vsr_tx_paths] || !vsr_simd_fits(p->simd));
}

static void
jumbo_frames_come_back_in_one_buffer_or_many(void)
{
	static const uint32_t sizes[] = { 2031, 2048, 4059, 4060, 4061, 9000, 9014 };
	struct rte_mempool *big = rig_pool("big", 512, 9216);
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		struct rte_mbuf *pkts[RTE_DIM(sizes)];
		bool mergeable;

		rig_variant(&v, i);
		mergeable = strstr(v.name, "mergeable") != NULL;
		rig_open(&rig, &v.conf);
		VTEST_EQ(rig_configure(&rig, 0, 1, 128, mergeable ? RTE_ETH_RX_OFFLOAD_SCATTER : 0,
					 mergeable ? rig.pool : big),
				0);
		VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
		for (unsigned int s = 0; s < RTE_DIM(sizes); s++)
			pkts[s] = rig_packet(big, sizes[s], s % 2 == 0 ? 0 : 700, 7 + s, NULL);
		round_trip(pkts, sizes, RTE_DIM(sizes), 7);
		rig_close(&rig);
		VTEST_EQ(rte_mempool_in_use_count(big), 0);
	}
}

/* The driver may not write to these buffers, so the header goes into another buffer. */
static void
shared_and_tight_buffers_are_not_written_to(void)
{
	const uint32_t lens[] = { 500, 500, 500 };
	struct rte_mbuf *pkts[3], *owner;
	struct rig_variant v;
	char before[RTE_PKTMBUF_HEADROOM];

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		rig_start(&rig);
		/* no headroom: the data starts at the start of the buffer */
		pkts[0] = rte_pktmbuf_alloc(rig.pool);
		VTEST(pkts[0] != NULL);
		rte_pktmbuf_free(pkts[0]);
		pkts[0] = rig_packet(rig.pool, 500, 0, 50, NULL);
		memmove(pkts[0]->buf_addr, rte_pktmbuf_mtod(pkts[0], void *), 500);
		pkts[0]->data_off = 0;
		/* an indirect mbuf, and its owner with a second reference */
		owner = rig_packet(rig.pool, 500, 0, 51, NULL);
		pkts[1] = rte_pktmbuf_clone(owner, rig.pool);
		VTEST(pkts[1] != NULL);
		memset(owner->buf_addr, 0x5a, RTE_PKTMBUF_HEADROOM);
		memcpy(before, owner->buf_addr, sizeof(before));
		pkts[2] = rig_packet(rig.pool, 500, 0, 52, NULL);
		rte_mbuf_refcnt_update(pkts[2], 1);
		memset(pkts[2]->buf_addr, 0xa5, RTE_PKTMBUF_HEADROOM);
		round_trip(pkts, lens, 3, 50);
		VTEST(memcmp(before, owner->buf_addr, sizeof(before)) == 0);
		for (unsigned int b = 0; b < RTE_PKTMBUF_HEADROOM; b++)
			VTEST_EQ(((uint8_t *)pkts[2]->buf_addr)[b], 0xa5);
		VTEST(rte_eth_tx_done_cleanup(rig.fns[0].port, 0, 0) >= 0);
		VTEST_EQ(rte_mbuf_refcnt_read(pkts[2]), 1);
		rte_pktmbuf_free(pkts[2]);
		rte_pktmbuf_free(owner);
		rig_close(&rig);
	}
}

/* A pool whose buffers are in external memory of the application. */
static struct rte_mempool *
pool_outside(void)
{
	enum { NB = 512, LEN = 2048 + RTE_PKTMBUF_HEADROOM };
	struct rte_mempool *pool = rte_mempool_lookup("outside");
	struct rte_pktmbuf_extmem memory = { .elt_size = LEN };
	const struct rte_memzone *mz;

	if (pool != NULL)
		return pool;
	mz = rte_memzone_reserve("outside", NB * LEN, 0, RTE_MEMZONE_IOVA_CONTIG);
	VTEST(mz != NULL);
	memory.buf_ptr = mz->addr;
	memory.buf_iova = mz->iova;
	memory.buf_len = mz->len;
	pool = rte_pktmbuf_pool_create_extbuf("outside", NB, 0, 0, LEN, 0, &memory, 1);
	VTEST(pool != NULL);
	return pool;
}

static void
buffers_outside_of_the_pool_work(void)
{
	struct rte_mempool *pool = pool_outside();
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		VTEST_EQ(rig_configure(&rig, 0, 1, 64, 0, pool), 0);
		VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
		for (unsigned int round = 0; round < 10; round++) {
			struct rte_mbuf *pkts[16], *got[16];

			for (uint16_t p = 0; p < RTE_DIM(pkts); p++)
				pkts[p] = rig_packet(pool, 100 + p, 0, round + p, NULL);
			VTEST_EQ(rte_eth_tx_burst(rig.fns[0].port, 0, pkts, 16), 16);
			rig_step(&rig);
			VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, 16), 16);
			for (uint16_t p = 0; p < RTE_DIM(got); p++) {
				VTEST(rig_packet_is(got[p], 100 + p, round + p));
				VTEST_EQ(got[p]->ol_flags, RTE_MBUF_F_EXTERNAL);
			}
			rte_pktmbuf_free_bulk(got, 16);
		}
		rig_close(&rig);
		VTEST_EQ(rte_mempool_in_use_count(pool), 0);
	}
}

/* With MBUF_FAST_FREE, and a packet of several segments among the others. */
static void
freed_fast_and_yet_wholly(void)
{
	const struct rte_eth_txconf tx_conf = { .offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE };
	struct rte_eth_conf conf = { .txmode.offloads = RTE_ETH_TX_OFFLOAD_MBUF_FAST_FREE };
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		uint16_t port;

		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		port = rig.fns[0].port;
		VTEST_EQ(rte_eth_dev_configure(port, 1, 1, &conf), 0);
		VTEST_EQ(rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, rig.pool), 0);
		VTEST_EQ(rte_eth_tx_queue_setup(port, 0, 64, 0, &tx_conf), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		for (unsigned int round = 0; round < 20; round++) {
			struct rte_mbuf *pkts[16], *got[16];

			for (uint16_t p = 0; p < RTE_DIM(pkts); p++)
				pkts[p] = rig_packet(rig.pool, 200, round == 9 && p == 3 ? 60 : 0,
						round + p, NULL);
			VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, 16), 16);
			rig_step(&rig);
			VTEST_EQ(rte_eth_rx_burst(port, 0, got, 16), 16);
			for (uint16_t p = 0; p < RTE_DIM(got); p++)
				VTEST(rig_packet_is(got[p], 200, round + p));
			rte_pktmbuf_free_bulk(got, 16);
		}
		rig_close(&rig);
	}
}

static void
rings_wrap_many_times(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		uint32_t seed = 1000;

		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		/* A packed ring has any size; a split ring has the next power of two. */
		VTEST_EQ(rig_configure(&rig, 0, 1, 60, 0, rig.pool), 0);
		VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
		for (unsigned int round = 0; round < 200; round++) {
			const uint16_t nb = 1 + round % 19;
			struct rte_mbuf *pkts[BURST];
			uint32_t lens[BURST];

			for (uint16_t p = 0; p < nb; p++) {
				lens[p] = 60 + (round * 7 + p * 13) % 200;
				pkts[p] = rig_packet(rig.pool, lens[p], p % 5 == 4 ? 50 : 0,
						seed + p, NULL);
			}
			round_trip(pkts, lens, nb, seed);
			seed += nb;
		}
		rig_close(&rig);
	}
}

/* The index of a split ring has 16 bits for any size of the ring. */
static void
indices_pass_sixteen_bits(void)
{
	static const char *const args[] = { "packed=0", "packed=1" };
	struct rig_conf conf = { 0 };
	struct rte_mbuf *pkts[BURST];
	uint32_t lens[BURST];

	for (unsigned int i = 0; i < RTE_DIM(args); i++) {
		rig_note("%s", args[i]);
		conf.args = args[i];
		rig_open(&rig, &conf);
		rig_start(&rig);
		for (unsigned int round = 0; round < 66000 / BURST + 10; round++) {
			for (uint16_t p = 0; p < BURST; p++) {
				lens[p] = 60;
				pkts[p] = rig_packet(rig.pool, 60, 0, round + p, NULL);
			}
			round_trip(pkts, lens, BURST, round);
		}
		rig_close(&rig);
	}
}

static void
empty_pool_recovers(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		struct rte_mempool *small = rig_pool("small", 40, 2048);
		struct rte_mbuf *pkts[BURST], *got[BURST], *held[64];
		uint16_t nb_got, nb_held = 0;

		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		VTEST_EQ(rig_configure(&rig, 0, 1, 64, 0, small), 0);
		VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
		/* 40 buffers for a ring of 64: the device has all of them. */
		VTEST_EQ(rte_mempool_avail_count(small), 0);
		while (nb_held < 40) {
			for (uint16_t p = 0; p < 8; p++)
				pkts[p] = rig_packet(rig.pool, 60, 0, p, NULL);
			VTEST_EQ(rte_eth_tx_burst(rig.fns[0].port, 0, pkts, 8), 8);
			rig_step(&rig);
			nb_got = rte_eth_rx_burst(rig.fns[0].port, 0, &held[nb_held], 8);
			VTEST_EQ(nb_got, 8);
			nb_held += nb_got;
		}
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 0);
		VTEST(rig_xstat(rig.fns[0].port, "rx_q0_no_mbuf") > 0);
		rte_pktmbuf_free_bulk(held, nb_held);
		/* An empty burst refills as well. */
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 0);
		VTEST_EQ(rte_mempool_avail_count(small), 0);
		for (uint16_t p = 0; p < 8; p++)
			pkts[p] = rig_packet(rig.pool, 60, 0, p, NULL);
		VTEST_EQ(rte_eth_tx_burst(rig.fns[0].port, 0, pkts, 8), 8);
		rig_step(&rig);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 8);
		rte_pktmbuf_free_bulk(got, 8);
		rig_close(&rig);
		VTEST_EQ(rte_mempool_in_use_count(small), 0);
	}
}

static void
full_ring_takes_no_more_and_loses_none(void)
{
	struct rte_mbuf *pkts[BURST], *got[BURST];
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		uint16_t port, sent = 0, received = 0, n;

		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		rig_start(&rig);
		port = rig.fns[0].port;
		/* The device does not run, so at some point the ring is full. */
		do {
			for (uint16_t p = 0; p < BURST; p++)
				pkts[p] = rig_packet(rig.pool, 100, 40, sent + p, NULL);
			n = rte_eth_tx_burst(port, 0, pkts, BURST);
			rte_pktmbuf_free_bulk(&pkts[n], BURST - n);
			sent += n;
		} while (n == BURST && sent < 1000);
		VTEST(n < BURST);
		VTEST(sent >= 128 / 3 && sent <= 128);
		VTEST(rig_xstat(port, "tx_q0_full") > 0);
		rig_step(&rig);
		while ((n = rte_eth_rx_burst(port, 0, got, BURST)) != 0) {
			for (uint16_t p = 0; p < n; p++)
				VTEST(rig_packet_is(got[p], 100, received + p));
			rte_pktmbuf_free_bulk(got, n);
			received += n;
		}
		VTEST_EQ(received, sent);
		rig_close(&rig);
	}
}

/* Send a packet of segments into a ring of 64 with so many free descriptors, while the device does
 * not run; then let the device run, and receive all. @return the packet was accepted. */
static bool
segments_fit(uint16_t nb_segs, bool shared, uint16_t nb_free)
{
	const uint16_t port = rig.fns[0].port;
	struct rte_mbuf *pkts[64], *got[BURST], *m;
	uint16_t received = 0, n;
	bool fits;

	for (uint16_t p = 0; p < 64 - nb_free; p++)
		pkts[p] = rig_packet(rig.pool, 60, 0, p, NULL);
	VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, 64 - nb_free), 64 - nb_free);
	m = rig_packet(rig.pool, nb_segs * 20, 20, 100, NULL);
	VTEST_EQ(m->nb_segs, nb_segs);
	if (shared)
		rte_mbuf_refcnt_update(m, 1);
	fits = rte_eth_tx_burst(port, 0, &m, 1) == 1;
	if (!fits)
		rte_pktmbuf_free(m);
	rig_step(&rig);
	while ((n = rte_eth_rx_burst(port, 0, got, BURST)) != 0) {
		for (uint16_t p = 0; p < n; p++, received++)
			VTEST(received < 64 - nb_free ? rig_packet_is(got[p], 60, received) :
							rig_packet_is(got[p], nb_segs * 20, 100));
		rte_pktmbuf_free_bulk(got, n);
		rig_step(&rig);
	}
	VTEST_EQ(received, 64 - nb_free + fits);
	/* The driver frees what was sent. */
	VTEST_EQ(rte_eth_tx_done_cleanup(port, 0, 0), received);
	/* The other segments are free: by the driver, or above. */
	if (shared)
		rte_pktmbuf_free_seg(m);
	return fits;
}

/* Around the size of an indirect table, and at the most segments: a packet takes one descriptor or
 * one for each buffer, and no descriptor is missing or lost. */
static void
packets_of_many_segments_are_sent(void)
{
	static const uint16_t segs[] = { 2, 5, 6, 7, 39, 40 };
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		/* More RX buffers than packets that are sent, so that the device drops none. */
		VTEST_EQ(rig_configure(&rig, 0, 1, 256, 0, rig.pool), 0);
		VTEST_EQ(rte_eth_tx_queue_setup(rig.fns[0].port, 0, 64, 0, NULL), 0);
		VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
		for (size_t s = 0; s < RTE_DIM(segs); s++)
			for (uint16_t shared = 0; shared < 2; shared++) {
				/* A shared mbuf gets its header in another buffer. */
				const uint16_t nb = segs[s] + shared;
				const bool table = strstr(v.name, "indirect") != NULL && nb <= 6;
				const uint16_t need = table ? 1 : nb;

				rig_note("%s, %u segments%s", v.name, segs[s],
						shared ? ", shared" : "");
				VTEST(!segments_fit(segs[s], shared, need - 1));
				VTEST(segments_fit(segs[s], shared, need));
				VTEST(segments_fit(segs[s], shared, 64));
			}
		rig_close(&rig);
	}
}

static size_t
heap_used(void)
{
	struct rte_malloc_socket_stats stats;
	size_t used = 0;

	for (int s = 0; s < (int)RTE_MAX_NUMA_NODES; s++)
		if (rte_malloc_get_socket_stats(s, &stats) == 0)
			used += stats.heap_allocsz_bytes;
	return used;
}

/* The largest number of bytes that a descriptor may take: 32 for those of a ring, the rest for the
 * driver. */
static void
queues_of_1024_take_little_memory(void)
{
	static const char *const args[] = { "packed=0", "packed=1" };
	struct rig_conf conf = { .queue_size = 1024 };
	struct rte_eth_conf none = { 0 };

	for (unsigned int i = 0; i < RTE_DIM(args); i++) {
		size_t before, rx, tx;
		uint16_t port;

		conf.args = args[i];
		rig_note("%s", args[i]);
		rig_open(&rig, &conf);
		port = rig.fns[0].port;
		VTEST_EQ(rte_eth_dev_configure(port, 1, 1, &none), 0);
		before = heap_used();
		VTEST_EQ(rte_eth_rx_queue_setup(port, 0, 1024, 0, NULL, rig.pool), 0);
		rx = heap_used() - before;
		VTEST_EQ(rte_eth_tx_queue_setup(port, 0, 1024, 0, NULL), 0);
		tx = heap_used() - before - rx;
		rig_note("%s: %zu and %zu bytes", args[i], rx, tx);
		VTEST(rx >= 1024 * 16 && rx <= 1024 * (32 + 8 + 2) + 4096);
		VTEST(tx >= 1024 * 16 && tx <= 1024 * (32 + 8 + 2 + 8 + 128) + 4096);
		rig_close(&rig);
	}
}

static void
packets_that_cannot_be_sent_are_dropped_and_counted(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		struct rte_mbuf *pkts[4], *got[4];
		struct rte_eth_stats stats;
		uint16_t port;

		rig_variant(&v, i);
		v.conf.mtu = 1500;
		rig_open(&rig, &v.conf);
		rig_start(&rig);
		port = rig.fns[0].port;
		pkts[0] = rig_packet(rig.pool, 1523, 0, 0, NULL); /* longer than the MTU */
		pkts[1] = rig_packet(rig.pool, 60, 1, 0, NULL); /* 60 segments */
		pkts[2] = rte_pktmbuf_alloc(rig.pool); /* an empty packet */
		VTEST(pkts[2] != NULL);
		pkts[3] = rig_packet(rig.pool, 1514, 0, 9, NULL);
		VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, 4), 4);
		rig_step(&rig);
		VTEST_EQ(rte_eth_rx_burst(port, 0, got, 4), 1);
		VTEST(rig_packet_is(got[0], 1514, 9));
		rte_pktmbuf_free(got[0]);
		VTEST_EQ(rte_eth_stats_get(port, &stats), 0);
		VTEST_EQ(stats.opackets, 1);
		VTEST_EQ(stats.obytes, 1514);
		VTEST_EQ(stats.oerrors, 3);
		VTEST_EQ(stats.ipackets, 1);
		VTEST_EQ(stats.ibytes, 1514);
		VTEST_EQ(rig_xstat(port, "tx_q0_too_long"), 1);
		VTEST_EQ(rig_xstat(port, "tx_q0_too_many_segs"), 1);
		VTEST_EQ(rig_xstat(port, "tx_q0_empty"), 1);
		rig_close(&rig);
	}
}

static void
one_doorbell_per_burst_at_most(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		struct rte_mbuf *pkts[BURST], *got[BURST];
		uint64_t rx, tx;
		uint16_t port;

		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		rig_start(&rig);
		port = rig.fns[0].port;
		rx = rig_xstat(port, "rx_q0_doorbells");
		tx = rig_xstat(port, "tx_q0_doorbells");
		VTEST(rx <= 1);
		VTEST_EQ(tx, 0);
		for (uint16_t p = 0; p < BURST; p++)
			pkts[p] = rig_packet(rig.pool, 60, 0, p, NULL);
		VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, BURST), BURST);
		VTEST_EQ(rig_xstat(port, "tx_q0_doorbells"), 1);
		rig_step(&rig);
		VTEST_EQ(rte_eth_rx_burst(port, 0, got, BURST), BURST);
		rte_pktmbuf_free_bulk(got, BURST);
		VTEST(rig_xstat(port, "rx_q0_doorbells") <= rx + 1);
		VTEST_EQ(rte_eth_stats_reset(port), 0);
		VTEST_EQ(rig_xstat(port, "tx_q0_doorbells"), 0);
		rig_close(&rig);
	}
}

static const struct vtest_case cases[] = {
	{ "every_size_and_shape_comes_back", every_size_and_shape_comes_back },
	{ "jumbo_frames_come_back_in_one_buffer_or_many",
			jumbo_frames_come_back_in_one_buffer_or_many },
	{ "shared_and_tight_buffers_are_not_written_to",
			shared_and_tight_buffers_are_not_written_to },
	{ "buffers_outside_of_the_pool_work", buffers_outside_of_the_pool_work },
	{ "freed_fast_and_yet_wholly", freed_fast_and_yet_wholly },
	{ "rings_wrap_many_times", rings_wrap_many_times },
	{ "indices_pass_sixteen_bits", indices_pass_sixteen_bits },
	{ "empty_pool_recovers", empty_pool_recovers },
	{ "full_ring_takes_no_more_and_loses_none", full_ring_takes_no_more_and_loses_none },
	{ "packets_of_many_segments_are_sent", packets_of_many_segments_are_sent },
	{ "queues_of_1024_take_little_memory", queues_of_1024_take_little_memory },
	{ "packets_that_cannot_be_sent_are_dropped_and_counted",
			packets_that_cannot_be_sent_are_dropped_and_counted },
	{ "one_doorbell_per_burst_at_most", one_doorbell_per_burst_at_most },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
