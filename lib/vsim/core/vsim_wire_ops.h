/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_WIRE_OPS_H
#define VSIM_WIRE_OPS_H

/**
 * @file
 * Wires: where the packets of a function come from and go to. One file per kind, in wire/.
 *
 * A wire belongs to a function number of the NIC. rx and tx run in the worker of the function;
 * open runs in the thread of the caller, without lock; close runs when the wire is no longer in
 * use.
 */

#include "vsim/core/vsim_fn.h"

struct vsim_frame;

struct vsim_wire {
	const struct vsim_wire_ops *ops;
	struct vsim_nic *nic;
	unsigned int index; /**< Function number. */
	struct vsim_switch *sw; /**< switch: the switch of the wire. */
	int peer; /**< peer: the other end; -1 for other kinds. */
};

struct vsim_wire_ops {
	const char *kind; /**< Name of the kind in a specification, before the colon. */
	/** Make a wire. arg: the specification after the colon. @return NULL with errno and a
	 * sentence in err. */
	struct vsim_wire *(*open)(struct vsim_nic *nic, unsigned int index, const char *arg,
			char *err, size_t err_len);
	void (*close)(struct vsim_wire *wire);
	/** The first RX queue of the function starts: drop older frames. May be NULL. */
	void (*start)(struct vsim_wire *wire);
	/** Bring up to a burst of frames to the function. @return frames moved. May be NULL. */
	unsigned int (*rx)(struct vsim_wire *wire, struct vsim_fn *fn);
	/** Take frames that the function sends, the first ones first. @return frames taken. */
	unsigned int (*tx)(struct vsim_wire *wire, struct vsim_fn *fn,
			const struct vsim_frame *frames, unsigned int n);
	/** File descriptor that is readable when rx has work; -1: none now. May be NULL. */
	int (*fd)(const struct vsim_wire *wire);
};

#endif /* VSIM_WIRE_OPS_H */
