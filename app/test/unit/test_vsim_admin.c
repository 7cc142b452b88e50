/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The device side of the admin queue: its checks, the order of its answers, and its faults. */

#include <string.h>

#include "vsim/admin/vsim_admin_call.h"
#include "vsim/core/vsim_event.h"
#include "test/fixture/vsim_owner.h"

#define NB(a) (sizeof(a) / sizeof((a)[0]))
#define SELF VIRTIO_ADMIN_GROUP_SELF
#define SRIOV VIRTIO_ADMIN_GROUP_SRIOV
#define STATUS_EINVAL VIRTIO_ADMIN_STATUS_EINVAL

static struct owner
owner_with(uint16_t vfs)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct owner o = owner_make(&conf);

	if (vfs > 0)
		vfs_make(&o.f, vfs);
	return o;
}

static uint64_t
list_of(struct owner *o, uint16_t group)
{
	virtio_le64 list;

	VTEST_EQ(owner_send(o, VIRTIO_ADMIN_LIST_QUERY, group, 0, NULL, 0, 8), 0);
	memcpy(&list, owner_result(o), sizeof(list));
	return le64toh(list);
}

static int
use(struct owner *o, uint16_t group, uint64_t list)
{
	virtio_le64 raw = htole64(list);

	return owner_send(o, VIRTIO_ADMIN_LIST_USE, group, 0, &raw, sizeof(raw), 0);
}

static void
admin_queues_stand_behind_all_others(void)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ADMIN_VQ);
	struct fixture f;

	conf.admin_queues = 3;
	f = fixture_from(&conf);
	/* No admin queue before negotiation (virtio 1.4 4.1.4.3.2), and none in a VF. */
	VTEST_EQ(reg_read(f.pf, "admin_queue_num"), 0);
	VTEST(driver_negotiate(f.pf, &features));
	VTEST_EQ(reg_read(f.pf, "admin_queue_num"), 3);
	VTEST_EQ(reg_read(f.pf, "admin_queue_index"), reg_read(f.pf, "num_queues"));
	reg_write(f.pf, "queue_select", reg_read(f.pf, "admin_queue_index") + 2);
	VTEST_EQ(reg_read(f.pf, "queue_size"), 256);
	reg_write(f.pf, "queue_select", reg_read(f.pf, "admin_queue_index") + 3);
	VTEST_EQ(reg_read(f.pf, "queue_size"), 0);
	features = FEATURES(VIRTIO_F_VERSION_1);
	VTEST(driver_negotiate(f.pf, &features));
	VTEST_EQ(reg_read(f.pf, "admin_queue_num"), 0);
	VTEST(!vsim_features_has(&vfs_make(&f, 1)->offered, VIRTIO_F_ADMIN_VQ));
	fixture_free(&f);
}

static void
checks_come_in_the_order_of_the_specification(void)
{
	static const struct {
		uint16_t opcode, group;
		uint64_t member;
		int qualifier;
	} rows[] = {
		/* group before opcode before member */
		{ 0x77, 2, 99, VIRTIO_ADMIN_QUALIFIER_INVALID_GROUP },
		{ 0x00, 0xffff, 0, VIRTIO_ADMIN_QUALIFIER_INVALID_GROUP },
		{ 0x77, SRIOV, 99, VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE },
		{ 0x12, SRIOV, 1, VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE },
		{ 0xffff, SRIOV, 1, VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE },
		{ 0x03, SELF, 0, VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE },
		{ 0x03, SRIOV, 0, VIRTIO_ADMIN_QUALIFIER_INVALID_MEMBER },
		{ 0x03, SRIOV, 3, VIRTIO_ADMIN_QUALIFIER_INVALID_MEMBER },
		{ 0x03, SRIOV, UINT64_MAX, VIRTIO_ADMIN_QUALIFIER_INVALID_MEMBER },
		{ 0x07, SELF, 1, VIRTIO_ADMIN_QUALIFIER_INVALID_MEMBER },
		{ 0x07, SRIOV, 1, VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE },
		/* then the data: 4 bytes at 12 are two registers */
		{ 0x03, SRIOV, 1, VIRTIO_ADMIN_QUALIFIER_INVALID_FIELD },
	};
	struct owner o = owner_with(2);
	uint8_t offset = 12;

	owner_agree(&o, SELF);
	owner_agree(&o, SRIOV);
	for (size_t i = 0; i < NB(rows); i++) {
		VTEST_EQ(owner_send(&o, rows[i].opcode, rows[i].group, rows[i].member, &offset, 1,
					 4),
				STATUS_EINVAL);
		VTEST_EQ(owner_qualifier(&o), rows[i].qualifier);
	}
	/* No command set DEVICE_NEEDS_RESET (virtio 1.4 2.12.1.3). */
	VTEST(!(o.f.pf->status & VIRTIO_STATUS_NEEDS_RESET));
	VTEST_EQ(legacy_get(&o, 2, false, 18, 1), 0);
	owner_free(&o);
}

static void
only_lists_before_a_list_is_used(void)
{
	struct owner o = owner_with(1);

	VTEST_EQ(legacy_get(&o, 1, false, 0, 4), -STATUS_EINVAL);
	VTEST_EQ(owner_qualifier(&o), VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE);
	VTEST_EQ(violations(o.f.pf, VIRTIO_RULE_LIST_USE_FIRST), 1);
	/* Each group has its own list. */
	owner_agree(&o, SELF);
	VTEST_EQ(legacy_get(&o, 1, false, 0, 4), -STATUS_EINVAL);
	owner_agree(&o, SRIOV);
	VTEST(legacy_get(&o, 1, false, 0, 4) > 0);
	/* A later list replaces the earlier list. */
	VTEST_EQ(use(&o, SRIOV, VIRTIO_ADMIN_LIST_BASIC), 0);
	VTEST_EQ(legacy_get(&o, 1, false, 0, 4), -STATUS_EINVAL);
	owner_free(&o);
}

static void
invalid_lists_are_refused(void)
{
	static const uint64_t bad[] = {
		VIRTIO_ADMIN_LIST_BASIC | UINT64_C(1) << 18, /* not offered */
		VIRTIO_ADMIN_LIST_BASIC | UINT64_C(1) << 63,
		VIRTIO_ADMIN_LIST_BASIC | 0x80, /* offered, but not for this group */
	};
	struct owner o = owner_with(1);
	virtio_le64 wide[2] = { htole64(VIRTIO_ADMIN_LIST_BASIC), htole64(1) };

	VTEST_EQ(list_of(&o, SRIOV), 0x3fc7f);
	VTEST_EQ(list_of(&o, SELF), 0x383);
	for (size_t i = 0; i < NB(bad); i++) {
		VTEST_EQ(use(&o, SRIOV, bad[i]), STATUS_EINVAL);
		VTEST_EQ(owner_qualifier(&o), VIRTIO_ADMIN_QUALIFIER_INVALID_FIELD);
		VTEST_EQ(violations(o.f.pf, VIRTIO_RULE_LIST_USE), i + 1);
	}
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_LIST_USE, SRIOV, 0, wide, sizeof(wide), 0),
			STATUS_EINVAL);
	wide[1] = 0; /* more words are allowed if they are zero */
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_LIST_USE, SRIOV, 0, wide, sizeof(wide), 0), 0);
	owner_free(&o);
}

/* virtio 1.4 2.12.1: the list is what the driver uses, any subset of what the device supports. */
static void
a_driver_may_leave_out_any_command(void)
{
	struct owner o = owner_with(1);
	const uint64_t offered = list_of(&o, SRIOV);

	for (unsigned int opcode = 2; opcode < 64; opcode++) {
		const uint64_t bit = UINT64_C(1) << opcode;

		if (!(offered & bit))
			continue;
		VTEST_EQ(use(&o, SRIOV, VIRTIO_ADMIN_LIST_BASIC | bit), 0);
		VTEST_EQ(use(&o, SRIOV, offered & ~bit), 0);
	}
	/* A list without the list commands ends with the next reset (2.12.1.6). */
	VTEST_EQ(use(&o, SRIOV, VIRTIO_ADMIN_LIST_LEGACY), 0);
	VTEST_EQ(violations_all(o.f.pf), 0);
	VTEST(legacy_get(&o, 1, false, 0, 4) > 0);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_LIST_QUERY, SRIOV, 0, NULL, 0, 8), STATUS_EINVAL);
	VTEST_EQ(owner_qualifier(&o), VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE);
	owner_free(&o);
}

/* What Linux 6.14 to 7.3 sends when its driver takes a PF (virtio_pci_modern.c), each part in a
 * segment of its own. */
static void
linux_finds_lists_and_capabilities(void)
{
	static const struct {
		uint8_t out[34];
		uint8_t out_len, in_len, want[16];
	} rows[] = {
		{ { VIRTIO_ADMIN_LIST_QUERY, 0, SRIOV }, 24, 16,
				{ 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0x03 } },
		/* All but RESOURCE_OBJ_QUERY and RESOURCE_OBJ_MODIFY. */
		{ { VIRTIO_ADMIN_LIST_USE, 0, SRIOV, [24] = 0xff, 0xe7, 0x03 }, 32, 8, { 0 } },
		{ { VIRTIO_ADMIN_CAP_ID_LIST_QUERY }, 24, 16, { [8] = 1 } },
		{ { VIRTIO_ADMIN_DEVICE_CAP_GET }, 32, 10, { [8] = 16, 16 } },
		{ { VIRTIO_ADMIN_DRIVER_CAP_SET, [32] = 16, 16 }, 34, 8, { 0 } },
	};
	struct vsim_nic_conf conf = fixture_conf("full");
	struct owner o;
	uint16_t id;

	conf.lenient.early_lists = true;
	conf.lenient.unlisted_caps = true;
	o = owner_make(&conf);
	for (size_t i = 0; i < NB(rows); i++) {
		owner_post(&o, rows[i].out, rows[i].out_len, rows[i].in_len, 8);
		VTEST(owner_reap(&o, &id));
		VTEST_EQ(o.used, rows[i].in_len);
		VTEST(memcmp(o.answer, rows[i].want, rows[i].in_len) == 0);
	}
	VTEST_EQ(violations_all(o.f.pf), 0);
	VTEST_EQ(o.f.pf->counters->admin_errors, 0);
	/* The capability commands are in the list, but no VF has capabilities. */
	vfs_make(&o.f, 1);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_CAP_ID_LIST_QUERY, SRIOV, 1, NULL, 0, 8),
			STATUS_EINVAL);
	VTEST_EQ(owner_qualifier(&o), VIRTIO_ADMIN_QUALIFIER_INVALID_GROUP);
	owner_free(&o);
}

static void
the_group_of_vfs_comes_and_goes_with_them(void)
{
	struct owner o = owner_with(0);
	const uint16_t control = o.f.nic->layout[0].sriov + offsetof(struct pci_sriov_cap, control);

	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_LIST_QUERY, SRIOV, 0, NULL, 0, 8), STATUS_EINVAL);
	VTEST_EQ(owner_qualifier(&o), VIRTIO_ADMIN_QUALIFIER_INVALID_GROUP);
	vfs_make(&o.f, 2);
	owner_agree(&o, SRIOV);
	VTEST(legacy_get(&o, 2, false, 0, 4) > 0);
	config_write(o.f.pf, control, 0, 2);
	VTEST_EQ(legacy_get(&o, 2, false, 0, 4), -STATUS_EINVAL);
	VTEST_EQ(owner_qualifier(&o), VIRTIO_ADMIN_QUALIFIER_INVALID_GROUP);
	/* New VFs start with the initial list. */
	vfs_make(&o.f, 2);
	VTEST_EQ(legacy_get(&o, 2, false, 0, 4), -STATUS_EINVAL);
	VTEST_EQ(owner_qualifier(&o), VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE);
	owner_agree(&o, SRIOV);
	VTEST(legacy_get(&o, 2, false, 0, 4) > 0);
	owner_free(&o);
}

static void
lenient_devices_take_what_known_drivers_do(void)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct owner o;

	conf.lenient.early_lists = true;
	conf.lenient.unlisted_caps = true;
	o = owner_make(&conf);
	owner_agree(&o, SRIOV);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_CAP_ID_LIST_QUERY, SELF, 0, NULL, 0, 8), 0);
	vfs_make(&o.f, 1);
	VTEST(legacy_get(&o, 1, false, 0, 4) > 0);
	/* A lenient device refuses everything else. */
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_LEGACY_NOTIFY_INFO, SELF, 0, NULL, 0, 64),
			STATUS_EINVAL);
	owner_free(&o);
}

static void
a_reset_of_the_owner_takes_lists_back_and_leaves_vfs(void)
{
	struct owner o = owner_with(1);
	struct vsim_fn *vf = vsim_nic_fn(o.f.nic, 1);

	owner_agree(&o, SRIOV);
	VTEST_EQ(legacy_put_value(&o, 1, LEGACY(device_status), 3, 1), 0);
	o.turn = 0;
	owner_start(&o, NULL);
	VTEST_EQ(vf->status, 3);
	VTEST_EQ(legacy_get(&o, 1, false, 18, 1), -STATUS_EINVAL);
	VTEST_EQ(owner_qualifier(&o), VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE);
	owner_agree(&o, SRIOV);
	VTEST_EQ(legacy_get(&o, 1, false, 18, 1), 3);
	owner_free(&o);
}

static void
lengths_alone_fail_nothing(void)
{
	struct owner o = owner_with(1);
	uint8_t out[200] = { 0 };
	uint16_t id;

	/* Segments of any size. */
	for (uint32_t cut = 4; cut < 40; cut += 7) {
		owner_post(&o, out, 24, 16, cut);
		VTEST(owner_reap(&o, &id));
		VTEST_EQ(o.used, 16);
		VTEST_EQ(owner_result(&o)[0], 0x83);
	}
	/* A short command: missing bytes read as zero, so this is LIST_QUERY of SELF. */
	owner_post(&o, out, 1, 16, OWNER_BUF);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(o.answer[0], 0);
	VTEST_EQ(owner_result(&o)[0], 0x83);
	/* A long command: the device ignores more bytes, and writes nothing after the result. */
	owner_post(&o, out, 200, 300, OWNER_BUF);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(o.used, 16);
	VTEST_EQ(o.answer[16], 0xee);
	/* No room for the result, or not even for all of the status. */
	owner_post(&o, out, 24, 8, OWNER_BUF);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(o.used, 8);
	VTEST_EQ(o.answer[0], 0);
	owner_post(&o, out, 24, 2, OWNER_BUF);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(o.used, 2);
	VTEST_EQ(o.answer[2], 0xee);
	VTEST_EQ(violations_all(o.f.pf), 0);
	owner_free(&o);
}

static void
eagain_changes_nothing(void)
{
	struct vsim_faults faults = { .admin_eagain = 2 };
	struct owner o = owner_with(1);

	owner_agree(&o, SRIOV);
	vsim_nic_faults(o.f.nic, &faults);
	for (int i = 0; i < 2; i++) {
		VTEST_EQ(legacy_put_value(&o, 1, LEGACY(device_status), 1, 1),
				VIRTIO_ADMIN_STATUS_EAGAIN);
		VTEST_EQ(owner_qualifier(&o), VIRTIO_ADMIN_QUALIFIER_TRYAGAIN);
		VTEST_EQ(vsim_nic_fn(o.f.nic, 1)->status, 0);
	}
	VTEST_EQ(legacy_put_value(&o, 1, LEGACY(device_status), 1, 1), 0);
	VTEST_EQ(vsim_nic_fn(o.f.nic, 1)->status, 1);
	owner_free(&o);
}

static void
other_faults_have_their_effect(void)
{
	struct vsim_faults faults = { .admin_status = 77 };
	struct owner o = owner_with(1);
	uint8_t out[24] = { 0 };
	uint16_t id, second;

	vsim_nic_faults(o.f.nic, &faults);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_LIST_QUERY, SELF, 0, NULL, 0, 8), 77);
	faults = (struct vsim_faults){ .admin_short = 6 };
	vsim_nic_faults(o.f.nic, &faults);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_LIST_QUERY, SELF, 0, NULL, 0, 8), 0);
	VTEST_EQ(o.used, 10);
	/* A lost answer never arrives, later answers arrive. */
	faults = (struct vsim_faults){ .admin_lose = 1 };
	vsim_nic_faults(o.f.nic, &faults);
	owner_post(&o, out, 24, 16, OWNER_BUF);
	second = owner_post(&o, out, 24, 16, OWNER_BUF);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(id, second);
	/* Faults of some opcodes only. */
	faults = (struct vsim_faults){ .admin_status = 77,
		.admin_opcodes = UINT64_C(1) << VIRTIO_ADMIN_LIST_USE };
	vsim_nic_faults(o.f.nic, &faults);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_LIST_QUERY, SELF, 0, NULL, 0, 8), 0);
	VTEST_EQ(use(&o, SELF, VIRTIO_ADMIN_LIST_BASIC), 77);
	/* Delayed answers arrive late. */
	faults = (struct vsim_faults){ .admin_delay_us = 20000 };
	vsim_nic_faults(o.f.nic, &faults);
	owner_post(&o, out, 24, 16, OWNER_BUF);
	for (int i = 0; i < 10; i++)
		vsim_worker_poll(o.f.nic, 0);
	VTEST(!ring_reap(&o.ring, &id, &o.used));
	VTEST(owner_reap(&o, &id));
	owner_free(&o);
}

/* Post a reset of a VF, or a read of its status. */
static uint16_t
post_status(struct owner *o, uint64_t vf, bool reset)
{
	uint8_t out[24 + 9] = { reset ? VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE :
					VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ,
		0, SRIOV };

	out[16] = vf;
	out[24] = LEGACY(device_status);
	return owner_post(o, out, reset ? 33 : 25, reset ? 8 : 9, OWNER_BUF);
}

static void
a_slow_reset_is_over_when_it_is_answered_and_blocks_no_other(void)
{
	struct vsim_faults faults = { .reset_us = 30000 };
	struct owner o = owner_with(2);
	uint16_t reset, same, other, id;

	owner_agree(&o, SRIOV);
	VTEST_EQ(legacy_put_value(&o, 1, LEGACY(device_status), 3, 1), 0);
	VTEST_EQ(legacy_put_value(&o, 2, LEGACY(device_status), 1, 1), 0);
	vsim_nic_faults(o.f.nic, &faults);
	reset = post_status(&o, 1, true);
	same = post_status(&o, 1, false);
	other = post_status(&o, 2, false);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(id, other);
	VTEST_EQ(owner_result(&o)[0], 1);
	VTEST(vsim_fn_resetting(vsim_nic_fn(o.f.nic, 1)));
	/* A modern driver would still read a status other than 0. */
	VTEST_EQ(reg_read(vsim_nic_fn(o.f.nic, 1), "device_status"), 3);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(id, reset);
	VTEST(!vsim_fn_resetting(vsim_nic_fn(o.f.nic, 1)));
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(id, same);
	owner_free(&o);
}

static void
in_order_means_in_order(void)
{
	struct vsim_faults faults = { .reset_us = 20000 };
	const struct vsim_features in_order = FEATURES(VIRTIO_F_IN_ORDER);
	struct vsim_nic_conf conf = fixture_conf("full");
	struct owner o = owner_make(&conf);
	uint16_t reset, other, id;

	vfs_make(&o.f, 2);
	owner_start(&o, &in_order);
	owner_agree(&o, SRIOV);
	VTEST_EQ(legacy_put_value(&o, 1, LEGACY(device_status), 3, 1), 0);
	vsim_nic_faults(o.f.nic, &faults);
	reset = post_status(&o, 1, true);
	other = post_status(&o, 2, false);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(id, reset);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(id, other);
	owner_free(&o);
}

static void
vf_enable_is_not_touched_under_commands(void)
{
	struct vsim_faults faults = { .reset_us = 50000 };
	struct owner o = owner_with(1);
	uint16_t id, reset;

	owner_agree(&o, SRIOV);
	VTEST_EQ(legacy_put_value(&o, 1, LEGACY(device_status), 3, 1), 0);
	vsim_nic_faults(o.f.nic, &faults);
	reset = post_status(&o, 1, true);
	post_status(&o, 1, false);
	for (int i = 0; i < 10; i++)
		vsim_worker_poll(o.f.nic, 0);
	config_write(o.f.pf, o.f.nic->layout[0].sriov + offsetof(struct pci_sriov_cap, control), 0,
			2);
	VTEST_EQ(violations(o.f.pf, VIRTIO_RULE_VF_ENABLE_PENDING), 1);
	/* No VF is left to wait for; commands that had not started find no group. */
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(id, reset);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(o.answer[0], STATUS_EINVAL);
	owner_free(&o);
}

static void
list_use_while_commands_are_pending_is_a_violation(void)
{
	struct vsim_faults faults = { .admin_delay_us = 20000 };
	struct owner o = owner_with(1);
	uint8_t out[32] = { VIRTIO_ADMIN_LIST_USE, 0, SRIOV };
	uint16_t id;

	owner_agree(&o, SRIOV);
	VTEST_EQ(violations(o.f.pf, VIRTIO_RULE_LIST_USE), 0);
	vsim_nic_faults(o.f.nic, &faults);
	post_status(&o, 1, false);
	out[24] = VIRTIO_ADMIN_LIST_BASIC;
	owner_post(&o, out, sizeof(out), 8, OWNER_BUF);
	VTEST(owner_reap(&o, &id));
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(violations(o.f.pf, VIRTIO_RULE_LIST_USE), 1);
	owner_free(&o);
}

static void
memory_that_goes_away_under_a_command_is_a_fault(void)
{
	struct vsim_faults faults = { .reset_us = 20000 };
	struct owner o = owner_with(1);
	uint16_t id;

	owner_agree(&o, SRIOV);
	VTEST_EQ(legacy_put_value(&o, 1, LEGACY(device_status), 3, 1), 0);
	vsim_nic_faults(o.f.nic, &faults);
	post_status(&o, 1, true);
	for (int i = 0; i < 10; i++)
		vsim_worker_poll(o.f.nic, 0);
	VTEST_EQ(vsim_fn_dma_unmap(o.f.pf, FIXTURE_IOVA, FIXTURE_MEM_LEN), 0);
	for (int i = 0; i < 10 || vsim_fn_resetting(vsim_nic_fn(o.f.nic, 1)); i++)
		vsim_worker_poll(o.f.nic, 0);
	vsim_worker_poll(o.f.nic, 0);
	VTEST(!ring_reap(&o.ring, &id, &o.used));
	VTEST(o.f.pf->status & VIRTIO_STATUS_NEEDS_RESET);
	VTEST_EQ(o.f.pf->counters->dma_faults, 1);
	/* A reset drops commands in progress. */
	reg_write(o.f.pf, "device_status", 0);
	VTEST(o.f.pf->admin->pending == NULL);
	owner_free(&o);
}

static void
a_flood_of_commands_is_bounded(void)
{
	struct vsim_faults faults = { .admin_delay_us = 30000 };
	struct owner o = owner_with(0);
	uint8_t out[24] = { 0 };
	unsigned int nb = 0;
	uint16_t id;

	vsim_nic_faults(o.f.nic, &faults);
	for (int i = 0; i < 32; i++)
		owner_post(&o, out, 24, 16, OWNER_BUF);
	for (int i = 0; i < 20; i++)
		vsim_worker_poll(o.f.nic, 0);
	VTEST_EQ(o.f.pf->admin->nb_pending, 32);
	VTEST(o.f.pf->admin->nb_pending <= VSIM_ADMIN_PENDING);
	while (nb < 32 && owner_reap(&o, &id))
		nb++;
	VTEST_EQ(nb, 32);
	VTEST_EQ(o.f.pf->admin->nb_pending, 0);
	owner_free(&o);
}

/* Post a request of one segment for the command and one for the answer. */
static void
post_segs(struct owner *o, struct ring_seg command, struct ring_seg answer)
{
	const struct ring_seg segs[2] = { command, answer };

	ring_post(&o->ring, segs, 1, 1, 0, NULL);
	ring_publish(&o->ring);
	ring_doorbell_ring(&o->ring);
	for (int i = 0; i < 10; i++)
		vsim_worker_poll(o->f.nic, 0);
}

static void
requests_in_bad_places_stop_the_owner_alone(void)
{
	static const struct ring_seg good = { BUF_IOVA, 32 },
				     bad[] = {
					     { 0, 32 },
					     { 0xfe000000, 32 }, /* a BAR */
					     { UINT64_MAX - 7, 32 }, /* wraps */
					     { FIXTURE_IOVA + FIXTURE_MEM_LEN - 31, 32 },
					     { BUF_IOVA, INT32_MAX },
				     };

	for (size_t i = 0; i < 2 * NB(bad); i++) {
		const struct vsim_features packed = FEATURES(VIRTIO_F_RING_PACKED);
		struct owner o = owner_with(1);

		owner_start(&o, i % 3 == 0 ? &packed : NULL);
		owner_agree(&o, SRIOV);
		VTEST_EQ(legacy_put_value(&o, 1, LEGACY(device_status), 3, 1), 0);
		post_segs(&o, i % 2 ? good : bad[i / 2], i % 2 ? bad[i / 2] : good);
		VTEST(o.f.pf->status & VIRTIO_STATUS_NEEDS_RESET);
		VTEST_EQ(o.f.pf->counters->dma_faults, 1);
		VTEST_EQ(vsim_nic_fn(o.f.nic, 1)->status, 3);
		o.turn = 0;
		owner_start(&o, NULL);
		owner_agree(&o, SRIOV);
		VTEST_EQ(legacy_get(&o, 1, false, LEGACY(device_status), 1), 3);
		owner_free(&o);
	}
}

static void
an_answer_before_its_command_is_not_answered(void)
{
	for (unsigned int packed = 0; packed < 2; packed++) {
		const struct vsim_features f = FEATURES(VIRTIO_F_RING_PACKED,
				VIRTIO_F_NOTIFICATION_DATA);
		const uint16_t more = VIRTQ_DESC_F_NEXT | (packed ? VIRTQ_DESC_F_AVAIL : 0);
		struct owner o = owner_with(1);
		uint16_t id;

		owner_start(&o, packed ? &f : NULL);
		owner_agree(&o, SRIOV);
		post_segs(&o, (struct ring_seg){ BUF_IOVA, 32 },
				(struct ring_seg){ BUF_IOVA + 64, 16 });
		VTEST(owner_reap(&o, &id));
		VTEST_EQ(violations_all(o.f.pf), 0);
		/* The same again, with the flags of the two descriptors exchanged. */
		ring_post(&o.ring, (const struct ring_seg[]){ { BUF_IOVA, 32 }, { BUF_IOVA, 16 } },
				1, 1, 0, NULL);
		if (packed) {
			o.ring.pdesc[6].flags = more | VIRTQ_DESC_F_WRITE;
			o.ring.pdesc[7].flags = VIRTQ_DESC_F_AVAIL;
		} else {
			o.ring.desc[6].flags = more | VIRTQ_DESC_F_WRITE;
			o.ring.desc[7].flags = 0;
		}
		ring_publish(&o.ring);
		ring_doorbell_ring(&o.ring);
		VTEST(owner_reap(&o, &id));
		VTEST_EQ(o.used, 0);
		VTEST_EQ(violations(o.f.pf, VIRTIO_RULE_READABLE_FIRST), 1);
		VTEST_EQ(violations_all(o.f.pf), 1);
		VTEST(!(o.f.pf->status & VIRTIO_STATUS_NEEDS_RESET));
		VTEST(legacy_get(&o, 1, false, 0, 4) > 0);
		owner_free(&o);
	}
}

static void
reserved_fields_of_a_command_mean_nothing(void)
{
	struct owner o = owner_with(1);
	uint8_t out[24] = { VIRTIO_ADMIN_LIST_QUERY, 0, SRIOV };
	uint16_t id;

	memset(out + offsetof(struct virtio_admin_cmd_hdr, reserved), 0xff, 12);
	owner_post(&o, out, sizeof(out), 16, OWNER_BUF);
	VTEST(owner_reap(&o, &id));
	VTEST_EQ(o.answer[0], 0);
	VTEST_EQ(violations_all(o.f.pf), 0);
	owner_free(&o);
}

/* Answers that are due after the reset would go to memory of the next driver. */
static void
a_full_ring_over_a_reset_is_forgotten(void)
{
	struct vsim_faults faults = { .admin_delay_us = 20000 };
	struct owner o = owner_with(1);
	uint8_t out[24] = { 0 };
	uint16_t id;

	vsim_nic_faults(o.f.nic, &faults);
	for (int i = 0; i < 32; i++)
		owner_post(&o, out, sizeof(out), 16, OWNER_BUF);
	for (int i = 0; i < 20; i++)
		vsim_worker_poll(o.f.nic, 0);
	VTEST_EQ(o.f.pf->admin->nb_pending, 32);
	faults.admin_delay_us = 0;
	vsim_nic_faults(o.f.nic, &faults);
	o.turn = 0;
	owner_start(&o, NULL);
	owner_agree(&o, SRIOV);
	VTEST_EQ(o.f.pf->admin->nb_pending, 0);
	VTEST(!ring_reap(&o.ring, &id, &o.used));
	VTEST_EQ(violations_all(o.f.pf), 0);
	owner_free(&o);
}

/* ---------------------------------------------------------------- capabilities, objects, parts */

static void
capabilities_bound_objects(void)
{
	const struct virtio_admin_cap_hdr unknown = { .id = htole16(0x800) };
	const struct {
		struct virtio_admin_cap_hdr hdr;
		struct virtio_dev_parts_cap cap;
	} two = { { 0 }, { 2, 1 } }, much = { { 0 }, { 17, 1 } }, none = { { 0 }, { 0, 0 } };
	struct {
		struct virtio_admin_obj_cmd cmd;
		struct virtio_dev_parts_obj data;
	} obj = { { { 0 }, 0 }, { .kind = VIRTIO_DEV_PARTS_OBJ_GET } };
	struct owner o = owner_with(2);

	owner_agree(&o, SELF);
	owner_agree(&o, SRIOV);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_CAP_ID_LIST_QUERY, SELF, 0, NULL, 0, 8), 0);
	VTEST_EQ(owner_result(&o)[0], 1);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEVICE_CAP_GET, SELF, 0, &unknown, 8, 8),
			VIRTIO_ADMIN_STATUS_ENXIO);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEVICE_CAP_GET, SELF, 0, &two.hdr, 8, 8), 0);
	VTEST_EQ(owner_result(&o)[0], 16);
	/* The driver has not set its capability, so the limit of objects is 0. */
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_RESOURCE_OBJ_CREATE, SRIOV, 1, &obj, sizeof(obj), 0),
			VIRTIO_ADMIN_STATUS_ENOSPC);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DRIVER_CAP_SET, SELF, 0, &much, sizeof(much), 0),
			STATUS_EINVAL);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DRIVER_CAP_SET, SELF, 0, &two, sizeof(two), 0), 0);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_RESOURCE_OBJ_CREATE, SRIOV, 1, &obj, sizeof(obj), 0),
			0);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_RESOURCE_OBJ_CREATE, SRIOV, 1, &obj, sizeof(obj), 0),
			VIRTIO_ADMIN_STATUS_EEXIST);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_RESOURCE_OBJ_CREATE, SRIOV, 2, &obj, sizeof(obj), 0),
			0);
	obj.cmd.hdr.id = htole32(1);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_RESOURCE_OBJ_CREATE, SRIOV, 2, &obj, sizeof(obj), 0),
			VIRTIO_ADMIN_STATUS_ENOSPC);
	obj.cmd.hdr.id = htole32(5); /* not below the limit */
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_RESOURCE_OBJ_CREATE, SRIOV, 2, &obj, sizeof(obj), 0),
			STATUS_EINVAL);
	obj.cmd.hdr.id = 0;
	/* QUERY and MODIFY have the numbers of the table. */
	VTEST_EQ(owner_send(&o, 0x0b, SRIOV, 1, &obj.cmd, sizeof(obj.cmd), 8), 0);
	VTEST_EQ(owner_result(&o)[0], VIRTIO_DEV_PARTS_OBJ_GET);
	obj.data.kind = VIRTIO_DEV_PARTS_OBJ_SET;
	VTEST_EQ(owner_send(&o, 0x0c, SRIOV, 1, &obj, sizeof(obj), 0), STATUS_EINVAL);
	/* Not while objects exist. */
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DRIVER_CAP_SET, SELF, 0, &none, sizeof(none), 0),
			VIRTIO_ADMIN_STATUS_EBUSY);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_RESOURCE_OBJ_DESTROY, SRIOV, 1, &obj.cmd.hdr, 8, 0),
			0);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_RESOURCE_OBJ_DESTROY, SRIOV, 1, &obj.cmd.hdr, 8, 0),
			VIRTIO_ADMIN_STATUS_ENXIO);
	/* A reset of the VF destroys its objects. */
	reg_write(vsim_nic_fn(o.f.nic, 2), "device_status", 0);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DRIVER_CAP_SET, SELF, 0, &none, sizeof(none), 0), 0);
	owner_free(&o);
}

static struct owner
owner_with_parts(void)
{
	const struct {
		struct virtio_admin_cap_hdr hdr;
		struct virtio_dev_parts_cap cap;
	} cap = { { 0 }, { 2, 2 } };
	struct owner o = owner_with(2);

	owner_agree(&o, SELF);
	owner_agree(&o, SRIOV);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DRIVER_CAP_SET, SELF, 0, &cap, sizeof(cap), 0), 0);
	for (uint8_t vf = 1; vf <= 2; vf++)
		for (uint8_t kind = 0; kind < 2; kind++) {
			const struct {
				struct virtio_admin_obj_cmd cmd;
				struct virtio_dev_parts_obj data;
			} obj = { { { .id = htole32(kind) }, 0 }, { .kind = kind } };

			if ((vf == 1) == (kind == VIRTIO_DEV_PARTS_OBJ_GET))
				VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_RESOURCE_OBJ_CREATE, SRIOV, vf,
							 &obj, sizeof(obj), 0),
						0);
		}
	return o;
}

/* All parts of VF 1, after the header of PARTS_SET. */
static uint32_t
parts_of_vf1(struct owner *o, uint8_t *stream)
{
	const struct virtio_dev_parts_cmd all = { .type = VIRTIO_DEV_PARTS_GET_ALL };
	const struct virtio_admin_obj_hdr set = { .id = htole32(1) };

	VTEST_EQ(owner_send(o, VIRTIO_ADMIN_DEV_PARTS_GET, SRIOV, 1, &all, sizeof(all), 8000), 0);
	memcpy(stream, &set, sizeof(set));
	memcpy(stream + 8, owner_result(o), o->used - 8);
	return o->used;
}

static int
mode(struct owner *o, uint64_t vf, uint8_t flags)
{
	return owner_send(o, VIRTIO_ADMIN_DEV_MODE_SET, SRIOV, vf, &flags, 1, 0);
}

static void
parts_are_listed_and_read_in_order(void)
{
	struct virtio_dev_parts_cmd cmd = { .type = VIRTIO_DEV_PARTS_METADATA_SIZE };
	struct owner o = owner_with_parts();
	uint8_t stream[OWNER_BUF];
	uint32_t size, count, len, last = 0, nb = 0;
	virtio_le32 value;

	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_METADATA_GET, SRIOV, 1, &cmd, 16, 8), 0);
	memcpy(&value, owner_result(&o), 4);
	size = le32toh(value);
	cmd.type = VIRTIO_DEV_PARTS_METADATA_COUNT;
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_METADATA_GET, SRIOV, 1, &cmd, 16, 8), 0);
	memcpy(&value, owner_result(&o), 4);
	count = le32toh(value);
	len = parts_of_vf1(&o, stream);
	VTEST_EQ(len - 8, size);
	for (uint32_t at = 8; at < len; nb++) {
		struct virtio_dev_part_hdr hdr;

		memcpy(&hdr, &stream[at], sizeof(hdr));
		VTEST(le16toh(hdr.type) >= last);
		last = le16toh(hdr.type);
		at += sizeof(hdr) + le32toh(hdr.length);
		VTEST(at <= len);
	}
	VTEST_EQ(nb, count);
	/* Too little room is refused. */
	cmd.type = VIRTIO_DEV_PARTS_METADATA_LIST;
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_METADATA_GET, SRIOV, 1, &cmd, 16, 64),
			VIRTIO_ADMIN_STATUS_ENOMEM);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_METADATA_GET, SRIOV, 1, &cmd, 16,
				 8 + 16 * count),
			0);
	/* An object of another type or of another VF is refused. */
	cmd.hdr.id = htole32(1);
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_METADATA_GET, SRIOV, 2, &cmd, 16, 64),
			VIRTIO_ADMIN_STATUS_ENXIO);
	owner_free(&o);
}

static void
parts_are_written_whole_or_not_at_all(void)
{
	struct owner o = owner_with_parts();
	struct vsim_fn *vf2 = vsim_nic_fn(o.f.nic, 2);
	uint8_t stream[OWNER_BUF];
	uint32_t len;

	VTEST_EQ(mode(&o, 1, 1), 0);
	VTEST_EQ(legacy_put_value(&o, 1, LEGACY(device_status), 3, 1), 0);
	len = parts_of_vf1(&o, stream);
	/* The VF must be stopped. */
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_SET, SRIOV, 2, stream, len, 0),
			STATUS_EINVAL);
	VTEST_EQ(violations(o.f.pf, VIRTIO_RULE_STOP_FIRST), 1);
	VTEST_EQ(mode(&o, 2, 1), 0);
	VTEST_EQ(mode(&o, 2, 1), 0); /* stopping twice is allowed */
	/* Only the length of the first part is wrong: no part is written. */
	stream[8 + offsetof(struct virtio_dev_part_hdr, length)]--;
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_SET, SRIOV, 2, stream, len, 0),
			STATUS_EINVAL);
	VTEST_EQ(vf2->status, 0);
	stream[8 + offsetof(struct virtio_dev_part_hdr, length)]++;
	/* The device's own features are compared. */
	stream[8 + sizeof(struct virtio_dev_part_hdr)] ^= 1;
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_SET, SRIOV, 2, stream, len, 0),
			STATUS_EINVAL);
	stream[8 + sizeof(struct virtio_dev_part_hdr)] ^= 1;
	VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_SET, SRIOV, 2, stream, len, 0), 0);
	VTEST_EQ(vf2->status, 3);
	VTEST_EQ(mode(&o, 2, 2), STATUS_EINVAL);
	VTEST_EQ(mode(&o, 2, 0), 0);
	VTEST(!vf2->stopped);
	owner_free(&o);
}

/* A device that completes out of order may have taken buffers out of a ring; no part has these. */
static void
parts_with_running_rings_need_an_ordered_device(void)
{
	for (unsigned int shuffled = 0; shuffled < 2; shuffled++) {
		struct owner o = owner_with_parts();
		struct virtio_dev_part_hdr hdr;
		struct virtio_dev_part_vq_cfg vq;
		uint8_t stream[OWNER_BUF];
		uint32_t at = 8, len;

		o.f.nic->conf.shuffled_completions = shuffled;
		VTEST_EQ(mode(&o, 1, 1), 0);
		VTEST_EQ(mode(&o, 2, 1), 0);
		len = parts_of_vf1(&o, stream);
		VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_SET, SRIOV, 2, stream, len, 0), 0);
		for (memcpy(&hdr, &stream[at], sizeof(hdr));
				le16toh(hdr.type) != VIRTIO_DEV_PART_VQ_CFG;
				memcpy(&hdr, &stream[at], sizeof(hdr))) {
			at += sizeof(hdr) + le32toh(hdr.length);
			VTEST(at < len);
		}
		memcpy(&vq, &stream[at + sizeof(hdr)], sizeof(vq));
		vq.enabled = htole16(1);
		memcpy(&stream[at + sizeof(hdr)], &vq, sizeof(vq));
		VTEST_EQ(owner_send(&o, VIRTIO_ADMIN_DEV_PARTS_SET, SRIOV, 2, stream, len, 0),
				shuffled ? STATUS_EINVAL : 0);
		owner_free(&o);
	}
}

static const struct vtest_case cases[] = {
	{ "admin_queues_stand_behind_all_others", admin_queues_stand_behind_all_others },
	{ "checks_come_in_the_order_of_the_specification",
			checks_come_in_the_order_of_the_specification },
	{ "only_lists_before_a_list_is_used", only_lists_before_a_list_is_used },
	{ "invalid_lists_are_refused", invalid_lists_are_refused },
	{ "a_driver_may_leave_out_any_command", a_driver_may_leave_out_any_command },
	{ "linux_finds_lists_and_capabilities", linux_finds_lists_and_capabilities },
	{ "the_group_of_vfs_comes_and_goes_with_them", the_group_of_vfs_comes_and_goes_with_them },
	{ "lenient_devices_take_what_known_drivers_do",
			lenient_devices_take_what_known_drivers_do },
	{ "a_reset_of_the_owner_takes_lists_back_and_leaves_vfs",
			a_reset_of_the_owner_takes_lists_back_and_leaves_vfs },
	{ "lengths_alone_fail_nothing", lengths_alone_fail_nothing },
	{ "eagain_changes_nothing", eagain_changes_nothing },
	{ "other_faults_have_their_effect", other_faults_have_their_effect },
	{ "a_slow_reset_is_over_when_it_is_answered_and_blocks_no_other",
			a_slow_reset_is_over_when_it_is_answered_and_blocks_no_other },
	{ "in_order_means_in_order", in_order_means_in_order },
	{ "vf_enable_is_not_touched_under_commands", vf_enable_is_not_touched_under_commands },
	{ "list_use_while_commands_are_pending_is_a_violation",
			list_use_while_commands_are_pending_is_a_violation },
	{ "memory_that_goes_away_under_a_command_is_a_fault",
			memory_that_goes_away_under_a_command_is_a_fault },
	{ "a_flood_of_commands_is_bounded", a_flood_of_commands_is_bounded },
	{ "requests_in_bad_places_stop_the_owner_alone",
			requests_in_bad_places_stop_the_owner_alone },
	{ "an_answer_before_its_command_is_not_answered",
			an_answer_before_its_command_is_not_answered },
	{ "reserved_fields_of_a_command_mean_nothing", reserved_fields_of_a_command_mean_nothing },
	{ "a_full_ring_over_a_reset_is_forgotten", a_full_ring_over_a_reset_is_forgotten },
	{ "capabilities_bound_objects", capabilities_bound_objects },
	{ "parts_are_listed_and_read_in_order", parts_are_listed_and_read_in_order },
	{ "parts_are_written_whole_or_not_at_all", parts_are_written_whole_or_not_at_all },
	{ "parts_with_running_rings_need_an_ordered_device",
			parts_with_running_rings_need_an_ordered_device },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
