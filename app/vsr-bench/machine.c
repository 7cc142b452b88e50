/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Parts that the programs of vsr-bench share: processors, EAL, numbers. */

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_common.h>
#include <rte_eal.h>
#include <rte_errno.h>

#include "base/base_number.h"

#include "machine.h"

bool
machine_cpus(unsigned int cpus[2])
{
	unsigned int nb = 0;
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set) != 0)
		return false;
	for (unsigned int cpu = 0; cpu < CPU_SETSIZE && nb < 2; cpu++)
		if (CPU_ISSET(cpu, &set))
			cpus[nb++] = cpu;
	return nb == 2;
}

void
machine_pin(const char *program, unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) != 0)
		fprintf(stderr, "%s: cannot run on processor %u: %s.\n", program, cpu,
				strerror(errno));
}

int
machine_eal(const char *program, unsigned int cpu, bool *small_pages)
{
	static char *args[] = { NULL, "--no-pci", "--no-shconf", "--no-telemetry", "--iova-mode=va",
		"-l", NULL, "--log-level=error", "--log-level=pmd.net.vsr:critical",
		"--force-max-simd-bitwidth=512", "-m", "96", "--in-memory", NULL };
	static char name[32], list[16];
	unsigned int free_pages = 0;
	FILE *f = fopen("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "r");

	if (f != NULL) {
		if (fscanf(f, "%u", &free_pages) != 1)
			free_pages = 0;
		fclose(f);
	}
	if (small_pages != NULL)
		*small_pages = free_pages < 64;
	if (free_pages < 64)
		args[RTE_DIM(args) - 2] = "--no-huge";
	snprintf(name, sizeof(name), "%s", program);
	snprintf(list, sizeof(list), "%u", cpu);
	args[0] = name;
	args[6] = list;
	if (rte_eal_init(RTE_DIM(args) - 1, args) >= 0)
		return 0;
	fprintf(stderr, "%s: EAL failed to start: %s.\n", program, rte_strerror(rte_errno));
	return -1;
}

int
machine_ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

bool
machine_number(const char *text, unsigned int min, unsigned int max, unsigned int *out)
{
	uint64_t n;

	if (base_number_parse(text, max, &n) != 0 || n < min)
		return false;
	*out = (unsigned int)n;
	return true;
}
