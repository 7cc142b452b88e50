/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * How many cycles of its core the simulated NIC needs per forwarded packet (one RX and one TX):
 * one worker on one core, and on another a driver that does nothing but send back what it gets.
 *
 *   bench_vsim [LAYOUT [WIRE [SLICES]]]      packed or split; gen:...; slices of 0.2 s
 *
 * The best slice is shown beside the mean, because other work on the machine only ever adds.
 */

#include <pthread.h>
#include <sched.h>
#include <time.h>

#include "vsim/vsim_data.h"
#include "vsim_driver.h"

#define NB_BUFS 1024
/* Where an mbuf of 2 KB has them: data at a multiple of 64, the header right before it. */
#define BUF_STRIDE 2432
#define BUF_AT (128 + 128 - 12)
#define BENCH_IOVA UINT64_C(0x40000000)
#define BENCH_LEN (4u << 20)
#define BUFS_AT (64u << 10)
#define RING_SIZE 256
#define BURST 32

static struct vsim_nic *nic;
static uint8_t *mem;

static void
pin(int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) < 0)
		fprintf(stderr, "cannot pin to cpu %d: figures will be worse\n", cpu);
}

static void *
worker(void *arg)
{
	(void)arg;
	pin(1);
	vsim_worker_run(nic, 0);
	return NULL;
}

struct loop {
	struct ring rx, tx;
	uint32_t bufs[NB_BUFS]; /* free ones, offsets into mem */
	unsigned int nb_free;
	uint32_t rx_buf[RING_MAX], tx_buf[RING_MAX]; /* by id */
	unsigned int rx_posted, tx_posted;
};

/* One round of a driver: clean, take and send, refill; one doorbell per ring at most. */
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
		seg = (struct ring_seg){BENCH_IOVA + b, len};
		l->tx_buf[ring_post(&l->tx, &seg, 1, 0, 0, NULL)] = b;
		l->tx_posted++;
		sent++;
	}
	if (sent > 0) {
		ring_publish(&l->tx);
		ring_kick(&l->tx);
	}
	while (l->rx_posted < RING_SIZE && l->nb_free > 0) {
		b = l->bufs[--l->nb_free];
		seg = (struct ring_seg){BENCH_IOVA + b, BUF_STRIDE - BUF_AT};
		l->rx_buf[ring_post(&l->rx, &seg, 0, 1, 0, NULL)] = b;
		l->rx_posted++;
		refilled++;
	}
	if (refilled > 0) {
		ring_publish(&l->rx);
		ring_kick(&l->rx);
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
measure(struct vsim_fn *fn, struct loop *l, unsigned int slices)
{
	const struct vsim_counters *c = fn->counters;
	double best = 1e9, total_busy = 0, best_pps = 0;
	uint64_t hz = vsim_clock_hz(), first = c->queue[1].packets, start = vsim_clock();

	for (unsigned int s = 0; s < slices; s++) {
		uint64_t packets = c->queue[1].packets, t0 = vsim_clock();
		double busy, cycles, pps;

		vsim_worker_busy(nic, 0);
		while (vsim_clock() - t0 < hz / 5)
			for (unsigned int i = 0; i < 64; i++)
				forward(l);
		busy = vsim_worker_busy(nic, 0) / 1000.0 * (vsim_clock() - t0);
		packets = c->queue[1].packets - packets;
		cycles = packets > 0 ? busy / packets : 0;
		pps = packets * 5.0;
		total_busy += busy;
		if (packets > 0 && cycles < best)
			best = cycles;
		if (pps > best_pps)
			best_pps = pps;
	}
	printf("cycles of the worker per forwarded packet: best %.1f, mean %.1f; %.2f Mpps at best, "
			"%.2f in the mean\n", best, total_busy / (c->queue[1].packets - first), best_pps / 1e6,
			(double)(c->queue[1].packets - first) * hz / (vsim_clock() - start) / 1e6);
	printf("rx %llu, tx %llu, doorbells rx %llu tx %llu, spurious %llu, bad %llu, violations %llu\n",
			(unsigned long long)c->queue[0].packets, (unsigned long long)c->queue[1].packets,
			(unsigned long long)c->queue[0].doorbells, (unsigned long long)c->queue[1].doorbells,
			(unsigned long long)(c->queue[0].doorbells_spurious + c->queue[1].doorbells_spurious),
			(unsigned long long)c->wire_bad, (unsigned long long)vsim_nic_violations(nic));
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
	pthread_t thread;

	if (setjmp(vtest_leave) != 0) {
		fprintf(stderr, "cannot set up: %s\n", vtest_why);
		return 1;
	}
	fn = set_up(wire, strcmp(layout, "split") != 0, &l);
	if (fn == NULL)
		return 1;
	pthread_create(&thread, NULL, worker, NULL);
	pin(0);
	printf("%s, %s, clock %.0f MHz\n", layout, wire, vsim_clock_hz() / 1e6);
	measure(fn, &l, argc > 3 ? atoi(argv[3]) : 10);
	vsim_worker_stop(nic);
	pthread_join(thread, NULL);
	vsim_nic_destroy(nic);
	return 0;
}
