/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Virtqueues of the simulated NIC: virtio 1.4 2.7, 2.8, 4.1.5.2, 5.1.9. */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vsim/ring/vsim_walk.h"
#include "test/fixture/vsim_driver.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))
#define HDR VIRTIO_NET_HDR_LEN
#define SIZE 64 /* descriptors of the test queues */
#define SLOT 2048 /* bytes of a test buffer */
#define TX_AT(i) (BUF_OFFSET + (size_t)(i)*SLOT) /* 0..15: to send */
#define RX_AT(i) (BUF_OFFSET + (size_t)(16 + (i)) * SLOT) /* 0..31: to receive */
#define TABLE_AT(i) (BUF_OFFSET + (size_t)(48 + (i)) * SLOT) /* 0..15: indirect tables */
#define IOVA(at) (FIXTURE_IOVA + (at))

static struct fixture fx;
static struct driver d;

/** The features that cases switch: the cases run over all combinations. */
struct variant {
	bool packed, indirect, in_order, mergeable, event_idx, notification_data, notif_config_data;
	bool shuffled, strict, polled; /**< Of the device. */
};

static struct vsim_features
variant_features(const struct variant *v)
{
	struct vsim_features f = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM,
			VIRTIO_F_RING_RESET, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ,
			VIRTIO_NET_F_CTRL_RX);

	vsim_features_put(&f, VIRTIO_F_RING_PACKED, v->packed);
	vsim_features_put(&f, VIRTIO_F_INDIRECT_DESC, v->indirect);
	vsim_features_put(&f, VIRTIO_F_IN_ORDER, v->in_order);
	vsim_features_put(&f, VIRTIO_NET_F_MRG_RXBUF, v->mergeable);
	vsim_features_put(&f, VIRTIO_F_EVENT_IDX, v->event_idx);
	vsim_features_put(&f, VIRTIO_F_NOTIFICATION_DATA, v->notification_data);
	vsim_features_put(&f, VIRTIO_F_NOTIF_CONFIG_DATA, v->notif_config_data);
	return f;
}

static void
wire(const char *spec)
{
	char err[256] = "";

	VTEST_EQ(vsim_nic_wire(fx.nic, 0, spec, err, sizeof(err)), 0);
}

/* A NIC with a wire from the PF to the PF, and a driver with one queue pair. */
static void
up(const struct variant *v)
{
	struct vsim_features f = variant_features(v);
	struct vsim_nic_conf conf = fixture_conf("full");

	conf.shuffled_completions = v->shuffled;
	conf.strict_doorbells = v->strict;
	conf.polled_rings = v->polled;
	fx = fixture_from(&conf);
	wire("peer:0");
	driver_run(&d, fx.pf, fx.mem, &f, 2, SIZE);
}

static void
down(void)
{
	fixture_free(&fx);
}

static unsigned int
poll_idle(void)
{
	unsigned int rounds = 0;

	while (vsim_worker_poll(fx.nic, 0) > 0 && rounds < 1000)
		rounds++;
	return rounds;
}

/* A unique frame of len bytes; its destination is broadcast, which all filters accept. */
static void
frame_make(uint8_t *f, size_t len, uint32_t seed)
{
	for (size_t i = 0; i < len; i++)
		f[i] = (i * 7 + seed * 13) ^ (seed >> 8);
	memset(f, 0xff, 6);
	memset(f + 6, 0x02, 6);
	f[12] = 0x88;
	f[13] = 0xb5;
}

/* Post a frame to send in slot i, in segments of odd lengths. */
static void
tx_post(unsigned int i, size_t len, uint32_t seed, unsigned int pieces, bool indirect)
{
	uint8_t *buf = fx.mem + TX_AT(i);
	size_t total = HDR + len, at = 0;
	struct ring_seg segs[RING_SEGS];

	memset(buf, 0, HDR);
	frame_make(buf + HDR, len, seed);
	for (unsigned int k = 0; k < pieces; k++) {
		size_t n = k == 0 && seed % 2 ? HDR : 7 + (seed + k) % 20;

		if (k + 1 == pieces)
			n = total - at;
		else if (n > (total - at) / 2)
			n = (total - at) / 2;
		segs[k] = (struct ring_seg){ IOVA(TX_AT(i)) + at, n };
		at += n;
	}
	ring_post(&d.tx[0], segs, pieces, 0, indirect ? IOVA(TABLE_AT(i)) : 0,
			fx.mem + TABLE_AT(i));
}

/* ---------------------------------------------------------------- all variants, good drivers */

/* Frames of many lengths and segmentations are received unchanged, over many laps. */
static void
loop_back(const struct variant *v, uint32_t rx_len)
{
	static const uint16_t lens[] = { 14, 18, 52, 60, 64, 65, 116, 117, 500, 1514 };
	uint16_t rx_slot[RING_MAX] = { 0 };
	bool busy[32] = { false };
	unsigned int sent = 0, got = 0, used = 0, posted = 0, cleaned = 0;
	struct vsim_counters *c;
	uint32_t len;
	uint16_t id;

	up(v);
	c = fx.pf->counters;
	for (unsigned int round = 0; round < 60; round++) {
		unsigned int batch = 1 + round % 5, tries = 0;

		/* RX: keep 24 buffers posted, of one or two descriptors each. */
		while (posted - used < 24) {
			unsigned int slot = 0;
			uint32_t head = posted % 3 == 0 ? 20 : rx_len;
			struct ring_seg segs[2] = { { 0 } };

			while (busy[slot])
				slot++;
			busy[slot] = true;
			segs[0] = (struct ring_seg){ IOVA(RX_AT(slot)), head };
			segs[1] = (struct ring_seg){ IOVA(RX_AT(slot)) + head, rx_len - head };
			memset(fx.mem + RX_AT(slot), 0xee, SLOT);
			rx_slot[ring_post(&d.rx[0], segs, 0, head < rx_len ? 2 : 1, 0, NULL)] =
					slot;
			posted++;
		}
		ring_publish(&d.rx[0]);
		ring_doorbell_ring(&d.rx[0]);
		for (unsigned int k = 0; k < batch; k++) {
			uint32_t seed = sent + k;

			tx_post(k, lens[seed % NB(lens)], seed, 1 + seed % 4,
					v->indirect && seed % 3 != 0);
		}
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		while (ring_reap(&d.tx[0], &id, &len)) {
			VTEST_EQ(len, 0);
			cleaned++;
		}
		sent += batch;
		VTEST_EQ(cleaned, sent);
		for (; got < sent; got++) {
			uint32_t want = lens[got % NB(lens)];
			uint8_t whole[HDR + 2048], expect[2048];
			struct virtio_net_hdr hdr = { 0 };
			unsigned int nb = 0;
			uint32_t have = 0;

			do {
				VTEST(ring_reap(&d.rx[0], &id, &len));
				VTEST(len <= rx_len && have + len <= sizeof(whole));
				memcpy(whole + have, fx.mem + RX_AT(rx_slot[id]), len);
				busy[rx_slot[id]] = false;
				have += len;
				nb++;
				used++;
				if (nb == 1)
					memcpy(&hdr, whole, HDR);
				/* 5.1.9.4: all but the last are full */
				VTEST(nb == hdr.num_buffers || len == rx_len);
			} while (nb < hdr.num_buffers && tries++ < 1000);
			VTEST_EQ(hdr.num_buffers, (HDR + want + rx_len - 1) / rx_len);
			VTEST_EQ(hdr.flags, 0);
			VTEST_EQ(hdr.gso_type, 0);
			VTEST_EQ(have, HDR + want);
			frame_make(expect, want, got);
			VTEST(memcmp(whole + HDR, expect, want) == 0);
		}
	}
	VTEST(!ring_reap(&d.rx[0], &id, &len));
	VTEST_EQ(violations_all(fx.pf), 0);
	VTEST_EQ(c->dma_faults, 0);
	VTEST_EQ(c->queue[1].packets, sent);
	VTEST_EQ(c->queue[0].packets, sent);
	VTEST_EQ(c->queue[0].drop_no_buffer + c->queue[0].drop_too_big, 0);
	VTEST_EQ(c->queue[1].drop_malformed + c->queue[1].drop_wire, 0);
	VTEST_EQ(c->queue[1].doorbells, 60);
	down();
}

static void
frames_loop_back(bool packed)
{
	for (unsigned int bits = 0; bits < 256; bits++) {
		struct variant v = {
			.packed = packed,
			.indirect = bits & 1,
			.in_order = bits & 2,
			.mergeable = bits & 4,
			.event_idx = bits & 8,
			.notification_data = bits & 16,
			.notif_config_data = bits & 32,
			.shuffled = bits & 64,
			.strict = bits & 128,
		};

		loop_back(&v, 1536);
		if (v.mergeable)
			loop_back(&v, 128);
	}
}

static void
split_frames_loop_back_in_every_variant(void)
{
	frames_loop_back(false);
}

static void
packed_frames_loop_back_in_every_variant(void)
{
	frames_loop_back(true);
}

/* ---------------------------------------------------------------- doorbells and events */

static void
rx_post(struct ring *r, unsigned int slot, uint32_t len)
{
	const struct ring_seg seg = { IOVA(RX_AT(slot)), len };

	ring_post(r, &seg, 0, 1, 0, NULL);
	ring_publish(r);
}

static void
nothing_happens_without_a_doorbell(void)
{
	for (unsigned int packed = 0; packed < 2; packed++) {
		up(&(struct variant){ .packed = packed });
		tx_post(0, 60, 1, 1, false);
		ring_publish(&d.tx[0]);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[1].packets, 0);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
		/* The device found the ring empty, so the next frame needs a doorbell. */
		tx_post(1, 60, 2, 1, false);
		ring_publish(&d.tx[0]);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[1].packets, 2);
		VTEST_EQ(fx.pf->counters->queue[1].doorbells_spurious, 0);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[1].doorbells, 3);
		VTEST_EQ(fx.pf->counters->queue[1].doorbells_spurious, 1);
		down();
	}
}

static uint8_t *
doorbells_map(int *fd)
{
	uint64_t size;
	uint8_t *page;

	*fd = dup(vsim_fn_mem_fd(fx.pf, &size));
	page = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd,
			VSIM_REGION_OFFSET(VSIM_BAR) + VSIM_BAR_DOORBELLS);
	VTEST(page != MAP_FAILED);
	return page;
}

/* Who has the old memory of the doorbells mapped reaches nothing; a queue that runs goes on. */
static void
old_doorbells_ring_nothing_after_a_renewal(void)
{
	const struct vsim_counters *c;
	uint8_t *old, *fresh;
	int old_fd, fresh_fd;
	uint64_t size;

	up(&(struct variant){ .packed = false });
	c = fx.pf->counters;
	old = doorbells_map(&old_fd);
	VTEST_EQ(vsim_fn_mem_renew(fx.pf), 0);
	fresh = doorbells_map(&fresh_fd);
	vsim_fn_mem_fd(fx.pf, &size);
	memset(old, 1, size);
	tx_post(0, 60, 1, 1, false);
	ring_publish(&d.tx[0]);
	poll_idle();
	VTEST_EQ(c->queue[1].packets, 0);
	for (uint64_t i = 0; i < size; i++)
		VTEST_EQ(fresh[i], 0xff);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(c->queue[1].packets, 1);
	VTEST_EQ(c->queue[1].doorbells, 1);
	/* The new file cannot be truncated either. */
	VTEST_EQ(ftruncate(fresh_fd, 0), -1);
	munmap(old, size);
	munmap(fresh, size);
	close(old_fd);
	close(fresh_fd);
	down();
}

static void
rx_buffers_without_a_doorbell_stay_unseen(void)
{
	for (unsigned int packed = 0; packed < 2; packed++) {
		struct vsim_counters *c;

		up(&(struct variant){ .packed = packed });
		c = fx.pf->counters;
		rx_post(&d.rx[0], 0, 1536);
		for (unsigned int i = 0; i < 2; i++) {
			tx_post(i, 60, i, 1, false);
			ring_publish(&d.tx[0]);
			ring_doorbell_ring(&d.tx[0]);
			poll_idle();
			VTEST_EQ(c->queue[0].packets, i);
			VTEST_EQ(c->queue[0].drop_no_buffer, 1);
			ring_doorbell_ring(&d.rx[0]);
			poll_idle();
		}
		/* One buffer for two frames. */
		rx_post(&d.rx[0], 1, 1536);
		ring_doorbell_ring(&d.rx[0]);
		tx_post(2, 60, 2, 1, false);
		tx_post(3, 60, 3, 1, false);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(c->queue[0].packets, 2);
		VTEST_EQ(c->queue[0].drop_no_buffer, 2);
		down();
	}
}

/* With EVENT_IDX the device writes the index of the next doorbell that it needs. */
static void
event_idx_asks_for_the_next_doorbell(void)
{
	up(&(struct variant){ .event_idx = true });
	for (unsigned int i = 0; i < 5; i++)
		tx_post(i, 60, i, 1, false);
	ring_publish(&d.tx[0]);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(*(uint16_t *)(void *)(fx.mem + FIXTURE_QUEUE_LEN + 5120 + 4 + 8 * SIZE), 5);
	down();

	up(&(struct variant){ .event_idx = true, .packed = true });
	for (unsigned int i = 0; i < 5; i++)
		tx_post(i, 60, i, 1, false);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(d.tx[0].device->desc, 5 | 1 << RING_EVENT_WRAP_SHIFT);
	VTEST_EQ(d.tx[0].device->flags, RING_EVENT_FLAGS_DESC);
	down();
}

static uint64_t
events(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/** Connect TX 0 to vector 1 and an eventfd, before the driver starts. */
static int
up_with_vector(const struct variant *v)
{
	int fd;

	up(v);
	fd = eventfd(0, EFD_NONBLOCK);
	VTEST_EQ(vsim_fn_irq_set(fx.pf, 1, fd), 0);
	vsim_nic_lock(fx.nic);
	fx.pf->queue_cfg[1].vector = 1;
	vsim_nic_unlock(fx.nic);
	return fd;
}

static void
send_some(unsigned int n)
{
	uint32_t len;
	uint16_t id;

	for (unsigned int i = 0; i < n; i++)
		tx_post(i, 60, i, 1, false);
	ring_publish(&d.tx[0]);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	while (ring_reap(&d.tx[0], &id, &len))
		;
}

static void
interrupts_come_only_when_wanted(void)
{
	int fd = up_with_vector(&(struct variant){ 0 });

	send_some(2);
	VTEST_EQ(events(fd), 1);
	d.tx[0].avail->flags = VIRTQ_AVAIL_F_NO_INTERRUPT;
	send_some(2);
	VTEST_EQ(events(fd), 0);
	down();
	close(fd);

	fd = up_with_vector(&(struct variant){ .packed = true });
	send_some(2);
	VTEST_EQ(events(fd), 1);
	d.tx[0].driver->flags = RING_EVENT_FLAGS_DISABLE;
	send_some(2);
	VTEST_EQ(events(fd), 0);
	down();
	close(fd);
}

static void
event_idx_places_the_interrupt(void)
{
	int fd = up_with_vector(&(struct variant){ .event_idx = true });

	d.tx[0].avail->ring[SIZE] = 4; /* when the fifth entry is used */
	send_some(2);
	VTEST_EQ(events(fd), 0);
	send_some(2);
	VTEST_EQ(events(fd), 0);
	send_some(1);
	VTEST_EQ(events(fd), 1);
	send_some(1);
	VTEST_EQ(events(fd), 0);
	down();
	close(fd);

	for (unsigned int wrap = 0; wrap < 2; wrap++) {
		fd = up_with_vector(&(struct variant){ .event_idx = true, .packed = true });
		d.tx[0].driver->flags = RING_EVENT_FLAGS_DISABLE;
		/* Near the end of the ring, or in the middle of the first lap. */
		for (unsigned int i = 0; i < (wrap ? SIZE - 3 : 5); i++)
			send_some(1);
		VTEST_EQ(events(fd), 0);
		d.tx[0].driver->desc = wrap ? 1 : 9 | 1 << RING_EVENT_WRAP_SHIFT;
		d.tx[0].driver->flags = RING_EVENT_FLAGS_DESC;
		send_some(4);
		VTEST_EQ(events(fd), 0);
		send_some(3);
		VTEST_EQ(events(fd), 1);
		send_some(3);
		VTEST_EQ(events(fd), 0);
		down();
		close(fd);
	}
}

static void
masked_vectors_stay_pending(void)
{
	int fd = up_with_vector(&(struct variant){ 0 });
	uint32_t masked = PCI_MSIX_ENTRY_MASKED, open = 0;
	uint64_t at = VSIM_REG_MSIX_TABLE + 1 * PCI_MSIX_ENTRY_LEN + PCI_MSIX_ENTRY_CTRL;

	VTEST_EQ(vsim_fn_write(fx.pf, VSIM_BAR, at, &masked, 4), 0);
	send_some(2);
	VTEST_EQ(events(fd), 0);
	VTEST_EQ(fx.pf->msix_pba[0], 1 << 1);
	VTEST_EQ(vsim_fn_write(fx.pf, VSIM_BAR, at, &open, 4), 0);
	VTEST_EQ(events(fd), 1);
	VTEST_EQ(fx.pf->msix_pba[0], 0);
	/* An eventfd at its limit must not block the device. */
	VTEST_EQ(eventfd_write(fd, UINT64_MAX - 1), 0);
	send_some(1);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 3);
	VTEST_EQ(vsim_fn_irq_set(fx.pf, 1, STDOUT_FILENO), -EINVAL);
	down();
	close(fd);
}

/* Invalid doorbells: the value, and the rule that is broken. */
static void
wrong_doorbells_are_counted(void)
{
	static const struct {
		bool packed, nd, ncd, wide;
		uint32_t value;
		enum virtio_rule rule;
	} rings[] = {
		/* 32 bits without NOTIFICATION_DATA */
		{ false, false, false, true, 1, VIRTIO_RULE_DOORBELL_WIDTH },
		{ true, false, false, true, 1, VIRTIO_RULE_DOORBELL_WIDTH },
		{ true, true, false, false, 1, VIRTIO_RULE_DOORBELL_WIDTH }, /* 16 bits with it */
		{ false, true, false, false, 1, VIRTIO_RULE_DOORBELL_WIDTH },
		{ false, false, false, false, 3,
				VIRTIO_RULE_DOORBELL_QUEUE }, /* index of another queue */
		{ false, false, true, false, 1,
				VIRTIO_RULE_DOORBELL_QUEUE }, /* not queue_notif_config_data */
		{ false, false, true, false, 0x101, VIRTIO_RULE_NONE },
		{ true, true, true, true, 0x101 | 1u << 16 | 1u << 31, VIRTIO_RULE_NONE },
		{ true, true, true, true, 0x1 | 1u << 16 | 1u << 31, VIRTIO_RULE_DOORBELL_QUEUE },
		{ true, true, false, true, 1 | 1u << 16 | 1u << 31,
				VIRTIO_RULE_NONE }, /* one frame posted */
		{ true, true, false, true, 1 | 0u << 16 | 1u << 31,
				VIRTIO_RULE_NONE }, /* an older position: allowed */
		{ true, true, false, true, 1 | 2u << 16 | 1u << 31,
				VIRTIO_RULE_DOORBELL_POSITION }, /* not yet made available */
		{ true, true, false, true, 1 | SIZE << 16 | 1u << 31,
				VIRTIO_RULE_DOORBELL_POSITION }, /* a slot beyond the ring */
		{ false, true, false, true, 1 | 1u << 16, VIRTIO_RULE_NONE },
		{ false, true, false, true, 1 | 2u << 16, VIRTIO_RULE_DOORBELL_POSITION },
	};

	for (size_t i = 0; i < NB(rings); i++) {
		struct variant v = { .packed = rings[i].packed,
			.notification_data = rings[i].nd,
			.notif_config_data = rings[i].ncd };
		_Atomic uint32_t *word;
		uint64_t total;

		up(&v);
		word = vsim_queue_doorbell_word(fx.pf, 1);
		tx_post(0, 60, 0, 1, false);
		ring_publish(&d.tx[0]);
		if (rings[i].wide)
			atomic_store(word, rings[i].value);
		else
			__atomic_store_n((uint16_t *)(void *)word, rings[i].value,
					__ATOMIC_RELEASE);
		poll_idle();
		total = violations_all(fx.pf);
		if (rings[i].rule == 0 ? total != 0 : violations(fx.pf, rings[i].rule) != 1) {
			vtest_fail("row %zu: rule %u counted %llu, all %llu", i, rings[i].rule,
					(unsigned long long)violations(fx.pf, rings[i].rule),
					(unsigned long long)total);
		}
		/* The device still serves the queue. */
		VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
		down();
	}
}

/* Available index 0xffff gives a valid 32-bit doorbell that looks like a 16-bit write. */
static void
split_notification_data_may_end_in_ones(void)
{
	struct vsim_features f = variant_features(&(struct variant){ .notification_data = true });

	fx = fixture_make("full");
	driver_run(&d, fx.pf, fx.mem, &f, 1, SIZE);
	for (unsigned int i = 0; i < 65536; i++) {
		tx_post(0, 60, 0, 1, false);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		vsim_worker_poll(fx.nic, 0);
	}
	VTEST_EQ(fx.pf->counters->queue[1].packets, 65536);
	VTEST_EQ(violations_all(fx.pf), 0);
	down();
}

static void
doorbells_before_driver_ok_are_counted(void)
{
	struct vsim_features f = variant_features(&(struct variant){ 0 });

	fx = fixture_make("full");
	VTEST(driver_negotiate(fx.pf, &f));
	driver_queue(fx.pf, 1, SIZE);
	ring_init(&d.tx[0], fx.pf, 1, SIZE, fx.mem + FIXTURE_QUEUE_LEN);
	memset(fx.mem, 0, FIXTURE_QUEUE_LEN * 2);
	tx_post(0, 60, 0, 1, false);
	ring_publish(&d.tx[0]);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	driver_ok(fx.pf);
	poll_idle();
	VTEST_EQ(violations(fx.pf, VIRTIO_RULE_DOORBELL_EARLY), 1);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 0); /* the doorbell is lost */
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
	down();
}

static void
doorbells_by_register_access_ring(void)
{
	uint16_t index = htole16(1);

	up(&(struct variant){ 0 });
	tx_post(0, 60, 0, 1, false);
	ring_publish(&d.tx[0]);
	VTEST_EQ(vsim_fn_write(fx.pf, VSIM_BAR,
				 VSIM_BAR_DOORBELLS + vsim_queue_doorbell_offset(fx.nic, 1), &index,
				 2),
			0);
	poll_idle();
	VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
	VTEST_EQ(violations_all(fx.pf), 0);
	down();
}

/** Send a control command. @return its ack; 0xff: no answer. */
static uint8_t
control(uint8_t class, uint8_t command, const void *data, size_t len)
{
	uint8_t *at = fx.mem + TABLE_AT(8);
	const struct ring_seg segs[3] = { { IOVA(TABLE_AT(8)), 2 }, { IOVA(TABLE_AT(8)) + 2, len },
		{ IOVA(TABLE_AT(9)), 1 } };
	uint32_t used;
	uint16_t id;

	at[0] = class;
	at[1] = command;
	memcpy(at + 2, data, len);
	fx.mem[TABLE_AT(9)] = 0xff;
	ring_post(&d.ctrl, segs, 2, 1, 0, NULL);
	ring_publish(&d.ctrl);
	ring_doorbell_ring(&d.ctrl);
	poll_idle();
	VTEST(ring_reap(&d.ctrl, &id, &used));
	VTEST_EQ(used, 1);
	return fx.mem[TABLE_AT(9)];
}

/* ---------------------------------------------------------------- broken rings */

#define W VIRTQ_DESC_F_WRITE
#define N VIRTQ_DESC_F_NEXT
#define I VIRTQ_DESC_F_INDIRECT
#define GOOD IOVA(TX_AT(0))
#define TAB IOVA(TABLE_AT(0))

struct raw {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

/* A malformed chain, and its expected result. */
struct malformed {
	const char *name;
	bool packed;
	bool no_indirect; /**< INDIRECT_DESC is not negotiated. */
	struct raw ring[4]; /**< Descriptors in the ring, from slot 0. */
	struct raw table[4];
	enum virtio_rule rule; /**< VIRTIO_RULE_NONE: a DMA fault. */
};

static const struct malformed malformed[] = {
	{ "split loop", false, false, { { GOOD, 20, N, 1 }, { GOOD, 60, N, 0 } }, { { 0 } },
			VIRTIO_RULE_CHAIN },
	{ "split loop on itself", false, false, { { GOOD, 20, N, 0 } }, { { 0 } },
			VIRTIO_RULE_CHAIN },
	{ "split next outside", false, false, { { GOOD, 20, N, SIZE } }, { { 0 } },
			VIRTIO_RULE_CHAIN },
	{ "split address zero", false, false, { { 0, 72, 0, 0 } }, { { 0 } }, VIRTIO_RULE_NONE },
	{ "split address of a BAR", false, false, { { 0xfe000000, 72, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "split one byte past the end", false, false,
			{ { FIXTURE_IOVA + FIXTURE_MEM_LEN - 71, 72, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "split table of huge length", false, false, { { TAB, 0xfffffff0, I, 0 } },
			{ { GOOD, 20, N, 0xffff } }, VIRTIO_RULE_NONE },
	{ "split table address wraps", false, false, { { UINT64_MAX - 7, 32, I, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "split address outside", false, false, { { 0x10, 72, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "split address runs out", false, false,
			{ { FIXTURE_IOVA + FIXTURE_MEM_LEN - 8, 72, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "split address wraps", false, false, { { UINT64_MAX - 8, 72, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "split length is absurd", false, false, { { GOOD, UINT32_MAX, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "split more than 2^32 bytes", false, false,
			{ { GOOD, 72, N, 1 }, { GOOD, UINT32_MAX, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_CHAIN },
	{ "split indirect not negotiated", false, true, { { TAB, 16, I, 0 } },
			{ { GOOD, 72, 0, 0 } }, VIRTIO_RULE_INDIRECT },
	{ "split indirect with next", false, false, { { TAB, 16, I | N, 1 }, { GOOD, 60, 0, 0 } },
			{ { GOOD, 72, 0, 0 } }, VIRTIO_RULE_INDIRECT },
	{ "split indirect nested", false, false, { { TAB, 16, I, 0 } }, { { TAB, 16, I, 0 } },
			VIRTIO_RULE_INDIRECT },
	{ "split table outside", false, false, { { 0x1000, 16, I, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "split table next outside", false, false, { { TAB, 16, I, 0 } }, { { GOOD, 72, N, 1 } },
			VIRTIO_RULE_CHAIN },
	{ "split table loop", false, false, { { TAB, 32, I, 0 } },
			{ { GOOD, 20, N, 1 }, { GOOD, 60, N, 0 } }, VIRTIO_RULE_CHAIN },
	{ "packed address zero", true, false, { { 0, 72, 0, 0 } }, { { 0 } }, VIRTIO_RULE_NONE },
	{ "packed address of a BAR", true, false, { { 0xfe000000, 72, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "packed one byte past the end", true, false,
			{ { FIXTURE_IOVA + FIXTURE_MEM_LEN - 71, 72, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "packed length is absurd", true, false, { { GOOD, UINT32_MAX, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "packed table of huge length", true, false, { { TAB, 0xfffffff0, I, 0 } },
			{ { GOOD, 72, 0, 0 } }, VIRTIO_RULE_PACKED_LIST },
	{ "packed table address wraps", true, false, { { UINT64_MAX - 7, 32, I, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "packed address in a table wraps", true, false, { { TAB, 16, I, 0 } },
			{ { UINT64_MAX - 8, 72, 0, 0 } }, VIRTIO_RULE_NONE },
	{ "packed address outside", true, false, { { 0x10, 72, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "packed address runs out", true, false,
			{ { FIXTURE_IOVA + FIXTURE_MEM_LEN - 8, 72, 0, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
	{ "packed list without end", true, false, { { GOOD, 20, N, 0 } }, { { 0 } },
			VIRTIO_RULE_PACKED_LIST },
	{ "packed indirect not negotiated", true, true, { { TAB, 16, I, 0 } },
			{ { GOOD, 72, 0, 0 } }, VIRTIO_RULE_INDIRECT },
	{ "packed indirect with next", true, false, { { TAB, 16, I | N, 0 }, { GOOD, 60, 0, 0 } },
			{ { GOOD, 72, 0, 0 } }, VIRTIO_RULE_PACKED_INDIRECT },
	{ "packed indirect at the end of a list", true, false,
			{ { GOOD, 72, N, 0 }, { TAB, 16, I, 0 } }, { { GOOD, 72, 0, 0 } },
			VIRTIO_RULE_PACKED_INDIRECT },
	{ "packed table longer than the queue", true, false, { { TAB, (SIZE + 1) * 16, I, 0 } },
			{ { GOOD, 72, 0, 0 } }, VIRTIO_RULE_PACKED_LIST },
	{ "packed table outside", true, false, { { 0x1000, 16, I, 0 } }, { { 0 } },
			VIRTIO_RULE_NONE },
};

/* An unusual chain that has an end: the function goes on. */
static const struct followed {
	struct malformed chain; /**< rule: VIRTIO_RULE_NONE means that no rule is broken. */
	enum virtio_rule second;
	bool sent;
} followed[] = {
	{ { "split readable behind writable", false, false,
			  { { GOOD, 72, W | N, 1 }, { GOOD, 60, 0, 0 } }, { { 0 } },
			  VIRTIO_RULE_READABLE_FIRST },
			VIRTIO_RULE_NONE, false },
	{ { "split readable behind empty writable", false, false,
			  { { GOOD, 1, W | N, 1 }, { GOOD, 72, 0, 0 } }, { { 0 } },
			  VIRTIO_RULE_READABLE_FIRST },
			VIRTIO_RULE_NONE, false },
	{ { "split writable only", false, false, { { GOOD, 72, W, 0 } }, { { 0 } },
			  VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, false },
	{ { "split writable behind the packet", false, false,
			  { { GOOD, 72, N, 1 }, { GOOD, 60, W, 0 } }, { { 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, true },
	/* 2.7.5.3: the table has len / 16 descriptors. */
	{ { "split table of no multiple", false, false, { { TAB, 24, I, 0 } },
			  { { GOOD, 72, 0, 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, true },
	{ { "split table shorter than a descriptor", false, false, { { TAB, 15, I, 0 } },
			  { { GOOD, 72, 0, 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, false },
	{ { "split table in a writable descriptor", false, false, { { TAB, 16, I | W, 0 } },
			  { { GOOD, 72, 0, 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, true },
	{ { "split undefined flags", false, false, { { GOOD, 72, 0xfff8, 0 } }, { { 0 } },
			  VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, true },
	{ { "split up to the end of memory", false, false,
			  { { FIXTURE_IOVA + FIXTURE_MEM_LEN - 72, 72, 0, 0 } }, { { 0 } },
			  VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, true },
	{ { "split length zero", false, false, { { GOOD, 0, 0, 0 } }, { { 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, false },
	{ { "split half a header", false, false, { { GOOD, 5, 0, 0 } }, { { 0 } },
			  VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, false },
	{ { "split header only", false, false, { { GOOD, HDR, 0, 0 } }, { { 0 } },
			  VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, false },
	{ { "split one byte behind the header", false, false, { { GOOD, HDR + 1, 0, 0 } },
			  { { 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, false },
	{ { "split table of huge length, one descriptor", false, false,
			  { { TAB, 0xfffffff0, I, 0 } }, { { GOOD, 72, 0, 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, true },
	{ { "packed length zero", true, false, { { GOOD, 0, 0, 0 } }, { { 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, false },
	{ { "packed header only", true, false, { { GOOD, HDR, 0, 0 } }, { { 0 } },
			  VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, false },
	{ { "packed readable behind writable", true, false,
			  { { GOOD, 72, W | N, 0 }, { GOOD, 60, 0, 0 } }, { { 0 } },
			  VIRTIO_RULE_READABLE_FIRST },
			VIRTIO_RULE_NONE, false },
	/* What DPDK's net_virtio writes for a packet of two segments: it never clears WRITE of
	 * the header, and gives the others flags that only a ring has. */
	{ { "packed table of net_virtio", true, false, { { TAB, 48, I, 0 } },
			  { { GOOD, 12, W, 0 }, { GOOD + 12, 30, N, 0 }, { GOOD + 42, 30, 0, 0 } },
			  VIRTIO_RULE_READABLE_FIRST },
			VIRTIO_RULE_PACKED_INDIRECT, false },
	{ { "packed table with flags of a ring", true, false, { { TAB, 32, I, 0 } },
			  { { GOOD, 12, 0, 0 }, { GOOD + 12, 60, VIRTQ_DESC_F_AVAIL, 0 } },
			  VIRTIO_RULE_PACKED_INDIRECT },
			VIRTIO_RULE_NONE, true },
	/* 2.8.7: the device ignores all flags but WRITE in a table, so nothing is nested. */
	{ { "packed table in a table", true, false, { { TAB, 16, I, 0 } }, { { GOOD, 72, I, 0 } },
			  VIRTIO_RULE_PACKED_INDIRECT },
			VIRTIO_RULE_NONE, true },
	{ { "packed table of no multiple", true, false, { { TAB, 24, I, 0 } },
			  { { GOOD, 72, 0, 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, true },
	{ { "packed table shorter than a descriptor", true, false, { { TAB, 15, I, 0 } },
			  { { GOOD, 72, 0, 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, false },
	{ { "packed table in a writable descriptor", true, false, { { TAB, 16, I | W, 0 } },
			  { { GOOD, 72, 0, 0 } }, VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, true },
	{ { "packed undefined flags", true, false, { { GOOD, 72, 0x7f78, 0 } }, { { 0 } },
			  VIRTIO_RULE_NONE },
			VIRTIO_RULE_NONE, true },
};

/* Write a malformed chain to a ring. @return its descriptors in the ring. */
static unsigned int
malformed_post(const struct malformed *m, struct ring *r)
{
	struct virtq_desc *table = (void *)(fx.mem + TABLE_AT(0));
	unsigned int nb = 1;

	while (nb < NB(m->ring) && m->ring[nb].len != 0)
		nb++;
	for (unsigned int i = 0; i < NB(m->table); i++)
		table[i] = (struct virtq_desc){ m->table[i].addr, m->table[i].len,
			m->table[i].flags, m->table[i].next };
	if (m->packed) {
		/* In a packed descriptor the order of id and flags differs. */
		struct pvirtq_desc *pt = (void *)table;

		for (unsigned int i = 0; i < NB(m->table); i++)
			pt[i] = (struct pvirtq_desc){ m->table[i].addr, m->table[i].len, 0,
				m->table[i].flags };
		for (unsigned int i = nb; i-- > 0;)
			r->pdesc[i] = (struct pvirtq_desc){ m->ring[i].addr, m->ring[i].len, 0,
				m->ring[i].flags | VIRTQ_DESC_F_AVAIL };
		return nb;
	}
	for (unsigned int i = 0; i < nb; i++)
		r->desc[i] = (struct virtq_desc){ m->ring[i].addr, m->ring[i].len, m->ring[i].flags,
			m->ring[i].next };
	r->avail->ring[0] = 0;
	r->avail->idx = 1;
	return nb;
}

/* As malformed_post(), and the driver knows what it posted. */
static void
followed_post(const struct followed *row, struct ring *r)
{
	unsigned int nb = malformed_post(&row->chain, r);

	r->slots[0] = nb;
	r->order[r->order_in++ % RING_MAX] = 0;
	r->next_id = 1;
	r->next_desc = nb;
	r->avail_i = row->chain.packed ? nb : 1;
}

/* @return each of the two rules was counted once, and no other one. */
static bool
followed_counted(const struct followed *row)
{
	const enum virtio_rule rules[] = { row->chain.rule, row->second };
	unsigned int nb = 0;

	for (size_t i = 0; i < NB(rules); i++) {
		nb += rules[i] != 0;
		if (rules[i] != 0 && violations(fx.pf, rules[i]) != 1)
			return false;
	}
	return violations_all(fx.pf) == nb && fx.pf->counters->dma_faults == 0;
}

static void
unusual_chains_cost_at_most_their_packet(void)
{
	for (size_t i = 0; i < NB(followed); i++) {
		const struct followed *row = &followed[i];
		const struct vsim_queue_counters *c;
		uint32_t len = 1;
		uint16_t id = 1;

		up(&(struct variant){ .packed = row->chain.packed, .indirect = true });
		c = &fx.pf->counters->queue[1];
		memset(fx.mem + TX_AT(0), 0, HDR);
		frame_make(fx.mem + TX_AT(0) + HDR, 60, 0);
		followed_post(row, &d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		if (!followed_counted(row) || !ring_reap(&d.tx[0], &id, &len) || id != 0 ||
				len != 0 || c->packets != row->sent ||
				c->drop_malformed != !row->sent)
			vtest_fail("%s: %llu violations, %llu packets, %llu dropped, buffer %u",
					row->chain.name, (unsigned long long)violations_all(fx.pf),
					(unsigned long long)c->packets,
					(unsigned long long)c->drop_malformed, id);
		VTEST(!(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET));
		send_some(3);
		VTEST_EQ(c->packets, 3u + row->sent);
		down();
	}
}

/* A request in such a chain is answered or given back unanswered, and the next one works. */
static void
unusual_requests_cost_at_most_their_answer(void)
{
	static const struct virtio_net_ctrl_hdr unknown = { 0x77, 0 };

	for (size_t i = 0; i < NB(followed); i++) {
		const struct followed *row = &followed[i];
		uint32_t len = 1;
		uint16_t id = 1;

		up(&(struct variant){ .packed = row->chain.packed, .indirect = true });
		memcpy(fx.mem + TX_AT(0), &unknown, sizeof(unknown));
		followed_post(row, &d.ctrl);
		ring_doorbell_ring(&d.ctrl);
		poll_idle();
		VTEST(followed_counted(row));
		VTEST(ring_reap(&d.ctrl, &id, &len));
		VTEST(id == 0 && len <= 1);
		VTEST_EQ(fx.pf->counters->ctrl_errors, 1);
		VTEST(!(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET));
		VTEST_EQ(control(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, "\1", 1), 0);
		down();
	}
}

/* A buffer to receive into ends where a readable descriptor follows. */
static void
unusual_receive_buffers_are_used_as_far_as_they_go(void)
{
	for (unsigned int packed = 0; packed < 2; packed++) {
		const struct followed row = {
			{ "", packed, false,
					{ { IOVA(RX_AT(0)), 100, W | N, 1 },
							{ IOVA(RX_AT(1)), 2000, N, 2 },
							{ IOVA(RX_AT(2)), 2000, W, 0 } },
					{ { 0 } }, VIRTIO_RULE_READABLE_FIRST },
			VIRTIO_RULE_NONE, false
		};
		uint32_t len;
		uint16_t id;

		up(&(struct variant){ .packed = packed });
		followed_post(&row, &d.rx[0]);
		ring_doorbell_ring(&d.rx[0]);
		tx_post(0, 60, 0, 1, false);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST(followed_counted(&row));
		VTEST(ring_reap(&d.rx[0], &id, &len));
		VTEST_EQ(len, HDR + 60);
		VTEST(memcmp(fx.mem + RX_AT(0) + HDR, fx.mem + TX_AT(0) + HDR, 60) == 0);
		down();
	}
}

/* 2.7.5.2: a chain may have 2^32 bytes, and not one more. */
static void
a_chain_of_four_gigabytes_is_legal(void)
{
	const size_t big = (size_t)1 << 30;
	const uint64_t at = UINT64_C(1) << 40;
	int fd = memfd_create("big", MFD_CLOEXEC);

	VTEST(fd >= 0 && ftruncate(fd, (off_t)big) == 0);
	for (unsigned int more = 0; more < 2; more++) {
		up(&(struct variant){ 0 });
		VTEST_EQ(vsim_fn_dma_map(fx.pf, at, big, PROT_READ | PROT_WRITE, fd, 0), 0);
		for (uint16_t i = 0; i < 5; i++)
			d.tx[0].desc[i] = (struct virtq_desc){ at, i < 4 ? big : more,
				i < 4 ? N : 0, i + 1 };
		d.tx[0].avail->ring[0] = 0;
		d.tx[0].avail->idx = 1;
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(violations(fx.pf, VIRTIO_RULE_CHAIN), more);
		VTEST_EQ(violations_all(fx.pf), more);
		VTEST_EQ(fx.pf->counters->queue[1].drop_too_big, !more);
		VTEST_EQ(!!(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET), more);
		down();
	}
	close(fd);
}

/* 2.7.4.1 allows the device a limit: a request with more segments is given back unanswered. */
static void
a_request_of_too_many_segments_is_not_answered(void)
{
	const size_t nb = 300, page = 4096;
	const uint64_t at = UINT64_C(1) << 40;
	int fd = memfd_create("page", MFD_CLOEXEC);
	struct ring_seg segs[2] = { { at, nb * page }, { IOVA(TABLE_AT(9)), 1 } };
	uint32_t len;
	uint16_t id;

	VTEST(fd >= 0 && ftruncate(fd, (off_t)page) == 0);
	up(&(struct variant){ 0 });
	for (size_t i = 0; i < nb; i++) /* neighbours differ, so they are not joined */
		VTEST_EQ(vsim_fn_dma_map(fx.pf, at + i * page, page,
					 i % 2 ? PROT_READ : PROT_READ | PROT_WRITE, fd, 0),
				0);
	ring_post(&d.ctrl, segs, 1, 1, 0, NULL);
	ring_publish(&d.ctrl);
	ring_doorbell_ring(&d.ctrl);
	poll_idle();
	VTEST(ring_reap(&d.ctrl, &id, &len));
	VTEST_EQ(len, 0);
	VTEST_EQ(violations_all(fx.pf), 0);
	VTEST_EQ(fx.pf->counters->ctrl_errors, 1);
	VTEST_EQ(control(VIRTIO_NET_CTRL_RX, VIRTIO_NET_CTRL_RX_PROMISC, "\1", 1), 0);
	down();
	close(fd);
}

static void
malformed_chains_break_the_function_and_nothing_else(void)
{
	for (size_t i = 0; i < NB(malformed); i++) {
		const struct malformed *m = &malformed[i];
		struct variant v = { .packed = m->packed, .indirect = !m->no_indirect };
		struct vsim_features f = variant_features(&v);
		struct vsim_counters *c;
		uint32_t len;
		uint16_t id;
		bool good;

		up(&v);
		c = fx.pf->counters;
		malformed_post(m, &d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		good = violations_all(fx.pf) == (m->rule != 0) && c->dma_faults == (m->rule == 0) &&
				(m->rule == 0 || violations(fx.pf, m->rule) == 1) &&
				(reg_read(fx.pf, "device_status") & VIRTIO_STATUS_NEEDS_RESET) &&
				!ring_peek(&d.tx[0], &id, &len) && c->queue[1].packets == 0;
		if (!good) {
			vtest_fail("%s: %llu violations (%llu of C%03u), %llu faults, status "
				   "%#x",
					m->name, (unsigned long long)violations_all(fx.pf),
					(unsigned long long)(m->rule ? violations(fx.pf, m->rule) :
								       0),
					m->rule, (unsigned long long)c->dma_faults,
					reg_read(fx.pf, "device_status"));
		}
		/* A reset restores the device. */
		driver_run(&d, fx.pf, fx.mem, &f, 1, SIZE);
		send_some(3);
		VTEST_EQ(c->queue[1].packets, 3);
		VTEST_EQ(c->dma_faults, m->rule == 0);
		down();
	}
}

static uint64_t noise_state;

/* xorshift: the same random numbers in each run. */
static uint64_t
noise(void)
{
	noise_state ^= noise_state << 13;
	noise_state ^= noise_state >> 7;
	noise_state ^= noise_state << 17;
	return noise_state;
}

/* A random descriptor in slot i: mostly valid memory, mostly short, any flags, any links. */
static void
noise_slot(uint8_t *ring, bool packed, unsigned int i)
{
	struct virtq_avail *avail = (void *)(ring + 4096);
	uint64_t r = noise();
	struct virtq_desc desc = {
		.addr = r % 64 == 0 ? r : BUF_IOVA + r % (64 * 1024),
		.len = r >> 16 & 3 ? r >> 20 & 0x7ff : r >> 20,
		.flags = r >> 40 & 7,
		.next = r >> 44 & (r >> 43 & 1 ? 0x3f : 0x7f),
	};

	/* Also as an entry of a table. */
	memcpy(fx.mem + BUF_OFFSET + (r >> 8) % (60 * 1024 / 16) * 16, &desc, sizeof(desc));
	if (packed) {
		uint16_t turn = r >> 52 & 3 ? VIRTQ_DESC_F_AVAIL : r >> 48 & 0x8080;

		((struct pvirtq_desc *)(void *)ring)[i] = (struct pvirtq_desc){ desc.addr, desc.len,
			desc.next, desc.flags | turn };
		return;
	}
	((struct virtq_desc *)(void *)ring)[i] = desc;
	avail->ring[i] = r >> 50 & 0x3f;
	if (i == 0)
		avail->idx += r >> 32 & 15;
}

/* Random rings, tables and doorbells do not crash the device. */
static void
random_ring_contents_do_no_harm(void)
{
	const struct vsim_features plain = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM);
	static const uint16_t queues[] = { 0, 1, 2, 3, 8 }; /* the last is the control queue */
	unsigned int broken = 0;

	noise_state = 88172645463325252u;
	fx = fixture_make("full");
	wire("peer:0");
	for (unsigned int round = 0; round < 400; round++) {
		struct variant v = {
			.packed = round & 1,
			.indirect = round & 2,
			.in_order = round & 4,
			.mergeable = round & 8,
			.event_idx = round & 16,
			.notification_data = round & 32,
		};
		struct vsim_features f = variant_features(&v);

		driver_run(&d, fx.pf, fx.mem, &f, 2, SIZE);
		for (unsigned int step = 0; step < 20; step++) {
			for (unsigned int k = 0; k < NB(queues) * SIZE; k++) {
				uint16_t qi = queues[k / SIZE];
				uint8_t *ring = fx.mem + (size_t)qi * FIXTURE_QUEUE_LEN;

				noise_slot(ring, v.packed, k % SIZE);
				if (k % 16 == 0)
					atomic_store(vsim_queue_doorbell_word(fx.pf, qi), noise());
			}
			for (unsigned int k = 0; k < 8; k++)
				vsim_worker_poll(fx.nic, 0);
		}
		broken += !!(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET);
	}
	/* The random rings broke rules. */
	VTEST(broken > 100);
	VTEST(fx.pf->counters->dma_faults > 0);
	VTEST(violations(fx.pf, VIRTIO_RULE_CHAIN) > 0 &&
			violations(fx.pf, VIRTIO_RULE_PACKED_LIST) > 0);
	/* The device works with a correct driver. */
	driver_run(&d, fx.pf, fx.mem, &plain, 1, SIZE);
	fx.pf->counters->queue[1].packets = 0;
	send_some(3);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 3);
	down();
}

/* The same malformed chains in the control queue break the same rules. */
static void
malformed_requests_break_the_function(void)
{
	for (size_t i = 0; i < NB(malformed); i++) {
		const struct malformed *m = &malformed[i];

		up(&(struct variant){ .packed = m->packed, .indirect = !m->no_indirect });
		malformed_post(m, &d.ctrl);
		ring_doorbell_ring(&d.ctrl);
		poll_idle();
		VTEST(reg_read(fx.pf, "device_status") & VIRTIO_STATUS_NEEDS_RESET);
		VTEST_EQ(fx.pf->counters->dma_faults + violations_all(fx.pf), 1);
		down();
	}
}

static void
wild_available_indices_break_the_function(void)
{
	up(&(struct variant){ 0 });
	d.tx[0].avail->idx = SIZE + 1;
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(violations(fx.pf, VIRTIO_RULE_AVAIL_INDEX), 1);
	VTEST(reg_read(fx.pf, "device_status") & VIRTIO_STATUS_NEEDS_RESET);
	down();

	up(&(struct variant){ 0 });
	d.tx[0].avail->ring[0] = SIZE;
	d.tx[0].avail->idx = 1;
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(violations(fx.pf, VIRTIO_RULE_CHAIN), 1);
	VTEST(reg_read(fx.pf, "device_status") & VIRTIO_STATUS_NEEDS_RESET);
	down();
}

/* In a split ring, an INDIRECT descriptor may follow direct ones (2.7.5.3.2). */
static void
split_direct_then_indirect_is_legal(void)
{
	struct virtq_desc *t;
	uint32_t len;
	uint16_t id;

	up(&(struct variant){ .indirect = true });
	t = (void *)(fx.mem + TABLE_AT(0));
	memset(fx.mem + TX_AT(0), 0, HDR);
	frame_make(fx.mem + TX_AT(0) + HDR, 60, 5);
	d.tx[0].desc[0] = (struct virtq_desc){ IOVA(TX_AT(0)), 30, N, 1 };
	d.tx[0].desc[1] = (struct virtq_desc){ TAB, 32, I | W, 0 }; /* WRITE is ignored here */
	t[0] = (struct virtq_desc){ IOVA(TX_AT(0)) + 30, 2, N, 1 };
	t[1] = (struct virtq_desc){ IOVA(TX_AT(0)) + 32, 40, 0, 0 };
	d.tx[0].avail->ring[0] = 0;
	d.tx[0].avail->idx = 1;
	rx_post(&d.rx[0], 0, 1536);
	ring_doorbell_ring(&d.rx[0]);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(violations_all(fx.pf), 0);
	VTEST(ring_reap(&d.rx[0], &id, &len));
	VTEST_EQ(len, HDR + 60);
	VTEST(memcmp(fx.mem + RX_AT(0) + HDR, fx.mem + TX_AT(0) + HDR, 60) == 0);
	down();
}

static void
in_order_chains_out_of_order_are_counted(void)
{
	up(&(struct variant){ .in_order = true });
	d.tx[0].desc[0] = (struct virtq_desc){ GOOD, 20, N, 5 };
	d.tx[0].desc[5] = (struct virtq_desc){ GOOD + 20, 60, 0, 0 };
	d.tx[0].avail->ring[0] = 0;
	d.tx[0].avail->idx = 1;
	memset(fx.mem + TX_AT(0), 0, HDR);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(violations(fx.pf, VIRTIO_RULE_CHAIN_IN_ORDER), 1);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
	down();
}

/* ---------------------------------------------------------------- packets */

static void
tx_headers_are_judged(void)
{
	static const struct {
		struct virtio_net_hdr hdr;
		enum virtio_rule rule;
		bool sent;
	} rows[] = {
		{ { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM }, VIRTIO_RULE_TX_OFFLOAD, false },
		{ { .gso_type = VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1000 },
				VIRTIO_RULE_TX_OFFLOAD, false },
		{ { .gso_type = 7 }, VIRTIO_RULE_TX_OFFLOAD, false },
		{ { .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
				  .csum_start = UINT16_MAX,
				  .csum_offset = UINT16_MAX },
				VIRTIO_RULE_TX_OFFLOAD, false },
		{ { .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4, .gso_size = 1000 },
				VIRTIO_RULE_TX_OFFLOAD, false },
		{ { .gso_type = 0x20 | VIRTIO_NET_HDR_GSO_TCPV4, .gso_size = 1 }, /* in a tunnel */
				VIRTIO_RULE_TX_OFFLOAD, false },
		{ { .gso_type = VIRTIO_NET_HDR_GSO_ECN }, VIRTIO_RULE_NONE, true },
		{ { .hdr_len = UINT16_MAX, .gso_size = UINT16_MAX }, VIRTIO_RULE_NONE, true },
		{ { .flags = VIRTIO_NET_HDR_F_DATA_VALID }, VIRTIO_RULE_TX_FLAGS, true },
		{ { .num_buffers = 1 }, VIRTIO_RULE_NUM_BUFFERS, true },
		{ { .hdr_len = 54, .csum_start = 34 }, VIRTIO_RULE_NONE,
				true }, /* the device ignores this field (5.1.9.2.2) */
	};

	for (size_t i = 0; i < 2 * NB(rows); i++) {
		enum virtio_rule rule = rows[i / 2].rule;

		up(&(struct variant){ .packed = i % 2 });
		/* With the header in the same descriptor, and in its own descriptor. */
		for (unsigned int pieces = 1; pieces < 3; pieces++) {
			tx_post(pieces - 1, 60, 1, pieces, false);
			memcpy(fx.mem + TX_AT(pieces - 1), &rows[i / 2].hdr, HDR);
		}
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(violations_all(fx.pf), rule != 0 ? 2 : 0);
		VTEST_EQ(rule != 0 ? violations(fx.pf, rule) : 2, 2);
		VTEST_EQ(fx.pf->counters->queue[1].packets, rows[i / 2].sent ? 2 : 0);
		VTEST_EQ(fx.pf->counters->queue[1].drop_malformed, rows[i / 2].sent ? 0 : 2);
		VTEST(!(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET));
		down();
	}
}

static void
tx_frames_of_bad_length_are_dropped(void)
{
	up(&(struct variant){ 0 });
	tx_post(0, 13, 0, 1, false); /* shorter than an Ethernet header */
	tx_post(1, 1500 + VSIM_ETHER_EXTRA + 1, 0, 1, false);
	tx_post(2, 1500 + VSIM_ETHER_EXTRA, 0, 1, false);
	ring_publish(&d.tx[0]);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(fx.pf->counters->queue[1].drop_malformed, 1);
	VTEST_EQ(fx.pf->counters->queue[1].drop_too_big, 1);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
	down();
}

static void
rx_frames_that_do_not_fit_are_dropped(void)
{
	uint32_t len;
	uint16_t id;

	for (unsigned int packed = 0; packed < 2; packed++) {
		up(&(struct variant){ .packed = packed });
		rx_post(&d.rx[0], 0, 100);
		ring_doorbell_ring(&d.rx[0]);
		tx_post(0, 200, 0, 1, false);
		tx_post(1, 88, 1, 1, false);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[0].drop_too_big, 1);
		VTEST_EQ(fx.pf->counters->queue[0].packets, 1);
		VTEST(ring_reap(&d.rx[0], &id, &len));
		VTEST_EQ(len, 100);
		down();
	}
}

/* A merged frame that needs more buffers than posted uses none of them. */
static void
half_a_merged_frame_takes_nothing(void)
{
	uint32_t len;
	uint16_t id;

	for (unsigned int packed = 0; packed < 2; packed++) {
		up(&(struct variant){ .packed = packed, .mergeable = true });
		for (unsigned int i = 0; i < 3; i++)
			rx_post(&d.rx[0], i, 100);
		ring_doorbell_ring(&d.rx[0]);
		tx_post(0, 400, 0, 1, false);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[0].drop_no_buffer, 1);
		VTEST(!ring_peek(&d.rx[0], &id, &len));
		/* The buffers serve the next frame, without a new doorbell. */
		tx_post(1, 250, 1, 1, false);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[0].packets, 1);
		for (unsigned int i = 0; i < 3; i++) {
			VTEST(ring_reap(&d.rx[0], &id, &len));
			VTEST_EQ(len, i < 2 ? 100 : HDR + 250 - 200);
		}
		VTEST_EQ(fx.mem[RX_AT(0) + 10], 3); /* num_buffers */
		VTEST_EQ(violations_all(fx.pf), 0);
		down();
	}
}

static void
mergeable_buffers_without_room_for_the_header_are_a_violation(void)
{
	up(&(struct variant){ .mergeable = true });
	rx_post(&d.rx[0], 0, HDR - 1);
	ring_doorbell_ring(&d.rx[0]);
	tx_post(0, 60, 0, 1, false);
	ring_publish(&d.tx[0]);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(violations(fx.pf, VIRTIO_RULE_RX_BUFFER), 1);
	VTEST(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET);
	down();
}

/* ---------------------------------------------------------------- several queues, reset */

/* A broadcast UDP frame of this flow. */
static void
udp_post(unsigned int slot, uint16_t sport)
{
	uint8_t *f = fx.mem + TX_AT(slot) + HDR;

	tx_post(slot, 60, 1, 1, false);
	memset(f + 12, 0, 48);
	f[12] = 0x08;
	f[14] = 0x45;
	f[23] = 17;
	f[26] = 10;
	f[30] = 10;
	f[33] = 1;
	f[34] = sport >> 8;
	f[35] = sport;
}

static void
flows_spread_over_queue_pairs_and_stay_there(void)
{
	uint16_t pairs = htole16(2);
	struct vsim_counters *c;
	uint64_t before;

	for (unsigned int packed = 0; packed < 2; packed++) {
		up(&(struct variant){ .packed = packed });
		c = fx.pf->counters;
		for (unsigned int i = 0; i < 16; i++) {
			rx_post(&d.rx[0], i, 1536);
			rx_post(&d.rx[1], 16 + i, 1536);
		}
		ring_doorbell_ring(&d.rx[0]);
		ring_doorbell_ring(&d.rx[1]);
		for (unsigned int i = 0; i < 8; i++)
			udp_post(i, 1000 + i);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		/* 5.1.9.5.6: one pair until a command changes the number. */
		VTEST_EQ(c->queue[0].packets, 8);
		VTEST_EQ(c->queue[2].packets, 0);

		VTEST_EQ(control(VIRTIO_NET_CTRL_MQ, VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET, &pairs, 2),
				0);
		for (unsigned int i = 0; i < 8; i++)
			udp_post(i, 1000 + i);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST_EQ(c->queue[0].packets + c->queue[2].packets, 16);
		VTEST(c->queue[0].packets > 8 && c->queue[2].packets > 0);
		before = c->queue[2].packets;
		for (unsigned int i = 0; i < 8; i++)
			udp_post(i, 1003);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		VTEST(c->queue[2].packets == before || c->queue[2].packets == before + 8);
		VTEST_EQ(violations_all(fx.pf), 0);
		down();
	}
}

static void
queue_in_reset_is_let_alone(void)
{
	up(&(struct variant){ .packed = true });
	rx_post(&d.rx[0], 0, 1536);
	ring_doorbell_ring(&d.rx[0]);
	poll_idle();
	reg_write(fx.pf, "queue_select", 0);
	reg_write(fx.pf, "queue_reset", 1);
	VTEST_EQ(reg_read(fx.pf, "queue_reset"), 0);
	memset(fx.mem, 0, FIXTURE_QUEUE_LEN);
	tx_post(0, 60, 0, 1, false);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(fx.pf->counters->drop_queue_off, 1);
	driver_queue(fx.pf, 0, SIZE / 2);
	ring_init(&d.rx[0], fx.pf, 0, SIZE / 2, fx.mem);
	rx_post(&d.rx[0], 0, 1536);
	ring_doorbell_ring(&d.rx[0]);
	tx_post(1, 60, 0, 1, false);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	VTEST_EQ(fx.pf->counters->queue[0].packets, 1);
	VTEST_EQ(violations_all(fx.pf), 0);
	down();
}

/* 3.1.1 forbids doorbells before DRIVER_OK, not those of a queue in reset. */
static void
doorbell_of_a_queue_in_reset_is_innocent(void)
{
	up(&(struct variant){ .packed = true });
	reg_write(fx.pf, "queue_select", 1);
	reg_write(fx.pf, "queue_reset", 1);
	VTEST_EQ(reg_read(fx.pf, "queue_reset"), 0);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	memset(fx.mem + FIXTURE_QUEUE_LEN, 0, FIXTURE_QUEUE_LEN);
	driver_queue(fx.pf, 1, SIZE);
	ring_init(&d.tx[0], fx.pf, 1, SIZE, fx.mem + FIXTURE_QUEUE_LEN);
	send_some(2);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 2);
	VTEST_EQ(violations_all(fx.pf), 0);
	down();
}

static void
rings_outside_the_map_are_refused(void)
{
	struct vsim_features f = variant_features(&(struct variant){ 0 });

	fx = fixture_make("full");
	VTEST(driver_negotiate(fx.pf, &f));
	reg_write(fx.pf, "queue_select", 1);
	reg_write(fx.pf, "queue_size", SIZE);
	reg_write(fx.pf, "queue_desc_lo", FIXTURE_IOVA + FIXTURE_MEM_LEN - 16);
	reg_write(fx.pf, "queue_driver_lo", FIXTURE_IOVA);
	reg_write(fx.pf, "queue_device_lo", FIXTURE_IOVA + 4096);
	reg_write(fx.pf, "queue_enable", 1);
	driver_ok(fx.pf);
	VTEST_EQ(fx.pf->counters->dma_faults, 1);
	VTEST(reg_read(fx.pf, "device_status") & VIRTIO_STATUS_NEEDS_RESET);
	down();

	fx = fixture_make("full");
	VTEST(driver_negotiate(fx.pf, &f));
	reg_write(fx.pf, "queue_select", 1);
	reg_write(fx.pf, "queue_size", SIZE);
	reg_write(fx.pf, "queue_desc_lo", FIXTURE_IOVA + 8); /* must be a multiple of 16 */
	reg_write(fx.pf, "queue_driver_lo", FIXTURE_IOVA);
	reg_write(fx.pf, "queue_device_lo", FIXTURE_IOVA + 4096);
	reg_write(fx.pf, "queue_enable", 1);
	driver_ok(fx.pf);
	VTEST_EQ(violations(fx.pf, VIRTIO_RULE_RING_ALIGNMENT), 1);
	down();
}

/* ---------------------------------------------------------------- hard devices */

static void
rx_post_quietly(unsigned int slot)
{
	const struct ring_seg seg = { IOVA(RX_AT(slot)), 1536 };

	ring_post(&d.rx[0], &seg, 0, 1, 0, NULL);
}

/** Send n frames, which come back on RX 0. */
static void
loop(unsigned int n)
{
	uint32_t len;
	uint16_t id;

	for (unsigned int i = 0; i < n; i++)
		tx_post(i % 16, 60, i, 1, false);
	ring_publish(&d.tx[0]);
	ring_doorbell_ring(&d.tx[0]);
	poll_idle();
	while (ring_reap(&d.tx[0], &id, &len))
		;
}

/** Take n used buffers of a ring; at[k] is the place among them of buffer k. */
static void
reap_places(struct ring *r, unsigned int n, unsigned int at[])
{
	uint32_t len;
	uint16_t id;

	for (unsigned int i = 0; i < n; i++)
		at[i] = n;
	for (unsigned int i = 0; i < n; i++) {
		VTEST(ring_reap(r, &id, &len));
		VTEST(id < n);
		VTEST_EQ(at[id], n); /* Once. */
		at[id] = i;
	}
	VTEST(!ring_reap(r, &id, &len));
}

static void
shuffled_buffers_complete_in_another_order(void)
{
	for (unsigned int bits = 0; bits < 8; bits++) {
		const struct variant v = { .packed = bits & 1,
			.in_order = bits & 2,
			.strict = bits & 4,
			.shuffled = true };
		unsigned int at[SIZE], moved = 0;

		up(&v);
		for (unsigned int i = 0; i < SIZE; i++)
			rx_post_quietly(i % 32);
		ring_publish(&d.rx[0]);
		ring_doorbell_ring(&d.rx[0]);
		/* The order does not depend on the number of frames that arrive at once. */
		for (unsigned int i = 0; i < SIZE; i++)
			loop(1);
		reap_places(&d.rx[0], SIZE, at);
		for (unsigned int i = 0; i < SIZE; i++) {
			VTEST(at[i] + 16 > i && i + 16 > at[i]); /* A small window. */
			moved += at[i] != i;
		}
		VTEST_EQ(moved > SIZE / 2, !v.in_order);
		VTEST_EQ(moved > 0, !v.in_order);
		down();

		up(&v);
		for (unsigned int i = 0; i < 16; i++)
			tx_post(i, 60, i, 1, false);
		ring_publish(&d.tx[0]);
		ring_doorbell_ring(&d.tx[0]);
		poll_idle();
		reap_places(&d.tx[0], 16, at);
		moved = 0;
		for (unsigned int i = 0; i < 16; i++)
			moved += at[i] != i;
		VTEST_EQ(moved > 8, !v.in_order);
		VTEST_EQ(moved > 0, !v.in_order);
		VTEST_EQ(violations_all(fx.pf), 0);
		down();
	}
}

/* Buffers that were taken for a frame which was then dropped are used by later frames, in all
 * mixtures of buffers of one and of two descriptors. */
static void
shuffled_buffers_of_dropped_frames_complete_later(void)
{
	for (unsigned int bits = 0; bits < 24; bits++) {
		const struct variant v = { .packed = bits & 1,
			.mergeable = bits & 2,
			.strict = bits & 4,
			.shuffled = true };
		const unsigned int every = bits / 8; /* of the buffers has two descriptors */
		unsigned int posted = 0, used = 0, frames = 0;
		bool out[RING_MAX] = { false };
		uint32_t seed = bits + 1, len;
		uint16_t id;

		up(&v);
		for (unsigned int round = 0; round < 500; round++) {
			unsigned int burst = round % 7;

			while (posted - used < 12) {
				struct ring_seg segs[2] = { { IOVA(RX_AT(posted % 32)), 40 },
					{ IOVA(RX_AT(posted % 32)) + 40, 60 } };
				bool two = every != 0 && posted % (every + 1) == 0;

				if (!two)
					segs[0].len = 100;
				id = ring_post(&d.rx[0], segs, 0, two ? 2 : 1, 0, NULL);
				VTEST(!out[id]);
				out[id] = true;
				posted++;
			}
			ring_publish(&d.rx[0]);
			ring_doorbell_ring(&d.rx[0]);
			for (unsigned int i = 0; i < burst; i++) {
				seed = seed * 1664525u + 1013904223u;
				/* Fits one buffer, fits some, fits none that is merged from 12. */
				tx_post(i, (const uint16_t[]){ 60, 300, 1400 }[(seed >> 16) % 3], i,
						1, false);
			}
			frames += burst;
			ring_publish(&d.tx[0]);
			ring_doorbell_ring(&d.tx[0]);
			poll_idle();
			while (ring_reap(&d.tx[0], &id, &len))
				;
			while (ring_reap(&d.rx[0], &id, &len)) {
				VTEST(out[id]);
				out[id] = false;
				used++;
			}
		}
		VTEST_EQ(fx.pf->counters->queue[0].packets +
						fx.pf->counters->queue[0].drop_too_big +
						fx.pf->counters->queue[0].drop_no_buffer,
				frames);
		VTEST(fx.pf->counters->queue[0].packets > frames / 4);
		VTEST(fx.pf->counters->queue[0].drop_too_big +
						fx.pf->counters->queue[0].drop_no_buffer >
				frames / 5);
		VTEST_EQ(violations_all(fx.pf), 0);
		VTEST_EQ(fx.pf->counters->dma_faults, 0);
		down();
	}
}

/* The memory of a buffer may be unmapped while the device keeps the buffer in its window. */
static void
shuffled_buffers_are_translated_when_they_are_used(void)
{
	const uint64_t other = FIXTURE_IOVA + 0x10000000;

	for (unsigned int packed = 0; packed < 2; packed++) {
		up(&(struct variant){ .packed = packed, .shuffled = true });
		VTEST_EQ(vsim_fn_dma_map_ptr(fx.pf, other, FIXTURE_MEM_LEN, PROT_READ | PROT_WRITE,
					 fx.mem),
				0);
		for (unsigned int i = 0; i < 16; i++) {
			const struct ring_seg seg = { other + RX_AT(i), 1536 };

			ring_post(&d.rx[0], &seg, 0, 1, 0, NULL);
		}
		ring_publish(&d.rx[0]);
		ring_doorbell_ring(&d.rx[0]);
		loop(1);
		VTEST_EQ(fx.pf->counters->queue[0].packets, 1);
		VTEST_EQ(vsim_fn_dma_unmap(fx.pf, other, FIXTURE_MEM_LEN), 0);
		loop(1);
		VTEST_EQ(fx.pf->counters->queue[0].packets, 1);
		VTEST_EQ(fx.pf->counters->dma_faults, 1);
		down();
	}
}

/* Frames that RX 0 receives of n, when two buffers were announced and two more are available. */
static unsigned int
received(const struct variant *v, unsigned int n)
{
	unsigned int got;

	up(v);
	rx_post_quietly(0);
	rx_post_quietly(1);
	ring_publish(&d.rx[0]);
	ring_doorbell_ring(&d.rx[0]);
	poll_idle();
	rx_post_quietly(2);
	rx_post_quietly(3);
	ring_publish(&d.rx[0]);
	loop(n);
	got = fx.pf->counters->queue[0].packets;
	VTEST_EQ(fx.pf->counters->queue[0].drop_no_buffer, n - got);
	if (got == 2) {
		ring_doorbell_ring(&d.rx[0]);
		loop(4);
		VTEST_EQ(fx.pf->counters->queue[0].packets, 4);
	}
	VTEST_EQ(violations_all(fx.pf), 0);
	VTEST_EQ(fx.pf->counters->queue[0].doorbells_spurious, 0);
	down();
	return got;
}

static void
strict_devices_see_only_what_doorbells_announced(void)
{
	for (unsigned int bits = 0; bits < 16; bits++) {
		struct variant v = { .packed = bits & 1,
			.notification_data = bits & 2,
			.event_idx = bits & 4,
			.shuffled = bits & 8 };

		VTEST_EQ(received(&v, 4), 4);
		v.strict = true;
		/* With EVENT_IDX the driver owes no doorbell before the device asks for one. */
		VTEST_EQ(received(&v, 4), v.event_idx ? 4 : 2);
	}
}

/* With NOTIFICATION_DATA the last position counts, also if an earlier doorbell named more, and if
 * more is available by the time when the device reads the doorbell. */
static void
strict_devices_believe_the_last_position(void)
{
	for (unsigned int packed = 0; packed < 2; packed++) {
		uint32_t values[5];

		up(&(struct variant){ .packed = packed,
				.notification_data = true,
				.strict = true });
		for (unsigned int i = 0; i < 4; i++) {
			values[i] = ring_doorbell_value(&d.tx[0]);
			tx_post(i, 60, i, 1, false);
		}
		ring_publish(&d.tx[0]);
		values[4] = ring_doorbell_value(&d.tx[0]);
		vsim_doorbell_ring(fx.pf, vsim_queue_doorbell_offset(fx.nic, 1), values[3], 4);
		vsim_doorbell_ring(fx.pf, vsim_queue_doorbell_offset(fx.nic, 1), values[2], 4);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[1].packets, 2);
		/* A position of the past. */
		vsim_doorbell_ring(fx.pf, vsim_queue_doorbell_offset(fx.nic, 1), values[1], 4);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[1].packets, 2);
		vsim_doorbell_ring(fx.pf, vsim_queue_doorbell_offset(fx.nic, 1), values[4], 4);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[1].packets, 4);
		VTEST_EQ(violations_all(fx.pf), 0);
		down();
	}
}

/* A position past the available buffers breaks a rule, and the device takes nothing there. */
static void
strict_devices_check_each_announced_slot(void)
{
	for (unsigned int packed = 0; packed < 2; packed++) {
		up(&(struct variant){ .packed = packed,
				.notification_data = true,
				.strict = true });
		tx_post(0, 60, 0, 1, false);
		ring_publish(&d.tx[0]);
		vsim_doorbell_ring(fx.pf, vsim_queue_doorbell_offset(fx.nic, 1),
				ring_doorbell_value(&d.tx[0]) + (5 << 16), 4);
		poll_idle();
		VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
		VTEST_EQ(violations(fx.pf, VIRTIO_RULE_DOORBELL_POSITION), 1);
		VTEST_EQ(violations_all(fx.pf), 1);
		down();
	}
}

/* The driver is told that it needs no doorbell; without one, frames go through for some laps. */
static void
polled_rings_need_no_doorbells(void)
{
	for (unsigned int bits = 0; bits < 8; bits++) {
		const struct variant v = { .packed = bits & 1,
			.event_idx = bits & 2,
			.shuffled = bits & 4,
			.polled = true };
		unsigned int sent = 0, got = 0;
		uint32_t len;
		uint16_t id;

		up(&v);
		for (unsigned int lap = 0; lap < 20; lap++) {
			const uint16_t *event = (const void *)&d.tx[0].used->ring[SIZE];
			const uint16_t *flags = v.packed ? &d.tx[0].device->flags :
							   &d.tx[0].used->flags;

			if (v.packed)
				VTEST_EQ(*flags, RING_EVENT_FLAGS_DISABLE);
			else
				VTEST_EQ(*flags, v.event_idx ? 0 : VIRTQ_USED_F_NO_NOTIFY);
			if (!v.packed && v.event_idx)
				VTEST_EQ(*event, (uint16_t)(sent + 0x8000));
			for (unsigned int i = 0; i < 10; i++, sent++) {
				rx_post(&d.rx[0], i, SLOT);
				tx_post(i, 60, i, 1, false);
			}
			ring_publish(&d.tx[0]);
			poll_idle();
			while (ring_reap(&d.tx[0], &id, &len))
				;
			while (ring_reap(&d.rx[0], &id, &len))
				got++;
		}
		VTEST_EQ(fx.pf->counters->queue[1].packets, sent);
		VTEST_EQ(fx.pf->counters->queue[1].doorbells, 0);
		VTEST_EQ(got, sent);
		down();
	}
}

static const struct vtest_case cases[] = {
	{ "split_frames_loop_back_in_every_variant", split_frames_loop_back_in_every_variant },
	{ "packed_frames_loop_back_in_every_variant", packed_frames_loop_back_in_every_variant },
	{ "nothing_happens_without_a_doorbell", nothing_happens_without_a_doorbell },
	{ "old_doorbells_ring_nothing_after_a_renewal",
			old_doorbells_ring_nothing_after_a_renewal },
	{ "rx_buffers_without_a_doorbell_stay_unseen", rx_buffers_without_a_doorbell_stay_unseen },
	{ "event_idx_asks_for_the_next_doorbell", event_idx_asks_for_the_next_doorbell },
	{ "interrupts_come_only_when_wanted", interrupts_come_only_when_wanted },
	{ "event_idx_places_the_interrupt", event_idx_places_the_interrupt },
	{ "masked_vectors_stay_pending", masked_vectors_stay_pending },
	{ "wrong_doorbells_are_counted", wrong_doorbells_are_counted },
	{ "split_notification_data_may_end_in_ones", split_notification_data_may_end_in_ones },
	{ "doorbells_before_driver_ok_are_counted", doorbells_before_driver_ok_are_counted },
	{ "doorbells_by_register_access_ring", doorbells_by_register_access_ring },
	{ "malformed_chains_break_the_function_and_nothing_else",
			malformed_chains_break_the_function_and_nothing_else },
	{ "unusual_chains_cost_at_most_their_packet", unusual_chains_cost_at_most_their_packet },
	{ "unusual_requests_cost_at_most_their_answer",
			unusual_requests_cost_at_most_their_answer },
	{ "unusual_receive_buffers_are_used_as_far_as_they_go",
			unusual_receive_buffers_are_used_as_far_as_they_go },
	{ "a_chain_of_four_gigabytes_is_legal", a_chain_of_four_gigabytes_is_legal },
	{ "a_request_of_too_many_segments_is_not_answered",
			a_request_of_too_many_segments_is_not_answered },
	{ "random_ring_contents_do_no_harm", random_ring_contents_do_no_harm },
	{ "malformed_requests_break_the_function", malformed_requests_break_the_function },
	{ "wild_available_indices_break_the_function", wild_available_indices_break_the_function },
	{ "split_direct_then_indirect_is_legal", split_direct_then_indirect_is_legal },
	{ "in_order_chains_out_of_order_are_counted", in_order_chains_out_of_order_are_counted },
	{ "tx_headers_are_judged", tx_headers_are_judged },
	{ "tx_frames_of_bad_length_are_dropped", tx_frames_of_bad_length_are_dropped },
	{ "rx_frames_that_do_not_fit_are_dropped", rx_frames_that_do_not_fit_are_dropped },
	{ "half_a_merged_frame_takes_nothing", half_a_merged_frame_takes_nothing },
	{ "mergeable_buffers_without_room_for_the_header_are_a_violation",
			mergeable_buffers_without_room_for_the_header_are_a_violation },
	{ "flows_spread_over_queue_pairs_and_stay_there",
			flows_spread_over_queue_pairs_and_stay_there },
	{ "queue_in_reset_is_let_alone", queue_in_reset_is_let_alone },
	{ "doorbell_of_a_queue_in_reset_is_innocent", doorbell_of_a_queue_in_reset_is_innocent },
	{ "rings_outside_the_map_are_refused", rings_outside_the_map_are_refused },
	{ "shuffled_buffers_complete_in_another_order",
			shuffled_buffers_complete_in_another_order },
	{ "shuffled_buffers_of_dropped_frames_complete_later",
			shuffled_buffers_of_dropped_frames_complete_later },
	{ "shuffled_buffers_are_translated_when_they_are_used",
			shuffled_buffers_are_translated_when_they_are_used },
	{ "strict_devices_see_only_what_doorbells_announced",
			strict_devices_see_only_what_doorbells_announced },
	{ "strict_devices_believe_the_last_position", strict_devices_believe_the_last_position },
	{ "strict_devices_check_each_announced_slot", strict_devices_check_each_announced_slot },
	{ "polled_rings_need_no_doorbells", polled_rings_need_no_doorbells },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
