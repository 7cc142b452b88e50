/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsrctl top: rates of the VFs of a PF, once a second. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/show.h"

#include "ctl.h"
#include "telemetry.h"

#define MAX_PORTS 512

/* Counters at one point in time. */
struct sample {
	struct timespec when;
	struct port_stats *ports;
	unsigned int nb_ports;
	json_t *vfs;
};

static void
sample_free(struct sample *sample)
{
	free(sample->ports);
	json_decref(sample->vfs);
	memset(sample, 0, sizeof(*sample));
}

/* Take a sample. @return exit code. */
static int
look(const struct ctl *ctl, const char *name, struct sample *sample)
{
	struct sysfs_fn pf;
	struct err err;
	json_t *shown;
	int code;

	memset(sample, 0, sizeof(*sample));
	shown = ctl_try(ctl, "vf.show", json_pack("{s:s}", "pf", name), &code);
	if (shown != NULL) {
		sample->vfs = json_incref(json_object_get(shown, "vfs"));
		json_decref(shown);
	} else if (code != CTL_NO_DAEMON) {
		return code;
	} else if (pf_find(&ctl->host, name, &pf, &err) != 0) {
		return ctl_refuse(ctl, "%s", err.text);
	} else {
		sample->vfs = show_vfs(&ctl->host, &pf);
	}
	sample->ports = calloc(MAX_PORTS, sizeof(*sample->ports));
	if (sample->ports != NULL)
		sample->nb_ports = telemetry_read(sample->ports, MAX_PORTS);
	clock_gettime(CLOCK_MONOTONIC, &sample->when);
	return CTL_OK;
}

static const struct port_stats *
port_of(const struct sample *sample, const char *pci)
{
	for (unsigned int i = 0; i < sample->nb_ports; i++)
		if (strcmp(sample->ports[i].pci, pci) == 0)
			return &sample->ports[i];
	return NULL;
}

static const json_t *
vf_of(const struct sample *sample, json_int_t number)
{
	const json_t *vf;
	size_t i;

	json_array_foreach(sample->vfs, i, vf) if (ctl_int(vf, "vf") == number) return vf;
	return NULL;
}

/* null when unknown; a program that was restarted counts from 0 again. */
static json_t *
rate(bool known, uint64_t before, uint64_t now, double seconds)
{
	return !known || now < before ? json_null() : json_real((double)(now - before) / seconds);
}

static json_t *
compare(const struct sample *before, const struct sample *now)
{
	const double seconds = (double)(now->when.tv_sec - before->when.tv_sec) +
			(double)(now->when.tv_nsec - before->when.tv_nsec) / 1e9;
	json_t *rows = json_array(), *vf;
	size_t i;

	json_array_foreach(now->vfs, i, vf)
	{
		const char *pci = ctl_text(vf, "pci");
		const json_int_t number = ctl_int(vf, "vf");
		const struct port_stats *was = port_of(before, pci), *is = port_of(now, pci);
		const struct port_stats none = { .rx = 0 };
		const json_t *old = vf_of(before, number);
		const bool both = was != NULL && is != NULL;
		const bool admin = json_object_get(vf, "admin_commands") != NULL && old != NULL;

		was = both ? was : &none;
		is = both ? is : &none;
		json_array_append_new(rows,
				json_pack("{s:I, s:s, s:O, s:o, s:o, s:o, s:o}", "vf", number,
						"pci", pci, "users", json_object_get(vf, "users"),
						"rx_per_s", rate(both, was->rx, is->rx, seconds),
						"tx_per_s", rate(both, was->tx, is->tx, seconds),
						"doorbells_per_s",
						rate(both && is->has_doorbells, was->doorbells,
								is->doorbells, seconds),
						"admin_per_s",
						rate(admin,
								(uint64_t)ctl_int(old,
										"admin_commands"),
								(uint64_t)ctl_int(vf,
										"admin_commands"),
								seconds)));
	}
	return rows;
}

static const char *
short_number(const json_t *row, const char *name, char buf[24])
{
	const json_t *value = json_object_get(row, name);
	const double v = json_number_value(value);

	if (!json_is_number(value))
		return "-";
	if (v >= 1e6)
		snprintf(buf, 24, "%.2fM", v / 1e6);
	else if (v >= 1e4)
		snprintf(buf, 24, "%.1fk", v / 1e3);
	else
		snprintf(buf, 24, "%.0f", v);
	return buf;
}

static void
print_rows(const struct ctl *ctl, const char *pf, const json_t *rows)
{
	struct table table;
	const json_t *row;
	size_t i;

	if (ctl->color)
		printf("\033[H\033[2J%s  %zu VFs\n", pf, json_array_size(rows));
	table_start(&table, ">VF", "PCI", ">RX/S", ">TX/S", ">DOORBELLS/S", ">ADMIN/S", "USED BY",
			NULL);
	json_array_foreach(rows, i, row)
	{
		const json_t *user = json_array_get(json_object_get(row, "users"), 0);
		char number[24], buf[4][24];

		snprintf(number, sizeof(number), "%lld", (long long)ctl_int(row, "vf"));
		table_row(&table, number, ctl_text(row, "pci"),
				short_number(row, "rx_per_s", buf[0]),
				short_number(row, "tx_per_s", buf[1]),
				short_number(row, "doorbells_per_s", buf[2]),
				short_number(row, "admin_per_s", buf[3]), ctl_text(user, "name"));
	}
	table_print(ctl, &table);
	fflush(stdout);
}

int
cmd_top(const struct ctl *ctl, char *const args[])
{
	const struct timespec pause = { .tv_sec = 1 };
	struct sample before, now;
	unsigned long count = 0;
	int code;

	if (ctl->count != NULL && (!ctl_number(ctl->count, 1000000, &count) || count == 0))
		return ctl_refuse(ctl, "--count takes a number from 1, not %s", ctl->count);
	code = look(ctl, args[0], &before);
	for (unsigned long n = 0; code == CTL_OK && (count == 0 || n < count); n++) {
		json_t *rows;

		nanosleep(&pause, NULL);
		code = look(ctl, args[0], &now);
		if (code != CTL_OK)
			break;
		rows = compare(&before, &now);
		if (ctl->json)
			code = ctl_print_json(ctl,
					json_pack("{s:s, s:O}", "pf", args[0], "vfs", rows));
		else
			print_rows(ctl, args[0], rows);
		json_decref(rows);
		sample_free(&before);
		before = now;
	}
	sample_free(&before);
	return code;
}
