/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The DMA map of a simulated function: access, protection, and memory that disappears. */

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vsim/ring/vsim_walk.h"
#include "test/fixture/vsim_driver.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))
#define RW (PROT_READ | PROT_WRITE)
#define PAGE 4096u
#define HUGE (2u << 20)
#define BASE UINT64_C(0x7f0000000000) /* an address that the fixture does not use */

static struct fixture fx;
static struct driver d;

static int
memory(size_t len, unsigned int flags)
{
	int fd = memfd_create("test", flags);

	if (fd < 0 || ftruncate(fd, len) < 0)
		return -1;
	return fd;
}

/** Memory of the device at iova if all len bytes are contiguous, else NULL. */
static uint8_t *
reach(uint64_t iova, uint64_t len, int prot)
{
	uint64_t n = len;
	uint8_t *p = vsim_dma_find(fx.pf->dma, iova, &n, prot, NULL);

	return n == len ? p : NULL;
}

static void
a_map_shows_the_file(void)
{
	uint64_t before;
	uint8_t *seen;
	int fd;

	fx = fixture_make("full");
	before = vsim_dma_bytes(fx.pf);
	fd = memory(8 * PAGE, MFD_CLOEXEC);
	VTEST(fd >= 0);
	VTEST_EQ(pwrite(fd, "here", 4, 3 * PAGE), 4);
	VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE, 4 * PAGE, RW, fd, 2 * PAGE), 0);
	VTEST_EQ(vsim_dma_bytes(fx.pf) - before, 4 * PAGE);
	close(fd); /* the map keeps its own reference */
	seen = reach(BASE + PAGE, 4, PROT_READ);
	VTEST(seen != NULL && memcmp(seen, "here", 4) == 0);
	VTEST(reach(BASE, 4 * PAGE, RW) != NULL);
	VTEST(reach(BASE - 1, 1, PROT_READ) == NULL);
	VTEST(reach(BASE + 4 * PAGE, 1, PROT_READ) == NULL);
	VTEST(reach(BASE + 4 * PAGE - 1, 2, PROT_READ) == NULL);
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE, 4 * PAGE), 0);
	VTEST(reach(BASE, 1, PROT_READ) == NULL);
	VTEST_EQ(vsim_dma_bytes(fx.pf), before);
	fixture_free(&fx);
}

static void
bad_maps_are_refused(void)
{
	int fd = memory(8 * PAGE, MFD_CLOEXEC);

	const struct {
		uint64_t iova, size, offset;
		int prot, fd, want;
	} rows[] = {
		{ BASE, 0, 0, RW, fd, -EINVAL },
		{ BASE + 1, PAGE, 0, RW, fd, -EINVAL },
		{ BASE, PAGE + 1, 0, RW, fd, -EINVAL },
		{ BASE, PAGE, 1, RW, fd, -EINVAL },
		{ UINT64_MAX - PAGE + 1, 2 * PAGE, 0, RW, fd, -EINVAL }, /* wraps */
		{ BASE, UINT64_MAX - PAGE + 1, 0, RW, fd, -EINVAL },
		{ BASE, PAGE, UINT64_MAX - PAGE + 1, RW, fd, -EINVAL },
		{ BASE, PAGE, 0, 0, fd, -EINVAL },
		{ BASE, PAGE, 0, RW, -1, -EBADF },
		{ FIXTURE_IOVA, PAGE, 0, RW, fd, -EEXIST },
		{ FIXTURE_IOVA - PAGE, 2 * PAGE, 0, RW, fd, -EEXIST },
		{ FIXTURE_IOVA + FIXTURE_MEM_LEN - PAGE, 2 * PAGE, 0, RW, fd, -EEXIST },
		{ FIXTURE_IOVA - PAGE, FIXTURE_MEM_LEN + 2 * PAGE, 0, RW, fd, -EEXIST },
	};

	fx = fixture_make("full");
	for (size_t i = 0; i < NB(rows); i++)
		VTEST_EQ(vsim_fn_dma_map(fx.pf, rows[i].iova, rows[i].size, rows[i].prot,
					 rows[i].fd, rows[i].offset),
				rows[i].want);
	VTEST_EQ(vsim_dma_bytes(fx.pf), FIXTURE_MEM_LEN);
	/* A neighbour does not overlap. */
	VTEST_EQ(vsim_fn_dma_map(fx.pf, FIXTURE_IOVA - PAGE, PAGE, RW, fd, 0), 0);
	VTEST_EQ(vsim_fn_dma_map(fx.pf, FIXTURE_IOVA + FIXTURE_MEM_LEN, PAGE, RW, fd, 0), 0);
	close(fd);
	fixture_free(&fx);
}

static void
unmap_takes_whole_mappings_only(void)
{
	int fd = memory(8 * PAGE, MFD_CLOEXEC);

	fx = fixture_make("full");
	for (unsigned int i = 0; i < 4; i++)
		VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE + 2 * i * PAGE, 2 * PAGE, RW, fd,
					 2 * i * PAGE),
				0);
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE + 16 * PAGE, PAGE), -ENOENT);
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE, PAGE), -EINVAL);
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE + PAGE, 3 * PAGE), -EINVAL);
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE, 0), -EINVAL);
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE, UINT64_MAX), -EINVAL);
	VTEST_EQ(vsim_dma_bytes(fx.pf), FIXTURE_MEM_LEN + 8 * PAGE);
	/* Several maps at once, and more than are mapped. */
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE + 2 * PAGE, 4 * PAGE), 0);
	VTEST(reach(BASE, 2 * PAGE, RW) != NULL);
	VTEST(reach(BASE + 2 * PAGE, 1, RW) == NULL);
	VTEST(reach(BASE + 6 * PAGE, 2 * PAGE, RW) != NULL);
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE - PAGE, 64 * PAGE), 0);
	VTEST_EQ(vsim_dma_bytes(fx.pf), FIXTURE_MEM_LEN);
	/* The addresses can be mapped again. */
	VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE, 8 * PAGE, RW, fd, 0), 0);
	vsim_fn_dma_unmap_all(fx.pf);
	VTEST_EQ(vsim_dma_bytes(fx.pf), 0);
	close(fd);
	fixture_free(&fx);
}

/* Pages that are mapped one by one in any order are contiguous for the device. */
static void
neighbours_become_one_segment(void)
{
	static const unsigned int order[] = { 5, 0, 7, 2, 1, 6, 3, 4 };

	fx = fixture_make("full");
	for (size_t i = 0; i < NB(order); i++) {
		int fd = memory(PAGE, MFD_CLOEXEC);

		VTEST_EQ(pwrite(fd, &order[i], 4, 0), 4);
		VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE + order[i] * PAGE, PAGE, RW, fd, 0), 0);
		close(fd);
	}
	VTEST(reach(BASE, 8 * PAGE, RW) != NULL);
	for (unsigned int i = 0; i < 8; i++)
		VTEST_EQ(reach(BASE, 8 * PAGE, RW)[i * PAGE], i);
	VTEST_EQ(fx.pf->dma->nb_segs, 2); /* this segment and the one of the fixture */
	/* Another protection is another segment. */
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE + 3 * PAGE, PAGE), 0);
	VTEST_EQ(fx.pf->dma->nb_segs, 3);
	VTEST(reach(BASE, 3 * PAGE, RW) != NULL && reach(BASE, 4 * PAGE, RW) == NULL);
	fixture_free(&fx);
}

static void
huge_pages_become_one_segment(void)
{
	int fds[2];

	fx = fixture_make("full");
	for (unsigned int i = 0; i < 2; i++) {
		void *p;

		fds[i] = memory(HUGE, MFD_CLOEXEC | MFD_HUGETLB);
		p = fds[i] < 0 ? MAP_FAILED : mmap(NULL, HUGE, RW, MAP_SHARED, fds[i], 0);
		if (p == MAP_FAILED) {
			fixture_free(&fx);
			VTEST_SKIP("no huge pages of 2 MB are free");
		}
		memset(p, 'a' + i, 1);
		munmap(p, HUGE);
	}
	VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE, HUGE, RW, fds[0], 0), 0);
	VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE + HUGE, HUGE, RW, fds[1], 0), 0);
	VTEST(reach(BASE, 2 * HUGE, RW) != NULL);
	VTEST_EQ(reach(BASE + HUGE, 1, RW)[0], 'b');
	/* A part of a huge page, whose address cannot match the bus address. */
	VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE + 8 * HUGE + PAGE, 2 * PAGE, RW, fds[1], 0), 0);
	VTEST_EQ(reach(BASE + 8 * HUGE + PAGE, 2 * PAGE, RW)[0], 'b');
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE, 16 * HUGE), 0);
	close(fds[0]);
	close(fds[1]);
	fixture_free(&fx);
}

static void
far_apart_and_across_windows_all_is_found(void)
{
	static const uint64_t at[] = { 0, 0x100000000, VSIM_DMA_WINDOW - 2 * PAGE, VSIM_DMA_WINDOW,
		UINT64_C(0x7fff00000000), UINT64_C(0xfffffffffff00000) };
	int fd = memory(64 * PAGE, MFD_CLOEXEC);

	fx = fixture_make("full");
	vsim_fn_dma_unmap_all(fx.pf);
	for (size_t i = 0; i < NB(at); i++)
		VTEST_EQ(vsim_fn_dma_map(fx.pf, at[i], 2 * PAGE, RW, fd, 2 * i * PAGE), 0);
	for (size_t i = 0; i < NB(at); i++)
		VTEST(reach(at[i], 2 * PAGE, RW) != NULL);
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, VSIM_DMA_WINDOW - 2 * PAGE, 4 * PAGE), 0);
	/* One mapping across the border of two windows. */
	VTEST_EQ(vsim_fn_dma_map(fx.pf, VSIM_DMA_WINDOW - 2 * PAGE, 4 * PAGE, RW, fd, 0), 0);
	VTEST(reach(VSIM_DMA_WINDOW - 2 * PAGE, 4 * PAGE, RW) != NULL);
	/* More windows than a function can have: the rest are plain mappings. */
	for (uint64_t i = 1; i < 2 * VSIM_DMA_WINDOWS; i++)
		VTEST_EQ(vsim_fn_dma_map(fx.pf, (i << 40) + PAGE, PAGE, RW, fd, 0), 0);
	for (uint64_t i = 1; i < 2 * VSIM_DMA_WINDOWS; i++)
		VTEST(reach((i << 40) + PAGE, PAGE, RW) != NULL);
	close(fd);
	fixture_free(&fx);
}

/* ---------------------------------------------------------------- under a running device */

/** One queue pair, split; TX buffers are taken from iova instead of the fixture's memory. */
static void
up(const char *wire)
{
	struct vsim_features f = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM);
	char err[256] = "";

	fx = fixture_make("full");
	VTEST_EQ(vsim_nic_wire(fx.nic, 0, wire, err, sizeof(err)), 0);
	driver_run(&d, fx.pf, fx.mem, &f, 1, 64);
}

static void
send_from(uint64_t iova, uint32_t len)
{
	const struct ring_seg seg = { iova, len };

	ring_post(&d.tx[0], &seg, 1, 0, 0, NULL);
	ring_publish(&d.tx[0]);
	ring_doorbell_ring(&d.tx[0]);
	while (vsim_worker_poll(fx.nic, 0) > 0)
		;
}

static void
protection_is_respected(void)
{
	int fd = memory(8 * PAGE, MFD_CLOEXEC);
	struct ring_seg seg;

	/* The device may read: TX works, RX faults. */
	up("gen:rate=0");
	VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE, PAGE, PROT_READ, fd, 0), 0);
	send_from(BASE, 80);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
	seg = (struct ring_seg){ BASE, 1536 };
	ring_post(&d.rx[0], &seg, 0, 1, 0, NULL);
	ring_publish(&d.rx[0]);
	ring_doorbell_ring(&d.rx[0]);
	vsim_worker_poll(fx.nic, 0);
	VTEST_EQ(fx.pf->counters->dma_faults, 1);
	VTEST(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET);
	fixture_free(&fx);

	/* The device may only write: TX faults. */
	up("null");
	VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE, PAGE, PROT_WRITE, fd, 0), 0);
	send_from(BASE, 80);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 0);
	VTEST_EQ(fx.pf->counters->dma_faults, 1);
	fixture_free(&fx);
	close(fd);
}

static void
unmapped_memory_is_forgotten_at_once(void)
{
	int fd = memory(8 * PAGE, MFD_CLOEXEC);

	up("null");
	VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE, 8 * PAGE, RW, fd, 0), 0);
	send_from(BASE, 80); /* the queue now has the mapping in its cache */
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE, 8 * PAGE), 0);
	VTEST_EQ(fx.pf->counters->dma_faults, 0);
	send_from(BASE, 80);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
	VTEST_EQ(fx.pf->counters->dma_faults, 1);
	fixture_free(&fx);
	close(fd);
}

static void
unmapped_rings_fault_when_they_are_needed(void)
{
	up("null");
	vsim_fn_dma_unmap_all(fx.pf);
	vsim_worker_poll(fx.nic, 0);
	VTEST_EQ(fx.pf->counters->dma_faults, 0);
	VTEST(!(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET));
	ring_doorbell_ring(&d.tx[0]);
	vsim_worker_poll(fx.nic, 0);
	VTEST_EQ(fx.pf->counters->dma_faults, 1);
	VTEST(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET);
	fixture_free(&fx);

	/* Memory that was mapped again in time causes no fault. */
	up("null");
	vsim_fn_dma_unmap_all(fx.pf);
	VTEST_EQ(vsim_fn_dma_map_ptr(fx.pf, FIXTURE_IOVA, FIXTURE_MEM_LEN, RW, fx.mem), 0);
	send_from(BUF_IOVA, 80);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
	fixture_free(&fx);
}

static void
pages_behind_the_end_of_a_file_are_refused(void)
{
	static const struct {
		uint64_t file, offset, size;
		int ret;
	} rows[] = {
		{ 4 * PAGE, 0, 4 * PAGE, 0 },
		{ 4 * PAGE, 3 * PAGE, PAGE, 0 },
		{ 4 * PAGE, 3 * PAGE, 2 * PAGE, -EFAULT },
		{ 4 * PAGE, 4 * PAGE, PAGE, -EFAULT },
		{ 4 * PAGE, 0, 5 * PAGE, -EFAULT },
		{ 4 * PAGE, 8 * PAGE, PAGE, -EFAULT },
		{ 3 * PAGE + 1, 0, 4 * PAGE, 0 }, /* the last page is partial */
		{ 0, 0, PAGE, -EFAULT },
	};

	fx = fixture_make("full");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint64_t before = vsim_dma_bytes(fx.pf);
		const int fd = memory(rows[i].file, MFD_CLOEXEC);

		VTEST(fd >= 0);
		VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE, rows[i].size, RW, fd, rows[i].offset),
				rows[i].ret);
		VTEST_EQ(vsim_dma_bytes(fx.pf) - before, rows[i].ret == 0 ? rows[i].size : 0);
		if (rows[i].ret == 0)
			VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE, rows[i].size), 0);
		close(fd);
	}
	fixture_free(&fx);
}

/* A client truncates its file while the device uses the memory. */
static void
cut(unsigned int flags, size_t page)
{
	const struct ring_seg seg = { BASE + page, 1536 };
	int fd = memory(2 * page, MFD_CLOEXEC | flags);

	if (fd < 0)
		VTEST_SKIP("no huge pages");
	up("gen:rate=0");
	VTEST_EQ(vsim_fn_dma_map(fx.pf, BASE, 2 * page, RW, fd, 0), 0);
	VTEST_EQ(ftruncate(fd, page), 0);
	send_from(BASE, 80); /* the memory still exists */
	VTEST_EQ(fx.pf->counters->dma_faults, 0);
	ring_post(&d.rx[0], &seg, 0, 1, 0, NULL);
	ring_publish(&d.rx[0]);
	ring_doorbell_ring(&d.rx[0]);
	vsim_worker_poll(fx.nic, 0);
	VTEST_EQ(fx.pf->counters->dma_faults, 1);
	VTEST(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET);
	VTEST_EQ(vsim_fn_dma_unmap(fx.pf, BASE, 2 * page), 0);
	fixture_free(&fx);
	close(fd);
}

static void
truncated_files_break_the_function_not_the_process(void)
{
	cut(0, PAGE);
}

static void
truncated_huge_files_break_the_function_not_the_process(void)
{
	cut(MFD_HUGETLB, HUGE);
}

static void
truncated_rings_break_the_function_not_the_process(void)
{
	struct vsim_features f = FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM);
	int fd = memory(FIXTURE_MEM_LEN, MFD_CLOEXEC);

	fx = fixture_make("full");
	vsim_fn_dma_unmap_all(fx.pf);
	VTEST_EQ(vsim_fn_dma_map(fx.pf, FIXTURE_IOVA, FIXTURE_MEM_LEN, RW, fd, 0), 0);
	munmap(fx.mem, FIXTURE_MEM_LEN);
	fx.mem = mmap(NULL, FIXTURE_MEM_LEN, RW, MAP_SHARED, fd, 0);
	driver_run(&d, fx.pf, fx.mem, &f, 1, 64);
	send_from(BUF_IOVA, 80);
	VTEST_EQ(fx.pf->counters->queue[1].packets, 1);
	VTEST_EQ(ftruncate(fd, 0), 0);
	atomic_store(vsim_queue_doorbell_word(fx.pf, 1), 0xffff0001u);
	vsim_worker_poll(fx.nic, 0);
	VTEST_EQ(fx.pf->counters->dma_faults, 1);
	VTEST(fx.pf->status & VIRTIO_STATUS_NEEDS_RESET);
	fixture_free(&fx);
	close(fd);
}

/* ---------------------------------------------------------------- against a worker */

static void *
run_worker(void *arg)
{
	vsim_worker_run(arg, 0);
	return NULL;
}

/* Maps and unmaps while a worker moves packets: each call returns, no old map is used. */
static void
maps_change_under_a_running_worker(void)
{
	int fd = memory(64 * PAGE, MFD_CLOEXEC);
	uint64_t rounds = 0;
	pthread_t thread;

	up("gen:size=64");
	VTEST_EQ(pthread_create(&thread, NULL, run_worker, fx.nic), 0);
	for (unsigned int i = 0; i < 2000; i++) {
		struct ring_seg seg = { BUF_IOVA + i % 32 * 2048, 1536 };
		uint32_t len;
		uint16_t id;

		ring_post(&d.rx[0], &seg, 0, 1, 0, NULL);
		ring_publish(&d.rx[0]);
		ring_doorbell_ring(&d.rx[0]);
		if (vsim_fn_dma_map(fx.pf, BASE, 64 * PAGE, RW, fd, 0) != 0 ||
				vsim_fn_dma_unmap(fx.pf, BASE, 64 * PAGE) != 0)
			break;
		rounds++;
		for (int ms = 0; ms < 5000; ms++) {
			while (ring_reap(&d.rx[0], &id, &len))
				;
			if (d.rx[0].avail_i - d.rx[0].used_i <= 32)
				break;
			usleep(1000); /* a sleeping worker looks once a millisecond */
		}
	}
	vsim_worker_stop(fx.nic);
	pthread_join(thread, NULL);
	VTEST_EQ(rounds, 2000);
	VTEST_EQ(fx.pf->counters->dma_faults, 0);
	VTEST(fx.pf->counters->queue[0].packets > 1000);
	fixture_free(&fx);
	close(fd);
}

static const struct vtest_case cases[] = {
	{ "a_map_shows_the_file", a_map_shows_the_file },
	{ "bad_maps_are_refused", bad_maps_are_refused },
	{ "unmap_takes_whole_mappings_only", unmap_takes_whole_mappings_only },
	{ "neighbours_become_one_segment", neighbours_become_one_segment },
	{ "huge_pages_become_one_segment", huge_pages_become_one_segment },
	{ "far_apart_and_across_windows_all_is_found", far_apart_and_across_windows_all_is_found },
	{ "protection_is_respected", protection_is_respected },
	{ "unmapped_memory_is_forgotten_at_once", unmapped_memory_is_forgotten_at_once },
	{ "unmapped_rings_fault_when_they_are_needed", unmapped_rings_fault_when_they_are_needed },
	{ "pages_behind_the_end_of_a_file_are_refused",
			pages_behind_the_end_of_a_file_are_refused },
	{ "truncated_files_break_the_function_not_the_process",
			truncated_files_break_the_function_not_the_process },
	{ "truncated_huge_files_break_the_function_not_the_process",
			truncated_huge_files_break_the_function_not_the_process },
	{ "truncated_rings_break_the_function_not_the_process",
			truncated_rings_break_the_function_not_the_process },
	{ "maps_change_under_a_running_worker", maps_change_under_a_running_worker },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
