/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* "null": a wire that delivers nothing and takes all frames. */

#include <errno.h>
#include <stdlib.h>

#include "vsim/wire/vsim_wire.h"

static struct vsim_wire *
null_open(struct vsim_nic *nic, unsigned int index, const char *arg, char *err, size_t err_len)
{
	struct vsim_wire *wire;

	if (arg[0] != '\0')
		return vsim_wire_error(EINVAL, err, err_len, "the null wire takes no argument");
	wire = calloc(1, sizeof(*wire));
	if (wire == NULL)
		return vsim_wire_error(ENOMEM, err, err_len, "out of memory for a wire");
	*wire = (struct vsim_wire){ .ops = &vsim_wire_null,
		.nic = nic,
		.index = index,
		.peer = -1 };
	return wire;
}

static void
null_close(struct vsim_wire *wire)
{
	free(wire);
}

static unsigned int
null_tx(struct vsim_wire *wire, struct vsim_fn *fn, const struct vsim_frame *frames, unsigned int n)
{
	return n;
}

const struct vsim_wire_ops vsim_wire_null = { .kind = "null",
	.open = null_open,
	.close = null_close,
	.tx = null_tx };
