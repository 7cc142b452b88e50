/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The counters of a function, as shown by vsim_fn_stats(). They are read with relaxed loads while
 * the workers write: each value is correct, but two values may be of different times.
 */

#include <stdio.h>
#include <string.h>

#include "vsim/core/vsim_fn.h"

struct row {
	const char *name;
	size_t offset;
};

#define QROW(field)                                                 \
	{                                                           \
#field, offsetof(struct vsim_queue_counters, field) \
	}
static const struct row queue_rows[] = {
	QROW(doorbells),
	QROW(doorbells_spurious),
	QROW(descriptors),
	QROW(packets),
	QROW(bytes),
	QROW(interrupts),
	QROW(drop_no_buffer),
	QROW(drop_too_big),
	QROW(drop_malformed),
	QROW(drop_wire),
};

#define FROW(field)                                           \
	{                                                     \
#field, offsetof(struct vsim_counters, field) \
	}
static const struct row fn_rows[] = {
	FROW(drop_filtered),
	FROW(drop_link_down),
	FROW(drop_queue_off),
	FROW(wire_bad),
	FROW(wire_late),
	FROW(dma_faults),
	FROW(resets),
	FROW(config_interrupts),
	FROW(register_reads),
	FROW(register_writes),
	FROW(ctrl_commands),
	FROW(ctrl_errors),
	FROW(admin_errors),
	FROW(admin_unknown),
	FROW(legacy_accesses),
	FROW(legacy_doorbells),
	FROW(legacy_owner_doorbells),
	FROW(legacy_window),
	FROW(legacy_pair),
};

/* Named "admin_" and the command; commands that were never sent are left out. */
static const struct row admin_rows[] = {
#define AROW(opcode, name) { "admin_" name, offsetof(struct vsim_counters, admin[opcode]) },
	VIRTIO_ADMIN_OPCODE_NAMES(AROW)
#undef AROW
};

#define NB(rows) (sizeof(rows) / sizeof((rows)[0]))

static char violation_names[VIRTIO_RULE_END][sizeof("violation_C000")];
static pthread_once_t names_once = PTHREAD_ONCE_INIT;

static void
names_make(void)
{
	for (unsigned int i = 0; i < VIRTIO_RULE_END; i++)
		snprintf(violation_names[i], sizeof(violation_names[i]), "violation_C%03u",
				i % 1000);
}

static uint64_t
value_at(const void *base, size_t offset)
{
	return __atomic_load_n((const uint64_t *)((const uint8_t *)base + offset),
			__ATOMIC_RELAXED);
}

static unsigned int
offered_pairs(const struct vsim_fn *fn)
{
	return vsim_features_has(&fn->offered, VIRTIO_NET_F_MQ) ? fn->nic->conf.queue_pairs : 1;
}

/* Packets or bytes of one direction, summed over all queue pairs. A control queue counts no
 * packets, so the sum is correct even if its index is that of a data queue of another driver. */
static uint64_t
sum(const struct vsim_fn *fn, unsigned int direction, size_t offset)
{
	uint64_t total = 0;

	for (unsigned int pair = 0; pair < offered_pairs(fn); pair++)
		total += value_at(&fn->counters->queue[2 * pair + direction], offset);
	return total;
}

struct list {
	struct vsim_stat *out;
	size_t max, nb;
};

static void
add(struct list *list, const char *name, int queue, uint64_t value)
{
	if (list->nb < list->max)
		list->out[list->nb] = (struct vsim_stat){ name, queue, value };
	list->nb++;
}

/* Median and 99th percentile of the round-trip times. */
static void
add_trips(struct list *list, const struct vsim_counters *c)
{
	static const struct {
		const char *name;
		unsigned int percent;
	} points[] = { { "round_trip_p50_ns", 50 }, { "round_trip_p99_ns", 99 } };
	uint32_t trips[VSIM_TRIP_BUCKETS];
	uint64_t total = 0, seen = 0;
	size_t p = 0;

	for (unsigned int i = 0; i < VSIM_TRIP_BUCKETS; i++)
		total += trips[i] = __atomic_load_n(&c->trips[i], __ATOMIC_RELAXED);
	if (total == 0)
		return;
	add(list, "round_trips", -1, total);
	for (unsigned int i = 0; i < VSIM_TRIP_BUCKETS; i++)
		for (seen += trips[i]; p < NB(points) && seen * 100 >= total * points[p].percent;
				p++)
			add(list, points[p].name, -1, vsim_trip_time(i));
}

size_t
vsim_fn_stats(const struct vsim_fn *fn, struct vsim_stat *out, size_t max)
{
	const size_t packets = offsetof(struct vsim_queue_counters, packets);
	const size_t bytes = offsetof(struct vsim_queue_counters, bytes);
	const struct vsim_counters *c = fn->counters;
	struct list list = { .out = out, .max = max };
	unsigned int nb_queues = 2 * offered_pairs(fn) +
			vsim_features_has(&fn->offered, VIRTIO_NET_F_CTRL_VQ);

	if (vsim_features_has(&fn->offered, VIRTIO_F_ADMIN_VQ))
		nb_queues += fn->nic->conf.admin_queues;

	pthread_once(&names_once, names_make);
	add(&list, "rx_packets", -1, sum(fn, 0, packets));
	add(&list, "rx_bytes", -1, sum(fn, 0, bytes));
	add(&list, "tx_packets", -1, sum(fn, 1, packets));
	add(&list, "tx_bytes", -1, sum(fn, 1, bytes));
	for (size_t i = 0; i < NB(fn_rows); i++)
		add(&list, fn_rows[i].name, -1, value_at(c, fn_rows[i].offset));
	add_trips(&list, c);
	for (size_t i = 0; i < NB(admin_rows); i++)
		if (value_at(c, admin_rows[i].offset) != 0)
			add(&list, admin_rows[i].name, -1, value_at(c, admin_rows[i].offset));
	for (unsigned int qi = 0; qi < nb_queues; qi++)
		for (size_t i = 0; i < NB(queue_rows); i++)
			add(&list, queue_rows[i].name, qi,
					value_at(&c->queue[qi], queue_rows[i].offset));
	for (unsigned int rule = 0; rule < VIRTIO_RULE_END; rule++) {
		uint64_t n = __atomic_load_n(&c->violations[rule], __ATOMIC_RELAXED);

		if (n != 0)
			add(&list, violation_names[rule], -1, n);
	}
	return list.nb;
}

uint64_t
vsim_nic_violations(const struct vsim_nic *nic)
{
	uint64_t total = 0;

	for (unsigned int i = 0; i < VSIM_MAX_FNS; i++) {
		const struct vsim_fn *fn = __atomic_load_n(&nic->all[i], __ATOMIC_ACQUIRE);

		for (unsigned int rule = 0; fn != NULL && rule < VIRTIO_RULE_END; rule++)
			total += __atomic_load_n(&fn->counters->violations[rule], __ATOMIC_RELAXED);
	}
	return total;
}
