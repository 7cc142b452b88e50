/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Takeover of rings: from the memory of a ring to the position of the VF, row by row. */

#include <errno.h>
#include <string.h>

#include <rte_common.h>

#include "ring/vdpa_takeover.h"
#include "test/fixture/vtest.h"

#define GPA UINT64_C(0x1000)
#define SIZE 8
#define START VDPA_PACKED_AT(0, true)

static _Alignas(16) struct {
	union {
		struct virtq_desc desc[SIZE];
		struct pvirtq_desc pdesc[SIZE];
	};
	uint16_t driver[2 + SIZE + 1]; /* flags, idx, ring */
	_Alignas(4) struct {
		uint16_t flags, idx;
		struct virtq_used_elem ring[SIZE];
		uint16_t event;
	} device;
} mem;

static void *
find(void *arg, uint64_t gpa, uint64_t *len)
{
	if (gpa < GPA || gpa - GPA >= sizeof(mem))
		return NULL;
	*len = RTE_MIN(*len, sizeof(mem) - (gpa - GPA));
	return (uint8_t *)&mem + (gpa - GPA);
}

static const struct vdpa_mem map = { .find = find };
static struct vdpa_gring_conf conf;
static struct vdpa_takeover to;
static const char *err;

static void
ring_set_up(bool packed)
{
	memset(&mem, 0, sizeof(mem));
	conf = (struct vdpa_gring_conf){ .size = SIZE,
		.packed = packed,
		.indirect = true,
		.desc = GPA,
		.driver = GPA + offsetof(typeof(mem), driver),
		.device = GPA + offsetof(typeof(mem), device) };
}

static int
take_over(enum vdpa_order order)
{
	vdpa_takeover_free(&to);
	err = NULL;
	return vdpa_takeover_find(&to, &conf, &map, order, &err);
}

/* ------------------------------------------------------------------ split */

static void
split_avail(uint16_t head)
{
	mem.driver[2 + mem.driver[1]++ % SIZE] = head;
}

static void
split_use(uint16_t head)
{
	mem.device.ring[mem.device.idx++ % SIZE].id = head;
}

static void
split_ring_goes_on_at_the_used_index(void)
{
	/* nb buffers were used, and `more` are outstanding. */
	for (unsigned int nb = 0; nb < 70000; nb += nb < 40 || nb > 65500 ? 1 : 97)
		for (unsigned int more = 0; more <= SIZE; more += 4) {
			ring_set_up(false);
			mem.driver[1] = mem.device.idx = (uint16_t)(nb - RTE_MIN(nb, 2u * SIZE));
			for (unsigned int i = nb - RTE_MIN(nb, 2u * SIZE); i < nb; i++) {
				split_avail(i % SIZE);
				split_use(i % SIZE);
			}
			for (unsigned int i = nb; i < nb + more; i++)
				split_avail(i % SIZE);
			VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), 0);
			VTEST_EQ(to.used, (uint16_t)nb);
			VTEST_EQ(to.nb_again + to.nb_empty, 0);
			VTEST(!to.disorder);
			VTEST(vdpa_takeover_fits(&conf, &map, (uint16_t)nb));
			VTEST(!vdpa_takeover_fits(&conf, &map, (uint16_t)(nb - 1)));
		}
}

static void
split_buffers_used_early_are_not_used_again(void)
{
	ring_set_up(false);
	for (uint16_t i = 0; i < SIZE; i++)
		split_avail(i);
	split_use(2);
	split_use(0);
	VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), 0);
	VTEST(to.disorder);
	VTEST_EQ(to.used, 2);
	VTEST_EQ(to.nb_out, 6);
	VTEST_EQ(to.nb_again + to.nb_empty, 6);
	for (unsigned int i = 0; i < 6u; i++)
		VTEST(to.held[i].id != 0 && to.held[i].id != 2 && to.held[i].id < SIZE);
}

static void
split_indices_that_no_driver_has_are_refused(void)
{
	ring_set_up(false);
	mem.driver[1] = SIZE + 1;
	VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), -EPROTO);
	VTEST(err != NULL && to.held == NULL);
}

/* ------------------------------------------------------------------ packed */

static bool
lap(unsigned int nb)
{
	return nb / SIZE % 2 == 0;
}

static uint16_t
at(unsigned int nb)
{
	return VDPA_PACKED_AT(nb % SIZE, lap(nb));
}

static void
packed_avail(unsigned int nb, uint16_t id, uint16_t flags)
{
	mem.pdesc[nb % SIZE] = (struct pvirtq_desc){ .addr = 1,
		.len = 64,
		.id = id,
		.flags = flags | (lap(nb) ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED) };
}

static void
packed_use(unsigned int nb, uint16_t id)
{
	mem.pdesc[nb % SIZE].id = id;
	mem.pdesc[nb % SIZE].flags = lap(nb) ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0;
}

static void
packed_ring_goes_on_behind_the_last_used_descriptor(void)
{
	for (unsigned int nb = 0; nb < 5 * SIZE; nb++)
		for (unsigned int more = 0; more < SIZE; more++) {
			ring_set_up(true);
			for (unsigned int i = 0; i < nb + more; i++) {
				packed_avail(i, i % SIZE, 0);
				if (i < nb)
					packed_use(i, i % SIZE);
			}
			VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), 0);
			VTEST_EQ(to.used, at(nb));
			VTEST_EQ(to.nb_again + to.nb_empty, 0);
			VTEST(vdpa_takeover_fits(&conf, &map, at(nb)));
			/* Positions of earlier stops; two laps back is the same position. */
			for (unsigned int older = 1; older < RTE_MIN(nb + 1, 2u * SIZE); older++)
				VTEST(!vdpa_takeover_fits(&conf, &map, at(nb - older)));
		}
}

static void
packed_chain_that_was_used_is_skipped(void)
{
	ring_set_up(true);
	conf.indirect = false;
	packed_avail(0, 5, VIRTQ_DESC_F_NEXT);
	packed_avail(1, 5, VIRTQ_DESC_F_NEXT);
	packed_avail(2, 5, 0);
	for (uint16_t i = 3; i < 7; i++)
		packed_avail(i, i - 3, 0);
	packed_use(0, 5);
	VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), 0);
	VTEST_EQ(to.used, at(3));
	VTEST(vdpa_takeover_fits(&conf, &map, at(3)));
}

/* The slots behind the used one are the rest of its chain, or a buffer that got the same id. */
static void
packed_chain_that_may_be_a_new_buffer_gives_no_position(void)
{
	ring_set_up(true);
	conf.indirect = false;
	packed_avail(0, 5, VIRTQ_DESC_F_NEXT);
	packed_avail(1, 5, VIRTQ_DESC_F_NEXT);
	packed_avail(2, 5, 0);
	packed_use(0, 5);
	VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), -ENODATA);
	VTEST(err != NULL);
	VTEST(vdpa_takeover_fits(&conf, &map, at(3)));
	VTEST(!vdpa_takeover_fits(&conf, &map, at(0)));
}

static void
packed_batch_in_order_is_skipped(void)
{
	ring_set_up(true);
	conf.in_order = true;
	for (uint16_t i = 0; i < 6; i++)
		packed_avail(i, i, 0);
	packed_use(0, 3); /* buffers 0 to 3 */
	VTEST_EQ(take_over(VDPA_ORDER_PROMISED), 0);
	VTEST_EQ(to.used, at(4));
}

static void
packed_descriptors_that_were_overwritten_come_back_empty(void)
{
	ring_set_up(true);
	for (uint16_t i = 0; i < SIZE; i++)
		packed_avail(i, i, 0);
	/* The VF has used buffer 3 first, in slot 0, and the guest has posted it again. */
	packed_use(0, 3);
	packed_avail(SIZE, 3, 0);
	VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), 0);
	VTEST(to.disorder);
	VTEST_EQ(to.nb_out, SIZE);
	VTEST_EQ(to.nb_again, SIZE - 1);
	VTEST_EQ(to.nb_empty, 1);
	VTEST_EQ(to.held[to.nb_again].id, 0);
}

static void
packed_flags_that_no_driver_writes_give_no_position(void)
{
	ring_set_up(true);
	for (uint16_t i = 0; i < SIZE; i++)
		mem.pdesc[i].flags = i % 2 != 0 ? VIRTQ_DESC_F_AVAIL : 0;
	VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), -EAGAIN);
	VTEST(err != NULL);
	for (unsigned int nb = 0; nb < 4 * SIZE; nb++)
		VTEST(!vdpa_takeover_fits(&conf, &map, at(nb)));
	VTEST(!vdpa_takeover_fits(&conf, &map, VDPA_PACKED_AT(SIZE, true)));
}

static void
fresh_rings_go_on_at_their_start(void)
{
	ring_set_up(true);
	VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), 0);
	VTEST_EQ(to.used, START);
	ring_set_up(false);
	VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), 0);
	VTEST_EQ(to.used, 0);
}

static void
rings_outside_of_guest_memory_are_refused(void)
{
	ring_set_up(false);
	conf.device = GPA + sizeof(mem) - 4;
	VTEST_EQ(take_over(VDPA_ORDER_ASSUMED), -EFAULT);
	VTEST(!vdpa_takeover_fits(&conf, &map, 0));
}

#define CASE(name)          \
	{                   \
#name, name \
	}

static const struct vtest_case cases[] = {
	CASE(split_ring_goes_on_at_the_used_index),
	CASE(split_buffers_used_early_are_not_used_again),
	CASE(split_indices_that_no_driver_has_are_refused),
	CASE(packed_ring_goes_on_behind_the_last_used_descriptor),
	CASE(packed_chain_that_was_used_is_skipped),
	CASE(packed_chain_that_may_be_a_new_buffer_gives_no_position),
	CASE(packed_batch_in_order_is_skipped),
	CASE(packed_descriptors_that_were_overwritten_come_back_empty),
	CASE(packed_flags_that_no_driver_writes_give_no_position),
	CASE(fresh_rings_go_on_at_their_start),
	CASE(rings_outside_of_guest_memory_are_refused),
};

int
main(int argc, char **argv)
{
	const int ret = vtest_main(argc, argv, cases, RTE_DIM(cases));

	vdpa_takeover_free(&to);
	return ret;
}
