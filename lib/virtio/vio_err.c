/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The error text of a thread. */

#include <stdarg.h>
#include <stdio.h>

#include "vio_err.h"

static __thread char text[VIO_ERR_MAX];

const char *
vio_err(void)
{
	return text;
}

int
vio_fail(int ret, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return ret;
}
