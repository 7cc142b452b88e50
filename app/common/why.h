/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_WHY_H
#define VSR_COMMON_WHY_H

/**
 * @file
 * One sentence for people beside every -errno: what does not work and what to do next.
 */

#include <stdarg.h>
#include <stdio.h>

/** A sentence without a full stop or newline. */
struct why {
	char text[1024];
};

/** Note the sentence. @return err, so that a refusal is one statement. */
__attribute__((format(printf, 3, 4))) static inline int
why_not(struct why *why, int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(why->text, sizeof(why->text), fmt, args);
	va_end(args);
	return err;
}

#endif /* VSR_COMMON_WHY_H */
