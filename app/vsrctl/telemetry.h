/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRCTL_TELEMETRY_H
#define VSRCTL_TELEMETRY_H

/**
 * @file
 * Counters of ports, told by the DPDK programs that use them (DPDK's telemetry sockets). The owner
 * of a PF sees no packet of its VFs.
 */

#include <stdbool.h>
#include <stdint.h>

/** One port of a program on this machine. */
struct port_stats {
	char pci[16]; /**< The function that it is. */
	uint64_t rx, tx; /**< Packets. */
	uint64_t doorbells; /**< With net_vsr only. */
	bool has_doorbells;
};

/**
 * Ask all programs that may be asked; those that do not answer within half a second are left out.
 * @return how many ports were written, at most max.
 */
unsigned int telemetry_read(struct port_stats *out, unsigned int max);

#endif /* VSRCTL_TELEMETRY_H */
