/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_SERVE_H
#define VSR_SIM_SERVE_H

/**
 * @file
 * Options of vsr-sim serve: parsed by serve_args.c, executed by serve.c.
 */

#include <stdbool.h>
#include <stddef.h>

#include "cli.h"
#include "nic.h"

#define SERVE_MAX_CPUS 256

/** A --wire option: a function or all VFs, and their wire. */
struct serve_wire {
	unsigned int first, last; /**< Indices of functions; 0 is the PF. */
	const char *spec;
};

struct serve_conf {
	char dir[SIM_DIR_MAX];
	struct nic_conf nic;
	char pf_bdf[HOST_BDF_LEN];
	struct serve_wire *wires; /**< In the order of the command line. */
	size_t nb_wires;
	unsigned int cpus[SERVE_MAX_CPUS];
	size_t nb_cpus;
	int numa_node; /**< -1: none. */
	bool daemon;
};

/** Parse the command line. @return -1, or the exit code. */
int serve_parse(struct cli_args *args, struct serve_conf *conf);
extern const struct cli_opt serve_opts[];
extern const char serve_notes[];

#endif /* VSR_SIM_SERVE_H */
