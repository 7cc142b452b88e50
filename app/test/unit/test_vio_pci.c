/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Valid and invalid capability lists of devices. */

#include <errno.h>
#include <string.h>

#include "virtio/vio_err.h"
#include "virtio/vio_pci.h"
#include "virtio_spec/pci.h"
#include "test/fixture/vtest.h"

#define BAR_LEN 0x4000

static uint8_t space[PCI_CFG_EXT_SIZE];
static size_t space_len;
static uint8_t next_pos;
static struct vio_pci_layout layout;

static int
read_space(void *arg, uint32_t offset, void *data, size_t len)
{
	if (offset + len > space_len)
		return -EINVAL;
	memcpy(data, space + offset, len);
	return 0;
}

static int
layout_read(void)
{
	const uint64_t bar_len[VIO_PCI_BARS] = { [2] = 0x100, [4] = BAR_LEN };

	return vio_pci_layout_read(read_space, NULL, bar_len, &layout);
}

static void
begin(void)
{
	memset(space, 0, sizeof(space));
	space_len = sizeof(space);
	space[PCI_CFG_STATUS] = PCI_STATUS_CAPS;
	next_pos = 64;
	space[PCI_CFG_CAP_PTR] = 0;
}

/* Append a capability. @return its offset */
static uint8_t
put(uint8_t cap_len, uint8_t cfg_type, uint8_t bar, uint32_t offset, uint32_t len)
{
	const uint8_t pos = next_pos;
	struct virtio_pci_notify_cap cap = {
		.cap = { .cap_vndr = PCI_CAPABILITY_VENDOR,
				.cap_len = cap_len,
				.cfg_type = cfg_type,
				.bar = bar,
				.offset = htole32(offset),
				.length = htole32(len) },
		.notify_off_multiplier = htole32(4),
	};
	uint8_t *link = &space[PCI_CFG_CAP_PTR];

	while (*link != 0)
		link = &space[*link + 1];
	*link = pos;
	memcpy(space + pos, &cap, sizeof(cap));
	next_pos += 24;
	return pos;
}

static void
put_all(void)
{
	put(16, VIRTIO_PCI_CAP_COMMON_CFG, 4, 0x900, 64);
	put(16, VIRTIO_PCI_CAP_ISR_CFG, 4, 0x980, 1);
	put(16, VIRTIO_PCI_CAP_DEVICE_CFG, 4, 0x9c0, 28);
	put(20, VIRTIO_PCI_CAP_NOTIFY_CFG, 4, 0x1000, 0x1000);
}

static void
good_list_is_read(void)
{
	begin();
	put_all();
	VTEST_EQ(layout_read(), 0);
	VTEST_EQ(layout.place[VIO_COMMON].bar, 4);
	VTEST_EQ(layout.place[VIO_COMMON].offset, 0x900);
	VTEST_EQ(layout.place[VIO_COMMON].len, 64);
	VTEST_EQ(layout.place[VIO_DEVICE].offset, 0x9c0);
	VTEST_EQ(layout.place[VIO_NOTIFY].len, 0x1000);
	VTEST_EQ(layout.notify_multiplier, 4);
	VTEST_EQ(layout.nb_vectors, 0);
	VTEST(!layout.sriov);
}

static void
vectors_and_sriov_are_found(void)
{
	const virtio_le32 first = htole32(PCI_EXT_CAPABILITY_ARI | 1 << 16 | 0x140u << 20);
	const virtio_le32 second = htole32(PCI_EXT_CAPABILITY_SRIOV | 1 << 16);
	uint8_t pos;

	begin();
	put_all();
	pos = put(16, 0, 0, 0, 0);
	space[pos] = PCI_CAPABILITY_MSIX;
	space[pos + PCI_MSIX_CTRL] = 9;
	space[pos + PCI_MSIX_CTRL + 1] = 0x80; /* MSI-X Enable, not part of the size */
	memcpy(space + 0x100, &first, 4);
	memcpy(space + 0x140, &second, 4);
	VTEST_EQ(layout_read(), 0);
	VTEST_EQ(layout.nb_vectors, 10);
	VTEST(layout.sriov);
	/* without access to the extended space SR-IOV is not found */
	space_len = PCI_CFG_SIZE;
	VTEST_EQ(layout_read(), 0);
	VTEST(!layout.sriov);
}

static void
reserved_types_and_bars_are_skipped(void)
{
	static const uint8_t types[] = { 0, 6, 7, 10, 255 };

	begin();
	for (unsigned int i = 0; i < sizeof(types); i++)
		put(16, types[i], 4, 0, 64);
	VTEST_EQ(layout_read(), -EPROTO);
	begin();
	put(16, VIRTIO_PCI_CAP_COMMON_CFG, 6, 0x900, 64); /* no such BAR: the next one counts */
	put(16, VIRTIO_PCI_CAP_COMMON_CFG, 255, 0x900, 64);
	put(16, VIRTIO_PCI_CAP_COMMON_CFG, 0, 0x900, 64); /* not mapped */
	put_all();
	VTEST_EQ(layout_read(), 0);
	VTEST_EQ(layout.place[VIO_COMMON].bar, 4);
}

static void
first_usable_capability_wins(void)
{
	begin();
	put(16, VIRTIO_PCI_CAP_COMMON_CFG, 4, 0x800, 64);
	put_all();
	VTEST_EQ(layout_read(), 0);
	VTEST_EQ(layout.place[VIO_COMMON].offset, 0x800);
}

static void
longer_capabilities_and_regions_are_fine(void)
{
	begin();
	put(24, VIRTIO_PCI_CAP_COMMON_CFG, 4, 0x900, 0x100);
	put(24, VIRTIO_PCI_CAP_ISR_CFG, 4, 0xa00, 0x100);
	put(24, VIRTIO_PCI_CAP_NOTIFY_CFG, 4, 0x1000, 0x3000);
	VTEST_EQ(layout_read(), 0);
	VTEST_EQ(layout.place[VIO_DEVICE].len, 0);
}

static void
what_leaves_its_bar_is_not_used(void)
{
	static const struct {
		uint32_t offset, len;
	} bad[] = {
		{ BAR_LEN, 64 },
		{ BAR_LEN - 60, 64 },
		{ 0xffffffc0, 64 },
		{ 0x900, UINT32_MAX },
		{ 0xffffffff, 0xffffffff },
		{ 0x900, 0 },
		{ 0x900, 55 },
		{ 0x902, 64 },
	};

	for (unsigned int i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		begin();
		put(16, VIRTIO_PCI_CAP_COMMON_CFG, 4, bad[i].offset, bad[i].len);
		put(16, VIRTIO_PCI_CAP_ISR_CFG, 4, 0x980, 1);
		put(20, VIRTIO_PCI_CAP_NOTIFY_CFG, 4, 0x1000, 0x1000);
		VTEST_EQ(layout_read(), -EPROTO);
		VTEST(strstr(vio_err(), "common configuration") != NULL);
	}
}

static void
short_notify_capability_is_not_used(void)
{
	begin();
	put(16, VIRTIO_PCI_CAP_COMMON_CFG, 4, 0x900, 64);
	put(16, VIRTIO_PCI_CAP_ISR_CFG, 4, 0x980, 1);
	put(16, VIRTIO_PCI_CAP_NOTIFY_CFG, 4, 0x1000, 0x1000);
	VTEST_EQ(layout_read(), -EPROTO);
	VTEST(strstr(vio_err(), "notification") != NULL);
}

static void
capability_at_the_end_of_space_is_not_read_past_it(void)
{
	for (unsigned int pos = 236; pos < 256; pos += 4) {
		begin();
		space_len = PCI_CFG_SIZE;
		space[PCI_CFG_CAP_PTR] = (uint8_t)pos;
		space[pos] = PCI_CAPABILITY_VENDOR;
		space[pos + 1] = 0;
		space[pos + 2] = 20;
		space[pos + 3] = VIRTIO_PCI_CAP_NOTIFY_CFG;
		VTEST_EQ(layout_read(), -EPROTO);
	}
}

static void
loops_in_the_lists_end(void)
{
	const virtio_le32 loop = htole32(PCI_EXT_CAPABILITY_ARI | 1 << 16 | 0x100u << 20);

	begin();
	put_all();
	space[64 + 1] = 64;
	VTEST_EQ(layout_read(), -EPROTO);
	begin();
	put_all();
	memcpy(space + 0x100, &loop, 4);
	VTEST_EQ(layout_read(), 0);
	VTEST(!layout.sriov);
}

static void
legacy_device_is_refused(void)
{
	begin();
	VTEST_EQ(layout_read(), -ENODEV);
	space[PCI_CFG_STATUS] = 0; /* no capability list */
	put_all();
	VTEST_EQ(layout_read(), -ENODEV);
}

static void
read_error_is_passed_on(void)
{
	begin();
	put_all();
	space_len = 70;
	VTEST_EQ(layout_read(), -EINVAL);
}

static void
transport_reads_and_writes_at_natural_width(void)
{
	static uint8_t bar4[BAR_LEN] __attribute__((aligned(8)));
	void *const bars[VIO_PCI_BARS] = { [4] = bar4 };
	void *const none[VIO_PCI_BARS] = { NULL };
	struct vio_pci pci;

	begin();
	put_all();
	VTEST_EQ(layout_read(), 0);
	VTEST_EQ(vio_pci_init(&pci, &layout, none), -EINVAL);
	VTEST_EQ(vio_pci_init(&pci, &layout, bars), 0);
	vio_write(&pci.t, VIO_COMMON, 22, 2, 0x1234);
	VTEST_EQ(bar4[0x900 + 22], 0x34);
	VTEST_EQ(bar4[0x900 + 23], 0x12);
	VTEST_EQ(vio_read(&pci.t, VIO_COMMON, 20, 4), 0x12340000);
	VTEST_EQ(vio_read(&pci.t, VIO_COMMON, 22, 1), 0x34);
	VTEST(pci.t.ops->doorbell(&pci.t, 8) == bar4 + 0x1008);
	/* outside or across the end: reads give ones, writes do nothing */
	vio_write(&pci.t, VIO_COMMON, 64, 4, 0xffffffff);
	vio_write(&pci.t, VIO_ISR, 0, 2, 0xffff);
	VTEST_EQ(bar4[0x900 + 64], 0);
	VTEST_EQ(bar4[0x980], 0);
	VTEST_EQ(vio_read(&pci.t, VIO_COMMON, 64, 4), UINT32_MAX);
	VTEST_EQ(vio_read(&pci.t, VIO_COMMON, UINT32_MAX - 3, 4), UINT32_MAX);
	VTEST_EQ(vio_read(&pci.t, VIO_COMMON, 2, 4), UINT32_MAX); /* not aligned */
	VTEST_EQ(vio_read(&pci.t, VIO_ISR, 0, 2), UINT16_MAX);
	VTEST_EQ(vio_read(&pci.t, VIO_DEVICE, 28, 1), UINT8_MAX);
}

static const struct vtest_case cases[] = {
	{ "good_list_is_read", good_list_is_read },
	{ "vectors_and_sriov_are_found", vectors_and_sriov_are_found },
	{ "reserved_types_and_bars_are_skipped", reserved_types_and_bars_are_skipped },
	{ "first_usable_capability_wins", first_usable_capability_wins },
	{ "longer_capabilities_and_regions_are_fine", longer_capabilities_and_regions_are_fine },
	{ "what_leaves_its_bar_is_not_used", what_leaves_its_bar_is_not_used },
	{ "short_notify_capability_is_not_used", short_notify_capability_is_not_used },
	{ "capability_at_the_end_of_space_is_not_read_past_it",
			capability_at_the_end_of_space_is_not_read_past_it },
	{ "loops_in_the_lists_end", loops_in_the_lists_end },
	{ "legacy_device_is_refused", legacy_device_is_refused },
	{ "read_error_is_passed_on", read_error_is_passed_on },
	{ "transport_reads_and_writes_at_natural_width",
			transport_reads_and_writes_at_natural_width },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
