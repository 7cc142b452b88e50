/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The admin engine of the driver with the simulated NIC: lists, commands in parallel, retries,
 * deadlines, dead queues, and each command once. */

#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "virtio/vio_admin.h"
#include "virtio/vio_admin_legacy.h"
#include "virtio/vio_admin_objs.h"
#include "virtio/vio_admin_parts.h"
#include "virtio/vio_admin_text.h"
#include "virtio/vio_err.h"
#include "virtio_spec/legacy.h"

#include "test/fixture/rig.h"

#define ALL UINT64_MAX
#define LEGACY(field) offsetof(struct virtio_legacy_hdr, field)

static struct rig rig;
static struct vio_dev dev;
static struct vio_admin *admin;
static atomic_bool stop;
static uint32_t silence_us = 1; /* 1: a command without an answer means a dead queue */
static unsigned int nb_dead;

static const struct vio_features wanted_split = {
	.w = { 1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_F_ACCESS_PLATFORM |
			1ull << VIRTIO_F_SR_IOV | 1ull << VIRTIO_F_ADMIN_VQ |
			1ull << VIRTIO_F_RING_RESET }
};
static struct vio_features wanted;

static void
on_dead(void *arg, unsigned int queue, const char *err)
{
	VTEST(arg == &rig);
	VTEST(queue >= 9 && err[0] != '\0');
	nb_dead++;
}

/* Negotiate and enable the admin queues. */
static void
owner_up(uint32_t timeout_us)
{
	const struct vio_admin_conf conf = { .name = "rig_admin",
		.timeout_us = timeout_us,
		.silence_us = silence_us,
		.on_dead = on_dead,
		.on_dead_arg = &rig,
		.stop = &stop };

	VTEST_EQ(vio_dev_negotiate(&dev, &wanted, &wanted_split), 0);
	if (admin == NULL)
		admin = vio_admin_create(&dev, &conf);
	VTEST(admin != NULL);
	VTEST_EQ(vio_admin_enable(admin), 0);
	vio_dev_driver_ok(&dev);
}

static void
owner_open(const struct rig_conf *conf, uint16_t vfs, uint32_t timeout_us)
{
	struct rig_conf with_vfs = *conf;

	vio_admin_free(admin); /* left by a case that failed */
	admin = NULL;
	nb_dead = 0;
	wanted = wanted_split;
	with_vfs.total_vfs = 256;
	rig_open_nic(&rig, &with_vfs);
	rig_attach(&rig, 0, conf->trapped);
	vio_dev_init(&dev, &rig.fns[0].t);
	owner_up(timeout_us);
	if (vfs > 0)
		rig_vfs_set(&rig, vfs);
}

static void
owner_plain(uint16_t vfs)
{
	const struct rig_conf conf = { 0 };

	owner_open(&conf, vfs, 0);
	VTEST_EQ(vio_admin_agree(admin, VIO_SELF, ALL, NULL), 0);
	if (vfs > 0)
		VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
}

static void
owner_close(bool broken)
{
	VTEST_EQ(vio_dev_reset(&dev), 0);
	vio_admin_free(admin);
	admin = NULL;
	if (broken)
		rig_close_broken(&rig);
	else
		rig_close(&rig);
}

static void
faults_set(struct vsim_faults faults)
{
	vsim_nic_faults(rig.nic, &faults);
}

static int
status_put(uint16_t vf, uint8_t value)
{
	return vio_admin_legacy_write(admin, vf, VIO_LEGACY_COMMON, LEGACY(device_status), &value,
			1);
}

static int
status_get(uint16_t vf)
{
	uint8_t value = 0xee;
	int ret = vio_admin_legacy_read(admin, vf, VIO_LEGACY_COMMON, LEGACY(device_status), &value,
			1);

	return ret < 0 ? ret : value;
}

/* ------------------------------------------------------------------ lists */

static void
lists_are_agreed_upon_per_group(void)
{
	const uint8_t layouts[] = { 0, VIRTIO_F_RING_PACKED };
	const uint8_t orders[] = { 0, VIRTIO_F_IN_ORDER };

	for (unsigned int i = 0; i < 8; i++) {
		const struct rig_conf conf = { .trapped = i & 4 };
		uint64_t in_use = 0;

		rig_note("packed %u, in order %u, trapped %u", i & 1, i >> 1 & 1, i >> 2);
		owner_open(&conf, 4, 0);
		VTEST_EQ(vio_dev_reset(&dev), 0);
		vio_admin_free(admin);
		admin = NULL;
		if (layouts[i & 1] != 0)
			vio_features_add(&wanted, layouts[i & 1]);
		if (orders[i >> 1 & 1] != 0)
			vio_features_add(&wanted, orders[i >> 1 & 1]);
		owner_up(0);
		VTEST_EQ(vio_dev_has(&dev, VIRTIO_F_RING_PACKED), i & 1);
		VTEST_EQ(vio_admin_in_use(admin, VIO_SRIOV), 3);
		VTEST_EQ(vio_admin_offered(admin, VIO_SRIOV), 0);
		/* The engine sends no other command before a list is in use. */
		VTEST_EQ(status_get(1), -EOPNOTSUPP);
		VTEST_EQ(vio_admin_agree(admin, VIO_SELF, ALL, &in_use), 0);
		VTEST_EQ(in_use, 0x383);
		VTEST_EQ(status_get(1), -EOPNOTSUPP);
		VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, &in_use), 0);
		VTEST_EQ(in_use, 0x3fc7f);
		VTEST_EQ(vio_admin_offered(admin, VIO_SRIOV), 0x3fc7f);
		for (uint16_t vf = 1; vf <= 4; vf++)
			for (uint8_t s = 1; s < 8; s = 2 * s + 1) {
				VTEST_EQ(status_put(vf, s), 0);
				VTEST_EQ(status_get(vf), s);
			}
		owner_close(false);
	}
}

static void
incomplete_sets_of_commands_are_left_out(void)
{
	uint64_t in_use;

	owner_plain(1);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, 0x4 | 0x40 | 0x3c000, &in_use), 0);
	VTEST_EQ(in_use, 3);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, 0x7c, &in_use), 0);
	VTEST_EQ(in_use, 0x7f);
	owner_close(false);
}

static void
vfs_late(struct vsim_nic_conf *conf)
{
	conf->lenient.early_lists = true;
}

static void
the_group_of_vfs_is_asked_again_after_each_enable(void)
{
	const struct rig_conf late = { .tune = vfs_late };
	uint64_t in_use;

	owner_plain(0);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, &in_use), -EINVAL);
	VTEST_EQ(in_use, 3);
	VTEST(strstr(vio_err(), "no such group") != NULL);
	for (int i = 0; i < 3; i++) {
		rig_vfs_set(&rig, 2);
		VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, &in_use), 0);
		VTEST_EQ(status_put(2, 1), 0);
		VTEST_EQ(vio_admin_drain(admin, VIO_SRIOV, 1000), 0);
		rig_vfs_set(&rig, 0);
		vio_admin_forget(admin, VIO_SRIOV);
		VTEST_EQ(status_get(2), -EOPNOTSUPP);
	}
	owner_close(false);
	/* A device that answers for the group before its VFs exist works too. */
	owner_open(&late, 0, 0);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, &in_use), 0);
	rig_vfs_set(&rig, 2);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, &in_use), 0);
	VTEST_EQ(status_put(2, 1), 0);
	owner_close(false);
}

static void
four_queues(struct vsim_nic_conf *conf)
{
	conf->admin_queues = 4;
}

static void
all_admin_queues_are_used(void)
{
	const struct rig_conf conf = { .tune = four_queues };
	struct vio_admin_queue_info info;

	owner_open(&conf, 8, 0);
	VTEST_EQ(vio_admin_nb_queues(admin), 4);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
	for (uint16_t vf = 1; vf <= 8; vf++)
		VTEST_EQ(status_put(vf, 1), 0);
	for (unsigned int i = 0; i < 4; i++) {
		VTEST_EQ(vio_admin_queue_info(admin, i, &info), 0);
		VTEST_EQ(info.index, 9 + i);
		VTEST(info.commands >= 2);
		VTEST_EQ(info.outstanding, 0);
		VTEST(!info.dead);
	}
	VTEST_EQ(vio_admin_queue_info(admin, 4, &info), -EINVAL);
	owner_close(false);
}

/* ------------------------------------------------------------------ many at once, deadlines */

static struct vio_admin_cmd
reset_of(uint16_t vf)
{
	static struct virtio_admin_legacy_wr wr = { .offset = LEGACY(device_status) };
	static uint8_t zero;

	return (struct vio_admin_cmd){
		.opcode = VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE,
		.group = VIO_SRIOV,
		.member = vf,
		.data = { { &wr, sizeof(wr) }, { &zero, 1 } },
		.nb_data = 2,
	};
}

static void
many_slow_resets_go_on_at_once(void)
{
	struct vio_admin_cmd cmds[64];
	uint64_t start;

	owner_plain(64);
	for (uint16_t vf = 1; vf <= 64; vf++)
		VTEST_EQ(status_put(vf, 3), 0);
	faults_set((struct vsim_faults){ .reset_us = 100000 });
	start = vio_now_ns();
	for (uint16_t i = 0; i < 64; i++) {
		cmds[i] = reset_of(i + 1);
		VTEST_EQ(vio_admin_submit(admin, &cmds[i]), 0);
	}
	VTEST_EQ(vio_admin_poll(admin, &cmds[0]), -EINPROGRESS);
	for (uint16_t i = 0; i < 64; i++) {
		VTEST_EQ(vio_admin_wait(admin, &cmds[i]), 0);
		VTEST_EQ(status_get(i + 1), 0);
	}
	/* All at once: one after the other would take 6.4 s. */
	VTEST(vio_now_ns() - start < 6000000000ull);
	owner_close(false);
}

static void
a_slow_reset_does_not_keep_other_vfs_waiting(void)
{
	struct vio_admin_cmd reset;
	uint64_t start;

	owner_plain(2);
	VTEST_EQ(status_put(1, 3), 0);
	VTEST_EQ(status_put(2, 3), 0);
	faults_set((struct vsim_faults){ .reset_us = 1000000 });
	start = vio_now_ns();
	reset = reset_of(1);
	VTEST_EQ(vio_admin_submit(admin, &reset), 0);
	VTEST_EQ(status_get(2), 3);
	/* The other VF has answered, and the reset still runs. */
	VTEST_EQ(vio_admin_poll(admin, &reset), -EINPROGRESS);
	/* The next command of the same VF is answered after the reset. */
	VTEST_EQ(status_get(1), 0);
	VTEST(vio_now_ns() - start >= 900000000);
	VTEST_EQ(vio_admin_wait(admin, &reset), 0);
	owner_close(false);
}

static void
eagain_is_tried_again_until_the_time_is_up(void)
{
	const struct rig_conf conf = { 0 };
	struct vio_admin_op_stats stats;

	owner_open(&conf, 1, 500000);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
	faults_set((struct vsim_faults){ .admin_eagain = 4 });
	VTEST_EQ(status_put(1, 1), 0);
	VTEST_EQ(vio_admin_op_stats(admin, VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE, &stats), 0);
	VTEST_EQ(stats.commands, 1);
	VTEST_EQ(stats.retries, 4);
	VTEST_EQ(stats.errors, 0);
	faults_set((struct vsim_faults){ .admin_eagain = UINT32_MAX });
	VTEST_EQ(status_put(1, 3), -EAGAIN);
	VTEST(strstr(vio_err(), "EAGAIN") != NULL);
	VTEST_EQ(nb_dead, 0);
	faults_set((struct vsim_faults){ 0 });
	VTEST_EQ(status_get(1), 1);
	owner_close(false);
}

static void
stop_ends_commands_that_the_device_does_not_have(void)
{
	struct vio_admin_cmd reset;

	owner_plain(1);
	faults_set((struct vsim_faults){ .admin_eagain = UINT32_MAX });
	reset = reset_of(1);
	VTEST_EQ(vio_admin_submit(admin, &reset), 0);
	stop = true;
	VTEST_EQ(vio_admin_wait(admin, &reset), -ECANCELED);
	VTEST_EQ(status_put(1, 3), -ECANCELED);
	stop = false;
	faults_set((struct vsim_faults){ 0 });
	VTEST_EQ(status_put(1, 3), 0);
	VTEST_EQ(nb_dead, 0);
	owner_close(false);
}

static void
a_command_that_times_out_leaves_the_queue_to_others(void)
{
	const struct rig_conf conf = { 0 };
	struct vio_admin_queue_info info;
	struct vio_admin_cmd reset;

	silence_us = 60000000;
	owner_open(&conf, 2, 200000);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
	VTEST_EQ(status_put(1, 3), 0);
	VTEST_EQ(status_put(2, 3), 0);
	faults_set((struct vsim_faults){ .reset_us = 1000000 });
	reset = reset_of(1);
	VTEST_EQ(vio_admin_exec(admin, &reset), -ETIMEDOUT);
	VTEST_EQ(status_get(2), 3);
	VTEST_EQ(vio_admin_check(admin), 1);
	/* The device still has a command: VF Enable must stay, and so must the list. */
	VTEST_EQ(vio_admin_drain(admin, VIO_SRIOV, 1000), -ETIMEDOUT);
	VTEST_EQ(vio_admin_drain(admin, VIO_SRIOV, 60000000), 0);
	VTEST_EQ(vio_admin_check(admin), 0);
	VTEST_EQ(vio_admin_queue_info(admin, 0, &info), 0);
	VTEST_EQ(info.outstanding, 0);
	VTEST(!info.dead);
	VTEST_EQ(status_get(1), 0);
	VTEST_EQ(nb_dead, 0);
	silence_us = 1;
	owner_close(false);
}

static void
a_command_that_is_never_answered_means_a_dead_queue_in_the_end(void)
{
	const struct rig_conf conf = { 0 };

	silence_us = 1000000;
	owner_open(&conf, 2, 100000);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
	faults_set((struct vsim_faults){ .admin_lose = 1 });
	VTEST_EQ(status_put(1, 1), -ETIMEDOUT);
	VTEST_EQ(status_put(2, 1), 0);
	while (nb_dead == 0)
		VTEST_EQ(vio_admin_check(admin), 1);
	VTEST_EQ(vio_admin_check(admin), 1);
	VTEST_EQ(nb_dead, 1);
	VTEST_EQ(status_put(2, 1), -EIO);
	silence_us = 1;
	owner_up(0);
	VTEST_EQ(vio_admin_check(admin), 0);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
	VTEST_EQ(status_put(2, 1), 0);
	owner_close(false);
}

static void
no_answer_means_a_dead_queue_and_a_reset_revives_it(void)
{
	const struct rig_conf conf = { .tune = four_queues };
	struct vio_admin_queue_info info;
	struct vio_admin_op_stats stats;

	owner_open(&conf, 8, 500000);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
	faults_set((struct vsim_faults){ .admin_lose = 1 });
	VTEST_EQ(status_put(1, 1), -ETIMEDOUT);
	VTEST_EQ(nb_dead, 1);
	/* The dead queue also serves VF 5; the other queues still work. */
	VTEST_EQ(status_put(5, 1), -EIO);
	VTEST(strstr(vio_err(), "dead") != NULL);
	VTEST_EQ(nb_dead, 1);
	VTEST_EQ(status_put(2, 1), 0);
	VTEST_EQ(vio_admin_queue_info(admin, 1, &info), 0);
	VTEST(info.dead);
	VTEST_EQ(info.timeouts, 1);
	VTEST_EQ(vio_admin_op_stats(admin, VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE, &stats), 0);
	VTEST_EQ(stats.timeouts, 1);
	owner_up(0);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
	VTEST_EQ(status_put(5, 1), 0);
	/* VF 2 keeps its status across the reset of the PF. */
	VTEST_EQ(status_get(2), 1);
	owner_close(false);
}

static void
late_answers_are_taken_as_long_as_there_is_time(void)
{
	const struct rig_conf conf = { 0 };

	owner_open(&conf, 1, 5000000);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
	faults_set((struct vsim_faults){ .admin_delay_us = 50000 });
	VTEST_EQ(status_put(1, 1), 0);
	VTEST_EQ(status_get(1), 1);
	VTEST_EQ(nb_dead, 0);
	owner_close(false);
}

static void
submit_fails_when_the_queue_is_full(void)
{
	struct vio_admin_cmd cmds[VIO_ADMIN_DEPTH], more = reset_of(1);

	owner_plain(1);
	rig.fns[0].deaf = true;
	for (unsigned int i = 0; i < VIO_ADMIN_DEPTH; i++) {
		cmds[i] = reset_of(1);
		VTEST_EQ(vio_admin_submit(admin, &cmds[i]), 0);
	}
	VTEST_EQ(vio_admin_submit(admin, &more), -ENOBUFS);
	VTEST_EQ(vio_admin_drain(admin, VIO_SRIOV, 1000), -ETIMEDOUT);
	rig.fns[0].deaf = false;
	for (unsigned int i = 0; i < VIO_ADMIN_DEPTH; i++)
		VTEST_EQ(vio_admin_wait(admin, &cmds[i]), 0);
	VTEST_EQ(vio_admin_drain(admin, VIO_SRIOV, 1000), 0);
	owner_close(false);
}

static void
a_list_does_not_change_while_commands_are_pending(void)
{
	const struct rig_conf conf = { 0 };
	struct vio_admin_cmd cmd = reset_of(1);
	uint64_t in_use;

	owner_open(&conf, 1, 500000);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, ALL, NULL), 0);
	rig.fns[0].deaf = true;
	VTEST_EQ(vio_admin_submit(admin, &cmd), 0);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, 0, &in_use), -EBUSY);
	VTEST_EQ(in_use, 0x3fc7f);
	rig.fns[0].deaf = false;
	VTEST_EQ(vio_admin_wait(admin, &cmd), -ETIMEDOUT);
	owner_up(0);
	VTEST_EQ(vio_admin_agree(admin, VIO_SRIOV, 0, &in_use), 0);
	VTEST_EQ(in_use, 3);
	/* LIST_USE cannot be sent as a command. */
	cmd = (struct vio_admin_cmd){ .opcode = VIRTIO_ADMIN_LIST_USE };
	VTEST_EQ(vio_admin_exec(admin, &cmd), -EINVAL);
	VTEST_EQ(vio_admin_submit(admin, &cmd), -EINVAL);
	owner_close(false);
}

struct worker {
	pthread_t thread;
	uint16_t vf;
	int ret;
};

static void *
worker_main(void *arg)
{
	struct worker *w = arg;

	for (int i = 0; i < 300 && w->ret == 0; i++) {
		const uint8_t value = 1 + i % 2;

		w->ret = status_put(w->vf, 0);
		if (w->ret == 0)
			w->ret = status_put(w->vf, value);
		if (w->ret == 0 && status_get(w->vf) != value)
			w->ret = -EPROTO;
	}
	return NULL;
}

static void
many_threads_send_at_once(void)
{
	struct worker workers[4];

	owner_plain(4);
	for (uint16_t i = 0; i < RTE_DIM(workers); i++) {
		workers[i] = (struct worker){ .vf = i + 1 };
		VTEST_EQ(pthread_create(&workers[i].thread, NULL, worker_main, &workers[i]), 0);
	}
	for (uint16_t i = 0; i < RTE_DIM(workers); i++)
		pthread_join(workers[i].thread, NULL);
	for (uint16_t i = 0; i < RTE_DIM(workers); i++)
		VTEST_EQ(workers[i].ret, 0);
	owner_close(false);
}

/* ------------------------------------------------------------------ answers */

static void
each_status_has_an_errno_and_a_text(void)
{
	static const struct {
		uint16_t status;
		int ret;
		const char *word;
	} rows[] = {
		{ 6, -ENXIO, "ENXIO" },
		{ 12, -ENOMEM, "ENOMEM" },
		{ 16, -EBUSY, "EBUSY" },
		{ 17, -EEXIST, "EEXIST" },
		{ 22, -EINVAL, "EINVAL" },
		{ 28, -ENOSPC, "ENOSPC" },
		{ 77, -EINVAL, "undefined status 77" },
		{ 0xffff, -EINVAL, "undefined" },
	};

	owner_plain(1);
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		faults_set((struct vsim_faults){ .admin_status = rows[i].status });
		VTEST_EQ(status_get(1), rows[i].ret);
		VTEST(strstr(vio_err(), rows[i].word) != NULL);
		VTEST(strstr(vio_err(), "legacy_common_cfg_read of VF 1") != NULL);
	}
	faults_set((struct vsim_faults){ 0 });
	VTEST_EQ(status_get(2), -EINVAL);
	VTEST(strstr(vio_err(), "no such member") != NULL);
	owner_close(false);
}

static void
results_are_cut_to_what_was_written(void)
{
	struct virtio_dev_parts_cap cap;
	struct vio_admin_caps caps;
	uint64_t value;

	owner_plain(1);
	/* Cut by 7 bytes, the capability has one byte left. */
	faults_set((struct vsim_faults){ .admin_short = 7 });
	memset(&cap, 0xee, sizeof(cap));
	VTEST_EQ(vio_admin_cap_get(admin, VIRTIO_ADMIN_CAP_DEV_PARTS, &cap, sizeof(cap)), 0);
	VTEST_EQ(cap.get_limit, 16);
	VTEST_EQ(cap.set_limit, 0);
	VTEST_EQ(vio_admin_cap_list(admin, &caps), 0);
	VTEST_EQ(caps.w[0], 1);
	faults_set((struct vsim_faults){ .admin_short = 4 });
	VTEST_EQ(vio_admin_legacy_read(admin, 1, VIO_LEGACY_COMMON, 0, &value, 4), -EPROTO);
	faults_set((struct vsim_faults){ .admin_short = 9 });
	VTEST_EQ(status_put(1, 1), -EPROTO);
	owner_close(false);
}

/* ------------------------------------------------------------------ each command */

static void
legacy_registers_are_read_and_written(void)
{
	virtio_le32 features = 0, page = rte_cpu_to_le_32(0x1234);
	virtio_le16 mtu = 0;
	uint32_t end;

	owner_plain(2);
	VTEST_EQ(vio_admin_legacy_read(admin, 2, VIO_LEGACY_COMMON, 0, &features, 4), 0);
	VTEST(rte_le_to_cpu_32(features) & 1u << VIRTIO_F_ANY_LAYOUT);
	VTEST_EQ(vio_admin_legacy_read(admin, 2, VIO_LEGACY_NET, 10, &mtu, 2), 0);
	VTEST_EQ(rte_le_to_cpu_16(mtu), 9000);
	/* An access across the border of a register is not sent. */
	VTEST_EQ(vio_admin_legacy_read(admin, 2, VIO_LEGACY_COMMON, 12, &features, 4), -EINVAL);
	VTEST_EQ(vio_admin_legacy_write(admin, 2, VIO_LEGACY_COMMON, 9, &page, 4), -EINVAL);
	VTEST_EQ(vio_admin_legacy_write(admin, 2, VIO_LEGACY_NET, 12, &page, 1), -EINVAL);
	VTEST_EQ(vio_admin_legacy_write(admin, 2, VIO_LEGACY_NET, 0, &page, 0), -EINVAL);
	VTEST_EQ(rig_stat(&rig, 0, -1, "admin_errors"), 0);
	VTEST_EQ(vio_admin_legacy_field(VIO_LEGACY_COMMON, 9, &end), 8);
	VTEST_EQ(end, 12);
	VTEST_EQ(vio_admin_legacy_field(VIO_LEGACY_NET, 5, &end), 0);
	VTEST_EQ(end, 6);
	VTEST_EQ(vio_admin_legacy_field(VIO_LEGACY_NET, 12, &end), -EINVAL);
	owner_close(false);
}

static void
wrong_doorbell_addresses_are_left_out(void)
{
	static const struct {
		enum vsim_notify_fault lie;
		int nb;
	} rows[] = {
		{ VSIM_NOTIFY_CORRECT, 2 },
		{ VSIM_NOTIFY_NO_END, 4 },
		{ VSIM_NOTIFY_BAD_FLAGS, 2 },
		{ VSIM_NOTIFY_BAD_BAR, 0 },
		{ VSIM_NOTIFY_ODD, 0 },
		{ VSIM_NOTIFY_BEYOND, 0 },
	};
	struct vio_admin_doorbell doorbells[VIRTIO_ADMIN_NOTIFY_ENTRIES];
	uint64_t bar_len[6] = { 0 }, none[6] = { 0 };

	owner_plain(2);
	bar_len[VSIM_BAR] = vsim_fn_region_size(rig.fns[0].fn, VSIM_BAR);
	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		faults_set((struct vsim_faults){ .notify = rows[i].lie });
		rig_note("lie %d", rows[i].lie);
		VTEST_EQ(vio_admin_legacy_notify_info(admin, 1, bar_len, bar_len, doorbells),
				rows[i].nb);
		for (int b = 0; b < rows[i].nb; b++) {
			VTEST_EQ(doorbells[b].bar, VSIM_BAR);
			VTEST(doorbells[b].offset + 2 <= bar_len[VSIM_BAR]);
			VTEST_EQ(doorbells[b].offset % 2, 0);
		}
	}
	faults_set((struct vsim_faults){ 0 });
	/* In the order of preference, without entries whose BAR does not exist. */
	VTEST_EQ(vio_admin_legacy_notify_info(admin, 1, bar_len, bar_len, doorbells), 2);
	VTEST(doorbells[0].member && !doorbells[1].member);
	VTEST_EQ(vio_admin_legacy_notify_info(admin, 1, bar_len, none, doorbells), 1);
	VTEST(!doorbells[0].member);
	bar_len[VSIM_BAR] = 1;
	VTEST_EQ(vio_admin_legacy_notify_info(admin, 1, bar_len, bar_len, doorbells), 0);
	owner_close(false);
}

static void
parts_of_one_vf_become_those_of_another(void)
{
	const struct virtio_dev_parts_cap cap = { .get_limit = 1, .set_limit = 1 };
	const struct vio_admin_obj get = { .group = VIO_SRIOV, .member = 1, .id = 0 };
	const struct vio_admin_obj set = { .group = VIO_SRIOV, .member = 2, .id = 0 };
	const struct virtio_dev_parts_obj get_data = { .kind = VIRTIO_DEV_PARTS_OBJ_GET };
	const struct virtio_dev_parts_obj set_data = { .kind = VIRTIO_DEV_PARTS_OBJ_SET };
	static struct virtio_dev_part_hdr hdrs[200];
	static uint8_t parts[VIO_ADMIN_DATA_MAX];
	struct virtio_dev_part_hdr hdr;
	struct virtio_dev_parts_obj seen;
	uint32_t size, count, nb = 0;
	const uint8_t *value;
	struct vio_admin_caps caps;
	size_t used, at = 0;

	owner_plain(2);
	VTEST_EQ(vio_admin_cap_list(admin, &caps), 0);
	VTEST(vio_admin_caps_has(&caps, VIRTIO_ADMIN_CAP_DEV_PARTS));
	VTEST(!vio_admin_caps_has(&caps, VIRTIO_ADMIN_CAP_FF_RESOURCE));
	VTEST_EQ(vio_admin_cap_set(admin, VIRTIO_ADMIN_CAP_DEV_PARTS, &cap, sizeof(cap)), 0);
	VTEST_EQ(vio_admin_obj_create(admin, &get, &get_data, sizeof(get_data)), 0);
	VTEST_EQ(vio_admin_obj_create(admin, &get, &get_data, sizeof(get_data)), -EEXIST);
	VTEST_EQ(vio_admin_obj_create(admin, &set, &set_data, sizeof(set_data)), 0);
	VTEST_EQ(vio_admin_obj_query(admin, &set, &seen, sizeof(seen), &used), 0);
	VTEST_EQ(used, sizeof(seen));
	VTEST_EQ(seen.kind, VIRTIO_DEV_PARTS_OBJ_SET);
	VTEST_EQ(vio_admin_obj_modify(admin, &set, &set_data, sizeof(set_data)), 0);

	VTEST_EQ(status_put(1, 3), 0);
	VTEST_EQ(vio_admin_parts_size(admin, 1, 0, &size), 0);
	VTEST_EQ(vio_admin_parts_count(admin, 1, 0, &count), 0);
	VTEST_EQ(vio_admin_parts_list(admin, 1, 0, hdrs, RTE_DIM(hdrs)), count);
	VTEST_EQ(vio_admin_parts_list(admin, 1, 0, hdrs, 2), -ENOMEM);
	VTEST_EQ(vio_admin_mode_set(admin, 1, true), 0);
	VTEST_EQ(vio_admin_parts_get(admin, 1, 0, NULL, 0, parts, sizeof(parts), &used), 0);
	VTEST_EQ(used, size);
	while (vio_admin_part_next(parts, used, &at, &hdr, &value) == 1)
		VTEST(memcmp(&hdr, &hdrs[nb++], sizeof(hdr)) == 0);
	VTEST_EQ(nb, count);
	VTEST_EQ(vio_admin_mode_set(admin, 2, true), 0);
	VTEST_EQ(vio_admin_parts_set(admin, 2, 0, parts, used), 0);
	VTEST_EQ(vio_admin_mode_set(admin, 2, false), 0);
	VTEST_EQ(status_get(2), 3);
	/* A few types only, in the order of the device. */
	VTEST_EQ(vio_admin_parts_get(admin, 1, 0, &hdrs[count - 1], 1, parts, sizeof(parts), &used),
			0);
	VTEST_EQ(used, sizeof(hdr) + rte_le_to_cpu_32(hdrs[count - 1].length));
	VTEST_EQ(vio_admin_obj_destroy(admin, &get), 0);
	VTEST_EQ(vio_admin_obj_destroy(admin, &get), -ENXIO);
	owner_close(true);
}

static void
commands_are_counted_by_opcode_and_vf(void)
{
	struct vio_admin_op_stats stats;
	uint64_t sum = 0;

	owner_plain(1);
	for (int i = 0; i < 10; i++)
		VTEST_EQ(status_get(1), 0);
	VTEST_EQ(status_get(9), -EINVAL);
	VTEST_EQ(vio_admin_op_stats(admin, VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ, &stats), 0);
	VTEST_EQ(stats.commands, 11);
	VTEST_EQ(stats.errors, 1);
	VTEST(stats.max_ns > 0 && stats.total_ns >= stats.max_ns);
	for (int i = 0; i < VIO_ADMIN_BUCKETS; i++)
		sum += stats.buckets[i];
	VTEST_EQ(sum, 11);
	VTEST_EQ(vio_admin_op_stats(admin, VIRTIO_ADMIN_NB_OPCODES, &stats), -EINVAL);
	VTEST_EQ(rig_stat(&rig, 0, -1, "admin_legacy_common_cfg_read"), 11);
	VTEST_EQ(vio_admin_vf_commands(admin, 1), 10);
	VTEST_EQ(vio_admin_vf_commands(admin, 2), 0);
	VTEST_EQ(vio_admin_vf_commands(admin, 9), 1);
	VTEST_EQ(vio_admin_vf_commands(admin, VIO_ADMIN_VFS_MAX + 1), 0);
	owner_close(false);
}

static void
a_device_without_admin_queues_is_refused(void)
{
	const struct vio_admin_conf admin_conf = { .name = "rig_admin" };
	const struct rig_conf conf = { .profile = "ifc" };

	rig_open_nic(&rig, &conf);
	rig_attach(&rig, 0, false);
	vio_dev_init(&dev, &rig.fns[0].t);
	VTEST_EQ(vio_dev_negotiate(&dev, &wanted_split, NULL), 0);
	VTEST(vio_admin_create(&dev, &admin_conf) == NULL);
	VTEST_EQ(rte_errno, ENOTSUP);
	VTEST(strstr(vio_err(), "not negotiated") != NULL);
	rig_close(&rig);
}

static const struct vtest_case cases[] = {
	{ "lists_are_agreed_upon_per_group", lists_are_agreed_upon_per_group },
	{ "incomplete_sets_of_commands_are_left_out", incomplete_sets_of_commands_are_left_out },
	{ "the_group_of_vfs_is_asked_again_after_each_enable",
			the_group_of_vfs_is_asked_again_after_each_enable },
	{ "all_admin_queues_are_used", all_admin_queues_are_used },
	{ "many_slow_resets_go_on_at_once", many_slow_resets_go_on_at_once },
	{ "a_slow_reset_does_not_keep_other_vfs_waiting",
			a_slow_reset_does_not_keep_other_vfs_waiting },
	{ "eagain_is_tried_again_until_the_time_is_up",
			eagain_is_tried_again_until_the_time_is_up },
	{ "stop_ends_commands_that_the_device_does_not_have",
			stop_ends_commands_that_the_device_does_not_have },
	{ "a_command_that_times_out_leaves_the_queue_to_others",
			a_command_that_times_out_leaves_the_queue_to_others },
	{ "a_command_that_is_never_answered_means_a_dead_queue_in_the_end",
			a_command_that_is_never_answered_means_a_dead_queue_in_the_end },
	{ "no_answer_means_a_dead_queue_and_a_reset_revives_it",
			no_answer_means_a_dead_queue_and_a_reset_revives_it },
	{ "late_answers_are_taken_as_long_as_there_is_time",
			late_answers_are_taken_as_long_as_there_is_time },
	{ "submit_fails_when_the_queue_is_full", submit_fails_when_the_queue_is_full },
	{ "a_list_does_not_change_while_commands_are_pending",
			a_list_does_not_change_while_commands_are_pending },
	{ "many_threads_send_at_once", many_threads_send_at_once },
	{ "each_status_has_an_errno_and_a_text", each_status_has_an_errno_and_a_text },
	{ "results_are_cut_to_what_was_written", results_are_cut_to_what_was_written },
	{ "legacy_registers_are_read_and_written", legacy_registers_are_read_and_written },
	{ "wrong_doorbell_addresses_are_left_out", wrong_doorbell_addresses_are_left_out },
	{ "parts_of_one_vf_become_those_of_another", parts_of_one_vf_become_those_of_another },
	{ "commands_are_counted_by_opcode_and_vf", commands_are_counted_by_opcode_and_vf },
	{ "a_device_without_admin_queues_is_refused", a_device_without_admin_queues_is_refused },
};

int
main(int argc, char **argv)
{
	return rig_main(argc, argv, cases, RTE_DIM(cases));
}
