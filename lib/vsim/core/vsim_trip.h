/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_TRIP_H
#define VSIM_TRIP_H

/**
 * @file
 * Histogram of round-trip times; one thread counts, any thread reads. Times below VSIM_TRIP_FINE
 * nanoseconds are exact, longer times have an error of at most one part in VSIM_TRIP_FINE.
 */

#include <stdint.h>

#define VSIM_TRIP_BITS 6
#define VSIM_TRIP_FINE (1u << VSIM_TRIP_BITS)
#define VSIM_TRIP_OCTAVES 24 /**< Up to half a second; longer times count in the last bucket. */
#define VSIM_TRIP_BUCKETS (VSIM_TRIP_FINE * VSIM_TRIP_OCTAVES)

/** Bucket of a time. */
static inline unsigned int
vsim_trip_bucket(uint64_t ns)
{
	unsigned int shift = 0, bucket;

	while (ns >> shift >= 2 * VSIM_TRIP_FINE)
		shift++;
	bucket = shift * VSIM_TRIP_FINE + (unsigned int)(ns >> shift);
	return bucket < VSIM_TRIP_BUCKETS ? bucket : VSIM_TRIP_BUCKETS - 1;
}

/** Smallest time of a bucket. */
static inline uint64_t
vsim_trip_time(unsigned int bucket)
{
	unsigned int shift = bucket < VSIM_TRIP_FINE ? 0 : bucket / VSIM_TRIP_FINE - 1;

	return (uint64_t)(bucket - shift * VSIM_TRIP_FINE) << shift;
}

#endif /* VSIM_TRIP_H */
