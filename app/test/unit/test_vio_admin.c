/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Functions of the admin engine that need no device: names, errnos, borders, streams of parts. */

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio/vio_admin.h"
#include "virtio/vio_admin_legacy.h"
#include "virtio/vio_admin_objs.h"
#include "virtio/vio_admin_parts.h"
#include "virtio/vio_admin_text.h"
#include "virtio/vio_err.h"
#include "virtio_spec/legacy.h"
#include "test/fixture/vtest.h"

static void
every_opcode_has_a_name_of_its_own(void)
{
	for (uint16_t op = 0; op < VIRTIO_ADMIN_NB_OPCODES; op++) {
		VTEST(vio_admin_opcode_name(op) != NULL);
		VTEST_EQ(vio_admin_opcode_find(vio_admin_opcode_name(op)), op);
	}
	VTEST(vio_admin_opcode_name(VIRTIO_ADMIN_NB_OPCODES) == NULL);
	VTEST_EQ(vio_admin_opcode_find("legacy"), -1);
	VTEST_EQ(vio_admin_opcode_find(""), -1);
}

static void
a_status_is_the_errno_of_that_number(void)
{
	static const struct {
		uint16_t status;
		int ret;
		const char *name;
	} rows[] = {
		{ 0, 0, "OK" },
		{ 6, -ENXIO, "ENXIO" },
		{ 11, -EAGAIN, "EAGAIN" },
		{ 12, -ENOMEM, "ENOMEM" },
		{ 16, -EBUSY, "EBUSY" },
		{ 17, -EEXIST, "EEXIST" },
		{ 22, -EINVAL, "EINVAL" },
		{ 28, -ENOSPC, "ENOSPC" },
		/* An undefined status counts as EINVAL, also if Linux has such an errno. */
		{ 1, -EINVAL, NULL },
		{ 5, -EINVAL, NULL },
		{ 0xffff, -EINVAL, NULL },
	};

	for (size_t i = 0; i < RTE_DIM(rows); i++) {
		const char *name = vio_admin_status_name(rows[i].status);

		VTEST_EQ(vio_admin_status_errno(rows[i].status), rows[i].ret);
		VTEST((name == NULL) == (rows[i].name == NULL));
		VTEST(name == NULL || strcmp(name, rows[i].name) == 0);
	}
	for (uint16_t q = 0; q <= VIRTIO_ADMIN_QUALIFIER_TRYAGAIN; q++)
		VTEST(vio_admin_qualifier_text(q) != NULL);
	VTEST(vio_admin_qualifier_text(8) == NULL);
	VTEST(vio_err() != NULL);
}

static void
registers_have_the_borders_of_the_legacy_layout(void)
{
	static const uint8_t common[] = { 0, 4, 8, 12, 14, 16, 18, 19, 20, 22, 24 };
	static const uint8_t net[] = { 0, 6, 8, 10, 12 };

	for (int area = 0; area < 2; area++) {
		const uint8_t *borders = area == 0 ? common : net;
		const size_t nb = area == 0 ? RTE_DIM(common) : RTE_DIM(net);
		size_t field = 0;
		uint32_t end;

		for (uint32_t offset = 0; offset < borders[nb - 1]; offset++) {
			if (offset == borders[field + 1])
				field++;
			VTEST_EQ(vio_admin_legacy_field(area, offset, &end), borders[field]);
			VTEST_EQ(end, borders[field + 1]);
		}
		VTEST_EQ(vio_admin_legacy_field(area, borders[nb - 1], &end), -EINVAL);
		VTEST_EQ(vio_admin_legacy_field(area, UINT32_MAX, &end), -EINVAL);
	}
}

static void
parts_end_where_their_bytes_do(void)
{
	struct {
		struct virtio_dev_part_hdr a;
		uint8_t a_value[3];
		struct virtio_dev_part_hdr b;
		uint8_t padding[5];
	} VIRTIO_WIRE_PACKED stream = { .a = { .length = rte_cpu_to_le_32(3) } };
	struct virtio_dev_part_hdr hdr;
	const uint8_t *value;
	size_t at = 0;

	VTEST_EQ(vio_admin_part_next(&stream, sizeof(stream), &at, &hdr, &value), 1);
	VTEST(value == stream.a_value);
	VTEST_EQ(at, 19);
	VTEST_EQ(vio_admin_part_next(&stream, sizeof(stream), &at, &hdr, &value), 1);
	VTEST_EQ(at, 35);
	/* Fewer bytes than a header are padding. */
	VTEST_EQ(vio_admin_part_next(&stream, sizeof(stream), &at, &hdr, &value), 0);
	/* One byte too few, and a length that would wrap around. */
	at = 0;
	VTEST_EQ(vio_admin_part_next(&stream, 18, &at, &hdr, &value), -EPROTO);
	VTEST_EQ(at, 0);
	stream.a.length = UINT32_MAX;
	VTEST_EQ(vio_admin_part_next(&stream, sizeof(stream), &at, &hdr, &value), -EPROTO);
	at = SIZE_MAX;
	VTEST_EQ(vio_admin_part_next(&stream, sizeof(stream), &at, &hdr, &value), 0);
}

static void
capability_ids_are_bounded(void)
{
	const struct vio_admin_caps caps = { { 1, [32] = 2 } };

	VTEST(vio_admin_caps_has(&caps, VIRTIO_ADMIN_CAP_DEV_PARTS));
	VTEST(vio_admin_caps_has(&caps, VIRTIO_ADMIN_CAP_FF_SELECTOR));
	VTEST(!vio_admin_caps_has(&caps, VIRTIO_ADMIN_CAP_FF_RESOURCE));
	VTEST(!vio_admin_caps_has(&caps, VIRTIO_ADMIN_NB_CAPS));
	VTEST(!vio_admin_caps_has(&caps, UINT16_MAX));
}

static const struct vtest_case cases[] = {
	{ "every_opcode_has_a_name_of_its_own", every_opcode_has_a_name_of_its_own },
	{ "a_status_is_the_errno_of_that_number", a_status_is_the_errno_of_that_number },
	{ "registers_have_the_borders_of_the_legacy_layout",
			registers_have_the_borders_of_the_legacy_layout },
	{ "parts_end_where_their_bytes_do", parts_end_where_their_bytes_do },
	{ "capability_ids_are_bounded", capability_ids_are_bounded },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, RTE_DIM(cases));
}
