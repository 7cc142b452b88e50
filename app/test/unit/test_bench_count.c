/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* vsr-bench driver counts each instruction that ran once. */

#include "vsr-bench/count.h"
#include "test/fixture/vtest.h"

#if defined(__x86_64__)
static void
every_instruction_counts_once(void)
{
	VTEST(count_init());
	count_start();
	__asm__ volatile(".rept 123\n\tnop\n\t.endr");
	count_stop();
	VTEST_EQ(count_read(1), 123);
	/* Two pairs of start and stop; instructions outside of them do not count. */
	for (int i = 0; i < 2; i++) {
		count_start();
		__asm__ volatile("nop");
		count_stop();
		__asm__ volatile(".rept 50\n\tnop\n\t.endr");
	}
	VTEST_EQ(count_read(2), 2);
}

static __attribute__((noinline)) uint64_t
count_of_stores(unsigned long nb)
{
	char buf[64], *at = buf;

	count_start();
	__asm__ volatile("rep stosb" : "+D"(at), "+c"(nb) : "a"(0) : "memory");
	count_stop();
	return count_read(1);
}

static void
repeated_string_instruction_is_one(void)
{
	VTEST(count_init());
	VTEST(count_of_stores(2) > 0);
	VTEST_EQ(count_of_stores(64), count_of_stores(2));
}
#else
static void
every_instruction_counts_once(void)
{
	VTEST_SKIP("instructions are counted on x86-64 only");
}

static void
repeated_string_instruction_is_one(void)
{
	VTEST_SKIP("instructions are counted on x86-64 only");
}
#endif

static const struct vtest_case cases[] = {
	{ "every_instruction_counts_once", every_instruction_counts_once },
	{ "repeated_string_instruction_is_one", repeated_string_instruction_is_one },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
