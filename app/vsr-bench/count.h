/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef COUNT_H
#define COUNT_H

/**
 * @file
 * Counts instructions one by one with the trap flag of the processor, which traps after each.
 *
 * The count is exact, is the same on every machine, and needs no performance counter, which a
 * virtual machine may lack. An instruction takes some microseconds, so this is for a few thousand
 * of them. x86-64 only; one thread only.
 */

#include <stdbool.h>
#include <stdint.h>

/** Call once before the other functions. @return false: instructions cannot be counted. */
bool count_init(void);

/** @return instructions in nb_pairs pairs of count_start() and count_stop() since the last call. */
uint64_t count_read(unsigned int nb_pairs);

#if defined(__x86_64__)
/* Flags are pushed below the red zone, where the compiler may have data under the stack pointer. */

/** Start counting. */
static inline __attribute__((always_inline)) void
count_start(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\t"
			 "orq $0x100, (%%rsp)\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::
					 : "cc", "memory");
}

/** Stop counting. */
static inline __attribute__((always_inline)) void
count_stop(void)
{
	__asm__ volatile("lea -128(%%rsp), %%rsp\n\t"
			 "pushfq\n\t"
			 "andq $~0x100, (%%rsp)\n\t"
			 "popfq\n\t"
			 "lea 128(%%rsp), %%rsp" ::
					 : "cc", "memory");
}
#else
static inline void
count_start(void)
{
}
static inline void
count_stop(void)
{
}
#endif

#endif /* COUNT_H */
