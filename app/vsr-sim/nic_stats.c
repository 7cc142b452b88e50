/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Counters and state of the NIC as JSON, for vsr-sim stats and for tests. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "nic_priv.h"
#include "virtio_spec/pci.h"

/* Counters of 65 queues, of the function, and of all its violations. */
#define MAX_STATS 2048

/* Programs may rely on these counters: they are shown also when they are zero. */
static const char *const sums[] = {
	"rx_packets",
	"rx_bytes",
	"tx_packets",
	"tx_bytes",
	"doorbells",
	"descriptors",
	"interrupts",
	"drops",
	"violations",
};
#define NB_SUMS (sizeof(sums) / sizeof(sums[0]))

static void
add(json_t *object, const char *key, uint64_t value)
{
	json_int_t old = json_integer_value(json_object_get(object, key));

	json_object_set_new(object, key, json_integer(old + (json_int_t)value));
}

static bool
starts(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/*
 * Kind of a queue: receiveq1, transmitq1, receiveq2, ..., then the control queue, after all pairs
 * with MQ, else after the first pair (virtio 1.4 5.1.2 "Virtqueues"). Without a driver, as if a
 * driver had accepted all offered features.
 */
static const char *
queue_kind(const struct nic *nic, const struct vsim_fn_state *state, int queue)
{
	const struct vsim_features *set = state->device_status & VIRTIO_STATUS_FEATURES_OK ?
			&state->accepted :
			&state->offered;
	bool mq = (set->w[VIRTIO_NET_F_MQ / 64] >> (VIRTIO_NET_F_MQ % 64)) & 1;

	if (queue == (mq ? 2 * nic->queue_pairs : 2))
		return "control";
	return queue % 2 == 0 ? "rx" : "tx";
}

/* Add a counter of a queue to the row of the queue and to the sums. */
static void
add_queue_stat(json_t *fn, json_t *row, const struct vsim_stat *stat)
{
	const char *name = stat->name;

	if (row != NULL)
		json_object_set_new(row, name, json_integer((json_int_t)stat->value));
	if (starts(name, "drop_")) {
		add(fn, "drops", stat->value);
		if (stat->value != 0)
			add(json_object_get(fn, "counters"), name, stat->value);
	} else if (strcmp(name, "doorbells") == 0 || strcmp(name, "descriptors") == 0 ||
			strcmp(name, "interrupts") == 0) {
		add(fn, name, stat->value);
	}
}

static void
add_fn_stat(json_t *fn, const struct vsim_stat *stat)
{
	if (starts(stat->name, "rx_") || starts(stat->name, "tx_")) {
		add(fn, stat->name, stat->value);
		return;
	}
	if (starts(stat->name, "drop_"))
		add(fn, "drops", stat->value);
	else if (starts(stat->name, "violation_"))
		add(fn, "violations", stat->value);
	add(json_object_get(fn, "counters"), stat->name, stat->value);
}

/* The row of a queue, appended if it is new; queues are sorted. */
static json_t *
queue_row(json_t *queues, int queue, const char *kind)
{
	size_t n = json_array_size(queues);
	json_t *row = n > 0 ? json_array_get(queues, n - 1) : NULL;

	if (row != NULL && json_integer_value(json_object_get(row, "queue")) == queue)
		return row;
	row = json_pack("{s:i, s:s}", "queue", queue, "kind", kind);
	json_array_append_new(queues, row);
	return row;
}

/* Remove queues that were never used. */
static void
drop_idle_queues(json_t *queues)
{
	for (size_t i = json_array_size(queues); i-- > 0;) {
		json_t *value;
		const char *key;
		bool used = false;

		json_object_foreach(json_array_get(queues, i), key, value)
		{
			if (strcmp(key, "queue") != 0 && json_integer_value(value) != 0)
				used = true;
		}
		if (!used)
			json_array_remove(queues, i);
	}
}

static json_t *
features_json(const struct vsim_features *set)
{
	json_t *names = json_array();

	for (unsigned int bit = 0; bit < VIRTIO_FEATURE_BITS; bit++) {
		const char *name = vsim_feature_name(bit);

		if (name != NULL && ((set->w[bit / 64] >> (bit % 64)) & 1))
			json_array_append_new(names, json_string(name));
	}
	return names;
}

json_t *
nic_fn_json(struct nic *nic, unsigned int index, bool queues)
{
	struct vsim_fn_state state = { 0 };
	struct vsim_stat *stats;
	struct vsim_fn *vfn;
	char bdf[HOST_BDF_LEN], name[8], mac[18];
	json_t *fn, *rows = NULL;
	size_t n = 0;

	if (nic_bdf(nic, index, bdf) != 0)
		return NULL;
	stats = calloc(MAX_STATS, sizeof(*stats));
	if (stats == NULL)
		return NULL;
	pthread_mutex_lock(&nic->fn_lock);
	vfn = vsim_nic_fn(nic->vsim, index);
	if (vfn != NULL) {
		n = vsim_fn_stats(vfn, stats, MAX_STATS);
		vsim_fn_get_state(vfn, &state);
	}
	snprintf(name, sizeof(name), index == 0 ? "pf" : "vf%u", index & 0x3ff);
	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", state.mac[0], state.mac[1],
			state.mac[2], state.mac[3], state.mac[4], state.mac[5]);
	fn = json_pack("{s:s, s:s, s:s, s:s, s:b, s:i, s:i, s:I, s:{}}", "function", bdf, "name",
			name, "wire", vsim_nic_wire_spec(nic->vsim, index), "mac", mac, "link",
			state.link_up, "status", state.device_status, "queue_pairs",
			state.queue_pairs, "dma_bytes", (json_int_t)state.dma_bytes, "counters");
	pthread_mutex_unlock(&nic->fn_lock);
	if (fn == NULL) {
		free(stats);
		return NULL;
	}
	for (size_t i = 0; i < NB_SUMS; i++)
		add(fn, sums[i], 0);
	if (queues) {
		json_object_set_new(fn, "offered", features_json(&state.offered));
		json_object_set_new(fn, "accepted", features_json(&state.accepted));
		rows = json_array();
		json_object_set_new(fn, "queues", rows);
	}
	for (size_t i = 0; i < n && i < MAX_STATS; i++) {
		int queue = stats[i].queue;

		if (queue < 0)
			add_fn_stat(fn, &stats[i]);
		else
			add_queue_stat(fn,
					!queues ? NULL :
						  queue_row(rows, queue,
								  queue_kind(nic, &state, queue)),
					&stats[i]);
	}
	if (queues)
		drop_idle_queues(rows);
	free(stats);
	return fn;
}

json_t *
nic_json(struct nic *nic)
{
	json_t *busy = json_array();
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	for (unsigned int w = 0; w < nic->nb_workers; w++)
		json_array_append_new(busy, json_integer(vsim_worker_busy(nic->vsim, w)));
	return json_pack("{s:s, s:s, s:i, s:i, s:I, s:o, s:I}", "profile", nic->profile, "pf",
			nic->pf_bdf, "vfs", vsim_nic_num_vfs(nic->vsim), "total_vfs",
			nic->total_vfs, "violations", (json_int_t)vsim_nic_violations(nic->vsim),
			"workers_busy_permille", busy, "time_ns",
			now.tv_sec * (json_int_t)1000000000 + now.tv_nsec);
}
