/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Functions that all kinds of wire share.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "vsim/wire/vsim_wire.h"

void *
vsim_wire_error(int code, char *err, size_t err_len, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	if (err != NULL && err_len > 0)
		vsnprintf(err, err_len, format, ap);
	va_end(ap);
	errno = code;
	return NULL;
}

unsigned int
vsim_wire_worker(const struct vsim_nic *nic, unsigned int index)
{
	const struct vsim_wire *wire = nic->wires[index];
	unsigned int first = index;

	if (wire != NULL && wire->sw != NULL) {
		for (first = 0; first < index; first++)
			if (nic->wires[first] != NULL && nic->wires[first]->sw == wire->sw)
				break;
	} else if (wire != NULL && wire->peer >= 0 && (unsigned int)wire->peer < index) {
		first = wire->peer;
	}
	return first % nic->conf.workers;
}
