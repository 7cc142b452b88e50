/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRCTL_TELEMETRY_H
#define VSRCTL_TELEMETRY_H

/**
 * @file
 * Counters of ports, from the telemetry sockets of the DPDK programs that use the ports. The owner
 * of a PF does not see the packets of its VFs.
 */

#include <stdbool.h>
#include <stdint.h>

/** One port of a program on this machine. */
struct port_stats {
	char pci[16]; /**< Address of the function. */
	uint64_t rx, tx; /**< Packets. */
	uint64_t doorbells; /**< With net_vsr only. */
	bool has_doorbells;
};

/**
 * Read the counters of all DPDK programs whose socket we may use. Programs that do not answer
 * within half a second are skipped.
 * @return number of ports written, at most max.
 */
unsigned int telemetry_read(struct port_stats *out, unsigned int max);

#endif /* VSRCTL_TELEMETRY_H */
