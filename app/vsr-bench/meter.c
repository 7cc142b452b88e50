/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * A plug-in for dpdk-testpmd (-d) that times every call of a burst function, whatever the driver.
 *
 * testpmd's own counter of busy cycles leaves out polls that return no packet, so it does not see
 * the work that a driver does there. Here every call counts, except an RX call that only looked:
 * that returned nothing, took no buffer from a pool and gave none back, and took no longer than
 * the limit of the program that measures. Any other call without packets is work.
 *
 * The memory of struct meter is a file, named by VSR_METER, which the program that measures maps
 * too. Ports must be started before it sets `attach`, and must stay started. One lcore forwards.
 */

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <rte_branch_prediction.h>
#include <rte_common.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_mempool.h>

#define BUCKET 4 /* Cycles. */
#define NB_BUCKETS 1024
#define MAX_POOLS 8

/* The words of this structure are read by their number in bench/side.py. */
struct meter {
	uint64_t attach; /**< Written by the program that measures: begin. */
	uint64_t limit; /**< Also: most cycles of a call that only looked. */
	uint64_t attached; /**< Ports that are timed. */
	uint64_t packets; /**< Sent. */
	uint64_t cycles; /**< Of all calls. */
	uint64_t idle_cycles; /**< Of RX calls that only looked. */
	uint64_t hidden_cycles; /**< Of other RX calls that returned nothing. */
	uint64_t hidden; /**< Number of these. */
	/** Longest time between two RX calls; the program that measures clears it. */
	uint64_t stall;
	uint64_t now; /**< Clock at the last RX call. */
	uint64_t empty[NB_BUCKETS]; /**< RX calls that returned nothing, by their time. */
};

static struct meter *meter;
static eth_rx_burst_t rx;
static eth_tx_burst_t tx;
static struct rte_mempool *pools[MAX_POOLS];
static unsigned int nb_pools;

/* Buffers in the caches of this lcore: taking or freeing a buffer changes the sum. */
static uint32_t
cached(void)
{
	uint32_t sum = 0;

	for (unsigned int i = 0; i < nb_pools; i++) {
		const struct rte_mempool_cache *cache = rte_mempool_default_cache(pools[i],
				rte_lcore_id());

		sum += cache != NULL ? cache->len : rte_mempool_avail_count(pools[i]);
	}
	return sum;
}

static uint16_t
timed_rx(void *queue, struct rte_mbuf **pkts, uint16_t nb)
{
	uint32_t before = cached();
	static uint64_t last;
	uint64_t start = rte_rdtsc(), took;
	uint16_t got = rx(queue, pkts, nb);

	if (unlikely(start - last > meter->stall))
		meter->stall = start - last;
	last = start;
	meter->now = start;

	took = rte_rdtsc() - start;
	meter->cycles += took;
	if (got > 0)
		return got;
	meter->empty[RTE_MIN(took / BUCKET, NB_BUCKETS - 1u)]++;
	if (took <= meter->limit && cached() == before) {
		meter->idle_cycles += took;
	} else {
		meter->hidden_cycles += took;
		meter->hidden++;
	}
	return 0;
}

static uint16_t
timed_tx(void *queue, struct rte_mbuf **pkts, uint16_t nb)
{
	uint64_t start = rte_rdtsc();
	uint16_t sent = tx(queue, pkts, nb);

	meter->cycles += rte_rdtsc() - start;
	meter->packets += sent;
	return sent;
}

static void
pool_add(struct rte_mempool *pool, void *arg __rte_unused)
{
	if (nb_pools < MAX_POOLS)
		pools[nb_pools++] = pool;
}

static void
attach(void)
{
	uint64_t ports = 0;
	uint16_t port;

	rte_mempool_walk(pool_add, NULL);
	RTE_ETH_FOREACH_DEV(port)
	{
		struct rte_eth_fp_ops *ops = &rte_eth_fp_ops[port];

		/* All ports have one driver and one set of options. */
		if (ports == 0) {
			rx = ops->rx_pkt_burst;
			tx = ops->tx_pkt_burst;
		} else if (ops->rx_pkt_burst != rx || ops->tx_pkt_burst != tx) {
			return;
		}
		ports++;
	}
	RTE_ETH_FOREACH_DEV(port)
	{
		rte_eth_fp_ops[port].rx_pkt_burst = timed_rx;
		rte_eth_fp_ops[port].tx_pkt_burst = timed_tx;
	}
	__atomic_store_n(&meter->attached, ports, __ATOMIC_RELEASE);
}

static void *
wait_for_attach(void *arg __rte_unused)
{
	const struct timespec pause = { 0, 2000000 };

	while (__atomic_load_n(&meter->attach, __ATOMIC_ACQUIRE) == 0)
		nanosleep(&pause, NULL);
	attach();
	return NULL;
}

RTE_INIT(meter_init)
{
	const char *path = getenv("VSR_METER");
	pthread_t thread;
	int fd = path != NULL ? open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	meter = mmap(NULL, sizeof(*meter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (meter == MAP_FAILED)
		return;
	if (pthread_create(&thread, NULL, wait_for_attach, NULL) == 0)
		pthread_detach(thread);
}
