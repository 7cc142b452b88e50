/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef MACHINE_H
#define MACHINE_H

/**
 * @file
 * What the programs of vsr-bench share: the two processors, EAL, and order among figures.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** The first two processors that this process may use. @return false: there are not two. */
bool machine_cpus(unsigned int cpus[2]);

/** Keep the calling thread on a processor; if it is not to be had, says so and goes on. */
void machine_pin(const char *program, unsigned int cpu);

/**
 * Start EAL on one processor, without PCI, with hugepages if there are some: small pages would add
 * misses that no real program has. Says why when it cannot.
 * @param small_pages  Out: there were none; may be NULL.
 * @return 0, or -1.
 */
int machine_eal(const char *program, unsigned int cpu, bool *small_pages);

/** For qsort(): of doubles. */
int machine_ascending(const void *a, const void *b);

/** A number within bounds, and nothing but a number. */
bool machine_number(const char *text, unsigned int min, unsigned int max, unsigned int *out);

#endif /* MACHINE_H */
