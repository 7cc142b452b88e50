/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * rx_intr EAL-ARGUMENTS -- N: an application that sleeps until packets arrive. It enables the
 * interrupt of each RX queue of port 0, prints "asleep", and after each of N interrupts prints the
 * queue and its number of packets. Exit code 1: no interrupt arrived in time; 2: set-up failed.
 */

#include <stdio.h>
#include <stdlib.h>

#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_interrupts.h>
#include <rte_mbuf.h>

#define NB_QUEUES 2
#define NB_DESC 64
#define NB_MBUFS 1023
#define SLEEP_MS 60000

static int
fail(const char *what, int err)
{
	fprintf(stderr, "rx_intr: %s: %s\n", what, rte_strerror(-err));
	return 2;
}

static int
port_start(struct rte_mempool *pool)
{
	const struct rte_eth_conf conf = { .intr_conf = { .rxq = 1 } };
	int ret = rte_eth_dev_configure(0, NB_QUEUES, NB_QUEUES, &conf);

	for (uint16_t q = 0; ret == 0 && q < NB_QUEUES; q++) {
		ret = rte_eth_rx_queue_setup(0, q, NB_DESC, 0, NULL, pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(0, q, NB_DESC, 0, NULL);
	}
	if (ret == 0)
		ret = rte_eth_dev_start(0);
	if (ret == 0)
		ret = rte_eth_promiscuous_enable(0);
	for (uintptr_t q = 0; ret == 0 && q < NB_QUEUES; q++)
		ret = rte_eth_dev_rx_intr_ctl_q(0, q, RTE_EPOLL_PER_THREAD, RTE_INTR_EVENT_ADD,
				(void *)q);
	return ret;
}

static unsigned int
receive(uint16_t queue)
{
	struct rte_mbuf *pkts[32];
	unsigned int all = 0;
	uint16_t n;

	while ((n = rte_eth_rx_burst(0, queue, pkts, RTE_DIM(pkts))) != 0) {
		rte_pktmbuf_free_bulk(pkts, n);
		all += n;
	}
	return all;
}

/* Sleep once; false if no interrupt arrives. */
static bool
sleep_once(void)
{
	struct rte_epoll_event event;

	for (uint16_t q = 0; q < NB_QUEUES; q++)
		rte_eth_dev_rx_intr_enable(0, q);
	printf("asleep\n");
	fflush(stdout);
	if (rte_epoll_wait(RTE_EPOLL_PER_THREAD, &event, 1, SLEEP_MS) != 1)
		return false;
	for (uint16_t q = 0; q < NB_QUEUES; q++)
		rte_eth_dev_rx_intr_disable(0, q);
	printf("woken by queue %u with %u packets\n", (unsigned int)(uintptr_t)event.epdata.data,
			receive((uint16_t)(uintptr_t)event.epdata.data));
	fflush(stdout);
	return true;
}

int
main(int argc, char **argv)
{
	struct rte_mempool *pool;
	int wanted, used, ret;

	used = rte_eal_init(argc, argv);
	if (used < 0 || argc - used < 2)
		return fail("it takes EAL-ARGUMENTS -- N", -EINVAL);
	wanted = atoi(argv[used + 1]);
	pool = rte_pktmbuf_pool_create("pkts", NB_MBUFS, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE,
			SOCKET_ID_ANY);
	if (pool == NULL)
		return fail("no packet buffers", -rte_errno);
	ret = port_start(pool);
	if (ret != 0)
		return fail("port 0 does not start", ret);
	while (wanted > 0 && sleep_once())
		wanted--;
	rte_eth_dev_stop(0);
	rte_eth_dev_close(0);
	rte_eal_cleanup();
	return wanted == 0 ? 0 : 1;
}
