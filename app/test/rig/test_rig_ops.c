/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Every ethdev operation in every state of a port, and values that an operation must refuse. */

#include <errno.h>
#include <string.h>

#include "test/fixture/rig.h"

#define FN 1 /* a VF, since a VF can be removed */
#define BURST 8

enum state {
	PROBED, /* not configured */
	CONFIGURED, /* queues are set up, never started */
	STARTED,
	STOPPED,
	STALLED, /* started, and the device asks for a reset */
	GONE, /* started, and the device was removed */
	SECONDARY, /* a secondary process, while the primary process has the port started */
	NB_STATES,
};

static const char *const state_names[] = { "probed", "configured", "started", "stopped", "stalled",
	"gone", "secondary" };

static struct rig rig;
static struct rte_eth_dev primary;

static uint16_t
port(void)
{
	return rig.fns[FN].port;
}

static int
configure(uint16_t nb_rx, uint16_t nb_tx, uint64_t offloads)
{
	struct rte_eth_conf conf = { .rxmode = { .mtu = 1500, .offloads = offloads } };
	int ret = rte_eth_dev_configure(port(), nb_rx, nb_tx, &conf);

	for (uint16_t i = 0; ret == 0 && i < nb_rx; i++)
		ret = rte_eth_rx_queue_setup(port(), i, 64, 0, NULL, rig.pool);
	for (uint16_t i = 0; ret == 0 && i < nb_tx; i++)
		ret = rte_eth_tx_queue_setup(port(), i, 64, 0, NULL);
	return ret;
}

static void
traffic(void)
{
	struct rte_mbuf *pkts[BURST], *got[BURST];

	for (uint16_t i = 0; i < BURST; i++)
		pkts[i] = rig_packet(rig.pool, 60 + i, 0, i, NULL);
	VTEST_EQ(rte_eth_tx_burst(port(), 0, pkts, BURST), BURST);
	rig_step(&rig);
	VTEST_EQ(rte_eth_rx_burst(port(), 0, got, BURST), BURST);
	for (uint16_t i = 0; i < BURST; i++)
		VTEST(rig_packet_is(got[i], 60 + i, i));
	rte_pktmbuf_free_bulk(got, BURST);
}

/* A packet outside of the memory that the device may access. */
static void
stall(void)
{
	struct rte_mbuf *pkt = rig_packet(rig.pool, 60, 0, 0, NULL);
	const rte_iova_t iova = rte_mbuf_iova_get(pkt);

	rte_mbuf_iova_set(pkt, UINT64_C(1) << 46);
	VTEST_EQ(rte_eth_tx_burst(port(), 0, &pkt, 1), 1);
	rig_step(&rig);
	rte_mbuf_iova_set(pkt, iova);
}

static void
enter(enum state state)
{
	const struct rig_conf conf = { .total_vfs = 1 };
	char err[128];

	rig_open(&rig, &conf);
	rig_vfs_set(&rig, 1);
	VTEST_EQ(vsim_nic_wire(rig.nic, FN, "peer:1", err, sizeof(err)), 0);
	VTEST_EQ(rig_probe(&rig, FN, NULL, false), 0);
	if (state == PROBED)
		return;
	VTEST_EQ(configure(1, 1, 0), 0);
	if (state == CONFIGURED)
		return;
	VTEST_EQ(rte_eth_dev_start(port()), 0);
	traffic();
	if (state == STOPPED) {
		/* The device has sent a packet, and nobody has taken the buffer back. */
		struct rte_mbuf *pkt = rig_packet(rig.pool, 60, 0, 0, NULL);

		VTEST_EQ(rte_eth_tx_burst(port(), 0, &pkt, 1), 1);
		rig_step(&rig);
		VTEST_EQ(rte_eth_dev_stop(port()), 0);
	} else if (state == STALLED) {
		stall();
	} else if (state == GONE) {
		rig_vfs_set(&rig, 0);
	} else if (state == SECONDARY) {
		struct rte_eth_dev *eth_dev = &rte_eth_devices[port()];

		primary = *eth_dev;
		VTEST(rte_eth_dev_attach_secondary("rig1") == eth_dev);
		VTEST_EQ(vsr_eth_init_secondary(eth_dev), 0);
	}
}

static void
no_packet_failed(void)
{
	struct rte_eth_stats stats;

	VTEST_EQ(rte_eth_stats_get(port(), &stats), 0);
	VTEST_EQ(stats.oerrors, 0);
	VTEST_EQ(stats.ierrors, 0);
}

/* The port must work, whatever the operation did; a device that is gone must let go. */
static void
leave(enum state state)
{
	if (state == GONE) {
		VTEST(rte_eth_dev_stop(port()) != 0 || !rte_eth_devices[port()].data->dev_started);
		VTEST_EQ(rte_mempool_in_use_count(rig.pool), 0);
		rte_eth_dev_close(port());
		rig.fns[FN].port = RTE_MAX_ETHPORTS;
		rig_close_broken(&rig);
		return;
	}
	if (state == SECONDARY)
		rte_eth_devices[port()] = primary;
	if (state == SECONDARY || state == STARTED)
		if (rte_eth_devices[port()].data->dev_started)
			traffic();
	if (rte_eth_devices[port()].data->dev_started)
		VTEST_EQ(rte_eth_dev_stop(port()), 0);
	/* The queues that are set up now begin to count anew. */
	no_packet_failed();
	VTEST_EQ(configure(1, 1, 0), 0);
	VTEST_EQ(rte_eth_dev_start(port()), 0);
	traffic();
	no_packet_failed();
	if (state == STALLED)
		rig_close_broken(&rig); /* the violation was wanted */
	else
		rig_close(&rig);
}

/* ------------------------------------------------------------------ operations */

static const struct rte_ether_addr addr = { { 0x02, 0, 0, 0, 0, 0x33 } };
static const struct rte_ether_addr group = { { 0x01, 0, 0x5e, 1, 2, 3 } };

static struct rte_ether_addr *
writable(const struct rte_ether_addr *from)
{
	static struct rte_ether_addr to;

	to = *from;
	return &to;
}

static int
op_configure(void)
{
	const struct rte_eth_conf conf = { 0 };

	return rte_eth_dev_configure(port(), 1, 1, &conf);
}

static int
op_configure_rss(void)
{
	const struct rte_eth_conf conf = { .rxmode.mq_mode = RTE_ETH_MQ_RX_RSS };

	return rte_eth_dev_configure(port(), 2, 2, &conf);
}

static int
op_configure_rss_one(void)
{
	const struct rte_eth_conf conf = { .rxmode.mq_mode = RTE_ETH_MQ_RX_RSS };

	return rte_eth_dev_configure(port(), 1, 1, &conf);
}

static int
op_configure_dcb(void)
{
	const struct rte_eth_conf conf = { .rxmode.mq_mode = RTE_ETH_MQ_RX_DCB };

	return rte_eth_dev_configure(port(), 2, 2, &conf);
}

/* Started with a queue that was not set up, after a stop if need be. */
static int
op_start_half(void)
{
	const struct rte_eth_conf conf = { 0 };
	int ret;

	ret = rte_eth_dev_configure(port(), 2, 2, &conf);
	if (ret != 0)
		return ret;
	VTEST_EQ(rte_eth_rx_queue_setup(port(), 0, 64, 0, NULL, rig.pool), 0);
	VTEST_EQ(rte_eth_rx_queue_setup(port(), 1, 64, 0, NULL, rig.pool), 0);
	VTEST_EQ(rte_eth_tx_queue_setup(port(), 0, 64, 0, NULL), 0);
	VTEST_EQ(rte_eth_tx_done_cleanup(port(), 1, 0), -EINVAL);
	VTEST_EQ(rte_eth_dev_start(port()), -EINVAL);
	/* The other way round: an RX queue is missing. */
	VTEST_EQ(rte_eth_dev_configure(port(), 1, 1, &conf), 0);
	VTEST_EQ(rte_eth_dev_configure(port(), 2, 2, &conf), 0);
	VTEST_EQ(rte_eth_tx_queue_setup(port(), 1, 64, 0, NULL), 0);
	VTEST_EQ(rte_eth_dev_start(port()), -EINVAL);
	VTEST_EQ(rte_eth_rx_queue_setup(port(), 1, 64, 0, NULL, rig.pool), 0);
	return rte_eth_dev_start(port());
}

/* Operations on a port that is configured and has no queue set up. */
static int
op_no_queues(void)
{
	const struct rte_eth_conf conf = { .rxmode.mtu = 1500 };
	struct rte_eth_xstat xstats[128];
	int ret;

	ret = rte_eth_dev_configure(port(), 1, 1, &conf);
	if (ret != 0)
		return ret;
	ret = rte_eth_dev_configure(port(), 3, 3, &conf);
	no_packet_failed();
	VTEST(rte_eth_xstats_get(port(), xstats, RTE_DIM(xstats)) >= 0);
	VTEST_EQ(rte_eth_xstats_reset(port()), 0);
	VTEST_EQ(rte_eth_dev_set_mtu(port(), 1400), 0);
	VTEST_EQ(rte_eth_tx_done_cleanup(port(), 2, 0), -EINVAL);
	VTEST_EQ(rte_eth_dev_rx_intr_enable(port(), 2), -EINVAL);
	VTEST(rte_eth_dev_reset(port()) == 0);
	return ret;
}

static int
op_start(void)
{
	return rte_eth_dev_start(port());
}
static int
op_stop(void)
{
	return rte_eth_dev_stop(port());
}
static int
op_link_up(void)
{
	return rte_eth_dev_set_link_up(port());
}

static int
op_infos(void)
{
	struct rte_eth_dev_info info;

	return rte_eth_dev_info_get(port(), &info);
}

/* 1: up */
static int
op_link(void)
{
	struct rte_eth_link link;
	const int ret = rte_eth_link_get_nowait(port(), &link);

	return ret != 0 ? ret : link.link_status;
}

/* ethdev stops the port first. */
static int
op_reset(void)
{
	return rte_eth_dev_reset(port());
}

static int
op_removed(void)
{
	return rte_eth_dev_is_removed(port());
}
static int
op_promisc_on(void)
{
	return rte_eth_promiscuous_enable(port());
}

static int
op_promisc_off(void)
{
	rte_eth_devices[port()].data->promiscuous = 1;
	const int ret = rte_eth_promiscuous_disable(port());

	rte_eth_devices[port()].data->promiscuous = 0;
	return ret;
}

static int
op_allmulti_on(void)
{
	return rte_eth_allmulticast_enable(port());
}

static int
op_allmulti_off(void)
{
	rte_eth_devices[port()].data->all_multicast = 1;
	const int ret = rte_eth_allmulticast_disable(port());

	rte_eth_devices[port()].data->all_multicast = 0;
	return ret;
}

static int
op_mac_set(void)
{
	return rte_eth_dev_default_mac_addr_set(port(), writable(&addr));
}
static int
op_mac_add(void)
{
	return rte_eth_dev_mac_addr_add(port(), writable(&addr), 0);
}

static int
op_mac_remove(void)
{
	rte_eth_devices[port()].data->mac_addrs[1] = addr;
	const int ret = rte_eth_dev_mac_addr_remove(port(), writable(&addr));

	memset(&rte_eth_devices[port()].data->mac_addrs[1], 0, sizeof(addr));
	return ret;
}

static int
op_mc(void)
{
	return rte_eth_dev_set_mc_addr_list(port(), writable(&group), 1);
}
static int
op_mtu(void)
{
	return rte_eth_dev_set_mtu(port(), 1400);
}
static int
op_mtu_large(void)
{
	return rte_eth_dev_set_mtu(port(), 9001);
}

static int
op_vlan_on(void)
{
	return rte_eth_dev_set_vlan_offload(port(), RTE_ETH_VLAN_FILTER_OFFLOAD);
}

static int
op_strip_on(void)
{
	return rte_eth_dev_set_vlan_offload(port(), RTE_ETH_VLAN_STRIP_OFFLOAD);
}
/* The filter is off. */
static int
op_vlan_add(void)
{
	return rte_eth_dev_vlan_filter(port(), 7, 1);
}

static int
op_stats(void)
{
	struct rte_eth_stats stats;

	return rte_eth_stats_get(port(), &stats);
}

static int
op_stats_reset(void)
{
	return rte_eth_stats_reset(port());
}

static int
op_xstats(void)
{
	struct rte_eth_xstat xstats[128];

	return rte_eth_xstats_get(port(), xstats, RTE_DIM(xstats));
}

static int
op_xstats_names(void)
{
	struct rte_eth_xstat_name names[128];

	return rte_eth_xstats_get_names(port(), names, RTE_DIM(names));
}

static int
op_xstats_reset(void)
{
	return rte_eth_xstats_reset(port());
}
static int
op_rxq(void)
{
	return rte_eth_rx_queue_setup(port(), 0, 128, 0, NULL, rig.pool);
}
static int
op_txq(void)
{
	return rte_eth_tx_queue_setup(port(), 0, 128, 0, NULL);
}
static int
op_rxq_none(void)
{
	return rte_eth_rx_queue_setup(port(), 9, 64, 0, NULL, rig.pool);
}
static int
op_rxq_large(void)
{
	return rte_eth_rx_queue_setup(port(), 0, VIRTQ_SIZE_MAX + 1, 0, NULL, rig.pool);
}
static int
op_rxq_no_pool(void)
{
	return rte_eth_rx_queue_setup(port(), 0, 64, 0, NULL, NULL);
}

static int
op_rxq_deferred(void)
{
	const struct rte_eth_rxconf conf = { .rx_deferred_start = 1 };

	return rte_eth_rx_queue_setup(port(), 0, 64, 0, &conf, rig.pool);
}

static int
op_txq_deferred(void)
{
	const struct rte_eth_txconf conf = { .tx_deferred_start = 1 };

	return rte_eth_tx_queue_setup(port(), 0, 64, 0, &conf);
}

static int
op_cleanup(void)
{
	return rte_eth_tx_done_cleanup(port(), 0, 0);
}
static int
op_rxq_start(void)
{
	return rte_eth_dev_rx_queue_start(port(), 0);
}
static int
op_txq_stop(void)
{
	return rte_eth_dev_tx_queue_stop(port(), 0);
}

static int
op_rxq_info(void)
{
	struct rte_eth_rxq_info info;

	return rte_eth_rx_queue_info_get(port(), 0, &info);
}

static int
op_txq_info(void)
{
	struct rte_eth_txq_info info;

	return rte_eth_tx_queue_info_get(port(), 0, &info);
}

static int
op_rx_mode(void)
{
	struct rte_eth_burst_mode mode;

	return rte_eth_rx_burst_mode_get(port(), 0, &mode);
}

static int
op_tx_mode(void)
{
	struct rte_eth_burst_mode mode;

	return rte_eth_tx_burst_mode_get(port(), 0, &mode);
}

static int
op_intr_on(void)
{
	return rte_eth_dev_rx_intr_enable(port(), 0);
}
static int
op_intr_off(void)
{
	return rte_eth_dev_rx_intr_disable(port(), 0);
}

static int
op_rss_get(void)
{
	struct rte_eth_rss_conf conf = { 0 };

	return rte_eth_dev_rss_hash_conf_get(port(), &conf);
}

static int
op_rx(void)
{
	struct rte_mbuf *pkts[BURST];

	return rte_eth_rx_burst(port(), 0, pkts, BURST);
}

#define OP(name) (offsetof(struct eth_dev_ops, name) / sizeof(void *))
#define NONE UINT32_MAX

struct row {
	const char *name;
	int (*call)(void);
	size_t op; /* of struct eth_dev_ops; NONE: the driver has no such operation */
	const char *want; /* a letter for each state, see wanted() */
};

/* The columns of the last string are the states, in their order. */
/* clang-format off */
static const struct row rows[] = {
	{ "configure",                op_configure,         OP(dev_configure),          "00b0bbs" },
	{ "configure RSS, 2 queues",  op_configure_rss,     NONE,                       "ssbsbbs" },
	{ "configure RSS, 1 queue",   op_configure_rss_one, NONE,                       "00b0bbs" },
	{ "configure DCB",            op_configure_dcb,     NONE,                       "vvbvbbs" },
	{ "start, a queue missing",   op_start_half,        NONE,                       "00b0bbs" },
	{ "all, no queue set up",     op_no_queues,         NONE,                       "00b0bbs" },
	{ "start",                    op_start,             OP(dev_start),              "v00000s" },
	{ "stop",                     op_stop,              OP(dev_stop),               "00000ds" },
	{ "link up",                  op_link_up,           NONE,                       "sssssss" },
	{ "infos",                    op_infos,             OP(dev_infos_get),          "0000000" },
	{ "link",                     op_link,              OP(link_update),            "0010001" },
	{ "reset",                    op_reset,             OP(dev_reset),              "00000is" },
	{ "removed",                  op_removed,           OP(is_removed),             "0000010" },
	{ "promisc on",               op_promisc_on,        OP(promiscuous_enable),     "0000iis" },
	{ "promisc off",              op_promisc_off,       OP(promiscuous_disable),    "0000iis" },
	{ "allmulti on",              op_allmulti_on,       OP(allmulticast_enable),    "0000iis" },
	{ "allmulti off",             op_allmulti_off,      OP(allmulticast_disable),   "0000iis" },
	{ "mac set",                  op_mac_set,           OP(mac_addr_set),           "0000iis" },
	{ "mac add",                  op_mac_add,           OP(mac_addr_add),           "0000iis" },
	{ "mac remove",               op_mac_remove,        OP(mac_addr_remove),        "000000s" },
	{ "mc",                       op_mc,                OP(set_mc_addr_list),       "0000iis" },
	{ "mtu",                      op_mtu,               OP(mtu_set),                "v00000s" },
	{ "mtu above the limit",      op_mtu_large,         NONE,                       "vvvvvvs" },
	{ "vlan on",                  op_vlan_on,           OP(vlan_offload_set),       "00b0bis" },
	{ "vlan strip on",            op_strip_on,          NONE,                       "vvvvvvv" },
	{ "vlan add",                 op_vlan_add,          OP(vlan_filter_set),        "yyyyyyy" },
	{ "stats",                    op_stats,             OP(stats_get),              "0000000" },
	{ "stats reset",              op_stats_reset,       OP(stats_reset),            "0000000" },
	{ "xstats",                   op_xstats,            OP(xstats_get),             "+++++++" },
	{ "xstats names",             op_xstats_names,      OP(xstats_get_names),       "+++++++" },
	{ "xstats reset",             op_xstats_reset,      OP(xstats_reset),           "0000000" },
	{ "rxq",                      op_rxq,               OP(rx_queue_setup),         "v0b0bbs" },
	{ "txq",                      op_txq,               OP(tx_queue_setup),         "v0b0bbs" },
	{ "rxq of no number",         op_rxq_none,          NONE,                       "vvvvvvv" },
	{ "rxq too large",            op_rxq_large,         NONE,                       "vvvvvvs" },
	{ "rxq without pool",         op_rxq_no_pool,       NONE,                       "vvvvvvs" },
	{ "rxq deferred",             op_rxq_deferred,      NONE,                       "vvbvbbs" },
	{ "txq deferred",             op_txq_deferred,      NONE,                       "vvbvbbs" },
	{ "cleanup",                  op_cleanup,           OP(tx_done_cleanup),        ".++++is" },
	{ "rxq start",                op_rxq_start,         NONE,                       "vvsvsss" },
	{ "txq stop",                 op_txq_stop,          NONE,                       "vssssss" },
	{ "rxq info",                 op_rxq_info,          OP(rxq_info_get),           "v000000" },
	{ "txq info",                 op_txq_info,          OP(txq_info_get),           "v000000" },
	{ "rx mode",                  op_rx_mode,           OP(rx_burst_mode_get),      "v00000s" },
	{ "tx mode",                  op_tx_mode,           OP(tx_burst_mode_get),      "v00000s" },
	{ "intr on",                  op_intr_on,           OP(rx_queue_intr_enable),   "vssssis" },
	{ "intr off",                 op_intr_off,          OP(rx_queue_intr_disable),  "vssssis" },
	{ "rss get",                  op_rss_get,           NONE,                       "sssssss" },
	{ "rx",                       op_rx,                NONE,                       "+++++++" },
};
/* clang-format on */

/* Called by ethdev within other operations: configure, and the setup of a queue again; leave()
 * closes the port. */
static const size_t inner_ops[] = { OP(dev_close), OP(rx_queue_release), OP(tx_queue_release) };

static bool
wanted(char want, int ret)
{
	switch (want) {
	case '0':
		return ret == 0;
	case '1':
		return ret == 1;
	case '+':
		return ret >= 0;
	case 'b':
		return ret == -EBUSY;
	case 'd':
		return ret == -ENODEV;
	case 'i':
		return ret == -EIO;
	case 's':
		return ret == -ENOTSUP;
	case 'v':
		return ret == -EINVAL;
	case 'y':
		return ret == -ENOSYS;
	default:
		return false;
	}
}

static void
every_operation_in_every_state(void)
{
	for (unsigned int r = 0; r < RTE_DIM(rows); r++) {
		VTEST_EQ(strlen(rows[r].want), NB_STATES);
		for (unsigned int s = 0; s < NB_STATES; s++) {
			int ret;

			/* ethdev itself does not survive the call. */
			if (rows[r].want[s] == '.')
				continue;
			enter(s);
			ret = rows[r].call();
			rig_note("%s of a port that is %s: returned %d", rows[r].name,
					state_names[s], ret);
			VTEST(wanted(rows[r].want[s], ret));
			leave(s);
		}
	}
}

static bool
tested(size_t op)
{
	for (unsigned int r = 0; r < RTE_DIM(rows); r++)
		if (rows[r].op == op)
			return true;
	for (unsigned int i = 0; i < RTE_DIM(inner_ops); i++)
		if (inner_ops[i] == op)
			return true;
	return false;
}

/* An operation that the driver gets later needs a row here. */
static void
every_operation_has_a_row(void)
{
	enter(SECONDARY);
	for (size_t op = 0; op < sizeof(struct eth_dev_ops) / sizeof(void *); op++) {
		const void *const *own = (const void *const *)primary.dev_ops;
		const void *const *second = (const void *const *)rte_eth_devices[port()].dev_ops;

		rig_note("operation %zu of struct eth_dev_ops", op);
		VTEST((own[op] == NULL && second[op] == NULL) || tested(op));
	}
	leave(SECONDARY);
}

static const struct vtest_case cases[] = {
	{ "every_operation_in_every_state", every_operation_in_every_state },
	{ "every_operation_has_a_row", every_operation_has_a_row },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
