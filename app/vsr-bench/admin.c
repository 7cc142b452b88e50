/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Measures administration commands from the owner of a PF to its VFs, for vsr-bench admin.
 *
 * Commands go to the first VFs in turn; the other VFs are enabled and idle. The time of a command
 * ends when its sender has the answer. With several commands outstanding, the sender waits for the
 * answers in the order of the commands. All waits are busy loops.
 */

#include <errno.h>
#include <stdlib.h>

#include <rte_cycles.h>
#include <rte_pause.h>

#include "virtio/vio_admin_text.h"
#include "virtio_spec/legacy.h"
#include "vsim/core/vsim_fn.h"

#include "machine.h"
#include "owner.h"

#define PROGRAM "vsr-bench-admin"
#define VFS 256
#define COUNTS_MAX 8
#define LEGACY(field) offsetof(struct virtio_legacy_hdr, field)

/** The commands; only the member (the VF) changes. */
static const struct kind {
	uint16_t opcode;
	uint8_t data[sizeof(struct virtio_admin_legacy_wr) + sizeof(uint16_t)];
	size_t data_len, result_len;
} kinds[] = {
	{ .opcode = VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ,
			.data = { LEGACY(queue_size) },
			.data_len = 1,
			.result_len = sizeof(uint16_t) },
	{ .opcode = VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE,
			.data = { LEGACY(queue_select) },
			.data_len = sizeof(struct virtio_admin_legacy_wr) + sizeof(uint16_t) },
	{ .opcode = VIRTIO_ADMIN_LEGACY_DEV_CFG_READ,
			.data = { 0 }, /* Offset of the MAC address. */
			.data_len = 1,
			.result_len = RTE_ETHER_ADDR_LEN },
	{ .opcode = VIRTIO_ADMIN_LEGACY_NOTIFY_INFO,
			.result_len = VIRTIO_ADMIN_NOTIFY_ENTRIES *
					sizeof(struct virtio_admin_notify_info) },
};

/** An outstanding command. */
struct slot {
	struct vio_admin_cmd cmd;
	uint64_t start;
	uint8_t result[VIRTIO_ADMIN_NOTIFY_ENTRIES * sizeof(struct virtio_admin_notify_info)];
};

static struct owner owner;
static struct slot slots[VIO_ADMIN_DEPTH];

static void
slot_send(struct slot *s, const struct kind *k, uint16_t vf)
{
	s->cmd = (struct vio_admin_cmd){
		.opcode = k->opcode,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { { (void *)(uintptr_t)k->data, k->data_len } },
		.nb_data = k->data_len != 0,
		.result = s->result,
		.result_len = k->result_len,
	};
	s->start = rte_rdtsc();
	VTEST_EQ(vio_admin_submit(owner.admin, &s->cmd), 0);
}

/** @return cycles from submission to answer. */
static uint64_t
slot_wait(struct slot *s)
{
	int ret;

	/* vio_admin_poll() fails at the deadline of the command. */
	while ((ret = vio_admin_poll(owner.admin, &s->cmd)) == -EINPROGRESS)
		rte_pause();
	VTEST_EQ(ret, 0);
	VTEST_EQ(s->cmd.result_used, s->cmd.result_len);
	return rte_rdtsc() - s->start;
}

/** Send nb commands and measure each. @return seconds for all of them. */
static double
run(const struct kind *k, unsigned int vfs, unsigned int depth, double *ns, unsigned int nb)
{
	const double hz = (double)rte_get_tsc_hz();
	const uint64_t start = rte_rdtsc();
	unsigned int sent = 0;

	for (unsigned int done = 0; done < nb; done++) {
		for (; sent < nb && sent - done < depth; sent++)
			slot_send(&slots[sent % depth], k, (uint16_t)(1 + sent % vfs));
		ns[done] = (double)slot_wait(&slots[done % depth]) * 1e9 / hz;
	}
	return (double)(rte_rdtsc() - start) / hz;
}

/** Accesses to the legacy registers of a VF, as counted by the device. */
static uint64_t
accesses(unsigned int vf)
{
	return vsim_nic_fn(owner.rig.nic, vf)->counters->legacy_accesses;
}

static void
row(const struct kind *k, unsigned int vfs, unsigned int depth, double *ns, unsigned int nb)
{
	const unsigned int warm = RTE_MIN(nb, VFS + depth); /* Fills the caches. */
	const uint64_t before = accesses(vfs);
	static bool first = true;
	double seconds;

	run(k, vfs, depth, ns, warm);
	seconds = run(k, vfs, depth, ns, nb);
	/* Check that the last VF got its share of the commands. */
	if (k->opcode != VIRTIO_ADMIN_LEGACY_NOTIFY_INFO)
		VTEST_EQ(accesses(vfs) - before, warm / vfs + nb / vfs);
	qsort(ns, nb, sizeof(*ns), machine_ascending);
	printf("%s\n  {\"command\": \"%s\", \"vfs\": %u, \"depth\": %u, \"per_second\": %.0f, "
	       "\"p50_ns\": %.0f, \"p99_ns\": %.0f}",
			first ? "" : ",", vio_admin_opcode_name(k->opcode), vfs, depth,
			nb / seconds, owner_percentile(ns, nb, 50), owner_percentile(ns, nb, 99));
	first = false;
}

/** Measure each command with each number of VFs, one at a time and with depth outstanding. */
static void
measure(const unsigned int *counts, unsigned int nb_counts, unsigned int depth, unsigned int nb)
{
	double *ns = calloc(nb, sizeof(*ns));

	VTEST(ns != NULL);
	printf("{\"rows\": [");
	for (size_t k = 0; k < RTE_DIM(kinds); k++)
		for (unsigned int i = 0; i < nb_counts; i++) {
			row(&kinds[k], counts[i], 1, ns, nb);
			if (depth > 1)
				row(&kinds[k], counts[i], depth, ns, nb);
		}
	free(ns);
}

/** The number of commands that the admin queue holds, or fewer if fewer are wanted. */
static unsigned int
depth_of(unsigned int wanted)
{
	struct vio_admin_queue_info info;

	VTEST_EQ(vio_admin_queue_info(owner.admin, 0, &info), 0);
	if (wanted == 0 || wanted > info.depth)
		wanted = info.depth;
	return RTE_MIN(wanted, (unsigned int)RTE_DIM(slots));
}

int
main(int argc, char **argv)
{
	unsigned int counts[COUNTS_MAX], nb_counts = 0, nb = 0, depth = 0;
	bool good = argc >= 4 && argc - 3 <= COUNTS_MAX &&
			machine_number(argv[1], 10, 1000000, &nb) &&
			machine_number(argv[2], 0, VIO_ADMIN_DEPTH, &depth);

	for (int i = 3; good && i < argc; i++)
		good = machine_number(argv[i], 1, VFS, &counts[nb_counts++]);
	if (!good) {
		fprintf(stderr,
				"%s: the arguments are commands, depth and numbers of VFs: "
				"run vsr-bench admin.\n",
				PROGRAM);
		return 2;
	}
	if (setjmp(vtest_leave) != 0) {
		fprintf(stderr, "%s: %s.\n", PROGRAM, vtest_why);
		return 1;
	}
	if (owner_open(&owner, PROGRAM, VFS, NULL) != 0)
		return 1;
	VTEST_EQ(vio_admin_agree(owner.admin, VIO_SRIOV, UINT64_MAX, NULL), 0);
	measure(counts, nb_counts, depth_of(depth), nb);
	owner_close(&owner);
	printf("\n], \"disturbed\": %.4f}\n", owner.device.disturbed);
	rte_eal_cleanup();
	return 0;
}
