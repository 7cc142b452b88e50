/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * libFuzzer target: a guest that writes anything into its ring, against the relay and the takeover
 * of vdpa_vsr. The first bytes of the input choose the features, the next ones fill the memory of
 * the guest, the rest are steps: the guest writes, the relay runs, the VF uses buffers. The VF is
 * an honest one.
 */

#include <stdlib.h>
#include <string.h>

#include "../../../drivers/vdpa/vsr/ring/vdpa_relay.h"
#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"

#define CHECK(cond)              \
	do {                     \
		if (!(cond))     \
			abort(); \
	} while (0)

#define GPA UINT64_C(0x10000)
#define MEM_LEN 2048
#define SIZE_MAX_TESTED 16
#define VF_SIZE 16

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t *input;
static size_t input_len;
static uint8_t *mem; /* Of the guest, exactly MEM_LEN bytes of the heap. */

static uint8_t
next(void)
{
	if (input_len == 0)
		return 0;
	input_len--;
	return *input++;
}

/* ------------------------------------------------------------------ memory of the guest */

/* Two regions, so that ranges can cross a border. */
static void *
find(void *arg, uint64_t gpa, uint64_t *len)
{
	const uint64_t half = MEM_LEN - 256;
	uint64_t at = gpa - GPA;

	CHECK(*len != 0);
	if (gpa < GPA || at >= MEM_LEN)
		return NULL;
	*len = RTE_MIN(*len, (at < half ? half : MEM_LEN) - at);
	return mem + at;
}

static void
written(void *arg, uint64_t gpa, uint64_t len)
{
	CHECK(len != 0);
}

/* ------------------------------------------------------------------ the shadow ring and its VF */

static _Alignas(4096) uint8_t shadow[3 * 4096];
static void *cookies[VF_SIZE];
static uint16_t free_ids[VF_SIZE];
static struct vio_chain chains[VF_SIZE];
static struct vio_virtq vq;

static struct {
	struct {
		uint16_t id, nb_descs;
	} held[VF_SIZE];
	unsigned int nb;
	uint16_t avail_i, used_i;
	bool avail_wrap, used_wrap;
} vf;

static void
vf_open(bool packed, bool in_order, bool event_idx)
{
	struct vio_dev dev = { .t = NULL };

	if (in_order)
		vio_features_add(&dev.accepted, VIRTIO_F_IN_ORDER);
	if (event_idx)
		vio_features_add(&dev.accepted, VIRTIO_F_EVENT_IDX);
	vq = (struct vio_virtq){
		.cookies = cookies,
		.chains = chains,
		.free_ids = free_ids,
		.size = VF_SIZE,
		.packed = packed,
		.mem = shadow,
		.driver_at = 4096,
		.device_at = 8192,
	};
	vio_virtq_init(&vq, &dev);
	memset(&vf, 0, sizeof(vf));
	vf.avail_wrap = vf.used_wrap = true;
}

static void
vf_take(void)
{
	while (!vq.packed && vf.avail_i != vq.avail->idx) {
		uint16_t id = vq.avail->ring[vf.avail_i++ % VF_SIZE];

		CHECK(vf.nb < VF_SIZE && id < VF_SIZE);
		vf.held[vf.nb].id = id;
		vf.held[vf.nb].nb_descs = 1;
		for (; (vq.desc[id].flags & VIRTQ_DESC_F_NEXT) != 0; id = vq.desc[id].next)
			CHECK(++vf.held[vf.nb].nb_descs <= VF_SIZE);
		vf.nb++;
	}
	while (vq.packed) {
		const struct pvirtq_desc *d = &vq.pdesc[vf.avail_i];
		bool avail, used, more;

		vdpa_slot_flags(d, &avail, &used);
		if (avail != vf.avail_wrap || used == vf.avail_wrap)
			break;
		CHECK(vf.nb < VF_SIZE);
		vf.held[vf.nb].nb_descs = 0;
		do {
			d = &vq.pdesc[vf.avail_i];
			more = (d->flags & VIRTQ_DESC_F_NEXT) != 0;
			vf.held[vf.nb].id = d->id;
			CHECK(++vf.held[vf.nb].nb_descs <= VF_SIZE);
			if (++vf.avail_i == VF_SIZE) {
				vf.avail_i = 0;
				vf.avail_wrap = !vf.avail_wrap;
			}
		} while (more);
		vf.nb++;
	}
}

/* Use one of the outstanding buffers, the oldest one if in order. */
static void
vf_use(uint8_t which, uint32_t len)
{
	unsigned int at;

	vf_take();
	if (vf.nb == 0)
		return;
	at = vq.in_order ? 0 : which % vf.nb;
	if (vq.packed) {
		struct pvirtq_desc *d = &vq.pdesc[vf.used_i];

		d->id = vf.held[at].id;
		d->len = len;
		d->flags = vf.used_wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;
		vf.used_i += vf.held[at].nb_descs;
		if (vf.used_i >= VF_SIZE) {
			vf.used_i -= VF_SIZE;
			vf.used_wrap = !vf.used_wrap;
		}
	} else {
		vq.used->ring[vf.used_i++ % VF_SIZE] =
				(struct virtq_used_elem){ .id = vf.held[at].id, .len = len };
		vq.used->idx = vf.used_i;
	}
	vf.nb--;
	memmove(&vf.held[at], &vf.held[at + 1], (vf.nb - at) * sizeof(vf.held[0]));
}

/* ------------------------------------------------------------------ the relay */

static void
check_takeover(const struct vdpa_takeover *to, const struct vdpa_gring_conf *ring)
{
	bool seen[SIZE_MAX_TESTED] = { false };

	CHECK(to->nb_again + to->nb_empty <= ring->size);
	CHECK(to->nb_out <= ring->size);
	for (unsigned int i = 0; i < to->nb_again + to->nb_empty; i++) {
		CHECK(to->held[i].id < ring->size && !seen[to->held[i].id]);
		CHECK(to->held[i].at < ring->size);
		seen[to->held[i].id] = true;
	}
}

static bool
start(struct vdpa_relay *r, const struct vdpa_gring_conf *ring, const struct vdpa_mem *map,
		enum vdpa_order order)
{
	struct vdpa_takeover to;
	const char *err = NULL;
	int ret = vdpa_takeover_find(&to, ring, map, order, &err);

	if (ret != 0) {
		CHECK(err != NULL && to.held == NULL);
		return false;
	}
	check_takeover(&to, ring);
	return vdpa_relay_start(r, ring, map, &vq, &to) == 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct vdpa_mem map = { .find = find };
	struct vdpa_gring_conf ring = { 0 };
	struct vdpa_relay *r;
	uint8_t features;
	bool vf_packed;

	input = data;
	input_len = size;
	features = next();
	ring.packed = features & 1;
	ring.event_idx = features & 2;
	ring.indirect = features & 4;
	ring.in_order = features & 8;
	ring.write = features & 16;
	vf_packed = features & 32;
	map.written = features & 64 ? written : NULL;
	ring.size = (uint16_t)(1u << (next() & 3) << 1);
	ring.desc = GPA;
	ring.driver = GPA + 1024 + (features & 128 ? 1 + 128 : 0);
	ring.device = GPA + 1024 + 512;
	mem = aligned_alloc(1024, MEM_LEN);
	CHECK(mem != NULL);
	for (unsigned int i = 0; i < MEM_LEN; i++)
		mem[i] = i < 512 || (i >= 1024 && i < 1200) ? next() : 0;
	vf_open(vf_packed, ring.in_order || (features & 16), ring.event_idx);
	r = vdpa_relay_create(SIZE_MAX_TESTED, VF_SIZE);
	CHECK(r != NULL);
	if (features & 128 || !start(r, &ring, &map, next() % 3)) {
		struct vdpa_takeover to;

		ring.driver = GPA + 1024;
		vdpa_takeover_at(&to, VDPA_RING_START(ring.packed));
		CHECK(vdpa_relay_start(r, &ring, &map, &vq, &to) == 0);
	}
	while (input_len != 0) {
		const uint8_t op = next();
		unsigned int ret;

		switch (op & 7) {
		case 0: /* the guest writes a byte somewhere in the ring */
			mem[(next() | (op & 0x78) << 5) % MEM_LEN] = next();
			break;
		case 1: /* the guest makes something available */
			if (ring.packed)
				((struct pvirtq_desc *)(void *)mem)[next() % ring.size].flags =
						(uint16_t)(next() | next() << 8);
			else
				((struct virtq_avail *)(void *)(mem + 1024))->idx += op >> 3 & 7;
			break;
		case 2:
		case 3:
			ret = vdpa_relay_poll(r, 1 + (op >> 3));
			CHECK((ret & VDPA_RELAY_VF_BROKEN) == 0);
			CHECK(!(ret & VDPA_RELAY_GUEST_BROKEN) || vdpa_relay_error(r) != NULL);
			CHECK(vdpa_relay_nb_out(r) <= ring.size);
			break;
		case 4:
			vdpa_relay_arm(r);
			break;
		case 5:
			vf_use(op >> 3, next());
			break;
		case 6: /* reset of the VF */
			if ((op & 8) == 0)
				break;
			vdpa_relay_suspend(r);
			vf_open(vf_packed, ring.in_order || (features & 16), ring.event_idx);
			if (vdpa_relay_resume(r, &vq) != 0 && (op & 16) != 0)
				start(r, &ring, &map,
						op >> 5 & 1 ? VDPA_ORDER_NONE : VDPA_ORDER_ASSUMED);
			break;
		case 7:
			vdpa_relay_stop_at_start(r, op & 8);
			if ((op & 16) != 0) {
				vdpa_relay_suspend(r);
				vdpa_relay_settle(r);
				vf_open(vf_packed, ring.in_order || (features & 16),
						ring.event_idx);
				start(r, &ring, &map, (op >> 5) % 3);
			}
			break;
		}
		CHECK(!vq.broken);
	}
	vdpa_relay_free(r);
	free(mem);
	return 0;
}
