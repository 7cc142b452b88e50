/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VTEST_H
#define VTEST_H

/**
 * @file
 * The frame of every unit test here: a table of named cases, one line of output per case.
 *
 * A case returns nothing; VTEST() notes the first failure of a case and leaves it. The test runner
 * counts the lines "ok NAME", "FAIL NAME: why" and "skip NAME: why".
 */

#include <setjmp.h>
#include <stdio.h>
#include <string.h>

struct vtest_case {
	const char *name; /**< States the claim: "used_id_out_of_range_is_dropped". */
	void (*run)(void);
};

/* One of each in a program, though several of its files may check: weak definitions are merged. */
__attribute__((weak)) jmp_buf vtest_leave;
__attribute__((weak)) char vtest_why[512];

/** The condition holds, or the case fails here. Variables changed before may be lost. */
#define VTEST(cond)                                                                             \
	do {                                                                                    \
		if (!(cond)) {                                                                  \
			snprintf(vtest_why, sizeof(vtest_why), "%s:%d: %s", __FILE__, __LINE__, \
					#cond);                                                 \
			longjmp(vtest_leave, 1);                                                \
		}                                                                               \
	} while (0)

/** Two integers are equal, or the case fails here and says what they were. */
#define VTEST_EQ(a, b)                                                                           \
	do {                                                                                     \
		long long vtest_a = (long long)(a), vtest_b = (long long)(b);                    \
		if (vtest_a != vtest_b) {                                                        \
			snprintf(vtest_why, sizeof(vtest_why),                                   \
					"%s:%d: %s is %lld, want %s = %lld", __FILE__, __LINE__, \
					#a, vtest_a, #b, vtest_b);                               \
			longjmp(vtest_leave, 1);                                                 \
		}                                                                                \
	} while (0)

/** The case cannot run here, for this reason (literal). */
#define VTEST_SKIP(reason)                                            \
	do {                                                          \
		snprintf(vtest_why, sizeof(vtest_why), "%s", reason); \
		longjmp(vtest_leave, 2);                              \
	} while (0)

/**
 * Run the cases (only those whose name contains argv[1], if given).
 * @return exit code: 0, or 1 when a case failed.
 */
static inline int
vtest_main(int argc, char **argv, const struct vtest_case *cases, size_t nb_cases)
{
	volatile int failed = 0; /* survives the jumps */

	for (size_t i = 0; i < nb_cases; i++) {
		if (argc > 1 && strstr(cases[i].name, argv[1]) == NULL)
			continue;
		switch (setjmp(vtest_leave)) {
		case 0:
			cases[i].run();
			printf("ok %s\n", cases[i].name);
			break;
		case 1:
			printf("FAIL %s: %s\n", cases[i].name, vtest_why);
			failed = 1;
			break;
		default:
			printf("skip %s: %s\n", cases[i].name, vtest_why);
			break;
		}
		fflush(stdout);
	}
	return failed;
}

#endif /* VTEST_H */
