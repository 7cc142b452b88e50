/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A legacy driver on a VF, through each access to the legacy registers: fields, rings, packets,
 * doorbells, interrupts, reset. */

#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test/fixture/vsim_owner.h"
#include "vsim/core/vsim_event.h"

#define NB(a) (sizeof(a) / sizeof((a)[0]))
#define STATUS_EINVAL VIRTIO_ADMIN_STATUS_EINVAL
#define VF_IOVA UINT64_C(0x10000000)
#define VF_MEM (1024 * 1024)
#define VF_BUFS (VF_MEM - 64 * 1024) /* Buffers of 2 KB start here. */

/* A NIC with a wire from VF 1 to VF 1, and DMA memory of VF 1. */
struct legacy {
	struct owner o;
	struct vsim_fn *vf;
	uint8_t *mem;
	struct ring rx, tx;
};

static struct legacy
legacy_make(const struct vsim_nic_conf *conf)
{
	struct legacy l = { 0 };
	char err[128];

	l.o = owner_make(conf);
	VTEST_EQ(vsim_nic_wire(l.o.f.nic, 1, "peer:1", err, sizeof(err)), 0);
	l.vf = vfs_make(&l.o.f, 2);
	owner_agree(&l.o, VIRTIO_ADMIN_GROUP_SRIOV);
	l.mem = mmap(NULL, VF_MEM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	VTEST(l.mem != MAP_FAILED);
	VTEST_EQ(vsim_fn_dma_map_ptr(l.vf, VF_IOVA, VF_MEM, PROT_READ | PROT_WRITE, l.mem), 0);
	return l;
}

static struct legacy
legacy_plain(void)
{
	struct vsim_nic_conf conf = fixture_conf("full");

	return legacy_make(&conf);
}

static void
legacy_free(struct legacy *l)
{
	owner_free(&l->o);
	munmap(l->mem, VF_MEM);
}

static void
queue_at(struct legacy *l, struct ring *r, uint16_t qi, uint32_t at)
{
	uint16_t size;

	VTEST_EQ(legacy_put_value(&l->o, 1, LEGACY(queue_select), qi, 2), 0);
	size = legacy_get(&l->o, 1, false, LEGACY(queue_size), 2);
	memset(l->mem + at, 0, VIRTIO_LEGACY_RING_BYTES(size));
	VTEST_EQ(legacy_put_value(&l->o, 1, LEGACY(queue_address), (VF_IOVA + at) >> 12, 4), 0);
	ring_init(r, l->vf, qi, size, l->mem + at);
	r->avail = (void *)(l->mem + at + 16 * size);
	r->used = (void *)(l->mem + at + VIRTIO_LEGACY_USED_OFFSET(size));
}

/* Initialize like a legacy driver, with these features, without DRIVER_OK. */
static void
driver_begin(struct legacy *l, uint32_t features)
{
	VTEST_EQ(legacy_put_value(&l->o, 1, LEGACY(device_status), 0, 1), 0);
	VTEST_EQ(legacy_put_value(&l->o, 1, LEGACY(device_status), 1, 1), 0);
	VTEST_EQ(legacy_put_value(&l->o, 1, LEGACY(device_status), 3, 1), 0);
	VTEST_EQ(legacy_put_value(&l->o, 1, LEGACY(driver_features), features, 4), 0);
	queue_at(l, &l->rx, 0, 0);
	queue_at(l, &l->tx, 1, 256 * 1024);
}

static uint64_t
buf(struct legacy *l, unsigned int i, uint8_t **ptr)
{
	*ptr = l->mem + VF_BUFS + 2048 * i;
	return VF_IOVA + VF_BUFS + 2048 * i;
}

static void
notify(struct legacy *l, uint16_t qi)
{
	VTEST_EQ(legacy_put_value(&l->o, 1, LEGACY(queue_notify), qi, 2), 0);
}

/* Send and receive a frame with a header of hdr_len bytes; split: in its own descriptor. */
static void
one_frame(struct legacy *l, uint32_t hdr_len, bool split, void (*ring)(struct legacy *, uint16_t))
{
	uint8_t *out, *in;
	uint64_t out_at = buf(l, 0, &out), in_at = buf(l, 1, &in);
	struct ring_seg tx[] = { { out_at, hdr_len }, { out_at + hdr_len, 60 } };
	struct ring_seg rx[] = { { in_at, hdr_len }, { in_at + hdr_len, 1600 } };
	uint32_t len = 0;
	uint16_t id;

	memset(out, 0, 2048);
	memset(in, 0xee, 2048);
	memset(out + hdr_len, 0xff, 6);
	for (unsigned int i = 6; i < 60; i++)
		out[hdr_len + i] = 3 * i;
	if (!split) {
		tx[0].len += tx[1].len;
		rx[0].len += rx[1].len;
	}
	ring_post(&l->rx, rx, 0, split ? 2 : 1, 0, NULL);
	ring_publish(&l->rx);
	ring(l, 0);
	ring_post(&l->tx, tx, split ? 2 : 1, 0, 0, NULL);
	ring_publish(&l->tx);
	ring(l, 1);
	for (int i = 0; i < 20; i++)
		vsim_worker_poll(l->o.f.nic, 0);
	VTEST(ring_reap(&l->tx, &id, &len));
	VTEST(ring_reap(&l->rx, &id, &len));
	VTEST_EQ(len, hdr_len + 60);
	VTEST(memcmp(in + hdr_len, out + hdr_len, 60) == 0);
	if (hdr_len == VIRTIO_NET_HDR_LEN)
		VTEST_EQ(in[10], 1); /* num_buffers */
}

/* ---------------------------------------------------------------- registers */

static void
the_header_is_that_of_a_legacy_device(void)
{
	struct legacy l = legacy_plain();
	uint32_t features = legacy_get(&l.o, 1, false, 0, 4);

	VTEST(features & 1u << VIRTIO_F_ANY_LAYOUT);
	VTEST_EQ(features & ~(1u << VIRTIO_F_ANY_LAYOUT), (uint32_t)l.vf->offered.w[0]);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(queue_size), 2), 256);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(queue_select), 99, 2), 0);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(queue_size), 2), 0);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(queue_select), 2), 99);
	/* Read-only registers do not change. */
	VTEST_EQ(legacy_put_value(&l.o, 1, 0, 0, 4), 0);
	VTEST_EQ(legacy_get(&l.o, 1, false, 0, 4), features);
	VTEST_EQ(legacy_get(&l.o, 1, true, 0, 6), 0xf1ff00000002);
	VTEST_EQ(legacy_get(&l.o, 1, true, 6, 2), VIRTIO_NET_S_LINK_UP);
	VTEST_EQ(legacy_get(&l.o, 1, true, 8, 2), 4);
	VTEST_EQ(legacy_get(&l.o, 1, true, 10, 2), 1500);
	VTEST_EQ(vsim_nic_violations(l.o.f.nic), 0);
	legacy_free(&l);
}

/* All offsets and widths. */
static void
an_access_lies_within_one_field(void)
{
	static const uint8_t common[] = { 0, 4, 8, 12, 14, 16, 18, 19, 20, 22, 24 };
	static const uint8_t device[] = { 0, 6, 8, 10, 12 };
	struct legacy l = legacy_plain();
	int fd = eventfd(0, 0);

	for (int msix = 0; msix < 2; msix++) {
		if (msix)
			VTEST_EQ(vsim_fn_irq_set(l.vf, 0, fd), 0);
		for (int area = 0; area < 2; area++) {
			const uint8_t *borders = area ? device : common;
			size_t nb = area ? NB(device) : msix ? NB(common) : NB(common) - 2;

			for (uint8_t offset = 0; offset < 30; offset++)
				for (uint32_t len = 1; len <= 8; len++) {
					bool inside = false;

					for (size_t i = 0; i + 1 < nb; i++)
						inside |= offset >= borders[i] &&
								offset + len <= borders[i + 1];
					VTEST_EQ(legacy_get(&l.o, 1, area, offset, len) >= 0,
							inside);
				}
		}
	}
	VTEST_EQ(legacy_put(&l.o, 1, false, 0, NULL, 0), STATUS_EINVAL);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(queue_size), 0, 4), STATUS_EINVAL);
	VTEST_EQ(legacy_put_value(&l.o, 1, 17, 0, 2), STATUS_EINVAL);
	close(fd);
	legacy_free(&l);
}

/* With fewer features the configuration is shorter. */
static void
the_configuration_ends_with_its_last_field(void)
{
	struct vsim_nic_conf conf = fixture_conf("minimal");
	struct legacy l;

	conf.on = FEATURES(VIRTIO_F_ADMIN_VQ, VIRTIO_NET_F_STATUS);
	l = legacy_make(&conf);
	VTEST_EQ(legacy_get(&l.o, 1, true, 6, 2), VIRTIO_NET_S_LINK_UP);
	VTEST_EQ(legacy_get(&l.o, 1, true, 8, 2), -STATUS_EINVAL);
	legacy_free(&l);
}

static void
parts_of_registers_are_registers_too(void)
{
	const uint32_t pfn = VF_IOVA >> 12;
	struct legacy l = legacy_plain();

	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(driver_features) + 2, 0x1234, 2), 0);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(driver_features), 0x20, 1), 0);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(driver_features), 4), 0x12340020);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(driver_features) + 3, 1), 0x12);
	/* A frame number takes effect with its last byte. */
	for (unsigned int i = 0; i < 4; i++) {
		VTEST(l.vf->queue[0] == NULL);
		VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(queue_address) + i, pfn >> 8 * i, 1), 0);
	}
	VTEST(l.vf->queue[0] != NULL);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(queue_address), 4), pfn);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(queue_address) + 1, 2), pfn >> 8);
	legacy_free(&l);
}

static void
features_beyond_32_do_not_exist(void)
{
	struct legacy l = legacy_plain();

	driver_begin(&l, UINT32_MAX & ~(1u << 30));
	VTEST_EQ(l.vf->accepted.w[0] >> 32, 0);
	VTEST(!vsim_features_has(&l.vf->accepted, VIRTIO_F_VERSION_1));
	VTEST(violations(l.vf, VIRTIO_RULE_ACCEPTED_FEATURES) >= 1); /* not offered */
	VTEST_EQ((uint32_t)l.vf->accepted.w[0] &
					~((uint32_t)l.vf->offered.w[0] | 1u << VIRTIO_F_ANY_LAYOUT),
			0);
	legacy_free(&l);
}

static void
a_modern_driver_is_left_alone(void)
{
	const struct vsim_features features = FEATURES(VIRTIO_F_VERSION_1);
	struct legacy l = legacy_plain();

	VTEST(driver_negotiate(l.vf, &features));
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(driver_features), 0, 4),
			VIRTIO_ADMIN_STATUS_EBUSY);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(queue_address), 1, 4), VIRTIO_ADMIN_STATUS_EBUSY);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(device_status), 4, 1), VIRTIO_ADMIN_STATUS_EBUSY);
	VTEST(!l.vf->legacy);
	/* Any driver may reset. */
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(device_status), 0, 1), 0);
	VTEST_EQ(l.vf->status, 0);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(driver_features), 0, 4), 0);
	VTEST(l.vf->legacy);
	legacy_free(&l);
}

/* ---------------------------------------------------------------- rings and packets */

static void
packets_pass_in_the_legacy_layout(void)
{
	static const uint16_t sizes[] = { 64, 128, 256, 512, 1024 };

	for (size_t i = 0; i < NB(sizes); i++)
		for (int mrg = 0; mrg < 2; mrg++)
			for (int split = 0; split < 2; split++) {
				struct vsim_nic_conf conf = fixture_conf("full");
				struct legacy l;

				conf.queue_size = sizes[i];
				l = legacy_make(&conf);
				driver_begin(&l, mrg ? 1u << VIRTIO_NET_F_MRG_RXBUF : 0);
				VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(device_status), 7, 1), 0);
				for (int n = 0; n < 3; n++)
					one_frame(&l, mrg ? 12 : 10, split, notify);
				VTEST_EQ(l.vf->counters->queue[1].doorbells, 3);
				VTEST_EQ(vsim_nic_violations(l.o.f.nic), 0);
				legacy_free(&l);
			}
}

static void
queues_work_before_driver_ok(void)
{
	struct legacy l = legacy_plain();

	driver_begin(&l, 0);
	one_frame(&l, 10, false, notify);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(device_status), 7, 1), 0);
	one_frame(&l, 10, false, notify);
	VTEST_EQ(vsim_nic_violations(l.o.f.nic), 0);
	legacy_free(&l);
}

static void
num_buffers_of_a_tx_header_is_ignored(void)
{
	struct legacy l = legacy_plain();
	uint8_t *out;
	uint64_t at = buf(&l, 0, &out);
	struct ring_seg seg = { at, 12 + 60 };
	uint32_t len;
	uint16_t id;

	driver_begin(&l, 1u << VIRTIO_NET_F_MRG_RXBUF);
	memset(out, 0, 2048);
	out[10] = 0x55;
	memset(out + 12, 0xff, 6);
	ring_post(&l.tx, &seg, 1, 0, 0, NULL);
	ring_publish(&l.tx);
	notify(&l, 1);
	for (int i = 0; i < 10; i++)
		vsim_worker_poll(l.o.f.nic, 0);
	VTEST(ring_reap(&l.tx, &id, &len));
	VTEST_EQ(l.vf->counters->queue[1].packets, 1);
	VTEST_EQ(vsim_nic_violations(l.o.f.nic), 0);
	legacy_free(&l);
}

static void
a_reset_stops_all_queues_and_they_work_again(void)
{
	struct legacy l = legacy_plain();

	for (int i = 0; i < 3; i++) {
		driver_begin(&l, 0);
		one_frame(&l, 10, false, notify);
		VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(device_status), 0, 1), 0);
		VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(device_status), 1), 0);
		VTEST(l.vf->queue[0] == NULL && l.vf->queue[1] == NULL);
		VTEST(!l.vf->legacy);
		/* The device reads no further buffer. */
		ring_post(&l.tx, &(struct ring_seg){ VF_IOVA + VF_BUFS, 70 }, 1, 0, 0, NULL);
		ring_publish(&l.tx);
		notify(&l, 1);
		vsim_worker_poll(l.o.f.nic, 0);
		VTEST_EQ(l.vf->counters->queue[1].packets, i + 1);
	}
	/* Frame number zero stops one queue only. */
	driver_begin(&l, 0);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(queue_address), 0, 4), 0);
	VTEST(l.vf->queue[0] != NULL && l.vf->queue[1] == NULL);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(queue_address), 4), 0);
	legacy_free(&l);
}

static void
a_ring_outside_of_the_map_breaks_the_vf_alone(void)
{
	struct legacy l = legacy_plain();

	driver_begin(&l, 0);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(queue_address), 0xfffffff0, 4), 0);
	VTEST(l.vf->status & VIRTIO_STATUS_NEEDS_RESET);
	VTEST_EQ(l.vf->counters->dma_faults, 1);
	VTEST(!(l.o.f.pf->status & VIRTIO_STATUS_NEEDS_RESET));
	driver_begin(&l, 0);
	one_frame(&l, 10, false, notify);
	legacy_free(&l);
}

/* ---------------------------------------------------------------- doorbells */

static void
store(struct vsim_fn *fn, uint64_t offset, uint16_t value)
{
	/* Like a mapped access: a store, without a call. */
	__atomic_store_n((uint16_t *)(void *)((uint8_t *)fn->doorbells + offset), htole16(value),
			__ATOMIC_RELEASE);
}

static void
ring_member(struct legacy *l, uint16_t qi)
{
	store(l->vf, vsim_legacy_doorbell(l->o.f.nic, VSIM_LEGACY_DOORBELL), qi);
}

static void
ring_owner(struct legacy *l, uint16_t qi)
{
	store(l->o.f.pf, vsim_legacy_doorbell(l->o.f.nic, VSIM_LEGACY_OWNER_DOORBELLS), qi);
}

static void
ring_trapped(struct legacy *l, uint16_t qi)
{
	uint16_t value = htole16(qi);

	VTEST_EQ(vsim_fn_write(l->vf, VSIM_BAR,
				 VSIM_BAR_DOORBELLS +
						 vsim_legacy_doorbell(l->o.f.nic,
								 VSIM_LEGACY_DOORBELL),
				 &value, 2),
			0);
}

/* On one doorbell page, and with a page for each queue. */
static void
every_doorbell(bool page_per_vq)
{
	void (*const ways[])(struct legacy *, uint16_t) = { notify, ring_member, ring_owner,
		ring_trapped };
	struct vsim_nic_conf conf = fixture_conf("full");
	struct legacy l;
	uint64_t commands;

	conf.page_per_vq = page_per_vq;
	l = legacy_make(&conf);
	driver_begin(&l, 0);
	for (size_t i = 0; i < NB(ways); i++) {
		commands = l.o.f.pf->counters->admin[VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE];
		for (int n = 0; n < 4; n++)
			one_frame(&l, 10, false, ways[i]);
		/* Two commands per frame by the tunnel, none by memory. */
		VTEST_EQ(l.o.f.pf->counters->admin[VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE] - commands,
				i == 0 ? 8 : 0);
	}
	VTEST(l.vf->counters->legacy_doorbells > 0);
	VTEST(l.vf->counters->legacy_owner_doorbells > 0);
	VTEST_EQ(vsim_nic_violations(l.o.f.nic), 0);
	legacy_free(&l);
}

static void
every_doorbell_is_as_good_as_notify(void)
{
	every_doorbell(false);
	every_doorbell(true);
}

/* Two writes of one doorbell word before the device reads it: none is lost. */
static void
doorbells_that_overtake_each_other_are_all_seen(void)
{
	struct legacy l = legacy_plain();
	uint8_t *out, *in;
	uint64_t out_at = buf(&l, 0, &out), in_at = buf(&l, 1, &in);
	uint32_t len;
	uint16_t id;

	driver_begin(&l, 0);
	memset(out, 0xff, 100);
	memset(out, 0, 10);
	ring_post(&l.tx, &(struct ring_seg){ out_at, 100 }, 1, 0, 0, NULL);
	ring_publish(&l.tx);
	ring_post(&l.rx, &(struct ring_seg){ in_at, 1600 }, 0, 1, 0, NULL);
	ring_publish(&l.rx);
	ring_member(&l, 1);
	ring_member(&l, 0);
	for (int i = 0; i < 10; i++)
		vsim_worker_poll(l.o.f.nic, 0);
	VTEST(ring_reap(&l.tx, &id, &len));
	VTEST(ring_reap(&l.rx, &id, &len));
	legacy_free(&l);
}

static void
a_doorbell_of_the_owner_is_for_one_vf_only(void)
{
	struct legacy l = legacy_plain();

	driver_begin(&l, 0);
	/* the doorbell of VF 2 */
	store(l.o.f.pf, vsim_legacy_doorbell(l.o.f.nic, VSIM_LEGACY_OWNER_DOORBELLS) + 4, 1);
	for (int i = 0; i < 4; i++)
		vsim_worker_poll(l.o.f.nic, 0);
	VTEST_EQ(l.vf->counters->legacy_owner_doorbells, 0);
	legacy_free(&l);
}

static void
notify_info(bool page_per_vq)
{
	struct virtio_admin_notify_info info[VIRTIO_ADMIN_NOTIFY_ENTRIES];
	struct vsim_nic_conf conf = fixture_conf("full");
	struct legacy l;
	uint64_t bar, last_page;

	conf.page_per_vq = page_per_vq;
	l = legacy_make(&conf);
	bar = vsim_fn_region_size(l.vf, VSIM_BAR);
	last_page = VSIM_BAR_DOORBELLS + l.vf->mem_size - VSIM_DOORBELL_PAGE;
	VTEST_EQ(owner_send(&l.o, VIRTIO_ADMIN_LEGACY_NOTIFY_INFO, VIRTIO_ADMIN_GROUP_SRIOV, 2,
				 NULL, 0, sizeof(info)),
			0);
	memcpy(info, owner_result(&l.o), sizeof(info));
	VTEST_EQ(info[0].flags, VIRTIO_ADMIN_NOTIFY_MEMBER);
	VTEST_EQ(le64toh(info[0].offset), last_page + VSIM_LEGACY_DOORBELL);
	VTEST_EQ(info[1].flags, VIRTIO_ADMIN_NOTIFY_OWNER);
	VTEST_EQ(le64toh(info[1].offset), last_page + VSIM_LEGACY_OWNER_DOORBELLS + 4);
	for (int i = 0; i < 2; i++) {
		VTEST_EQ(info[i].bar, VSIM_BAR);
		VTEST_EQ(le64toh(info[i].offset) % 2, 0);
		VTEST(le64toh(info[i].offset) + 2 <= bar);
	}
	VTEST_EQ(info[2].flags, VIRTIO_ADMIN_NOTIFY_END);
	VTEST_EQ(info[3].flags, VIRTIO_ADMIN_NOTIFY_END);
	/* virtio 1.4 2.12.1.1: VF BAR 0 does not exist. */
	config_write(l.o.f.pf, l.o.f.nic->layout[0].sriov + offsetof(struct pci_sriov_cap, vf_bar),
			UINT32_MAX, 4);
	VTEST_EQ(config_read(l.o.f.pf,
				 l.o.f.nic->layout[0].sriov +
						 offsetof(struct pci_sriov_cap, vf_bar),
				 4),
			0);
	legacy_free(&l);
}

static void
notify_info_names_places_that_are_there(void)
{
	notify_info(false);
	notify_info(true);
}

/* ---------------------------------------------------------------- interrupts */

static void
isr_reads_clear(void)
{
	struct legacy l = legacy_plain();

	driver_begin(&l, 1u << VIRTIO_NET_F_STATUS);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(device_status), 7, 1), 0);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(isr), 1), 0);
	one_frame(&l, 10, false, notify);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(isr), 1), VIRTIO_PCI_ISR_QUEUE);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(isr), 1), 0);
	vsim_fn_link_set(l.vf, false);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(isr), 1), VIRTIO_PCI_ISR_CONFIG);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(isr), 1), 0);
	VTEST_EQ(legacy_get(&l.o, 1, true, 6, 2), 0);
	legacy_free(&l);
}

static void
vectors_are_there_while_msix_is(void)
{
	struct legacy l = legacy_plain();
	int fd = eventfd(0, EFD_NONBLOCK);
	uint64_t count = 0;

	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(config_vector), 2), -STATUS_EINVAL);
	VTEST_EQ(vsim_fn_irq_set(l.vf, 3, fd), 0);
	driver_begin(&l, 0);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(queue_select), 0, 2), 0);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(queue_vector), 3, 2), 0);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(queue_vector), 2), 3);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(config_vector), 999, 2), 0);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(config_vector), 2), VIRTIO_MSI_NO_VECTOR);
	one_frame(&l, 10, false, notify);
	VTEST_EQ(read(fd, &count, sizeof(count)), sizeof(count));
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(isr), 1), 0);
	/* The tunnel does not shift the offsets of the configuration. */
	VTEST_EQ(legacy_get(&l.o, 1, true, 10, 2), 1500);
	VTEST_EQ(vsim_fn_irq_set(l.vf, 3, -1), 0);
	VTEST_EQ(legacy_get(&l.o, 1, false, LEGACY(queue_vector), 2), -STATUS_EINVAL);
	close(fd);
	legacy_free(&l);
}

/* ---------------------------------------------------------------- address */

static void
six_bytes_make_one_address(void)
{
	static const uint8_t mac[6] = { 0x02, 1, 2, 3, 4, 5 };
	struct legacy l = legacy_plain();
	struct vsim_fn_state before, state;

	driver_begin(&l, 1u << VIRTIO_NET_F_MAC);
	vsim_fn_get_state(l.vf, &before);
	for (uint8_t i = 0; i < 6; i++) {
		vsim_fn_get_state(l.vf, &state);
		VTEST(memcmp(state.mac, before.mac, 6) == 0);
		VTEST_EQ(legacy_put(&l.o, 1, true, i, &mac[i], 1), 0);
		VTEST_EQ(legacy_get(&l.o, 1, true, i, 1), mac[i]);
	}
	vsim_fn_get_state(l.vf, &state);
	VTEST(memcmp(state.mac, mac, 6) == 0);
	/* Also six bytes at once; a reset restores the old address. */
	VTEST_EQ(legacy_put(&l.o, 1, true, 0, before.mac, 6), 0);
	VTEST_EQ(legacy_put(&l.o, 1, true, 0, mac, 6), 0);
	vsim_fn_get_state(l.vf, &state);
	VTEST(memcmp(state.mac, mac, 6) == 0);
	VTEST_EQ(legacy_put_value(&l.o, 1, LEGACY(device_status), 0, 1), 0);
	vsim_fn_get_state(l.vf, &state);
	VTEST(memcmp(state.mac, before.mac, 6) == 0);
	legacy_free(&l);
}

/* ---------------------------------------------------------------- the other ways */

static uint32_t
bar_get(struct vsim_fn *fn, uint64_t offset, size_t len)
{
	uint32_t value = 0;

	VTEST_EQ(vsim_fn_read(fn, VSIM_BAR, offset, &value, len), 0);
	return le32toh(value);
}

static void
bar_put(struct vsim_fn *fn, uint64_t offset, uint32_t value, size_t len)
{
	value = htole32(value);
	VTEST_EQ(vsim_fn_write(fn, VSIM_BAR, offset, &value, len), 0);
}

static void
other_ways_are_off_by_default(void)
{
	struct legacy l = legacy_plain();

	bar_put(l.vf, VSIM_REG_LEGACY_WINDOW + 18, 3, 1);
	bar_put(l.vf, VSIM_REG_LEGACY_PAIR, 0, 4);
	VTEST_EQ(bar_get(l.vf, VSIM_REG_LEGACY_WINDOW, 4), 0);
	VTEST_EQ(bar_get(l.vf, VSIM_REG_LEGACY_PAIR, 4), 0);
	VTEST_EQ(l.vf->status, 0);
	VTEST_EQ(l.vf->counters->legacy_accesses, 0);
	legacy_free(&l);
}

static void
the_window_is_the_bar_of_a_legacy_device(void)
{
	const uint64_t at = VSIM_REG_LEGACY_WINDOW;
	struct vsim_nic_conf conf = fixture_conf("full");
	struct vsim_faults faults = { .reset_us = 20000 };
	int fd = eventfd(0, 0);
	struct legacy l;

	conf.legacy_alt.window = true;
	l = legacy_make(&conf);
	VTEST_EQ(bar_get(l.vf, at, 4), (uint32_t)legacy_get(&l.o, 1, false, 0, 4));
	/* The offset of the configuration changes with MSI-X. */
	VTEST_EQ(bar_get(l.vf, at + 20 + 10, 2), 1500);
	VTEST_EQ(vsim_fn_irq_set(l.vf, 0, fd), 0);
	VTEST_EQ(bar_get(l.vf, at + 24 + 10, 2), 1500);
	VTEST_EQ(vsim_fn_irq_set(l.vf, 0, -1), 0);
	VTEST_EQ(bar_get(l.vf, at + 20 + 10, 2), 1500);
	bar_put(l.vf, at + 18, 3, 1);
	VTEST_EQ(bar_get(l.vf, at + 18, 1), 3);
	/* The pair cannot show that a reset is in progress, so an early access is lost. */
	vsim_nic_faults(l.o.f.nic, &faults);
	bar_put(l.vf, at + 18, 0, 1);
	VTEST_EQ(bar_get(l.vf, at + 18, 1), 0);
	bar_put(l.vf, at + 18, 1, 1);
	VTEST_EQ(bar_get(l.vf, at + 18, 1), 0);
	close(fd);
	legacy_free(&l);
}

static uint32_t
pair_access(struct vsim_fn *fn, uint32_t address)
{
	const uint64_t at = VSIM_REG_LEGACY_PAIR;

	bar_put(fn, at, address, 4);
	while (!(bar_get(fn, at, 4) & 0x80000000u))
		;
	return bar_get(fn, at + 4, 4);
}

static void
the_pair_shows_when_an_access_is_done(void)
{
	const uint64_t at = VSIM_REG_LEGACY_PAIR;
	struct vsim_nic_conf conf = fixture_conf("full");
	struct vsim_faults faults = { .reset_us = 20000 };
	struct legacy l;

	conf.legacy_alt.pair = true;
	l = legacy_make(&conf);
	VTEST_EQ(pair_access(l.vf, 4 << 8), (uint32_t)legacy_get(&l.o, 1, false, 0, 4));
	VTEST_EQ(pair_access(l.vf, 0x1000 | 2 << 8 | 10), 1500);
	bar_put(l.vf, at + 4, 3, 4);
	pair_access(l.vf, 0x10000 | 1 << 8 | 18);
	VTEST_EQ(l.vf->status, 3);
	/* Two registers in one access. */
	pair_access(l.vf, 4 << 8 | 12);
	VTEST(bar_get(l.vf, at, 4) & 0x40000000u);
	vsim_nic_faults(l.o.f.nic, &faults);
	bar_put(l.vf, at + 4, 0, 4);
	bar_put(l.vf, at, 0x10000 | 1 << 8 | 18, 4);
	VTEST(!(bar_get(l.vf, at, 4) & 0x80000000u));
	while (!(bar_get(l.vf, at, 4) & 0x80000000u))
		;
	VTEST(!vsim_fn_resetting(l.vf));
	legacy_free(&l);
}

static const struct vtest_case cases[] = {
	{ "the_header_is_that_of_a_legacy_device", the_header_is_that_of_a_legacy_device },
	{ "an_access_lies_within_one_field", an_access_lies_within_one_field },
	{ "the_configuration_ends_with_its_last_field",
			the_configuration_ends_with_its_last_field },
	{ "parts_of_registers_are_registers_too", parts_of_registers_are_registers_too },
	{ "features_beyond_32_do_not_exist", features_beyond_32_do_not_exist },
	{ "a_modern_driver_is_left_alone", a_modern_driver_is_left_alone },
	{ "packets_pass_in_the_legacy_layout", packets_pass_in_the_legacy_layout },
	{ "queues_work_before_driver_ok", queues_work_before_driver_ok },
	{ "num_buffers_of_a_tx_header_is_ignored", num_buffers_of_a_tx_header_is_ignored },
	{ "a_reset_stops_all_queues_and_they_work_again",
			a_reset_stops_all_queues_and_they_work_again },
	{ "a_ring_outside_of_the_map_breaks_the_vf_alone",
			a_ring_outside_of_the_map_breaks_the_vf_alone },
	{ "every_doorbell_is_as_good_as_notify", every_doorbell_is_as_good_as_notify },
	{ "doorbells_that_overtake_each_other_are_all_seen",
			doorbells_that_overtake_each_other_are_all_seen },
	{ "a_doorbell_of_the_owner_is_for_one_vf_only",
			a_doorbell_of_the_owner_is_for_one_vf_only },
	{ "notify_info_names_places_that_are_there", notify_info_names_places_that_are_there },
	{ "isr_reads_clear", isr_reads_clear },
	{ "vectors_are_there_while_msix_is", vectors_are_there_while_msix_is },
	{ "six_bytes_make_one_address", six_bytes_make_one_address },
	{ "other_ways_are_off_by_default", other_ways_are_off_by_default },
	{ "the_window_is_the_bar_of_a_legacy_device", the_window_is_the_bar_of_a_legacy_device },
	{ "the_pair_shows_when_an_access_is_done", the_pair_shows_when_an_access_is_done },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
