/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Doorbells that vdpa_vsr rings for a guest, and interrupts that it raises. */

#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_common.h>

#include "base/vdpa_dev.h"
#include "run/vdpa_doorbell.h"
#include "test/fixture/vtest.h"

#define SIZE 8
#define ID 3

static struct pvirtq_desc ring[SIZE];
static uint32_t word;
static struct vdpa_dev dev;
static struct vdpa_queue queue;

static void
set_up(void)
{
	memset(ring, 0, sizeof(ring));
	dev = (struct vdpa_dev){ .vid = 0 };
	vio_features_add(&dev.vio.accepted, VIRTIO_F_RING_PACKED);
	vio_features_add(&dev.vio.accepted, VIRTIO_F_NOTIFICATION_DATA);
	queue = (struct vdpa_queue){ .dev = &dev,
		.running = true,
		.ring = { .set_up = true, .size = SIZE, .desc_va = (uint8_t *)ring },
		.doorbell = { .addr = &word, .id = ID } };
}

/* The guest makes one descriptor available, the nb-th since its start. */
static void
make_available(unsigned int nb)
{
	const bool wrap = nb / SIZE % 2 == 0;

	ring[nb % SIZE].flags = wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
}

/* The device uses it. */
static void
use(unsigned int nb)
{
	const bool wrap = nb / SIZE % 2 == 0;

	ring[nb % SIZE].flags = wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;
}

static unsigned int
named(void)
{
	vdpa_doorbell_ring(&queue);
	VTEST_EQ(word & 0xffff, ID);
	return word >> 16;
}

static unsigned int
position_of(unsigned int nb)
{
	return nb % SIZE | (nb / SIZE % 2 == 0 ? 1u << 15 : 0);
}

static void
a_fresh_ring_has_nothing_available(void)
{
	set_up();
	VTEST_EQ(named(), position_of(0));
}

/* A guest rings seldom: any number of buffers, more than a lap too, lies between two doorbells. */
static void
doorbell_names_the_position_after_any_pause(void)
{
	for (unsigned int pause = 1; pause <= 3 * SIZE; pause++) {
		set_up();
		for (unsigned int nb = 0; nb < 20 * SIZE; nb++) {
			make_available(nb);
			if ((nb + 1) % pause == 0)
				VTEST_EQ(named(), position_of(nb + 1));
			use(nb);
			if ((nb + 1) % pause == 0)
				VTEST_EQ(named(), position_of(nb + 1));
		}
	}
}

static void
a_full_ring_is_available_up_to_its_start(void)
{
	set_up();
	for (unsigned int nb = 0; nb < 5 * SIZE; nb++) {
		make_available(nb);
		if (nb % SIZE == SIZE - 1)
			VTEST_EQ(named(), position_of(nb + 1));
	}
}

/* The data thread calls for a doorbell: does it find many buffers? */
static bool
is_bulk(void)
{
	VTEST_EQ(vdpa_on_kick(&queue.kick), false);
	return queue.kick.load != 0;
}

/* From any position, across the end of the ring too. */
static void
many_buffers_for_one_doorbell_are_noticed(void)
{
	static struct {
		uint16_t flags, idx;
	} avail;

	for (unsigned int at = 0; at < 3 * SIZE; at++) {
		for (unsigned int nb = 0; nb <= SIZE; nb++) {
			set_up();
			for (unsigned int i = 0; i < at; i++) {
				make_available(i);
				use(i);
			}
			queue.rung_at = (uint16_t)position_of(at);
			for (unsigned int i = 0; i < nb; i++)
				make_available(at + i);
			VTEST_EQ(is_bulk(), nb >= VDPA_BULK);
			VTEST_EQ(is_bulk(), false);
		}
	}
	set_up();
	dev.vio.accepted = (struct vio_features){ 0 };
	queue.ring.driver_va = (uint8_t *)&avail;
	queue.rung_at = avail.idx = 65530;
	avail.idx += VDPA_BULK - 1;
	VTEST_EQ(is_bulk(), false);
	avail.idx += VDPA_BULK;
	VTEST_EQ(is_bulk(), true);
	VTEST_EQ(is_bulk(), false);
}

/* The other owner of the descriptor has made it wait, and filled it. */
static void
an_interrupt_never_waits_for_the_guest(void)
{
	const int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	eventfd_t value;

	set_up();
	queue.ring.call_fd = fd;
	for (unsigned int i = 1; i <= 1000; i++) {
		vdpa_interrupt_raise(&queue);
		VTEST_EQ(queue.nb_interrupts, i);
	}
	VTEST_EQ(eventfd_read(fd, &value), 0);
	VTEST_EQ(value, 1000);
	VTEST_EQ(eventfd_write(fd, UINT64_MAX - 1), 0);
	VTEST_EQ(fcntl(fd, F_SETFL, 0), 0);
	alarm(20); /* ends the program */
	vdpa_interrupt_raise(&queue);
	vdpa_interrupt_raise(&queue);
	alarm(0);
	VTEST_EQ(eventfd_read(fd, &value), 0);
	VTEST(value >= UINT64_MAX - 1);
	queue.ring.call_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	queue.nb_interrupts = 0;
	vdpa_interrupt_raise(&queue);
	VTEST_EQ(queue.nb_interrupts, 0);
	close(queue.ring.call_fd);
	close(fd);
}

static const struct vtest_case cases[] = {
	{ "a_fresh_ring_has_nothing_available", a_fresh_ring_has_nothing_available },
	{ "doorbell_names_the_position_after_any_pause",
			doorbell_names_the_position_after_any_pause },
	{ "a_full_ring_is_available_up_to_its_start", a_full_ring_is_available_up_to_its_start },
	{ "many_buffers_for_one_doorbell_are_noticed", many_buffers_for_one_doorbell_are_noticed },
	{ "an_interrupt_never_waits_for_the_guest", an_interrupt_never_waits_for_the_guest },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, RTE_DIM(cases));
}
