/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Negotiation and status machine of the simulated NIC: virtio 1.4 2.1, 2.2 and 3.1. */

#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "test/fixture/vsim_fixture.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))
#define ACK VIRTIO_STATUS_ACKNOWLEDGE
#define DRV VIRTIO_STATUS_DRIVER
#define FOK VIRTIO_STATUS_FEATURES_OK
#define DOK VIRTIO_STATUS_DRIVER_OK

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
	/* A later write can also clear bits. */
	reg_write(f.pf, "driver_feature_select", 2);
	reg_write(f.pf, "driver_feature", 0x8);
	VTEST_EQ(reg_read(f.pf, "driver_feature"), 0x8);
	VTEST_EQ(violations_all(f.pf), 0);
	reg_write(f.pf, "driver_feature_select", 4);
	reg_write(f.pf, "driver_feature", 0);
	VTEST_EQ(violations_all(f.pf), 0);
	reg_write(f.pf, "driver_feature", 1);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_ACCEPTED_FEATURES), 1);
	VTEST_EQ(reg_read(f.pf, "driver_feature"), 0);
	fixture_free(&f);
}

static void
features_ok_refuses_invalid_subsets(void)
{
	const struct {
		const char *profile;
		struct vsim_features features;
		enum virtio_rule rule;
	} rows[] = {
		{ "full", FEATURES(VIRTIO_F_VERSION_1), VIRTIO_RULE_NONE },
		{ "full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_SR_IOV), VIRTIO_RULE_NONE },
		{ "full", FEATURES(VIRTIO_F_ACCESS_PLATFORM), VIRTIO_RULE_VERSION_1 },
		{ "full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MQ),
				VIRTIO_RULE_ACCEPTED_FEATURES },
		{ "full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_RX),
				VIRTIO_RULE_ACCEPTED_FEATURES },
		{ "full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ADMIN_VQ), VIRTIO_RULE_NONE },
		/* Of no use without CTRL_VQ; 5.1.4.2 has only a SHOULD NOT. */
		{ "full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_RX_EXTRA),
				VIRTIO_RULE_NONE },
		{ "ifc", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ADMIN_VQ),
				VIRTIO_RULE_ACCEPTED_FEATURES },
		{ "full", FEATURES(VIRTIO_F_VERSION_1, 127), VIRTIO_RULE_ACCEPTED_FEATURES },
		{ "full", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_IPSEC),
				VIRTIO_RULE_ACCEPTED_FEATURES },
		{ "minimal", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_RING_PACKED),
				VIRTIO_RULE_ACCEPTED_FEATURES },
		{ "bluefield", FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_IN_ORDER),
				VIRTIO_RULE_ACCEPTED_FEATURES },
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
	VTEST_EQ(violations(vf, VIRTIO_RULE_SR_IOV), 1);
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
	/* A driver that goes on regardless breaks VIRTIO_RULE_FEATURES_REFUSED, and does
	 * not get DRIVER_OK. */
	reg_write(f.pf, "device_status", ACK | DRV | FOK | DOK);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_FEATURES_REFUSED), 1);
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
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_INIT_ORDER), 1);
	VTEST_EQ(reg_read(f.pf, "driver_feature"), 0);
	VTEST(!vsim_features_has(&f.pf->accepted, VIRTIO_NET_F_MAC));
	fixture_free(&f);
}

/* ---------------------------------------------------------------- status */

static void
status_steps_are_judged(void)
{
	/* The writes in order, each followed by a read of the status if reread is set, and the
	 * final status. VERSION_1 is accepted after the first write that sets DRIVER. */
	static const struct {
		const char *what;
		uint8_t steps[6];
		bool reread;
		uint8_t end;
		enum virtio_rule rule;
		unsigned int count;
	} rows[] = {
		{ "in order", { ACK, ACK | DRV, ACK | DRV | FOK, ACK | DRV | FOK | DOK }, true,
				ACK | DRV | FOK | DOK, VIRTIO_RULE_NONE, 0 },
		{ "first two at once", { ACK | DRV, ACK | DRV | FOK }, true, ACK | DRV | FOK,
				VIRTIO_RULE_NONE, 0 },
		{ "no acknowledge", { DRV, DRV | FOK }, true, DRV | FOK, VIRTIO_RULE_INIT_ORDER,
				1 },
		{ "no re-read", { ACK, ACK | DRV, ACK | DRV | FOK, ACK | DRV | FOK | DOK }, false,
				ACK | DRV | FOK | DOK, VIRTIO_RULE_INIT_ORDER, 1 },
		{ "no features", { ACK, ACK | DRV, ACK | DRV | DOK }, true, ACK | DRV,
				VIRTIO_RULE_INIT_ORDER, 1 },
		{ "bit cleared", { ACK, ACK | DRV, DRV }, true, ACK | DRV, VIRTIO_RULE_STATUS_BITS,
				1 },
		{ "failed", { ACK, ACK | DRV, ACK | DRV | VIRTIO_STATUS_FAILED }, true,
				ACK | DRV | VIRTIO_STATUS_FAILED, VIRTIO_RULE_NONE, 0 },
		{ "on after failed",
				{ ACK, ACK | VIRTIO_STATUS_FAILED,
						ACK | VIRTIO_STATUS_FAILED | DRV },
				true, ACK | VIRTIO_STATUS_FAILED, VIRTIO_RULE_STATUS_BITS, 1 },
		{ "device's bits",
				{ ACK,
						ACK | VIRTIO_STATUS_NEEDS_RESET |
								VIRTIO_STATUS_SUSPEND | 0x20 },
				true, ACK, VIRTIO_RULE_NONE, 0 },
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
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_RESET_WAIT), 0);
	reg_write(f.pf, "device_status", ACK);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_RESET_WAIT), 1);
	reg_write(f.pf, "device_status", ACK | DRV);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_RESET_WAIT), 1);
	fixture_free(&f);
}

static void
set_up_before_its_time_is_counted(void)
{
	struct fixture f = fixture_make("full");

	reg_write(f.pf, "device_status", ACK);
	reg_write(f.pf, "driver_feature", 0);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_INIT_ORDER), 1);
	reg_write(f.pf, "queue_size", 64);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_INIT_ORDER), 2);
	reg_write(f.pf, "queue_enable", 1);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_INIT_ORDER), 3);
	VTEST_EQ(reg_read(f.pf, "queue_enable"), 0);
	VTEST_EQ(violations_all(f.pf), 3);
	fixture_free(&f);
}

static void
features_written_again_are_not_new(void)
{
	const struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_MAC);
	const struct {
		uint32_t window, value;
		unsigned int counted;
	} rows[] = {
		{ 0, 1u << VIRTIO_NET_F_MAC, 0 },
		{ 0, 0, 0 },
		{ 1, 1, 0 },
		{ 0, 1u << VIRTIO_NET_F_MAC | 1u << VIRTIO_NET_F_STATUS, 1 },
		{ 9, 0, 1 },
	};
	struct fixture f = fixture_make("full");

	VTEST(driver_negotiate(f.pf, &features));
	for (size_t i = 0; i < NB(rows); i++) {
		reg_write(f.pf, "driver_feature_select", rows[i].window);
		reg_write(f.pf, "driver_feature", rows[i].value);
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_INIT_ORDER), rows[i].counted);
		VTEST_EQ(violations_all(f.pf), rows[i].counted);
	}
	VTEST(f.pf->accepted.w[0] == features.w[0]);
	fixture_free(&f);
}

static void
a_queue_that_cannot_run_needs_reset(void)
{
	struct fixture f = fixture_make("full");
	int fd = eventfd(0, EFD_NONBLOCK);
	eventfd_t told = 0;

	VTEST_EQ(vsim_fn_irq_set(f.pf, 3, fd), 0);
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	reg_write(f.pf, "config_msix_vector", 3);
	reg_read(f.pf, "config_msix_vector");
	driver_queue(f.pf, 0, 64);
	vsim_fn_dma_unmap_all(f.pf);
	driver_ok(f.pf);
	VTEST(reg_read(f.pf, "device_status") & VIRTIO_STATUS_NEEDS_RESET);
	VTEST(reg_read(f.pf, "device_status") & DOK);
	VTEST(eventfd_read(fd, &told) == 0 && told == 1);
	VTEST_EQ(f.pf->isr, VIRTIO_PCI_ISR_CONFIG);
	reg_write(f.pf, "device_status", 0);
	VTEST_EQ(reg_read(f.pf, "device_status"), 0);
	close(fd);
	fixture_free(&f);
}

static const struct vtest_case cases[] = {
	{ "feature_windows_show_32_bits_each", feature_windows_show_32_bits_each },
	{ "driver_features_read_back_in_all_windows", driver_features_read_back_in_all_windows },
	{ "features_ok_refuses_invalid_subsets", features_ok_refuses_invalid_subsets },
	{ "a_vf_does_not_take_sr_iov", a_vf_does_not_take_sr_iov },
	{ "a_set_accepted_once_is_accepted_again", a_set_accepted_once_is_accepted_again },
	{ "fault_refuses_features_ok", fault_refuses_features_ok },
	{ "no_features_after_features_ok", no_features_after_features_ok },
	{ "status_steps_are_judged", status_steps_are_judged },
	{ "reset_brings_back_every_default", reset_brings_back_every_default },
	{ "reset_must_be_waited_for", reset_must_be_waited_for },
	{ "set_up_before_its_time_is_counted", set_up_before_its_time_is_counted },
	{ "features_written_again_are_not_new", features_written_again_are_not_new },
	{ "a_queue_that_cannot_run_needs_reset", a_queue_that_cannot_run_needs_reset },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
