/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* How an owner leaves its PFs, on a clock that the test moves: the linker puts the functions
 * __wrap_* below in the place of those of vsrd and libc. */

#include <errno.h>
#include <time.h>

#include "vsrd/owner/owner.h"
#include "vsrd/owner/owner_watch.h"
#include "test/fixture/vtest.h"

static long long now_ms = 1000000;
static bool gates_hang, watchers_hang;
static unsigned int nb_resets;

int __wrap_clock_gettime(clockid_t clock, struct timespec *now);
bool __wrap_gate_wait_empty(struct gate *gate, unsigned int wait_ms);
bool __wrap_owner_watch_end(struct owner_pf *pf, unsigned int wait_ms);
int __wrap_vio_dev_reset(struct vio_dev *dev);

int
__wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
	(void)clock;
	*now = (struct timespec){ now_ms / 1000, now_ms % 1000 * 1000000 };
	return 0;
}

static bool
wait_all(bool hangs, unsigned int wait_ms)
{
	if (hangs)
		now_ms += wait_ms;
	return !hangs;
}

bool
__wrap_gate_wait_empty(struct gate *gate, unsigned int wait_ms)
{
	(void)gate;
	return wait_all(gates_hang, wait_ms);
}

bool
__wrap_owner_watch_end(struct owner_pf *pf, unsigned int wait_ms)
{
	(void)pf;
	return wait_all(watchers_hang, wait_ms);
}

int
__wrap_vio_dev_reset(struct vio_dev *dev)
{
	nb_resets++;
	now_ms += dev->timeout_us / 1000;
	return -ETIMEDOUT;
}

static struct owner owner;

/* An owner whose places all have a PF. */
static void
own_all(void)
{
	owner_init(&owner);
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++) {
		struct owner_pf *pf = &owner.pfs[i];

		pf->vfio.container = pf->vfio.group = pf->vfio.device = -1;
		pf->dev.timeout_us = VIO_DEV_TIMEOUT_US;
		pf->used = true;
	}
	nb_resets = 0;
}

/* More time would end in a kill by the service manager, in the middle of the last steps. */
static void
all_pfs_together_are_waited_for_once(void)
{
	for (unsigned int kind = 0; kind < 2; kind++) {
		const long long start = now_ms;

		gates_hang = kind == 0;
		watchers_hang = kind == 1;
		own_all();
		VTEST(!owner_leave(&owner));
		VTEST(now_ms - start <= OWNER_LEAVE_MS);
		VTEST_EQ(nb_resets, 0);
	}
}

static void
devices_that_hang_are_left_to_the_kernel(void)
{
	const long long start = now_ms;

	gates_hang = watchers_hang = false;
	own_all();
	VTEST(owner_leave(&owner));
	VTEST(now_ms - start <= OWNER_LEAVE_MS);
	VTEST_EQ(nb_resets, OWNER_MAX_PFS);
	for (unsigned int i = 0; i < OWNER_MAX_PFS; i++)
		VTEST(!owner.pfs[i].used);
}

int
main(int argc, char **argv)
{
	static const struct vtest_case cases[] = {
		{ "all_pfs_together_are_waited_for_once", all_pfs_together_are_waited_for_once },
		{ "devices_that_hang_are_left_to_the_kernel",
				devices_that_hang_are_left_to_the_kernel },
	};

	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
