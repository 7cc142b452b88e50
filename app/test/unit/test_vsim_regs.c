/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Registers of the simulated NIC in its BAR: the tables, queues, vectors. virtio 1.4 4.1.4. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test/fixture/vsim_fixture.h"
#include "vsim/regs/vsim_bar.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))

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
			uint64_t before = violations(f.pf, VIRTIO_RULE_NATURAL_WIDTH);
			uint8_t data[4] = { 0 }, ones[4] = { 0xff, 0xff, 0xff, 0xff };
			bool exact = false;
			int ret;

			for (size_t i = 0; i < vsim_nb_common_regs; i++)
				exact = exact ||
						(vsim_common_regs[i].offset == at &&
								vsim_common_regs[i].width == len);
			ret = vsim_fn_read(f.pf, VSIM_BAR, VSIM_REG_COMMON + at, data, len);
			VTEST_EQ(ret, exact ? 0 : -EINVAL);
			VTEST_EQ(violations(f.pf, VIRTIO_RULE_NATURAL_WIDTH) - before,
					exact ? 0 : 1);
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
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_READ_ONLY), ++counted);
	}
	VTEST_EQ(counted, 5);
	/* The specification does not forbid a write to these two. */
	reg_write(f.pf, "admin_queue_index", 1);
	reg_write(f.pf, "admin_queue_num", 1);
	VTEST_EQ(reg_read(f.pf, "admin_queue_num"), 0);
	VTEST_EQ(violations_all(f.pf), counted);
	fixture_free(&f);
}

static void
halves_of_addresses_come_in_any_order(void)
{
	static const char *const names[] = { "queue_desc", "queue_driver", "queue_device" };
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
					 &value, 8),
				0);
		VTEST(value == want);
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_NATURAL_WIDTH), i + 1); /* the 8-byte read */
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
	/* Gaps of the register page read as zero and break no rule. */
	value = 0xffffffff;
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, 0xa80, &value, 4), 0);
	VTEST_EQ(vsim_fn_read(f.pf, VSIM_BAR, 0xa80, &value, 4), 0);
	VTEST_EQ(value, 0);
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
		{ false, 128, 128, 0 },
		{ false, 1, 1, 0 },
		{ false, 0, 256, 1 },
		{ false, 100, 256, 1 },
		{ false, 512, 256, 0 }, /* more than the device has: no rule forbids it */
		{ true, 100, 100, 0 },
		{ true, 0, 256, 1 },
		{ true, 257, 256, 0 },
		{ true, 256, 256, 0 },
	};
	const struct vsim_features split = FEATURES(VIRTIO_F_VERSION_1);
	const struct vsim_features packed = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_RING_PACKED);

	for (size_t i = 0; i < NB(rows); i++) {
		struct fixture f = fixture_make("full");

		VTEST(driver_negotiate(f.pf, rows[i].packed ? &packed : &split));
		reg_write(f.pf, "queue_size", rows[i].write);
		VTEST_EQ(reg_read(f.pf, "queue_size"), rows[i].read);
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_QUEUE_SIZE), rows[i].count);
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
		{ FEATURES(VIRTIO_F_VERSION_1), 2, VSIM_MAX_QUEUES },
		{ FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_VQ), 3, 2 },
		{ FEATURES(VIRTIO_F_VERSION_1, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ), 9, 8 },
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
	static const char *const fields[] = { "queue_size", "queue_desc_lo", "queue_desc_hi",
		"queue_driver_lo", "queue_device_hi" };
	struct fixture f = fixture_make("full");

	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	driver_queue(f.pf, 1, 64);
	VTEST_EQ(reg_read(f.pf, "queue_enable"), 1);
	for (size_t i = 0; i < NB(fields); i++) {
		uint32_t before = reg_read(f.pf, fields[i]);

		reg_write(f.pf, fields[i], 32);
		VTEST_EQ(reg_read(f.pf, fields[i]), before);
		VTEST_EQ(violations(f.pf, VIRTIO_RULE_ENABLE_LAST), i + 1);
	}
	reg_write(f.pf, "queue_enable", 0);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_ENABLE_NOT_ZERO), 1);
	reg_write(f.pf, "queue_enable", 2); /* only 0 is forbidden */
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_ENABLE_NOT_ZERO), 1);
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

	/* Enabled again without a read of queue_reset */
	reg_write(f.pf, "queue_reset", 1);
	driver_queue(f.pf, 1, 32);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_QUEUE_RESET_WAIT), 1);
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
	const uint16_t nb = 2 * VSIM_MAX_QUEUE_PAIRS + 1;
	struct fixture f;

	conf.queue_pairs = VSIM_MAX_QUEUE_PAIRS;
	f = fixture_from(&conf);
	VTEST_EQ(reg_read(f.pf, "num_queues"), nb);
	VTEST_EQ(vsim_fn_nb_vectors(f.pf), 2 * VSIM_MAX_QUEUE_PAIRS + 2);
	for (uint16_t qi = 0; qi < nb; qi++) {
		uint64_t off;

		reg_write(f.pf, "queue_select", qi);
		off = (uint64_t)reg_read(f.pf, "queue_notify_off") * vsim_notify_multiplier(f.nic);
		VTEST(off + 4 <= f.pf->mem_size);
		VTEST_EQ(reg_read(f.pf, "queue_notif_config_data"), qi + 0x100);
	}
	VTEST(VSIM_BAR_DOORBELLS + f.pf->mem_size <= vsim_fn_region_size(f.pf, VSIM_BAR));
	fixture_free(&f);
}

/* A page can be mapped for one queue alone: no other doorbell is on the page. */
static void
with_page_per_vq_each_doorbell_has_its_page(void)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	const uint16_t nb = 2 * VSIM_MAX_QUEUE_PAIRS + 1, admin = VSIM_MAX_ADMIN_QUEUES;
	struct fixture f;
	uint64_t last;

	conf.page_per_vq = true;
	conf.queue_pairs = VSIM_MAX_QUEUE_PAIRS;
	conf.admin_queues = VSIM_MAX_ADMIN_QUEUES;
	f = fixture_from(&conf);
	last = f.pf->mem_size - VSIM_DOORBELL_PAGE;
	VTEST(driver_negotiate(f.pf, &f.pf->offered));
	VTEST_EQ(reg_read(f.pf, "admin_queue_index"), nb);
	for (uint16_t qi = 0; qi < nb + admin; qi++) {
		uint64_t at;

		reg_write(f.pf, "queue_select", qi);
		VTEST(reg_read(f.pf, "queue_size") > 0);
		at = (uint64_t)reg_read(f.pf, "queue_notify_off") * 4096;
		VTEST_EQ(at, 4096 * (uint64_t)qi);
		VTEST(at + 4096 <= last);
		/* Where the queue looks for its doorbell. */
		VTEST_EQ((uint8_t *)vsim_queue_doorbell_word(f.pf, qi) - (uint8_t *)f.pf->doorbells,
				(ptrdiff_t)at);
	}
	VTEST(vsim_legacy_doorbell(f.nic, VSIM_LEGACY_OWNER_DOORBELLS) >= last);
	VTEST(VSIM_BAR_DOORBELLS + f.pf->mem_size <= vsim_fn_region_size(f.pf, VSIM_BAR));
	for (uint64_t at = 0; at < f.pf->mem_size; at += 4)
		VTEST_EQ(f.pf->doorbells[at / 4], VSIM_DOORBELL_IDLE);
	VTEST_EQ(violations_all(f.pf), 0);
	fixture_free(&f);
}

static void
doorbells_by_register(bool page_per_vq)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct fixture f;
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);
	uint64_t at;
	uint16_t value = htole16(1);

	conf.page_per_vq = page_per_vq;
	f = fixture_from(&conf);
	VTEST(driver_negotiate(f.pf, &features));
	driver_queue(f.pf, 1, 64);
	at = VSIM_BAR_DOORBELLS +
			(uint64_t)reg_read(f.pf, "queue_notify_off") *
					vsim_notify_multiplier(f.nic);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, at, &value, 2), 0);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_DOORBELL_EARLY), 1);
	driver_ok(f.pf);
	VTEST_EQ(f.pf->counters->queue[1].doorbells, 0);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, at, &value, 2), 0);
	vsim_worker_poll(f.nic, 0);
	VTEST_EQ(f.pf->counters->queue[1].doorbells, 1);
	VTEST_EQ(vsim_fn_write(f.pf, VSIM_BAR, at, &value, 1), -EINVAL);
	VTEST_EQ(violations(f.pf, VIRTIO_RULE_DOORBELL_WIDTH), 1);
	VTEST_EQ(violations_all(f.pf), 2);
	fixture_free(&f);
}

static void
doorbells_by_register_access(void)
{
	doorbells_by_register(false);
	doorbells_by_register(true);
}

static const struct vtest_case cases[] = {
	{ "with_page_per_vq_each_doorbell_has_its_page",
			with_page_per_vq_each_doorbell_has_its_page },
	{ "common_table_has_no_gap_and_no_overlap", common_table_has_no_gap_and_no_overlap },
	{ "common_table_agrees_with_the_structure", common_table_agrees_with_the_structure },
	{ "net_table_has_no_gap_and_no_overlap", net_table_has_no_gap_and_no_overlap },
	{ "only_exact_widths_are_served", only_exact_widths_are_served },
	{ "read_only_registers_ignore_writes", read_only_registers_ignore_writes },
	{ "halves_of_addresses_come_in_any_order", halves_of_addresses_come_in_any_order },
	{ "accesses_outside_the_bar_are_refused", accesses_outside_the_bar_are_refused },
	{ "queue_sizes_are_checked", queue_sizes_are_checked },
	{ "queues_follow_mq_and_ctrl_vq", queues_follow_mq_and_ctrl_vq },
	{ "queues_of_a_nic_without_mq", queues_of_a_nic_without_mq },
	{ "an_enabled_queue_is_not_changed", an_enabled_queue_is_not_changed },
	{ "queues_run_from_driver_ok_on", queues_run_from_driver_ok_on },
	{ "queue_reset_stops_and_forgets", queue_reset_stops_and_forgets },
	{ "queue_reset_needs_its_feature", queue_reset_needs_its_feature },
	{ "doorbells_of_all_queues_lie_in_the_capability",
			doorbells_of_all_queues_lie_in_the_capability },
	{ "doorbells_by_register_access", doorbells_by_register_access },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
