/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Commands of the control queue, checked by the packets that pass afterwards. */

#include <errno.h>
#include <string.h>

#include "test/fixture/rig.h"

#define BURST 32

static const struct rte_ether_addr own = { { 0x02, 0, 0, 0, 0, 1 } };
static const struct rte_ether_addr other = { { 0x02, 0, 0, 0, 0, 0x77 } };
static const struct rte_ether_addr group = { { 0x01, 0x00, 0x5e, 1, 2, 3 } };

static struct rig rig;

static const char *const layouts[] = { "packed=0", "packed=1" };

static void
start(const char *args, struct vsim_features off)
{
	const struct rig_conf conf = { .args = args, .off = off };

	rig_note("%s", args);
	rig_open(&rig, &conf);
	rig_start(&rig);
}

/* Whether this packet comes back to the port. */
static bool
comes_back(struct rte_mbuf *pkt)
{
	struct rte_mbuf *got;
	uint16_t nb;

	VTEST_EQ(rte_eth_tx_burst(rig.fns[0].port, 0, &pkt, 1), 1);
	rig_step(&rig);
	nb = rte_eth_rx_burst(rig.fns[0].port, 0, &got, 1);
	if (nb == 1)
		rte_pktmbuf_free(got);
	return nb == 1;
}

/* Whether a packet to this address comes back to the port. */
static bool
arrives(const struct rte_ether_addr *dst)
{
	return comes_back(rig_packet(rig.pool, 64, 0, 3, dst));
}

static void
promiscuous_mode_opens_and_closes(void)
{
	for (unsigned int l = 0; l < RTE_DIM(layouts); l++) {
		uint16_t port;

		start(layouts[l], RIG_OFF(VIRTIO_NET_F_CTRL_RX_EXTRA));
		port = rig.fns[0].port;
		VTEST(arrives(&own));
		VTEST(!arrives(&other));
		VTEST_EQ(rte_eth_promiscuous_enable(port), 0);
		VTEST(arrives(&other));
		/* The mode survives a restart, with and without queue reset. */
		VTEST_EQ(rte_eth_dev_stop(port), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		VTEST(arrives(&other));
		VTEST_EQ(rte_eth_promiscuous_disable(port), 0);
		VTEST(!arrives(&other));
		VTEST(arrives(&own));
		rig_close(&rig);
	}
}

static void
modes_survive_a_device_reset(void)
{
	for (unsigned int l = 0; l < RTE_DIM(layouts); l++) {
		uint16_t port;

		start(layouts[l], RIG_OFF(VIRTIO_F_RING_RESET));
		port = rig.fns[0].port;
		VTEST_EQ(rte_eth_promiscuous_enable(port), 0);
		VTEST_EQ(rte_eth_dev_set_mc_addr_list(port,
					 (struct rte_ether_addr *)(uintptr_t)&group, 1),
				0);
		VTEST_EQ(rte_eth_dev_stop(port), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		VTEST(arrives(&other));
		VTEST_EQ(rte_eth_promiscuous_disable(port), 0);
		VTEST(!arrives(&other));
		VTEST(arrives(&group));
		rig_close(&rig);
	}
}

/* The next start sends the list that the device took last. */
static void
refused_multicast_list_is_taken_back(void)
{
	static struct rte_ether_addr refused = { { 0x01, 0, 0x5e, 9, 9, 9 } };
	struct rte_ether_addr taken = group;

	for (unsigned int l = 0; l < RTE_DIM(layouts); l++) {
		uint16_t port;

		start(layouts[l], (struct vsim_features){ { 0 } });
		port = rig.fns[0].port;
		VTEST_EQ(rte_eth_dev_set_mc_addr_list(port, &taken, 1), 0);
		vsr_dev_of(&rte_eth_devices[port])->ctrl.timeout_us = 20000;
		rig.fns[0].deaf = true;
		VTEST_EQ(rte_eth_dev_set_mc_addr_list(port, &refused, 1), -ETIMEDOUT);
		rig.fns[0].deaf = false;
		VTEST_EQ(rte_eth_dev_stop(port), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		VTEST(arrives(&group) && !arrives(&refused));
		rig_close(&rig);
	}
}

static void
all_multicast_opens_and_closes(void)
{
	for (unsigned int l = 0; l < RTE_DIM(layouts); l++) {
		start(layouts[l], (struct vsim_features){ { 0 } });
		VTEST(!arrives(&group));
		VTEST_EQ(rte_eth_allmulticast_enable(rig.fns[0].port), 0);
		VTEST(arrives(&group));
		VTEST_EQ(rte_eth_allmulticast_disable(rig.fns[0].port), 0);
		VTEST(!arrives(&group));
		rig_close(&rig);
	}
}

static void
address_tables_open_for_their_addresses(void)
{
	struct rte_ether_addr addr = other;

	for (unsigned int l = 0; l < RTE_DIM(layouts); l++) {
		uint16_t port;

		start(layouts[l], (struct vsim_features){ { 0 } });
		port = rig.fns[0].port;
		VTEST_EQ(rte_eth_dev_mac_addr_add(port, &addr, 0), 0);
		VTEST(arrives(&other));
		VTEST(!arrives(&group));
		VTEST_EQ(rte_eth_dev_set_mc_addr_list(port,
					 (struct rte_ether_addr *)(uintptr_t)&group, 1),
				0);
		VTEST(arrives(&other));
		VTEST(arrives(&group));
		VTEST_EQ(rte_eth_dev_mac_addr_remove(port, &addr), 0);
		VTEST(!arrives(&other));
		VTEST(arrives(&group));
		VTEST_EQ(rte_eth_dev_set_mc_addr_list(port, NULL, 0), 0);
		VTEST(!arrives(&group));
		rig_close(&rig);
	}
}

static void
own_address_moves(void)
{
	struct rte_ether_addr addr = other;
	struct vsim_fn_state state;

	for (unsigned int l = 0; l < RTE_DIM(layouts); l++) {
		struct rte_ether_addr now;
		uint16_t port;

		start(layouts[l], (struct vsim_features){ { 0 } });
		port = rig.fns[0].port;
		VTEST_EQ(rte_eth_macaddr_get(port, &now), 0);
		VTEST(rte_is_same_ether_addr(&now, &own));
		VTEST_EQ(rte_eth_dev_default_mac_addr_set(port, &addr), 0);
		vsim_fn_get_state(rig.fns[0].fn, &state);
		VTEST(memcmp(state.mac, other.addr_bytes, 6) == 0);
		VTEST(arrives(&other));
		VTEST(!arrives(&own));
		rig_close(&rig);
	}
}

static void
address_set_while_stopped_counts_at_start(void)
{
	const struct rig_conf conf = { 0 };
	struct rte_ether_addr addr = other;
	uint16_t port;

	rig_open(&rig, &conf);
	port = rig.fns[0].port;
	VTEST_EQ(rte_eth_dev_default_mac_addr_set(port, &addr), 0);
	rig_start(&rig);
	VTEST(arrives(&other));
	VTEST(!arrives(&own));
	rig_close(&rig);
}

static void
vlans_are_filtered_when_asked_only(void)
{
	struct rte_eth_conf eth_conf = { .rxmode.offloads = RTE_ETH_RX_OFFLOAD_VLAN_FILTER };

	for (unsigned int l = 0; l < RTE_DIM(layouts); l++)
		for (int filter = 0; filter < 2; filter++) {
			struct rte_mbuf *pkt[2], *got[2];
			uint16_t port;

			start(layouts[l], (struct vsim_features){ { 0 } });
			port = rig.fns[0].port;
			if (filter) {
				VTEST_EQ(rte_eth_dev_stop(port), 0);
				VTEST_EQ(rte_eth_dev_configure(port, 1, 1, &eth_conf), 0);
				VTEST_EQ(rte_eth_dev_start(port), 0);
				VTEST_EQ(rte_eth_dev_vlan_filter(port, 7, 1), 0);
			} else {
				VTEST(rte_eth_dev_vlan_filter(port, 7, 1) != 0);
			}
			for (unsigned int i = 0; i < 2; i++) {
				uint8_t *data;

				pkt[i] = rig_packet(rig.pool, 64, 0, 3, &own);
				data = rte_pktmbuf_mtod(pkt[i], uint8_t *);
				data[12] = 0x81;
				data[13] = 0;
				data[14] = 0;
				data[15] = i == 0 ? 7 : 8;
			}
			VTEST_EQ(rte_eth_tx_burst(port, 0, pkt, 2), 2);
			rig_step(&rig);
			VTEST_EQ(rte_eth_rx_burst(port, 0, got, 2), filter ? 1 : 2);
			VTEST_EQ(rte_pktmbuf_mtod(got[0], uint8_t *)[15], 7);
			rte_pktmbuf_free_bulk(got, filter ? 1 : 2);
			/* The addresses also survive a restart that resets the device. */
			VTEST_EQ(rte_eth_dev_stop(port), 0);
			VTEST_EQ(rte_eth_dev_start(port), 0);
			VTEST(arrives(&own));
			rig_close(&rig);
		}
}

/* Whether a packet of this VLAN comes back to the port. */
static bool
vlan_arrives(uint8_t vlan)
{
	struct rte_mbuf *pkt = rig_packet(rig.pool, 64, 0, 3, &own);
	uint8_t *data = rte_pktmbuf_mtod(pkt, uint8_t *);

	data[12] = 0x81;
	data[13] = 0;
	data[14] = 0;
	data[15] = vlan;
	return comes_back(pkt);
}

static void
vlan_filter_can_be_switched(void)
{
	for (unsigned int l = 0; l < 2 * RTE_DIM(layouts); l++) {
		const struct vsim_features off = l < RTE_DIM(layouts) ?
				RIG_OFF(VIRTIO_F_RING_RESET) :
				(struct vsim_features){ { 0 } };
		uint16_t port;

		start(layouts[l % 2], off);
		port = rig.fns[0].port;
		/* Off at the start: the device has to be reset first. */
		VTEST_EQ(rte_eth_dev_set_vlan_offload(port, RTE_ETH_VLAN_FILTER_OFFLOAD), -EBUSY);
		VTEST(vlan_arrives(8));
		VTEST_EQ(rte_eth_dev_stop(port), 0);
		VTEST_EQ(rte_eth_dev_set_vlan_offload(port, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		VTEST(!vlan_arrives(7));
		VTEST_EQ(rte_eth_dev_vlan_filter(port, 7, 1), 0);
		VTEST(vlan_arrives(7) && !vlan_arrives(8));
		/* On at the start: it can be switched off and on. */
		VTEST_EQ(rte_eth_dev_set_vlan_offload(port, 0), 0);
		VTEST(vlan_arrives(7) && vlan_arrives(8));
		VTEST_EQ(rte_eth_dev_stop(port), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		VTEST(vlan_arrives(7) && vlan_arrives(8));
		VTEST_EQ(rte_eth_dev_set_vlan_offload(port, RTE_ETH_VLAN_FILTER_OFFLOAD), 0);
		VTEST(vlan_arrives(7) && !vlan_arrives(8));
		VTEST_EQ(rte_eth_dev_stop(port), 0);
		VTEST_EQ(rte_eth_dev_set_vlan_offload(port, 0), 0);
		VTEST_EQ(rte_eth_dev_start(port), 0);
		VTEST(vlan_arrives(8));
		rig_close(&rig);
	}
}

/* All pairs in use receive flows, no packet is lost, and the number of pairs may change. */
static void
queue_pairs_share_the_packets(void)
{
	static const uint16_t pairs[] = { 2, 4, 1, 3 };

	for (unsigned int l = 0; l < 2 * RTE_DIM(layouts); l++)
		for (unsigned int p = 0; p < RTE_DIM(pairs); p++) {
			const uint16_t nb_pairs = pairs[p];
			struct rig_conf conf = { .args = layouts[l % 2] };
			unsigned int queues_hit = 0;
			struct vsim_fn_state state;
			uint16_t total = 0;

			if (l >= RTE_DIM(layouts))
				conf.off = RIG_OFF(VIRTIO_F_RING_RESET);
			rig_note("%s, %u pairs", layouts[l % 2], nb_pairs);
			if (p == 0)
				rig_open(&rig, &conf);
			else
				VTEST_EQ(rte_eth_dev_stop(rig.fns[0].port), 0);
			VTEST_EQ(rig_configure(&rig, 0, nb_pairs, 64, 0, rig.pool), 0);
			VTEST_EQ(rte_eth_dev_start(rig.fns[0].port), 0);
			vsim_fn_get_state(rig.fns[0].fn, &state);
			VTEST_EQ(state.queue_pairs, nb_pairs);
			for (uint16_t i = 0; i < 48; i++) {
				struct rte_mbuf *pkt = rig_packet(rig.pool, 60, 0, i * 97, NULL);

				VTEST_EQ(rte_eth_tx_burst(rig.fns[0].port, i % nb_pairs, &pkt, 1),
						1);
			}
			rig_step(&rig);
			for (uint16_t q = 0; q < nb_pairs; q++) {
				struct rte_mbuf *got[64];
				uint16_t nb = rte_eth_rx_burst(rig.fns[0].port, q, got, 64);

				rte_pktmbuf_free_bulk(got, nb);
				queues_hit += nb != 0;
				total += nb;
			}
			VTEST_EQ(total, 48);
			VTEST_EQ(queues_hit, nb_pairs);
			if (p == RTE_DIM(pairs) - 1)
				rig_close(&rig);
		}
}

static void
what_is_not_offered_is_not_supported(void)
{
	struct rte_ether_addr addr = other;
	uint16_t port;

	start("packed=1", RIG_OFF(VIRTIO_NET_F_CTRL_VQ));
	port = rig.fns[0].port;
	VTEST_EQ(rte_eth_promiscuous_enable(port), -ENOTSUP);
	VTEST_EQ(rte_eth_allmulticast_enable(port), -ENOTSUP);
	VTEST_EQ(rte_eth_dev_default_mac_addr_set(port, &addr), -ENOTSUP);
	VTEST_EQ(rte_eth_dev_mac_addr_add(port, &addr, 0), -ENOSPC); /* only the own */
	VTEST_EQ(rte_eth_dev_set_mc_addr_list(port, &addr, 1), -ENOTSUP);
	VTEST(arrives(NULL));
	rig_close(&rig);
}

static const struct vtest_case cases[] = {
	{ "promiscuous_mode_opens_and_closes", promiscuous_mode_opens_and_closes },
	{ "modes_survive_a_device_reset", modes_survive_a_device_reset },
	{ "refused_multicast_list_is_taken_back", refused_multicast_list_is_taken_back },
	{ "all_multicast_opens_and_closes", all_multicast_opens_and_closes },
	{ "address_tables_open_for_their_addresses", address_tables_open_for_their_addresses },
	{ "own_address_moves", own_address_moves },
	{ "address_set_while_stopped_counts_at_start", address_set_while_stopped_counts_at_start },
	{ "vlans_are_filtered_when_asked_only", vlans_are_filtered_when_asked_only },
	{ "vlan_filter_can_be_switched", vlan_filter_can_be_switched },
	{ "queue_pairs_share_the_packets", queue_pairs_share_the_packets },
	{ "what_is_not_offered_is_not_supported", what_is_not_offered_is_not_supported },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
