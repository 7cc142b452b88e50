/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * A fast steady clock.
 */

#include <pthread.h>
#include <time.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

#include "vsim/core/vsim_clock.h"

uint64_t
vsim_clock(void)
{
#if defined(__x86_64__)
	return __rdtsc();
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * UINT64_C(1000000000) + ts.tv_nsec;
#endif
}

static uint64_t clock_hz;

static void
clock_measure(void)
{
#if defined(__x86_64__)
	struct timespec a, b;
	uint64_t ticks, ns;

	clock_gettime(CLOCK_MONOTONIC, &a);
	ticks = vsim_clock();
	do {
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns = (b.tv_sec - a.tv_sec) * UINT64_C(1000000000) + b.tv_nsec - a.tv_nsec;
	} while (ns < 2000000);
	clock_hz = (double)(vsim_clock() - ticks) * 1e9 / ns;
#else
	clock_hz = UINT64_C(1000000000);
#endif
}

uint64_t
vsim_clock_hz(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, clock_measure);
	return clock_hz;
}
