/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

/**
 * @file
 * The monotonic clock: the time now, and the end of a wait. Any thread.
 */

#include <time.h>

/** Milliseconds since some moment in the past. */
static inline long long
base_now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/** The moment in so many milliseconds, for pthread calls that take CLOCK_MONOTONIC. */
static inline struct timespec
base_deadline(unsigned int ms)
{
	struct timespec end;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += ms / 1000;
	end.tv_nsec += (long)(ms % 1000) * 1000000;
	if (end.tv_nsec >= 1000000000) {
		end.tv_sec++;
		end.tv_nsec -= 1000000000;
	}
	return end;
}

#endif /* BASE_CLOCK_H */
