/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef DAEMON_ERR_H
#define DAEMON_ERR_H

/**
 * @file
 * Error text: one sentence that explains a refusal and says what to do next.
 */

#include <stdarg.h>
#include <stdio.h>

#include "base/base_text.h"

/** A sentence, without a full stop or newline. It can quote words from outside, so err_set() makes
 * it printable. */
struct err {
	char text[1024];
};

/** As err_set() below. */
static inline void
err_vset(struct err *err, const char *fmt, va_list args)
{
	char raw[sizeof(err->text)];

	vsnprintf(raw, sizeof(raw), fmt, args);
	base_text_clean(err->text, sizeof(err->text), raw);
}

/** Write the sentence. @return ret, so that a refusal is one statement. */
__attribute__((format(printf, 3, 4))) static inline int
err_set(struct err *err, int ret, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	err_vset(err, fmt, args);
	va_end(args);
	return ret;
}

#endif /* DAEMON_ERR_H */
