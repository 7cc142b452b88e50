/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* What the other processes of an application see of a port. */

#include <errno.h>
#include <string.h>

#include <rte_malloc.h>
#include <rte_memzone.h>

#include "base/vsr_queue.h"
#include "vsr_shared.h"

/*
 * The fields of dev_private that net_virtio uses in a secondary process: the same places from DPDK
 * 22.11 to 26.07. All other bytes are zero: no features, no queues, not started.
 */
#define STAND_IN_PORT_ID 30 /* index of tables of the process */
#define STAND_IN_MAC 32
#define STAND_IN_COMMON_CFG 120 /* pointers to registers of the device */
#define STAND_IN_DEVICE_CFG 128
#define STAND_IN_ISR 144
#define STAND_IN_NOTIFY 152
#define STAND_IN_MODERN 164 /* false: the process would access BAR 0 as legacy registers */

/* Sizes of the structures that processes share. Another build of net_vsr may have others. */
struct sizes {
	uint32_t data, dev, rxq, txq, virtq;
};

/* The content of the memzone. */
struct shared {
	struct sizes sizes;
	struct rte_eth_dev_data *entry; /* of the port in ethdev's table */
	struct rte_eth_dev_data data; /* all zero when the port is closed */
	struct rte_ether_addr stand_in_macs[VSR_MACS_MAX];
	/* dev_private of the stand-in, and memory that it takes for registers. */
	uint8_t stand_in[256] __rte_aligned(8);
	uint8_t stand_in_regs[256] __rte_aligned(8);
};

static const struct sizes sizes = {
	.data = sizeof(struct rte_eth_dev_data),
	.dev = sizeof(struct vsr_dev),
	.rxq = sizeof(struct vsr_rxq),
	.txq = sizeof(struct vsr_txq),
	.virtq = sizeof(struct vio_virtq),
};

static int
zone_name(char *name, const struct rte_eth_dev *eth_dev)
{
	const int n = snprintf(name, RTE_MEMZONE_NAMESIZE, "vsr_port_%s", eth_dev->data->name);

	return n < RTE_MEMZONE_NAMESIZE ? 0 : -ENAMETOOLONG;
}

static void
stand_in_set(struct shared *shared, size_t at, const void *value, size_t len)
{
	memcpy(&shared->stand_in[at], value, len);
}

static void
stand_in_init(struct shared *shared)
{
	static const size_t pointers[] = { STAND_IN_COMMON_CFG, STAND_IN_DEVICE_CFG, STAND_IN_ISR,
		STAND_IN_NOTIFY };
	const void *regs = shared->stand_in_regs;
	const bool modern = true;

	memset(shared->stand_in, 0, sizeof(shared->stand_in));
	memset(shared->stand_in_regs, 0, sizeof(shared->stand_in_regs));
	memset(shared->stand_in_macs, 0, sizeof(shared->stand_in_macs));
	stand_in_set(shared, STAND_IN_PORT_ID, &shared->data.port_id, sizeof(shared->data.port_id));
	for (size_t i = 0; i < RTE_DIM(pointers); i++)
		stand_in_set(shared, pointers[i], &regs, sizeof(regs));
	stand_in_set(shared, STAND_IN_MODERN, &modern, sizeof(modern));
}

int
vsr_shared_create(struct rte_eth_dev *eth_dev)
{
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *mz;
	struct shared *shared;

	if (zone_name(name, eth_dev) != 0)
		return -ENAMETOOLONG;
	/* The zone of an earlier port: a secondary process may have kept a pointer to it, so zones
	 * are never freed. */
	mz = rte_memzone_lookup(name);
	if (mz == NULL)
		mz = rte_memzone_reserve(name, sizeof(*shared), SOCKET_ID_ANY, 0);
	if (mz == NULL)
		return -ENOMEM;
	shared = mz->addr;
	shared->entry = eth_dev->data;
	shared->data = *eth_dev->data;
	shared->sizes = sizes;
	stand_in_init(shared);
	shared->entry->mac_addrs = shared->stand_in_macs;
	rte_wmb(); /* a secondary process may look at any time */
	shared->entry->dev_private = shared->stand_in;
	eth_dev->data = &shared->data;
	return 0;
}

struct rte_eth_dev_data *
vsr_shared_stand_in(const struct rte_eth_dev *eth_dev)
{
	return container_of(eth_dev->data, struct shared, data)->entry;
}

void
vsr_shared_mac_show(struct rte_eth_dev *eth_dev, uint32_t index, const struct rte_ether_addr *addr)
{
	struct shared *shared = container_of(eth_dev->data, struct shared, data);

	shared->stand_in_macs[index] = *addr;
	if (index == 0)
		stand_in_set(shared, STAND_IN_MAC, addr, sizeof(*addr));
}

void
vsr_shared_show(struct rte_eth_dev *eth_dev)
{
	struct rte_eth_dev_data *stand_in = vsr_shared_stand_in(eth_dev);
	const struct rte_eth_dev_data *data = eth_dev->data;

	stand_in->mtu = data->mtu;
	stand_in->promiscuous = data->promiscuous;
	stand_in->all_multicast = data->all_multicast;
	stand_in->dev_conf.rxmode = data->dev_conf.rxmode;
	for (uint32_t i = 0; i < VSR_MACS_MAX; i++)
		vsr_shared_mac_show(eth_dev, i, &data->mac_addrs[i]);
}

void
vsr_shared_destroy(struct rte_eth_dev *eth_dev)
{
	struct rte_eth_dev_data *data = eth_dev->data;
	struct shared *shared = container_of(data, struct shared, data);

	rte_free(data->rx_queues);
	rte_free(data->tx_queues);
	rte_free(data->mac_addrs);
	rte_free(data->hash_mac_addrs);
	rte_free(data->dev_private);
	memset(data, 0, sizeof(*data));
	/* ethdev frees what it finds there. */
	shared->entry->mac_addrs = NULL;
	shared->entry->dev_private = NULL;
	eth_dev->data = shared->entry;
}

int
vsr_shared_attach(struct rte_eth_dev *eth_dev)
{
	const char *device = eth_dev->data->name;
	char name[RTE_MEMZONE_NAMESIZE];
	const struct rte_memzone *mz;
	struct shared *shared;

	if (zone_name(name, eth_dev) != 0)
		return -ENODEV;
	mz = rte_memzone_lookup(name);
	if (mz == NULL)
		return -ENODEV;
	shared = mz->addr;
	if (memcmp(&shared->sizes, &sizes, sizeof(sizes)) != 0) {
		rte_log(RTE_LOG_ERR, (uint32_t)vsr_logtype,
				"net_vsr: %s: the primary process has another version of net_vsr\n",
				device);
		return -EPROTO;
	}
	if (shared->data.dev_private == NULL || shared->entry != eth_dev->data)
		return -ENODEV;
	eth_dev->data = &shared->data;
	return 0;
}
