/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The simulated NIC with the thread that serves it, and the owner of its PF. */

#include <inttypes.h>

#include <rte_cycles.h>

#include "machine.h"
#include "owner.h"

/* ------------------------------------------------------------------ the device's thread */

/** Times that the calling thread has run, and has waited for a processor, ns. */
static void
schedule_read(uint64_t *ran, uint64_t *waited)
{
	FILE *f = fopen("/proc/thread-self/schedstat", "r");

	*ran = *waited = 0;
	if (f == NULL)
		return;
	if (fscanf(f, "%" SCNu64 " %" SCNu64, ran, waited) != 2)
		*ran = *waited = 0;
	fclose(f);
}

static void *
device_main(void *arg)
{
	struct owner_device *d = arg;
	const uint64_t *doorbells = NULL;
	uint64_t ran[2], waited[2], count = 0, start;

	machine_pin(d->program, d->cpu);
	schedule_read(&ran[0], &waited[0]);
	start = vio_now_ns();
	while (!atomic_load_explicit(&d->stop, memory_order_relaxed)) {
		vsim_worker_poll(d->nic, 0);
		d->rounds++;
		doorbells = atomic_load_explicit(&d->doorbells, memory_order_acquire);
		if (doorbells == NULL || *doorbells == count)
			continue;
		d->seen.tsc = rte_rdtsc();
		count = *doorbells;
		atomic_store_explicit(&d->seen.count, count, memory_order_release);
	}
	d->ns = vio_now_ns() - start;
	schedule_read(&ran[1], &waited[1]);
	ran[1] -= ran[0];
	waited[1] -= waited[0];
	if (ran[1] + waited[1] != 0)
		d->disturbed = (double)waited[1] / (double)(ran[1] + waited[1]);
	return NULL;
}

void
owner_device_stop(struct owner *owner)
{
	if (!owner->device.started)
		return;
	atomic_store(&owner->device.stop, true);
	pthread_join(owner->device.thread, NULL);
	owner->device.started = false;
}

/* ------------------------------------------------------------------ open, close */

int
owner_open(struct owner *owner, const char *program, uint16_t vfs,
		void (*tune)(struct vsim_nic_conf *conf))
{
	const struct vio_features features = VIO_FEATURES(VIRTIO_F_VERSION_1,
			VIRTIO_F_ACCESS_PLATFORM, VIRTIO_F_SR_IOV, VIRTIO_F_ADMIN_VQ);
	const struct rig_conf conf = { .total_vfs = vfs, .wire = "null", .tune = tune };
	const struct vio_admin_conf admin_conf = { .name = "bench" };

	memset(owner, 0, sizeof(*owner));
	if (!machine_cpus(owner->cpus)) {
		fprintf(stderr, "%s: two processors are needed: the simulated NIC uses one.\n",
				program);
		return -1;
	}
	if (machine_eal(program, owner->cpus[1], NULL) != 0)
		return -1;
	rig_open_nic(&owner->rig, &conf);
	rig_attach(&owner->rig, 0, false);
	/* The NIC has its own thread, so a thread that waits must not step it. */
	owner->ops = *owner->rig.fns[0].t.ops;
	owner->ops.idle = NULL;
	owner->rig.fns[0].t.ops = &owner->ops;
	owner->device.program = program;
	owner->device.cpu = owner->cpus[0];
	owner->device.nic = owner->rig.nic;
	VTEST_EQ(pthread_create(&owner->device.thread, NULL, device_main, &owner->device), 0);
	owner->device.started = true;

	vio_dev_init(&owner->dev, &owner->rig.fns[0].t);
	VTEST_EQ(vio_dev_negotiate(&owner->dev, &features, &features), 0);
	owner->admin = vio_admin_create(&owner->dev, &admin_conf);
	VTEST(owner->admin != NULL);
	VTEST_EQ(vio_admin_enable(owner->admin), 0);
	vio_dev_driver_ok(&owner->dev);
	rig_vfs_set(&owner->rig, vfs);
	return 0;
}

void
owner_close(struct owner *owner)
{
	VTEST_EQ(vio_dev_reset(&owner->dev), 0);
	vio_admin_free(owner->admin);
	owner_device_stop(owner);
	rig_close(&owner->rig);
}
