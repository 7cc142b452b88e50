/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Counts instructions with the trap flag of the processor. */

#include <signal.h>
#include <ucontext.h>

#include "count.h"

#if defined(__x86_64__)

static volatile uint64_t nb_steps;
static uint64_t empty; /* Instructions of count_start() and count_stop() themselves. */
static uint64_t last_ip;

/* A repeated string instruction traps once per repetition, but counts as one instruction. */
static void
on_step(int sig, siginfo_t *info, void *context)
{
	const uint64_t ip = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];

	nb_steps += ip != last_ip;
	last_ip = ip;
}

bool
count_init(void)
{
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO };

	if (sigaction(SIGTRAP, &action, NULL) != 0)
		return false;
	count_start();
	count_stop();
	empty = nb_steps;
	nb_steps = 0;
	return empty > 0;
}

uint64_t
count_read(unsigned int nb_pairs)
{
	const uint64_t steps = nb_steps - nb_pairs * empty;

	nb_steps = 0;
	return steps;
}

#else

bool
count_init(void)
{
	return false;
}

uint64_t
count_read(unsigned int nb_pairs)
{
	return 0;
}

#endif
