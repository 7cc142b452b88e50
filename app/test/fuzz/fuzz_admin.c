/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * libFuzzer target: commands of an owner to the simulated NIC. An input is a sequence of commands;
 * each has 6 bytes (opcode, group, member, bytes of data, bytes of answer, segment size) and data.
 * The device must answer each command, must not write beyond the answer, and must go on.
 */

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "test/fixture/vsim_owner.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

#define VF_MEM (256 * 1024)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint8_t vf_mem[VF_MEM] __attribute__((aligned(4096)));

static struct owner
make(uint8_t how)
{
	struct vsim_nic_conf conf = fixture_conf("full");
	struct owner o;

	conf.total_vfs = 2;
	conf.queue_pairs = 1;
	conf.queue_size = 64;
	conf.lenient.early_lists = how & 1;
	conf.lenient.unlisted_caps = how & 2;
	conf.lenient.swapped_objs = how & 4;
	conf.legacy_alt.window = conf.legacy_alt.pair = how & 8;
	o = owner_make(&conf);
	if (how & 16)
		return o;
	vfs_make(&o.f, 2);
	for (unsigned int i = 1; i <= 2; i++)
		VTEST_EQ(vsim_fn_dma_map_ptr(vsim_nic_fn(o.f.nic, i), 0, VF_MEM,
					 PROT_READ | PROT_WRITE, vf_mem),
				0);
	if (!(how & 32)) {
		owner_agree(&o, VIRTIO_ADMIN_GROUP_SELF);
		owner_agree(&o, VIRTIO_ADMIN_GROUP_SRIOV);
	}
	return o;
}

/* Send one command. @return bytes of the input that were used. */
static size_t
command(struct owner *o, const uint8_t *data, size_t size)
{
	const uint32_t data_len = data[3] < size - 6 ? data[3] : size - 6;
	/* Few sizes are as long as the largest results. */
	const uint32_t in_len = data[4] > 250 ? 8200 : data[4] * 2u;
	const uint32_t cut = data[5] == 0 ? OWNER_BUF : 16u * data[5];
	uint8_t out[sizeof(struct virtio_admin_cmd_hdr) + UINT8_MAX] = { data[0] };
	uint16_t id;

	out[2] = data[1];
	out[16] = data[2];
	memcpy(out + sizeof(struct virtio_admin_cmd_hdr), data + 6, data_len);
	if (in_len == 0 || (in_len + sizeof(out)) / cut + 2 > RING_SEGS)
		return 6 + data_len;
	owner_post(o, out, sizeof(struct virtio_admin_cmd_hdr) + data_len, in_len, cut);
	CHECK(owner_reap(o, &id));
	CHECK(o->used <= in_len && o->used >= (in_len < 4 ? in_len : 4));
	CHECK(o->answer[in_len] == 0xee);
	return 6 + data_len;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t at = 1;
	struct owner o;

	if (size == 0)
		return 0;
	if (setjmp(vtest_leave) != 0)
		abort();
	o = make(data[0]);
	while (at + 6 <= size)
		at += command(&o, data + at, size - at);
	CHECK(!(o.f.pf->status & VIRTIO_STATUS_NEEDS_RESET));
	owner_free(&o);
	return 0;
}
