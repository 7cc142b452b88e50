/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The data thread of vdpa_vsr under load. */

#include <stdatomic.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_eal.h>

#include "test/fixture/vtest.h"
#include "thread/vdpa_data.h"

#define NS_PER_S UINT64_C(1000000000)
#define PAUSE_NS 50000 /* of the thread */

static uint16_t load; /* What a call says. */
static atomic_uint nb_calls;

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool
on_event(struct vdpa_watch *watch)
{
	atomic_fetch_add(&nb_calls, 1);
	watch->load = load;
	return false;
}

/* Write nb events, each when the one before has been handled. @return ns. */
static uint64_t
events(int fd, unsigned int nb)
{
	const uint64_t begin = now_ns();

	for (unsigned int i = 0; i < nb; i++) {
		const unsigned int before = atomic_load(&nb_calls);

		VTEST_EQ(eventfd_write(fd, 1), 0);
		while (atomic_load(&nb_calls) == before)
			VTEST(now_ns() - begin < 20 * NS_PER_S);
	}
	return now_ns() - begin;
}

/* Under load each round but the first ones is one pause after the one before. */
static void
the_thread_pauses_between_rounds_of_many_buffers(void)
{
	struct vdpa_watch watch = { .fn = on_event, .fd = -1 };
	const int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t few_ns = UINT64_MAX;

	VTEST_EQ(vdpa_data_add(&watch, fd), 0);
	load = VDPA_LOAD_FULL / 8;
	VTEST(events(fd, 500) >= 400 * PAUSE_NS);
	/* Not for few buffers, whatever the rate: the machine may be slow once, not always. */
	load = 0;
	for (unsigned int i = 0; i < 500; i++)
		few_ns = RTE_MIN(few_ns, events(fd, 10));
	VTEST(few_ns < 9 * PAUSE_NS);
	/* Nor when the ring fills in much less than a pause. */
	load = UINT16_MAX;
	events(fd, 10);
	few_ns = UINT64_MAX;
	for (unsigned int i = 0; i < 500; i++)
		few_ns = RTE_MIN(few_ns, events(fd, 10));
	VTEST(few_ns < 9 * PAUSE_NS);
	/* A pause does not hold up those that wait for the thread. */
	load = 1;
	events(fd, 10);
	vdpa_data_del(&watch);
	vdpa_data_wait();
	close(fd);
}

static const struct vtest_case cases[] = {
	{ "the_thread_pauses_between_rounds_of_many_buffers",
			the_thread_pauses_between_rounds_of_many_buffers },
};

int
main(int argc, char **argv)
{
	/* A control thread runs where EAL does not. */
	static char name[] = "test_vdpa_data", huge[] = "--no-huge", pci[] = "--no-pci",
		    conf[] = "--no-shconf", telemetry[] = "--no-telemetry";
	static char *eal_args[] = { name, huge, pci, conf, telemetry, NULL };

	if (rte_eal_init(RTE_DIM(eal_args) - 1, eal_args) < 0)
		return 1;
	return vtest_main(argc, argv, cases, RTE_DIM(cases));
}
