/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * "peer:INDEX": a cable to another function of the NIC (or to itself). Frames are copied once,
 * from the TX buffers of the sender to the RX buffers of the receiver. Frames without an RX buffer
 * are dropped, and the receiver counts them.
 */

#include <errno.h>
#include <stdlib.h>

#include "base/base_number.h"
#include "vsim/wire/vsim_wire.h"
#include "vsim/data/vsim_rxtx.h"

static struct vsim_wire *
peer_open(struct vsim_nic *nic, unsigned int index, const char *arg, char *err, size_t err_len)
{
	struct vsim_wire *wire;
	uint64_t peer;

	if (base_number_parse(arg, nic->conf.total_vfs, &peer) != 0)
		return vsim_wire_error(EINVAL, err, err_len,
				"peer \"%s\" is not a function number: 0 is the PF, 1..%u are VFs",
				arg, nic->conf.total_vfs);
	wire = calloc(1, sizeof(*wire));
	if (wire == NULL)
		return vsim_wire_error(ENOMEM, err, err_len, "out of memory for a wire");
	*wire = (struct vsim_wire){ .ops = &vsim_wire_peer,
		.nic = nic,
		.index = index,
		.peer = peer };
	return wire;
}

static void
peer_close(struct vsim_wire *wire)
{
	free(wire);
}

static unsigned int
peer_tx(struct vsim_wire *wire, struct vsim_fn *fn, const struct vsim_frame *frames, unsigned int n)
{
	struct vsim_fn *peer = wire->nic->fns[wire->peer];

	if (peer == NULL)
		return 0;
	return vsim_rx_frames(peer, frames, n, false);
}

const struct vsim_wire_ops vsim_wire_peer = { .kind = "peer",
	.open = peer_open,
	.close = peer_close,
	.tx = peer_tx };
