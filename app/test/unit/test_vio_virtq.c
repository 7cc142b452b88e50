/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * A virtqueue of the driver, against a device in this file that completes buffers in an order of
 * its choice: with the scalar functions, and with the steps of vio_virtq_vec.h.
 */

#include <stdlib.h>
#include <string.h>

#include "virtio/vio_virtq_packed.h"
#include "virtio/vio_virtq_split.h"
#include "test/fixture/vtest.h"
#include "vio_steps.h"

#define SIZE_MAX_TESTED 256
#define SEGS_MAX 4 /* Of a list. */

/* ------------------------------------------------------------------ the queue of the driver */

static _Alignas(4096) uint8_t memory[SIZE_MAX_TESTED * 64];
static _Alignas(64) void *cookies[SIZE_MAX_TESTED];
static _Alignas(64) uint16_t free_ids[SIZE_MAX_TESTED];
static struct vio_chain chains[SIZE_MAX_TESTED];
static struct vio_virtq q;
static const struct vio_ring_ops *ops;

static void
queue_open(uint16_t size, bool packed)
{
	struct vio_dev dev = { .t = NULL };

	q = (struct vio_virtq){
		.cookies = cookies,
		.chains = chains,
		.free_ids = free_ids,
		.size = size,
		.packed = packed,
		.mem = memory,
		.driver_at = SIZE_MAX_TESTED * 16,
		.device_at = SIZE_MAX_TESTED * 32,
	};
	ops = packed ? &vio_ring_packed : &vio_ring_split;
	vio_virtq_init(&q, &dev);
}

/* ------------------------------------------------------------------ the device */

/* A buffer that the device has taken out of the ring. */
struct held {
	uintptr_t cookie; /* The driver of this test uses it as the bus address too. */
	uint16_t id, nb_descs;
};

static struct {
	struct held held[SIZE_MAX_TESTED]; /* Oldest first. */
	unsigned int nb_held;
	uint16_t avail_i, used_i;
	bool avail_wrap, used_wrap;
	bool busy[SIZE_MAX_TESTED]; /* Descriptors (split) or ids (packed) that the device has. */
	struct held done[SIZE_MAX_TESTED]; /* Used and not reaped, oldest first. */
	unsigned int nb_done;
} device;

static void
device_open(void)
{
	memset(&device, 0, sizeof(device));
	device.avail_wrap = device.used_wrap = true;
}

static void
device_owns(uint16_t id)
{
	VTEST(id < q.size);
	VTEST(!device.busy[id]);
	device.busy[id] = true;
}

static void
split_take(void)
{
	while (device.avail_i != rte_le_to_cpu_16(q.avail->idx)) {
		const uint16_t slot = device.avail_i++ % q.size;
		uint16_t id = rte_le_to_cpu_16(q.avail->ring[slot]);
		struct held *h = &device.held[device.nb_held++];

		device_owns(id);
		*h = (struct held){ q.desc[id].addr, id, 1 };
		while ((q.desc[id].flags & VIRTQ_DESC_F_NEXT) != 0) {
			id = rte_le_to_cpu_16(q.desc[id].next);
			device_owns(id);
			VTEST_EQ(q.desc[id].addr, h->cookie + h->nb_descs);
			h->nb_descs++;
		}
		VTEST_EQ(q.desc[id].len, 2000);
	}
}

static void
packed_take(void)
{
	const uint16_t mask = VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED;

	for (;;) {
		const uint16_t want = device.avail_wrap ? VIRTQ_DESC_F_AVAIL : VIRTQ_DESC_F_USED;
		const struct pvirtq_desc *d = &q.pdesc[device.avail_i];
		struct held *h = &device.held[device.nb_held];
		bool more;

		if ((d->flags & mask) != want)
			break;
		*h = (struct held){ d->addr, 0, 0 };
		device.nb_held++;
		do {
			d = &q.pdesc[device.avail_i];
			more = (d->flags & VIRTQ_DESC_F_NEXT) != 0;
			VTEST_EQ(d->addr, h->cookie + h->nb_descs);
			VTEST_EQ(d->len, 2000);
			h->id = d->id;
			h->nb_descs++;
			if (++device.avail_i == q.size) {
				device.avail_i = 0;
				device.avail_wrap = !device.avail_wrap;
			}
		} while (more);
		device_owns(h->id);
	}
}

/* Length that the device reports for a buffer. */
static uint32_t
len_of(uintptr_t cookie)
{
	return (uint32_t)(cookie >> 4) % 1500 + 60;
}

/* Write a used entry. */
static void
use(uint32_t id, uint32_t len, uint16_t nb_descs)
{
	if (!q.packed) {
		struct virtq_used_elem *elem = &q.used->ring[device.used_i++ % q.size];

		*elem = (struct virtq_used_elem){ rte_cpu_to_le_32(id), rte_cpu_to_le_32(len) };
		q.used->idx = rte_cpu_to_le_16(device.used_i);
		return;
	}
	q.pdesc[device.used_i].id = rte_cpu_to_le_16((uint16_t)id);
	q.pdesc[device.used_i].len = rte_cpu_to_le_32(len);
	q.pdesc[device.used_i].flags = rte_cpu_to_le_16(
			device.used_wrap ? VIRTQ_DESC_F_AVAIL | VIRTQ_DESC_F_USED : 0);
	device.used_i += nb_descs;
	if (device.used_i >= q.size) {
		device.used_i -= q.size;
		device.used_wrap = !device.used_wrap;
	}
}

/* Take what is available, then complete nb buffers, each one of the oldest `window` at random. */
static void
device_complete(unsigned int nb, unsigned int window, unsigned int *seed)
{
	if (q.packed)
		packed_take();
	else
		split_take();
	while (nb-- != 0 && device.nb_held != 0) {
		const unsigned int at = rand_r(seed) % RTE_MIN(window, device.nb_held);
		const struct held h = device.held[at];

		device.nb_held--;
		memmove(&device.held[at], &device.held[at + 1],
				(device.nb_held - at) * sizeof(device.held[0]));
		if (q.packed)
			device.busy[h.id] = false;
		else
			for (uint16_t id = h.id, i = 0; i < h.nb_descs; i++, id = q.desc[id].next)
				device.busy[id] = false;
		device.done[device.nb_done++] = h;
		use(h.id, len_of(h.cookie), h.nb_descs);
	}
}

/* The driver has reaped this buffer: the oldest of those that are used. */
static void
reaped(void *cookie, uint32_t len)
{
	VTEST(device.nb_done != 0);
	VTEST_EQ((uintptr_t)cookie, device.done[0].cookie);
	VTEST_EQ(len, len_of((uintptr_t)cookie));
	device.nb_done--;
	memmove(&device.done[0], &device.done[1], device.nb_done * sizeof(device.done[0]));
}

/* ------------------------------------------------------------------ the driver */

static uintptr_t next_cookie;

static void
cookies_new(void **list, struct vio_seg *segs, unsigned int nb)
{
	for (unsigned int i = 0; i < nb; i++) {
		next_cookie += 16;
		list[i] = (void *)next_cookie;
		segs[i] = (struct vio_seg){ next_cookie, 2000 };
	}
}

static void
post_one(void)
{
	struct vio_seg seg;
	void *cookie;

	cookies_new(&cookie, &seg, 1);
	ops->post(&q, &seg, VIRTQ_DESC_F_WRITE, cookie);
}

static void
post_list(uint16_t nb_segs)
{
	struct vio_seg segs[SEGS_MAX];
	void *cookie;

	cookies_new(&cookie, &segs[0], 1);
	for (uint16_t i = 1; i < nb_segs; i++)
		segs[i] = (struct vio_seg){ segs[0].iova + i, 2000 };
	ops->post_list(&q, segs, nb_segs, 0, cookie);
}

static bool
post_step(const struct vio_steps *steps)
{
	struct vio_seg segs[VIO_STEP_MAX];
	void *list[VIO_STEP_MAX];

	cookies_new(list, segs, steps->lanes);
	return steps->post(&q, segs, VIRTQ_DESC_F_WRITE, list);
}

static bool
reap_one(void)
{
	uint32_t len = 0;
	void *cookie = ops->reap(&q, &len);

	if (cookie != NULL)
		reaped(cookie, len);
	return cookie != NULL;
}

static bool
reap_step(const struct vio_steps *steps)
{
	void *list[VIO_STEP_MAX];
	uint32_t lens[VIO_STEP_MAX];

	if (!steps->reap(&q, list, lens))
		return false;
	for (unsigned int i = 0; i < steps->lanes; i++)
		reaped(list[i], lens[i]);
	return true;
}

/* Post up to nb descriptors: steps, single descriptors, and a list once in `lists` times. */
static void
post(unsigned int nb, const struct vio_steps *steps, unsigned int lists, unsigned int *seed)
{
	while (nb != 0 && q.nb_free != 0) {
		const unsigned int before = q.nb_free;
		const uint16_t nb_segs = 2 + rand_r(seed) % (SEGS_MAX - 1);

		if (lists != 0 && rand_r(seed) % lists == 0 && q.nb_free >= nb_segs)
			post_list(nb_segs);
		else if (steps == NULL || nb < steps->lanes || !post_step(steps))
			post_one();
		nb -= RTE_MIN(nb, before - q.nb_free);
	}
	ops->publish(&q);
}

static void
reap(unsigned int nb, const struct vio_steps *steps)
{
	for (unsigned int done = 0; done < nb;) {
		if (steps != NULL && reap_step(steps))
			done += steps->lanes;
		else if (reap_one())
			done++;
		else
			break;
	}
}

static void
check_all_back(void)
{
	VTEST_EQ(device.nb_held, 0);
	VTEST_EQ(device.nb_done, 0);
	VTEST_EQ(q.nb_free, q.size);
	VTEST(!q.broken);
	for (uint16_t i = 0; i < q.size; i++)
		VTEST(q.cookies[i] == NULL);
}

/* ------------------------------------------------------------------ which steps */

/* The case fails to run, with a reason, where the processor or the build has no such steps. */
static const struct vio_steps *
steps_of(unsigned int simd)
{
#ifdef VSR_HAVE_AVX2
	if (simd == 256) {
		if (!__builtin_cpu_supports("avx2"))
			VTEST_SKIP("this processor has no AVX2");
		return &vio_steps_avx2;
	}
#endif
#ifdef VSR_HAVE_AVX512
	if (simd == 512) {
		if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
				!__builtin_cpu_supports("avx512dq") ||
				!__builtin_cpu_supports("avx512vl"))
			VTEST_SKIP("this processor has no AVX-512");
		return &vio_steps_avx512;
	}
#endif
	if (simd != 0)
		VTEST_SKIP("this build has no vectors of this width");
	return NULL;
}

/* ------------------------------------------------------------------ cases */

/* Buffers of every kind, posted and reaped in portions of every size, completed in every order. */
static void
any_order(unsigned int simd)
{
	static const uint16_t sizes[] = { 8, 16, 64, 256, 37, 100 }; /* the last two: packed only */
	const struct vio_steps *steps = steps_of(simd);
	unsigned int seed = 1;

	for (int packed = 0; packed < 2; packed++)
		for (size_t s = 0; s < (packed ? 6 : 4); s++)
			for (unsigned int window = 1; window <= sizes[s]; window += window / 2 + 1)
				for (unsigned int lists = 0; lists <= 9; lists += 3) {
					queue_open(sizes[s], packed);
					device_open();
					for (int round = 0; round < 300; round++) {
						post(rand_r(&seed) % (sizes[s] + 1), steps, lists,
								&seed);
						device_complete(rand_r(&seed) % (sizes[s] + 1),
								window, &seed);
						reap(rand_r(&seed) % (sizes[s] + 1), steps);
					}
					device_complete(sizes[s], window, &seed);
					reap(sizes[s], steps);
					check_all_back();
				}
}

/* Bring the ids into a random order, and the ring to an offset. */
static void
queue_permuted(uint16_t size, bool packed, uint16_t offset, unsigned int *seed)
{
	queue_open(size, packed);
	device_open();
	for (int lap = 0; lap < 3; lap++) {
		post(size, NULL, 0, seed);
		device_complete(size, size, seed);
		reap(size, NULL);
	}
	post(offset, NULL, 0, seed);
	device_complete(offset, size, seed);
	reap(offset, NULL);
	check_all_back();
}

/* A step fails for the end of a ring, or of the list of ids, and never for the order of ids. */
static void
steps_take_ids_in_any_order(unsigned int simd)
{
	const struct vio_steps *steps = steps_of(simd);
	const uint16_t size = 64, lanes = (uint16_t)steps->lanes;
	unsigned int seed = 1;

	for (int packed = 0; packed < 2; packed++)
		for (uint16_t offset = 0; offset < size; offset++) {
			queue_permuted(size, packed, offset, &seed);
			for (int round = 0; round < 100; round++) {
				const uint16_t ids = q.id_head, slot = q.post_i % size;

				const bool room = slot + lanes <= size && ids + lanes <= size;

				VTEST_EQ(post_step(steps), room);
				post(room ? 0 : lanes, NULL, 0, &seed);
				VTEST_EQ(q.nb_free, size - lanes);
				device_complete(lanes, lanes, &seed);
				VTEST_EQ(reap_step(steps), slot + lanes <= size);
				while (reap_one())
					;
				check_all_back();
			}
		}
}

/* All that a step could change. */
struct state {
	uint8_t q[sizeof(struct vio_virtq)];
	void *cookies[SIZE_MAX_TESTED];
	uint16_t free_ids[SIZE_MAX_TESTED];
	uint8_t memory[sizeof(memory)];
};

static void
state_read(struct state *s)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->q, &q, sizeof(q));
	/* A step may read the used index of the device again. */
	memset(&s->q[offsetof(struct vio_virtq, used_seen)], 0, sizeof(q.used_seen));
	memcpy(s->cookies, cookies, sizeof(cookies));
	memcpy(s->free_ids, free_ids, sizeof(free_ids));
	memcpy(s->memory, memory, sizeof(memory));
}

/* In the used entries of a step, one is wrong: the step changes nothing, and the scalar function
 * takes the entries before it and then breaks the queue. */
static void
lie(const struct vio_steps *steps, bool packed, bool permute, unsigned int lane, uint32_t id,
		int same_as)
{
	static struct state before, after;
	void *list[VIO_STEP_MAX];
	uint32_t lens[VIO_STEP_MAX];
	struct held h[VIO_STEP_MAX];
	unsigned int seed = 5;

	if (permute) {
		queue_permuted(64, packed, 0, &seed);
	} else {
		queue_open(64, packed);
		device_open();
	}
	/* Past the ring is memory of others, which looks like cookies. */
	for (uint16_t i = q.size; i < SIZE_MAX_TESTED; i++)
		cookies[i] = (void *)(uintptr_t)16;
	post(32, NULL, 0, &seed);
	device_complete(0, 1, &seed);
	for (unsigned int i = 0; i < steps->lanes; i++) {
		h[i] = device.held[i];
		if (i == lane)
			h[i].id = (uint16_t)id;
		if (same_as >= 0 && i == lane)
			h[i] = h[same_as];
		use(i == lane && same_as < 0 ? id : h[i].id, len_of(h[i].cookie), 1);
		if (i < lane)
			device.done[device.nb_done++] = h[i];
	}
	state_read(&before);
	VTEST(!steps->reap(&q, list, lens));
	state_read(&after);
	VTEST(memcmp(&before, &after, sizeof(before)) == 0);
	for (unsigned int i = 0; i < lane; i++)
		VTEST(reap_one());
	VTEST(!reap_one());
	VTEST(q.broken);
	VTEST_EQ(q.nb_violations, 1);
	VTEST(!steps->reap(&q, list, lens));
}

static void
wrong_ids_change_nothing(unsigned int simd)
{
	static const uint32_t wrong[] = { 64, 65, 0x7fff, 0x8000, 0xffff, 0x10000, 0x10001,
		0x7fffffff, 0x80000000, 0xffffffff };
	const struct vio_steps *steps = steps_of(simd);
	uint32_t free_id;
	unsigned int seed;

	for (int packed = 0; packed < 2; packed++)
		for (int permute = 0; permute < 2; permute++)
			for (unsigned int lane = 0; lane < steps->lanes; lane++) {
				for (size_t i = 0; i < RTE_DIM(wrong); i++)
					if (!packed || wrong[i] <= UINT16_MAX)
						lie(steps, packed, permute, lane, wrong[i], -1);
				for (int same = 0; same < (int)lane; same++)
					lie(steps, packed, permute, lane, 0, same);
				/* The id of no buffer: the last free one. */
				seed = 5;
				queue_permuted(64, packed, 0, &seed);
				free_id = permute ? q.free_ids[(q.id_head + 63) % 64] : 63;
				lie(steps, packed, permute, lane, free_id, -1);
			}
}

/* A whole step of consecutive ids, some or all of them outside of the ring. */
static void
runs_past_the_ring_change_nothing(unsigned int simd)
{
	static const uint32_t firsts[] = { 61, 63, 64, 0x7ffc, 0xfff8, 0xfffc, 0x10000, 0x7ffffffc,
		0x80000000, 0xfffffff8, 0xfffffffc };
	static struct state before, after;
	const struct vio_steps *steps = steps_of(simd);
	void *list[VIO_STEP_MAX];
	uint32_t lens[VIO_STEP_MAX];
	unsigned int seed = 5;

	for (int packed = 0; packed < 2; packed++)
		for (size_t i = 0; i < RTE_DIM(firsts); i++) {
			if (packed && firsts[i] > UINT16_MAX - 8)
				continue;
			queue_open(64, packed);
			device_open();
			post(64, NULL, 0, &seed);
			for (uint32_t lane = 0; lane < steps->lanes; lane++)
				use(firsts[i] + lane, 100, 1);
			state_read(&before);
			VTEST(!steps->reap(&q, list, lens));
			state_read(&after);
			VTEST(memcmp(&before, &after, sizeof(before)) == 0);
		}
}

/* Lists are left to the scalar functions, wherever in a step they are. */
static void
lists_are_left_alone(unsigned int simd)
{
	static struct state before, after;
	const struct vio_steps *steps = steps_of(simd);
	unsigned int seed = 3;

	for (int packed = 0; packed < 2; packed++)
		for (unsigned int lane = 0; lane < steps->lanes; lane++) {
			queue_permuted(64, packed, 0, &seed);
			for (unsigned int i = 0; i < steps->lanes; i++)
				if (i == lane)
					post_list(1 + i % SEGS_MAX);
				else
					post_one();
			ops->publish(&q);
			device_complete(steps->lanes, 1, &seed);
			state_read(&before);
			VTEST(!reap_step(steps));
			state_read(&after);
			VTEST(memcmp(&before, &after, sizeof(before)) == 0);
			reap(steps->lanes, steps);
			check_all_back();
		}
}

static void
full_ring_takes_no_step(unsigned int simd)
{
	const struct vio_steps *steps = steps_of(simd);
	unsigned int seed = 3;

	for (int packed = 0; packed < 2; packed++)
		for (unsigned int left = 0; left < steps->lanes; left++) {
			queue_permuted(64, packed, 0, &seed);
			post(64 - left, NULL, 0, &seed);
			VTEST(!post_step(steps));
			VTEST_EQ(q.nb_free, left);
		}
}

/* What a prefetch reads: ids of the device are bounded, and a small ring is not looked past. */
static void
look_ahead_stays_in_the_ring(void)
{
	for (int packed = 0; packed < 2; packed++)
		for (uint16_t size = 8; size <= 64; size *= 2) {
			queue_open(size, packed);
			/* All memory looks used, and has ids that no buffer has. */
			memset(memory, 0xff, sizeof(memory));
			VTEST(!packed || ops->used_ahead(&q, 32) == (size >= 32));
			for (q.reap_i = 0; q.reap_i < size; q.reap_i++)
				for (uint16_t i = 0; i < RTE_MIN(size, 32); i++)
					VTEST(ops->id_ahead(&q, i) < size);
		}
	queue_open(100, true);
	for (uint16_t i = 0; i < 100; i++)
		q.pdesc[i].id = rte_cpu_to_le_16(99 - i);
	q.reap_i = 90;
	for (uint16_t i = 0; i < 32; i++)
		VTEST_EQ(ops->id_ahead(&q, i), 99 - (90 + i) % 100);
	queue_open(64, false);
	for (uint16_t i = 0; i < 64; i++)
		q.used->ring[i].id = rte_cpu_to_le_32(63 - i);
	q.reap_i = 65530;
	for (uint16_t i = 0; i < 32; i++)
		VTEST_EQ(ops->id_ahead(&q, i), 63 - (65530 + i) % 64);
}

/* A case for each set of functions. */
#define FOR_SIMD(of, name, simd)      \
	static void of##_##name(void) \
	{                             \
		of(simd);             \
	}
FOR_SIMD(any_order, scalar, 0)
FOR_SIMD(any_order, avx2, 256)
FOR_SIMD(any_order, avx512, 512)
FOR_SIMD(steps_take_ids_in_any_order, avx2, 256)
FOR_SIMD(steps_take_ids_in_any_order, avx512, 512)
FOR_SIMD(wrong_ids_change_nothing, avx2, 256)
FOR_SIMD(wrong_ids_change_nothing, avx512, 512)
FOR_SIMD(runs_past_the_ring_change_nothing, avx2, 256)
FOR_SIMD(runs_past_the_ring_change_nothing, avx512, 512)
FOR_SIMD(lists_are_left_alone, avx2, 256)
FOR_SIMD(lists_are_left_alone, avx512, 512)
FOR_SIMD(full_ring_takes_no_step, avx2, 256)
FOR_SIMD(full_ring_takes_no_step, avx512, 512)

static const struct vtest_case cases[] = {
	{ "any_order_gives_back_each_buffer_once_scalar", any_order_scalar },
	{ "any_order_gives_back_each_buffer_once_avx2", any_order_avx2 },
	{ "any_order_gives_back_each_buffer_once_avx512", any_order_avx512 },
	{ "steps_take_ids_in_any_order_avx2", steps_take_ids_in_any_order_avx2 },
	{ "steps_take_ids_in_any_order_avx512", steps_take_ids_in_any_order_avx512 },
	{ "wrong_ids_in_a_step_change_nothing_avx2", wrong_ids_change_nothing_avx2 },
	{ "wrong_ids_in_a_step_change_nothing_avx512", wrong_ids_change_nothing_avx512 },
	{ "ids_past_the_ring_change_nothing_avx2", runs_past_the_ring_change_nothing_avx2 },
	{ "ids_past_the_ring_change_nothing_avx512", runs_past_the_ring_change_nothing_avx512 },
	{ "lists_in_a_step_are_left_alone_avx2", lists_are_left_alone_avx2 },
	{ "lists_in_a_step_are_left_alone_avx512", lists_are_left_alone_avx512 },
	{ "full_ring_takes_no_step_avx2", full_ring_takes_no_step_avx2 },
	{ "full_ring_takes_no_step_avx512", full_ring_takes_no_step_avx512 },
	{ "look_ahead_stays_in_the_ring", look_ahead_stays_in_the_ring },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
