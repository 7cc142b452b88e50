/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * A device that believes doorbells: it uses only the buffers that a doorbell announced. The test is
 * this device, and an application that holds the packets back as it likes.
 */

#include <stdio.h>
#include <string.h>

#include "test/fixture/rig.h"

#define BURST 32
#define NB_DESC 256
#define NB_MBUFS 1000
#define PROMISED (NB_DESC * 3 / 8)
#define PACKET_LEN 72u /* With the header. */

static struct rig rig;
static const struct vio_transport_ops *rig_ops;
static struct vio_transport_ops ops;
static struct rte_mempool *pool;
static struct rte_mbuf *taken[2048]; /* From a pool, so that the port has fewer. */
static unsigned int nb_taken;

/* All counts are of buffers since the start of the port. */
static struct {
	struct vio_virtq *vq;
	uint32_t announced; /* Named by doorbells. */
	uint32_t used;
	uint32_t reaped;
	bool ample; /* The pool has more buffers than the ring and the application need. */
} device;

static struct vsr_rxq *
rxq(void)
{
	return rte_eth_devices[rig.fns[0].port].data->rx_queues[0];
}

/* Ring position number n since the start, as in a doorbell with NOTIFICATION_DATA. */
static uint16_t
position(uint32_t n)
{
	if (!device.vq->packed)
		return (uint16_t)n;
	return (uint16_t)(n % NB_DESC | (n / NB_DESC % 2 == 0 ? 0x8000u : 0));
}

/* The doorbell of the RX queue. */
static void
doorbell_write(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
	uint32_t nb = 0;

	if (region != VIO_NOTIFY || offset != device.vq->doorbell_offset) {
		rig_ops->write(t, region, offset, width, value);
		return;
	}
	VTEST_EQ(width, 4);
	while (position(device.announced + nb) != value >> 16 && nb <= NB_DESC)
		nb++;
	VTEST(nb != 0 && nb <= NB_DESC);
	/* Even right before the doorbell the device knows of as many buffers as promised. */
	if (device.ample && device.announced != 0)
		VTEST(device.vq->size - device.vq->nb_free - nb >= PROMISED);
	device.announced += nb;
}

/* {split, packed} x mergeable x in order, for each row of the path tables. */
#define NB_LAYOUTS (8 * RIG_NB_ROWS)

static void
pool_give(struct rte_mempool *mp)
{
	while (nb_taken != 0)
		rte_mempool_put(mp, taken[--nb_taken]);
}

static void
pool_take(struct rte_mempool *mp, unsigned int nb)
{
	pool_give(mp);
	while (nb_taken < nb) {
		VTEST_EQ(rte_mempool_get(mp, (void **)&taken[nb_taken]), 0);
		nb_taken++;
	}
}

/* A new port on this device, with nb_mbufs in its pool. */
static void
start(unsigned int l, unsigned int nb_mbufs)
{
	static char args[128];
	const bool packed = l & 1, mrg = l & 2, in_order = l & 4;
	const struct rig_conf conf = { .args = args,
		.trapped = true,
		.off = RIG_OFF(VIRTIO_F_EVENT_IDX),
		.wire = "null" };
	struct rte_eth_conf eth_conf = { .rxmode.mtu = 1500 };
	int len = snprintf(args, sizeof(args), "packed=%d,mrg_rxbuf=%d,in_order=%d,", packed, mrg,
			in_order);

	rig_rows(args + len, sizeof(args) - len, packed, mrg, l / 8);
	pool = rig_pool("announce", NB_MBUFS, 2048);
	rig_open(&rig, &conf);
	VTEST_EQ(rte_eth_dev_configure(rig.fns[0].port, 1, 1, &eth_conf), 0);
	VTEST_EQ(rte_eth_rx_queue_setup(rig.fns[0].port, 0, NB_DESC, 0, NULL, pool), 0);
	VTEST_EQ(rte_eth_tx_queue_setup(rig.fns[0].port, 0, NB_DESC, 0, NULL), 0);
	pool_take(pool, NB_MBUFS - nb_mbufs);
	rig_ops = rig.fns[0].t.ops;
	ops = *rig_ops;
	ops.write = doorbell_write;
	rig.fns[0].t.ops = &ops;
	memset(&device, 0, sizeof(device));
	device.vq = rxq()->vq;
	VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
}

static void
finish(void)
{
	rig.fns[0].t.ops = rig_ops;
	rig_close(&rig);
	pool_give(pool);
	VTEST_EQ(rte_mempool_in_use_count(pool), 0);
}

/* An application that sleeps does not poll: it is woken at once while its port has no buffers. */
static void
empty_pool_wakes_the_application(void)
{
	struct rte_eth_conf eth_conf = { .intr_conf.rxq = 1 };
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		struct rte_mbuf *pkts[BURST];
		uint16_t port;

		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		port = rig.fns[0].port;
		rig_intr_open(&rig);
		pool_take(rig.pool, 2048 - 10);
		VTEST_EQ(rte_eth_dev_configure(port, 1, 1, &eth_conf), 0);
		VTEST_EQ(rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, rig.pool), 0);
		VTEST_EQ(rte_eth_tx_queue_setup(port, 0, 64, 0, NULL), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		pool_give(rig.pool);
		VTEST_EQ(rte_eth_dev_rx_intr_enable(port, 0), 0);
		VTEST(!rig_intr_fired(&rig));
		for (uint16_t n = 0; n < 10; n++)
			pkts[n] = rig_packet(rig.pool, 60, 0, n, NULL);
		VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, 10), 10);
		rig_step(&rig);
		VTEST(rig_intr_fired(&rig));
		pool_take(rig.pool, rte_mempool_avail_count(rig.pool));
		VTEST_EQ(rte_eth_rx_burst(port, 0, pkts, BURST), 10);
		VTEST_EQ(rte_eth_rx_burst(port, 0, &pkts[10], BURST - 10), 0);
		/* Now the device has no buffer. */
		VTEST_EQ(rte_eth_dev_rx_intr_enable(port, 0), 0);
		VTEST(rig_intr_fired(&rig));
		rte_pktmbuf_free_bulk(pkts, 10);
		VTEST_EQ(rte_eth_rx_burst(port, 0, pkts, BURST), 0);
		VTEST_EQ(rte_eth_dev_rx_intr_enable(port, 0), 0);
		VTEST(!rig_intr_fired(&rig));
		pool_give(rig.pool);
		rig_close(&rig);
	}
}

/* A ring of 8 buffers of 128 bytes has no room for a packet of the MTU, and no poll changes it. */
static void
full_ring_wakes_nobody(void)
{
	const struct rte_eth_conf eth_conf = {
		.intr_conf.rxq = 1,
		.rxmode = { .mtu = 9000, .offloads = RTE_ETH_RX_OFFLOAD_SCATTER },
	};
	const struct rig_conf conf = { 0 };
	struct rte_mbuf *none[BURST];
	uint16_t port;

	rig_open(&rig, &conf);
	port = rig.fns[0].port;
	rig_intr_open(&rig);
	VTEST_EQ(rte_eth_dev_configure(port, 1, 1, &eth_conf), 0);
	VTEST_EQ(rte_eth_rx_queue_setup(port, 0, 8, 0, NULL, rig_pool("small", 64, 128)), 0);
	VTEST_EQ(rte_eth_tx_queue_setup(port, 0, 64, 0, NULL), 0);
	VTEST_EQ(rte_eth_dev_start(port), 0);
	for (unsigned int i = 0; i < 3; i++) {
		VTEST_EQ(rte_eth_dev_rx_intr_enable(port, 0), 0);
		VTEST(!rig_intr_fired(&rig));
		VTEST_EQ(rte_eth_rx_burst(port, 0, none, BURST), 0);
	}
	rig_close(&rig);
}

/* The device puts a packet into each of nb announced buffers. */
static void
use(uint32_t nb)
{
	static const struct virtio_net_hdr hdr = { .num_buffers = RTE_LE16(1) };
	struct vio_virtq *vq = device.vq;

	for (; nb != 0 && device.used != device.announced; nb--, device.used++) {
		const uint16_t slot = device.used % NB_DESC;
		const uint16_t id = vq->packed ? vq->pdesc[slot].id : vq->avail->ring[slot];
		struct rte_mbuf *m = vq->cookies[id];

		VTEST(m != NULL);
		memcpy((uint8_t *)m->buf_addr + RTE_PKTMBUF_HEADROOM - VIRTIO_NET_HDR_LEN, &hdr,
				VIRTIO_NET_HDR_LEN);
		if (vq->packed) {
			const bool wrap = device.used / NB_DESC % 2 == 0;

			vq->pdesc[slot].len = rte_cpu_to_le_32(PACKET_LEN);
			vq->pdesc[slot].flags = rte_cpu_to_le_16(VIRTQ_DESC_F_WRITE |
					(wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0));
		} else {
			vq->used->ring[slot] = (struct virtq_used_elem){ id, PACKET_LEN };
			vq->used->idx = (uint16_t)(device.used + 1);
		}
	}
}

/* The application polls. */
static uint16_t
poll(struct rte_mbuf **pkts, uint16_t nb_pkts)
{
	const uint16_t nb = rte_eth_rx_burst(rig.fns[0].port, 0, pkts, nb_pkts);
	const struct vio_virtq *vq = device.vq;
	uint32_t posted;

	device.reaped += nb;
	posted = device.reaped + vq->size - vq->nb_free;
	/* All posted buffers are announced, or as many as promised. */
	VTEST(device.announced == posted || device.announced - device.reaped >= PROMISED);
	return nb;
}

/* How the application gives packets back. */
enum habit {
	AT_ONCE,
	BY_300, /* It collects 300 packets first. */
	ALL_AT_THE_END, /* It holds all packets until no more arrive. */
	NB_HABITS,
};

/* From time to time the device rests, so that polls find nothing. */
static void
run(enum habit habit, uint16_t nb_pkts, uint32_t nb_use, unsigned int nb_mbufs)
{
	static struct rte_mbuf *held[NB_MBUFS];
	unsigned int nb_held = 0, quiet = 0, nb_rounds = 3000 / nb_pkts;
	uint64_t got = 0;

	for (unsigned int i = 0; i < nb_rounds; i++) {
		uint16_t nb;

		if (i % 7 < 5)
			use(nb_use);
		nb = poll(&held[nb_held], nb_pkts);
		nb_held += nb;
		got += nb;
		quiet = nb == 0 ? quiet + 1 : 0;
		if (habit == AT_ONCE || (habit == BY_300 && nb_held >= 300) ||
				(habit == ALL_AT_THE_END && quiet > 20)) {
			rte_pktmbuf_free_bulk(held, nb_held);
			nb_held = 0;
			quiet = 0;
		}
	}
	/* Packets arrive until the application holds every mbuf. */
	for (unsigned int i = 0; i < 2000 && nb_held < 600; i++) {
		use(nb_use);
		nb_held += poll(&held[nb_held], nb_pkts);
	}
	VTEST_EQ(nb_held, RTE_MIN(nb_mbufs, 600u));
	rte_pktmbuf_free_bulk(held, nb_held);
	/* One poll is enough: then the device has buffers. */
	VTEST_EQ(poll(held, nb_pkts), 0);
	VTEST(nb_mbufs == 0 || device.announced != device.used);
	VTEST(nb_mbufs == 0 || got != 0);
}

static void
nothing_is_stuck_whatever_the_pool_has(void)
{
	static const unsigned int sizes[] = { 0, 1, 7, 95, 100, 200, NB_DESC, NB_DESC + 8,
		NB_DESC + 96, NB_DESC + 300 };
	static const uint16_t bursts[] = { 1, 4, BURST };
	for (unsigned int l = 0; l < NB_LAYOUTS; l++)
		for (unsigned int s = 0; s < RTE_DIM(sizes); s++)
			for (unsigned int b = 0; b < RTE_DIM(bursts); b++)
				for (enum habit habit = 0; habit < NB_HABITS; habit++) {
					rig_note("layout %u, pool of %u, bursts of %u, habit %d", l,
							sizes[s], bursts[b], habit);
					start(l, sizes[s]);
					run(habit, bursts[b], s % 2 == 0 ? bursts[b] : NB_DESC,
							sizes[s]);
					finish();
				}
}

/* The device is as fast as the driver, and never knows of fewer buffers than promised. */
static void
device_knows_of_three_eighths_of_the_ring(void)
{
	for (unsigned int l = 0; l < NB_LAYOUTS; l++)
		for (unsigned int idle = 0; idle < 3; idle++) {
			struct rte_mbuf *pkts[BURST];
			uint64_t doorbells;

			rig_note("layout %u, %u polls without packets after each burst", l, idle);
			start(l, NB_MBUFS);
			device.ample = true;
			doorbells = rig_xstat(rig.fns[0].port, "rx_q0_doorbells");
			for (unsigned int round = 0; round < 500; round++) {
				use(BURST);
				VTEST_EQ(poll(pkts, BURST), BURST);
				rte_pktmbuf_free_bulk(pkts, BURST);
				for (unsigned int i = 0; i < idle; i++)
					VTEST_EQ(poll(pkts, BURST), 0);
			}
			/* one doorbell for five bursts */
			VTEST(rig_xstat(rig.fns[0].port, "rx_q0_doorbells") - doorbells <= 500 / 5);
			finish();
		}
}

static const struct vtest_case cases[] = {
	{ "nothing_is_stuck_whatever_the_pool_has", nothing_is_stuck_whatever_the_pool_has },
	{ "empty_pool_wakes_the_application", empty_pool_wakes_the_application },
	{ "full_ring_wakes_nobody", full_ring_wakes_nobody },
	{ "device_knows_of_three_eighths_of_the_ring", device_knows_of_three_eighths_of_the_ring },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
