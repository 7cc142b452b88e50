/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A VF of net_vsr for a guest in mode copy. */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include "daemon/log.h"

#include "copy_port.h"
#include "eal.h"

#define CACHE 64 /* Mbufs that the thread of mode copy keeps at hand. */
#define MTU_MAX 9216
#define OVERHEAD (RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN)
#define ROOM 2048 /* Bytes in an mbuf of a packet that may have several. */

/* ---------------------------------------------------------------- events */

static int
on_port_event(uint16_t id, enum rte_eth_event_type type, void *arg, void *more)
{
	const struct copy_port *port = arg;

	port->event(port->bdf, type == RTE_ETH_EVENT_INTR_RESET ? COPY_NEEDS_RESET : COPY_LINK);
	return 0;
}

static void
on_device_event(const char *name, enum rte_dev_event_type type, void *arg)
{
	const struct copy_port *port = arg;

	if (type == RTE_DEV_EVENT_REMOVE)
		port->event(port->bdf, COPY_REMOVE);
}

static void
events_off(struct copy_port *port)
{
	/* EAGAIN: the thread of EAL is just calling. A call does not wait, so it ends soon. */
	while (rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_RESET, on_port_event,
			       port) == -EAGAIN ||
			rte_eth_dev_callback_unregister(port->id, RTE_ETH_EVENT_INTR_LSC,
					on_port_event, port) == -EAGAIN ||
			rte_dev_event_callback_unregister(port->bdf, on_device_event, port) ==
					-EAGAIN)
		sched_yield();
}

static int
events_on(struct copy_port *port, struct err *err)
{
	if (rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_RESET, on_port_event,
			    port) == 0 &&
			rte_eth_dev_callback_register(port->id, RTE_ETH_EVENT_INTR_LSC,
					on_port_event, port) == 0 &&
			rte_dev_event_callback_register(port->bdf, on_device_event, port) == 0)
		return 0;
	events_off(port);
	return err_set(err, -ENOMEM, "out of memory");
}

/* ---------------------------------------------------------------- memory */

static struct rte_mempool *
pool_create(const struct copy_port *port, const char *what, unsigned int nb, uint16_t room,
		struct err *err)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	struct rte_mempool *pool;

	snprintf(name, sizeof(name), "%s %s", what, port->bdf);
	pool = rte_pktmbuf_pool_create(name, nb + 2 * CACHE, CACHE, 0, room + RTE_PKTMBUF_HEADROOM,
			SOCKET_ID_ANY);
	if (pool == NULL)
		err_set(err, -ENOMEM,
				"no memory for %u packets (%s): start vsr-bridge with more --memory, "
				"or name fewer queues",
				nb, rte_strerror(rte_errno));
	return pool;
}

/* Packets in the queues of the VF, those of a burst, and some more. */
static int
pools_create(struct copy_port *port, const struct rte_eth_dev_info *info, uint16_t mtu,
		struct err *err)
{
	const bool scatter = (info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER) != 0;
	const unsigned int nb = port->pairs * (COPY_DESC + 2 * COPY_BURST);
	const unsigned int segs = (mtu + OVERHEAD + ROOM - 1) / ROOM;
	const uint16_t rx_room = scatter ? ROOM : RTE_MAX(ROOM, mtu + OVERHEAD);

	port->rx_pool = pool_create(port, "rx", nb, rx_room, err);
	if (port->rx_pool != NULL)
		port->tx_pool = pool_create(port, "tx", nb * segs, ROOM, err);
	return port->tx_pool != NULL ? 0 : -ENOMEM;
}

void
copy_port_free(struct copy_port *port)
{
	rte_mempool_free(port->rx_pool);
	rte_mempool_free(port->tx_pool);
	port->rx_pool = port->tx_pool = NULL;
}

/* ---------------------------------------------------------------- start, stop */

static uint16_t
mtu_of(const struct rte_eth_dev_info *info)
{
	return RTE_MIN(info->max_mtu, MTU_MAX);
}

unsigned int
copy_port_max_pairs(const char *bdf)
{
	struct rte_eth_dev_info info;
	uint16_t id;

	if (rte_eth_dev_get_port_by_name(bdf, &id) != 0 || rte_eth_dev_info_get(id, &info) != 0)
		return 0;
	return RTE_MIN(info.max_rx_queues, info.max_tx_queues);
}

int
copy_port_open(struct copy_port *port, struct err *err)
{
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_get_port_by_name(port->bdf, &port->id);

	if (ret == 0)
		ret = rte_eth_dev_info_get(port->id, &info);
	if (ret != 0)
		return err_set(err, -ENODEV, "%s is no device of net_vsr", port->bdf);
	port->max_pairs = (uint16_t)copy_port_max_pairs(port->bdf);
	port->max_len = info.max_rx_pktlen;
	ret = pools_create(port, &info, mtu_of(&info), err);
	if (ret == 0)
		ret = events_on(port, err);
	if (ret != 0)
		copy_port_free(port);
	return ret;
}

static int
configure(const struct copy_port *port)
{
	struct rte_eth_conf conf = { .intr_conf = { .rxq = 1 } };
	struct rte_eth_dev_info info;
	int ret = rte_eth_dev_info_get(port->id, &info);

	if (ret != 0)
		return ret;
	conf.intr_conf.lsc = (*info.dev_flags & RTE_ETH_DEV_INTR_LSC) != 0;
	conf.rxmode.mtu = mtu_of(&info);
	conf.rxmode.offloads = info.rx_offload_capa & RTE_ETH_RX_OFFLOAD_SCATTER;
	conf.txmode.offloads = RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
	ret = rte_eth_dev_configure(port->id, port->pairs, port->pairs, &conf);
	for (uint16_t i = 0; ret == 0 && i < port->pairs; i++) {
		ret = rte_eth_rx_queue_setup(port->id, i,
				RTE_MIN(COPY_DESC, info.rx_desc_lim.nb_max),
				(unsigned int)SOCKET_ID_ANY, NULL, port->rx_pool);
		if (ret == 0)
			ret = rte_eth_tx_queue_setup(port->id, i,
					RTE_MIN(COPY_DESC, info.tx_desc_lim.nb_max),
					(unsigned int)SOCKET_ID_ANY, NULL);
	}
	return ret;
}

/* The VF is to receive what is for the guest. A VF that cannot filter receives everything. */
static void
filter(const struct copy_port *port)
{
	struct rte_ether_addr mac;

	if (port->mac[0] != '\0' && rte_ether_unformat_addr(port->mac, &mac) == 0 &&
			rte_eth_dev_default_mac_addr_set(port->id, &mac) != 0 &&
			rte_eth_promiscuous_enable(port->id) != 0)
		log_warn("%s can neither take the address %s nor become promiscuous", port->bdf,
				port->mac);
	rte_eth_allmulticast_enable(port->id);
}

int
copy_port_start(struct copy_port *port, struct err *err)
{
	int ret = configure(port);

	if (ret == 0)
		ret = rte_eth_dev_start(port->id);
	if (ret != 0)
		return err_set(err, ret, "cannot start %s: %s", port->bdf, eal_reason(ret));
	filter(port);
	return 0;
}

int
copy_port_restart(struct copy_port *port, struct err *err)
{
	const int ret = rte_eth_dev_reset(port->id);

	if (ret != 0)
		return err_set(err, ret, "cannot reset %s: %s", port->bdf, eal_reason(ret));
	return copy_port_start(port, err);
}

void
copy_port_stop(struct copy_port *port)
{
	events_off(port);
	rte_eth_dev_stop(port->id);
}
