/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Configuration space of the simulated NIC, PF and VF, and the PCI_CFG window in it. */

#include <errno.h>

#include "test/fixture/vsim_fixture.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))

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
	VTEST_EQ(config_read(vf, PCI_CFG_SUBSYS_VENDOR_ID, 4), 0x001a8086);
	VTEST_EQ(config_read(vf, PCI_CFG_INTERRUPT_PIN, 1), 0);
	vsim_fn_ids(f.pf, &ids);
	VTEST(ids.vendor == 0x1af4 && ids.device == 0x1041 && ids.subsys_vendor == 0x8086);
	VTEST(ids.subsys == 0x15fe && ids.class_code == 0x020000 && ids.revision == 1);
	vsim_fn_ids(vf, &ids);
	VTEST(ids.vendor == 0x1af4 && ids.device == 0x1041 && ids.subsys == 0x001a);

	/* Read-only registers do not change; Command of a VF has Bus Master Enable only. */
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
	struct vsim_fn *fns[] = { f.pf, vfs_make(&f, 1) };

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
				VTEST_EQ(config_read(fns[i], at + 16, 4), 4);
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
	const uint64_t at[] = { PCI_CFG_BAR0, sriov };
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
	/* Reading all of the space, the window included, breaks no rule. */
	VTEST_EQ(violations_all(f.pf), 0);
	fixture_free(&f);
}

static void
capabilities_are_not_for_writing(void)
{
	struct fixture f = fixture_make("full");
	uint16_t window = f.nic->layout[0].window;

	config_write(f.pf, window - 16 + 8, 0, 4); /* offset of the device capability */
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_CAP_READ_ONLY), 1);
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
			(uint64_t)reg_read(f.pf, "queue_notify_off") *
					vsim_notify_multiplier(f.nic);
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
		{ 0, VSIM_REG_COMMON, 4 },
		{ VSIM_BAR, VSIM_REG_COMMON + 1, 2 },
		{ VSIM_BAR, VSIM_REG_COMMON, 3 },
		{ VSIM_BAR, VSIM_REG_COMMON, 8 },
		{ VSIM_BAR, VSIM_REG_MSIX_TABLE, 4 },
		{ VSIM_BAR, VSIM_REG_COMMON + 64, 4 },
		{ VSIM_BAR, 0xfffffffc, 4 },
		{ VSIM_BAR, 0x40000000, 4 },
		{ 0xff, VSIM_REG_ISR, 1 },
	};
	struct fixture f = fixture_make("full");
	uint16_t data = f.nic->layout[0].window + 16;

	for (size_t i = 0; i < NB(rows); i++) {
		window_aim(f.pf, rows[i].bar, rows[i].offset, rows[i].len);
		VTEST_EQ(config_read(f.pf, data, 4), 0);
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_PCI_CFG_RANGE), 2 * i + 1);
		config_write(f.pf, data, 0xffffffff, 4);
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_PCI_CFG_RANGE), 2 * i + 2);
	}
	VTEST_EQ(violations_all(f.pf), 2 * NB(rows));
	fixture_free(&f);
}

static const struct vtest_case cases[] = {
	{ "headers_of_pf_and_vf", headers_of_pf_and_vf },
	{ "capabilities_are_well_formed", capabilities_are_well_formed },
	{ "bars_are_sized_by_writing_ones", bars_are_sized_by_writing_ones },
	{ "configuration_space_is_bounded", configuration_space_is_bounded },
	{ "capabilities_are_not_for_writing", capabilities_are_not_for_writing },
	{ "flr_by_device_control", flr_by_device_control },
	{ "window_makes_the_same_accesses", window_makes_the_same_accesses },
	{ "window_out_of_bounds_gives_zeros", window_out_of_bounds_gives_zeros },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
