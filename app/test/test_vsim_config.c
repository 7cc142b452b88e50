/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The simulated NIC as PCI sees it: profiles, configuration space, PCI_CFG window, SR-IOV. */

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vsim_fixture.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))

/* ---------------------------------------------------------------- profiles and features */

static void
every_profile_satisfies_its_prerequisites(void)
{
	unsigned int needed, count = 0;

	for (const struct vsim_profile *p = vsim_profiles; p->name != NULL; p++, count++) {
		VTEST_EQ(vsim_features_unmet(&p->features, &needed), -1);
		VTEST(vsim_features_has(&p->features, VIRTIO_F_VERSION_1));
		VTEST(vsim_features_has(&p->features, VIRTIO_F_ACCESS_PLATFORM));
		VTEST(!vsim_features_has(&p->features, VIRTIO_F_SR_IOV));
		for (size_t w = 0; w < NB(p->features.w); w++)
			VTEST((p->features.w[w] & ~vsim_implemented.w[w]) == 0);
		/* virtio 1.4 4.1.2.1: what a device without a legacy interface should show. */
		VTEST(p->revision >= 1);
		VTEST(p->pf_subsys >= 0x40 && p->vf_subsys >= 0x40);
		VTEST(vsim_profile_find(p->name) == p);
	}
	VTEST_EQ(count, 4);
	VTEST(vsim_profile_find("nothing") == NULL);
}

static void
bluefield_lacks_in_order_and_event_idx(void)
{
	const struct vsim_features *f = &vsim_profile_find("bluefield")->features;

	VTEST(!vsim_features_has(f, VIRTIO_F_IN_ORDER));
	VTEST(!vsim_features_has(f, VIRTIO_F_EVENT_IDX));
	VTEST(vsim_features_has(f, VIRTIO_F_RING_PACKED));
	VTEST(vsim_features_has(f, VIRTIO_F_NOTIFICATION_DATA));
	VTEST(vsim_features_has(f, VIRTIO_NET_F_MQ));
}

static void
features_have_names_both_ways(void)
{
	VTEST_EQ(vsim_feature_find("mrg_rxbuf"), VIRTIO_NET_F_MRG_RXBUF);
	VTEST_EQ(vsim_feature_find("ipsec"), 70);
	VTEST_EQ(vsim_feature_find("csum"), 0);
	VTEST_EQ(vsim_feature_find("nothing"), -1);
	VTEST(vsim_feature_name(42) == NULL);
	VTEST(vsim_feature_name(4000) == NULL);
	for (unsigned int bit = 0; bit < VIRTIO_FEATURE_BITS; bit++) {
		const char *name = vsim_feature_name(bit);

		VTEST(name == NULL || vsim_feature_find(name) == (int)bit);
	}
}

static void
prerequisites_are_found_one_by_one(void)
{
	const struct {
		struct vsim_features set;
		int bit;
	} rows[] = {
			{FEATURES(VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ), -1},
			{FEATURES(VIRTIO_NET_F_MQ), VIRTIO_NET_F_MQ},
			{FEATURES(VIRTIO_NET_F_HOST_ECN), VIRTIO_NET_F_HOST_ECN},
			{FEATURES(VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM), -1},
			{FEATURES(VIRTIO_NET_F_HOST_TSO6), VIRTIO_NET_F_HOST_TSO6},
			{FEATURES(VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_RSS_CONTEXT),
					VIRTIO_NET_F_RSS_CONTEXT},
			{FEATURES(VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_HASH_TUNNEL),
					VIRTIO_NET_F_HASH_TUNNEL},
	};
	unsigned int needed;

	for (size_t i = 0; i < NB(rows); i++)
		VTEST_EQ(vsim_features_unmet(&rows[i].set, &needed), rows[i].bit);
}

static void
features_switch_on_and_off(void)
{
	const struct vsim_features none = {{0}};
	const struct {
		const char *profile;
		struct vsim_features on, off;
		uint16_t total_vfs;
		const char *error; /* What the sentence says; NULL: none. */
		int has, has_not; /* In the PF's offer; -1: not looked at. */
	} rows[] = {
			{"minimal", FEATURES(VIRTIO_NET_F_MAC), none, 4, NULL, VIRTIO_NET_F_MAC, -1},
			{"full", none, FEATURES(VIRTIO_NET_F_CTRL_VQ), 4, NULL, VIRTIO_NET_F_MAC,
					VIRTIO_NET_F_MQ},
			{"full", none, FEATURES(VIRTIO_F_SR_IOV), 4, NULL, VIRTIO_NET_F_MAC,
					VIRTIO_F_SR_IOV},
			{"full", none, none, 0, NULL, VIRTIO_NET_F_MAC, VIRTIO_F_SR_IOV},
			{"full", FEATURES(VIRTIO_F_SR_IOV), none, 4, NULL, VIRTIO_F_SR_IOV, -1},
			{"full", FEATURES(VIRTIO_F_SR_IOV), none, 0, "needs VFs", -1, -1},
			{"full", FEATURES(VIRTIO_NET_F_MQ), FEATURES(VIRTIO_NET_F_CTRL_VQ), 4,
					"mq needs ctrl_vq", -1, -1},
			{"minimal", FEATURES(VIRTIO_NET_F_CTRL_RX), none, 4, "ctrl_rx needs ctrl_vq", -1,
					-1},
			{"full", FEATURES(VIRTIO_F_ADMIN_VQ), none, 4, "admin_vq is not implemented", -1,
					-1},
			{"full", FEATURES(42), none, 4, "bit 42 is not implemented", -1, -1},
			{"full", none, FEATURES(VIRTIO_F_VERSION_1), 4, "version_1 cannot", -1, -1},
			{"full", FEATURES(VIRTIO_NET_F_MAC), FEATURES(VIRTIO_NET_F_MAC), 4,
					"both on and off", -1, -1},
	};

	for (size_t i = 0; i < NB(rows); i++) {
		struct vsim_nic_conf conf = fixture_conf(rows[i].profile);
		char err[256] = "";
		struct vsim_nic *nic;

		conf.on = rows[i].on;
		conf.off = rows[i].off;
		conf.total_vfs = rows[i].total_vfs;
		errno = 0;
		nic = vsim_nic_create(&conf, err, sizeof(err));
		if (rows[i].error != NULL) {
			VTEST(nic == NULL);
			VTEST_EQ(errno, EINVAL);
			if (strstr(err, rows[i].error) == NULL)
				fprintf(stderr, "said: %s\n", err);
			VTEST(strstr(err, rows[i].error) != NULL);
			continue;
		}
		VTEST(nic != NULL);
		if (rows[i].has >= 0)
			VTEST(vsim_features_has(&nic->fns[0]->offered, rows[i].has));
		if (rows[i].has_not >= 0)
			VTEST(!vsim_features_has(&nic->fns[0]->offered, rows[i].has_not));
		vsim_nic_destroy(nic);
	}
}

static void
bad_configurations_are_refused_in_a_sentence(void)
{
	for (int i = 0; i < 11; i++) {
		struct vsim_nic_conf conf = fixture_conf("full");
		char err[256] = "";

		switch (i) {
		case 0: conf.profile = NULL; break;
		case 1: conf.total_vfs = 257; break;
		case 2: conf.queue_pairs = 0; break;
		case 3: conf.queue_pairs = VSIM_MAX_QUEUE_PAIRS + 1; break;
		case 4: conf.queue_size = 1; break;
		case 5: conf.queue_size = 100; break;
		case 6: conf.mtu = 67; break;
		case 7: conf.speed = 0x80000000; break;
		case 8: conf.mac[0] = 0x01; break;
		case 9: conf.workers = 0; break;
		case 10: conf.workers = VSIM_MAX_WORKERS + 1; break;
		}
		errno = 0;
		VTEST(vsim_nic_create(&conf, err, sizeof(err)) == NULL);
		VTEST_EQ(errno, EINVAL);
		VTEST(err[0] != '\0' && strchr(err, '\n') == NULL);
	}
}

/* ---------------------------------------------------------------- configuration space */

static struct vsim_fn *
vfs_make(struct fixture *f, uint16_t n)
{
	uint16_t sriov = f->nic->layout[0].sriov;

	config_write(f->pf, sriov + offsetof(struct pci_sriov_cap, num_vfs), n, 2);
	config_write(f->pf, sriov + offsetof(struct pci_sriov_cap, control),
			PCI_SRIOV_CTRL_VF_ENABLE | PCI_SRIOV_CTRL_VF_MSE, 2);
	return vsim_nic_fn(f->nic, 1);
}

static void
headers_of_pf_and_vf(void)
{
	struct fixture f = fixture_make("ifc");
	struct vsim_fn *vf = vfs_make(&f, 1);
	struct vsim_ids ids;

	VTEST_EQ(config_read(f.pf, 0, 4), 0x10411af4);
	VTEST_EQ(config_read(f.pf, PCI_CFG_SUBSYS_VENDOR_ID, 4), 0x15fe8086);
	VTEST_EQ(config_read(f.pf, PCI_CFG_REVISION, 4), 0x02000001);
	VTEST_EQ(config_read(f.pf, PCI_CFG_HEADER_TYPE, 1), 0);
	VTEST_EQ(config_read(f.pf, PCI_CFG_STATUS, 2), PCI_STATUS_CAPS);
	VTEST_EQ(config_read(vf, 0, 4), 0xffffffff);
	VTEST_EQ(config_read(vf, PCI_CFG_SUBSYS_VENDOR_ID, 4), 0x05fe8086);
	VTEST_EQ(config_read(vf, PCI_CFG_INTERRUPT_PIN, 1), 0);
	vsim_fn_ids(f.pf, &ids);
	VTEST(ids.vendor == 0x1af4 && ids.device == 0x1041 && ids.subsys_vendor == 0x8086);
	VTEST(ids.subsys == 0x15fe && ids.class_code == 0x020000 && ids.revision == 1);
	vsim_fn_ids(vf, &ids);
	VTEST(ids.vendor == 0x1af4 && ids.device == 0x1041 && ids.subsys == 0x05fe);

	/* Read-only registers stay, and of Command a VF has Bus Master Enable only. */
	for (uint64_t at = 0; at < 0x40; at += 4)
		config_write(vf, at, 0xffffffff, 4);
	VTEST_EQ(config_read(vf, 0, 4), 0xffffffff);
	VTEST_EQ(config_read(vf, PCI_CFG_COMMAND, 2), PCI_COMMAND_BUS_MASTER);
	for (uint64_t at = PCI_CFG_BAR0; at < PCI_CFG_BAR0 + 24; at += 4)
		VTEST_EQ(config_read(vf, at, 4), 0);
	config_write(f.pf, 0, 0, 4);
	VTEST_EQ(config_read(f.pf, 0, 4), 0x10411af4);
	fixture_free(&f);
}

static void
capabilities_are_well_formed(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_fn *fns[] = {f.pf, vfs_make(&f, 1)};

	for (size_t i = 0; i < NB(fns); i++) {
		uint64_t bar_size = vsim_fn_region_size(fns[i], VSIM_BAR);
		unsigned int types = 0, msix = 0, express = 0, hops = 0;

		for (uint8_t at = config_read(fns[i], PCI_CFG_CAP_PTR, 1); at != 0;
				at = config_read(fns[i], at + 1, 1)) {
			uint8_t id = config_read(fns[i], at, 1), type;
			uint32_t offset, length;

			VTEST(++hops < 16);
			VTEST_EQ(at % 4, 0);
			if (id == PCI_CAPABILITY_MSIX) {
				msix++;
				VTEST_EQ(config_read(fns[i], at + PCI_MSIX_TABLE, 4), VSIM_BAR);
				VTEST_EQ((config_read(fns[i], at + 2, 2) & 0x7ff) + 1,
						vsim_fn_nb_vectors(fns[i]));
			}
			express += id == PCI_CAPABILITY_EXPRESS;
			if (id != PCI_CAPABILITY_VENDOR)
				continue;
			type = config_read(fns[i], at + 3, 1);
			types |= 1u << type;
			if (type == VIRTIO_PCI_CAP_PCI_CFG) {
				VTEST_EQ(config_read(fns[i], at + 2, 1), 20);
				continue;
			}
			VTEST_EQ(config_read(fns[i], at + 4, 1), VSIM_BAR);
			offset = config_read(fns[i], at + 8, 4);
			length = config_read(fns[i], at + 12, 4);
			VTEST(length > 0 && offset + (uint64_t)length <= bar_size);
			VTEST(type == VIRTIO_PCI_CAP_ISR_CFG || offset % 4 == 0);
			if (type == VIRTIO_PCI_CAP_COMMON_CFG)
				VTEST_EQ(length, 64);
			if (type == VIRTIO_PCI_CAP_NOTIFY_CFG) {
				VTEST_EQ(config_read(fns[i], at + 2, 1), 20);
				VTEST_EQ(config_read(fns[i], at + 16, 4), VSIM_NOTIFY_MULTIPLIER);
				VTEST_EQ(offset, VSIM_BAR_DOORBELLS);
			}
		}
		VTEST_EQ(types, 0x3e);
		VTEST_EQ(msix, 1);
		VTEST_EQ(express, 1);
		/* ARI first; SR-IOV on the PF only. */
		VTEST_EQ(config_read(fns[i], 0x100, 2), PCI_EXT_CAPABILITY_ARI);
		VTEST_EQ(config_read(fns[i], 0x102, 2) >> 4, i == 0 ? f.nic->layout[0].sriov : 0);
	}
	fixture_free(&f);
}

static void
bars_are_sized_by_writing_ones(void)
{
	struct fixture f = fixture_make("full");
	uint16_t sriov = f.nic->layout[0].sriov + offsetof(struct pci_sriov_cap, vf_bar);
	const uint64_t at[] = {PCI_CFG_BAR0, sriov};
	uint32_t size = vsim_fn_region_size(f.pf, VSIM_BAR);

	for (size_t i = 0; i < NB(at); i++) {
		for (unsigned int bar = 0; bar < 6; bar++) {
			uint32_t want = bar == 4 ? ~(size - 1) | 0x4 : bar == 5 ? 0xffffffff : 0;

			config_write(f.pf, at[i] + 4 * bar, 0xffffffff, 4);
			VTEST_EQ(config_read(f.pf, at[i] + 4 * bar, 4), want);
		}
		config_write(f.pf, at[i] + 16, 0xe0000000, 4);
		VTEST_EQ(config_read(f.pf, at[i] + 16, 4), 0xe0000004);
	}
	fixture_free(&f);
}

static void
configuration_space_is_bounded(void)
{
	struct fixture f = fixture_make("full");
	uint8_t all[PCI_CFG_EXT_SIZE + 1];

	VTEST_EQ(vsim_fn_region_size(f.pf, VSIM_REGION_CONFIG), PCI_CFG_EXT_SIZE);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_REGION_CONFIG, 0, all, PCI_CFG_EXT_SIZE), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_REGION_CONFIG, 0, all, sizeof(all)), -EINVAL);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_REGION_CONFIG, PCI_CFG_EXT_SIZE - 1, all, 2), -EINVAL);
	VTEST(all[0] == 0xff && all[1] == 0xff);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_REGION_CONFIG, UINT64_MAX, all, 2), -EINVAL);
	/* A look at everything, the window included, is no offence. */
	VTEST_EQ(violations_all(f.pf), 0);
	fixture_free(&f);
}

static void
capabilities_are_not_for_writing(void)
{
	struct fixture f = fixture_make("full");
	uint16_t window = f.nic->layout[0].window;

	config_write(f.pf, window - 16 + 8, 0, 4); /* offset of the device capability */
	VTEST_EQ(violations(f.pf, 10), 1);
	VTEST_EQ(config_read(f.pf, window - 16 + 8, 4), VSIM_REG_DEVICE);
	config_write(f.pf, window + 8, VSIM_REG_ISR, 4);
	VTEST_EQ(violations_all(f.pf), 1);
	fixture_free(&f);
}

static void
flr_by_device_control(void)
{
	struct fixture f = fixture_make("full");
	uint16_t express = f.nic->layout[0].express;

	VTEST(config_read(f.pf, express + 4, 4) & (1u << 28));
	config_write(f.pf, PCI_CFG_COMMAND, PCI_COMMAND_BUS_MASTER | PCI_COMMAND_MEM_SPACE, 2);
	config_write(f.pf, PCI_CFG_BAR0 + 16, 0xe0000000, 4);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	driver_queue(f.pf, 0, 64);
	driver_ok(f.pf);
	VTEST(f.pf->queue[0] != NULL);
	config_write(f.pf, express + 8, 0x8010, 2);
	VTEST(f.pf->queue[0] == NULL);
	VTEST_EQ(config_read(f.pf, express + 8, 2), 0);
	VTEST_EQ(reg_read(f.pf, "device_status"), 0);
	VTEST_EQ(config_read(f.pf, PCI_CFG_COMMAND, 2),
			PCI_COMMAND_BUS_MASTER | PCI_COMMAND_MEM_SPACE);
	VTEST_EQ(config_read(f.pf, PCI_CFG_BAR0 + 16, 4), 0xe0000004);
	VTEST_EQ(violations_all(f.pf), 0);
	fixture_free(&f);
}

/* ---------------------------------------------------------------- PCI_CFG window */

static void
window_aim(struct vsim_fn *fn, uint8_t bar, uint32_t offset, uint32_t len)
{
	uint16_t window = fn->nic->layout[fn->index > 0].window;

	config_write(fn, window + 4, bar, 1);
	config_write(fn, window + 12, len, 4);
	config_write(fn, window + 8, offset, 4);
}

static void
window_makes_the_same_accesses(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);
	uint16_t data = f.nic->layout[0].window + 16;
	uint64_t at;

	window_aim(f.pf, VSIM_BAR, VSIM_REG_COMMON + fixture_reg("num_queues")->offset, 2);
	VTEST_EQ(config_read(f.pf, data, 4), 9);
	VTEST_EQ(config_read(f.pf, data, 2), 9);
	window_aim(f.pf, VSIM_BAR, VSIM_REG_COMMON + fixture_reg("queue_select")->offset, 2);
	config_write(f.pf, data, 5, 2);
	VTEST_EQ(reg_read(f.pf, "queue_select"), 5);
	window_aim(f.pf, VSIM_BAR, VSIM_REG_DEVICE + 10, 2);
	VTEST_EQ(config_read(f.pf, data, 4), 1500);

	VTEST(driver_negotiate(f.pf, &features));
	driver_queue(f.pf, 1, 64);
	at = VSIM_BAR_DOORBELLS +
			(uint64_t)reg_read(f.pf, "queue_notify_off") * VSIM_NOTIFY_MULTIPLIER;
	driver_ok(f.pf);
	window_aim(f.pf, VSIM_BAR, at, 2);
	config_write(f.pf, data, 1, 2);
	vsim_worker_poll(f.nic, 0);
	VTEST_EQ(f.pf->counters->queue[1].doorbells, 1);

	window_aim(f.pf, VSIM_BAR, VSIM_REG_COMMON + 20, 1);
	config_write(f.pf, data, 0, 1);
	VTEST_EQ(reg_read(f.pf, "device_status"), 0);
	VTEST_EQ(violations_all(f.pf), 0);
	fixture_free(&f);
}

static void
window_out_of_bounds_gives_zeros(void)
{
	static const struct {
		uint8_t bar;
		uint32_t offset, len;
	} rows[] = {
			{0, VSIM_REG_COMMON, 4}, {VSIM_BAR, VSIM_REG_COMMON + 1, 2},
			{VSIM_BAR, VSIM_REG_COMMON, 3}, {VSIM_BAR, VSIM_REG_COMMON, 8},
			{VSIM_BAR, VSIM_REG_MSIX_TABLE, 4}, {VSIM_BAR, VSIM_REG_COMMON + 64, 4},
			{VSIM_BAR, 0xfffffffc, 4}, {VSIM_BAR, 0x40000000, 4}, {0xff, VSIM_REG_ISR, 1},
	};
	struct fixture f = fixture_make("full");
	uint16_t data = f.nic->layout[0].window + 16;

	for (size_t i = 0; i < NB(rows); i++) {
		window_aim(f.pf, rows[i].bar, rows[i].offset, rows[i].len);
		VTEST_EQ(config_read(f.pf, data, 4), 0);
		VTEST_EQ(violations(f.pf, 35), 2 * i + 1);
		config_write(f.pf, data, 0xffffffff, 4);
		VTEST_EQ(violations(f.pf, 35), 2 * i + 2);
	}
	VTEST_EQ(violations_all(f.pf), 2 * NB(rows));
	fixture_free(&f);
}

/* ---------------------------------------------------------------- SR-IOV */

#define SRIOV(f, field) ((f).nic->layout[0].sriov + offsetof(struct pci_sriov_cap, field))

struct told {
	unsigned int times;
	uint16_t num_vfs;
	struct vsim_nic *nic;
};

/* It may use the NIC, since no lock is held. */
static void
tell(void *arg, uint16_t num_vfs)
{
	struct told *told = arg;

	told->times++;
	told->num_vfs = num_vfs;
	if (num_vfs > 0)
		config_read(vsim_nic_fn(told->nic, num_vfs), 0, 4);
}

static void
vf_enable_makes_vfs_and_takes_them(void)
{
	struct fixture f = fixture_make("full");
	struct told told = {.nic = f.nic};
	struct vsim_fn *last, *first;
	uint32_t value;

	vsim_nic_on_vfs_changed(f.nic, tell, &told);
	VTEST_EQ(config_read(f.pf, SRIOV(f, total_vfs), 2), 256);
	VTEST_EQ(config_read(f.pf, SRIOV(f, initial_vfs), 2), 256);
	VTEST_EQ(config_read(f.pf, SRIOV(f, first_vf_offset), 2), 1);
	VTEST_EQ(config_read(f.pf, SRIOV(f, vf_stride), 2), 1);
	VTEST_EQ(config_read(f.pf, SRIOV(f, vf_device_id), 2), 0x1041);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));

	first = vfs_make(&f, 256);
	VTEST(first != NULL);
	VTEST(told.times == 1 && told.num_vfs == 256);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 256);
	last = vsim_nic_fn(f.nic, 256);
	VTEST(last != NULL && vsim_fn_index(last) == 256);
	VTEST(vsim_nic_fn(f.nic, 257) == NULL);
	/* 02:00:00:00:ff:f0 plus 256, with carry */
	VTEST_EQ(last->net_config.mac[3], 1);
	VTEST_EQ(last->net_config.mac[4], 0);
	VTEST_EQ(last->net_config.mac[5], 0xf0);
	VTEST(driver_negotiate(last, &last->offered));
	VTEST(driver_negotiate(first, &first->offered));
	config_write(last, PCI_CFG_COMMAND, PCI_COMMAND_BUS_MASTER, 2);

	config_write(f.pf, SRIOV(f, control), 0, 2);
	VTEST(told.times == 2 && told.num_vfs == 0);
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
	VTEST_EQ(told.times, 3);
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
	/* The rest of the capability is the device's. */
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
	VTEST_EQ(violations(f.pf, 70), 1);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 1);
	config_write(f.pf, SRIOV(f, control), 0, 2);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vsim_fn_reset(f.pf);
	/* After one success a reset does not take the permission back. */
	vfs_make(&f, 1);
	VTEST_EQ(violations(f.pf, 70), 1);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 1);
	fixture_free(&f);
}

static void
reset_of_the_pf_takes_the_vfs(void)
{
	struct fixture f = fixture_make("full");
	struct told told = {.nic = f.nic};
	struct vsim_fn *vf;

	vsim_nic_on_vfs_changed(f.nic, tell, &told);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vf = vfs_make(&f, 2);
	VTEST(driver_negotiate(vf, &vf->offered));
	vsim_fn_reset(vsim_nic_fn(f.nic, 2));
	VTEST_EQ(reg_read(vf, "device_status") & VIRTIO_STATUS_FEATURES_OK,
			VIRTIO_STATUS_FEATURES_OK);
	VTEST_EQ(told.times, 1);
	/* A reset of the virtio device of the PF is none of the VFs' business. */
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(vsim_nic_num_vfs(f.nic), 2);
	vsim_fn_reset(f.pf);
	VTEST(told.times == 2 && told.num_vfs == 0);
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
		VTEST_EQ(vsim_fn_dma_map_ptr(vf, FIXTURE_IOVA, FIXTURE_MEM_LEN, PROT_READ, f.mem), 0);
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

/* Threads that have nothing to do with each other but the NIC; sanitizers watch. */

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

static void
state_is_reported(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_fn_state state;

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	vsim_fn_link_set(f.pf, false);
	vsim_fn_get_state(f.pf, &state);
	VTEST_EQ(state.device_status, VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
			VIRTIO_STATUS_FEATURES_OK);
	VTEST(memcmp(&state.accepted, &state.offered, sizeof(state.accepted)) == 0);
	VTEST_EQ(state.queue_pairs, 1);
	VTEST_EQ(state.mac[0], 2);
	VTEST(!state.link_up);
	VTEST(state.dma_bytes > 0);
	fixture_free(&f);
}

static const struct vtest_case cases[] = {
	{"every_profile_satisfies_its_prerequisites", every_profile_satisfies_its_prerequisites},
	{"bluefield_lacks_in_order_and_event_idx", bluefield_lacks_in_order_and_event_idx},
	{"features_have_names_both_ways", features_have_names_both_ways},
	{"prerequisites_are_found_one_by_one", prerequisites_are_found_one_by_one},
	{"features_switch_on_and_off", features_switch_on_and_off},
	{"bad_configurations_are_refused_in_a_sentence",
			bad_configurations_are_refused_in_a_sentence},
	{"headers_of_pf_and_vf", headers_of_pf_and_vf},
	{"capabilities_are_well_formed", capabilities_are_well_formed},
	{"bars_are_sized_by_writing_ones", bars_are_sized_by_writing_ones},
	{"configuration_space_is_bounded", configuration_space_is_bounded},
	{"capabilities_are_not_for_writing", capabilities_are_not_for_writing},
	{"flr_by_device_control", flr_by_device_control},
	{"window_makes_the_same_accesses", window_makes_the_same_accesses},
	{"window_out_of_bounds_gives_zeros", window_out_of_bounds_gives_zeros},
	{"vf_enable_makes_vfs_and_takes_them", vf_enable_makes_vfs_and_takes_them},
	{"num_vfs_is_locked_while_vfs_are_enabled", num_vfs_is_locked_while_vfs_are_enabled},
	{"vf_enable_wants_sr_iov_negotiated_once", vf_enable_wants_sr_iov_negotiated_once},
	{"reset_of_the_pf_takes_the_vfs", reset_of_the_pf_takes_the_vfs},
	{"violations_of_vfs_that_went_still_count", violations_of_vfs_that_went_still_count},
	{"vfs_that_went_hold_nothing", vfs_that_went_hold_nothing},
	{"registers_and_vfs_change_while_a_worker_runs",
			registers_and_vfs_change_while_a_worker_runs},
	{"without_vfs_there_is_no_sriov", without_vfs_there_is_no_sriov},
	{"state_is_reported", state_is_reported},
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
