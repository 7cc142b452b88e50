/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * When the driver rings doorbells, and that no doorbell stays pending: refills by threshold, a pool
 * that runs low, suppression by the device, delayed TX doorbells.
 */

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <rte_alarm.h>

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
			tx(16);
			rig_step(&rig);
			VTEST_EQ(receive(), 16);
			/* no refill happens while a packet waits */
			VTEST_EQ(virtq(true)->nb_free, 16 * (round % 4 + 1));
			VTEST_EQ(receive(), 0);
			VTEST_EQ(virtq(true)->nb_free, 16 * ((round + 1) % 4));
			/* bursts are small, so the queue has time to announce all */
			VTEST_EQ(virtq(true)->nb_unannounced, 0);
		}
		VTEST_EQ(rig_xstat(port(), "rx_q0_refills") - refills, 9);
		VTEST_EQ(rig_xstat(port(), "rx_q0_doorbells") - doorbells +
						rig_xstat(port(), "rx_q0_doorbells_saved") - saved,
				9);
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

/* ------------------------------------------------------------------ rung by several threads */

/* The TX doorbells of a port, written by registers. */
static struct {
	const struct vio_transport_ops *rig_ops;
	struct vio_transport_ops ops;
	struct vio_virtq *vq;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	pthread_t other;
	bool stop_other; /* Stop the other thread in its next write. */
	bool other_stopped, go_on;
	bool went_back, timed_out, together; /* What must not happen. */
	unsigned int nb_writers;
	uint16_t last; /* Position rung last, counted over two laps of a packed ring. */
} watch = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

/* The other thread is off its processor. */
static void
other_stop(void)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += 20;
	pthread_mutex_lock(&watch.lock);
	watch.stop_other = false;
	watch.other_stopped = true;
	pthread_cond_broadcast(&watch.changed);
	while (!watch.go_on && !watch.timed_out)
		watch.timed_out = pthread_cond_timedwait(&watch.changed, &watch.lock, &end) != 0;
	pthread_mutex_unlock(&watch.lock);
}

/* How far the doorbell is ahead of the last one. */
static uint16_t
ahead(uint16_t position)
{
	const uint16_t laps = 2 * watch.vq->size;
	uint16_t at = position, from = watch.last;

	if (!watch.vq->packed) {
		watch.last = at;
		return at - from;
	}
	at = (position & 0x7fff) + (position >> 15 != 0 ? 0 : watch.vq->size);
	watch.last = at;
	return (at + laps - from) % laps;
}

static void
watch_write(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
	if (region != VIO_NOTIFY || offset != watch.vq->doorbell_offset) {
		watch.rig_ops->write(t, region, offset, width, value);
		return;
	}
	if (watch.stop_other && pthread_equal(pthread_self(), watch.other))
		other_stop();
	if (__atomic_fetch_add(&watch.nb_writers, 1, __ATOMIC_SEQ_CST) != 0)
		watch.together = true;
	if (ahead(value >> 16) > watch.vq->size)
		watch.went_back = true;
	watch.rig_ops->write(t, region, offset, width, value);
	__atomic_fetch_sub(&watch.nb_writers, 1, __ATOMIC_SEQ_CST);
}

static void
watch_start(const char *args)
{
	const struct rig_conf conf = { .profile = "bluefield", .trapped = true, .args = args };

	start(&conf, 128, 0, NULL);
	watch.vq = virtq(false);
	watch.rig_ops = rig.fns[0].t.ops;
	watch.ops = *watch.rig_ops;
	watch.ops.write = watch_write;
	watch.stop_other = watch.other_stopped = watch.go_on = false;
	watch.went_back = watch.timed_out = watch.together = false;
	watch.last = 0;
	rig.fns[0].t.ops = &watch.ops;
}

static void
watch_finish(void)
{
	rig.fns[0].t.ops = watch.rig_ops;
	VTEST(!watch.timed_out);
	VTEST(!watch.went_back);
	VTEST(!watch.together);
	rig_close(&rig);
}

static void *
ring_once(void *arg)
{
	watch.other = pthread_self();
	rte_pmd_vsr_tx_doorbell(port(), 0);
	return NULL;
}

/* The other thread has begun to ring a doorbell for 8 packets, and is stopped before the write. */
static pthread_t
other_start(void)
{
	pthread_t thread;

	tx(8);
	watch.stop_other = true;
	VTEST_EQ(pthread_create(&thread, NULL, ring_once, NULL), 0);
	pthread_mutex_lock(&watch.lock);
	while (!watch.other_stopped)
		pthread_cond_wait(&watch.changed, &watch.lock);
	pthread_mutex_unlock(&watch.lock);
	return thread;
}

static void
other_finish(pthread_t thread)
{
	pthread_mutex_lock(&watch.lock);
	watch.go_on = true;
	pthread_cond_broadcast(&watch.changed);
	pthread_mutex_unlock(&watch.lock);
	pthread_join(thread, NULL);
}

static const char *const held_args[] = { "packed=0," LONG_DELAY, "packed=1," LONG_DELAY };

static void
no_doorbell_is_older_than_the_last(void)
{
	for (unsigned int i = 0; i < RTE_DIM(held_args); i++) {
		pthread_t thread;

		watch_start(held_args[i]);
		thread = other_start();
		tx(1); /* A burst of few packets asks for its doorbell at once. */
		other_finish(thread);
		VTEST_EQ(watch.last, 9);
		rig_step(&rig);
		VTEST_EQ(receive(), 9);
		watch_finish();
	}
}

static void
burst_waits_for_no_thread_that_rings(void)
{
	for (unsigned int i = 0; i < RTE_DIM(held_args); i++) {
		pthread_t thread;

		watch_start(held_args[i]);
		thread = other_start();
		tx(8);
		tx(0);
		VTEST_EQ(receive(), 0);
		VTEST_EQ(rte_eth_tx_done_cleanup(port(), 0, 0), 0);
		other_finish(thread);
		VTEST(!watch.timed_out);
		VTEST_EQ(watch.last, 16);
		rig_step(&rig);
		VTEST_EQ(receive(), 16);
		watch_finish();
	}
}

/* Takes the place of the function of EAL, which waits for a lock of the alarm thread. */
static unsigned int nb_alarms;
static bool no_alarms;

int
rte_eal_alarm_set(uint64_t us, rte_eal_alarm_callback cb, void *cb_arg)
{
	int (*set)(uint64_t us, rte_eal_alarm_callback cb, void *cb_arg) = NULL;

	__atomic_fetch_add(&nb_alarms, 1, __ATOMIC_RELAXED);
	if (__atomic_load_n(&no_alarms, __ATOMIC_RELAXED))
		return -ENOMEM;
	*(void **)&set = dlsym(RTLD_NEXT, "rte_eal_alarm_set");
	VTEST(set != NULL);
	return set(us, cb, cb_arg);
}

static void
burst_sets_no_alarm(void)
{
	for (unsigned int i = 0; i < RTE_DIM(held_args); i++) {
		const struct rig_conf conf = { .args = held_args[i] };
		unsigned int before;

		start(&conf, 128, 0, NULL);
		before = nb_alarms;
		tx(8);
		tx(8);
		VTEST_EQ(nb_alarms, before);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 0);
		rig_close(&rig);
	}
}

static void
without_an_alarm_no_doorbell_is_held_back(void)
{
	for (unsigned int i = 0; i < RTE_DIM(held_args); i++) {
		const struct rig_conf conf = { .args = held_args[i] };

		no_alarms = true;
		start(&conf, 128, 0, NULL);
		no_alarms = false;
		tx(8);
		rig_step(&rig);
		VTEST_EQ(receive(), 8);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 1);
		/* A restart tries again. */
		VTEST_EQ(rte_eth_dev_stop(port()), 0);
		VTEST_EQ(rte_eth_dev_start(port()), 0);
		tx(8);
		VTEST_EQ(rig_xstat(port(), "tx_q0_doorbells"), 1);
		rig_close(&rig);
	}
}

/* The next alarm cannot be set while the port runs. */
static void
last_alarm_rings_all(void)
{
	const struct rig_conf conf = { .args = "packed=1,tx_db_delay_us=200000" };
	struct vio_deadline deadline = vio_deadline_in(20000000);

	start(&conf, 128, 0, NULL);
	__atomic_store_n(&no_alarms, true, __ATOMIC_RELAXED);
	tx(8);
	while (rig_stat(&rig, 0, 1, "doorbells") == 0)
		VTEST(vio_wait(&rig.fns[0].t, &deadline));
	__atomic_store_n(&no_alarms, false, __ATOMIC_RELAXED);
	rig_step(&rig);
	VTEST_EQ(receive(), 8);
	rig_close(&rig);
}

/* ------------------------------------------------------------------ arguments */

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
	{ "no_doorbell_is_older_than_the_last", no_doorbell_is_older_than_the_last },
	{ "burst_waits_for_no_thread_that_rings", burst_waits_for_no_thread_that_rings },
	{ "burst_sets_no_alarm", burst_sets_no_alarm },
	{ "without_an_alarm_no_doorbell_is_held_back", without_an_alarm_no_doorbell_is_held_back },
	{ "last_alarm_rings_all", last_alarm_rings_all },
	{ "bad_delays_are_refused", bad_delays_are_refused },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
