/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Registers of the simulated NIC in its BAR: virtio 1.4 4.1.4, the status machine of 2.1 and 3.1. */

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vsim_fixture.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))
#define ACK VIRTIO_STATUS_ACKNOWLEDGE
#define DRV VIRTIO_STATUS_DRIVER
#define FOK VIRTIO_STATUS_FEATURES_OK
#define DOK VIRTIO_STATUS_DRIVER_OK

static uint64_t
events(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* ---------------------------------------------------------------- the tables */

static void
common_table_has_no_gap_and_no_overlap(void)
{
	uint32_t at = 0;

	for (size_t i = 0; i < vsim_nb_common_regs; i++) {
		const struct vsim_reg *reg = &vsim_common_regs[i];

		VTEST_EQ(reg->offset, at);
		VTEST(reg->width == 1 || reg->width == 2 || reg->width == 4);
		VTEST_EQ(reg->offset % reg->width, 0);
		VTEST(reg->read != NULL);
		at += reg->width;
	}
	VTEST_EQ(at, sizeof(struct virtio_pci_common_cfg));
}

static void
common_table_agrees_with_the_structure(void)
{
	VTEST_EQ(fixture_reg("driver_feature")->offset, 12);
	VTEST_EQ(fixture_reg("device_status")->offset, 20);
	VTEST_EQ(fixture_reg("queue_size")->offset, 24);
	VTEST_EQ(fixture_reg("queue_device_hi")->offset, 52);
	VTEST_EQ(fixture_reg("queue_notif_config_data")->offset, 56);
	VTEST_EQ(fixture_reg("queue_reset")->offset, 58);
	VTEST_EQ(fixture_reg("admin_queue_num")->offset, 62);
}

static void
net_table_has_no_gap_and_no_overlap(void)
{
	uint32_t at = 0;

	for (size_t i = 0; i < vsim_nb_net_fields; i++) {
		VTEST_EQ(vsim_net_fields[i].offset, at);
		at += vsim_net_fields[i].width * vsim_net_fields[i].count;
	}
	VTEST_EQ(at, sizeof(struct virtio_net_config));
}

static void
only_exact_widths_are_served(void)
{
	struct fixture f = fixture_make("full");

	for (uint32_t at = 0; at < sizeof(struct virtio_pci_common_cfg); at++) {
		for (size_t len = 1; len <= 4; len *= 2) {
			uint64_t before = violations(f.pf, 5);
			uint8_t data[4] = {0}, ones[4] = {0xff, 0xff, 0xff, 0xff};
			bool exact = false;
			int rc;

			for (size_t i = 0; i < vsim_nb_common_regs; i++)
				exact = exact || (vsim_common_regs[i].offset == at &&
						vsim_common_regs[i].width == len);
			rc = vsim_fn_read(f.pf, VSIM_BAR, VSIM_REG_COMMON + at, data, len);
			VTEST_EQ(rc, exact ? 0 : -EINVAL);
			VTEST_EQ(violations(f.pf, 5) - before, exact ? 0 : 1);
			VTEST(exact || memcmp(data, ones, len) == 0);
		}
	}
	fixture_free(&f);
}

static void
read_only_registers_ignore_writes(void)
{
	struct fixture f = fixture_make("full");
	uint64_t counted = 0;

	for (size_t i = 0; i < vsim_nb_common_regs; i++) {
		const struct vsim_reg *reg = &vsim_common_regs[i];
		uint32_t before;

		if (reg->write != NULL)
			continue;
		before = reg_read(f.pf, reg->name);
		reg_write(f.pf, reg->name, ~before);
		VTEST_EQ(reg_read(f.pf, reg->name), before);
		VTEST_EQ(violations(f.pf, 26), ++counted);
	}
	VTEST_EQ(counted, 7);
	fixture_free(&f);
}

static void
halves_of_addresses_come_in_any_order(void)
{
	static const char *const names[] = {"queue_desc", "queue_driver", "queue_device"};
	struct fixture f = fixture_make("full");
	uint64_t value = 0, want = htole64(UINT64_C(0x1122334455667788));

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	for (size_t i = 0; i < NB(names); i++) {
		char lo[32], hi[32];

		snprintf(lo, sizeof(lo), "%s_lo", names[i]);
		snprintf(hi, sizeof(hi), "%s_hi", names[i]);
		reg_write(f.pf, i % 2 ? lo : hi, i % 2 ? 0x55667788 : 0x11223344);
		reg_write(f.pf, i % 2 ? hi : lo, i % 2 ? 0x11223344 : 0x55667788);
		VTEST_EQ(violations_all(f.pf), i);
		VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, VSIM_REG_COMMON + fixture_reg(lo)->offset,
				&value, 8), 0);
		VTEST(value == want);
		VTEST_EQ(violations(f.pf, 5), i + 1); /* the 8-byte read */
	}
	fixture_free(&f);
}

static void
accesses_outside_the_bar_are_refused(void)
{
	struct fixture f = fixture_make("full");
	uint64_t size = vsim_fn_region_size(f.pf, VSIM_BAR);
	uint32_t value = 0;

	VTEST(size >= 0x2000 && (size & (size - 1)) == 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, size, &value, 4), -EINVAL);
	VTEST(value == 0xffffffff);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, UINT64_MAX - 3, &value, 4), -EINVAL);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, size, &value, 4), -EINVAL);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, 0xa81, &value, 2), -EINVAL);
	for (unsigned int region = 0; region < 9; region++) {
		if (region == VSIM_BAR || region == VSIM_REGION_CONFIG)
			continue;
		VTEST_EQ(vsim_fn_region_size(f.pf, region), 0);
		VTEST_EQ(vsim_fn_read(f.pf, region, 0, &value, 4), -EINVAL);
	}
	/* Holes of the register page are silent. */
	value = 0xffffffff;
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, 0xa80, &value, 4), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, 0xa80, &value, 4), 0);
	VTEST_EQ(value, 0);
	fixture_free(&f);
}

/* ---------------------------------------------------------------- features */

static void
feature_windows_show_32_bits_each(void)
{
	struct fixture f = fixture_make("full");

	for (uint32_t w = 0; w < 6; w++) {
		uint32_t want = w < 4 ? f.pf->offered.w[w / 2] >> (32 * (w % 2)) : 0;

		reg_write(f.pf, "device_feature_select", w);
		VTEST_EQ(reg_read(f.pf, "device_feature_select"), w);
		VTEST_EQ(reg_read(f.pf, "device_feature"), want);
	}
	reg_write(f.pf, "device_feature_select", UINT32_MAX);
	VTEST_EQ(reg_read(f.pf, "device_feature"), 0);
	reg_write(f.pf, "device_feature_select", 1);
	VTEST(reg_read(f.pf, "device_feature") & (1u << (VIRTIO_F_VERSION_1 - 32)));
	VTEST(reg_read(f.pf, "device_feature") & (1u << (VIRTIO_F_SR_IOV - 32)));
	VTEST_EQ(violations_all(f.pf), 0);
	fixture_free(&f);
}

static void
driver_features_read_back_in_all_windows(void)
{
	struct fixture f = fixture_make("full");

	driver_start(f.pf);
	for (uint32_t w = 0; w < 4; w++) {
		reg_write(f.pf, "driver_feature_select", w);
		reg_write(f.pf, "driver_feature", 0x1000 + w);
	}
	for (uint32_t w = 0; w < 4; w++) {
		reg_write(f.pf, "driver_feature_select", w);
		VTEST_EQ(reg_read(f.pf, "driver_feature"), 0x1000 + w);
	}
	VTEST_EQ(violations_all(f.pf), 0);
	reg_write(f.pf, "driver_feature_select", 4);
	reg_write(f.pf, "driver_feature", 0);
	VTEST_EQ(violations_all(f.pf), 0);
	reg_write(f.pf, "driver_feature", 1);
	VTEST_EQ(violations(f.pf, 52), 1);
	VTEST_EQ(reg_read(f.pf, "driver_feature"), 0);
	fixture_free(&f);
}

static void
features_ok_refuses_invalid_subsets(void)
{
	const struct {
		const char *profile;
		struct vsim_features features;
		unsigned int rule;
	} rows[] = {
			{"full", FEATURES(VIRTIO_F_VERSION_1), 0},
			{"full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_SR_IOV), 0},
			{"full", FEATURES(VIRTIO_F_ACCESS_PLATFORM), 65},
			{"full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MQ), 52},
			{"full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_RX), 52},
			{"full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ADMIN_VQ), 52},
			{"full", FEATURES(VIRTIO_F_VERSION_1, 127), 52},
			{"full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_IPSEC), 52},
			{"minimal", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_RING_PACKED), 52},
			{"bluefield", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_IN_ORDER), 52},
	};

	for (size_t i = 0; i < NB(rows); i++) {
		struct fixture f = fixture_make(rows[i].profile);

		VTEST_EQ(driver_negotiate(f.pf, &rows[i].features), rows[i].rule == 0);
		VTEST_EQ(violations_all(f.pf), rows[i].rule != 0);
		if (rows[i].rule != 0)
			VTEST_EQ(violations(f.pf, rows[i].rule), 1);
		fixture_free(&f);
	}
}

static void
a_vf_does_not_take_sr_iov(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_SR_IOV);
	struct vsim_fn *vf;
	uint16_t sriov = f.nic->layout[0].sriov;

	VTEST(driver_negotiate(f.pf, &features));
	config_write(f.pf, sriov + offsetof(struct pci_sriov_cap, num_vfs), 1, 2);
	config_write(f.pf, sriov + offsetof(struct pci_sriov_cap, control),
			PCI_SRIOV_CTRL_VF_ENABLE, 2);
	vf = vsim_nic_fn(f.nic, 1);
	VTEST(vf != NULL);
	VTEST(!vsim_features_has(&vf->offered, VIRTIO_F_SR_IOV));
	VTEST(!driver_negotiate(vf, &features));
	VTEST_EQ(violations(vf, 69), 1);
	VTEST_EQ(vsim_nic_violations(f.nic), 1);
	fixture_free(&f);
}

static void
a_set_accepted_once_is_accepted_again(void)
{
	struct fixture f = fixture_make("full");

	for (int i = 0; i < 3; i++)
		VTEST(driver_negotiate(f.pf, &f.pf->offered));
	VTEST_EQ(violations_all(f.pf), 0);
	fixture_free(&f);
}

static void
fault_refuses_features_ok(void)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);
	struct fixture f;

	conf.fault.refuse_features_ok = true;
	f = fixture_from(&conf);
	VTEST(!driver_negotiate(f.pf, &features));
	VTEST_EQ(violations_all(f.pf), 0);
	/* A driver that goes on regardless breaks C045, and does not get DRIVER_OK. */
	reg_write(f.pf, "device_status", ACK | DRV | FOK | DOK);
	VTEST_EQ(violations(f.pf, 45), 1);
	VTEST_EQ(reg_read(f.pf, "device_status"), ACK | DRV);
	fixture_free(&f);
}

static void
no_features_after_features_ok(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);

	VTEST(driver_negotiate(f.pf, &features));
	reg_write(f.pf, "driver_feature_select", 0);
	reg_write(f.pf, "driver_feature", 1u << VIRTIO_NET_F_MAC);
	VTEST_EQ(violations(f.pf, 44), 1);
	VTEST_EQ(reg_read(f.pf, "driver_feature"), 0);
	VTEST(!vsim_features_has(&f.pf->accepted, VIRTIO_NET_F_MAC));
	fixture_free(&f);
}

/* ---------------------------------------------------------------- status */

static void
status_steps_are_judged(void)
{
	/* What is written in turn, with a read of the status behind each if reread, and what comes
	 * out in the end. VERSION_1 is accepted behind the first step that sets DRIVER. */
	static const struct {
		const char *what;
		uint8_t steps[6];
		bool reread;
		uint8_t end;
		unsigned int rule, count;
	} rows[] = {
			{"in order", {ACK, ACK | DRV, ACK | DRV | FOK, ACK | DRV | FOK | DOK}, true,
					ACK | DRV | FOK | DOK, 0, 0},
			{"first two at once", {ACK | DRV, ACK | DRV | FOK}, true, ACK | DRV | FOK, 0, 0},
			{"no acknowledge", {DRV, DRV | FOK}, true, DRV | FOK, 44, 1},
			{"no re-read", {ACK, ACK | DRV, ACK | DRV | FOK, ACK | DRV | FOK | DOK}, false,
					ACK | DRV | FOK | DOK, 44, 1},
			{"no features", {ACK, ACK | DRV, ACK | DRV | DOK}, true, ACK | DRV, 44, 1},
			{"bit cleared", {ACK, ACK | DRV, DRV}, true, ACK | DRV, 48, 1},
			{"failed", {ACK, ACK | DRV, ACK | DRV | VIRTIO_STATUS_FAILED}, true,
					ACK | DRV | VIRTIO_STATUS_FAILED, 0, 0},
			{"on after failed", {ACK, ACK | VIRTIO_STATUS_FAILED,
					ACK | VIRTIO_STATUS_FAILED | DRV}, true,
					ACK | VIRTIO_STATUS_FAILED, 48, 1},
			{"device's bits", {ACK, ACK | VIRTIO_STATUS_NEEDS_RESET |
					VIRTIO_STATUS_SUSPEND | 0x20}, true, ACK, 0, 0},
	};
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);

	for (size_t i = 0; i < NB(rows); i++) {
		struct fixture f = fixture_make("full");

		for (size_t s = 0; s < NB(rows[i].steps) && rows[i].steps[s] != 0; s++) {
			reg_write(f.pf, "device_status", rows[i].steps[s]);
			if (rows[i].reread)
				reg_read(f.pf, "device_status");
			if ((f.pf->status & DRV) && !(rows[i].steps[s] & (FOK | DOK)))
				driver_features(f.pf, &features);
		}
		if (reg_read(f.pf, "device_status") != rows[i].end ||
				violations_all(f.pf) != rows[i].count)
			fprintf(stderr, "case: %s\n", rows[i].what);
		VTEST_EQ(reg_read(f.pf, "device_status"), rows[i].end);
		VTEST_EQ(violations_all(f.pf), rows[i].count);
		if (rows[i].count != 0)
			VTEST_EQ(violations(f.pf, rows[i].rule), rows[i].count);
		fixture_free(&f);
	}
}

static void
reset_brings_back_every_default(void)
{
	struct fixture f = fixture_make("full");

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	reg_write(f.pf, "config_msix_vector", 1);
	VTEST_EQ(reg_read(f.pf, "config_msix_vector"), 1);
	driver_queue(f.pf, 0, 64);
	driver_ok(f.pf);
	VTEST(f.pf->queue[0] != NULL);
	VTEST_EQ(f.pf->counters->resets, 1);

	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(reg_read(f.pf, "device_status"), 0);
	VTEST(f.pf->queue[0] == NULL);
	VTEST_EQ(reg_read(f.pf, "config_msix_vector"), VIRTIO_MSI_NO_VECTOR);
	VTEST_EQ(reg_read(f.pf, "queue_select"), 0);
	VTEST_EQ(reg_read(f.pf, "queue_enable"), 0);
	VTEST_EQ(reg_read(f.pf, "queue_reset"), 0);
	VTEST_EQ(reg_read(f.pf, "queue_size"), 256);
	VTEST_EQ(reg_read(f.pf, "queue_msix_vector"), VIRTIO_MSI_NO_VECTOR);
	VTEST_EQ(reg_read(f.pf, "queue_desc_lo"), 0);
	for (uint32_t w = 0; w < 4; w++) {
		reg_write(f.pf, "driver_feature_select", w);
		VTEST_EQ(reg_read(f.pf, "driver_feature"), 0);
	}
	VTEST_EQ(f.pf->counters->resets, 2);
	VTEST_EQ(violations_all(f.pf), 0);
	fixture_free(&f);
}

static void
reset_must_be_waited_for(void)
{
	struct fixture f = fixture_make("full");

	reg_write(f.pf, "device_status", 0);
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(violations(f.pf, 22), 0);
	reg_write(f.pf, "device_status", ACK);
	VTEST_EQ(violations(f.pf, 22), 1);
	reg_write(f.pf, "device_status", ACK | DRV);
	VTEST_EQ(violations(f.pf, 22), 1);
	fixture_free(&f);
}

static void
set_up_before_its_time_is_counted(void)
{
	struct fixture f = fixture_make("full");

	reg_write(f.pf, "device_status", ACK);
	reg_write(f.pf, "driver_feature", 0);
	VTEST_EQ(violations(f.pf, 44), 1);
	reg_write(f.pf, "queue_size", 64);
	VTEST_EQ(violations(f.pf, 44), 2);
	reg_write(f.pf, "queue_enable", 1);
	VTEST_EQ(violations(f.pf, 44), 3);
	VTEST_EQ(reg_read(f.pf, "queue_enable"), 0);
	VTEST_EQ(violations_all(f.pf), 3);
	fixture_free(&f);
}

static void
a_queue_that_cannot_run_needs_reset(void)
{
	struct fixture f = fixture_make("full");
	int fd = eventfd(0, EFD_NONBLOCK);

	VTEST_EQ(vsim_fn_irq_set(f.pf, 3, fd), 0);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	reg_write(f.pf, "config_msix_vector", 3);
	reg_read(f.pf, "config_msix_vector");
	driver_queue(f.pf, 0, 64);
	vsim_fn_dma_unmap_all(f.pf);
	driver_ok(f.pf);
	VTEST(reg_read(f.pf, "device_status") & VIRTIO_STATUS_NEEDS_RESET);
	VTEST(reg_read(f.pf, "device_status") & DOK);
	VTEST_EQ(events(fd), 1);
	VTEST_EQ(f.pf->isr, VIRTIO_PCI_ISR_CONFIG);
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(reg_read(f.pf, "device_status"), 0);
	close(fd);
	fixture_free(&f);
}

/* ---------------------------------------------------------------- queues */

static void
queue_sizes_are_checked(void)
{
	static const struct {
		bool packed;
		uint16_t write, read;
		unsigned int count;
	} rows[] = {
			{false, 128, 128, 0}, {false, 1, 1, 0}, {false, 0, 256, 1},
			{false, 100, 256, 1}, {false, 512, 256, 1}, {true, 100, 100, 0},
			{true, 0, 256, 1}, {true, 257, 256, 1}, {true, 256, 256, 0},
	};
	const struct vsim_features split = FEATURES(VIRTIO_F_VERSION_1);
	const struct vsim_features packed = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_RING_PACKED);

	for (size_t i = 0; i < NB(rows); i++) {
		struct fixture f = fixture_make("full");

		VTEST(driver_negotiate(f.pf, rows[i].packed ? &packed : &split));
		reg_write(f.pf, "queue_size", rows[i].write);
		VTEST_EQ(reg_read(f.pf, "queue_size"), rows[i].read);
		VTEST_EQ(violations(f.pf, 24), rows[i].count);
		VTEST_EQ(violations_all(f.pf), rows[i].count);
		fixture_free(&f);
	}
}

static void
queues_follow_mq_and_ctrl_vq(void)
{
	struct {
		struct vsim_features features;
		uint16_t nb_queues, ctrl;
	} rows[] = {
			{FEATURES(VIRTIO_F_VERSION_1), 2, VSIM_MAX_QUEUES},
			{FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_VQ), 3, 2},
			{FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ), 9, 8},
	};

	for (size_t i = 0; i < NB(rows); i++) {
		struct fixture f = fixture_make("full");

		VTEST_EQ(reg_read(f.pf, "num_queues"), 9);
		VTEST(driver_negotiate(f.pf, &rows[i].features));
		VTEST_EQ(reg_read(f.pf, "num_queues"), 9);
		VTEST_EQ(vsim_fn_ctrl_index(f.pf), rows[i].ctrl);
		for (uint16_t qi = 0; qi < 12; qi++) {
			reg_write(f.pf, "queue_select", qi);
			VTEST_EQ(reg_read(f.pf, "queue_size"), qi < rows[i].nb_queues ? 256 : 0);
		}
		reg_write(f.pf, "queue_select", 0xffff);
		VTEST_EQ(reg_read(f.pf, "queue_size"), 0);
		VTEST_EQ(reg_read(f.pf, "queue_msix_vector"), VIRTIO_MSI_NO_VECTOR);
		reg_write(f.pf, "queue_enable", 1);
		VTEST_EQ(reg_read(f.pf, "queue_enable"), 0);
		VTEST_EQ(violations_all(f.pf), 0);
		fixture_free(&f);
	}
}

static void
queues_of_a_nic_without_mq(void)
{
	struct fixture f = fixture_make("minimal");

	VTEST_EQ(reg_read(f.pf, "num_queues"), 2);
	VTEST_EQ(reg_read(f.pf, "queue_notif_config_data"), 0);
	VTEST_EQ(reg_read(f.pf, "admin_queue_index"), 0);
	VTEST_EQ(reg_read(f.pf, "admin_queue_num"), 0);
	fixture_free(&f);
}

static void
an_enabled_queue_is_not_changed(void)
{
	static const char *const fields[] = {"queue_size", "queue_desc_lo", "queue_desc_hi",
			"queue_driver_lo", "queue_device_hi"};
	struct fixture f = fixture_make("full");

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	driver_queue(f.pf, 1, 64);
	VTEST_EQ(reg_read(f.pf, "queue_enable"), 1);
	for (size_t i = 0; i < NB(fields); i++) {
		uint32_t before = reg_read(f.pf, fields[i]);

		reg_write(f.pf, fields[i], 32);
		VTEST_EQ(reg_read(f.pf, fields[i]), before);
		VTEST_EQ(violations(f.pf, 21), i + 1);
	}
	reg_write(f.pf, "queue_enable", 0);
	VTEST_EQ(violations(f.pf, 20), 1);
	VTEST_EQ(reg_read(f.pf, "queue_enable"), 1);
	fixture_free(&f);
}

static void
queues_run_from_driver_ok_on(void)
{
	struct fixture f = fixture_make("full");

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	driver_queue(f.pf, 0, 64);
	VTEST(f.pf->queue[0] == NULL);
	driver_ok(f.pf);
	VTEST(f.pf->queue[0] != NULL);
	VTEST(f.pf->queue[1] == NULL);
	driver_queue(f.pf, 1, 64);
	VTEST(f.pf->queue[1] != NULL);
	VTEST_EQ(violations_all(f.pf), 0);
	fixture_free(&f);
}

static void
queue_reset_stops_and_forgets(void)
{
	struct fixture f = fixture_make("full");

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	driver_queue(f.pf, 0, 64);
	driver_queue(f.pf, 1, 64);
	driver_ok(f.pf);
	reg_write(f.pf, "queue_select", 1);
	reg_write(f.pf, "queue_reset", 1);
	VTEST(f.pf->queue[1] == NULL);
	VTEST(f.pf->queue[0] != NULL);
	VTEST_EQ(reg_read(f.pf, "queue_reset"), 0);
	VTEST_EQ(reg_read(f.pf, "queue_enable"), 0);
	VTEST_EQ(reg_read(f.pf, "queue_size"), 256);
	VTEST_EQ(reg_read(f.pf, "queue_desc_lo"), 0);
	driver_queue(f.pf, 1, 32);
	VTEST(f.pf->queue[1] != NULL);
	VTEST_EQ(reg_read(f.pf, "queue_size"), 32);
	VTEST_EQ(violations_all(f.pf), 0);

	/* Enabled again without a look at queue_reset */
	reg_write(f.pf, "queue_reset", 1);
	driver_queue(f.pf, 1, 32);
	VTEST_EQ(violations(f.pf, 23), 1);
	fixture_free(&f);
}

static void
queue_reset_needs_its_feature(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);

	VTEST(driver_negotiate(f.pf, &features));
	driver_queue(f.pf, 0, 64);
	driver_ok(f.pf);
	reg_write(f.pf, "queue_reset", 1);
	VTEST(f.pf->queue[0] != NULL);
	VTEST_EQ(reg_read(f.pf, "queue_enable"), 1);
	fixture_free(&f);
}

static void
doorbells_of_all_queues_lie_in_the_capability(void)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct fixture f;

	conf.queue_pairs = VSIM_MAX_QUEUE_PAIRS;
	f = fixture_from(&conf);
	VTEST_EQ(reg_read(f.pf, "num_queues"), VSIM_MAX_QUEUES);
	VTEST_EQ(vsim_fn_nb_vectors(f.pf), 2 * VSIM_MAX_QUEUE_PAIRS + 2);
	for (uint16_t qi = 0; qi < VSIM_MAX_QUEUES; qi++) {
		uint64_t off;

		reg_write(f.pf, "queue_select", qi);
		off = (uint64_t)reg_read(f.pf, "queue_notify_off") * VSIM_NOTIFY_MULTIPLIER;
		VTEST(off + 4 <= f.pf->mem_size);
		VTEST_EQ(reg_read(f.pf, "queue_notif_config_data"), qi + 0x100);
	}
	VTEST(VSIM_BAR_DOORBELLS + f.pf->mem_size <= vsim_fn_region_size(f.pf, VSIM_BAR));
	fixture_free(&f);
}

static void
doorbells_by_register_access(void)
{
	struct fixture f = fixture_make("full");
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);
	uint64_t at;
	uint16_t value = htole16(1);

	VTEST(driver_negotiate(f.pf, &features));
	driver_queue(f.pf, 1, 64);
	at = VSIM_BAR_DOORBELLS +
			(uint64_t)reg_read(f.pf, "queue_notify_off") * VSIM_NOTIFY_MULTIPLIER;
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, at, &value, 2), 0);
	VTEST_EQ(violations(f.pf, 46), 1);
	driver_ok(f.pf);
	VTEST_EQ(f.pf->counters->queue[1].doorbells, 0);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, at, &value, 2), 0);
	vsim_worker_poll(f.nic, 0);
	VTEST_EQ(f.pf->counters->queue[1].doorbells, 1);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, at, &value, 1), -EINVAL);
	VTEST_EQ(violations(f.pf, 29), 1);
	VTEST_EQ(violations_all(f.pf), 2);
	fixture_free(&f);
}

/* ---------------------------------------------------------------- vectors, ISR, MSI-X */

static void
vectors_are_checked_and_read_back(void)
{
	struct fixture f = fixture_make("full");
	uint16_t nb = vsim_fn_nb_vectors(f.pf);
	static const char *const names[] = {"config_msix_vector", "queue_msix_vector"};

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	for (size_t i = 0; i < NB(names); i++) {
		VTEST_EQ(reg_read(f.pf, names[i]), VIRTIO_MSI_NO_VECTOR);
		reg_write(f.pf, names[i], nb - 1);
		VTEST_EQ(reg_read(f.pf, names[i]), nb - 1);
		VTEST_EQ(violations(f.pf, 40), i);
		reg_write(f.pf, names[i], nb);
		VTEST_EQ(reg_read(f.pf, names[i]), VIRTIO_MSI_NO_VECTOR);
		VTEST_EQ(violations(f.pf, 40), i + 1);
		reg_write(f.pf, names[i], 0);
		VTEST_EQ(reg_read(f.pf, names[i]), 0);
		reg_write(f.pf, names[i], VIRTIO_MSI_NO_VECTOR);
	}
	VTEST_EQ(violations_all(f.pf), 2);
	reg_write(f.pf, "queue_msix_vector", 1);
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(violations(f.pf, 39), 1);
	fixture_free(&f);
}

static void
isr_is_cleared_by_reading(void)
{
	struct fixture f = fixture_make("full");
	int fd = eventfd(0, EFD_NONBLOCK);
	uint8_t isr = 0xff;

	VTEST_EQ(vsim_fn_irq_set(f.pf, 0, fd), 0);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	reg_write(f.pf, "config_msix_vector", 0);
	reg_read(f.pf, "config_msix_vector");
	/* Before DRIVER_OK the device is silent. */
	vsim_fn_link_set(f.pf, false);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, VSIM_REG_ISR, &isr, 1), 0);
	VTEST_EQ(isr, 0);
	driver_ok(f.pf);
	vsim_fn_link_set(f.pf, true);
	VTEST_EQ(events(fd), 1);
	vsim_fn_link_set(f.pf, true);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, VSIM_REG_ISR, &isr, 1), 0);
	VTEST_EQ(isr, VIRTIO_PCI_ISR_CONFIG);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, VSIM_REG_ISR, &isr, 1), 0);
	VTEST_EQ(isr, 0);
	VTEST_EQ(f.pf->counters->config_interrupts, 1);
	VTEST_EQ(violations_all(f.pf), 0);
	close(fd);
	fixture_free(&f);
}

static uint8_t
pba_byte(struct vsim_fn *fn, uint16_t vector)
{
	uint8_t byte = 0;

	VTEST_EQ(vsim_fn_read(fn, VSIM_BAR, VSIM_REG_MSIX_PBA + vector / 8, &byte, 1), 0);
	return byte;
}

static void
masked_vectors_stay_pending(void)
{
	struct fixture f = fixture_make("full");
	uint16_t ctrl = f.nic->layout[0].msix + PCI_MSIX_CTRL;
	uint64_t entry = VSIM_REG_MSIX_TABLE + 2 * PCI_MSIX_ENTRY_LEN;
	int fd = eventfd(0, EFD_NONBLOCK);
	uint32_t value = 0;

	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(le32toh(value), PCI_MSIX_ENTRY_MASKED);
	VTEST_EQ(vsim_fn_irq_set(f.pf, 2, fd), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(le32toh(value), 0);

	value = 0xffffffff;
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(le32toh(value), PCI_MSIX_ENTRY_MASKED);
	vsim_irq_raise(f.pf, 2);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(pba_byte(f.pf, 2), 1 << 2);
	value = 0;
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, entry + PCI_MSIX_ENTRY_CTRL, &value, 4), 0);
	VTEST_EQ(events(fd), 1);
	VTEST_EQ(pba_byte(f.pf, 2), 0);

	config_write(f.pf, ctrl, PCI_MSIX_CTRL_ENABLE | PCI_MSIX_CTRL_FUNCTION_MASK, 2);
	vsim_irq_raise(f.pf, 2);
	VTEST_EQ(events(fd), 0);
	config_write(f.pf, ctrl, PCI_MSIX_CTRL_ENABLE, 2);
	VTEST_EQ(events(fd), 1);
	VTEST_EQ(config_read(f.pf, ctrl, 2), PCI_MSIX_CTRL_ENABLE | (f.nic->nb_vectors - 1));

	/* Address and data keep what was written, the array of pending bits does not. */
	value = htole32(0xfee01000);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, entry, &value, 4), 0);
	value = 0;
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, entry, &value, 4), 0);
	VTEST_EQ(le32toh(value), 0xfee01000);
	value = 0xffffffff;
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, VSIM_REG_MSIX_PBA, &value, 4), 0);
	VTEST_EQ(pba_byte(f.pf, 0), 0);
	VTEST_EQ(violations_all(f.pf), 0);
	close(fd);
	fixture_free(&f);
}

/* ---------------------------------------------------------------- device configuration */

static uint32_t
net_read(struct vsim_fn *fn, uint32_t offset, size_t len)
{
	uint32_t value = 0;

	VTEST_EQ(vsim_fn_read(fn, VSIM_BAR, VSIM_REG_DEVICE + offset, &value, len), 0);
	return le32toh(value);
}
#define NET(field) offsetof(struct virtio_net_config, field)

static void
device_configuration_says_what_was_configured(void)
{
	struct fixture f = fixture_make("full");
	static const uint8_t mac[6] = {0x02, 0, 0, 0, 0xff, 0xf0};

	for (unsigned int i = 0; i < 6; i++)
		VTEST_EQ(net_read(f.pf, i, 1), mac[i]);
	VTEST_EQ(net_read(f.pf, NET(status), 2), VIRTIO_NET_S_LINK_UP);
	VTEST_EQ(net_read(f.pf, NET(max_virtqueue_pairs), 2), 4);
	VTEST_EQ(net_read(f.pf, NET(mtu), 2), 1500);
	VTEST_EQ(net_read(f.pf, NET(speed), 4), 25000);
	VTEST_EQ(net_read(f.pf, NET(duplex), 1), VIRTIO_NET_DUPLEX_FULL);
	VTEST_EQ(violations_all(f.pf), 0);
	/* Byte by byte is served, and counted: mac is bytes, mtu is not. */
	VTEST_EQ(net_read(f.pf, NET(mtu), 1), 1500 & 0xff);
	VTEST_EQ(net_read(f.pf, NET(mtu) + 1, 1), 1500 >> 8);
	VTEST_EQ(violations(f.pf, 5), 2);
	VTEST_EQ(net_read(f.pf, NET(rss_max_key_size), 1), 0);
	VTEST_EQ(violations(f.pf, 57), 1);
	fixture_free(&f);
}

static void
device_configuration_is_read_only(void)
{
	struct fixture f = fixture_make("full");
	uint32_t value = 0;

	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, VSIM_REG_DEVICE, &value, 1), 0);
	VTEST_EQ(violations(f.pf, 96), 1);
	VTEST_EQ(violations(f.pf, 47), 1);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, VSIM_REG_DEVICE + NET(speed), &value, 4), 0);
	VTEST_EQ(violations(f.pf, 96), 2);
	VTEST_EQ(violations(f.pf, 47), 1);
	VTEST_EQ(net_read(f.pf, 0, 1), 0x02);
	VTEST_EQ(net_read(f.pf, NET(speed), 4), 25000);
	fixture_free(&f);
}

static void
absent_fields_read_zero(void)
{
	struct fixture f = fixture_make("minimal");

	for (uint32_t at = 0; at < sizeof(struct virtio_net_config); at++)
		VTEST_EQ(net_read(f.pf, at, 1), 0);
	VTEST(violations(f.pf, 57) > 0);
	fixture_free(&f);
}

static void
generation_changes_with_what_was_read(void)
{
	struct fixture f = fixture_make("full");
	uint32_t generation = reg_read(f.pf, "config_generation");

	VTEST_EQ(reg_read(f.pf, "config_generation"), generation);
	for (int changes = 1; changes <= 512; changes++) {
		uint32_t now;

		/* An even number of flips gives the same bytes, and still is a change. */
		for (int i = 0; i < changes; i++)
			vsim_fn_link_set(f.pf, !f.pf->link_up);
		now = reg_read(f.pf, "config_generation");
		VTEST(now != generation);
		VTEST_EQ(reg_read(f.pf, "config_generation"), now);
		generation = now;
	}
	fixture_free(&f);
}

static void
link_changes_tell_an_announcing_driver(void)
{
	struct fixture f = fixture_make("full");

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	driver_ok(f.pf);
	vsim_fn_link_set(f.pf, false);
	VTEST_EQ(net_read(f.pf, NET(status), 2), 0);
	vsim_fn_link_set(f.pf, true);
	VTEST_EQ(net_read(f.pf, NET(status), 2), VIRTIO_NET_S_LINK_UP | VIRTIO_NET_S_ANNOUNCE);
	/* The request ends with the driver that it was for, the cable stays where it is. */
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(net_read(f.pf, NET(status), 2), VIRTIO_NET_S_LINK_UP);
	vsim_fn_link_set(f.pf, false);
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(net_read(f.pf, NET(status), 2), 0);
	fixture_free(&f);
}

static const struct vtest_case cases[] = {
	{"common_table_has_no_gap_and_no_overlap", common_table_has_no_gap_and_no_overlap},
	{"common_table_agrees_with_the_structure", common_table_agrees_with_the_structure},
	{"net_table_has_no_gap_and_no_overlap", net_table_has_no_gap_and_no_overlap},
	{"only_exact_widths_are_served", only_exact_widths_are_served},
	{"read_only_registers_ignore_writes", read_only_registers_ignore_writes},
	{"halves_of_addresses_come_in_any_order", halves_of_addresses_come_in_any_order},
	{"accesses_outside_the_bar_are_refused", accesses_outside_the_bar_are_refused},
	{"feature_windows_show_32_bits_each", feature_windows_show_32_bits_each},
	{"driver_features_read_back_in_all_windows", driver_features_read_back_in_all_windows},
	{"features_ok_refuses_invalid_subsets", features_ok_refuses_invalid_subsets},
	{"a_vf_does_not_take_sr_iov", a_vf_does_not_take_sr_iov},
	{"a_set_accepted_once_is_accepted_again", a_set_accepted_once_is_accepted_again},
	{"fault_refuses_features_ok", fault_refuses_features_ok},
	{"no_features_after_features_ok", no_features_after_features_ok},
	{"status_steps_are_judged", status_steps_are_judged},
	{"reset_brings_back_every_default", reset_brings_back_every_default},
	{"reset_must_be_waited_for", reset_must_be_waited_for},
	{"set_up_before_its_time_is_counted", set_up_before_its_time_is_counted},
	{"a_queue_that_cannot_run_needs_reset", a_queue_that_cannot_run_needs_reset},
	{"queue_sizes_are_checked", queue_sizes_are_checked},
	{"queues_follow_mq_and_ctrl_vq", queues_follow_mq_and_ctrl_vq},
	{"queues_of_a_nic_without_mq", queues_of_a_nic_without_mq},
	{"an_enabled_queue_is_not_changed", an_enabled_queue_is_not_changed},
	{"queues_run_from_driver_ok_on", queues_run_from_driver_ok_on},
	{"queue_reset_stops_and_forgets", queue_reset_stops_and_forgets},
	{"queue_reset_needs_its_feature", queue_reset_needs_its_feature},
	{"doorbells_of_all_queues_lie_in_the_capability",
			doorbells_of_all_queues_lie_in_the_capability},
	{"doorbells_by_register_access", doorbells_by_register_access},
	{"vectors_are_checked_and_read_back", vectors_are_checked_and_read_back},
	{"isr_is_cleared_by_reading", isr_is_cleared_by_reading},
	{"masked_vectors_stay_pending", masked_vectors_stay_pending},
	{"device_configuration_says_what_was_configured",
			device_configuration_says_what_was_configured},
	{"device_configuration_is_read_only", device_configuration_is_read_only},
	{"absent_fields_read_zero", absent_fields_read_zero},
	{"generation_changes_with_what_was_read", generation_changes_with_what_was_read},
	{"link_changes_tell_an_announcing_driver", link_changes_tell_an_announcing_driver},
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
