/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * vfio_check BDF TOKEN: what vio_vfio offers beside registers, on a function that is not in use:
 * DMA maps of parts, addresses of the IOMMU, interrupts, mapped doorbells. Prints a line for each
 * check that fails, then whether the doorbells of the first two queues can be given away. Exit code
 * 1: a check failed; 2: the function does not open.
 */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "virtio/vio_dev.h"
#include "virtio/vio_err.h"
#include "virtio/vio_vfio.h"

#define PAGE UINT64_C(4096)
#define PAGES 4
#define IOVA UINT64_C(0x100000)
#define NB_FDS 3

static int failures;

#define CHECK_EQ(got, want)                                                                        \
	do {                                                                                       \
		const long long got_ = (got), want_ = (want);                                      \
                                                                                                   \
		if (got_ != want_) {                                                               \
			printf("line %d: %s is %lld, not %lld: %s\n", __LINE__, #got, got_, want_, \
					vio_err());                                                \
			failures++;                                                                \
		}                                                                                  \
	} while (0)

static void
check_maps(struct vio_vfio *vfio, uint8_t *mem)
{
	CHECK_EQ(vio_vfio_dma_map(vfio, mem, 2 * PAGE, IOVA), 0);
	CHECK_EQ(vio_vfio_dma_map(vfio, mem + 2 * PAGE, 2 * PAGE, IOVA + 2 * PAGE), 0);
	CHECK_EQ(vio_vfio_dma_map(vfio, mem, PAGE, IOVA + PAGE), -EEXIST);
	/* A part of a map stays. */
	CHECK_EQ(vio_vfio_dma_unmap(vfio, IOVA, PAGE), -EINVAL);
	CHECK_EQ(vio_vfio_dma_map(vfio, mem, PAGE, IOVA), -EEXIST);
	/* The others stay when one goes. */
	CHECK_EQ(vio_vfio_dma_unmap(vfio, IOVA, 2 * PAGE), 0);
	CHECK_EQ(vio_vfio_dma_map(vfio, mem, PAGE, IOVA + 2 * PAGE), -EEXIST);
	CHECK_EQ(vio_vfio_dma_map(vfio, mem, 2 * PAGE, IOVA), 0);
	/* Two at once, and what is not mapped is no error. */
	CHECK_EQ(vio_vfio_dma_unmap(vfio, IOVA, 8 * PAGE), 0);
	CHECK_EQ(vio_vfio_dma_map(vfio, mem, PAGES * PAGE, IOVA), 0);
	CHECK_EQ(vio_vfio_dma_unmap_all(vfio), 0);
	CHECK_EQ(vio_vfio_dma_map(vfio, mem, PAGES * PAGE, IOVA), 0);
}

static void
check_ranges(struct vio_vfio *vfio, uint8_t *mem)
{
	struct vio_iova_range ranges[8];
	const int nb = vio_vfio_iova_ranges(vfio, ranges, 8);

	CHECK_EQ(nb >= 1, 1);
	for (int i = 0; i < nb; i++) {
		CHECK_EQ(ranges[i].last > ranges[i].first, 1);
		CHECK_EQ(i == 0 || ranges[i].first > ranges[i - 1].last + 1, 1);
		CHECK_EQ(vio_vfio_dma_map(vfio, mem, PAGE, ranges[i].last + 1 - PAGE), 0);
		if (ranges[i].last != UINT64_MAX)
			CHECK_EQ(vio_vfio_dma_map(vfio, mem, PAGE, ranges[i].last + 1) != 0, 1);
	}
	CHECK_EQ(vio_vfio_iova_ranges(vfio, ranges, 1), 1);
	CHECK_EQ(vio_vfio_iova_ranges(vfio, ranges, 0), -EINVAL);
}

static void
check_vectors(struct vio_vfio *vfio)
{
	int fds[NB_FDS], other[2], none = -1;

	for (int i = 0; i < NB_FDS; i++)
		fds[i] = eventfd(0, EFD_CLOEXEC);
	if (pipe(other) != 0)
		exit(2);
	CHECK_EQ(vio_vfio_vectors_set(vfio, 0, fds, NB_FDS), 0);
	CHECK_EQ(vio_vfio_vectors_set(vfio, 1, &none, 1), 0);
	CHECK_EQ(vio_vfio_vectors_set(vfio, 1, &fds[0], 1), 0);
	CHECK_EQ(vio_vfio_vectors_set(vfio, 1, &other[1], 1), -EINVAL);
	CHECK_EQ(vio_vfio_vectors_set(vfio, vfio->t.nb_vectors, &fds[0], 1), -EINVAL);
	CHECK_EQ(vio_vfio_vectors_off(vfio), 0);
	CHECK_EQ(vio_vfio_vectors_set(vfio, 0, fds, NB_FDS), 0);
	for (int i = 0; i < NB_FDS; i++)
		close(fds[i]);
	close(other[0]);
	close(other[1]);
}

static void
check_doorbells(struct vio_vfio *vfio)
{
	const struct vio_transport_ops *ops = vfio->t.ops;
	uint64_t at = 0;

	CHECK_EQ(ops->doorbell(&vfio->t, 0) == NULL, 1);
	CHECK_EQ(vio_vfio_doorbell_page(vfio, 0, &at), -ENOTSUP);
	CHECK_EQ(vio_vfio_doorbells_map(vfio), 0);
	CHECK_EQ(vio_vfio_doorbells_map(vfio), 0);
	CHECK_EQ(ops->doorbell(&vfio->t, 0) != NULL, 1);
	CHECK_EQ(ops->doorbell(&vfio->t, (uint32_t)vfio->doorbells_len) == NULL, 1);
	/* Not at the beginning of its page, and behind the last one. */
	CHECK_EQ(vio_vfio_doorbell_page(vfio, 4, &at), -ENOTSUP);
	CHECK_EQ(vio_vfio_doorbell_page(vfio, (uint32_t)vfio->doorbells_len, &at), -ENOTSUP);
	printf("multiplier %u", vfio->t.notify_multiplier);
	for (uint32_t queue = 0; queue < 2; queue++)
		printf(" %s",
				vio_vfio_doorbell_page(vfio, queue * vfio->t.notify_multiplier,
						&at) == 0 ?
						"page" :
						"none");
	printf("\n");
}

int
main(int argc, char **argv)
{
	const char *root = getenv("SYSFS_PCI_DEVICES");
	struct vio_vfio vfio;
	uint8_t *mem;
	int fd;

	if (argc != 3)
		return 2;
	fd = memfd_create("vfio_check", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, PAGES * PAGE) != 0)
		return 2;
	mem = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mem == MAP_FAILED ||
			vio_vfio_open(&vfio, root == NULL ? "/sys/bus/pci/devices" : root, argv[1],
					argv[2]) != 0) {
		fprintf(stderr, "vfio_check: %s\n", vio_err());
		return 2;
	}
	check_maps(&vfio, mem);
	check_ranges(&vfio, mem);
	check_vectors(&vfio);
	check_doorbells(&vfio);
	vio_vfio_close(&vfio);
	CHECK_EQ(vio_vfio_open(&vfio, root == NULL ? "/sys/bus/pci/devices" : root, argv[1],
				 argv[2]),
			0);
	vio_vfio_close(&vfio);
	return failures == 0 ? 0 : 1;
}
