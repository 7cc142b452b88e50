/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef COUNT_H
#define COUNT_H

/**
 * @file
 * Instructions, counted one by one: the processor's trap flag stops after each, whatever it is.
 * Exact, the same on every machine, and needs no counter that a virtual machine may not have;
 * some microseconds per instruction, so for a few thousand of them. x86-64 only. One thread.
 */

#include <stdbool.h>
#include <stdint.h>

/** Instructions can be counted here. Call once before the others. */
bool count_init(void);

/** Instructions between so many pairs of count_start() and count_stop() since it was last asked. */
uint64_t count_read(unsigned int nb_pairs);

#if defined(__x86_64__)
/* The flags are pushed below what the compiler may keep under the stack pointer. */

/** Count from here on. */
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

/** Count to here. */
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
