/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_WIRE_H
#define VSIM_WIRE_H

/**
 * @file
 * The kinds of wire, and functions that they share.
 */

#include "vsim/core/vsim_wire_ops.h"

extern const struct vsim_wire_ops vsim_wire_null, vsim_wire_tap, vsim_wire_peer, vsim_wire_switch,
		vsim_wire_pcap, vsim_wire_gen;

/** Number of the worker of a function, which all functions on its wire share. */
unsigned int vsim_wire_worker(const struct vsim_nic *nic, unsigned int index);
/** Write a sentence for the user and set errno. @return NULL. */
void *vsim_wire_error(int code, char *err, size_t err_len, const char *format, ...)
		__attribute__((format(printf, 4, 5)));

#endif /* VSIM_WIRE_H */
