/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * "switch:NAME": a learning switch between all functions that name it. The switch learns source
 * addresses per VLAN, forgets them after five minutes, and floods frames to unknown addresses. The
 * size of the table is fixed: a new address replaces the oldest of its bucket.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "vsim/wire/vsim_wire.h"
#include "vsim/core/vsim_clock.h"
#include "vsim/core/vsim_lock.h"
#include "vsim/data/vsim_rxtx.h"

#define AGE_SECONDS 300
#define BUCKETS 1024 /* power of two */
#define WAYS 4

/** A learnt address. key: MAC address, and VLAN id + 1 in the upper bits; 0: free entry. */
struct fdb_entry {
	uint64_t key;
	uint64_t seen; /**< Clock. */
	unsigned int port; /**< Function number. */
};

struct vsim_switch {
	struct vsim_switch *next;
	char *name;
	unsigned int nb_members;
	uint64_t age; /**< Clock ticks. */
	struct fdb_entry fdb[BUCKETS][WAYS];
};

static uint64_t
fdb_key(const uint8_t *mac, uint16_t vlan)
{
	uint64_t key = (uint64_t)(vlan + 1) << 48;

	for (unsigned int i = 0; i < 6; i++)
		key |= (uint64_t)mac[i] << (8 * i);
	return key;
}

static struct fdb_entry *
fdb_bucket(struct vsim_switch *sw, uint64_t key)
{
	return sw->fdb[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 54 & (BUCKETS - 1)];
}

static void
fdb_learn(struct vsim_switch *sw, uint64_t key, unsigned int port, uint64_t now)
{
	struct fdb_entry *b = fdb_bucket(sw, key), *victim = b;

	for (unsigned int i = 0; i < WAYS; i++) {
		if (b[i].key == key) {
			victim = &b[i];
			break;
		}
		if (b[i].seen < victim->seen)
			victim = &b[i];
	}
	*victim = (struct fdb_entry){ key, now, port };
}

/** @return the port of an address, or -1. */
static int
fdb_find(struct vsim_switch *sw, uint64_t key, uint64_t now)
{
	const struct fdb_entry *b = fdb_bucket(sw, key);

	for (unsigned int i = 0; i < WAYS; i++)
		if (b[i].key == key && now - b[i].seen < sw->age)
			return b[i].port;
	return -1;
}

static struct vsim_wire *
switch_open(struct vsim_nic *nic, unsigned int index, const char *arg, char *err, size_t err_len)
{
	struct vsim_wire *wire;
	struct vsim_switch *sw;

	if (arg[0] == '\0')
		return vsim_wire_error(EINVAL, err, err_len, "a switch needs a name: switch:NAME");
	wire = calloc(1, sizeof(*wire));
	if (wire == NULL)
		return vsim_wire_error(ENOMEM, err, err_len, "out of memory for a wire");
	*wire = (struct vsim_wire){ .ops = &vsim_wire_switch,
		.nic = nic,
		.index = index,
		.peer = -1 };

	vsim_nic_lock(nic);
	for (sw = nic->switches; sw != NULL && strcmp(sw->name, arg) != 0; sw = sw->next)
		;
	if (sw == NULL && (sw = calloc(1, sizeof(*sw))) != NULL) {
		sw->name = strdup(arg);
		sw->age = AGE_SECONDS * vsim_clock_hz();
		sw->next = nic->switches;
		nic->switches = sw;
	}
	if (sw != NULL)
		sw->nb_members++;
	wire->sw = sw;
	vsim_nic_unlock(nic);
	if (sw == NULL || sw->name == NULL) {
		wire->ops->close(wire);
		return vsim_wire_error(ENOMEM, err, err_len, "out of memory for switch %s", arg);
	}
	return wire;
}

static void
switch_close(struct vsim_wire *wire)
{
	struct vsim_switch *sw = wire->sw, **link;

	vsim_nic_lock(wire->nic);
	if (sw != NULL && --sw->nb_members == 0) {
		for (link = &wire->nic->switches; *link != sw; link = &(*link)->next)
			;
		*link = sw->next;
	} else {
		/* The port no longer exists: forget the addresses learnt there. */
		for (unsigned int i = 0; sw != NULL && i < BUCKETS * WAYS; i++)
			if (sw->fdb[i / WAYS][i % WAYS].port == wire->index)
				sw->fdb[i / WAYS][i % WAYS] = (struct fdb_entry){ 0 };
		sw = NULL;
	}
	vsim_nic_unlock(wire->nic);
	if (sw != NULL) {
		free(sw->name);
		free(sw);
	}
	free(wire);
}

/** Deliver to every other port with a function. */
static void
flood(struct vsim_wire *wire, const struct vsim_frame *frames, unsigned int n)
{
	struct vsim_nic *nic = wire->nic;

	for (unsigned int i = 0; i <= nic->conf.total_vfs; i++) {
		if (i == wire->index || nic->wires[i] == NULL || nic->wires[i]->sw != wire->sw)
			continue;
		if (nic->fns[i] != NULL)
			vsim_rx_frames(nic->fns[i], frames, n, false);
	}
}

/** Learn the source address. @return the destination port, or -1: all other ports. */
static int
forward(struct vsim_switch *sw, unsigned int from, const struct vsim_frame *frame, uint64_t now)
{
	uint8_t head[18] = { 0 };
	uint16_t vlan = 0;

	vsim_frame_peek(frame, head, sizeof(head));
	if (head[12] == 0x81 && head[13] == 0x00)
		vlan = (head[14] << 8 | head[15]) & 0xfff;
	if (!(head[6] & 1))
		fdb_learn(sw, fdb_key(head + 6, vlan), from, now);
	return head[0] & 1 ? -1 : fdb_find(sw, fdb_key(head, vlan), now);
}

static unsigned int
switch_tx(struct vsim_wire *wire, struct vsim_fn *fn, const struct vsim_frame *frames,
		unsigned int n)
{
	uint64_t now = vsim_clock();
	unsigned int i = 0, end;
	int next = forward(wire->sw, wire->index, &frames[0], now);

	while (i < n) {
		int port = next;

		/* Adjacent frames for the same port are one burst. */
		for (end = i + 1; end < n; end++) {
			next = forward(wire->sw, wire->index, &frames[end], now);
			if (next != port)
				break;
		}
		if (port < 0)
			flood(wire, &frames[i], end - i);
		else if (port != (int)wire->index && fn->nic->fns[port] != NULL)
			vsim_rx_frames(fn->nic->fns[port], &frames[i], end - i, false);
		i = end;
	}
	return n;
}

const struct vsim_wire_ops vsim_wire_switch = { .kind = "switch",
	.open = switch_open,
	.close = switch_close,
	.tx = switch_tx };
