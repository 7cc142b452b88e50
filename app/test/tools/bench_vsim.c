/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Measure the cycles that the simulated NIC needs per forwarded packet (one RX and one TX). One
 * worker runs on one core; on another core a driver sends every received packet back.
 *
 *   bench_vsim [LAYOUT [WIRE [SECONDS [stepped]]]]      packed or split; gen:...; 2
 *
 * With "stepped", worker and driver take turns on one core, so that all memory is in its cache.
 *
 * The result is the median of all rounds that moved a full burst in each direction, so the few
 * rounds that other work on the machine interrupts do not count.
 */

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "vsim/ring/vsim_walk.h"
#include "test/fixture/vsim_driver.h"
#include "vsim/core/vsim_clock.h"

#define NB_BUFS 1024
/* As in an mbuf of 2 KB: data at a multiple of 64, directly after the header. */
#define BUF_STRIDE 2432
#define BUF_AT (128 + 128 - 12)
#define BENCH_IOVA UINT64_C(0x40000000)
#define BENCH_LEN (4u << 20)
#define BUFS_AT (64u << 10)
#define RING_SIZE 256
#define BURST 32

static struct vsim_nic *nic;
static uint8_t *mem;
static _Atomic bool quit;

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fprintf(stderr, "cannot pin to cpu %d: figures will be worse\n", cpu);
}

/* Number of rounds by their cycles; the last entry also counts all longer rounds. */
#define MAX_CYCLES 20000
static unsigned int rounds[MAX_CYCLES + 1];
static uint64_t nb_full, nb_rounds, nb_idle;

/* Run and time one round. */
static void
worker_round(const struct vsim_counters *c)
{
	uint64_t rx = c->queue[0].packets, tx = c->queue[1].packets, t0 = vsim_clock(), t;

	if (vsim_worker_poll(nic, 0) == 0) {
		nb_idle++;
		return;
	}
	t = vsim_clock() - t0;
	nb_rounds++;
	if (c->queue[0].packets - rx != VSIM_BURST || c->queue[1].packets - tx != VSIM_BURST)
		return;
	rounds[t < MAX_CYCLES ? t : MAX_CYCLES]++;
	nb_full++;
}

static void *
worker(void *arg)
{
	pin(1);
	while (!atomic_load_explicit(&quit, memory_order_relaxed))
		worker_round(arg);
	return NULL;
}

/* Cycles per packet that this share of the full rounds does not exceed. */
static double
quantile(double share)
{
	uint64_t seen = 0;

	for (unsigned int t = 0; t <= MAX_CYCLES; t++) {
		seen += rounds[t];
		if (seen > share * nb_full)
			return (double)t / VSIM_BURST;
	}
	return 0;
}

struct loop {
	struct ring rx, tx;
	uint32_t bufs[NB_BUFS]; /* free ones, offsets into mem */
	unsigned int nb_free;
	uint32_t rx_buf[RING_MAX], tx_buf[RING_MAX]; /* by id */
	unsigned int rx_posted, tx_posted;
};

/* One round of a driver: clean, receive and send, refill; at most one doorbell per ring. */
static void
forward(struct loop *l)
{
	unsigned int sent = 0, refilled = 0;
	struct ring_seg seg;
	uint32_t len, b;
	uint16_t id;

	while (l->tx_posted > 0 && ring_reap(&l->tx, &id, &len)) {
		l->bufs[l->nb_free++] = l->tx_buf[id];
		l->tx_posted--;
	}
	while (sent < BURST && l->tx_posted < RING_SIZE && ring_reap(&l->rx, &id, &len)) {
		b = l->rx_buf[id];
		l->rx_posted--;
		memset(mem + b, 0, VIRTIO_NET_HDR_LEN); /* the header of a packet to send */
		seg = (struct ring_seg){ BENCH_IOVA + b, len };
		l->tx_buf[ring_post(&l->tx, &seg, 1, 0, 0, NULL)] = b;
		l->tx_posted++;
		sent++;
	}
	if (sent > 0) {
		ring_publish(&l->tx);
		ring_doorbell_ring(&l->tx);
	}
	while (l->rx_posted < RING_SIZE && l->nb_free > 0) {
		b = l->bufs[--l->nb_free];
		seg = (struct ring_seg){ BENCH_IOVA + b, BUF_STRIDE - BUF_AT };
		l->rx_buf[ring_post(&l->rx, &seg, 0, 1, 0, NULL)] = b;
		l->rx_posted++;
		refilled++;
	}
	if (refilled > 0) {
		ring_publish(&l->rx);
		ring_doorbell_ring(&l->rx);
	}
}

static void
queue_on(struct vsim_fn *fn, uint16_t qi, struct ring *r)
{
	uint64_t at = BENCH_IOVA + (uint64_t)qi * FIXTURE_QUEUE_LEN;

	reg_write(fn, "queue_select", qi);
	reg_write(fn, "queue_size", RING_SIZE);
	reg_write(fn, "queue_desc_lo", at);
	reg_write(fn, "queue_driver_lo", at + 4096);
	reg_write(fn, "queue_device_lo", at + 5120);
	reg_write(fn, "queue_enable", 1);
	ring_init(r, fn, qi, RING_SIZE, mem + qi * FIXTURE_QUEUE_LEN);
	/* A polling driver wants no interrupts. */
	if (r->packed)
		r->driver->flags = RING_EVENT_FLAGS_DISABLE;
	else
		r->avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
}

static void
report(const struct vsim_counters *c, double seconds)
{
	printf("  cycles per packet forwarded: median %.1f, tenth %.1f, nine tenths %.1f\n",
			quantile(0.5), quantile(0.1), quantile(0.9));
	printf("  %.2f Mpps; rounds: %llu full, %llu others, %llu idle\n",
			c->queue[1].packets / seconds / 1e6, (unsigned long long)nb_full,
			(unsigned long long)(nb_rounds - nb_full), (unsigned long long)nb_idle);
	printf("  doorbells per 1000 packets: rx %.1f, tx %.1f; bad %llu, violations %llu\n",
			1e3 * c->queue[0].doorbells / (c->queue[0].packets + 1),
			1e3 * c->queue[1].doorbells / (c->queue[1].packets + 1),
			(unsigned long long)c->wire_bad,
			(unsigned long long)vsim_nic_violations(nic));
}

static struct vsim_fn *
set_up(const char *wire, bool packed, struct loop *l)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct vsim_features f = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM);
	struct vsim_fn *fn;
	char err[256];

	nic = vsim_nic_create(&conf, err, sizeof(err));
	if (nic == NULL || vsim_nic_wire(nic, 0, wire, err, sizeof(err)) < 0) {
		fprintf(stderr, "%s\n", err);
		return NULL;
	}
	fn = vsim_nic_fn(nic, 0);
	mem = mmap(NULL, BENCH_LEN, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	if (mem == MAP_FAILED)
		mem = mmap(NULL, BENCH_LEN, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	VTEST(mem != MAP_FAILED);
	VTEST_EQ(vsim_fn_dma_map_ptr(fn, BENCH_IOVA, BENCH_LEN, PROT_READ | PROT_WRITE, mem), 0);
	vsim_features_put(&f, VIRTIO_F_RING_PACKED, packed);
	VTEST(driver_negotiate(fn, &f));
	queue_on(fn, 0, &l->rx);
	queue_on(fn, 1, &l->tx);
	driver_ok(fn);
	for (unsigned int i = 0; i < NB_BUFS; i++)
		l->bufs[l->nb_free++] = BUFS_AT + i * BUF_STRIDE + BUF_AT;
	return fn;
}

int
main(int argc, char **argv)
{
	const char *layout = argc > 1 ? argv[1] : "packed";
	const char *wire = argc > 2 ? argv[2] : "gen:size=64,flows=64";
	static struct vsim_fn *fn;
	static struct loop l;
	uint64_t start, seconds;
	pthread_t thread;
	bool stepped;

	if (setjmp(vtest_leave) != 0) {
		fprintf(stderr, "cannot set up: %s\n", vtest_why);
		return 1;
	}
	fn = set_up(wire, strcmp(layout, "split") != 0, &l);
	if (fn == NULL)
		return 1;
	seconds = argc > 3 ? atoi(argv[3]) : 2;
	stepped = argc > 4 && strcmp(argv[4], "stepped") == 0;
	pin(0);
	if (!stepped)
		pthread_create(&thread, NULL, worker, fn->counters);
	for (start = vsim_clock(); vsim_clock() - start < seconds * vsim_clock_hz();)
		for (unsigned int i = 0; i < 64; i++) {
			forward(&l);
			if (stepped)
				worker_round(fn->counters);
		}
	atomic_store(&quit, true);
	if (!stepped)
		pthread_join(thread, NULL);
	printf("%s, %s, clock %.0f MHz\n", layout, wire, vsim_clock_hz() / 1e6);
	report(fn->counters, seconds);
	vsim_nic_destroy(nic);
	return 0;
}
