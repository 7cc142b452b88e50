/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A VF behind a guest (vfio/vfio_fn.c), on a VFIO whose answers the test
 * chooses: the linker puts the functions wrap_* below in the place of ioctl()
 * and pf_open(). */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/fixture/vtest.h"
#include "daemon/budget.h"
#include "vsr-bridge/vfio/vfio_fn.h"

#define NB_VECTORS 8
#define PAGE 4096u

/* ---------------------------------------------------------------- VFIO */

static ino_t enabled[NB_VECTORS]; /* Inode of the eventfd of each vector; 0: none. */
static uint32_t nb_enabled;
static uint32_t max_enabled; /* More vectors are refused... */
static int refusal; /* ...with this errno, or with this positive number. */
static unsigned int nb_refusals; /* Refuse this many sets of vectors, whatever they are. */
static unsigned int nb_maps;

static ino_t
inode_of(int fd)
{
	struct stat st;

	return fd >= 0 && fstat(fd, &st) == 0 ? st.st_ino : 0;
}

static int
refuse(void)
{
	if (refusal >= 0)
		return refusal;
	errno = -refusal;
	return -1;
}

/* As vfio-pci: the set is enabled at once, and afterwards vectors of the set
 * can be changed. */
static int
set_irqs(const struct vfio_irq_set *set)
{
	const int32_t *fds = (const int32_t *)(const void *)set->data;

	if (set->index != VFIO_PCI_MSIX_IRQ_INDEX)
		return 0;
	if ((set->flags & VFIO_IRQ_SET_DATA_NONE) != 0 && set->count == 0) {
		memset(enabled, 0, sizeof(enabled));
		nb_enabled = 0;
		return 0;
	}
	if (nb_enabled == 0 && set->start + set->count > max_enabled)
		return refuse();
	if (nb_enabled != 0 && set->start + set->count > nb_enabled) {
		errno = EINVAL;
		return -1;
	}
	if (nb_refusals != 0) {
		nb_refusals--;
		/* vfio_msi_set_block() switches off what it has reached. */
		memset(&enabled[set->start], 0, set->count * sizeof(enabled[0]));
		return refuse();
	}
	if (nb_enabled == 0)
		nb_enabled = set->count;
	for (uint32_t i = 0; i < set->count; i++)
		enabled[set->start + i] = inode_of(fds[i]);
	return 0;
}

int wrap_ioctl(int fd, unsigned long request, ...) VTEST_WRAP(ioctl);

int
wrap_ioctl(int fd, unsigned long request, ...)
{
	va_list args;
	void *arg;

	(void)fd;
	va_start(args, request);
	arg = va_arg(args, void *);
	va_end(args);
	switch (request) {
	case VFIO_DEVICE_GET_REGION_INFO:
		((struct vfio_region_info *)arg)->size = 0;
		return 0;
	case VFIO_DEVICE_GET_IRQ_INFO: {
		struct vfio_irq_info *info = arg;

		info->count = info->index == VFIO_PCI_MSIX_IRQ_INDEX ? NB_VECTORS : 0;
		return 0;
	}
	case VFIO_DEVICE_SET_IRQS:
		return set_irqs(arg);
	case VFIO_IOMMU_MAP_DMA:
		nb_maps++;
		return 0;
	case VFIO_IOMMU_UNMAP_DMA:
		nb_maps--;
		return 0;
	default:
		return 0;
	}
}

int wrap_pf_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
		struct vio_vfio *vfio, struct err *err) VTEST_WRAP(pf_open);

int
wrap_pf_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
		struct vio_vfio *vfio, struct err *err)
{
	(void)host, (void)fn, (void)token, (void)err;
	memset(vfio, 0, sizeof(*vfio));
	vfio->container = memfd_create("container", MFD_CLOEXEC);
	vfio->group = memfd_create("group", MFD_CLOEXEC);
	vfio->device = memfd_create("device", MFD_CLOEXEC);
	return 0;
}

/* ---------------------------------------------------------------- the VF */

static struct vfio_fn *vf;
static struct vpci_backend backend;

static void
vf_open(void)
{
	const struct sysfs_fn fn = { .bdf = "0000:01:00.1" };
	struct err err;

	memset(enabled, 0, sizeof(enabled));
	nb_enabled = nb_refusals = nb_maps = 0;
	max_enabled = NB_VECTORS;
	VTEST_EQ(vfio_fn_open(NULL, &fn, NULL, &vf, &err), 0);
	backend = vfio_fn_backend(vf);
	VTEST_EQ(backend.info.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count, NB_VECTORS);
}

static int
set_vectors(uint32_t start, uint32_t count, const int *fds)
{
	return backend.ops->irq_set_fds(backend.dev, VFIO_PCI_MSIX_IRQ_INDEX, start, count, fds);
}

/* ---------------------------------------------------------------- vectors */

static int events[NB_VECTORS];

static void
events_make(void)
{
	for (unsigned int i = 0; i < NB_VECTORS; i++) {
		events[i] = memfd_create("event", MFD_CLOEXEC);
		VTEST(events[i] >= 0);
	}
}

static void
events_close(void)
{
	for (unsigned int i = 0; i < NB_VECTORS; i++)
		close(events[i]);
}

/* The first nb vectors are enabled, with the events of these numbers; -1: none.
 */
static void
check_vectors(uint32_t nb, const int *numbers)
{
	VTEST_EQ(nb_enabled, nb);
	for (uint32_t i = 0; i < nb; i++)
		VTEST_EQ(enabled[i], numbers[i] < 0 ? 0 : inode_of(events[numbers[i]]));
}

static int
nb_files(void)
{
	int nb = 0;

	for (int fd = 0; fd < 1024; fd++)
		nb += fcntl(fd, F_GETFD) >= 0;
	return nb;
}

static void
vectors_are_added_and_replaced(void)
{
	const int none = -1;

	events_make();
	vf_open();
	VTEST_EQ(set_vectors(0, 2, events), 0);
	check_vectors(2, (int[]){ 0, 1 });
	VTEST_EQ(set_vectors(3, 1, &events[3]), 0);
	check_vectors(4, (int[]){ 0, 1, -1, 3 });
	VTEST_EQ(set_vectors(1, 1, &events[5]), 0);
	check_vectors(4, (int[]){ 0, 5, -1, 3 });
	VTEST_EQ(set_vectors(3, 1, &none), 0);
	check_vectors(4, (int[]){ 0, 5, -1, -1 });
	vfio_fn_close(vf);
	events_close();
}

/* A larger set needs that all vectors are off for a moment: they must come
 * back. */
static void
a_refused_larger_set_leaves_the_vectors_before(void)
{
	static const int refusals[] = { -ENOSPC, 3 };
	int files;

	events_make();
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		vf_open();
		refusal = refusals[i];
		max_enabled = 4;
		VTEST_EQ(set_vectors(0, 3, events), 0);
		files = nb_files();
		VTEST_EQ(set_vectors(2, 4, &events[4]), -ENOSPC);
		check_vectors(3, (int[]){ 0, 1, 2 });
		VTEST_EQ(nb_files(), files);
		/* The guest goes on with what it has, and with what is left. */
		VTEST_EQ(set_vectors(1, 1, &events[7]), 0);
		check_vectors(3, (int[]){ 0, 7, 2 });
		VTEST_EQ(set_vectors(3, 1, &events[3]), 0);
		check_vectors(4, (int[]){ 0, 7, 2, 3 });
		vfio_fn_close(vf);
	}
	events_close();
}

static void
a_refused_vector_leaves_the_one_before(void)
{
	events_make();
	vf_open();
	refusal = -EBUSY;
	VTEST_EQ(set_vectors(0, 3, events), 0);
	nb_refusals = 1;
	VTEST_EQ(set_vectors(1, 2, &events[5]), -EBUSY);
	check_vectors(3, (int[]){ 0, 1, 2 });
	/* Nothing can be enabled any more: the next set that is accepted has them
   * all. */
	nb_refusals = 2;
	VTEST_EQ(set_vectors(3, 1, &events[3]), -EBUSY);
	VTEST_EQ(nb_enabled, 0);
	VTEST_EQ(set_vectors(1, 1, &events[6]), 0);
	check_vectors(3, (int[]){ 0, 6, 2 });
	vfio_fn_close(vf);
	events_close();
}

/* ---------------------------------------------------------------- memory */

static int
map(int fd)
{
	return backend.ops->dma_map(backend.dev, 0x10000, PAGE, PROT_READ, fd, 0);
}

/* The pages of another file may come from a file system of the guest, which
 * need not answer. */
static void
only_memory_files_are_mapped(void)
{
	const int memory = memfd_create("guest", MFD_CLOEXEC);
	const int other = open("/dev/zero", O_RDWR | O_CLOEXEC);

	vf_open();
	VTEST(memory >= 0 && ftruncate(memory, PAGE) == 0 && other >= 0);
	VTEST_EQ(map(other), -EINVAL);
	VTEST_EQ(nb_maps, 0);
	VTEST_EQ(map(memory), 0);
	VTEST_EQ(nb_maps, 1);
	VTEST_EQ(backend.ops->dma_unmap(backend.dev, 0x10000, PAGE), 0);
	VTEST_EQ(nb_maps, 0);
	vfio_fn_close(vf);
	close(memory);
	close(other);
}

int
main(int argc, char **argv)
{
	static const struct vtest_case cases[] = {
		{ "vectors_are_added_and_replaced", vectors_are_added_and_replaced },
		{ "a_refused_larger_set_leaves_the_vectors_before",
				a_refused_larger_set_leaves_the_vectors_before },
		{ "a_refused_vector_leaves_the_one_before",
				a_refused_vector_leaves_the_one_before },
		{ "only_memory_files_are_mapped", only_memory_files_are_mapped },
	};

	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
