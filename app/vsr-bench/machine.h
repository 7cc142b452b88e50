/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef MACHINE_H
#define MACHINE_H

/**
 * @file
 * Parts that the programs of vsr-bench share: processors, EAL, numbers.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The first two processors that this process may use. @return false: there is only one. */
bool machine_cpus(unsigned int cpus[2]);

/** Run the calling thread on this processor only. Prints a warning when this fails. */
void machine_pin(const char *program, unsigned int cpu);

/**
 * Start EAL on one processor, without PCI. Uses hugepages if any are free: small pages would cause
 * TLB misses that a real program does not have.
 * @param small_pages  Out: no hugepages were free. May be NULL.
 * @return 0, or -1 after an error message.
 */
int machine_eal(const char *program, unsigned int cpu, bool *small_pages);

/** Comparison of doubles for qsort(). */
int machine_ascending(const void *a, const void *b);

/** Parse a whole string as a number within bounds. */
bool machine_number(const char *text, unsigned int min, unsigned int max, unsigned int *out);

#endif /* MACHINE_H */
