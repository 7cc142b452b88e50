/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_WIRE_OPS_H
#define VSIM_WIRE_OPS_H

/**
 * @file
 * Wires: what the port of a function is plugged into. One file per kind, in wire/.
 *
 * A wire belongs to a function number of the NIC. rx, tx and idle run in the worker of the
 * function; open in the thread of the caller, without lock; close when nobody uses it any more.
 */

#include "vsim/core/vsim_fn.h"

struct vsim_frame;

struct vsim_wire {
	const struct vsim_wire_ops *ops;
	struct vsim_nic *nic;
	unsigned int index; /**< Function number. */
	struct vsim_switch *sw; /**< switch: the switch it is plugged into. */
	int peer; /**< peer: the other end; -1 for other kinds. */
};

struct vsim_wire_ops {
	const char *kind; /**< As typed before the colon. */
	/** Make one. NULL with errno and a sentence in err. arg: what follows the colon. */
	struct vsim_wire *(*open)(struct vsim_nic *nic, unsigned int index, const char *arg,
			char *err, size_t err_len);
	void (*close)(struct vsim_wire *wire);
	/** The function's first RX queue starts: forget what came before. May be NULL. */
	void (*start)(struct vsim_wire *wire);
	/** Bring up to a burst of frames to the function. @return frames moved. May be NULL. */
	unsigned int (*rx)(struct vsim_wire *wire, struct vsim_fn *fn);
	/** Take frames off the function, from the first on. @return how many were taken. */
	unsigned int (*tx)(struct vsim_wire *wire, struct vsim_fn *fn,
			const struct vsim_frame *frames, unsigned int n);
	/** File descriptor that is readable when rx has something to do; -1: none now. May be
	 * NULL. */
	int (*fd)(const struct vsim_wire *wire);
};

#endif /* VSIM_WIRE_OPS_H */
