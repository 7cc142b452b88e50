/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* VFs of the simulated NIC: creation, removal, and what remains. */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test/fixture/vsim_fixture.h"
#include "vsim/core/vsim_dma.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))

#define SRIOV(f, field) ((f).nic->layout[0].sriov + offsetof(struct pci_sriov_cap, field))

static void
vf_enable_makes_vfs_and_takes_them(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_fn *last, *first;
	uint32_t value;

	VTEST_EQ(config_read(f.pf, SRIOV(f, total_vfs), 2), 256);
	VTEST_EQ(config_read(f.pf, SRIOV(f, initial_vfs), 2), 256);
	VTEST_EQ(config_read(f.pf, SRIOV(f, first_vf_offset), 2), 1);
	VTEST_EQ(config_read(f.pf, SRIOV(f, vf_stride), 2), 1);
	VTEST_EQ(config_read(f.pf, SRIOV(f, vf_device_id), 2), 0x1041);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));

	first = vfs_make(&f, 256);
	VTEST(first != NULL);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 256);
	last = vsim_nic_fn(f.nic, 256);
	VTEST(last != NULL && last->index == 256);
	VTEST(vsim_nic_fn(f.nic, 257) == NULL);
	/* 02:00:00:00:ff:f0 plus 256, with carry */
	VTEST_EQ(last->net_config.mac[3], 1);
	VTEST_EQ(last->net_config.mac[4], 0);
	VTEST_EQ(last->net_config.mac[5], 0xf0);
	VTEST(driver_negotiate(last, &last->offered));
	VTEST(driver_negotiate(first, &first->offered));
	config_write(last, PCI_CFG_COMMAND, PCI_COMMAND_BUS_MASTER, 2);

	config_write(f.pf, SRIOV(f, control), 0, 2);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 0);
	VTEST(vsim_nic_fn(f.nic, 1) == NULL);
	VTEST_EQ(vsim_fn_read(last, VSIM_REGION_CONFIG, 0, &value, 4), -ENODEV);
	VTEST_EQ(vsim_fn_read(last, VSIM_BAR, VSIM_REG_COMMON, &value, 4), -ENODEV);
	VTEST_EQ(value, 0xffffffff);
	VTEST_EQ(vsim_fn_write(last, VSIM_BAR, VSIM_REG_COMMON, &value, 4), -ENODEV);
	vsim_fn_reset(last);

	VTEST(vfs_make(&f, 256) == first);
	VTEST(vsim_nic_fn(f.nic, 256) == last);
	VTEST_EQ(reg_read(last, "device_status"), 0);
	VTEST_EQ(config_read(last, PCI_CFG_COMMAND, 2), 0);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 256);
	VTEST_EQ(vsim_nic_violations(f.nic), 0);
	fixture_free(&f);
}

static void
num_vfs_is_locked_while_vfs_are_enabled(void)
{
	struct fixture f = fixture_make("full");

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	config_write(f.pf, SRIOV(f, num_vfs), 257, 2);
	VTEST_EQ(config_read(f.pf, SRIOV(f, num_vfs), 2), 0);
	vfs_make(&f, 4);
	config_write(f.pf, SRIOV(f, num_vfs), 8, 2);
	VTEST_EQ(config_read(f.pf, SRIOV(f, num_vfs), 2), 4);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 4);
	config_write(f.pf, SRIOV(f, control), 0, 2);
	config_write(f.pf, SRIOV(f, num_vfs), 8, 2);
	VTEST_EQ(config_read(f.pf, SRIOV(f, num_vfs), 2), 8);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 0);
	/* The rest of the capability is read-only. */
	config_write(f.pf, SRIOV(f, total_vfs), 0, 2);
	config_write(f.pf, SRIOV(f, vf_device_id), 0, 2);
	VTEST_EQ(config_read(f.pf, SRIOV(f, total_vfs), 2), 256);
	VTEST_EQ(config_read(f.pf, SRIOV(f, vf_device_id), 2), 0x1041);
	fixture_free(&f);
}

static void
vf_enable_wants_sr_iov_negotiated_once(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_features without = FEATURES(VIRTIO_F_VERSION_1);

	VTEST(driver_negotiate(f.pf, &without));
	vfs_make(&f, 1);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_VF_ENABLE_EARLY), 1);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 1);
	config_write(f.pf, SRIOV(f, control), 0, 2);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vsim_fn_reset(f.pf);
	/* After one success, VF Enable also works after a reset. */
	vfs_make(&f, 1);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_VF_ENABLE_EARLY), 1);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 1);
	fixture_free(&f);
}

static void
reset_of_the_pf_takes_the_vfs(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_fn *vf;

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vf = vfs_make(&f, 2);
	VTEST(driver_negotiate(vf, &vf->offered));
	vsim_fn_reset(vsim_nic_fn(f.nic, 2));
	VTEST_EQ(reg_read(vf, "device_status") & VIRTIO_STATUS_FEATURES_OK,
			VIRTIO_STATUS_FEATURES_OK);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 2);
	/* A reset of the virtio device of the PF does not change the VFs. */
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 2);
	vsim_fn_reset(f.pf);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 0);
	VTEST_EQ(config_read(f.pf, SRIOV(f, control), 2), 0);
	VTEST_EQ(config_read(f.pf, SRIOV(f, num_vfs), 2), 0);
	fixture_free(&f);
}

static void
violations_of_vfs_that_went_still_count(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_fn *vf;
	struct vsim_stat stats[1024];
	size_t n;
	bool found = false;

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vf = vfs_make(&f, 1);
	reg_write(vf, "queue_enable", 0);
	VTEST_EQ(vsim_nic_violations(f.nic), 1);
	config_write(f.pf, SRIOV(f, control), 0, 2);
	VTEST_EQ(vsim_nic_violations(f.nic), 1);
	vf = vfs_make(&f, 1);
	reg_write(vf, "queue_enable", 0);
	VTEST_EQ(vsim_nic_violations(f.nic), 2);

	n = vsim_fn_stats(vf, stats, NB(stats));
	VTEST(n < NB(stats));
	for (size_t i = 0; i < n; i++) {
		if (strncmp(stats[i].name, "violation_", 10) != 0)
			continue;
		VTEST(!found);
		found = true;
		VTEST(strcmp(stats[i].name, "violation_C020") == 0);
		VTEST(stats[i].value == 2 && stats[i].queue == -1);
	}
	VTEST(found);
	VTEST_EQ(vsim_fn_stats(vf, NULL, 0), n);
	fixture_free(&f);
}

static int
open_fds(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	VTEST(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

static void
vfs_that_went_hold_nothing(void)
{
	struct fixture f = fixture_make("full");
	int fd = eventfd(0, EFD_NONBLOCK), fds;
	struct vsim_fn *vf;

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vf = vfs_make(&f, 2);
	fds = open_fds();
	for (int i = 0; i < 3; i++) {
		VTEST_EQ(vsim_fn_dma_map_ptr(vf, FIXTURE_IOVA, FIXTURE_MEM_LEN, PROT_READ, f.mem),
				0);
		for (uint16_t v = 0; v < vsim_fn_nb_vectors(vf); v++)
			VTEST_EQ(vsim_fn_irq_set(vf, v, fd), 0);
		VTEST(open_fds() > fds);
		config_write(f.pf, SRIOV(f, control), 0, 2);
		VTEST_EQ(open_fds(), fds);
		VTEST_EQ(vsim_dma_bytes(vf), 0);
		VTEST(vfs_make(&f, 2) == vf);
	}
	close(fd);
	fixture_free(&f);
}

/* Threads that use the NIC at the same time; sanitizers report races. */

static void *
worker_thread(void *arg)
{
	vsim_worker_run(arg, 0);
	return NULL;
}

static _Atomic bool watch_on;

static void *
watch_thread(void *arg)
{
	struct vsim_nic *nic = arg;
	struct vsim_stat stats[1024];
	struct vsim_fn_state state;

	while (watch_on) {
		for (unsigned int i = 0; i <= vsim_nic_num_vfs(nic); i++) {
			struct vsim_fn *fn = vsim_nic_fn(nic, i);

			if (fn == NULL)
				continue;
			vsim_fn_stats(fn, stats, NB(stats));
			vsim_fn_get_state(fn, &state);
		}
		vsim_nic_violations(nic);
	}
	return NULL;
}

static void
registers_and_vfs_change_while_a_worker_runs(void)
{
	struct fixture f = fixture_make("full");
	pthread_t worker, watch;

	watch_on = true;
	VTEST_EQ(pthread_create(&worker, NULL, worker_thread, f.nic), 0);
	VTEST_EQ(pthread_create(&watch, NULL, watch_thread, f.nic), 0);
	for (int i = 0; i < 20; i++) {
		struct vsim_fn *vf;

		VTEST(driver_negotiate(f.pf, &f.pf->offered));
		driver_queue(f.pf, 0, 64);
		driver_queue(f.pf, 1, 64);
		driver_ok(f.pf);
		vf = vfs_make(&f, 16);
		VTEST(driver_negotiate(vf, &vf->offered));
		vsim_fn_link_set(f.pf, i & 1);
		config_write(f.pf, SRIOV(f, control), 0, 2);
	}
	watch_on = false;
	vsim_worker_stop(f.nic);
	pthread_join(watch, NULL);
	pthread_join(worker, NULL);
	VTEST_EQ(vsim_nic_violations(f.nic), 0);
	fixture_free(&f);
}

static void
without_vfs_there_is_no_sriov(void)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct fixture f;

	conf.total_vfs = 0;
	f = fixture_from(&conf);
	VTEST(!vsim_features_has(&f.pf->offered, VIRTIO_F_SR_IOV));
	VTEST_EQ(config_read(f.pf, 0x102, 2) >> 4, 0);
	VTEST(vsim_nic_fn(f.nic, 1) == NULL);
	fixture_free(&f);
}

/* A driver that takes the SR_IOV of such a function breaks VIRTIO_RULE_SR_IOV and gets no
 * FEATURES_OK. */
static void
sr_iov_offered_by_a_vf_must_not_be_accepted(void)
{
	const struct vsim_features stray = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_SR_IOV);
	const struct vsim_features plain = FEATURES(VIRTIO_F_VERSION_1);
	struct fixture f = fixture_make("full");
	struct vsim_faults faults = { .stray_sr_iov = true };
	struct vsim_fn *vf;

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vf = vfs_make(&f, 1);
	reg_write(vf, "device_feature_select", 1);
	VTEST_EQ(reg_read(vf, "device_feature") >> (VIRTIO_F_SR_IOV - 32) & 1, 0);
	vsim_nic_faults(f.nic, &faults);
	VTEST_EQ(reg_read(vf, "device_feature") >> (VIRTIO_F_SR_IOV - 32) & 1, 1);
	VTEST(!driver_negotiate(vf, &stray));
	VTEST_EQ(violations(vf, VIRTIO_RULE_SR_IOV), 1);
	reg_write(vf, "device_status", 0);
	VTEST(driver_negotiate(vf, &plain));
	VTEST_EQ(violations_all(vf), 1);
	fixture_free(&f);
}

static void
only_the_pf_has_pasid(void)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct fixture f;
	struct vsim_fn *vf;
	uint32_t at;

	conf.pasid_width = 20;
	f = fixture_from(&conf);
	at = config_read(f.pf, f.nic->layout[0].sriov + 2, 2) >> 4;
	VTEST_EQ(config_read(f.pf, at, 4), PCI_EXT_CAPABILITY_PASID | 1 << 16);
	VTEST_EQ(config_read(f.pf, at + PCI_PASID_CAP, 2),
			20 << 8 | PCI_PASID_CAP_EXEC | PCI_PASID_CAP_PRIV);
	VTEST_EQ(config_read(f.pf, at + PCI_PASID_CTRL, 2), 0);
	config_write(f.pf, at, 0xffffffff, 4);
	config_write(f.pf, at + PCI_PASID_CAP, 0, 2);
	config_write(f.pf, at + PCI_PASID_CTRL, 0xffff, 2);
	VTEST_EQ(config_read(f.pf, at + PCI_PASID_CTRL, 2),
			PCI_PASID_CTRL_ENABLE | PCI_PASID_CTRL_EXEC | PCI_PASID_CTRL_PRIV);
	VTEST_EQ(config_read(f.pf, at + PCI_PASID_CAP, 2) >> 8, 20);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vf = vfs_make(&f, 1);
	VTEST_EQ(config_read(vf, 0x102, 2) >> 4, 0);
	vsim_fn_reset(f.pf);
	VTEST_EQ(config_read(f.pf, at + PCI_PASID_CTRL, 2), 0);
	fixture_free(&f);

	/* Without SR-IOV the PASID capability follows ARI. */
	conf.total_vfs = 0;
	f = fixture_from(&conf);
	VTEST_EQ(config_read(f.pf, config_read(f.pf, 0x102, 2) >> 4, 2), PCI_EXT_CAPABILITY_PASID);
	fixture_free(&f);
}

static void
state_is_reported(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_fn_state state;

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vsim_fn_link_set(f.pf, false);
	vsim_fn_get_state(f.pf, &state);
	VTEST_EQ(state.device_status,
			VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
					VIRTIO_STATUS_FEATURES_OK);
	VTEST(memcmp(&state.accepted, &state.offered, sizeof(state.accepted)) == 0);
	VTEST_EQ(state.queue_pairs, 1);
	VTEST_EQ(state.mac[0], 2);
	VTEST(!state.link_up);
	VTEST(state.dma_bytes > 0);
	fixture_free(&f);
}

static const struct vtest_case cases[] = {
	{ "vf_enable_makes_vfs_and_takes_them", vf_enable_makes_vfs_and_takes_them },
	{ "num_vfs_is_locked_while_vfs_are_enabled", num_vfs_is_locked_while_vfs_are_enabled },
	{ "vf_enable_wants_sr_iov_negotiated_once", vf_enable_wants_sr_iov_negotiated_once },
	{ "reset_of_the_pf_takes_the_vfs", reset_of_the_pf_takes_the_vfs },
	{ "violations_of_vfs_that_went_still_count", violations_of_vfs_that_went_still_count },
	{ "vfs_that_went_hold_nothing", vfs_that_went_hold_nothing },
	{ "registers_and_vfs_change_while_a_worker_runs",
			registers_and_vfs_change_while_a_worker_runs },
	{ "without_vfs_there_is_no_sriov", without_vfs_there_is_no_sriov },
	{ "sr_iov_offered_by_a_vf_must_not_be_accepted",
			sr_iov_offered_by_a_vf_must_not_be_accepted },
	{ "only_the_pf_has_pasid", only_the_pf_has_pasid },
	{ "state_is_reported", state_is_reported },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
