/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * libFuzzer target: answers of a device to administration commands. Each answer is a part of the
 * input: two bytes of used length, one byte that can falsify the used id, one byte with the number
 * of bytes to write, and these bytes. The driver must refuse invalid answers.
 */

#include <stdlib.h>
#include <string.h>

#include <rte_eal.h>

#include "virtio/vio_admin.h"
#include "virtio/vio_admin_legacy.h"
#include "virtio/vio_admin_objs.h"
#include "virtio/vio_admin_parts.h"
#include "virtio/vio_virtq.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

#define BAR_LEN 8192

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* ------------------------------------------------------------------ a device made of the input */

static const uint8_t *input;
static size_t input_len;
static uint16_t queue_size, seen;
static uint64_t areas[3];

static uint32_t
reg_read(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width)
{
	if (region == VIO_COMMON && offset == offsetof(struct virtio_pci_common_cfg, queue_size))
		return queue_size;
	return 0;
}

static void
reg_write(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
	const uint32_t first = offsetof(struct virtio_pci_common_cfg, queue_desc);

	if (region != VIO_COMMON)
		return;
	if (offset == offsetof(struct virtio_pci_common_cfg, queue_size))
		queue_size = (uint16_t)value;
	if (offset >= first && offset < first + sizeof(areas))
		memcpy((uint8_t *)areas + offset - first, &value, 4);
}

static uint8_t
take(void)
{
	if (input_len == 0)
		return 0;
	input_len--;
	return *input++;
}

static void
answer(const struct virtq_desc *desc, uint16_t head, struct virtq_used *used)
{
	const struct virtq_desc *in = &desc[desc[head].next];
	const uint32_t used_len = take() | (uint32_t)take() << 8;
	const uint8_t spoil = take();
	uint32_t len = take() * 8u;

	CHECK(in->flags & VIRTQ_DESC_F_WRITE);
	len = RTE_MIN(len, in->len);
	for (uint32_t i = 0; i < len; i++)
		((uint8_t *)(uintptr_t)in->addr)[i] = take();
	used->ring[used->idx % queue_size] = (struct virtq_used_elem){
		.id = spoil > 250 ? spoil : head,
		.len = spoil > 240 ? UINT32_MAX : used_len,
	};
	__atomic_store_n(&used->idx, (uint16_t)(used->idx + 1), __ATOMIC_RELEASE);
}

static void
idle(struct vio_transport *t)
{
	const struct virtq_avail *avail = (const struct virtq_avail *)(uintptr_t)areas[1];

	if (areas[1] == 0 || seen == avail->idx)
		return;
	answer((const struct virtq_desc *)(uintptr_t)areas[0], avail->ring[seen++ % queue_size],
			(struct virtq_used *)(uintptr_t)areas[2]);
}

static const struct vio_transport_ops ops = {
	.read = reg_read,
	.write = reg_write,
	.idle = idle,
};
static struct vio_transport transport = {
	.ops = &ops,
	.len = { [VIO_COMMON] = 64, [VIO_NOTIFY] = 4096 },
};

/* ------------------------------------------------------------------ every command */

static struct vio_dev dev;
static struct vio_admin *admin;
static uint8_t buf[VIO_ADMIN_DATA_MAX];

static void
doorbells(void)
{
	const uint64_t bar_len[6] = { [4] = BAR_LEN };
	struct vio_admin_doorbell doorbells[VIRTIO_ADMIN_NOTIFY_ENTRIES];
	int nb = vio_admin_legacy_notify_info(admin, 1, bar_len, bar_len, doorbells);

	CHECK(nb <= VIRTIO_ADMIN_NOTIFY_ENTRIES);
	for (int i = 0; i < nb; i++)
		CHECK(doorbells[i].bar == 4 && doorbells[i].offset % 2 == 0 &&
				doorbells[i].offset <= BAR_LEN - 2);
}

static void
parts(void)
{
	static struct virtio_dev_part_hdr hdrs[20];
	struct virtio_dev_part_hdr hdr;
	const uint8_t *value;
	size_t used = 0, at = 0;
	uint32_t number;
	int ret;

	vio_admin_parts_size(admin, 1, 0, &number);
	vio_admin_parts_count(admin, 1, 0, &number);
	ret = vio_admin_parts_list(admin, 1, 0, hdrs, RTE_DIM(hdrs));
	CHECK(ret <= (int)RTE_DIM(hdrs));
	ret = vio_admin_parts_get(admin, 1, 0, NULL, 0, buf, sizeof(buf), &used);
	CHECK(used <= sizeof(buf));
	for (size_t i = used; ret == 0 && i < sizeof(buf); i++)
		CHECK(buf[i] == 0);
	while (ret == 0 && vio_admin_part_next(buf, used, &at, &hdr, &value) == 1)
		CHECK(at <= used && value >= buf && value <= buf + used);
}

static void
others(void)
{
	const struct vio_admin_obj obj = { .group = VIO_SRIOV, .member = 1 };
	struct vio_admin_caps caps;
	size_t used = 0;

	vio_admin_legacy_read(admin, 1, VIO_LEGACY_COMMON, 0, buf, 4);
	vio_admin_legacy_write(admin, 1, VIO_LEGACY_NET, 0, buf, 6);
	vio_admin_cap_list(admin, &caps);
	vio_admin_cap_get(admin, 0, buf, 100);
	vio_admin_cap_set(admin, 0, buf, 3);
	vio_admin_obj_create(admin, &obj, buf, 8);
	vio_admin_obj_query(admin, &obj, buf, 64, &used);
	CHECK(used <= 64);
	vio_admin_mode_set(admin, 1, true);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static char *args[] = { "fuzz", "--no-huge", "-m", "64", "--no-pci", "--no-shconf",
		"--no-telemetry", "--iova-mode=va", "-l", "0", "--log-level=error", NULL };
	const struct vio_admin_conf conf = { .name = "fuzz", .timeout_us = 2000 };

	CHECK(rte_eal_init(RTE_DIM(args) - 1, args) >= 0);
	vio_dev_init(&dev, &transport);
	vio_features_add(&dev.accepted, VIRTIO_F_VERSION_1);
	vio_features_add(&dev.accepted, VIRTIO_F_ADMIN_VQ);
	dev.num_admin = 1;
	queue_size = 256;
	admin = vio_admin_create(&dev, &conf);
	CHECK(admin != NULL);
	return 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint64_t in_use;

	input = data;
	input_len = size;
	seen = 0;
	CHECK(vio_admin_enable(admin) == 0);
	/* Lists that hold everything, if the input says nothing else. */
	vio_admin_agree(admin, VIO_SELF, UINT64_MAX, &in_use);
	CHECK((in_use & ~VIRTIO_ADMIN_LIST_ALL) == 0 && (in_use & 3) == 3);
	vio_admin_agree(admin, VIO_SRIOV, UINT64_MAX, &in_use);
	CHECK((in_use & ~VIRTIO_ADMIN_LIST_ALL) == 0 && (in_use & 3) == 3);
	while (input_len > 0) {
		const size_t before = input_len;

		doorbells();
		parts();
		others();
		if (input_len == before) /* dead, or nothing is in use */
			break;
	}
	return 0;
}
