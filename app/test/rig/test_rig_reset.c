/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Devices that are slow to reset, that restart by themselves, or that come back changed. */

#include <errno.h>
#include <string.h>

#include "test/fixture/rig.h"

#define BURST 32

static struct rig rig;

static uint16_t
port(void)
{
	return rig.fns[0].port;
}

static struct vsr_dev *
dev(void)
{
	return vsr_dev_of(&rte_eth_devices[port()]);
}

/* A started port. A stop resets the device, and the driver waits for a reset only shortly. */
static void
start_impatient(struct rte_mempool *pool)
{
	const struct rig_conf conf = { .off = RIG_OFF(VIRTIO_F_RING_RESET),
		.args = "reset_timeout_ms=1" };

	rig_open(&rig, &conf);
	VTEST_EQ(rig_configure(&rig, 0, 1, 64, 0, pool), 0);
	VTEST_EQ(rte_eth_dev_start(port()), 0);
}

/* Send packets and receive them again. */
static void
traffic(void)
{
	struct rte_mbuf *pkts[BURST], *got[BURST];

	for (uint16_t i = 0; i < BURST; i++)
		pkts[i] = rig_packet(rig.pool, 60, 0, i, NULL);
	VTEST_EQ(rte_eth_tx_burst(port(), 0, pkts, BURST), BURST);
	rig_step(&rig);
	VTEST_EQ(rte_eth_rx_burst(port(), 0, got, BURST), BURST);
	for (uint16_t i = 0; i < BURST; i++)
		VTEST(rig_packet_is(got[i], 60, i));
	rte_pktmbuf_free_bulk(got, BURST);
}

static void
stop_without_an_answer_keeps_the_packets_until_the_next_start(void)
{
	unsigned int in_use;

	start_impatient(rig_pool("rig", 2048, 2048));
	traffic();
	in_use = rte_mempool_in_use_count(rig.pool);
	VTEST(in_use != 0);
	rig.fns[0].holds_resets = true;
	VTEST_EQ(rte_eth_dev_stop(port()), -ETIMEDOUT);
	VTEST_EQ(rte_mempool_in_use_count(rig.pool), in_use);
	VTEST_EQ(rte_eth_dev_start(port()), -ETIMEDOUT);
	VTEST_EQ(rte_mempool_in_use_count(rig.pool), in_use);
	rig_reset_release(&rig.fns[0]);
	for (unsigned int round = 0; round < 2; round++) {
		VTEST_EQ(rte_eth_dev_start(port()), 0);
		traffic();
		VTEST_EQ(rte_eth_dev_stop(port()), 0);
		VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
	}
	rig_close(&rig);
}

static void
released_queues_are_freed_when_the_device_has_answered(void)
{
	const size_t kept_min = 64 * sizeof(struct virtq_desc); /* a ring */
	size_t heap;

	start_impatient(rig_pool("rig", 2048, 2048));
	rig.fns[0].holds_resets = true;
	VTEST_EQ(rte_eth_dev_stop(port()), -ETIMEDOUT);
	VTEST(dev()->kept == NULL);
	for (unsigned int round = 0; round < 3; round++) {
		VTEST_EQ(rig_configure(&rig, 0, 1, 64, 0, rig.pool), 0);
		VTEST_EQ(rte_eth_dev_start(port()), -ETIMEDOUT);
	}
	/* The device still has the first queues, and writes to them. */
	VTEST(dev()->kept != NULL);
	VTEST(rte_mempool_in_use_count(rig.pool) != 0);
	heap = rig_heap_bytes();
	rig_reset_release(&rig.fns[0]);
	VTEST_EQ(rte_eth_dev_start(port()), 0);
	VTEST(dev()->kept == NULL);
	VTEST(rig_heap_bytes() < heap - kept_min);
	traffic();
	rig_close(&rig);
}

/* The configuration of a VLAN filter resets the device too. */
static void
configuration_after_an_unanswered_stop_loses_no_packet(void)
{
	for (int waits = 0; waits < 2; waits++) {
		struct rte_eth_conf conf = {
			.rxmode = { .mtu = 1500, .offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER }
		};

		start_impatient(rig_pool("rig", 2048, 2048));
		rig.fns[0].holds_resets = true;
		VTEST_EQ(rte_eth_dev_stop(port()), -ETIMEDOUT);
		if (waits) {
			/* ethdev releases the queues of a failed configuration. */
			VTEST_EQ(rte_eth_dev_configure(port(), 1, 1, &conf), -ETIMEDOUT);
			VTEST(rte_mempool_in_use_count(rig.pool) != 0);
			rig_reset_release(&rig.fns[0]);
			VTEST_EQ(rig_configure(&rig, 0, 1, 64, conf.rxmode.offloads, rig.pool), 0);
			VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
		} else {
			rig_reset_release(&rig.fns[0]);
			VTEST_EQ(rte_eth_dev_configure(port(), 1, 1, &conf), 0);
		}
		VTEST_EQ(rte_eth_dev_start(port()), 0);
		traffic();
		rig_close(&rig);
	}
}

static void
closed_port_in_reset_leaves_its_number_usable(void)
{
	for (unsigned int round = 0; round < 3; round++) {
		start_impatient(rig_pool("kept", 512, 2048));
		rig.fns[0].holds_resets = true;
		VTEST_EQ(rte_eth_dev_stop(port()), -ETIMEDOUT);
		rig_close_broken(&rig);
	}
	/* The bus of this rig cannot stop a device, so the packets stay lost. */
	VTEST(rte_mempool_in_use_count(rig_pool("kept", 512, 2048)) != 0);
	start_impatient(rig_pool("rig", 2048, 2048));
	traffic();
	rig_close(&rig);
}

static void
off_the_bus(struct rte_eth_dev *eth_dev)
{
	vsim_fn_reset(rig.fns[0].fn);
}

static void
close_takes_the_device_off_the_bus_and_frees_all(void)
{
	size_t heap = 0;

	for (unsigned int round = 0; round < 3; round++) {
		start_impatient(rig_pool("rig", 2048, 2048));
		traffic();
		dev()->bus_close = off_the_bus;
		rig.fns[0].holds_resets = true;
		VTEST_EQ(rte_eth_dev_stop(port()), -ETIMEDOUT);
		VTEST_EQ(rig_configure(&rig, 0, 2, 64, 0, rig.pool), 0);
		VTEST_EQ(rte_eth_dev_close(port()), 0);
		rig.fns[0].port = RTE_MAX_ETHPORTS;
		VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
		rig_close(&rig);
		if (round == 0) /* memory that EAL and the pools keep */
			heap = rig_heap_bytes();
	}
	VTEST_EQ(rig_heap_bytes(), heap);
}

static void
start_waits_for_a_slow_reset(void)
{
	const struct rig_conf conf = { 0 };

	rig_open(&rig, &conf);
	rig_start(&rig);
	VTEST_EQ(rte_eth_dev_stop(port()), 0); /* by resets of its queues */
	/* More queues need a reset of the device. */
	VTEST_EQ(rig_configure(&rig, 0, 2, 64, 0, rig.pool), 0);
	rig.fns[0].holds_resets = true;
	rig.fns[0].release_after = 1000;
	VTEST_EQ(rte_eth_dev_start(port()), 0);
	VTEST_EQ(rig.fns[0].release_after, 0);
	rig_close(&rig);
}

static void
probe_waits_for_a_slow_reset(void)
{
	const struct rig_conf conf = { 0 };
	const uint8_t running = VIRTIO_STATUS_ACKNOWLEDGE;

	rig_open_nic(&rig, &conf);
	rig_attach(&rig, 0, false);
	vio_write(&rig.fns[0].t, VIO_COMMON, offsetof(struct virtio_pci_common_cfg, device_status),
			1, running);
	rig.fns[0].holds_resets = true;
	rig.fns[0].release_after = 1000;
	VTEST_EQ(rig_probe_attached(&rig, 0, NULL), 0);
	rig_start(&rig);
	traffic();
	rig_close(&rig);
}

static void
control_queue_works_again_after_a_restart(void)
{
	static const char *const args[] = { "packed=0", "packed=1" };

	for (unsigned int i = 0; i < 4; i++) {
		struct rig_conf conf = { .args = args[i % 2] };

		if (i >= 2)
			conf.off = RIG_OFF(VIRTIO_F_RING_RESET);
		rig_note("%s, %s reset of queues", conf.args, i >= 2 ? "no" : "a");
		rig_open(&rig, &conf);
		rig_start(&rig);
		dev()->ctrl.timeout_us = 1000;
		rig.fns[0].deaf = true;
		VTEST_EQ(rte_eth_promiscuous_enable(port()), -ETIMEDOUT);
		rig.fns[0].deaf = false;
		dev()->ctrl.timeout_us = VIO_CMDQ_TIMEOUT_US;
		VTEST_EQ(rte_eth_dev_stop(port()), 0);
		/* The device may still write to the command: it is reset first, and is slow. */
		rig.fns[0].holds_resets = i < 2;
		rig.fns[0].release_after = 1000;
		VTEST_EQ(rte_eth_dev_start(port()), 0);
		VTEST(!rig.fns[0].holds_resets);
		VTEST_EQ(rte_eth_promiscuous_enable(port()), 0);
		traffic();
		rig_close(&rig);
	}
}

static void
device_that_restarted_by_itself_is_set_up_anew(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		const struct rig_conf conf = { 0 };
		struct rte_eth_link link;

		rig_open(&rig, &conf);
		if (i == 0) { /* after the probe */
			vsim_fn_reset(rig.fns[0].fn);
			rig_start(&rig);
		} else { /* while stopped, while started */
			rig_start(&rig);
			if (i == 2) {
				vsim_fn_reset(rig.fns[0].fn);
				VTEST_EQ(rte_eth_link_get_nowait(port(), &link), 0);
				VTEST_EQ(link.link_status, RTE_ETH_LINK_DOWN);
			}
			VTEST_EQ(rte_eth_dev_stop(port()), 0);
			vsim_fn_reset(rig.fns[0].fn);
			VTEST_EQ(rte_eth_dev_start(port()), 0);
		}
		traffic();
		rig_close(&rig);
	}
}

static void
port_is_as_after_a_probe_after_dev_reset(void)
{
	const struct rig_conf conf = { 0 };
	struct rte_ether_addr first, more = { { 2, 0, 0, 0, 0, 7 } }, now;
	struct rte_mbuf *pkt;

	rig_open(&rig, &conf);
	VTEST_EQ(rte_eth_macaddr_get(port(), &first), 0);
	for (unsigned int round = 0; round < 3; round++) {
		rig_start(&rig);
		traffic();
		VTEST_EQ(rte_eth_dev_default_mac_addr_set(port(), &more), 0);
		if (round == 1) { /* a buffer that the device cannot reach */
			pkt = rig_packet(rig.pool, 60, 0, 0, NULL);
			pkt->buf_iova = 0x1000;
			VTEST_EQ(rte_eth_tx_burst(port(), 0, &pkt, 1), 1);
			rig_step(&rig);
			VTEST((vio_dev_status(&dev()->vio) & VIRTIO_STATUS_NEEDS_RESET) != 0);
		}
		if (round == 2)
			VTEST_EQ(rte_eth_dev_stop(port()), 0);
		VTEST_EQ(rte_eth_dev_reset(port()), 0);
		if (round == 1)
			pkt->buf_iova = rte_mempool_virt2iova(pkt) + sizeof(*pkt);
		VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
		VTEST_EQ(rte_eth_macaddr_get(port(), &now), 0);
		VTEST(rte_is_same_ether_addr(&first, &now));
		VTEST(rte_eth_dev_start(port()) != 0); /* not configured */
	}
	rig_start(&rig);
	traffic();
	rig_close(&rig);
}

static void
dev_reset_can_be_repeated_until_the_device_is_back(void)
{
	start_impatient(rig_pool("rig", 2048, 2048));
	rig.fns[0].holds_resets = true;
	for (unsigned int round = 0; round < 3; round++)
		VTEST_EQ(rte_eth_dev_reset(port()), -ETIMEDOUT);
	VTEST(rte_mempool_in_use_count(rig.pool) != 0);
	rig_reset_release(&rig.fns[0]);
	VTEST_EQ(rte_eth_dev_reset(port()), 0);
	VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
	VTEST_EQ(rig_configure(&rig, 0, 1, 64, 0, rig.pool), 0);
	VTEST_EQ(rte_eth_dev_start(port()), 0);
	traffic();
	rig_close(&rig);
}

/* New firmware offers less, and then the same as at first. */
static void
changed_features_change_the_queues(void)
{
	const struct {
		const char *what;
		struct vsim_features hidden;
	} rows[] = {
		{ "no packed rings", RIG_OFF(VIRTIO_F_RING_PACKED) },
		{ "no mergeable buffers", RIG_OFF(VIRTIO_NET_F_MRG_RXBUF) },
		{ "no order", RIG_OFF(VIRTIO_F_IN_ORDER) },
		{ "no indirect tables", RIG_OFF(VIRTIO_F_INDIRECT_DESC) },
		{ "no event index", RIG_OFF(VIRTIO_F_EVENT_IDX) },
		{ "no control queue", RIG_OFF(VIRTIO_NET_F_CTRL_VQ) },
		{ "no several queues", RIG_OFF(VIRTIO_NET_F_MQ) },
		{ "almost nothing",
				RIG_OFF(VIRTIO_F_RING_PACKED, VIRTIO_NET_F_MRG_RXBUF,
						VIRTIO_F_IN_ORDER, VIRTIO_F_INDIRECT_DESC,
						VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ) },
	};

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		const struct rig_conf conf = { .off = RIG_OFF(VIRTIO_F_RING_RESET) };
		uint64_t sent;

		rig_note("%s", rows[i].what);
		rig_open(&rig, &conf);
		VTEST_EQ(rig_configure(&rig, 0, 1, 60, 0, rig.pool), 0);
		VTEST_EQ(rte_eth_dev_start(port()), 0);
		traffic();
		sent = rig_xstat(port(), "tx_q0_packets");
		for (unsigned int change = 0; change < 2; change++) {
			VTEST_EQ(rte_eth_dev_stop(port()), 0);
			rig.fns[0].hidden = change == 0 ? rows[i].hidden : rig_off(NULL, 0);
			VTEST_EQ(rte_eth_dev_start(port()), 0);
			traffic();
			sent += BURST;
			VTEST_EQ(rig_xstat(port(), "tx_q0_packets"), sent);
		}
		rig_close(&rig);
	}
}

/* Send packets and receive as many, in any order. */
static void
traffic_of_flows(void)
{
	struct rte_mbuf *pkts[BURST], *got[BURST];
	uint16_t nb = 0;

	for (uint16_t i = 0; i < BURST; i++)
		pkts[i] = rig_packet(rig.pool, 60, 0, i, NULL);
	VTEST_EQ(rte_eth_tx_burst(port(), 0, pkts, BURST), BURST);
	rig_step(&rig);
	for (unsigned int i = 0; i < BURST; i++)
		nb += rte_eth_rx_burst(port(), 0, &got[nb], BURST - nb);
	VTEST_EQ(nb, BURST);
	rte_pktmbuf_free_bulk(got, BURST);
}

/* Descriptors of the rings of a queue and of its extra queues; 0: they differ. */
static uint16_t
ring_size(void)
{
	const struct rte_eth_dev_data *data = rte_eth_devices[port()].data;
	const struct vsr_rxq *rxq = data->rx_queues[0];
	const uint16_t size = rxq->vq->size;

	for (; rxq != NULL; rxq = rxq->next)
		if (rxq->vq->size != size)
			return 0;
	for (uint16_t i = 0; i < data->nb_tx_queues; i++)
		if (((const struct vsr_txq *)data->tx_queues[i])->vq->size != size)
			return 0;
	return size;
}

/* New firmware has smaller rings, and then as large ones as at first. */
static void
changed_ring_limits_change_the_queues(void)
{
	static const struct {
		uint16_t most, want;
	} rows[] = { { 0, 128 }, { 64, 64 }, { 32, 32 }, { 0, 32 } };
	static const char *const args[] = { "packed=0", "packed=1" };
	const struct rte_eth_conf eth_conf = { 0 };
	struct rte_eth_dev_info info;

	for (unsigned int l = 0; l < RTE_DIM(args); l++)
		for (uint16_t nb_tx = 1; nb_tx <= 3; nb_tx += 2) {
			const struct rig_conf conf = { .off = RIG_OFF(VIRTIO_F_RING_RESET),
				.args = args[l] };

			rig_open(&rig, &conf);
			VTEST_EQ(rte_eth_dev_configure(port(), 1, nb_tx, &eth_conf), 0);
			VTEST_EQ(rte_eth_rx_queue_setup(port(), 0, 128, 0, NULL, rig.pool), 0);
			for (uint16_t q = 0; q < nb_tx; q++)
				VTEST_EQ(rte_eth_tx_queue_setup(port(), q, 128, 0, NULL), 0);
			for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
				rig_note("%s, %u TX queues, row %u", args[l], nb_tx, i);
				rig.fns[0].largest_ring = rows[i].most;
				VTEST_EQ(rte_eth_dev_start(port()), 0);
				traffic_of_flows();
				VTEST_EQ(ring_size(), rows[i].want);
				VTEST_EQ(rte_eth_dev_info_get(port(), &info), 0);
				VTEST_EQ(info.default_rxportconf.ring_size,
						rows[i].most == 0 ? 256 : rows[i].most);
				VTEST_EQ(info.default_txportconf.ring_size,
						rows[i].most == 0 ? 256 : rows[i].most);
				VTEST_EQ(rte_eth_dev_stop(port()), 0);
			}
			/* The application asks for more than the device has now. */
			rig.fns[0].largest_ring = 64;
			VTEST_EQ(rte_eth_dev_start(port()), 0);
			VTEST_EQ(rte_eth_dev_stop(port()), 0);
			VTEST_EQ(rte_eth_rx_queue_setup(port(), 0, 256, 0, NULL, rig.pool), 0);
			for (uint16_t q = 0; q < nb_tx; q++)
				VTEST_EQ(rte_eth_tx_queue_setup(port(), q, 256, 0, NULL), 0);
			VTEST_EQ(rte_eth_dev_start(port()), 0);
			traffic_of_flows();
			VTEST_EQ(ring_size(), 64);
			rig_close(&rig);
		}
}

static void
device_that_has_become_too_small_is_refused(void)
{
	static const struct {
		const char *args;
		uint8_t hidden;
		uint16_t nb_queues;
		uint64_t offloads;
	} rows[] = {
		{ NULL, VIRTIO_NET_F_MQ, 2, 0 },
		{ NULL, VIRTIO_NET_F_CTRL_VLAN, 1, RTE_ETH_RX_OFFLOAD_VLAN_FILTER },
		{ NULL, VIRTIO_NET_F_MRG_RXBUF, 1, RTE_ETH_RX_OFFLOAD_SCATTER },
		{ "rx_path=packed_mrg", VIRTIO_F_RING_PACKED, 1, 0 },
	};

	for (unsigned int i = 0; i < RTE_DIM(rows); i++) {
		const struct rig_conf conf = { .off = RIG_OFF(VIRTIO_F_RING_RESET),
			.args = rows[i].args };

		rig_note("row %u", i);
		rig_open(&rig, &conf);
		VTEST_EQ(rig_configure(&rig, 0, rows[i].nb_queues, 64, rows[i].offloads, rig.pool),
				0);
		VTEST_EQ(rte_eth_dev_start(port()), 0);
		VTEST_EQ(rte_eth_dev_stop(port()), 0);
		rig.fns[0].hidden = RIG_OFF(rows[i].hidden);
		VTEST(rte_eth_dev_start(port()) < 0);
		VTEST(rte_eth_dev_start(port()) < 0);
		VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
		rig.fns[0].hidden = rig_off(NULL, 0);
		VTEST_EQ(rte_eth_dev_stop(port()), 0);
		vsim_fn_reset(rig.fns[0].fn);
		VTEST_EQ(rte_eth_dev_start(port()), 0);
		rig_close(&rig);
	}
}

/* ethdev takes a failed change of the configuration back. */
static void
failed_change_of_the_vlan_filter_is_taken_back(void)
{
	const struct rig_conf conf = { .args = "reset_timeout_ms=1" };
	static const uint64_t filters[] = { 0, RTE_ETH_RX_OFFLOAD_VLAN_FILTER };

	for (unsigned int i = 0; i < RTE_DIM(filters); i++) {
		rig_open(&rig, &conf);
		VTEST_EQ(rig_configure(&rig, 0, 1, 64, filters[i], rig.pool), 0);
		rig.fns[0].holds_resets = true;
		VTEST_EQ(rte_eth_dev_set_vlan_offload(port(),
					 filters[i] == 0 ? RTE_ETH_VLAN_FILTER_OFFLOAD : 0),
				-ETIMEDOUT);
		rig_reset_release(&rig.fns[0]);
		VTEST_EQ(rte_eth_dev_start(port()), 0);
		VTEST_EQ(vsr_has(dev(), VIRTIO_NET_F_CTRL_VLAN), filters[i] != 0);
		rig_close(&rig);
	}
}

static const struct vtest_case cases[] = {
	{ "stop_without_an_answer_keeps_the_packets_until_the_next_start",
			stop_without_an_answer_keeps_the_packets_until_the_next_start },
	{ "released_queues_are_freed_when_the_device_has_answered",
			released_queues_are_freed_when_the_device_has_answered },
	{ "configuration_after_an_unanswered_stop_loses_no_packet",
			configuration_after_an_unanswered_stop_loses_no_packet },
	{ "close_takes_the_device_off_the_bus_and_frees_all",
			close_takes_the_device_off_the_bus_and_frees_all },
	{ "closed_port_in_reset_leaves_its_number_usable",
			closed_port_in_reset_leaves_its_number_usable },
	{ "start_waits_for_a_slow_reset", start_waits_for_a_slow_reset },
	{ "probe_waits_for_a_slow_reset", probe_waits_for_a_slow_reset },
	{ "control_queue_works_again_after_a_restart", control_queue_works_again_after_a_restart },
	{ "device_that_restarted_by_itself_is_set_up_anew",
			device_that_restarted_by_itself_is_set_up_anew },
	{ "port_is_as_after_a_probe_after_dev_reset", port_is_as_after_a_probe_after_dev_reset },
	{ "dev_reset_can_be_repeated_until_the_device_is_back",
			dev_reset_can_be_repeated_until_the_device_is_back },
	{ "changed_features_change_the_queues", changed_features_change_the_queues },
	{ "changed_ring_limits_change_the_queues", changed_ring_limits_change_the_queues },
	{ "device_that_has_become_too_small_is_refused",
			device_that_has_become_too_small_is_refused },
	{ "failed_change_of_the_vlan_filter_is_taken_back",
			failed_change_of_the_vlan_filter_is_taken_back },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
