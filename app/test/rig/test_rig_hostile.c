/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * A hostile device: the test writes the used side of the rings itself. The driver must not crash,
 * and must not pass an invalid packet, or one buffer twice, to the application.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/fixture/rig.h"
#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"

#define BURST 32

static struct rig rig;

/* State of the hostile device in one queue. */
struct liar {
	struct vio_virtq *vq;
	uint16_t at;
	bool wrap;
};

static struct vsr_rxq *
rxq(void)
{
	return rte_eth_devices[rig.fns[0].port].data->rx_queues[0];
}

static struct vsr_txq *
txq(void)
{
	return rte_eth_devices[rig.fns[0].port].data->tx_queues[0];
}

/* Write a used entry with a false id or len; the device then skips so many descriptors. */
static void
use(struct liar *liar, uint32_t id, uint32_t len, uint16_t skip)
{
	struct vio_virtq *vq = liar->vq;

	if (!vq->packed) {
		struct virtq_used_elem *elem = &vq->used->ring[liar->at % vq->size];

		elem->id = rte_cpu_to_le_32(id);
		elem->len = rte_cpu_to_le_32(len);
		liar->at += skip;
		__atomic_thread_fence(__ATOMIC_RELEASE);
		vq->used->idx = rte_cpu_to_le_16(liar->at);
		return;
	}
	vq->pdesc[liar->at].id = rte_cpu_to_le_16((uint16_t)id);
	vq->pdesc[liar->at].len = rte_cpu_to_le_32(len);
	__atomic_thread_fence(__ATOMIC_RELEASE);
	vq->pdesc[liar->at].flags = rte_cpu_to_le_16(VIRTQ_DESC_F_WRITE |
			(liar->wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0));
	liar->at += skip;
	if (liar->at >= vq->size) {
		liar->at -= vq->size;
		liar->wrap = !liar->wrap;
	}
}

/* Id of buffer number n since the start of the queue. */
static uint16_t
id_of(const struct vio_virtq *vq, uint16_t n)
{
	return vq->packed ? rte_le_to_cpu_16(vq->pdesc[n].id) :
			    rte_le_to_cpu_16(vq->avail->ring[n]);
}

/* Write a header into buffer number n, as a device does. */
static void
header_set(const struct vio_virtq *vq, uint16_t n, uint16_t num_buffers)
{
	struct rte_mbuf *m = vq->cookies[id_of(vq, n)];
	struct virtio_net_hdr hdr = { .num_buffers = rte_cpu_to_le_16(num_buffers) };

	memcpy(rte_pktmbuf_mtod_offset(m, void *, -VIRTIO_NET_HDR_LEN), &hdr, VIRTIO_NET_HDR_LEN);
}

static struct liar
start(const char *args)
{
	const struct rig_conf conf = { .args = args };

	rig_note("%s", args);
	rig_open(&rig, &conf);
	rig_start(&rig);
	return (struct liar){ .vq = rxq()->vq, .wrap = true };
}

/* After a restart the port works. */
static void
restart_heals(void)
{
	const uint16_t port = rig.fns[0].port;
	struct rte_mbuf *pkts[BURST], *got[BURST];

	VTEST_EQ(rte_eth_dev_stop(port), 0);
	VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
	VTEST_EQ(rte_eth_dev_start(port), 0);
	for (uint16_t i = 0; i < BURST; i++)
		pkts[i] = rig_packet(rig.pool, 100, 0, i, NULL);
	VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, BURST), BURST);
	rig_step(&rig);
	VTEST_EQ(rte_eth_rx_burst(port, 0, got, BURST), BURST);
	for (uint16_t i = 0; i < BURST; i++)
		VTEST(rig_packet_is(got[i], 100, i));
	rte_pktmbuf_free_bulk(got, BURST);
}

/* {split, packed} x in order x mergeable, from the left, for each row of the path tables. */
#define NB_LAYOUTS (8 * RIG_NB_ROWS)
#define IS_SPLIT(l) ((l) % 8 < 4)
#define IS_IN_ORDER(l) ((l) % 4 >= 2)

static const char *
layout(unsigned int l)
{
	static char args[128];
	const bool packed = !IS_SPLIT(l), mrg = l % 2 == 1;
	int len;

	len = snprintf(args, sizeof(args), "packed=%d,in_order=%d,mrg_rxbuf=%d,", packed,
			IS_IN_ORDER(l), mrg);
	rig_rows(args + len, sizeof(args) - len, packed, mrg, l / 8);
	return args;
}

static void
used_id_out_of_range_breaks_the_queue(void)
{
	static const uint32_t ids[] = { 128, 129, 0x7fff, 0x8000, 0xffff, 0x10000, 0xffffffff };

	for (unsigned int l = 0; l < NB_LAYOUTS; l++)
		for (unsigned int i = 0; i < RTE_DIM(ids); i++) {
			struct liar liar = start(layout(l));
			struct rte_mbuf *got[BURST];
			struct rte_eth_stats stats;

			/* A packed ring has 16 bits for the id. */
			if (liar.vq->packed && ids[i] > UINT16_MAX) {
				rig_close(&rig);
				continue;
			}
			use(&liar, ids[i], 100, 1);
			for (int again = 0; again < 3; again++)
				VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 0);
			VTEST_EQ(rig_xstat(rig.fns[0].port, "rx_q0_bad_ring"), 1);
			VTEST_EQ(rte_eth_stats_get(rig.fns[0].port, &stats), 0);
			VTEST_EQ(stats.ierrors, 1);
			VTEST_EQ(stats.ipackets, 0);
			restart_heals();
			rig_close(&rig);
		}
}

/* An application that is woken and finds nothing, again and again, would use a whole processor. */
static void
broken_queue_wakes_nobody(void)
{
	struct rte_eth_conf eth_conf = { .intr_conf.rxq = 1 };

	for (unsigned int l = 0; l < NB_LAYOUTS; l++)
		for (uint16_t nb_tx = 1; nb_tx <= 2; nb_tx++) {
			const struct rig_conf conf = { .args = layout(l) };
			struct liar liar = { .wrap = true };
			struct rte_mbuf *got[BURST];
			uint16_t port;
			int ret;

			rig_note("%s, %u TX queues", layout(l), nb_tx);
			rig_open(&rig, &conf);
			port = rig.fns[0].port;
			rig_intr_open(&rig);
			VTEST_EQ(rte_eth_dev_configure(port, 1, nb_tx, &eth_conf), 0);
			VTEST_EQ(rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, rig.pool), 0);
			for (uint16_t q = 0; q < nb_tx; q++)
				VTEST_EQ(rte_eth_tx_queue_setup(port, q, 64, 0, NULL), 0);
			VTEST_EQ(rte_eth_dev_start(port), 0);
			liar.vq = rxq()->vq;
			use(&liar, 0x7fff, 100, 1);
			use(&liar, 0x7fff, 100, 1);
			for (unsigned int i = 0; i < 3; i++) {
				VTEST_EQ(rte_eth_rx_burst(port, 0, got, BURST), 0);
				ret = rte_eth_dev_rx_intr_enable(port, 0);
				VTEST(!rig_intr_fired(&rig));
				/* The ring of another queue may still work. */
				VTEST_EQ(ret, nb_tx == 1 ? -EIO : 0);
			}
			VTEST_EQ(rig_xstat(port, "rx_q0_bad_ring"), 1);
			VTEST_EQ(rte_eth_dev_stop(port), 0);
			VTEST_EQ(rte_eth_dev_start(port), 0);
			VTEST_EQ(rte_eth_dev_rx_intr_enable(port, 0), 0);
			rig_close(&rig);
		}
}

static void
same_buffer_used_twice_breaks_the_queue(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		struct liar liar = start(layout(l));
		const uint16_t id = id_of(liar.vq, 0);
		struct rte_mbuf *got[BURST];

		header_set(liar.vq, 0, 1);
		use(&liar, id, 100, 1);
		use(&liar, id, 100, 1);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 1);
		rte_pktmbuf_free(got[0]);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 0);
		VTEST_EQ(rig_xstat(rig.fns[0].port, "rx_q0_bad_ring"), 1);
		restart_heals();
		rig_close(&rig);
	}
}

static void
used_index_ahead_breaks_the_queue(void)
{
	static const uint16_t jumps[] = { 129, 200, 0x8000, 0xffff };

	for (unsigned int l = 0; l < NB_LAYOUTS; l++)
		for (unsigned int j = 0; j < RTE_DIM(jumps) && IS_SPLIT(l); j++) {
			struct liar liar = start(layout(l));
			struct rte_mbuf *got[BURST];

			use(&liar, id_of(liar.vq, 0), 100, jumps[j]);
			VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 0);
			VTEST_EQ(rig_xstat(rig.fns[0].port, "rx_q0_bad_ring"), 1);
			restart_heals();
			rig_close(&rig);
		}
}

static void
bad_length_is_dropped_and_counted(void)
{
	/* Buffers have 12 + 2048 bytes. */
	static const uint32_t lens[] = { 0, 1, 11, 12, 2061, 0x10000, 0x10040, UINT32_MAX };

	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		struct liar liar = start(layout(l));
		struct rte_mbuf *got[BURST];
		struct rte_eth_stats stats;

		for (uint16_t i = 0; i < RTE_DIM(lens); i++) {
			header_set(liar.vq, i, 1);
			use(&liar, id_of(liar.vq, i), lens[i], 1);
		}
		header_set(liar.vq, RTE_DIM(lens), 1);
		use(&liar, id_of(liar.vq, RTE_DIM(lens)), 2060, 1);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 1);
		VTEST_EQ(got[0]->pkt_len, 2048);
		rte_pktmbuf_free(got[0]);
		VTEST_EQ(rig_xstat(rig.fns[0].port, "rx_q0_bad_len"), RTE_DIM(lens));
		VTEST_EQ(rte_eth_stats_get(rig.fns[0].port, &stats), 0);
		VTEST_EQ(stats.ierrors, RTE_DIM(lens));
		restart_heals();
		rig_close(&rig);
	}
}

static void
bad_number_of_buffers_is_dropped_and_counted(void)
{
	static const uint16_t numbers[] = { 0, 129, 0x8000, 0xffff };

	for (unsigned int l = 1; l < NB_LAYOUTS; l += 2) {
		struct liar liar = start(layout(l));
		struct rte_mbuf *got[BURST];

		for (uint16_t i = 0; i < RTE_DIM(numbers); i++) {
			header_set(liar.vq, i, numbers[i]);
			use(&liar, id_of(liar.vq, i), i % 2 == 0 ? 2060 : 100, 1);
		}
		header_set(liar.vq, RTE_DIM(numbers), 1);
		use(&liar, id_of(liar.vq, RTE_DIM(numbers)), 112, 1);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 1);
		VTEST_EQ(got[0]->pkt_len, 100);
		rte_pktmbuf_free(got[0]);
		VTEST_EQ(rig_xstat(rig.fns[0].port, "rx_q0_bad_num_buffers"), RTE_DIM(numbers));
		restart_heals();
		rig_close(&rig);
	}
}

/* A packet whose third buffer is invalid is dropped, and the next packet is received. */
static void
bad_later_buffer_drops_its_packet_only(void)
{
	static const uint32_t bad[] = { 0, 2061, UINT32_MAX };

	for (unsigned int l = 1; l < NB_LAYOUTS; l += 2)
		for (unsigned int b = 0; b < RTE_DIM(bad); b++) {
			struct liar liar = start(layout(l));
			struct rte_mbuf *got[BURST];

			header_set(liar.vq, 0, 4);
			use(&liar, id_of(liar.vq, 0), 2060, 1);
			use(&liar, id_of(liar.vq, 1), 2060, 1);
			use(&liar, id_of(liar.vq, 2), bad[b], 1);
			use(&liar, id_of(liar.vq, 3), 2060, 1);
			header_set(liar.vq, 4, 1);
			use(&liar, id_of(liar.vq, 4), 72, 1);
			VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 1);
			VTEST_EQ(got[0]->pkt_len, 60);
			VTEST_EQ(got[0]->nb_segs, 1);
			rte_pktmbuf_free(got[0]);
			VTEST_EQ(rig_xstat(rig.fns[0].port, "rx_q0_bad_len"), 1);
			restart_heals();
			rig_close(&rig);
		}
}

/* The buffers of a packet may become used one by one, with a stop in between. */
static void
packet_in_parts_is_put_together(void)
{
	for (unsigned int l = 1; l < NB_LAYOUTS; l += 2) {
		struct liar liar = start(layout(l));
		struct rte_mbuf *got[BURST];

		header_set(liar.vq, 0, 3);
		use(&liar, id_of(liar.vq, 0), 2060, 1);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 0);
		use(&liar, id_of(liar.vq, 1), 2060, 1);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 0);
		use(&liar, id_of(liar.vq, 2), 1, 1);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 1);
		VTEST_EQ(got[0]->nb_segs, 3);
		VTEST_EQ(got[0]->pkt_len, 2048 + 2060 + 1);
		rte_mbuf_sanity_check(got[0], 1);
		rte_pktmbuf_free(got[0]);
		header_set(liar.vq, 3, 3);
		use(&liar, id_of(liar.vq, 3), 2060, 1);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 0);
		restart_heals();
		rig_close(&rig);
	}
}

/* A device has to fill all buffers of a packet but the last. The packet of one that does not is
 * whole nevertheless. */
static void
packet_in_buffers_that_are_not_full_is_whole(void)
{
	/* in a step of the vector rows, across two of them, and after the last one */
	static const uint16_t places[] = { 0, 1, 6, 7, 8, 15, 23 };
	static const uint16_t lens[] = { 1012, 500, 64 };
	enum { NB = 24 };

	for (unsigned int l = 1; l < NB_LAYOUTS; l += 2)
		for (unsigned int p = 0; p < RTE_DIM(places); p++) {
			struct liar liar = start(layout(l));
			struct rte_mbuf *got[BURST];

			for (uint16_t i = 0; i < NB + 2; i++) {
				const uint16_t part = i - places[p];

				header_set(liar.vq, i, part == 0 ? 3 : 1);
				use(&liar, id_of(liar.vq, i), part < 3 ? lens[part] : 72, 1);
			}
			VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), NB);
			for (uint16_t i = 0; i < NB; i++) {
				rte_mbuf_sanity_check(got[i], 1);
				VTEST_EQ(got[i]->pkt_len, i == places[p] ? 1564 : 60);
				VTEST_EQ(got[i]->nb_segs, i == places[p] ? 3 : 1);
			}
			rte_pktmbuf_free_bulk(got, NB);
			VTEST_EQ(rig_xstat(rig.fns[0].port, "rx_q0_bad_num_buffers"), 0);
			VTEST_EQ(rig_xstat(rig.fns[0].port, "rx_q0_bad_len"), 0);
			restart_heals();
			rig_close(&rig);
		}
}

/* With IN_ORDER one used entry completes all buffers up to its id. */
static void
in_order_batches_give_back_all(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		struct liar liar = start(layout(l));
		struct rte_mbuf *pkts[BURST];
		const uint16_t port = rig.fns[0].port;

		if (!IS_IN_ORDER(l)) {
			rig_close(&rig);
			continue;
		}
		liar.vq = txq()->vq;
		for (unsigned int round = 0; round < 40; round++) {
			const uint16_t first = liar.at;
			uint16_t last = 0;

			for (uint16_t i = 0; i < 30; i++)
				pkts[i] = rig_packet(rig.pool, 60, 0, i, NULL);
			VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, 30), 30);
			last = (uint16_t)(first + 29) % liar.vq->size;
			/* a batch of ten, a single buffer, and the rest */
			use(&liar, id_of(liar.vq, (first + 9) % liar.vq->size), 0, 10);
			use(&liar, id_of(liar.vq, (first + 10) % liar.vq->size), 0, 1);
			use(&liar, id_of(liar.vq, last), 0, 19);
			VTEST_EQ(rte_eth_tx_done_cleanup(port, 0, 0), 30);
			VTEST_EQ(liar.vq->nb_free, liar.vq->size);
		}
		VTEST_EQ(rig_xstat(port, "tx_q0_bad_ring"), 0);
		restart_heals();
		rig_close(&rig);
	}
}

/* The skipped buffers of a batch are full: in RX, they belong to merged packets. */
static void
in_order_batch_fills_skipped_buffers(void)
{
	static const char *const args[] = { "packed=0", "packed=1" };

	for (unsigned int l = 0; l < RTE_DIM(args); l++) {
		struct liar liar = start(args[l]);
		struct rte_mbuf *got[BURST];

		header_set(liar.vq, 0, 3);
		use(&liar, id_of(liar.vq, 2), 10, 3);
		VTEST_EQ(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST), 1);
		VTEST_EQ(got[0]->pkt_len, 2048 + 2060 + 10);
		rte_pktmbuf_free(got[0]);
		restart_heals();
		rig_close(&rig);
	}
}

/* An application that takes one packet of a batch and then waits for an interrupt: the device has
 * raised the only one already. */
static void
rest_of_a_batch_needs_no_interrupt(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		struct liar liar = start(layout(l));
		const uint16_t port = rig.fns[0].port;
		bool (*const enable)(struct vio_virtq * vq) = liar.vq->packed ?
				vio_packed_intr_enable :
				vio_split_intr_enable;
		struct rte_mbuf *got[BURST];

		if (!IS_IN_ORDER(l)) {
			rig_close(&rig);
			continue;
		}
		for (uint16_t i = 0; i < 3; i++)
			header_set(liar.vq, i, 1);
		use(&liar, id_of(liar.vq, 2), 72, 3);
		for (uint16_t i = 0; i < 3; i++) {
			VTEST(enable(liar.vq));
			VTEST_EQ(rte_eth_rx_burst(port, 0, got, 1), 1);
			rte_pktmbuf_free(got[0]);
		}
		VTEST(!enable(liar.vq));
		restart_heals();
		rig_close(&rig);
	}
}

static void
in_order_batch_past_the_index_breaks_the_queue(void)
{
	struct liar liar = start("packed=0,in_order=1,mrg_rxbuf=0");
	struct rte_mbuf *got[BURST];

	/* Two buffers are used, but the id is the id of the fifth. */
	use(&liar, id_of(liar.vq, 4), 100, 2);
	VTEST(rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST) <= 2);
	for (uint16_t i = 0; i < 2 && rig_xstat(rig.fns[0].port, "rx_q0_packets") > i; i++)
		rte_pktmbuf_free(got[i]);
	VTEST_EQ(rig_xstat(rig.fns[0].port, "rx_q0_bad_ring"), 1);
	restart_heals();
	rig_close(&rig);
}

static void
bad_tx_id_frees_nothing_twice(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		struct liar liar = start(layout(l));
		const uint16_t port = rig.fns[0].port;
		struct rte_mbuf *pkts[BURST];
		struct rte_eth_stats stats;

		liar.vq = txq()->vq;
		for (uint16_t i = 0; i < BURST; i++)
			pkts[i] = rig_packet(rig.pool, 60, 0, i, NULL);
		VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, BURST), BURST);
		use(&liar, id_of(liar.vq, 0), 0, 1);
		use(&liar, id_of(liar.vq, 0), 0, 1);
		VTEST_EQ(rte_eth_tx_done_cleanup(port, 0, 0), 1);
		VTEST_EQ(rte_eth_tx_done_cleanup(port, 0, 0), 0);
		VTEST_EQ(rig_xstat(port, "tx_q0_bad_ring"), 1);
		VTEST_EQ(rte_eth_stats_get(port, &stats), 0);
		VTEST_EQ(stats.oerrors, 1);
		restart_heals();
		rig_close(&rig);
	}
}

/* Random used entries: the driver returns only valid packets and frees every buffer. */
static void
noise_crashes_nothing(void)
{
	unsigned int seed = 1;

	for (unsigned int l = 0; l < NB_LAYOUTS; l++)
		for (unsigned int round = 0; round < 40; round++) {
			struct liar liar = start(layout(l));
			struct rte_mbuf *got[BURST];

			for (unsigned int step = 0; step < 100; step++) {
				const uint16_t n = rand_r(&seed) % 128;
				const uint32_t id = rand_r(&seed) % 4 == 0 ?
						(uint32_t)rand_r(&seed) % 140 :
						id_of(liar.vq, n);
				const uint32_t len = rand_r(&seed) % 2200;
				uint16_t nb;

				/* False entries remain in a packed ring, too. */
				if (id_of(liar.vq, n) < liar.vq->size &&
						liar.vq->cookies[id_of(liar.vq, n)] != NULL)
					header_set(liar.vq, n, rand_r(&seed) % 5);
				use(&liar, id, len, 1 + rand_r(&seed) % 20 / 19);
				nb = rte_eth_rx_burst(rig.fns[0].port, 0, got, BURST);
				for (uint16_t i = 0; i < nb; i++) {
					rte_mbuf_sanity_check(got[i], 1);
					VTEST(got[i]->pkt_len <= 5 * 2060);
					rte_pktmbuf_free(got[i]);
				}
			}
			VTEST_EQ(rte_eth_dev_stop(rig.fns[0].port), 0);
			VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
			rig_close(&rig);
		}
}

/* One invalid entry after valid ones: all rows receive the packets before it. */
static void
one_lie_among_many(void)
{
	enum { NB = 24 };

	for (unsigned int l = 0; l < NB_LAYOUTS; l++)
		for (unsigned int at = 0; at < NB; at++)
			for (unsigned int kind = 0; kind < 4; kind++) {
				const bool bad_ring = kind >= 2;
				struct liar liar = start(layout(l));
				const uint16_t port = rig.fns[0].port;
				struct rte_mbuf *got[BURST];
				uint16_t ids[NB], nb;

				for (uint16_t i = 0; i < NB; i++) {
					header_set(liar.vq, i, 1);
					ids[i] = id_of(liar.vq, i);
				}
				for (uint16_t i = 0; i < NB; i++) {
					if (i != at)
						use(&liar, ids[i], 72, 1);
					else if (!bad_ring)
						use(&liar, ids[i], kind == 0 ? 12 : 2061, 1);
					else if (kind == 2 || at == 0)
						use(&liar, liar.vq->size, 72, 1);
					else
						use(&liar, ids[0], 72, 1);
				}
				nb = rte_eth_rx_burst(port, 0, got, BURST);
				VTEST_EQ(nb, bad_ring ? at : NB - 1);
				for (uint16_t i = 0; i < nb; i++)
					VTEST_EQ(got[i]->pkt_len, 60);
				rte_pktmbuf_free_bulk(got, nb);
				VTEST_EQ(rig_xstat(port, "rx_q0_bad_len"), bad_ring ? 0 : 1);
				VTEST_EQ(rig_xstat(port, "rx_q0_bad_ring"), bad_ring ? 1 : 0);
				rig_close(&rig);
			}
}

/* Without IN_ORDER a device may use buffers in any order. */
static void
any_order_is_fine(void)
{
	enum { NB = 30 };
	unsigned int seed = 7;

	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		struct liar liar = start(layout(l));
		const uint16_t port = rig.fns[0].port;
		struct rte_mbuf *got[NB], *want[NB];
		uint16_t ids[NB];

		for (unsigned int round = 0; round < 100 && !IS_IN_ORDER(l); round++) {
			/* mostly in order, since the vector rows then take several at once */
			const bool mix = round % 4 == 3;

			for (uint16_t i = 0; i < NB; i++) {
				const uint16_t slot = (liar.at + i) % liar.vq->size;

				header_set(liar.vq, slot, 1);
				ids[i] = id_of(liar.vq, slot);
			}
			for (uint16_t i = NB - 1; mix && i > 0; i--) {
				const unsigned int other = rand_r(&seed) % (i + 1u);

				RTE_SWAP(ids[i], ids[other]);
			}
			for (uint16_t i = 0; i < NB; i++) {
				want[i] = liar.vq->cookies[ids[i]];
				VTEST(want[i] != NULL);
				use(&liar, ids[i], 100 + i, 1);
			}
			VTEST_EQ(rte_eth_rx_burst(port, 0, got, NB), NB);
			for (uint16_t i = 0; i < NB; i++) {
				VTEST(got[i] == want[i]);
				VTEST_EQ(got[i]->pkt_len, 88 + i);
			}
			rte_pktmbuf_free_bulk(got, NB);
			/* The next round uses buffers that are in the ring again. */
			VTEST(liar.vq->size - liar.vq->nb_free >= NB);
		}
		VTEST_EQ(rig_xstat(port, "rx_q0_bad_ring"), 0);
		restart_heals();
		rig_close(&rig);
	}
}

static void
silent_control_queue_times_out_once(void)
{
	static const char *const args[] = { "packed=0", "packed=1" };

	for (unsigned int l = 0; l < RTE_DIM(args); l++) {
		const uint16_t port = (start(args[l]), rig.fns[0].port);
		struct vsr_dev *dev = rte_eth_devices[port].data->dev_private;
		const uint32_t long_us = 20000000;
		uint64_t before;

		dev->ctrl.timeout_us = 20000;
		rig.fns[0].deaf = true;
		VTEST_EQ(rte_eth_promiscuous_enable(port), -ETIMEDOUT);
		/* The second command fails at once, although its timeout is long. */
		dev->ctrl.timeout_us = long_us;
		before = vio_now_ns();
		VTEST_EQ(rte_eth_promiscuous_enable(port), -EIO);
		VTEST(vio_now_ns() - before < long_us * UINT64_C(1000));
		rig.fns[0].deaf = false;
		/* A late answer changes nothing: the queue is dead until a reset. */
		rig_step(&rig);
		VTEST_EQ(rte_eth_promiscuous_enable(port), -EIO);
		restart_heals();
		VTEST_EQ(rte_eth_promiscuous_enable(port), 0);
		rig_close(&rig);
	}
}

/* A buffer outside of the DMA map stops the device; a restart starts it again. */
static void
memory_out_of_reach_stops_the_device(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++) {
		struct rig_conf conf = { .args = layout(l) };
		struct rte_eth_link link;
		struct rte_mbuf *pkt;
		uint16_t port;

		if (l % 2 == 1)
			conf.off = RIG_OFF(VIRTIO_F_RING_RESET);
		rig_note("%s", layout(l));
		rig_open(&rig, &conf);
		rig_start(&rig);
		port = rig.fns[0].port;
		pkt = rig_packet(rig.pool, 60, 0, 0, NULL);
		pkt->buf_iova = 0x1000; /* no memory is mapped there */
		VTEST_EQ(rte_eth_tx_burst(port, 0, &pkt, 1), 1);
		rig_step(&rig);
		VTEST_EQ(rte_eth_link_get_nowait(port, &link), 0);
		VTEST_EQ(link.link_status, RTE_ETH_LINK_DOWN);
		VTEST_EQ(rte_eth_dev_stop(port), 0);
		VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
		pkt->buf_iova = rte_mempool_virt2iova(pkt) + sizeof(*pkt);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		restart_heals();
		VTEST_EQ(rte_eth_link_get_nowait(port, &link), 0);
		VTEST_EQ(link.link_status, RTE_ETH_LINK_UP);
		rig_close(&rig);
	}
}

static const struct vtest_case cases[] = {
	{ "used_id_out_of_range_breaks_the_queue", used_id_out_of_range_breaks_the_queue },
	{ "broken_queue_wakes_nobody", broken_queue_wakes_nobody },
	{ "same_buffer_used_twice_breaks_the_queue", same_buffer_used_twice_breaks_the_queue },
	{ "used_index_ahead_breaks_the_queue", used_index_ahead_breaks_the_queue },
	{ "bad_length_is_dropped_and_counted", bad_length_is_dropped_and_counted },
	{ "bad_number_of_buffers_is_dropped_and_counted",
			bad_number_of_buffers_is_dropped_and_counted },
	{ "bad_later_buffer_drops_its_packet_only", bad_later_buffer_drops_its_packet_only },
	{ "packet_in_parts_is_put_together", packet_in_parts_is_put_together },
	{ "packet_in_buffers_that_are_not_full_is_whole",
			packet_in_buffers_that_are_not_full_is_whole },
	{ "in_order_batches_give_back_all", in_order_batches_give_back_all },
	{ "in_order_batch_fills_skipped_buffers", in_order_batch_fills_skipped_buffers },
	{ "rest_of_a_batch_needs_no_interrupt", rest_of_a_batch_needs_no_interrupt },
	{ "in_order_batch_past_the_index_breaks_the_queue",
			in_order_batch_past_the_index_breaks_the_queue },
	{ "bad_tx_id_frees_nothing_twice", bad_tx_id_frees_nothing_twice },
	{ "one_lie_among_many", one_lie_among_many },
	{ "any_order_is_fine", any_order_is_fine },
	{ "noise_crashes_nothing", noise_crashes_nothing },
	{ "memory_out_of_reach_stops_the_device", memory_out_of_reach_stops_the_device },
	{ "silent_control_queue_times_out_once", silent_control_queue_times_out_once },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
