/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsr-bench floor: measures the lower limit of the cost of a packet, without a driver and a NIC.
 *
 * Two cores exchange 64-byte packets over two packed rings (virtio 1.4 2.8). One core is the
 * device: it writes packets into receive buffers, and completes sent buffers. The other core takes
 * each packet, writes the header and sends the packet back in the same buffer. There are no mbufs
 * and no options. Buffers are used in order, and sent buffers are completed a batch at a time
 * (2.8.8 "In-order use of descriptors"). The remaining cost is cache lines that move between the
 * cores: a quarter of a line of each ring per packet, the line of the header and that of the data.
 *
 * Both cores run twice: with plain loads and stores, and with prefetches for write, which are some
 * batches ahead for the ring, and as early as the address is known for headers and data.
 */

#include <getopt.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_pause.h>
#include <rte_prefetch.h>

#include "virtio_spec/net.h"
#include "virtio_spec/ring.h"

#include "machine.h"

#define PROGRAM "vsr-bench floor"
#define RING 256 /* Descriptors; a power of two. */
#define BATCH 32
#define AHEAD 64 /* Prefetch this many descriptors ahead. */
#define PACKET 64
#define HDR_LEN 12
/* Layout of mbufs with 2 KB: data begins at a cache line, the header is right before the data. */
#define BUF_STRIDE 2432
#define BUF_DATA 256
#define NB_BUFS (3 * RING)
#define MEM_LEN (4u << 20)
#define BUFS_AT (64u << 10)

/* A position is a free-running counter; the ring size is a power of two. */
#define AT(pos) ((pos) & (RING - 1))
#define WRAP(pos) (((pos)&RING) == 0)

static_assert(RING % BATCH == 0, "batches do not wrap");
static_assert(BUFS_AT + (size_t)NB_BUFS * BUF_STRIDE <= MEM_LEN, "memory");

/** A ring and its doorbell, on different cache lines. */
struct ring {
	struct pvirtq_desc desc[RING] __rte_cache_aligned;
	_Atomic uint32_t doorbell
			__rte_cache_aligned; /**< Position after the last published descriptor. */
	uint8_t pad[RTE_CACHE_LINE_SIZE] __rte_cache_aligned;
};

/** Memory that both cores use. */
struct shared {
	struct ring rx, tx;
	_Atomic bool stop __rte_cache_aligned;
};

/** One run. */
struct run {
	struct shared *shared;
	uint8_t *mem;
	bool prefetch;
	unsigned int device_cpu;
	double seconds;
	_Atomic bool ready;
	/* Results of the driver's core. */
	uint64_t packets, cycles, busy;
};

static uint64_t tsc_hz;

/** Measure tsc_hz. This program does not start EAL, which would do it. */
static void
tsc_measure(void)
{
	struct timespec a, b;
	uint64_t ticks, ns;

	clock_gettime(CLOCK_MONOTONIC, &a);
	ticks = rte_rdtsc();
	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (b.tv_sec - a.tv_sec) * UINT64_C(1000000000) + b.tv_nsec - a.tv_nsec;
	} while (ns < 20000000);
	tsc_hz = (uint64_t)((double)(rte_rdtsc() - ticks) * 1e9 / (double)ns);
}

static inline __attribute__((always_inline)) void
line_want(const bool prefetch, const volatile void *at)
{
	if (prefetch)
		__builtin_prefetch((const void *)(uintptr_t)at, 1, 3);
}

/** Prefetch all lines of the batch at pos. */
static inline __attribute__((always_inline)) void
batch_want(const bool prefetch, struct ring *r, uint32_t pos)
{
	for (unsigned int i = 0; i < BATCH; i += RTE_CACHE_LINE_SIZE / sizeof(r->desc[0]))
		line_want(prefetch, &r->desc[AT(pos + i)]);
}

static inline uint16_t
flags_read(const struct pvirtq_desc *d)
{
	return __atomic_load_n(&d->flags, __ATOMIC_ACQUIRE);
}

static inline bool
is_used(uint16_t flags, bool wrap)
{
	return !!(flags & VIRTQ_DESC_F_USED) == wrap && !!(flags & VIRTQ_DESC_F_AVAIL) == wrap;
}

/** Flags of a descriptor that the driver publishes. */
static inline uint16_t
avail_flags(uint32_t pos, uint16_t more)
{
	return more | (WRAP(pos) ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED);
}

/** Flags of a descriptor that the device has used. */
static inline uint16_t
used_flags(uint32_t pos, uint16_t more)
{
	return more | (WRAP(pos) ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0);
}

static inline void
desc_write(struct ring *r, uint32_t pos, uint64_t addr, uint32_t len, uint16_t flags)
{
	struct pvirtq_desc *d = &r->desc[AT(pos)];

	d->addr = addr;
	d->len = len;
	d->id = AT(pos);
	__atomic_store_n(&d->flags, flags, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------------------ the device's core */

struct device {
	struct run *run;
	uint32_t rx, tx; /* Positions. */
	uint64_t seen; /* OR of all sent headers. Must stay 0. */
	uint8_t packet[PACKET];
};

static inline __attribute__((always_inline)) void
device_rx(struct device *d, const bool prefetch)
{
	struct ring *r = &d->run->shared->rx;
	const uint32_t given = atomic_load_explicit(&r->doorbell, memory_order_acquire);
	const uint32_t nb = RTE_MIN(given - d->rx, (uint32_t)BATCH);
	uint8_t *bufs[BATCH];

	if (nb == 0)
		return;
	for (uint32_t i = 0; i < nb; i++) {
		bufs[i] = d->run->mem + r->desc[AT(d->rx + i)].addr;
		line_want(prefetch, bufs[i]);
		line_want(prefetch, bufs[i] + HDR_LEN);
	}
	batch_want(prefetch, r, d->rx + AHEAD);
	for (uint32_t i = 0; i < nb; i++) {
		memset(bufs[i], 0, HDR_LEN);
		bufs[i][offsetof(struct virtio_net_hdr, num_buffers)] = 1;
		memcpy(bufs[i] + HDR_LEN, d->packet, PACKET);
	}
	/* Write all descriptors together, so that the other core does not take a line in between.
	 * Address and id stay: buffers are used in the order of the ring. */
	for (uint32_t i = 0; i < nb; i++) {
		r->desc[AT(d->rx + i)].len = HDR_LEN + PACKET;
		__atomic_store_n(&r->desc[AT(d->rx + i)].flags,
				used_flags(d->rx + i, VIRTQ_DESC_F_WRITE), __ATOMIC_RELEASE);
	}
	d->rx += nb;
}

static inline __attribute__((always_inline)) void
device_tx(struct device *d, const bool prefetch)
{
	struct ring *r = &d->run->shared->tx;
	const uint32_t given = atomic_load_explicit(&r->doorbell, memory_order_acquire);
	const uint32_t nb = RTE_MIN(given - d->tx, (uint32_t)BATCH);
	const uint8_t *bufs[BATCH];
	uint64_t head;

	if (nb == 0)
		return;
	for (uint32_t i = 0; i < nb; i++) {
		bufs[i] = d->run->mem + r->desc[AT(d->tx + i)].addr;
		if (prefetch)
			rte_prefetch0(bufs[i]);
	}
	for (uint32_t i = 0; i < nb; i++) {
		memcpy(&head, bufs[i], sizeof(head));
		d->seen |= head;
	}
	/* One used descriptor for the batch: at the place of its first, with the id of its last. */
	r->desc[AT(d->tx)].id = AT(d->tx + nb - 1);
	__atomic_store_n(&r->desc[AT(d->tx)].flags, used_flags(d->tx, 0), __ATOMIC_RELEASE);
	d->tx += nb;
}

static inline __attribute__((always_inline)) void
device_run(struct device *d, const bool prefetch)
{
	while (!atomic_load_explicit(&d->run->shared->stop, memory_order_relaxed)) {
		device_rx(d, prefetch);
		device_tx(d, prefetch);
	}
}

static void *
device_main(void *arg)
{
	struct device d = { .run = arg };

	machine_pin(PROGRAM, d.run->device_cpu);
	memset(d.packet, 0x5a, sizeof(d.packet));
	atomic_store(&d.run->ready, true);
	if (d.run->prefetch)
		device_run(&d, true);
	else
		device_run(&d, false);
	/* pthread_join() makes the result visible to the driver's core. */
	return d.seen == 0 ? NULL : arg;
}

/* ------------------------------------------------------------------ the driver's core */

struct driver {
	struct run *run;
	uint32_t rx_next, rx_used; /* Positions: next to publish, next used. */
	uint32_t tx_next, tx_used;
	unsigned int nb_free;
	uint32_t free[NB_BUFS]; /* Stack of free buffers. */
	uint32_t rx_buf[RING], tx_buf[RING]; /* Buffer by id. */
};

static inline __attribute__((always_inline)) void
driver_clean(struct driver *d)
{
	struct ring *r = &d->run->shared->tx;

	while (d->tx_used != d->tx_next) {
		const struct pvirtq_desc *desc = &r->desc[AT(d->tx_used)];
		uint32_t last;

		if (!is_used(flags_read(desc), WRAP(d->tx_used)))
			break;
		last = d->tx_used + AT(desc->id - d->tx_used);
		for (; d->tx_used != last + 1; d->tx_used++)
			d->free[d->nb_free++] = d->tx_buf[AT(d->tx_used)];
	}
}

static inline __attribute__((always_inline)) void
driver_refill(struct driver *d, unsigned int nb)
{
	struct ring *r = &d->run->shared->rx;

	for (unsigned int i = 0; i < nb && d->nb_free > 0; i++, d->rx_next++) {
		const uint32_t buf = d->free[--d->nb_free];

		d->rx_buf[AT(d->rx_next)] = buf;
		desc_write(r, d->rx_next, buf, BUF_STRIDE - BUF_DATA,
				avail_flags(d->rx_next, VIRTQ_DESC_F_WRITE));
	}
	atomic_store_explicit(&r->doorbell, d->rx_next, memory_order_release);
}

/** @return number of packets sent back. */
static inline __attribute__((always_inline)) unsigned int
driver_round(struct driver *d, const bool prefetch)
{
	struct ring *rx = &d->run->shared->rx, *tx = &d->run->shared->tx;
	uint32_t bufs[BATCH], lens[BATCH];
	unsigned int nb = 0;

	driver_clean(d);
	/* Buffers are used in order: when the last of a batch is used, all are. Reading the first
	 * would take its cache line from the device, which is writing there. */
	if (!is_used(flags_read(&rx->desc[AT(d->rx_used + BATCH - 1)]),
			    WRAP(d->rx_used + BATCH - 1)) ||
			d->tx_next + BATCH - d->tx_used > RING)
		return 0;
	for (; nb < BATCH; nb++, d->rx_used++) {
		const struct pvirtq_desc *desc = &rx->desc[AT(d->rx_used)];

		bufs[nb] = d->rx_buf[AT(desc->id)];
		lens[nb] = desc->len;
		line_want(prefetch, d->run->mem + bufs[nb]);
	}
	/* No prefetch of the receive ring: the device still uses the lines ahead. */
	batch_want(prefetch, tx, d->tx_next + AHEAD);
	driver_refill(d, nb);
	for (unsigned int i = 0; i < nb; i++, d->tx_next++) {
		memset(d->run->mem + bufs[i], 0, HDR_LEN);
		d->tx_buf[AT(d->tx_next)] = bufs[i];
		desc_write(tx, d->tx_next, bufs[i], lens[i], avail_flags(d->tx_next, 0));
	}
	atomic_store_explicit(&tx->doorbell, d->tx_next, memory_order_release);
	return nb;
}

static inline __attribute__((always_inline)) void
driver_run(struct driver *d, const bool prefetch)
{
	struct run *run = d->run;
	const uint64_t hz = tsc_hz;
	uint64_t start, now, end, before;
	unsigned int nb;

	/* Warm up first. */
	for (end = rte_rdtsc() + hz / 50; rte_rdtsc() < end;)
		driver_round(d, prefetch);
	run->packets = run->busy = 0;
	start = now = rte_rdtsc();
	end = start + (uint64_t)(run->seconds * hz);
	while (now < end) {
		before = now;
		nb = driver_round(d, prefetch);
		now = rte_rdtsc();
		run->packets += nb;
		run->busy += nb > 0 ? now - before : 0;
	}
	run->cycles = now - start;
}

static int
run_once(struct run *run, struct driver *d)
{
	pthread_t device;
	void *bad;

	memset(run->shared, 0, sizeof(*run->shared));
	memset(d, 0, sizeof(*d));
	d->run = run;
	for (unsigned int i = 0; i < NB_BUFS; i++)
		d->free[d->nb_free++] = BUFS_AT + i * BUF_STRIDE + BUF_DATA - HDR_LEN;
	atomic_store(&run->ready, false);
	driver_refill(d, RING);
	if (pthread_create(&device, NULL, device_main, run) != 0)
		return -1;
	while (!atomic_load(&run->ready))
		rte_pause();
	if (run->prefetch)
		driver_run(d, true);
	else
		driver_run(d, false);
	atomic_store(&run->shared->stop, true);
	pthread_join(device, &bad);
	return run->packets == 0 || bad != NULL ? -1 : 0;
}

/* ------------------------------------------------------------------ distance of the cores */

#define TRIPS 20000

struct trip {
	_Atomic uint32_t turn __rte_cache_aligned; /**< Odd: turn of the other core. */
	_Atomic bool stop __rte_cache_aligned;
	unsigned int cpu;
};

static void *
trip_other(void *arg)
{
	struct trip *t = arg;
	uint32_t turn;

	machine_pin(PROGRAM, t->cpu);
	while (!atomic_load_explicit(&t->stop, memory_order_relaxed)) {
		turn = atomic_load_explicit(&t->turn, memory_order_acquire);
		if (turn % 2 == 1)
			atomic_store_explicit(&t->turn, turn + 1, memory_order_release);
	}
	return NULL;
}

/** @return median of the cycles for a word to the other core and back; negative: no thread. */
static double
distance(const unsigned int cpus[2])
{
	static struct trip trip;
	static double cycles[TRIPS];
	pthread_t other;

	trip.cpu = cpus[0];
	machine_pin(PROGRAM, cpus[1]);
	if (pthread_create(&other, NULL, trip_other, &trip) != 0)
		return -1;
	for (unsigned int i = 0; i < TRIPS; i++) {
		const uint64_t start = rte_rdtsc();

		atomic_store_explicit(&trip.turn, 2 * i + 1, memory_order_release);
		while (atomic_load_explicit(&trip.turn, memory_order_acquire) != 2 * i + 2)
			;
		cycles[i] = (double)(rte_rdtsc() - start);
	}
	atomic_store(&trip.stop, true);
	pthread_join(other, NULL);
	qsort(cycles, TRIPS, sizeof(cycles[0]), machine_ascending);
	return cycles[TRIPS / 2];
}

/* ------------------------------------------------------------------ figures */

#define ROUNDS_MAX 1000

struct figures {
	double cycles[ROUNDS_MAX], busy[ROUNDS_MAX];
};

static void
report(struct figures f[2], unsigned int rounds, bool json)
{
	static const char *const names[] = { "plain", "prefetch" };
	const double mhz = tsc_hz / 1e6;

	if (json)
		printf("{\"tsc_mhz\": %.0f, \"rows\": [", mhz);
	else
		printf("Packed rings between two cores, %u bytes, cycles of a %.0f MHz clock, "
		       "%u rounds\n%-9s %7s %7s %7s %7s\n",
				PACKET, mhz, rounds, "", "MIN", "MEDIAN", "BUSY", "MPPS");
	for (int i = 0; i < 2; i++) {
		double middle;

		qsort(f[i].cycles, rounds, sizeof(double), machine_ascending);
		qsort(f[i].busy, rounds, sizeof(double), machine_ascending);
		middle = f[i].cycles[rounds / 2];
		if (json)
			printf("%s\n  {\"name\": \"%s\", \"cycles_min\": %.2f, "
			       "\"cycles_per_packet\": %.2f, \"busy\": %.2f, "
			       "\"mpps\": %.3f}",
					i > 0 ? "," : "", names[i], f[i].cycles[0], middle,
					f[i].busy[rounds / 2], mhz / middle);
		else
			printf("%-9s %7.1f %7.1f %7.1f %7.2f\n", names[i], f[i].cycles[0], middle,
					f[i].busy[rounds / 2], mhz / middle);
	}
	if (json)
		printf("\n]}\n");
}

static int
measure(unsigned int cpus[2], unsigned int rounds, double seconds, bool json)
{
	static struct figures f[2];
	static struct shared shared;
	static struct driver driver;
	struct run run = { .shared = &shared, .seconds = seconds, .device_cpu = cpus[0] };

	run.mem = mmap(NULL, MEM_LEN, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_POPULATE, -1, 0);
	if (run.mem == MAP_FAILED)
		run.mem = mmap(NULL, MEM_LEN, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (run.mem == MAP_FAILED) {
		fprintf(stderr, "vsr-bench floor: out of memory.\n");
		return 1;
	}
	machine_pin(PROGRAM, cpus[1]);
	tsc_measure();
	for (unsigned int i = 0; i < rounds; i++)
		for (int prefetch = 0; prefetch < 2; prefetch++) {
			run.prefetch = prefetch;
			if (run_once(&run, &driver) != 0) {
				fprintf(stderr, "vsr-bench floor: packets were lost or damaged.\n");
				return 1;
			}
			f[prefetch].cycles[i] = (double)run.cycles / run.packets;
			f[prefetch].busy[i] = (double)run.busy / run.packets;
		}
	report(f, rounds, json);
	return 0;
}

/* ------------------------------------------------------------------ command line */

static const char help[] =
		"Usage: vsr-bench floor [--rounds N] [--seconds S] [--distance] [--json]\n\n"
		"The limit: two cores exchange 64-byte packets over packed rings, without mbufs, driver\n"
		"and NIC. Measures cycles per packet there and back, with plain accesses and with\n"
		"prefetches for write, in turns.\n\n"
		"  --rounds N   turns of each, 1..1000 (default 7)\n"
		"  --seconds S  length of a turn, 0.05..60 (default 0.2)\n"
		"  --distance   only the distance of the two cores: cycles for a word to the other core\n"
		"               and back. On a virtual machine the distance may change at any time, and\n"
		"               all other figures depend on it\n"
		"  --json       one object for programs\n\n"
		"MIN and MEDIAN are over the rounds. BUSY leaves out iterations of the loop that found no\n"
		"packet, as dpdk-testpmd does.\n";

static int
usage(const char *what, const char *value, const char *want)
{
	fprintf(stderr, "vsr-bench floor: %s %s is not %s (see vsr-bench floor --help)\n", what,
			value, want);
	return 2;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "rounds", required_argument, NULL, 'r' },
		{ "seconds", required_argument, NULL, 's' },
		{ "distance", no_argument, NULL, 'd' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	unsigned int cpus[2], rounds = 7;
	double seconds = 0.2;
	bool json = false, only_distance = false;
	char *end;
	int c;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (c == 'r') {
			if (!machine_number(optarg, 1, ROUNDS_MAX, &rounds))
				return usage("--rounds", optarg, "a number from 1 to 1000");
		} else if (c == 's') {
			seconds = strtod(optarg, &end);
			if (*end != '\0' || !(seconds >= 0.05 && seconds <= 60))
				return usage("--seconds", optarg, "a time from 0.05 to 60");
		} else if (c == 'd') {
			only_distance = true;
		} else if (c == 'j') {
			json = true;
		} else if (c == 'h') {
			fputs(help, stdout);
			return 0;
		} else {
			return 2;
		}
	}
	if (optind < argc)
		return usage("argument", argv[optind], "an option");
	if (!machine_cpus(cpus)) {
		fprintf(stderr, "vsr-bench floor: two processors are needed, one for each side.\n");
		return 1;
	}
	if (only_distance) {
		printf(json ? "{\"distance\": %.0f}\n" : "%.0f cycles there and back\n",
				distance(cpus));
		return 0;
	}
	return measure(cpus, rounds, seconds, json);
}
