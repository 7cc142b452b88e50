/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Start, stop, restart and close of a port, and configurations that are refused. */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../../drivers/net/vsr/ctrl/vsr_stats.h"
#include "test/fixture/rig.h"

#define BURST 32

static struct rig rig;

/* Send some packets and receive them. */
static void
traffic(unsigned int from, unsigned int to, uint16_t queue, const struct rte_ether_addr *dst)
{
	struct rte_mbuf *pkts[BURST], *got[BURST];
	bool seen[BURST] = { false };
	uint16_t nb = 0;

	for (uint16_t i = 0; i < BURST; i++)
		pkts[i] = rig_packet(rig.pool, 60 + i, 0, i, dst);
	VTEST_EQ(rte_eth_tx_burst(rig.fns[from].port, queue, pkts, BURST), BURST);
	rig_step(&rig);
	for (uint16_t q = 0; q < rte_eth_devices[rig.fns[to].port].data->nb_rx_queues; q++)
		nb += rte_eth_rx_burst(rig.fns[to].port, q, &got[nb], BURST - nb);
	VTEST_EQ(nb, BURST);
	/* Several queues return the packets in another order. */
	for (uint16_t i = 0; i < BURST; i++) {
		const uint32_t n = got[i]->pkt_len - 60;

		VTEST(n < BURST && !seen[n]);
		VTEST(rig_packet_is(got[i], 60 + n, n));
		seen[n] = true;
	}
	rte_pktmbuf_free_bulk(got, BURST);
}

static unsigned int
nb_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int nb = 0;

	VTEST(dir != NULL);
	while (readdir(dir) != NULL)
		nb++;
	closedir(dir);
	return nb;
}

static void
hundred_restarts_leak_nothing(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i += 3) {
		unsigned int fds, in_use;
		size_t heap;

		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		rig_start(&rig);
		traffic(0, 0, 0, NULL);
		fds = nb_fds();
		heap = rig_heap_bytes();
		for (unsigned int round = 0; round < 100; round++) {
			/* Packets are in flight in both directions when the port stops. */
			struct rte_mbuf *pkts[2] = {
				rig_packet(rig.pool, 60, 0, 1, NULL),
				rig_packet(rig.pool, 600, 100, 2, NULL),
			};

			VTEST_EQ(rte_eth_tx_burst(rig.fns[0].port, 0, pkts, 2), 2);
			if (round % 2 == 0)
				rig_step(&rig);
			VTEST_EQ(rte_eth_dev_stop(rig.fns[0].port), 0);
			in_use = rte_mempool_in_use_count(rig.pool);
			VTEST_EQ(in_use, 0);
			VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
			traffic(0, 0, 0, NULL);
		}
		VTEST_EQ(nb_fds(), fds);
		VTEST_EQ(rig_heap_bytes(), heap);
		rig_close(&rig);
	}
}

static void
hundred_ports_leak_nothing(void)
{
	struct rig_conf conf = { 0 };
	unsigned int fds = 0;
	size_t heap = 0;

	for (unsigned int round = 0; round < 101; round++) {
		rig_open(&rig, &conf);
		rig_start(&rig);
		traffic(0, 0, 0, NULL);
		rig_close(&rig);
		if (round == 0) { /* memory that EAL and the pools keep */
			fds = nb_fds();
			heap = rig_heap_bytes();
		}
	}
	VTEST_EQ(nb_fds(), fds);
	VTEST_EQ(rig_heap_bytes(), heap);
}

static void
nothing_moves_after_stop(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		struct rte_mbuf *pkt;
		uint64_t packets;

		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		rig_start(&rig);
		packets = rig_stat(&rig, 0, 0, "rx_packets");
		pkt = rig_packet(rig.pool, 60, 0, 1, NULL);
		VTEST_EQ(rte_eth_tx_burst(rig.fns[0].port, 0, &pkt, 1), 1);
		/* The doorbell was rung, the device has not read it yet. */
		VTEST_EQ(rte_eth_dev_stop(rig.fns[0].port), 0);
		rig_step(&rig);
		VTEST_EQ(rig_stat(&rig, 0, 0, "rx_packets"), packets);
		VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
		rig_close(&rig);
	}
}

static void
every_profile_works(void)
{
	struct rig_conf conf = { 0 };

	for (const struct vsim_profile *p = vsim_profiles; p->name != NULL; p++)
		for (int packed = 0; packed < 2; packed++) {
			rig_note("%s packed=%d", p->name, packed);
			conf.profile = p->name;
			conf.args = packed ? "packed=1" : "packed=0";
			rig_open(&rig, &conf);
			rig_start(&rig);
			traffic(0, 0, 0, NULL);
			rig_close(&rig);
		}
}

static void
refused_features_fail_the_probe(void)
{
	const struct rig_conf conf = { .refuse_features_ok = true };

	rig_open_nic(&rig, &conf);
	VTEST_EQ(rig_probe(&rig, 0, NULL, false), -ECONNREFUSED);
	VTEST_EQ(rte_eth_dev_count_avail(), 0);
	rig_close(&rig);
}

static void
removed_device_ends_in_order(void)
{
	const struct rig_conf conf = { .total_vfs = 1 };

	rig_open(&rig, &conf);
	rig_vfs_set(&rig, 1);
	VTEST_EQ(rig_probe(&rig, 1, NULL, false), 0);
	VTEST_EQ(rig_configure(&rig, 1, 1, 64, 0, rig.pool), 0);
	VTEST_EQ(rte_eth_dev_start(rig.fns[1].port), 0);
	VTEST_EQ(rte_eth_dev_is_removed(rig.fns[1].port), 0);
	rig_vfs_set(&rig, 0);
	VTEST_EQ(rte_eth_dev_is_removed(rig.fns[1].port), 1);
	/* The application gets the event, and its buffers are freed. */
	VTEST(rte_eth_dev_stop(rig.fns[1].port) != 0);
	VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
	rte_eth_dev_close(rig.fns[1].port);
	rig.fns[1].port = RTE_MAX_ETHPORTS;
	rig_close(&rig);
}

/* The bus driver removes the port only if the close succeeds. */
static void
removed_device_can_be_closed_while_started(void)
{
	const struct rig_conf conf = { .total_vfs = 1 };
	struct rte_eth_dev *eth_dev;

	rig_open(&rig, &conf);
	rig_vfs_set(&rig, 1);
	VTEST_EQ(rig_probe(&rig, 1, NULL, false), 0);
	VTEST_EQ(rig_configure(&rig, 1, 1, 64, 0, rig.pool), 0);
	VTEST_EQ(rte_eth_dev_start(rig.fns[1].port), 0);
	rig_vfs_set(&rig, 0);
	eth_dev = &rte_eth_devices[rig.fns[1].port];
	VTEST_EQ(vsr_eth_close(eth_dev), 0);
	VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
	VTEST_EQ(rte_eth_dev_release_port(eth_dev), 0);
	rig.fns[1].port = RTE_MAX_ETHPORTS;
	rig_close(&rig);
}

static void
pf_and_vfs_exchange_packets(void)
{
	const struct rig_conf conf = { .total_vfs = 3, .wire = "peer:1" };
	char err[128];

	rig_open(&rig, &conf);
	rig_vfs_set(&rig, 3);
	VTEST_EQ(vsim_nic_wire(rig.nic, 2, "peer:3", err, sizeof(err)), 0);
	for (unsigned int i = 1; i < 4; i++)
		VTEST_EQ(rig_probe(&rig, i, i == 2 ? "packed=0" : "mrg_rxbuf=0", i == 3), 0);
	for (unsigned int i = 0; i < 4; i++) {
		VTEST_EQ(rig_configure(&rig, i, 1, 64, 0, rig.pool), 0);
		VTEST_EQ(rte_eth_dev_start(rig.fns[i].port), 0);
	}
	for (unsigned int round = 0; round < 10; round++) {
		traffic(0, 1, 0, NULL);
		traffic(2, 3, 0, NULL);
		traffic(1, 0, 0, NULL);
		traffic(3, 2, 0, NULL);
	}
	/* The VFs work while the PF restarts. */
	VTEST_EQ(rte_eth_dev_stop(rig.fns[0].port), 0);
	traffic(2, 3, 0, NULL);
	VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
	traffic(1, 0, 0, NULL);
	rig_close(&rig);
}

static void
bad_arguments_fail_the_probe(void)
{
	static const char *const bad[] = {
		"packed=2",
		"packed=",
		"mrg_rxbuf=yes",
		"nonsense=1",
		"rx_path=none",
		"tx_path=",
		"rx_path=packed,packed=0",
		"rx_path=split_mrg,mrg_rxbuf=0,packed=0",
		"tx_path=split,packed=1",
	};
	const struct rig_conf conf = { 0 };

	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		rig_note("%s", bad[i]);
		rig_open_nic(&rig, &conf);
		VTEST_EQ(rig_probe(&rig, 0, bad[i], false), -EINVAL);
		rig_close(&rig);
	}
}

static void
forced_rows_are_used(void)
{
	const struct rig_conf conf = { .args = "rx_path=split,tx_path=split,packed=0,mrg_rxbuf=0" };
	struct rte_eth_burst_mode mode;

	rig_open(&rig, &conf);
	rig_start(&rig);
	VTEST_EQ(rte_eth_rx_burst_mode_get(rig.fns[0].port, 0, &mode), 0);
	VTEST(strcmp(mode.info, "split") == 0);
	VTEST_EQ(rte_eth_tx_burst_mode_get(rig.fns[0].port, 0, &mode), 0);
	VTEST(strcmp(mode.info, "split") == 0);
	rig_close(&rig);
}

static void
link_follows_the_cable(void)
{
	const struct rig_conf conf = { 0 };
	struct rte_eth_link link;

	rig_open(&rig, &conf);
	rig_start(&rig);
	VTEST_EQ(rte_eth_link_get_nowait(rig.fns[0].port, &link), 0);
	VTEST_EQ(link.link_status, RTE_ETH_LINK_UP);
	VTEST_EQ(link.link_speed, 10000);
	VTEST_EQ(link.link_duplex, RTE_ETH_LINK_FULL_DUPLEX);
	vsim_fn_link_set(rig.fns[0].fn, false);
	VTEST_EQ(rte_eth_link_get_nowait(rig.fns[0].port, &link), 0);
	VTEST_EQ(link.link_status, RTE_ETH_LINK_DOWN);
	vsim_fn_link_set(rig.fns[0].fn, true);
	VTEST_EQ(rte_eth_link_get_nowait(rig.fns[0].port, &link), 0);
	VTEST_EQ(link.link_status, RTE_ETH_LINK_UP);
	VTEST_EQ(rte_eth_dev_stop(rig.fns[0].port), 0);
	VTEST_EQ(rte_eth_link_get_nowait(rig.fns[0].port, &link), 0);
	VTEST_EQ(link.link_status, RTE_ETH_LINK_DOWN);
	rig_close(&rig);
}

static void
device_without_status_is_up(void)
{
	const struct rig_conf conf = { .off = RIG_OFF(VIRTIO_NET_F_STATUS,
						       VIRTIO_NET_F_SPEED_DUPLEX, VIRTIO_NET_F_MTU,
						       VIRTIO_NET_F_MAC) };
	struct rte_ether_addr addr;
	struct rte_eth_link link;

	rig_open(&rig, &conf);
	rig_start(&rig);
	VTEST_EQ(rte_eth_link_get_nowait(rig.fns[0].port, &link), 0);
	VTEST_EQ(link.link_status, RTE_ETH_LINK_UP);
	VTEST_EQ(link.link_speed, RTE_ETH_SPEED_NUM_UNKNOWN);
	VTEST_EQ(rte_eth_macaddr_get(rig.fns[0].port, &addr), 0);
	VTEST(rte_is_local_admin_ether_addr(&addr));
	rig_close(&rig);
}

static void
mtu_is_held_to_device_and_buffers(void)
{
	const struct rig_conf conf = { .mtu = 4000 };
	struct rte_eth_dev_info info;
	uint16_t port;

	rig_open(&rig, &conf);
	port = rig.fns[0].port;
	VTEST_EQ(rte_eth_dev_info_get(port, &info), 0);
	VTEST_EQ(info.max_mtu, 4000);
	VTEST_EQ(info.min_mtu, 68);
	VTEST_EQ(rig_configure(&rig, 0, 1, 64, 0, rig.pool), 0);
	VTEST_EQ(rte_eth_dev_set_mtu(port, 4001), -EINVAL);
	VTEST_EQ(rte_eth_dev_set_mtu(port, 67), -EINVAL);
	VTEST_EQ(rte_eth_dev_set_mtu(port, 4000), -EINVAL); /* scatter is off */
	VTEST_EQ(rte_eth_dev_set_mtu(port, 2026), 0);
	VTEST_EQ(rig_configure(&rig, 0, 1, 64, RTE_ETH_RX_OFFLOAD_SCATTER, rig.pool), 0);
	VTEST_EQ(rte_eth_dev_set_mtu(port, 4000), 0);
	rig_close(&rig);
}

/* Two VLAN tags come on top of the MTU, in both directions. */
static void
two_vlan_tags_fit(void)
{
	static const char *const args[] = { "mrg_rxbuf=0", "mrg_rxbuf=1" };
	struct rte_mempool *tight = rig_pool("tight", 512, 1500 + 22);

	for (unsigned int i = 0; i < RTE_DIM(args); i++) {
		const struct rig_conf conf = { .mtu = 1500, .args = args[i] };
		struct rte_eth_conf eth_conf = { .rxmode.mtu = 1500 };
		struct rte_eth_dev_info info;
		struct rte_mbuf *pkts[2], *got;
		uint16_t port;

		rig_note("%s", args[i]);
		rig_open(&rig, &conf);
		port = rig.fns[0].port;
		VTEST_EQ(rte_eth_dev_info_get(port, &info), 0);
		VTEST_EQ(info.max_rx_pktlen, 1522);
		VTEST_EQ(rte_eth_dev_configure(port, 1, 1, &eth_conf), 0);
		VTEST_EQ(rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, tight), 0);
		VTEST_EQ(rte_eth_tx_queue_setup(port, 0, 64, 0, NULL), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		pkts[0] = rig_packet(rig.pool, 1522, 0, 5, NULL);
		pkts[1] = rig_packet(rig.pool, 1523, 0, 6, NULL);
		VTEST_EQ(rte_eth_tx_burst(port, 0, pkts, 2), 2);
		rig_step(&rig);
		VTEST_EQ(rte_eth_rx_burst(port, 0, &got, 1), 1);
		VTEST(rig_packet_is(got, 1522, 5));
		rte_pktmbuf_free(got);
		VTEST_EQ(rig_xstat(port, "tx_q0_too_long"), 1);
		rig_close(&rig);
	}
}

static void
too_small_buffers_are_refused(void)
{
	struct rte_eth_conf eth_conf = { .rxmode.mtu = 1500 };
	struct rte_mempool *tiny = rig_pool("tiny", 64, 1000);
	struct rig_conf conf = { .args = "mrg_rxbuf=0" };

	rig_open(&rig, &conf);
	VTEST_EQ(rte_eth_dev_configure(rig.fns[0].port, 1, 1, &eth_conf), 0);
	VTEST_EQ(rte_eth_rx_queue_setup(rig.fns[0].port, 0, 64, 0, NULL, tiny), -EINVAL);
	rig_close(&rig);
	/* With mergeable buffers and the scatter offload these buffers suffice. */
	conf.args = NULL;
	rig_open(&rig, &conf);
	eth_conf.rxmode.offloads = RTE_ETH_RX_OFFLOAD_SCATTER;
	VTEST_EQ(rte_eth_dev_configure(rig.fns[0].port, 1, 1, &eth_conf), 0);
	VTEST_EQ(rte_eth_rx_queue_setup(rig.fns[0].port, 0, 64, 0, NULL, tiny), 0);
	rig_close(&rig);
}

static void
ring_size_reaches_the_device(void)
{
	static const struct {
		const char *args;
		uint16_t asked, got;
	} rows[] = {
		{ "packed=0", 64, 64 },
		{ "packed=0", 60, 64 },
		{ "packed=0", 256, 256 },
		{ "packed=1", 64, 64 },
		{ "packed=1", 60, 60 },
		{ "packed=1", 255, 255 },
		{ "packed=1", 8, 8 },
		{ "packed=0", 8, 8 },
		{ "packed=0", 257, 256 },
		{ "packed=1", 257, 256 },
		{ "packed=0", 2048, 256 },
		{ "packed=1", 32768, 256 },
	};
	struct rig_conf conf = { 0 };
	struct rte_eth_rxq_info info;

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		struct vio_dev *vio;

		rig_note("%s %u", rows[i].args, rows[i].asked);
		conf.args = rows[i].args;
		rig_open(&rig, &conf);
		VTEST_EQ(rig_configure(&rig, 0, 1, rows[i].asked, 0, rig.pool), 0);
		VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
		VTEST_EQ(rte_eth_rx_queue_info_get(rig.fns[0].port, 0, &info), 0);
		VTEST_EQ(info.nb_desc, rows[i].got);
		vio = &vsr_dev_of(&rte_eth_devices[rig.fns[0].port])->vio;
		VTEST_EQ(vio_dev_queue_max(vio, 0), rows[i].got);
		VTEST_EQ(vio_dev_queue_max(vio, 1), rows[i].got);
		rig_close(&rig);
	}
	conf.args = NULL;
	rig_open(&rig, &conf);
	VTEST_EQ(rig_configure(&rig, 0, 1, 32769, 0, rig.pool), -EINVAL);
	VTEST_EQ(rig_configure(&rig, 0, 1, 4, 0, rig.pool), -EINVAL);
	rig_close(&rig);
}

static void
queues_set(uint16_t nb_rx, uint16_t nb_tx)
{
	const uint16_t port = rig.fns[0].port;
	struct rte_eth_conf eth_conf = { 0 };

	VTEST_EQ(rte_eth_dev_configure(port, nb_rx, nb_tx, &eth_conf), 0);
	for (uint16_t q = 0; q < nb_rx; q++)
		VTEST_EQ(rte_eth_rx_queue_setup(port, q, 64, 0, NULL, rig.pool), 0);
	for (uint16_t q = 0; q < nb_tx; q++)
		VTEST_EQ(rte_eth_tx_queue_setup(port, q, 64, 0, NULL), 0);
}

/* Send packets of many flows by all TX queues. All must arrive, in bursts of three. */
static void
all_flows_arrive(uint16_t nb_rx, uint16_t nb_tx)
{
	bool seen[48] = { false };
	uint16_t total = 0, nb;

	for (uint16_t i = 0; i < RTE_DIM(seen); i++) {
		struct rte_mbuf *pkt = rig_packet(rig.pool, 60 + i, 0, i * 97, NULL);

		VTEST_EQ(rte_eth_tx_burst(rig.fns[0].port, i % nb_tx, &pkt, 1), 1);
	}
	rig_step(&rig);
	for (uint16_t q = 0; q < nb_rx; q++) {
		struct rte_mbuf *got[3];

		while ((nb = rte_eth_rx_burst(rig.fns[0].port, q, got, RTE_DIM(got))) != 0) {
			for (uint16_t i = 0; i < nb; i++) {
				const uint32_t n = got[i]->pkt_len - 60;

				VTEST(n < RTE_DIM(seen) && !seen[n]);
				VTEST(rig_packet_is(got[i], 60 + n, n * 97));
				VTEST_EQ(got[i]->port, rig.fns[0].port);
				seen[n] = true;
			}
			rte_pktmbuf_free_bulk(got, nb);
			total += nb;
		}
	}
	VTEST_EQ(total, RTE_DIM(seen));
}

/* With more TX than RX queues, the device uses the RX queue of each pair. */
static void
any_numbers_of_queues_lose_nothing(void)
{
	static const struct {
		uint16_t rx, tx;
	} rows[] = { { 1, 2 }, { 1, 4 }, { 2, 4 }, { 3, 4 }, { 4, 1 }, { 2, 3 }, { 4, 4 }, { 3, 1 },
		{ 1, 3 } };

	for (unsigned int v = 0; v < RIG_NB_VARIANTS; v += 5) {
		struct rig_variant variant;
		uint16_t port;

		rig_variant(&variant, v);
		rig_open(&rig, &variant.conf);
		port = rig.fns[0].port;
		for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
			struct rte_eth_stats stats;
			struct vsim_fn_state state;
			uint64_t packets;
			char name[32];

			rig_note("%u RX, %u TX queues, %s", rows[i].rx, rows[i].tx, variant.name);
			queues_set(rows[i].rx, rows[i].tx);
			for (unsigned int round = 1; round <= 2; round++) {
				VTEST_EQ(rte_eth_dev_start(port), 0);
				vsim_fn_get_state(rig.fns[0].fn, &state);
				VTEST_EQ(state.queue_pairs, RTE_MAX(rows[i].rx, rows[i].tx));
				all_flows_arrive(rows[i].rx, rows[i].tx);
				/* Counters include the extra queues, also after they are gone. */
				for (unsigned int after = 0; after < 2; after++) {
					VTEST_EQ(rte_eth_stats_get(port, &stats), 0);
					VTEST_EQ(stats.ipackets, round * 48);
					VTEST_EQ(stats.opackets, round * 48);
					VTEST_EQ(stats.ierrors + stats.rx_nombuf, 0);
					packets = 0;
					for (uint16_t q = 0; q < rows[i].rx; q++) {
						snprintf(name, sizeof(name), "rx_q%u_packets", q);
						packets += rig_xstat(port, name);
					}
					VTEST_EQ(packets, round * 48);
					if (after == 0)
						VTEST_EQ(rte_eth_dev_stop(port), 0);
				}
				VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
			}
		}
		rig_close(&rig);
	}
}

static void
start_tells_of_a_pool_that_is_too_small(void)
{
	/* Each TX queue may keep 48. */
	static const uint16_t sizes[] = { 128 + 96, 128 + 95, 96 };
	static const char *const texts[] = { NULL, "2 rings for 128 buffers, and gets 126",
		"2 rings for 128 buffers, and gets 32" };
	const struct rig_conf conf = { 0 };
	struct rte_eth_conf eth_conf = { 0 };
	char name[16], *text;
	size_t len;

	for (unsigned int i = 0; i < RTE_DIM(sizes); i++) {
		FILE *log = open_memstream(&text, &len);

		VTEST(log != NULL);
		snprintf(name, sizeof(name), "pool%u", sizes[i]);
		rig_open(&rig, &conf);
		VTEST_EQ(rte_eth_dev_configure(rig.fns[0].port, 1, 2, &eth_conf), 0);
		VTEST_EQ(rte_eth_rx_queue_setup(rig.fns[0].port, 0, 64, 0, NULL,
					 rig_pool(name, sizes[i], 2048)),
				0);
		for (uint16_t q = 0; q < 2; q++)
			VTEST_EQ(rte_eth_tx_queue_setup(rig.fns[0].port, q, 64, 0, NULL), 0);
		rte_log_set_global_level(RTE_LOG_WARNING);
		rte_openlog_stream(log);
		VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
		rte_openlog_stream(NULL);
		rte_log_set_global_level(RTE_LOG_ERR);
		fclose(log);
		if (texts[i] == NULL)
			VTEST_EQ(len, 0);
		else
			VTEST(strstr(text, texts[i]) != NULL);
		free(text);
		rig_close(&rig);
	}
}

struct poller {
	pthread_t thread;
	atomic_bool stop;
	unsigned int nb_failed;
};

static void *
counters_poll(void *arg)
{
	struct rte_eth_dev *eth_dev = &rte_eth_devices[rig.fns[0].port];
	struct rte_eth_xstat xstats[128];
	struct rte_eth_stats stats;
	struct poller *poller = arg;

	while (!poller->stop)
		if (rte_eth_stats_get(rig.fns[0].port, &stats) != 0 ||
				vsr_xstats_get(eth_dev, xstats, RTE_DIM(xstats)) <= 0)
			poller->nb_failed++;
	return NULL;
}

/* Telemetry and secondary processes read counters at any time. */
static void
counters_are_read_while_the_port_restarts(void)
{
	struct rig_conf conf = { 0 };

	for (unsigned int reset = 0; reset < 2; reset++) {
		const struct vsr_rxq *own, *extra;
		struct poller poller = { 0 };
		bool kept = true;

		if (reset)
			conf.off = RIG_OFF(VIRTIO_F_RING_RESET);
		rig_open(&rig, &conf);
		queues_set(1, 4);
		VTEST_EQ(pthread_create(&poller.thread, NULL, counters_poll, &poller), 0);
		for (unsigned int i = 0; i < 300; i++) {
			VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
			own = rte_eth_devices[rig.fns[0].port].data->rx_queues[0];
			extra = own->next;
			VTEST_EQ(rte_eth_dev_stop(rig.fns[0].port), 0);
			/* The thread may be anywhere: what it can see must stay. */
			kept = kept && extra != NULL && own->next == extra;
		}
		poller.stop = true;
		VTEST_EQ(pthread_join(poller.thread, NULL), 0);
		VTEST_EQ(poller.nb_failed, 0);
		VTEST(kept);
		rig_close(&rig);
	}
}

static void
more_queues_than_the_device_has_are_refused(void)
{
	const struct rig_conf conf = { 0 };
	struct rte_eth_conf eth_conf = { 0 };

	rig_open(&rig, &conf);
	VTEST_EQ(rte_eth_dev_configure(rig.fns[0].port, 5, 5, &eth_conf), -EINVAL);
	VTEST_EQ(rte_eth_dev_configure(rig.fns[0].port, 1, 5, &eth_conf), -EINVAL);
	VTEST_EQ(rte_eth_dev_configure(rig.fns[0].port, 4, 4, &eth_conf), 0);
	rig_close(&rig);
}

/* The device has both queues of a pair, also if the application uses one of them only. */
static void
lone_queues_work(void)
{
	const struct rig_conf conf = { 0 };
	struct rte_eth_conf eth_conf = { 0 };
	struct rte_mbuf *pkt;
	uint16_t port;

	rig_open(&rig, &conf);
	port = rig.fns[0].port;
	VTEST_EQ(rte_eth_dev_configure(port, 2, 1, &eth_conf), 0);
	for (uint16_t q = 0; q < 2; q++)
		VTEST_EQ(rte_eth_rx_queue_setup(port, q, 64, 0, NULL, rig.pool), 0);
	VTEST_EQ(rte_eth_tx_queue_setup(port, 0, 64, 0, NULL), 0);
	VTEST_EQ(rte_eth_dev_start(port), 0);
	traffic(0, 0, 0, NULL);
	VTEST_EQ(rte_eth_dev_stop(port), 0);
	VTEST_EQ(rte_eth_dev_configure(port, 0, 1, &eth_conf), 0);
	VTEST_EQ(rte_eth_tx_queue_setup(port, 0, 64, 0, NULL), 0);
	VTEST_EQ(rte_eth_dev_start(port), 0);
	pkt = rig_packet(rig.pool, 60, 0, 0, NULL);
	VTEST_EQ(rte_eth_tx_burst(port, 0, &pkt, 1), 1);
	rig_step(&rig);
	VTEST(rig_stat(&rig, 0, 0, "drop_no_buffer") > 0);
	rig_close(&rig);
}

static void
counters_of_queues_are_listed_once(void)
{
	const struct rig_conf conf = { 0 };
	struct rte_eth_xstat_name names[256];
	struct rte_eth_stats stats;
	uint16_t port;
	int nb;

	rig_open(&rig, &conf);
	port = rig.fns[0].port;
	VTEST_EQ(rig_configure(&rig, 0, 3, 64, 0, rig.pool), 0);
	VTEST_EQ(rte_eth_dev_start(port), 0);
	nb = rte_eth_xstats_get_names(port, names, RTE_DIM(names));
	VTEST(nb > 0 && nb <= (int)RTE_DIM(names));
	for (int i = 0; i < nb; i++)
		for (int j = 0; j < i; j++)
			VTEST(strcmp(names[i].name, names[j].name) != 0);
	traffic(0, 0, 2, NULL);
	VTEST_EQ(rig_xstat(port, "tx_q2_packets"), BURST);
	VTEST_EQ(rig_xstat(port, "tx_q0_packets"), 0);
	VTEST_EQ(rte_eth_stats_get(port, &stats), 0);
	VTEST_EQ(stats.opackets, BURST);
	VTEST_EQ(stats.ipackets, BURST);
	VTEST_EQ(rig_xstat(port, "rx_q0_packets") + rig_xstat(port, "rx_q1_packets") +
					rig_xstat(port, "rx_q2_packets"),
			BURST);
	rig_close(&rig);
}

static void
rx_interrupts_come_when_asked_for(void)
{
	struct rte_eth_conf eth_conf = { .intr_conf.rxq = 1 };
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		const uint16_t nb_tx = (uint16_t)(1 + i / 7 % 4);
		uint16_t port;

		rig_variant(&v, i);
		rig_open(&rig, &v.conf);
		port = rig.fns[0].port;
		rig_intr_open(&rig);
		/* Packets of extra RX queues wake the queue that serves them. */
		VTEST_EQ(rte_eth_dev_configure(port, 1, nb_tx, &eth_conf), 0);
		VTEST_EQ(rte_eth_rx_queue_setup(port, 0, 64, 0, NULL, rig.pool), 0);
		for (uint16_t q = 0; q < nb_tx; q++)
			VTEST_EQ(rte_eth_tx_queue_setup(port, q, 64, 0, NULL), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		/* not configured: no interrupt */
		traffic(0, 0, 0, NULL);
		VTEST(!rig_intr_fired(&rig));
		/* configured: one interrupt */
		VTEST_EQ(rte_eth_dev_rx_intr_enable(port, 0), 0);
		VTEST(!rig_intr_fired(&rig));
		traffic(0, 0, 0, NULL);
		VTEST(rig_intr_fired(&rig));
		VTEST_EQ(rte_eth_dev_rx_intr_disable(port, 0), 0);
		traffic(0, 0, 0, NULL);
		VTEST(!rig_intr_fired(&rig));
		rig_close(&rig);
	}
}

/* ethdev's table, which all processes share, has a port without queues: a driver that takes the
 * entry for one of its own finds nothing of net_vsr. */
static void
other_drivers_see_a_stand_in(void)
{
	const struct rig_conf conf = { 0 };
	const struct rte_eth_dev_data *data;
	struct rte_eth_dev *eth_dev, saved;
	struct rte_ether_addr addr;

	rig_open(&rig, &conf);
	rig_start(&rig);
	eth_dev = &rte_eth_devices[rig.fns[0].port];
	saved = *eth_dev;
	VTEST(rte_eth_dev_attach_secondary("rig0") == eth_dev);
	data = eth_dev->data;
	VTEST(data != saved.data);
	VTEST_EQ(data->port_id, rig.fns[0].port);
	VTEST(data->dev_private != NULL && data->dev_private != saved.data->dev_private);
	VTEST(data->rx_queues == NULL && data->tx_queues == NULL);
	VTEST(data->nb_rx_queues == 0 && data->nb_tx_queues == 0 && !data->dev_started);
	VTEST_EQ(rte_eth_macaddr_get(rig.fns[0].port, &addr), 0);
	/* net_vsr of another process finds the port itself. */
	VTEST_EQ(vsr_eth_init_secondary(eth_dev), 0);
	VTEST(eth_dev->data == saved.data);
	*eth_dev = saved;
	traffic(0, 0, 0, NULL);
	/* When the port is closed, nothing is left in the table, and a kept pointer is safe. */
	rig_close(&rig);
	VTEST(data->name[0] == '\0' && data->dev_private == NULL);
	VTEST(saved.data->dev_private == NULL && saved.data->nb_rx_queues == 0);
}

/* What other drivers, or net_vsr of another process, get of a port. */
static void
others_see(bool stand_in, const struct rte_ether_addr *mac, const struct rte_ether_addr *more,
		uint16_t want_mtu, bool promiscuous, bool all_multicast, int vlan_offload)
{
	struct rte_eth_dev *eth_dev = &rte_eth_devices[rig.fns[0].port];
	const struct rte_eth_dev saved = *eth_dev;
	struct rte_ether_addr addr;
	uint16_t mtu;

	VTEST(rte_eth_dev_attach_secondary("rig0") == eth_dev);
	if (!stand_in)
		VTEST_EQ(vsr_eth_init_secondary(eth_dev), 0);
	VTEST_EQ(rte_eth_macaddr_get(saved.data->port_id, &addr), 0);
	VTEST(rte_is_same_ether_addr(&addr, mac));
	if (stand_in) /* also where net_virtio has it */
		VTEST_EQ(memcmp((uint8_t *)eth_dev->data->dev_private + 32, mac, sizeof(*mac)), 0);
	VTEST(rte_is_same_ether_addr(&eth_dev->data->mac_addrs[1], more));
	VTEST_EQ(rte_eth_dev_get_mtu(saved.data->port_id, &mtu), 0);
	VTEST_EQ(mtu, want_mtu);
	VTEST_EQ(rte_eth_promiscuous_get(saved.data->port_id), promiscuous);
	VTEST_EQ(rte_eth_allmulticast_get(saved.data->port_id), all_multicast);
	VTEST_EQ(rte_eth_dev_get_vlan_offload(saved.data->port_id), vlan_offload);
	*eth_dev = saved;
}

static void
other_processes_see_what_changes(void)
{
	static struct rte_ether_addr own = { { 2, 0, 0, 0, 0, 0x51 } };
	static struct rte_ether_addr more = { { 2, 0, 0, 0, 0, 0x52 } };
	static const struct rte_ether_addr none;
	const struct rte_eth_conf filter = {
		.rxmode = { .mtu = 1400, .offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER },
	};
	const struct rig_conf conf = { 0 };
	struct rte_ether_addr first;

	for (unsigned int i = 0; i < 2; i++) {
		const bool stand_in = i == 0;
		uint16_t port;

		rig_note("%s", stand_in ? "stand-in" : "net_vsr");
		rig_open(&rig, &conf);
		port = rig.fns[0].port;
		VTEST_EQ(rte_eth_macaddr_get(port, &first), 0);
		others_see(stand_in, &first, &none, 1500, false, false, 0);
		VTEST_EQ(rig_configure(&rig, 0, 1, 64, 0, rig.pool), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		VTEST_EQ(rte_eth_dev_set_mtu(port, 1300), 0);
		VTEST_EQ(rte_eth_dev_default_mac_addr_set(port, &own), 0);
		others_see(stand_in, &own, &none, 1300, false, false, 0);
		VTEST_EQ(rte_eth_dev_mac_addr_add(port, &more, 0), 0);
		VTEST_EQ(rte_eth_promiscuous_enable(port), 0);
		others_see(stand_in, &own, &more, 1300, true, false, 0);
		VTEST_EQ(rte_eth_promiscuous_disable(port), 0);
		VTEST_EQ(rte_eth_allmulticast_enable(port), 0);
		others_see(stand_in, &own, &more, 1300, false, true, 0);
		VTEST_EQ(rte_eth_dev_mac_addr_remove(port, &more), 0);
		VTEST_EQ(rte_eth_allmulticast_disable(port), 0);
		VTEST_EQ(rte_eth_dev_stop(port), 0);
		others_see(stand_in, &own, &none, 1300, false, false, 0);
		VTEST_EQ(rte_eth_dev_set_vlan_offload(port, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
		others_see(stand_in, &own, &none, 1300, false, false, RTE_ETH_VLAN_FILTER_OFFLOAD);
		VTEST_EQ(rte_eth_dev_set_vlan_offload(port, 0), 0);
		VTEST_EQ(rte_eth_dev_configure(port, 1, 1, &filter), 0);
		others_see(stand_in, &own, &none, 1400, false, false, RTE_ETH_VLAN_FILTER_OFFLOAD);
		VTEST_EQ(rte_eth_dev_reset(port), 0);
		others_see(stand_in, &first, &none, 1400, false, false,
				RTE_ETH_VLAN_FILTER_OFFLOAD);
		rig_close(&rig);
	}
}

static const struct vtest_case cases[] = {
	{ "hundred_restarts_leak_nothing", hundred_restarts_leak_nothing },
	{ "hundred_ports_leak_nothing", hundred_ports_leak_nothing },
	{ "nothing_moves_after_stop", nothing_moves_after_stop },
	{ "every_profile_works", every_profile_works },
	{ "refused_features_fail_the_probe", refused_features_fail_the_probe },
	{ "removed_device_ends_in_order", removed_device_ends_in_order },
	{ "removed_device_can_be_closed_while_started",
			removed_device_can_be_closed_while_started },
	{ "pf_and_vfs_exchange_packets", pf_and_vfs_exchange_packets },
	{ "bad_arguments_fail_the_probe", bad_arguments_fail_the_probe },
	{ "forced_rows_are_used", forced_rows_are_used },
	{ "link_follows_the_cable", link_follows_the_cable },
	{ "device_without_status_is_up", device_without_status_is_up },
	{ "mtu_is_held_to_device_and_buffers", mtu_is_held_to_device_and_buffers },
	{ "two_vlan_tags_fit", two_vlan_tags_fit },
	{ "too_small_buffers_are_refused", too_small_buffers_are_refused },
	{ "ring_size_reaches_the_device", ring_size_reaches_the_device },
	{ "any_numbers_of_queues_lose_nothing", any_numbers_of_queues_lose_nothing },
	{ "start_tells_of_a_pool_that_is_too_small", start_tells_of_a_pool_that_is_too_small },
	{ "counters_are_read_while_the_port_restarts", counters_are_read_while_the_port_restarts },
	{ "more_queues_than_the_device_has_are_refused",
			more_queues_than_the_device_has_are_refused },
	{ "lone_queues_work", lone_queues_work },
	{ "counters_of_queues_are_listed_once", counters_of_queues_are_listed_once },
	{ "other_drivers_see_a_stand_in", other_drivers_see_a_stand_in },
	{ "other_processes_see_what_changes", other_processes_see_what_changes },
	{ "rx_interrupts_come_when_asked_for", rx_interrupts_come_when_asked_for },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
