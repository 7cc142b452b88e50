/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Control queue and RX filter of the simulated NIC, used through a split ring: virtio 1.4 5.1.9.5.
 */

#include <stdio.h>
#include <string.h>

#include "test/fixture/vsim_fixture.h"
#include "vsim/data/vsim_filter.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))
#define QUEUE_SIZE 256
/* After the rings of nine queues */
#define BUFFERS (10 * FIXTURE_QUEUE_LEN)

#define NO_ACK 0xaa /* content of the ack byte before the command */

struct ctrl {
	struct fixture f;
	uint16_t qi, avail_i;
};

static struct vsim_features
ctrl_features(void)
{
	return FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MAC, VIRTIO_NET_F_STATUS,
			VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_RX_EXTRA,
			VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_MQ,
			VIRTIO_NET_F_GUEST_ANNOUNCE);
}

/* Start a function with nb_queues data queues. */
static struct ctrl
ctrl_start(struct vsim_features features, uint16_t nb_queues)
{
	struct ctrl c = { .f = fixture_make("full") };

	VTEST(driver_negotiate(c.f.pf, &features));
	c.qi = vsim_fn_ctrl_index(c.f.pf);
	for (uint16_t qi = 0; qi < nb_queues; qi++)
		driver_queue(c.f.pf, qi, QUEUE_SIZE);
	driver_queue(c.f.pf, c.qi, QUEUE_SIZE);
	driver_ok(c.f.pf);
	return c;
}

static uint16_t
used_idx(const struct ctrl *c)
{
	const struct virtq_used *used = (const void *)&c->f.mem[c->qi * FIXTURE_QUEUE_LEN + 5120];

	return le16toh(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE));
}

/* Send a request in segments of at most piece bytes; ack_len 0: no room for the answer.
 * @return the ack byte. */
static uint8_t
ctrl_send(struct ctrl *c, const void *request, size_t len, size_t piece, uint32_t ack_len)
{
	struct virtq_desc *desc = (void *)&c->f.mem[c->qi * FIXTURE_QUEUE_LEN];
	struct virtq_avail *avail = (void *)&c->f.mem[c->qi * FIXTURE_QUEUE_LEN + 4096];
	uint8_t *buf = &c->f.mem[BUFFERS];
	uint16_t nb = 0, doorbell = htole16(c->qi);
	uint64_t at;

	/* A gap after each segment, so that only the descriptors connect the segments. */
	for (size_t done = 0; done < len; done += piece) {
		size_t n = len - done < piece ? len - done : piece;

		memcpy(&buf[2 * done], (const uint8_t *)request + done, n);
		desc[nb] = (struct virtq_desc){
			.addr = htole64(FIXTURE_IOVA + BUFFERS + 2 * done),
			.len = htole32(n),
			.flags = htole16(VIRTQ_DESC_F_NEXT),
			.next = htole16(nb + 1),
		};
		nb++;
		VTEST(nb < QUEUE_SIZE);
	}
	buf[2 * len] = NO_ACK;
	if (ack_len > 0)
		desc[nb++] = (struct virtq_desc){
			.addr = htole64(FIXTURE_IOVA + BUFFERS + 2 * len),
			.len = htole32(ack_len),
			.flags = htole16(VIRTQ_DESC_F_WRITE),
		};
	else
		desc[nb - 1].flags = 0;
	avail->ring[c->avail_i % QUEUE_SIZE] = 0;
	__atomic_store_n(&avail->idx, htole16(++c->avail_i), __ATOMIC_RELEASE);

	reg_write(c->f.pf, "queue_select", c->qi);
	at = VSIM_BAR_DOORBELLS +
			(uint64_t)reg_read(c->f.pf, "queue_notify_off") *
					vsim_notify_multiplier(c->f.nic);
	VTEST_EQ(vsim_fn_write(c->f.pf, VSIM_BAR, at, &doorbell, 2), 0);
	for (int i = 0; i < 100 && used_idx(c) != c->avail_i; i++)
		vsim_worker_poll(c->f.nic, 0);
	VTEST_EQ(used_idx(c), c->avail_i);
	return buf[2 * len];
}

/* Send a request in one segment, with room for the ack. */
static uint8_t
command(struct ctrl *c, uint8_t class, uint8_t cmd, const void *data, size_t len)
{
	uint8_t request[2048] = { class, cmd };

	VTEST(len <= sizeof(request) - 2);
	if (len > 0)
		memcpy(&request[2], data, len);
	return ctrl_send(c, request, 2 + len, sizeof(request), 1);
}

static uint8_t
mode(struct ctrl *c, uint8_t cmd, uint8_t on)
{
	return command(c, VIRTIO_NET_CTRL_RX, cmd, &on, 1);
}

/* ---------------------------------------------------------------- frames */

static const uint8_t own[6] = { 0x02, 0, 0, 0, 0xff, 0xf0 };
static const uint8_t other[6] = { 0x02, 0, 0, 0, 0, 0x99 };
static const uint8_t group[6] = { 0x01, 0, 0x5e, 0, 0, 0x01 };
static const uint8_t everyone[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

static bool
accepted(const struct ctrl *c, const uint8_t mac[6], int vid)
{
	uint8_t frame[64] = { 0 };

	memcpy(frame, mac, 6);
	if (vid >= 0) {
		frame[12] = 0x81;
		frame[14] = vid >> 8 | 0x60; /* with a priority, which the filter ignores */
		frame[15] = vid;
	} else {
		frame[12] = 0x08;
	}
	return vsim_filter_accept(c->f.pf, frame);
}

/* ---------------------------------------------------------------- cases */

static void
commands_are_acknowledged_or_refused(void)
{
	static const struct {
		const char *what;
		uint8_t class, command, data[16];
		uint8_t len, ack;
		enum virtio_rule rule; /* broken by this request */
	} rows[] = {
		{ "promisc off", 0, VIRTIO_NET_CTRL_RX_PROMISC, { 0 }, 1, 0, VIRTIO_RULE_NONE },
		{ "promisc without data", 0, VIRTIO_NET_CTRL_RX_PROMISC, { 0 }, 0, 1,
				VIRTIO_RULE_NONE },
		{ "no broadcast", 0, VIRTIO_NET_CTRL_RX_NOBCAST, { 1 }, 1, 0, VIRTIO_RULE_NONE },
		{ "unknown mode", 0, 6, { 1 }, 1, 1, VIRTIO_RULE_NONE },
		{ "unknown class", 9, 0, { 0 }, 2, 1, VIRTIO_RULE_NONE },
		{ "class of the far end", 255, 255, { 0 }, 2, 1, VIRTIO_RULE_NONE },
		{ "empty tables", 1, 0, { 0, 0, 0, 0, 0, 0, 0, 0 }, 8, 0, VIRTIO_RULE_NONE },
		{ "one table", 1, 0, { 0, 0, 0, 0 }, 4, 1, VIRTIO_RULE_MAC_TABLES },
		{ "half a count", 1, 0, { 0, 0, 0, 0, 0, 0 }, 6, 1, VIRTIO_RULE_MAC_TABLES },
		{ "more than there is", 1, 0, { 1, 0, 0, 0, 0, 0, 0, 0 }, 8, 1,
				VIRTIO_RULE_MAC_TABLES },
		{ "count that wraps", 1, 0, { 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0 }, 8, 1,
				VIRTIO_RULE_MAC_TABLES },
		{ "bytes left over", 1, 0, { 0 }, 9, 0, VIRTIO_RULE_NONE },
		{ "address", 1, 1, { 2, 0, 0, 0, 0, 1 }, 6, 0, VIRTIO_RULE_NONE },
		{ "short address", 1, 1, { 2, 0, 0, 0, 0 }, 5, 1, VIRTIO_RULE_NONE },
		{ "vlan", 2, 0, { 0xff, 0x0f }, 2, 0, VIRTIO_RULE_NONE },
		{ "vlan 4096", 2, 0, { 0x00, 0x10 }, 2, 1, VIRTIO_RULE_NONE },
		{ "unknown vlan command", 2, 2, { 1, 0 }, 2, 1, VIRTIO_RULE_NONE },
		{ "announce", 3, 0, { 0 }, 0, 0, VIRTIO_RULE_NONE },
		{ "two pairs", 4, 0, { 2, 0 }, 2, 0, VIRTIO_RULE_NONE },
		{ "no pair", 4, 0, { 0, 0 }, 2, 1, VIRTIO_RULE_QUEUE_PAIRS },
		{ "five pairs of four", 4, 0, { 5, 0 }, 2, 1, VIRTIO_RULE_QUEUE_PAIRS },
		{ "three pairs, two set up", 4, 0, { 3, 0 }, 2, 1, VIRTIO_RULE_QUEUE_PAIRS },
		{ "rss", 4, 1, { 0 }, 16, 1, VIRTIO_RULE_NONE },
	};
	struct ctrl c = ctrl_start(ctrl_features(), 4);
	uint64_t broken = 0, errors = 0;

	for (size_t i = 0; i < NB(rows); i++) {
		uint8_t ack = command(&c, rows[i].class, rows[i].command, rows[i].data,
				rows[i].len);

		broken += rows[i].rule != 0;
		errors += rows[i].ack != 0;
		if (ack != rows[i].ack || violations_all(c.f.pf) != broken)
			fprintf(stderr, "case: %s\n", rows[i].what);
		VTEST_EQ(ack, rows[i].ack);
		VTEST_EQ(violations_all(c.f.pf), broken);
		VTEST(rows[i].rule == 0 || violations(c.f.pf, rows[i].rule) > 0);
	}
	VTEST_EQ(c.f.pf->counters->ctrl_commands, NB(rows));
	VTEST_EQ(c.f.pf->counters->ctrl_errors, errors);
	fixture_free(&c.f);
}

static void
commands_need_their_features(void)
{
	static const struct {
		uint8_t class, command;
		unsigned int count; /* violations of VIRTIO_RULE_RX_MODE */
	} rows[] = {
		{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 1 },
		{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_NOUNI, 1 },
		{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, 0 },
		{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, 0 },
		{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, 0 },
		{ VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, 0 },
		{ VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, 0 },
	};
	static const uint8_t data[8] = { 1 };
	struct ctrl c = ctrl_start(FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_VQ), 2);
	uint64_t count = 0;

	VTEST_EQ(c.qi, 2);
	for (size_t i = 0; i < NB(rows); i++) {
		count += rows[i].count;
		VTEST_EQ(command(&c, rows[i].class, rows[i].command, data, sizeof(data)),
				VIRTIO_NET_ERR);
		VTEST_EQ(violations(c.f.pf, VIRTIO_RULE_RX_MODE), count);
	}
	VTEST_EQ(violations_all(c.f.pf), count);
	VTEST(accepted(&c, other, 7));
	fixture_free(&c.f);
}

static void
framing_does_not_matter(void)
{
	static const size_t pieces[] = { 1, 2, 3, 5, 7, 16, 1024 };
	uint8_t request[2 + 4 + 6 + 4 + 6] = { VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
		1, 0, 0, 0 };

	memcpy(&request[6], other, 6);
	request[12] = 1;
	memcpy(&request[16], group, 6);
	for (size_t i = 0; i < NB(pieces); i++) {
		struct ctrl c = ctrl_start(ctrl_features(), 2);

		VTEST_EQ(mode(&c, VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_OK);
		VTEST(!accepted(&c, other, -1) && !accepted(&c, group, -1));
		VTEST_EQ(ctrl_send(&c, request, sizeof(request), pieces[i], 1 + i), VIRTIO_NET_OK);
		VTEST(accepted(&c, other, -1) && accepted(&c, group, -1));
		VTEST_EQ(violations_all(c.f.pf), 0);
		fixture_free(&c.f);
	}
}

static void
a_request_without_room_for_its_answer_is_not_done(void)
{
	static const uint8_t request[] = { VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, 0 };
	struct ctrl c = ctrl_start(ctrl_features(), 2);

	VTEST_EQ(ctrl_send(&c, request, sizeof(request), 8, 0), NO_ACK);
	VTEST(accepted(&c, other, -1));
	VTEST_EQ(c.f.pf->counters->ctrl_errors, 1);
	VTEST_EQ(ctrl_send(&c, request, sizeof(request), 8, 1), VIRTIO_NET_OK);
	VTEST(!accepted(&c, other, -1));
	fixture_free(&c.f);
}

static void
a_header_cut_short_is_refused(void)
{
	static const uint8_t request[] = { VIRTIO_NET_CTRL_ANNOUNCE };
	struct ctrl c = ctrl_start(ctrl_features(), 2);

	VTEST_EQ(ctrl_send(&c, request, 1, 8, 1), VIRTIO_NET_ERR);
	fixture_free(&c.f);
}

static void
modes_have_their_precedence(void)
{
	enum { P = 1, AM = 2, AU = 4, NM = 8, NU = 16, NB_ = 32 };
	static const struct {
		unsigned int modes; /* One bit per VIRTIO_NET_CTRL_RX_* command */
		bool own, other, group, everyone;
	} rows[] = {
		{ 0, true, false, false, true },
		{ P, true, true, true, true },
		{ AM, true, false, true, true },
		{ AU, true, true, false, true },
		{ AM | AU, true, true, true, true },
		{ NM, true, false, false, true },
		{ NU, false, false, false, true },
		{ NB_, true, false, false, false },
		{ AM | NM, true, false, false, true },
		{ AU | NU, false, false, false, true },
		{ P | NM | NU | NB_, true, true, true, true },
		{ NM | NU | NB_, false, false, false, false },
	};
	struct ctrl c = ctrl_start(ctrl_features(), 2);

	/* As after a reset, the function is promiscuous. */
	VTEST(accepted(&c, own, -1) && accepted(&c, other, -1) && accepted(&c, group, 5));
	for (size_t i = 0; i < NB(rows); i++) {
		for (uint8_t cmd = 0; cmd <= VIRTIO_NET_CTRL_RX_NOBCAST; cmd++)
			VTEST_EQ(mode(&c, cmd, rows[i].modes >> cmd & 1), VIRTIO_NET_OK);
		VTEST_EQ(accepted(&c, own, -1), rows[i].own);
		VTEST_EQ(accepted(&c, other, -1), rows[i].other);
		VTEST_EQ(accepted(&c, group, -1), rows[i].group);
		VTEST_EQ(accepted(&c, everyone, -1), rows[i].everyone);
	}
	reg_write(c.f.pf, "device_status", 0);
	VTEST(accepted(&c, other, -1));
	fixture_free(&c.f);
}

static void
tables_replace_one_another_and_overflow(void)
{
	static const struct {
		uint32_t nb_unicast, nb_multicast;
		bool other, group; /* addresses that are not in the tables */
	} rows[] = {
		{ 1, 1, false, false },
		{ VSIM_FILTER_MACS, VSIM_FILTER_MACS, false, false },
		{ VSIM_FILTER_MACS + 1, 0, true, false },
		{ 0, VSIM_FILTER_MACS + 1, false, true },
		{ VSIM_FILTER_MACS + 1, 80, true, true },
		{ 0, 0, false, false },
	};
	struct ctrl c = ctrl_start(ctrl_features(), 2);

	VTEST_EQ(mode(&c, VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_OK);
	for (size_t i = 0; i < NB(rows); i++) {
		uint8_t data[1024] = { 0 };
		size_t at = 0;
		uint32_t count[2] = { rows[i].nb_unicast, rows[i].nb_multicast };

		for (unsigned int t = 0; t < 2; t++) {
			virtio_le32 entries = htole32(count[t]);

			memcpy(&data[at], &entries, 4);
			at += 4;
			for (uint32_t n = 0; n < count[t]; n++, at += 6) {
				data[at] = t == 0 ? 0x06 : 0x03;
				data[at + 5] = n;
			}
		}
		VTEST_EQ(command(&c, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET, data, at),
				VIRTIO_NET_OK);
		VTEST_EQ(accepted(&c, other, -1), rows[i].other);
		VTEST_EQ(accepted(&c, group, -1), rows[i].group);
		for (unsigned int t = 0; t < 2; t++) {
			uint8_t last[6] = { t == 0 ? 0x06 : 0x03, 0, 0, 0, 0, count[t] - 1 };

			VTEST_EQ(accepted(&c, last, -1), count[t] > 0);
		}
		VTEST(accepted(&c, own, -1) && accepted(&c, everyone, -1));
	}
	VTEST_EQ(violations_all(c.f.pf), 0);
	fixture_free(&c.f);
}

static void
address_set_changes_filter_and_configuration(void)
{
	struct ctrl c = ctrl_start(ctrl_features(), 2);
	uint32_t generation = reg_read(c.f.pf, "config_generation");
	uint8_t byte = 0;

	VTEST_EQ(mode(&c, VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_OK);
	VTEST_EQ(command(&c, VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, other, 6),
			VIRTIO_NET_OK);
	VTEST(accepted(&c, other, -1) && !accepted(&c, own, -1));
	VTEST(reg_read(c.f.pf, "config_generation") != generation);
	for (unsigned int i = 0; i < 6; i++) {
		VTEST_EQ(vsim_fn_read(c.f.pf, VSIM_BAR, VSIM_REG_DEVICE + i, &byte, 1), 0);
		VTEST_EQ(byte, other[i]);
	}
	/* A reset restores the address. */
	reg_write(c.f.pf, "device_status", 0);
	VTEST_EQ(vsim_fn_read(c.f.pf, VSIM_BAR, VSIM_REG_DEVICE + 5, &byte, 1), 0);
	VTEST_EQ(byte, own[5]);
	fixture_free(&c.f);
}

static void
vlans_pass_when_in_the_table(void)
{
	struct ctrl c = ctrl_start(ctrl_features(), 2);
	virtio_le16 vid = htole16(100), last = htole16(4095);

	VTEST(accepted(&c, own, 100));
	VTEST_EQ(mode(&c, VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_OK);
	VTEST(!accepted(&c, own, 100));
	VTEST(accepted(&c, own, -1));
	VTEST_EQ(command(&c, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, &vid, 2),
			VIRTIO_NET_OK);
	VTEST_EQ(command(&c, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, &last, 2),
			VIRTIO_NET_OK);
	VTEST(accepted(&c, own, 100) && accepted(&c, own, 4095));
	VTEST(!accepted(&c, own, 101) && !accepted(&c, own, 0) && !accepted(&c, other, 100));
	VTEST_EQ(command(&c, VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, &vid, 2),
			VIRTIO_NET_OK);
	VTEST(!accepted(&c, own, 100) && accepted(&c, own, 4095));
	fixture_free(&c.f);
}

static void
all_vlans_pass_without_the_feature(void)
{
	struct vsim_features features = ctrl_features();
	struct ctrl c;

	vsim_features_put(&features, VIRTIO_NET_F_CTRL_VLAN, false);
	c = ctrl_start(features, 2);
	VTEST_EQ(mode(&c, VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_OK);
	VTEST(accepted(&c, own, 100) && !accepted(&c, other, 100));
	fixture_free(&c.f);
}

static void
pairs_in_use_follow_the_command(void)
{
	struct ctrl c = ctrl_start(ctrl_features(), 8);
	struct virtio_net_ctrl_mq mq = { htole16(4) };

	VTEST_EQ(c.f.pf->pairs_in_use, 1);
	VTEST_EQ(command(&c, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &mq, 2),
			VIRTIO_NET_OK);
	VTEST_EQ(c.f.pf->pairs_in_use, 4);
	mq.virtqueue_pairs = htole16(5);
	VTEST_EQ(command(&c, VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &mq, 2),
			VIRTIO_NET_ERR);
	VTEST_EQ(c.f.pf->pairs_in_use, 4);
	reg_write(c.f.pf, "device_status", 0);
	VTEST_EQ(c.f.pf->pairs_in_use, 1);
	fixture_free(&c.f);
}

static void
announce_ends_with_its_acknowledgement(void)
{
	struct ctrl c = ctrl_start(ctrl_features(), 2);
	uint16_t status = 0;
	const uint64_t at = VSIM_REG_DEVICE + offsetof(struct virtio_net_config, status);

	vsim_fn_link_set(c.f.pf, false);
	vsim_fn_link_set(c.f.pf, true);
	VTEST_EQ(vsim_fn_read(c.f.pf, VSIM_BAR, at, &status, 2), 0);
	VTEST_EQ(le16toh(status), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	VTEST_EQ(command(&c, VIRTIO_NET_CTRL_ANNOUNCE, VIRTIO_NET_CTRL_ANNOUNCE_ACK, NULL, 0),
			VIRTIO_NET_OK);
	VTEST_EQ(vsim_fn_read(c.f.pf, VSIM_BAR, at, &status, 2), 0);
	VTEST_EQ(le16toh(status), VIRTIO_NET_S_LINK_UP);
	fixture_free(&c.f);
}

static void
many_requests_are_all_served(void)
{
	struct ctrl c = ctrl_start(ctrl_features(), 2);

	for (unsigned int i = 0; i < 1000; i++)
		VTEST_EQ(mode(&c, VIRTIO_NET_CTRL_RX_PROMISC, i & 1), VIRTIO_NET_OK);
	VTEST_EQ(c.f.pf->counters->ctrl_commands, 1000);
	VTEST_EQ(violations_all(c.f.pf), 0);
	fixture_free(&c.f);
}

/* A full ring of requests with one doorbell: the device needs more than one round. */
static void
a_full_ring_is_served_behind_one_doorbell(void)
{
	struct ctrl c = ctrl_start(ctrl_features(), 2);
	struct virtq_desc *desc = (void *)&c.f.mem[c.qi * FIXTURE_QUEUE_LEN];
	struct virtq_avail *avail = (void *)&c.f.mem[c.qi * FIXTURE_QUEUE_LEN + 4096];
	uint16_t doorbell = htole16(c.qi);
	uint64_t at;

	memcpy(&c.f.mem[BUFFERS], "\0\0", 3); /* RX, PROMISC, 0 */
	for (uint16_t i = 0; i < QUEUE_SIZE; i += 2) {
		desc[i] = (struct virtq_desc){ htole64(FIXTURE_IOVA + BUFFERS), htole32(3),
			htole16(VIRTQ_DESC_F_NEXT), htole16(i + 1) };
		desc[i + 1] = (struct virtq_desc){ htole64(FIXTURE_IOVA + BUFFERS + 16 + i),
			htole32(1), htole16(VIRTQ_DESC_F_WRITE), 0 };
		avail->ring[i / 2] = htole16(i);
		c.f.mem[BUFFERS + 16 + i] = NO_ACK;
	}
	__atomic_store_n(&avail->idx, htole16(QUEUE_SIZE / 2), __ATOMIC_RELEASE);
	reg_write(c.f.pf, "queue_select", c.qi);
	at = VSIM_BAR_DOORBELLS +
			(uint64_t)reg_read(c.f.pf, "queue_notify_off") *
					vsim_notify_multiplier(c.f.nic);
	VTEST_EQ(vsim_fn_write(c.f.pf, VSIM_BAR, at, &doorbell, 2), 0);
	for (int i = 0; i < 100 && used_idx(&c) != QUEUE_SIZE / 2; i++)
		vsim_worker_poll(c.f.nic, 0);
	VTEST_EQ(used_idx(&c), QUEUE_SIZE / 2);
	for (uint16_t i = 0; i < QUEUE_SIZE; i += 2)
		VTEST_EQ(c.f.mem[BUFFERS + 16 + i], VIRTIO_NET_OK);
	fixture_free(&c.f);
}

/* The totals of a function count its data queues, also if the control queue has index 2. */
static void
control_requests_are_not_packets(void)
{
	struct ctrl c = ctrl_start(FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_VQ,
						   VIRTIO_NET_F_CTRL_RX),
			2);
	struct vsim_stat stats[1024];
	size_t n;

	VTEST_EQ(mode(&c, VIRTIO_NET_CTRL_RX_PROMISC, 0), VIRTIO_NET_OK);
	n = vsim_fn_stats(c.f.pf, stats, NB(stats));
	VTEST(n > 0 && n <= NB(stats));
	for (size_t i = 0; i < n; i++)
		if (stats[i].queue < 0 && strcmp(stats[i].name, "rx_packets") == 0)
			VTEST_EQ(stats[i].value, 0);
	fixture_free(&c.f);
}

static const struct vtest_case cases[] = {
	{ "commands_are_acknowledged_or_refused", commands_are_acknowledged_or_refused },
	{ "commands_need_their_features", commands_need_their_features },
	{ "framing_does_not_matter", framing_does_not_matter },
	{ "a_request_without_room_for_its_answer_is_not_done",
			a_request_without_room_for_its_answer_is_not_done },
	{ "a_header_cut_short_is_refused", a_header_cut_short_is_refused },
	{ "modes_have_their_precedence", modes_have_their_precedence },
	{ "tables_replace_one_another_and_overflow", tables_replace_one_another_and_overflow },
	{ "address_set_changes_filter_and_configuration",
			address_set_changes_filter_and_configuration },
	{ "vlans_pass_when_in_the_table", vlans_pass_when_in_the_table },
	{ "all_vlans_pass_without_the_feature", all_vlans_pass_without_the_feature },
	{ "pairs_in_use_follow_the_command", pairs_in_use_follow_the_command },
	{ "announce_ends_with_its_acknowledgement", announce_ends_with_its_acknowledgement },
	{ "many_requests_are_all_served", many_requests_are_all_served },
	{ "a_full_ring_is_served_behind_one_doorbell", a_full_ring_is_served_behind_one_doorbell },
	{ "control_requests_are_not_packets", control_requests_are_not_packets },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
