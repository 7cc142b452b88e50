/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Command line of vsr-sim serve. */

#include <errno.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base_bdf.h"
#include "base/base_number.h"
#include "serve.h"

enum {
	OPT_DIR = CLI_OPT_DIR,
	OPT_PROFILE,
	OPT_FEATURES,
	OPT_VFS,
	OPT_PAIRS,
	OPT_SIZE,
	OPT_MTU,
	OPT_SPEED,
	OPT_MAC,
	OPT_WIRE,
	OPT_COMPLETION,
	OPT_DOORBELL,
	OPT_PAGE,
	OPT_WORKERS,
	OPT_CPU,
	OPT_NUMA,
	OPT_PF,
	OPT_FOREGROUND,
	OPT_DAEMON,
	OPT_FAULT,
	OPT_LENIENT,
	OPT_ALT,
	OPT_ADMIN,
	OPT_PASID,
	OPT_VFIO_USER,
};

const struct cli_opt serve_opts[] = {
	CLI_OPT_DIR_ROW,
	{ "profile", OPT_PROFILE, "NAME", "kind of NIC: full (default), ifc, bluefield, minimal" },
	{ "features", OPT_FEATURES, "LIST",
			"features to add and to remove: +NAME,-NAME,...\n(see vsr-sim list)" },
	{ "vfs", OPT_VFS, "TOTAL", "maximum number of VFs, 0..256 (default 16)" },
	{ "queue-pairs", OPT_PAIRS, "N", "queue pairs of each function, 1..32 (default 4)" },
	{ "queue-size", OPT_SIZE, "N", "largest queue, a power of two 2..32768 (default 1024)" },
	{ "mtu", OPT_MTU, "N", "68..65535 (default 1500)" },
	{ "speed", OPT_SPEED, "MBPS",
			"speed of the link, 0..2147483647, or unknown (default 100000)" },
	{ "mac", OPT_MAC, "MAC",
			"MAC of the PF; VF n has this MAC plus n\n(default 02:76:73:72:00:00)" },
	{ "wire", OPT_WIRE, "FN=WIRE", "connect FN (pf, vf1, ..., vf*) to a wire; repeatable" },
	{ "completion", OPT_COMPLETION, "ORDER",
			"order in which buffers of a queue complete: ordered (default),\n"
			"shuffled" },
	{ "doorbell", OPT_DOORBELL, "RULE",
			"buffers that the NIC sees after a doorbell: lenient (default):\n"
			"all, strict: only those that the doorbell announced, none: the\n"
			"NIC polls its rings and tells drivers not to ring" },
	{ "page-per-vq", OPT_PAGE, NULL,
			"put the doorbell of each queue on a page of its own, so that it\n"
			"can be mapped alone (default: all on one page)" },
	{ "workers", OPT_WORKERS, "N", "data plane threads, 1..16 (default: one per --cpu, or 1)" },
	{ "cpu", OPT_CPU, "LIST", "processors to pin the workers to, such as 2,4-6" },
	{ "numa", OPT_NUMA, "NODE", "NUMA node of memory and threads, shown in sysfs" },
	{ "pf", OPT_PF, "BDF", "PCI address of the PF (default 0000:01:00.0)" },
	{ "foreground", OPT_FOREGROUND, NULL, "run until Ctrl-C (default)" },
	{ "daemon", OPT_DAEMON, NULL, "run in the background; return when it is ready" },
	{ "vfio-user", OPT_VFIO_USER, NULL,
			"keep the bus empty, so that another client such as QEMU\n"
			"can use the vfio-user socket of the PF, DIR/fn/BDF.sock" },
	{ "admin-queues", OPT_ADMIN, "N", "admin queues of the PF, 1..8 (default 1)" },
	{ "pasid", OPT_PASID, "BITS", "PASID capability of the PF, 1..20 bits (default: none)" },
	{ "fault", OPT_FAULT, "NAME", "simulate a fault, see vsr-sim fault --help; repeatable" },
	{ "lenient", OPT_LENIENT, "NAME",
			"accept early-lists, unlisted-caps, swapped-objs; repeatable" },
	{ "legacy-alt", OPT_ALT, "NAME",
			"place of the legacy registers of VFs: window, pair; repeatable" },
	{ 0 },
};

const char serve_notes[] =
		"A WIRE is one of:\n"
		"  null                   drops transmitted packets, sends none (default)\n"
		"  tap:NAME               a TAP interface of this machine\n"
		"  peer:FN                another function: pf, vf1, ...\n"
		"  switch:NAME            a learning switch for all wires of this name\n"
		"  pcap:IN,OUT            receives from file IN, writes to file OUT; one may be empty\n"
		"  gen:KEY=VALUE,...      a packet generator and sink\n\n"
		"Examples:\n"
		"  vsr-sim serve --wire pf=gen:size=64\n"
		"  vsr-sim serve --daemon --vfs 2 --wire vf1=tap:tap1 --wire vf2=tap:tap2\n"
		"  vsr-sim serve --profile minimal --features +mrg_rxbuf\n";

/* One processor, or two with "-" between them. */
static bool
parse_cpus(char *text, uint64_t *first, uint64_t *last)
{
	char *dash = strchr(text, '-');

	if (dash != NULL)
		*dash = '\0';
	if (base_number_parse(text, CPU_SETSIZE - 1, first) != 0)
		return false;
	if (dash == NULL) {
		*last = *first;
		return true;
	}
	return base_number_parse(dash + 1, CPU_SETSIZE - 1, last) == 0 && *last >= *first;
}

static int
parse_list(struct cli_args *args, struct serve_conf *conf)
{
	char *copy = strdup(args->value), *rest = copy, *word;
	bool fine = copy != NULL;

	while (fine && (word = strsep(&rest, ",")) != NULL) {
		uint64_t first, last;

		fine = parse_cpus(word, &first, &last) &&
				conf->nb_cpus + (last - first) < SERVE_MAX_CPUS;
		for (uint64_t cpu = first; fine && cpu <= last; cpu++)
			conf->cpus[conf->nb_cpus++] = (unsigned int)cpu;
	}
	free(copy);
	if (!fine)
		return cli_usage(args, "%s is not a list of processors such as 2,4-6", args->value);
	return -1;
}

/* Check first: pinning fails late, without a clear message. */
static int
check_cpus(const struct serve_conf *conf)
{
	cpu_set_t allowed;

	if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
		return -1;
	for (size_t i = 0; i < conf->nb_cpus; i++) {
		if (!CPU_ISSET(conf->cpus[i], &allowed))
			return cli_refuse("processor %u does not exist or is not allowed for "
					  "this process: choose others with --cpu",
					conf->cpus[i]);
	}
	return -1;
}

static int
parse_wire(struct cli_args *args, struct serve_conf *conf)
{
	const char *equals = strchr(args->value, '=');
	struct serve_wire *wires, wire = { 0 };
	size_t len = equals != NULL ? (size_t)(equals - args->value) : 0;
	char number[8] = "";
	uint64_t vf = 0;

	if (len > 2 && len - 2 < sizeof(number))
		memcpy(number, args->value + 2, len - 2);

	if (len == 2 && strncmp(args->value, "pf", 2) == 0)
		wire.last = 0;
	else if (len == 3 && strncmp(args->value, "vf*", 3) == 0)
		wire.first = 1, wire.last = UINT16_MAX; /* Reduced to the number of VFs later. */
	else if (strncmp(args->value, "vf", 2) == 0 &&
			base_number_parse(number, NIC_MAX_VFS, &vf) == 0 && vf >= 1)
		wire.first = wire.last = (unsigned int)vf;
	else
		return cli_usage(args, "%s is not FN=WIRE with FN pf, vf1, vf2, ... or vf*",
				args->value);
	wire.spec = equals + 1;
	wires = realloc(conf->wires, (conf->nb_wires + 1) * sizeof(*wires));
	if (wires == NULL)
		return cli_refuse("out of memory");
	conf->wires = wires;
	conf->wires[conf->nb_wires++] = wire;
	return -1;
}

static int
parse_mac(struct cli_args *args, struct serve_conf *conf)
{
	if (!nic_mac_parse(args->value, conf->nic.mac))
		return cli_usage(args, "%s is not a unicast MAC address", args->value);
	return -1;
}

static int
parse_pf(struct cli_args *args, struct serve_conf *conf)
{
	if (base_bdf_expand(args->value, conf->pf_bdf) != 0)
		return cli_usage(args, "%s is not a PCI address such as 0000:01:00.0", args->value);
	return -1;
}

static int
parse_number(struct cli_args *args, const char *what, uint64_t min, uint64_t max, uint64_t *out)
{
	if (!cli_number(args->value, min, max, out))
		return cli_usage(args, "%s %s is not a number from %llu to %llu", what, args->value,
				(unsigned long long)min, (unsigned long long)max);
	return -1;
}

/* One of two words; the second one sets *out. */
static int
parse_choice(struct cli_args *args, const char *what, const char *first, const char *second,
		bool *out)
{
	*out = strcmp(args->value, second) == 0;
	if (!*out && strcmp(args->value, first) != 0)
		return cli_usage(args, "%s %s: give %s or %s", what, args->value, first, second);
	return -1;
}

static int
parse_doorbell(struct cli_args *args, struct serve_conf *conf)
{
	struct nic_conf *nic = &conf->nic;

	nic->strict_doorbells = strcmp(args->value, "strict") == 0;
	nic->polled_rings = strcmp(args->value, "none") == 0;
	if (!nic->strict_doorbells && !nic->polled_rings && strcmp(args->value, "lenient") != 0)
		return cli_usage(args, "--doorbell %s: give lenient, strict or none", args->value);
	return -1;
}

static int
parse_switch(struct cli_args *args, struct serve_conf *conf, enum nic_switch kind)
{
	struct nic_conf *nic = &conf->nic;
	char err[160];

	if (nic_switch_check(kind, args->value, err, sizeof(err)) != 0)
		return cli_usage(args, "%s", err);
	if (nic->nb_switches == NIC_MAX_SWITCHES)
		return cli_usage(args, "more than %d switches", NIC_MAX_SWITCHES);
	nic->switches[nic->nb_switches].kind = kind;
	nic->switches[nic->nb_switches++].text = args->value;
	return -1;
}

static int
parse_option(struct cli_args *args, int opt, struct serve_conf *conf, const char **dir)
{
	uint64_t n = 0;
	int ret = -1;

	switch (opt) {
	case OPT_DIR:
		*dir = args->value;
		return -1;
	case OPT_PROFILE:
		conf->nic.profile = args->value;
		return -1;
	case OPT_FEATURES:
		conf->nic.features = args->value;
		return -1;
	case OPT_VFS:
		ret = parse_number(args, "--vfs", 0, NIC_MAX_VFS, &n);
		conf->nic.total_vfs = (uint16_t)n;
		return ret;
	case OPT_PAIRS:
		ret = parse_number(args, "--queue-pairs", 1, 32, &n);
		conf->nic.queue_pairs = (uint16_t)n;
		return ret;
	case OPT_SIZE:
		ret = parse_number(args, "--queue-size", 2, 32768, &n);
		if (ret == -1 && (n & (n - 1)) != 0)
			return cli_usage(args, "--queue-size %s is not a power of two",
					args->value);
		conf->nic.queue_size = (uint16_t)n;
		return ret;
	case OPT_MTU:
		ret = parse_number(args, "--mtu", 68, 65535, &n);
		conf->nic.mtu = (uint16_t)n;
		return ret;
	case OPT_COMPLETION:
		return parse_choice(args, "--completion", "ordered", "shuffled",
				&conf->nic.shuffled_completions);
	case OPT_DOORBELL:
		return parse_doorbell(args, conf);
	case OPT_PAGE:
		conf->nic.page_per_vq = true;
		return -1;
	case OPT_SPEED:
		if (strcmp(args->value, "unknown") == 0) {
			conf->nic.speed = UINT32_MAX;
			return -1;
		}
		ret = parse_number(args, "--speed", 0, INT32_MAX, &n);
		conf->nic.speed = (uint32_t)n;
		return ret;
	case OPT_WORKERS:
		ret = parse_number(args, "--workers", 1, NIC_MAX_WORKERS, &n);
		conf->nic.workers = (unsigned int)n;
		return ret;
	case OPT_NUMA:
		ret = parse_number(args, "--numa", 0, 1023, &n);
		conf->numa_node = (int)n;
		return ret;
	case OPT_MAC:
		return parse_mac(args, conf);
	case OPT_WIRE:
		return parse_wire(args, conf);
	case OPT_CPU:
		return parse_list(args, conf);
	case OPT_PF:
		return parse_pf(args, conf);
	case OPT_FOREGROUND:
	case OPT_DAEMON:
		conf->daemon = opt == OPT_DAEMON;
		return -1;
	case OPT_VFIO_USER:
		conf->nic.sockets_only = true;
		return -1;
	case OPT_ADMIN:
		ret = parse_number(args, "--admin-queues", 1, NIC_MAX_ADMIN_QUEUES, &n);
		conf->nic.admin_queues = (uint16_t)n;
		return ret;
	case OPT_PASID:
		ret = parse_number(args, "--pasid", 1, 20, &n);
		conf->nic.pasid_width = (uint8_t)n;
		return ret;
	case OPT_FAULT:
		return parse_switch(args, conf, NIC_FAULT);
	case OPT_LENIENT:
		return parse_switch(args, conf, NIC_LENIENT);
	case OPT_ALT:
		return parse_switch(args, conf, NIC_ALT);
	case CLI_WORD:
		return cli_usage(args, "unexpected argument %s", args->value);
	case CLI_HELP:
		return CLI_OK;
	default:
		return CLI_USAGE;
	}
}

int
serve_parse(struct cli_args *args, struct serve_conf *conf)
{
	const char *dir = NULL;
	int opt, ret;

	*conf = (struct serve_conf){
		.nic = {
			.profile = "full", .total_vfs = 16, .queue_pairs = 4, .queue_size = 1024,
			.mtu = 1500, .speed = 100000, .mac = { 0x02, 0x76, 0x73, 0x72, 0x00, 0x00 },
		},
		.pf_bdf = "0000:01:00.0",
		.numa_node = -1,
	};
	while ((opt = cli_next(args)) != CLI_END) {
		ret = parse_option(args, opt, conf, &dir);
		if (ret != -1)
			return ret;
	}
	conf->nic.pf_bdf = conf->pf_bdf;
	if (conf->nic.workers == 0)
		conf->nic.workers = conf->nb_cpus == 0          ? 1 :
				conf->nb_cpus < NIC_MAX_WORKERS ? (unsigned int)conf->nb_cpus :
								  NIC_MAX_WORKERS;
	for (size_t i = 0; i < conf->nb_wires; i++) {
		if (conf->wires[i].last == UINT16_MAX)
			conf->wires[i].last = conf->nic.total_vfs;
	}
	ret = check_cpus(conf);
	if (ret != -1)
		return ret;
	return sim_dir(dir, conf->dir) ? -1 : CLI_REFUSED;
}
