/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * When the driver rings doorbells, and that no doorbell stays pending: refills by threshold, a pool
 * that runs low, suppression by the device, delayed TX doorbells.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../../../drivers/net/vsr/rte_pmd_vsr.h"
#include "test/fixture/rig.h"

#define BURST 32
/* Longer than any case runs, so the delay itself never rings a pending doorbell. */
#define LONG_DELAY "tx_db_delay_us=1000000"

static struct rig rig;

static uint16_t
port(void)
{
	return rig.fns[0].port;
}

static struct vio_virtq *
virtq(bool rx)
{
	struct rte_eth_dev_data *data = rte_eth_devices[port()].data;

	return rx ? ((struct vsr_rxq *)data->rx_queues[0])->vq :
		    ((struct vsr_txq *)data->tx_queues[0])->vq;
}

/* A new port with so many descriptors. pool NULL: the pool of the rig. */
static void
start(const struct rig_conf *conf, uint16_t nb_desc, uint16_t rx_free_thresh,
		struct rte_mempool *pool)
{
	const struct rte_eth_rxconf rx_conf = { .rx_free_thresh = rx_free_thresh };
	struct rte_eth_conf eth_conf = { .rxmode.mtu = 1500 };

	rig_note("%s", conf->args);
	rig_open(&rig, conf);
	VTEST_EQ(rte_eth_dev_configure(port(), 1, 1, &eth_conf), 0);
	VTEST_EQ(rte_eth_rx_queue_setup(port(), 0, nb_desc, 0, &rx_conf,
				 pool == NULL ? rig.pool : pool),
			0);
	VTEST_EQ(rte_eth_tx_queue_setup(port(), 0, nb_desc, 0, NULL), 0);
	VTEST_EQ(rte_eth_dev_start(port()), 0);
}

static void
tx(uint16_t nb)
{
	struct rte_mbuf *pkts[BURST];

	for (uint16_t i = 0; i < nb; i++)
		pkts[i] = rig_packet(rig.pool, 60, 0, i, NULL);
	VTEST_EQ(rte_eth_tx_burst(port(), 0, pkts, nb), nb);
}

static uint16_t
receive(void)
{
	struct rte_mbuf *got[BURST];
	const uint16_t nb = rte_eth_rx_burst(port(), 0, got, BURST);

	rte_pktmbuf_free_bulk(got, nb);
	return nb;
}

/* All variants of devices and rows. */
static void
refill_waits_for_its_threshold(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		uint64_t doorbells, refills, saved;

		rig_variant(&v, i);
		start(&v.conf, 256, 64, NULL);
		doorbells = rig_xstat(port(), "rx_q0_doorbells");
		refills = rig_xstat(port(), "rx_q0_refills");
		saved = rig_xstat(port(), "rx_q0_doorbells_saved");
		for (unsigned int round = 0; round < 36; round++) {
			/* The ninth burst leaves too few announced buffers. */
			const bool ninth = round % 9 == 8;

			tx(16);
			rig_step(&rig);
			VTEST_EQ(receive(), 16);
			/* no refill happens while a packet waits */
			VTEST_EQ(virtq(true)->nb_free, ninth ? 0 : 16 * (round % 9 % 4 + 1));
			VTEST_EQ(receive(), 0);
			VTEST_EQ(virtq(true)->nb_free, ninth ? 0 : 16 * ((round % 9 + 1) % 4));
		}
		/* 144 packets: two refills of 64, one of 16 with a doorbell; four times */
		VTEST_EQ(rig_xstat(port(), "rx_q0_refills") - refills, 4 * 3);
		VTEST_EQ(rig_xstat(port(), "rx_q0_doorbells") - doorbells +
						rig_xstat(port(), "rx_q0_doorbells_saved") - saved,
				4 * 3);
		VTEST(rig_xstat(port(), "rx_q0_doorbells") - doorbells <= 4);
		rig_close(&rig);
	}
}

/* A poll without packets posts few buffers, so that a packet does not wait for a long refill. */
static void
refill_is_short_in_an_idle_poll(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		rig_variant(&v, i);
		start(&v.conf, 256, 0, NULL);
		for (unsigned int round = 0; round < 2; round++) {
			tx(BURST);
			rig_step(&rig);
			VTEST_EQ(receive(), BURST);
			VTEST_EQ(virtq(true)->nb_free, BURST * (round + 1));
		}
		VTEST_EQ(receive(), 0);
		VTEST_EQ(virtq(true)->nb_free, BURST);
		VTEST_EQ(receive(), 0);
		VTEST_EQ(virtq(true)->nb_free, 0);
		rig_close(&rig);
	}
}

/* Packets arrive all the time: the refill still happens after a while. */
static void
refill_comes_under_load_too(void)
{
	/* at the threshold, and with the doorbell */
	static const uint16_t nb_free[] = { 32, 64, 0, 32, 0 };
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		rig_variant(&v, i);
		start(&v.conf, 256, 64, NULL);
		for (unsigned int round = 0; round < 30; round++) {
			tx(BURST);
			rig_step(&rig);
			VTEST_EQ(receive(), BURST);
			VTEST_EQ(virtq(true)->nb_free, nb_free[round % RTE_DIM(nb_free)]);
		}
		rig_close(&rig);
	}
}

static void
refill_rings_less_in_a_long_ring(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		uint64_t doorbells, saved, refills;

		rig_variant(&v, i);
		start(&v.conf, 256, 32, NULL);
		doorbells = rig_xstat(port(), "rx_q0_doorbells");
		saved = rig_xstat(port(), "rx_q0_doorbells_saved");
		refills = rig_xstat(port(), "rx_q0_refills");
		for (unsigned int round = 0; round < 64; round++) {
			tx(BURST);
			rig_step(&rig);
			VTEST_EQ(receive(), BURST);
			VTEST_EQ(receive(), 0);
		}
		VTEST_EQ(rig_xstat(port(), "rx_q0_refills") - refills, 64);
		VTEST(rig_xstat(port(), "rx_q0_doorbells") - doorbells <= 64 / 4);
		VTEST(rig_xstat(port(), "rx_q0_doorbells_saved") - saved >= 64 - 64 / 4);
		/* Use the whole ring at once, without a poll in between. */
		for (unsigned int round = 0; round < 4; round++) {
			tx(BURST);
			rig_step(&rig);
		}
		for (unsigned int round = 0; round < 4; round++)
			VTEST_EQ(receive(), BURST);
		VTEST_EQ(rig_stat(&rig, 0, 0, "drop_no_buffer"), 0);
		rig_close(&rig);
	}
}

static void
usual_threshold_is_a_part_of_the_ring(void)
{
	static const struct {
		uint16_t nb_desc, asked, want;
	} cases[] = {
		{ 8, 0, 2 },
		{ 64, 0, 16 },
		{ 128, 0, 32 },
		{ 256, 0, 32 },
		{ 1024, 0, 32 },
		{ 256, 1, 1 },
		{ 256, 100, 100 },
		{ 256, 128, 128 },
	};
	const struct rig_conf conf = { .args = "", .queue_size = 1024 };

	for (unsigned int i = 0; i < RTE_DIM(cases); i++) {
		const struct vsr_rxq *rxq;

		start(&conf, cases[i].nb_desc, cases[i].asked, NULL);
		rxq = rte_eth_devices[port()].data->rx_queues[0];
		VTEST_EQ(rxq->free_thresh, cases[i].want);
		rig_close(&rig);
	}
}

/* A pool with fewer buffers than the ring: the driver posts and announces all buffers it gets. */
static void
refill_takes_what_a_low_pool_has(void)
{
	struct rte_mempool *small = rig_pool("low", 20, 2048);
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		rig_variant(&v, i);
		start(&v.conf, 128, 64, small);
		VTEST_EQ(rte_mempool_avail_count(small), 0);
		for (unsigned int round = 0; round < 40; round++) {
			tx(10);
			rig_step(&rig);
			VTEST_EQ(receive(), 10);
			/* the previous burst could not refill, this one can */
			VTEST_EQ(receive(), 0);
			VTEST_EQ(rte_mempool_avail_count(small), 0);
		}
		VTEST(rig_xstat(port(), "rx_q0_partial_refills") >= 40);
		rig_close(&rig);
		VTEST_EQ(rte_mempool_in_use_count(small), 0);
	}
}

/* Write the event suppression structure as a device does. */
static void
mute(struct vio_virtq *vq, bool on)
{
	if (vq->packed)
		vq->device_event->flags = rte_cpu_to_le_16(
				on ? RING_EVENT_FLAGS_DISABLE : RING_EVENT_FLAGS_ENABLE);
	else
		vq->used->flags = rte_cpu_to_le_16(on ? VIRTQ_USED_F_NO_NOTIFY : 0);
}

static void
device_that_wants_none_gets_none(void)
{
	struct rig_variant v;

	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		rig_variant(&v, i);
		if (strstr(v.name, "event_idx") != NULL)
			continue;
		start(&v.conf, 128, 64, NULL);
		mute(virtq(false), true);
		tx(BURST);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 0);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells_saved"), 1);
		mute(virtq(false), false);
		tx(BURST);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 1);
		rig_step(&rig);
		VTEST_EQ(receive() + receive(), 2 * BURST);
		rig_close(&rig);
	}
}

/* ------------------------------------------------------------------ held back */

static void
start_held(unsigned int i)
{
	static char args[192];
	struct rig_variant v;

	rig_variant(&v, i);
	snprintf(args, sizeof(args), "%s,%s", v.args, LONG_DELAY);
	v.conf.args = args;
	start(&v.conf, 128, 0, NULL);
	/* Every device wants the first doorbell. */
	tx(8);
	tx(8);
	VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 0);
	VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells_saved"), 1);
	rig_step(&rig);
}

/* One doorbell announces all packets. */
static void
check_rung(void)
{
	VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 1);
	rig_step(&rig);
	VTEST_EQ(receive(), 16);
}

static void
held_back_until_a_poll_after_the_delay(void)
{
	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		struct vsr_txq *txq;

		start_held(i);
		VTEST_EQ(receive(), 0);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 0);
		/* as if the delay was over */
		txq = rte_eth_devices[port()].data->tx_queues[0];
		txq->doorbell.due = 0;
		VTEST_EQ(receive(), 0);
		check_rung();
		rig_close(&rig);
	}
}

static void
held_back_until_an_empty_tx_burst(void)
{
	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		start_held(i);
		tx(0);
		check_rung();
		rig_close(&rig);
	}
}

/* A small burst rings the pending doorbell of earlier bursts, too. */
static void
held_back_until_a_burst_of_few(void)
{
	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		start_held(i);
		tx(1);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 1);
		rig_step(&rig);
		VTEST_EQ(receive(), 17);
		/* The device is idle, so the driver announces one packet at once. */
		tx(1);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 2);
		rig_step(&rig);
		VTEST_EQ(receive(), 1);
		rig_close(&rig);
	}
}

static void
held_back_until_cleaned_up(void)
{
	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		start_held(i);
		VTEST_EQ(rte_eth_tx_done_cleanup(port(), 0, 0), 0);
		check_rung();
		rig_close(&rig);
	}
}

static void
held_back_until_asked_for(void)
{
	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		start_held(i);
		VTEST_EQ(rte_pmd_vsr_tx_doorbell(port(), 0), 1);
		check_rung();
		VTEST_EQ(rte_pmd_vsr_tx_doorbell(port(), 0), 0);
		VTEST_EQ(rte_pmd_vsr_tx_doorbell(port(), 1), -EINVAL);
		VTEST_EQ(rte_pmd_vsr_tx_doorbell(port() + 1, 0), -ENODEV);
		VTEST_EQ(rte_eth_dev_stop(port()), 0);
		VTEST_EQ(rte_pmd_vsr_tx_doorbell(port(), 0), -EAGAIN);
		rig_close(&rig);
	}
}

static void
held_back_until_half_a_ring(void)
{
	for (unsigned int i = 0; i < RIG_NB_VARIANTS; i++) {
		start_held(i);
		tx(BURST);
		tx(16);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 0);
		tx(8);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 1);
		rig_step(&rig);
		VTEST_EQ(receive() + receive() + receive(), 72);
		rig_close(&rig);
	}
}

static void
held_back_for_the_delay_only(void)
{
	static const char *const args[] = { "packed=0,tx_db_delay_us=2000",
		"packed=1,tx_db_delay_us=2000" };

	for (unsigned int i = 0; i < RTE_DIM(args); i++) {
		const struct rig_conf conf = { .args = args[i] };
		const struct vsr_dev *dev;
		struct vio_deadline deadline;

		start(&conf, 128, 0, NULL);
		dev = rte_eth_devices[port()].data->dev_private;
		/* The application makes no further call: the alarm rings the doorbell. */
		tx(8);
		deadline = vio_deadline_in(5000000);
		while (rig_stat(&rig, 0, 1, "doorbells") == 0)
			VTEST(vio_wait(dev->vio.t, &deadline));
		rig_step(&rig);
		VTEST_EQ(receive(), 8);
		rig_close(&rig);
	}
}

static void
stop_leaves_no_alarm_behind(void)
{
	for (unsigned int i = 0; i < 8; i++) {
		start_held(i);
		VTEST_EQ(rte_eth_dev_stop(port()), 0);
		VTEST_EQ(rte_eth_dev_start(port()), 0);
		VTEST_EQ(rte_eth_stats_reset(port()), 0);
		tx(8);
		tx(8);
		tx(0);
		check_rung();
		rig_close(&rig);
	}
}

static void
bad_delays_are_refused(void)
{
	static const char *const bad[] = {
		"tx_db_delay_us=",
		"tx_db_delay_us=-1",
		"tx_db_delay_us=1000001",
		"tx_db_delay_us=5us",
		"tx_db_delay_us=99999999999999999999",
	};
	const struct rig_conf conf = { 0 };

	for (unsigned int i = 0; i < RTE_DIM(bad); i++) {
		rig_open_nic(&rig, &conf);
		VTEST_EQ(rig_probe(&rig, 0, bad[i], false), -EINVAL);
		rig_close(&rig);
	}
}

static const struct vtest_case cases[] = {
	{ "refill_waits_for_its_threshold", refill_waits_for_its_threshold },
	{ "refill_is_short_in_an_idle_poll", refill_is_short_in_an_idle_poll },
	{ "refill_comes_under_load_too", refill_comes_under_load_too },
	{ "refill_rings_less_in_a_long_ring", refill_rings_less_in_a_long_ring },
	{ "usual_threshold_is_a_part_of_the_ring", usual_threshold_is_a_part_of_the_ring },
	{ "refill_takes_what_a_low_pool_has", refill_takes_what_a_low_pool_has },
	{ "device_that_wants_none_gets_none", device_that_wants_none_gets_none },
	{ "held_back_until_a_poll_after_the_delay", held_back_until_a_poll_after_the_delay },
	{ "held_back_until_an_empty_tx_burst", held_back_until_an_empty_tx_burst },
	{ "held_back_until_a_burst_of_few", held_back_until_a_burst_of_few },
	{ "held_back_until_cleaned_up", held_back_until_cleaned_up },
	{ "held_back_until_asked_for", held_back_until_asked_for },
	{ "held_back_until_half_a_ring", held_back_until_half_a_ring },
	{ "held_back_for_the_delay_only", held_back_for_the_delay_only },
	{ "stop_leaves_no_alarm_behind", stop_leaves_no_alarm_behind },
	{ "bad_delays_are_refused", bad_delays_are_refused },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
