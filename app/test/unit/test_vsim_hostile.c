/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Situations that a hostile driver brings about on the PF, as a table. After each of them a VF with
 * a correct driver still carries frames, and the PF works again after a reset. Chains have tables
 * of their own in test_vsim_queue.c, administration commands in test_vsim_admin.c.
 */

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "vsim/ring/vsim_walk.h"
#include "test/fixture/vsim_driver.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))
#define HDR VIRTIO_NET_HDR_LEN
#define FRAME 60
#define SIZE 64 /* descriptors of the queues, if the situation has no other size */
#define SLOT 2048 /* bytes of a buffer */
#define TX_AT(i) (BUF_OFFSET + (size_t)(i)*SLOT) /* 0..15: to send */
#define RX_AT(i) (BUF_OFFSET + (size_t)(16 + (i)) * SLOT) /* 0..15: to receive */
#define TABLE_AT (BUF_OFFSET + (size_t)32 * SLOT) /* 8 * SLOT bytes: indirect tables */
#define DATA_AT (BUF_OFFSET + (size_t)48 * SLOT)
#define IOVA(at) (FIXTURE_IOVA + (at))
#define W VIRTQ_DESC_F_WRITE
#define N VIRTQ_DESC_F_NEXT
#define I VIRTQ_DESC_F_INDIRECT
#define AV VIRTQ_DESC_F_AVAIL
#define US VIRTQ_DESC_F_USED

/* Features of a situation, besides those of every situation, and more. */
enum {
	INDIRECT = 1,
	MERGEABLE = 2,
	EVENT_IDX = 4,
	RING_OF_ONE = 8, /* The queues have one descriptor. */
	ON_VF = 16, /* The hostile driver is that of the VF. */
};

enum layouts { SPLIT = 1, PACKED = 2, BOTH = 3 };

static struct fixture fx;
static struct driver bad, good; /* of the PF and of the VF, or the other way round */
static uint8_t *vf_mem;

static struct vsim_features
features(bool packed, unsigned int more)
{
	struct vsim_features f = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM,
			VIRTIO_F_RING_RESET, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ,
			VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_MAC_ADDR);

	vsim_features_put(&f, VIRTIO_F_RING_PACKED, packed);
	vsim_features_put(&f, VIRTIO_F_INDIRECT_DESC, more & INDIRECT);
	vsim_features_put(&f, VIRTIO_NET_F_MRG_RXBUF, more & MERGEABLE);
	vsim_features_put(&f, VIRTIO_F_EVENT_IDX, more & EVENT_IDX);
	return f;
}

static void
poll_some(void)
{
	for (unsigned int i = 0; i < 1000 && vsim_worker_poll(fx.nic, 0) > 0; i++)
		;
}

/* Write a broadcast frame with its header into buffer i of a driver. */
static struct ring_seg
frame_seg(const struct driver *d, unsigned int i)
{
	uint8_t *at = d->mem + TX_AT(i % 16);

	memset(at, 0, HDR + FRAME);
	memset(at + HDR, 0xff, 6);
	at[HDR + 12] = 0x88;
	at[HDR + 13] = 0xb5;
	return (struct ring_seg){ IOVA(TX_AT(i % 16)), HDR + FRAME };
}

static void
post(struct driver *d, unsigned int nb)
{
	for (unsigned int i = 0; i < nb; i++) {
		const struct ring_seg seg = frame_seg(d, i);

		ring_post(&d->tx[0], &seg, 1, 0, 0, NULL);
	}
	ring_publish(&d->tx[0]);
}

/* Send frames, and take the buffers back. @return frames that the device sent. */
static uint64_t
send(struct driver *d, unsigned int nb)
{
	const uint64_t *packets = &d->fn->counters->queue[1].packets, before = *packets;
	uint32_t len;
	uint16_t id;

	post(d, nb);
	ring_doorbell_ring(&d->tx[0]);
	poll_some();
	while (ring_reap(&d->tx[0], &id, &len))
		;
	return *packets - before;
}

static void
rx_post(unsigned int slot, uint64_t at, uint32_t len)
{
	const struct ring_seg seg = { at, len };

	ring_post(&bad.rx[0], &seg, 0, 1, 0, NULL);
	ring_publish(&bad.rx[0]);
	ring_doorbell_ring(&bad.rx[0]);
}

static void
ring_tx(void)
{
	ring_doorbell_ring(&bad.tx[0]);
	poll_some();
}

/* Write a raw descriptor of the TX queue: id or next, by the layout. */
static void
raw(unsigned int slot, uint64_t addr, uint32_t len, uint16_t flags, uint16_t id_or_next)
{
	if (bad.tx[0].packed)
		bad.tx[0].pdesc[slot] = (struct pvirtq_desc){ addr, len, id_or_next, flags };
	else
		bad.tx[0].desc[slot] = (struct virtq_desc){ addr, len, flags, id_or_next };
}

static void
raw_frame(unsigned int slot, uint16_t flags, uint16_t id_or_next)
{
	const struct ring_seg seg = frame_seg(&bad, slot);

	raw(slot, seg.addr, seg.len, flags, id_or_next);
}

/* ---------------------------------------------------------------- split rings */

static void
same_head_twice(void)
{
	raw_frame(0, 0, 0);
	bad.tx[0].avail->idx = 2;
	ring_tx();
	VTEST_EQ(bad.tx[0].used->idx, 2);
}

static void
every_entry_the_same(void)
{
	raw_frame(0, 0, 0);
	bad.tx[0].avail->idx = SIZE;
	ring_tx();
	VTEST_EQ(bad.tx[0].used->idx, SIZE);
}

static void
index_goes_back_by_one(void)
{
	VTEST_EQ(send(&bad, 3), 3);
	bad.tx[0].avail->idx--;
	ring_tx();
}

static void
index_goes_back_near_its_wrap(void)
{
	for (unsigned int i = 0; i < 65536 / SIZE - 1; i++)
		VTEST_EQ(send(&bad, SIZE), SIZE);
	VTEST_EQ(send(&bad, SIZE - 1), SIZE - 1);
	VTEST_EQ(bad.tx[0].avail->idx, 0xffff);
	bad.tx[0].avail->idx = 0xfffe;
	ring_tx();
}

static void
used_event_at_its_ends(void)
{
	static const uint16_t events[] = { 0xffff, 0, 1, 0x7fff, 0x8000 };

	for (size_t i = 0; i < NB(events); i++) {
		bad.tx[0].avail->ring[SIZE] = events[i];
		VTEST_EQ(send(&bad, 1), 1);
	}
}

/* The device never reads what it wrote. */
static void
driver_writes_the_used_ring(void)
{
	for (unsigned int i = 0; i < 3; i++) {
		memset(bad.tx[0].used, 0xff, VIRTQ_USED_BYTES(SIZE));
		bad.tx[0].used_i = i; /* the driver has lost what it knew */
		post(&bad, 1);
		ring_tx();
		VTEST_EQ(bad.tx[0].used->idx, i + 1);
	}
	bad.tx[0].avail->flags = 0xffff;
	post(&bad, 1);
	ring_tx();
}

static void
table_as_long_as_the_queue(unsigned int nb)
{
	struct virtq_desc *t = (void *)(bad.mem + TABLE_AT);
	const struct ring_seg seg = frame_seg(&bad, 0);
	const uint32_t piece = seg.len / nb;

	for (unsigned int i = 0; i < nb; i++)
		t[i] = (struct virtq_desc){ seg.addr + i * piece,
			i + 1 < nb ? piece : seg.len - i * piece, i + 1 < nb ? N : 0, i + 1 };
	raw(0, IOVA(TABLE_AT), nb * sizeof(*t), I, 0);
	bad.tx[0].avail->idx = 1;
	ring_tx();
}

static void
table_of_the_queue_size(void)
{
	table_as_long_as_the_queue(SIZE);
}

static void
table_of_the_queue_size_and_one(void)
{
	table_as_long_as_the_queue(SIZE + 1);
}

/* ---------------------------------------------------------------- both layouts */

static void
buffer_changed_after_the_doorbell(void)
{
	rx_post(0, IOVA(RX_AT(0)), SLOT);
	poll_some();
	if (bad.rx[0].packed)
		bad.rx[0].pdesc[0].addr = 0;
	else
		bad.rx[0].desc[0].addr = 0;
	post(&bad, 1);
	ring_tx();
}

static void
memory_unmapped_while_buffers_are_posted(void)
{
	rx_post(0, IOVA(RX_AT(0)), SLOT);
	post(&bad, 1);
	VTEST_EQ(vsim_fn_dma_unmap(bad.fn, FIXTURE_IOVA, FIXTURE_MEM_LEN), 0);
	ring_tx();
	VTEST_EQ(vsim_fn_dma_map_ptr(bad.fn, FIXTURE_IOVA, FIXTURE_MEM_LEN, PROT_READ | PROT_WRITE,
				 bad.mem),
			0);
}

static void
doorbells_of_all_queues_at_once(void)
{
	rx_post(0, IOVA(RX_AT(0)), SLOT);
	post(&bad, 2);
	for (unsigned int i = 0; i < 2; i++) {
		ring_doorbell_ring(&bad.rx[i]);
		ring_doorbell_ring(&bad.tx[i]);
	}
	ring_doorbell_ring(&bad.ctrl);
	ring_tx();
}

static void
doorbell_twice_for_a_full_ring(void)
{
	post(&bad, SIZE);
	ring_doorbell_ring(&bad.tx[0]);
	ring_tx();
	ring_tx();
}

/* The device writes over what it has to read next. */
static void
receive_into_a_ring(uint8_t *ring_part)
{
	for (unsigned int i = 0; i < 4; i++)
		rx_post(0, IOVA((size_t)(ring_part - bad.mem)), SLOT);
	for (unsigned int i = 0; i < 4; i++)
		send(&bad, 4);
}

static void
receive_into_its_own_descriptors(void)
{
	receive_into_a_ring((uint8_t *)bad.rx[0].desc);
}

static void
receive_into_its_own_used_ring(void)
{
	receive_into_a_ring((uint8_t *)bad.rx[0].used);
}

static void
receive_into_the_ring_of_another_queue(void)
{
	receive_into_a_ring((uint8_t *)bad.tx[0].desc);
}

static void
send_its_own_ring(void)
{
	raw(0, IOVA(FIXTURE_QUEUE_LEN), 1000, bad.tx[0].packed ? AV : 0, 0);
	if (!bad.tx[0].packed)
		bad.tx[0].avail->idx = 1;
	ring_tx();
}

/* Send a frame by a table at this place in memory, of which the driver sees two parts. */
static void
table_at(uint64_t iova, uint8_t *part, size_t len, uint8_t *rest)
{
	const struct ring_seg seg = frame_seg(&bad, 0);
	const struct ring_seg segs[2] = { { seg.addr, 20 }, { seg.addr + 20, seg.len - 20 } };
	struct virtq_desc table[2];

	ring_post(&bad.tx[0], segs, 2, 0, iova, table);
	memcpy(part, table, len);
	memcpy(rest, (uint8_t *)table + len, sizeof(table) - len);
	ring_publish(&bad.tx[0]);
	ring_tx();
}

static void
table_at_an_odd_address(void)
{
	uint8_t *at = bad.mem + TABLE_AT + 1;

	table_at(IOVA(TABLE_AT) + 1, at, 16, at + 16);
}

static void
table_across_a_border_of_the_map(void)
{
	const uint64_t border = FIXTURE_IOVA + FIXTURE_MEM_LEN;
	static uint8_t more[4096] __attribute__((aligned(4096)));

	VTEST_EQ(vsim_fn_dma_map_ptr(bad.fn, border, sizeof(more), PROT_READ, more), 0);
	table_at(border - 8, bad.mem + FIXTURE_MEM_LEN - 8, 8, more);
}

/* ---------------------------------------------------------------- packed rings */

static void
flags_taken_back_before_the_doorbell(void)
{
	post(&bad, 1);
	bad.tx[0].pdesc[0].flags = 0;
	ring_tx();
}

static void
flags_of_no_meaning(void)
{
	static const uint16_t flags[] = { 0, AV | US, US };

	for (size_t i = 0; i < NB(flags); i++) {
		raw_frame(0, flags[i], 0);
		ring_tx();
	}
}

static void
all_fields_at_their_maximum(void)
{
	raw(0, UINT64_MAX, UINT32_MAX, UINT16_MAX, UINT16_MAX);
	ring_tx();
}

static void
flags_of_the_last_lap(void)
{
	VTEST_EQ(send(&bad, SIZE), SIZE);
	raw_frame(0, AV, 0);
	ring_tx();
}

static void
list_with_a_part_of_the_other_lap(void)
{
	raw_frame(0, AV | N, 0);
	raw_frame(1, US, 0);
	ring_tx();
}

static void
list_of(unsigned int nb, bool ends)
{
	for (unsigned int i = nb; i-- > 0;)
		raw_frame(i, AV | (i + 1 < nb || !ends ? N : 0), 0);
	ring_tx();
}

/* The packet is longer than the MTU allows. */
static void
list_of_the_queue_size(void)
{
	list_of(SIZE, true);
	VTEST_EQ(bad.fn->counters->queue[1].drop_too_big, 1);
	VTEST_EQ(bad.fn->counters->queue[1].descriptors, SIZE);
}

static void
list_without_an_end(void)
{
	list_of(SIZE, false);
}

static void
ids_out_of_range_and_twice(void)
{
	static const uint16_t ids[] = { SIZE, UINT16_MAX, 7, 7 };

	for (unsigned int i = 0; i < NB(ids); i++) {
		raw_frame(i, AV, ids[i]);
		ring_tx();
		VTEST_EQ(bad.tx[0].pdesc[i].id, ids[i]);
	}
}

static void
ring_of_one(void)
{
	for (unsigned int i = 0; i < 5; i++)
		VTEST_EQ(send(&bad, 1), 1);
}

static void
ring_of_one_with_a_table(void)
{
	struct ring_seg seg = frame_seg(&bad, 0);
	uint32_t len;
	uint16_t id;

	for (unsigned int i = 0; i < 3; i++) {
		ring_post(&bad.tx[0], &seg, 1, 0, IOVA(TABLE_AT), bad.mem + TABLE_AT);
		ring_tx();
		VTEST(ring_reap(&bad.tx[0], &id, &len));
	}
}

static void
ring_of_one_with_a_table_of_two(void)
{
	uint8_t *at = bad.mem + TABLE_AT;

	table_at(IOVA(TABLE_AT), at, 16, at + 16);
}

static void
events_of_no_meaning(void)
{
	static const struct pvirtq_event_suppress events[] = {
		{ 0, 3 }, /* reserved */
		{ SIZE, RING_EVENT_FLAGS_DESC }, { UINT16_MAX, UINT16_MAX },
		{ 1, RING_EVENT_FLAGS_DESC }, /* of the other lap */
	};

	for (size_t i = 0; i < NB(events); i++) {
		*bad.tx[0].driver = events[i];
		VTEST_EQ(send(&bad, 1), 1);
	}
}

/* In a split table, the last two fields stand the other way round. */
static void
table_of_the_other_layout(void)
{
	struct virtq_desc *t = (void *)(bad.mem + TABLE_AT);
	const struct ring_seg seg = frame_seg(&bad, 0);

	t[0] = (struct virtq_desc){ seg.addr, 20, N, 1 };
	t[1] = (struct virtq_desc){ seg.addr + 20, seg.len - 20, 0, 0 };
	raw(0, IOVA(TABLE_AT), 2 * sizeof(*t), AV | I, 0);
	ring_tx();
}

/* ---------------------------------------------------------------- life and registers */

static void
doorbell_after_a_reset(void)
{
	reg_write(bad.fn, "device_status", 0);
	post(&bad, 1);
	ring_tx();
}

static void
doorbell_by_register_during_the_set_up(void)
{
	const uint16_t index = htole16(1);

	driver_start(bad.fn);
	VTEST_EQ(vsim_fn_write(bad.fn, VSIM_BAR,
				 VSIM_BAR_DOORBELLS + vsim_queue_doorbell_offset(bad.fn->nic, 1),
				 &index, sizeof(index)),
			0);
}

static void
driver_ok_twice(void)
{
	reg_write(bad.fn, "device_status", reg_read(bad.fn, "device_status"));
	VTEST_EQ(send(&bad, 3), 3);
}

static void
failed_and_a_doorbell(void)
{
	reg_write(bad.fn, "device_status",
			reg_read(bad.fn, "device_status") | VIRTIO_STATUS_FAILED);
	send(&bad, 1);
}

static void
set_up_again_without_a_reset(void)
{
	const uint32_t before = reg_read(bad.fn, "device_status");

	reg_write(bad.fn, "device_status", VIRTIO_STATUS_ACKNOWLEDGE);
	VTEST_EQ(reg_read(bad.fn, "device_status"), before);
	VTEST_EQ(send(&bad, 1), 1);
}

static void
no_features_at_all(void)
{
	driver_start(bad.fn);
	reg_write(bad.fn, "device_status",
			VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER |
					VIRTIO_STATUS_FEATURES_OK);
	VTEST(!(reg_read(bad.fn, "device_status") & VIRTIO_STATUS_FEATURES_OK));
}

/* Bring the device up again with this address for all parts of queue 1. */
static void
up_with_parts_at(uint64_t iova)
{
	static const char *const halves[] = { "queue_desc_lo", "queue_driver_lo",
		"queue_device_lo" };
	const struct vsim_features f = features(bad.tx[0].packed, 0);

	VTEST(driver_negotiate(bad.fn, &f));
	memset(bad.mem, 0, BUF_OFFSET);
	reg_write(bad.fn, "queue_select", 1);
	for (size_t i = 0; i < NB(halves); i++)
		reg_write(bad.fn, halves[i], iova);
	reg_write(bad.fn, "queue_enable", 1);
	driver_ok(bad.fn);
}

static void
parts_of_a_queue_overlap(void)
{
	up_with_parts_at(FIXTURE_IOVA);
	memset(bad.mem, 0x80, 4096);
	ring_tx();
}

static void
queue_without_addresses(void)
{
	up_with_parts_at(0);
}

static void
queue_enabled_twice(void)
{
	reg_write(bad.fn, "queue_select", 1);
	reg_write(bad.fn, "queue_enable", 1);
	VTEST_EQ(send(&bad, 3), 3);
}

static void
selects_out_of_range(void)
{
	static const uint16_t queues[] = { 9, 0x7fff, 0xffff };
	static const uint32_t windows[] = { 4, 0x80000000, UINT32_MAX };

	for (size_t i = 0; i < NB(queues); i++) {
		reg_write(bad.fn, "queue_select", queues[i]);
		VTEST_EQ(reg_read(bad.fn, "queue_size"), 0);
		VTEST_EQ(reg_read(bad.fn, "queue_desc_lo"), 0);
		reg_write(bad.fn, "queue_desc_lo", 1);
		reg_write(bad.fn, "queue_size", 8);
		reg_write(bad.fn, "queue_msix_vector", 0);
		reg_write(bad.fn, "queue_enable", 1);
		reg_write(bad.fn, "queue_reset", 1);
		VTEST_EQ(reg_read(bad.fn, "queue_enable"), 0);
		reg_write(bad.fn, "device_feature_select", windows[i]);
		VTEST_EQ(reg_read(bad.fn, "device_feature"), 0);
		reg_write(bad.fn, "driver_feature_select", windows[i]);
		reg_write(bad.fn, "driver_feature", 0);
	}
	VTEST_EQ(send(&bad, 1), 1);
}

static void
reads_of_every_width_everywhere(void)
{
	static const size_t widths[] = { 1, 2, 3, 4, 8, 16 };
	uint8_t data[16];

	for (size_t w = 0; w < NB(widths); w++)
		for (uint64_t at = 0; at < VSIM_BAR_DOORBELLS + 64; at++)
			(void)vsim_fn_read(bad.fn, VSIM_BAR, at, data, widths[w]);
	(void)vsim_fn_read(bad.fn, VSIM_BAR, UINT64_MAX - 3, data, 4);
	VTEST_EQ(send(&bad, 1), 1);
}

static void
writes_of_every_width_everywhere(void)
{
	static const size_t widths[] = { 1, 2, 3, 4, 8, 16 };
	uint8_t data[16];

	memset(data, 0xff, sizeof(data));
	for (size_t w = 0; w < NB(widths); w++)
		for (uint64_t at = 0; at < VSIM_BAR_DOORBELLS + bad.fn->mem_size + 8; at++) {
			(void)vsim_fn_write(bad.fn, VSIM_BAR, at, data, widths[w]);
			data[at % 16] = at * 7;
		}
	(void)vsim_fn_write(bad.fn, VSIM_BAR, UINT64_MAX - 3, data, 4);
	poll_some();
}

static void
doorbells_past_the_queues(void)
{
	static const uint64_t queues[] = { 9, 20, 30 };
	const uint16_t index = htole16(9);

	for (size_t i = 0; i < NB(queues); i++)
		VTEST_EQ(vsim_fn_write(bad.fn, VSIM_BAR,
					 VSIM_BAR_DOORBELLS +
							 vsim_queue_doorbell_offset(bad.fn->nic,
									 queues[i]),
					 &index, sizeof(index)),
				0);
	VTEST(vsim_fn_write(bad.fn, VSIM_BAR, VSIM_BAR_DOORBELLS + bad.fn->mem_size, &index, 2) <=
			0);
	poll_some();
	VTEST_EQ(send(&bad, 1), 1);
}

static void
vectors_changed_in_flight(void)
{
	uint32_t word;

	for (unsigned int i = 0; i < 64; i++) {
		post(&bad, 1);
		ring_doorbell_ring(&bad.tx[0]);
		for (uint64_t at = 0; at < 64; at += 4) {
			word = i * 0x9e3779b9u + (uint32_t)at;
			VTEST_EQ(vsim_fn_write(bad.fn, VSIM_BAR, VSIM_REG_MSIX_TABLE + at, &word,
						 4),
					0);
		}
		poll_some();
		VTEST_EQ(vsim_fn_read(bad.fn, VSIM_BAR, VSIM_REG_MSIX_PBA, &word, 4), 0);
	}
}

static void
function_level_reset_during_traffic(void)
{
	post(&bad, 40);
	ring_doorbell_ring(&bad.tx[0]);
	vsim_worker_poll(fx.nic, 0);
	vsim_fn_reset(bad.fn);
	ring_tx();
	VTEST_EQ(reg_read(bad.fn, "device_status"), 0);
}

static void
reset_during_traffic(void)
{
	post(&bad, 40);
	ring_doorbell_ring(&bad.tx[0]);
	vsim_worker_poll(fx.nic, 0);
	reg_write(bad.fn, "device_status", 0);
	ring_tx();
}

static void
bar_sized_and_moved_while_in_use(void)
{
	const uint16_t bar = 0x10 + 4 * VSIM_BAR;
	const uint32_t before = config_read(bad.fn, bar, 4);

	config_write(bad.fn, bar, UINT32_MAX, 4);
	VTEST_EQ(send(&bad, 1), 1);
	config_write(bad.fn, bar, 0xfff00000, 4);
	VTEST_EQ(send(&bad, 1), 1);
	config_write(bad.fn, bar, before, 4);
	VTEST_EQ(send(&bad, 1), 1);
}

static void
reset_of_queues_in_every_state(void)
{
	static const uint16_t queues[] = { 5, 5, 1, 1, 0xffff }; /* 5: never set up */

	post(&bad, 40);
	ring_doorbell_ring(&bad.tx[0]);
	vsim_worker_poll(fx.nic, 0);
	for (size_t i = 0; i < NB(queues); i++) {
		reg_write(bad.fn, "queue_select", queues[i]);
		reg_write(bad.fn, "queue_reset", 1);
		VTEST_EQ(reg_read(bad.fn, "queue_reset"), 0);
	}
	ring_tx();
}

/* ---------------------------------------------------------------- network */

static void
buffers_of(uint32_t len)
{
	for (unsigned int i = 0; i < 8; i++)
		rx_post(i, IOVA(RX_AT(i)), len);
	VTEST_EQ(send(&bad, 1), 1);
}

static void
receive_buffers_of_no_byte(void)
{
	buffers_of(0);
}

static void
receive_buffers_of_one_byte(void)
{
	buffers_of(1);
}

static void
receive_buffers_of_half_a_header(void)
{
	buffers_of(HDR - 1);
}

static void
receive_buffers_of_a_header(void)
{
	buffers_of(HDR);
}

static void
readable_receive_buffers(void)
{
	const struct ring_seg seg = { IOVA(RX_AT(0)), SLOT };

	ring_post(&bad.rx[0], &seg, 1, 0, 0, NULL);
	ring_publish(&bad.rx[0]);
	ring_doorbell_ring(&bad.rx[0]);
	VTEST_EQ(send(&bad, 1), 1);
}

static void
queues_beyond_the_pairs_in_use(void)
{
	const struct ring_seg seg = frame_seg(&bad, 0);

	ring_post(&bad.tx[1], &seg, 1, 0, 0, NULL);
	ring_publish(&bad.tx[1]);
	ring_doorbell_ring(&bad.tx[1]);
	poll_some();
}

/* ---------------------------------------------------------------- control queue */

/* Send a request. @return its answer; 0xff: none. */
static uint8_t
control(uint8_t class, uint8_t command, const void *data, uint32_t len)
{
	uint8_t *at = bad.mem + DATA_AT;
	const struct ring_seg segs[] = { { IOVA(DATA_AT), 2 + len }, { IOVA(DATA_AT) - 8, 1 } };
	uint32_t used;
	uint16_t id;

	at[0] = class;
	at[1] = command;
	memcpy(at + 2, data, len);
	at[-8] = 0xff;
	ring_post(&bad.ctrl, segs, 1, 1, 0, NULL);
	ring_publish(&bad.ctrl);
	ring_doorbell_ring(&bad.ctrl);
	vsim_worker_poll(fx.nic, 0);
	VTEST(ring_reap(&bad.ctrl, &id, &used));
	return at[-8];
}

/* More than 65536 requests, so the indices wrap. */
static void
a_hundred_thousand_requests(void)
{
	static const uint8_t data[2] = { 1, 0 };

	for (uint32_t i = 0; i < 100000; i++)
		VTEST(control(i >> 8, i, data, i % 3) <= 1);
}

static void
requests_with_unlikely_data(void)
{
	static const struct {
		uint8_t class, command, data[14];
		uint32_t len;
		uint8_t answer;
	} rows[] = {
		{ VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, { 0xff }, 2000, 0 },
		{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET, { 0 }, 6, 0 },
		{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_ADDR_SET,
				{ 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, 6, 0 },
		{ VIRTIO_NET_CTRL_MAC, VIRTIO_NET_CTRL_MAC_TABLE_SET,
				{ 1, 0, 0, 0, 1, 0, 0x5e, 0, 0, 1, 0, 0, 0, 0 }, 14, 0 },
		{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_ADD, { 0, 0 }, 2, 0 },
		{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, { 0xff, 0x0f }, 2, 0 },
		{ VIRTIO_NET_CTRL_VLAN, VIRTIO_NET_CTRL_VLAN_DEL, { 0xff, 0xff }, 2, 1 },
		{ 6, 0, { 0 }, 8, 1 }, /* coalescing, not offered */
		{ VIRTIO_NET_CTRL_MQ, 1, { 0xff, 0xff, 0xff, 0xff, 3, 0 }, 14, 1 }, /* RSS */
	};
	uint8_t data[2000] = { 0 };

	for (size_t i = 0; i < NB(rows); i++) {
		memcpy(data, rows[i].data, sizeof(rows[i].data));
		VTEST_EQ(control(rows[i].class, rows[i].command, data, rows[i].len),
				rows[i].answer);
	}
}

static void
requests_between_packets(void)
{
	static const uint8_t on[1] = { 1 };

	for (unsigned int i = 0; i < 100; i++) {
		post(&bad, 1);
		ring_doorbell_ring(&bad.tx[0]);
		VTEST_EQ(control(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, on, 1), 0);
		poll_some();
		bad.tx[0].used_i++;
	}
}

/* ---------------------------------------------------------------- the table */

#define ANY VIRTIO_RULE_END /* Any rules may be broken. */

static const struct situation {
	const char *name;
	enum layouts layouts;
	unsigned int features; /* And other properties. */
	void (*act)(void);
	enum virtio_rule rule; /* Counted, or NONE or ANY. */
	unsigned int count;
	bool stops;
	int packets; /* Sent; -1: any number. */
} situations[] = {
#define S(act) #act, SPLIT, 0, act
#define P(act) #act, PACKED, 0, act
#define B(act) #act, BOTH, 0, act
#define X(act, layouts, features) #act, layouts, features, act
	{ S(same_head_twice), VIRTIO_RULE_NONE, 0, false, 2 },
	{ S(every_entry_the_same), VIRTIO_RULE_NONE, 0, false, SIZE },
	{ S(index_goes_back_by_one), VIRTIO_RULE_AVAIL_INDEX, 1, true, 3 },
	{ S(index_goes_back_near_its_wrap), VIRTIO_RULE_AVAIL_INDEX, 1, true, 0xffff },
	{ X(used_event_at_its_ends, SPLIT, EVENT_IDX), VIRTIO_RULE_NONE, 0, false, 5 },
	{ S(driver_writes_the_used_ring), VIRTIO_RULE_NONE, 0, false, 4 },
	{ X(table_of_the_queue_size, SPLIT, INDIRECT), VIRTIO_RULE_NONE, 0, false, 1 },
	{ X(table_of_the_queue_size_and_one, SPLIT, INDIRECT), VIRTIO_RULE_CHAIN, 1, true, 0 },
	{ B(buffer_changed_after_the_doorbell), VIRTIO_RULE_NONE, 0, true, -1 },
	{ B(memory_unmapped_while_buffers_are_posted), VIRTIO_RULE_NONE, 0, true, 0 },
	{ B(doorbells_of_all_queues_at_once), VIRTIO_RULE_NONE, 0, false, 2 },
	{ B(doorbell_twice_for_a_full_ring), VIRTIO_RULE_NONE, 0, false, SIZE },
	{ B(receive_into_its_own_descriptors), ANY, 0, false, -1 },
	{ B(receive_into_its_own_used_ring), ANY, 0, false, -1 },
	{ B(receive_into_the_ring_of_another_queue), ANY, 0, false, -1 },
	{ B(send_its_own_ring), ANY, 0, false, -1 },
	{ X(table_at_an_odd_address, BOTH, INDIRECT), VIRTIO_RULE_NONE, 0, false, 1 },
	{ X(table_across_a_border_of_the_map, BOTH, INDIRECT), VIRTIO_RULE_NONE, 0, false, 1 },
	{ P(flags_taken_back_before_the_doorbell), VIRTIO_RULE_NONE, 0, false, 0 },
	{ P(flags_of_no_meaning), VIRTIO_RULE_NONE, 0, false, 0 },
	{ P(all_fields_at_their_maximum), VIRTIO_RULE_NONE, 0, false, 0 },
	{ P(flags_of_the_last_lap), VIRTIO_RULE_NONE, 0, false, SIZE },
	{ P(list_with_a_part_of_the_other_lap), VIRTIO_RULE_PACKED_LIST, 1, true, 0 },
	{ P(list_of_the_queue_size), VIRTIO_RULE_NONE, 0, false, 0 },
	{ P(list_without_an_end), VIRTIO_RULE_PACKED_LIST, 1, true, 0 },
	{ P(ids_out_of_range_and_twice), VIRTIO_RULE_NONE, 0, false, 4 },
	{ X(ring_of_one, PACKED, RING_OF_ONE), VIRTIO_RULE_NONE, 0, false, 5 },
	{ X(ring_of_one_with_a_table, PACKED, INDIRECT | RING_OF_ONE), VIRTIO_RULE_NONE, 0, false,
			3 },
	{ X(ring_of_one_with_a_table_of_two, PACKED, INDIRECT | RING_OF_ONE),
			VIRTIO_RULE_PACKED_LIST, 1, true, 0 },
	{ X(events_of_no_meaning, PACKED, EVENT_IDX), VIRTIO_RULE_NONE, 0, false, 4 },
	{ X(table_of_the_other_layout, PACKED, INDIRECT), VIRTIO_RULE_PACKED_INDIRECT, 1, false,
			1 },
	{ B(doorbell_after_a_reset), VIRTIO_RULE_NONE, 0, false, 0 },
	{ B(doorbell_by_register_during_the_set_up), VIRTIO_RULE_DOORBELL_EARLY, 1, false, 0 },
	{ B(driver_ok_twice), VIRTIO_RULE_NONE, 0, false, 3 },
	{ B(failed_and_a_doorbell), VIRTIO_RULE_NONE, 0, false, -1 },
	{ B(set_up_again_without_a_reset), VIRTIO_RULE_STATUS_BITS, 1, false, 1 },
	{ B(no_features_at_all), VIRTIO_RULE_VERSION_1, 1, false, 0 },
	{ B(parts_of_a_queue_overlap), ANY, 0, false, -1 },
	{ B(queue_without_addresses), VIRTIO_RULE_NONE, 0, true, 0 },
	{ B(queue_enabled_twice), VIRTIO_RULE_NONE, 0, false, 3 },
	{ B(selects_out_of_range), VIRTIO_RULE_NONE, 0, false, 1 },
	{ B(reads_of_every_width_everywhere), ANY, 0, false, 1 },
	{ B(writes_of_every_width_everywhere), ANY, 0, false, -1 },
	{ B(doorbells_past_the_queues), ANY, 0, false, 1 },
	{ B(vectors_changed_in_flight), VIRTIO_RULE_NONE, 0, false, 64 },
	/* That of the PF removes the VFs. */
	{ X(function_level_reset_during_traffic, BOTH, ON_VF), VIRTIO_RULE_NONE, 0, false, -1 },
	{ B(reset_during_traffic), VIRTIO_RULE_NONE, 0, false, -1 },
	{ B(bar_sized_and_moved_while_in_use), VIRTIO_RULE_NONE, 0, false, 3 },
	{ B(reset_of_queues_in_every_state), VIRTIO_RULE_NONE, 0, false, -1 },
	{ B(receive_buffers_of_no_byte), VIRTIO_RULE_NONE, 0, false, 1 },
	{ B(receive_buffers_of_one_byte), VIRTIO_RULE_NONE, 0, false, 1 },
	{ B(receive_buffers_of_a_header), VIRTIO_RULE_NONE, 0, false, 1 },
	{ B(readable_receive_buffers), VIRTIO_RULE_NONE, 0, false, 1 },
	{ X(receive_buffers_of_no_byte, BOTH, MERGEABLE), VIRTIO_RULE_RX_BUFFER, 1, true, 1 },
	{ X(receive_buffers_of_half_a_header, BOTH, MERGEABLE), VIRTIO_RULE_RX_BUFFER, 1, true, 1 },
	{ X(receive_buffers_of_a_header, BOTH, MERGEABLE), VIRTIO_RULE_NONE, 0, false, 1 },
	{ X(readable_receive_buffers, BOTH, MERGEABLE), VIRTIO_RULE_RX_BUFFER, 1, true, 1 },
	{ B(queues_beyond_the_pairs_in_use), VIRTIO_RULE_NONE, 0, false, 0 },
	{ B(a_hundred_thousand_requests), ANY, 0, false, 0 },
	{ B(requests_with_unlikely_data), VIRTIO_RULE_NONE, 0, false, 0 },
	{ B(requests_between_packets), VIRTIO_RULE_NONE, 0, false, 100 },
};

static void
world_up(const struct situation *s, bool packed, bool hard)
{
	const struct vsim_features plain = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM);
	const struct vsim_features f = features(packed, s->features);
	char err[256] = "";
	struct vsim_nic_conf conf = fixture_conf("full");
	const bool on_vf = s->features & ON_VF;
	struct vsim_fn *vf;

	conf.shuffled_completions = conf.strict_doorbells = hard;
	fx = fixture_from(&conf);
	fixture_vfs(&fx, 1);
	vf_mem = mmap(NULL, FIXTURE_MEM_LEN, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			-1, 0);
	VTEST(vf_mem != MAP_FAILED);
	vf = vsim_nic_fn(fx.nic, 1);
	VTEST_EQ(vsim_fn_dma_map_ptr(vf, FIXTURE_IOVA, FIXTURE_MEM_LEN, PROT_READ | PROT_WRITE,
				 vf_mem),
			0);
	VTEST_EQ(vsim_nic_wire(fx.nic, 0, "peer:0", err, sizeof(err)), 0);
	VTEST_EQ(vsim_nic_wire(fx.nic, 1, "peer:1", err, sizeof(err)), 0);
	driver_run(&good, on_vf ? fx.pf : vf, on_vf ? fx.mem : vf_mem, &plain, 1, SIZE);
	driver_run(&bad, on_vf ? vf : fx.pf, on_vf ? vf_mem : fx.mem, &f, 2,
			s->features & RING_OF_ONE ? 1 : SIZE);
}

/* @return the outcome is that of the table. */
static bool
as_expected(const struct situation *s)
{
	const struct vsim_counters *c = bad.fn->counters;

	if (s->packets >= 0 && c->queue[1].packets != (uint64_t)s->packets)
		return false;
	if (s->rule == ANY)
		return true;
	if (!!(bad.fn->status & VIRTIO_STATUS_NEEDS_RESET) != s->stops)
		return false;
	/* A function that stops without a broken rule stops for a DMA fault. */
	if ((c->dma_faults > 0) != (s->stops && s->count == 0))
		return false;
	return violations_all(bad.fn) == s->count &&
			(s->count == 0 || violations(bad.fn, s->rule) == s->count);
}

static void
situation_run(const struct situation *s, bool packed, bool hard)
{
	const struct vsim_features plain = features(packed, 0);

	world_up(s, packed, hard);
	s->act();
	if (!as_expected(s))
		vtest_fail("%s (%s): %llu violations (%llu of C%03u), %llu faults, status %#x, "
			   "%llu packets",
				s->name, packed ? "packed" : "split",
				(unsigned long long)violations_all(bad.fn),
				(unsigned long long)(s->rule < ANY ? violations(bad.fn, s->rule) :
								     0),
				s->rule, (unsigned long long)bad.fn->counters->dma_faults,
				bad.fn->status,
				(unsigned long long)bad.fn->counters->queue[1].packets);
	/* Nobody else is touched. */
	if (send(&good, 5) != 5 || violations_all(good.fn) != 0 ||
			(good.fn->status & VIRTIO_STATUS_NEEDS_RESET))
		vtest_fail("%s (%s): the other function does not work", s->name,
				packed ? "packed" : "split");
	/* A reset brings the function back. */
	driver_run(&bad, bad.fn, bad.mem, &plain, 1, SIZE);
	if (send(&bad, 3) != 3)
		vtest_fail("%s (%s): does not work after a reset", s->name,
				packed ? "packed" : "split");
	fixture_free(&fx);
	munmap(vf_mem, FIXTURE_MEM_LEN);
}

static void
situations_run(bool hard)
{
	for (size_t i = 0; i < NB(situations); i++) {
		if (situations[i].layouts & SPLIT)
			situation_run(&situations[i], false, hard);
		if (situations[i].layouts & PACKED)
			situation_run(&situations[i], true, hard);
	}
}

static void
situations_touch_nobody_else(void)
{
	situations_run(false);
}

/* The same on a device that completes out of order and believes doorbells. */
static void
situations_touch_nobody_else_on_a_hard_device(void)
{
	situations_run(true);
}

static const struct vtest_case cases[] = {
	{ "situations_touch_nobody_else", situations_touch_nobody_else },
	{ "situations_touch_nobody_else_on_a_hard_device",
			situations_touch_nobody_else_on_a_hard_device },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
