/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The control queue: a table of commands, each with the feature that it needs. Requests may be
 * split over descriptors in any way (virtio 1.4 2.7.4). virtio 1.4 5.1.9.5.
 */

#include <stdlib.h>
#include <string.h>

#include "vsim/data/vsim_ctrl.h"
#include "vsim/core/vsim_event.h"
#include "vsim/data/vsim_filter.h"

/* Requests served in one round: bounds the time for which a driver can occupy a worker. */
#define ROUND 64

#define DATA_AT sizeof(struct virtio_net_ctrl_hdr)

/* Copy data of the command from an offset on. @return false: the request is too short. */
static bool
data(const struct vsim_chain *chain, size_t offset, void *buf, size_t len)
{
	return vsim_chain_read(chain, DATA_AT + offset, buf, len) == len;
}

static bool
rx_mode(struct vsim_fn *fn, const struct vsim_chain *chain, uint8_t command)
{
	uint8_t on;

	return data(chain, 0, &on, sizeof(on)) && vsim_filter_set_mode(fn, command, on != 0);
}

/* One table: entry count at *offset, then the addresses. Advances *offset past the table.
 * @return false: the request is too short. */
static bool
mac_table(const struct vsim_chain *chain, size_t *offset, size_t *count, uint8_t *macs)
{
	virtio_le32 entries;
	size_t keep;

	if (!data(chain, *offset, &entries, sizeof(entries)))
		return false;
	*offset += sizeof(entries);
	*count = le32toh(entries);
	if (*count > (chain->readable_len - DATA_AT - *offset) / 6)
		return false;
	keep = *count <= VSIM_FILTER_MACS ? *count : VSIM_FILTER_MACS;
	if (!data(chain, *offset, macs, 6 * keep))
		return false;
	*offset += 6 * *count;
	return true;
}

static bool
mac_table_set(struct vsim_fn *fn, const struct vsim_chain *chain, uint8_t command)
{
	uint8_t unicast[6 * VSIM_FILTER_MACS], multicast[6 * VSIM_FILTER_MACS];
	size_t nb_unicast, nb_multicast, offset = 0;

	if (!mac_table(chain, &offset, &nb_unicast, unicast) ||
			!mac_table(chain, &offset, &nb_multicast, multicast)) {
		vsim_fn_violation(fn, VIRTIO_RULE_MAC_TABLES);
		return false;
	}
	vsim_filter_set_macs(fn, unicast, nb_unicast, multicast, nb_multicast);
	return true;
}

static bool
mac_addr_set(struct vsim_fn *fn, const struct vsim_chain *chain, uint8_t command)
{
	uint8_t mac[6];

	if (!data(chain, 0, mac, sizeof(mac)))
		return false;
	vsim_filter_set_own_mac(fn, mac);
	if (vsim_features_has(&fn->offered, VIRTIO_NET_F_MAC) &&
			memcmp(fn->net_config.mac, mac, sizeof(mac)) != 0) {
		memcpy(fn->net_config.mac, mac, sizeof(mac));
		/* The used buffer informs the driver, so no configuration interrupt is needed. */
		fn->config_stale = true;
	}
	return true;
}

static bool
vlan(struct vsim_fn *fn, const struct vsim_chain *chain, uint8_t command)
{
	virtio_le16 vid;

	return data(chain, 0, &vid, sizeof(vid)) &&
			vsim_filter_set_vlan(fn, le16toh(vid), command == VIRTIO_NET_CTRL_VLAN_ADD);
}

static bool
announce_ack(struct vsim_fn *fn, const struct vsim_chain *chain, uint8_t command)
{
	uint16_t status = le16toh(fn->net_config.status);

	if (status & VIRTIO_NET_S_ANNOUNCE) {
		fn->net_config.status = htole16(status & ~VIRTIO_NET_S_ANNOUNCE);
		fn->config_stale = true;
	}
	return true;
}

static bool
mq_pairs_set(struct vsim_fn *fn, const struct vsim_chain *chain, uint8_t command)
{
	struct virtio_net_ctrl_mq mq;
	uint16_t pairs;

	if (!data(chain, 0, &mq, sizeof(mq)))
		return false;
	pairs = le16toh(mq.virtqueue_pairs);
	if (pairs == 0 || pairs > fn->nic->conf.queue_pairs) {
		vsim_fn_violation(fn, VIRTIO_RULE_QUEUE_PAIRS);
		return false;
	}
	/* virtio 1.4 5.1.9.5.6.1: the queues have to be configured first. */
	for (uint16_t qi = 0; qi < 2 * pairs; qi++) {
		if (fn->queue_cfg[qi].enabled)
			continue;
		vsim_fn_violation(fn, VIRTIO_RULE_QUEUE_PAIRS);
		return false;
	}
	atomic_store_explicit(&fn->pairs_in_use, pairs, memory_order_relaxed);
	return true;
}

/* rule: broken by a driver that sends the command without the feature. */
static const struct command {
	uint8_t class, command, feature;
	enum virtio_rule rule;
	bool (*run)(struct vsim_fn *fn, const struct vsim_chain *chain, uint8_t command);
} commands[] = {
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, VIRTIO_NET_F_CTRL_RX, VIRTIO_RULE_RX_MODE,
			rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLMULTI, VIRTIO_NET_F_CTRL_RX,
			VIRTIO_RULE_RX_MODE, rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_ALLUNI, VIRTIO_NET_F_CTRL_RX_EXTRA,
			VIRTIO_RULE_RX_MODE, rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOMULTI, VIRTIO_NET_F_CTRL_RX_EXTRA,
			VIRTIO_RULE_RX_MODE, rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOUNI, VIRTIO_NET_F_CTRL_RX_EXTRA,
			VIRTIO_RULE_RX_MODE, rx_mode },
	{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOBCAST, VIRTIO_NET_F_CTRL_RX_EXTRA,
			VIRTIO_RULE_RX_MODE, rx_mode },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, VIRTIO_NET_F_CTRL_RX,
			VIRTIO_RULE_NONE, mac_table_set },
	{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, VIRTIO_NET_F_CTRL_MAC_ADDR,
			VIRTIO_RULE_NONE, mac_addr_set },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, VIRTIO_NET_F_CTRL_VLAN, VIRTIO_RULE_NONE,
			vlan },
	{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, VIRTIO_NET_F_CTRL_VLAN, VIRTIO_RULE_NONE,
			vlan },
	{ VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, VIRTIO_NET_F_GUEST_ANNOUNCE,
			VIRTIO_RULE_NONE, announce_ack },
	{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, VIRTIO_NET_F_MQ, VIRTIO_RULE_NONE,
			mq_pairs_set },
};

static bool
command_run(struct vsim_fn *fn, const struct vsim_chain *chain)
{
	struct virtio_net_ctrl_hdr hdr;

	if (vsim_chain_read(chain, 0, &hdr, sizeof(hdr)) != sizeof(hdr))
		return false;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		const struct command *c = &commands[i];

		if (c->class != hdr.class || c->command != hdr.command)
			continue;
		if (vsim_features_has(&fn->accepted, c->feature))
			return c->run(fn, chain, c->command);
		if (c->rule != VIRTIO_RULE_NONE)
			vsim_fn_violation(fn, c->rule);
		return false;
	}
	return false;
}

bool
vsim_ctrl_run(struct vsim_fn *fn, struct vsim_queue *q)
{
	struct vsim_chain chain;

	for (unsigned int i = 0; i < ROUND; i++) {
		uint8_t ack = VIRTIO_NET_ERR;
		int ret = vsim_chain_pop(q, &chain);

		if (ret < 0)
			vsim_fn_broken(fn);
		if (ret <= 0)
			return false;
		/* A request without space for the answer is not executed. */
		if (chain.writable_len >= sizeof(ack) && command_run(fn, &chain))
			ack = VIRTIO_NET_OK;
		vsim_fn_count(&fn->counters->ctrl_commands);
		if (ack != VIRTIO_NET_OK)
			vsim_fn_count(&fn->counters->ctrl_errors);
		vsim_chain_push(q, &chain, vsim_chain_write(&chain, 0, &ack, sizeof(ack)));
	}
	return true;
}
