/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A VF behind a guest (guest/vfio_fn.c), on a VFIO whose answers the test chooses: the linker puts
 * the functions __wrap_* below in the place of ioctl() and pf_open(). */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "vsrd/guest/budget.h"
#include "vsrd/guest/vfio_fn.h"
#include "test/fixture/vtest.h"

#define NB_VECTORS 8
#define PAGE 4096u

/* ---------------------------------------------------------------- VFIO */

static unsigned int nb_maps;

int __wrap_ioctl(int fd, unsigned long request, ...);

int
__wrap_ioctl(int fd, unsigned long request, ...)
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

int __wrap_pf_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
		struct vio_vfio *vfio, struct err *err);

int
__wrap_pf_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
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

	nb_maps = 0;
	VTEST_EQ(vfio_fn_open(NULL, &fn, NULL, &vf, &err), 0);
	backend = vfio_fn_backend(vf);
	VTEST_EQ(backend.info.irqs[VFIO_PCI_MSIX_IRQ_INDEX].count, NB_VECTORS);
}

/* ---------------------------------------------------------------- memory */

static int
map(int fd)
{
	return backend.ops->dma_map(backend.dev, 0x10000, PAGE, PROT_READ, fd, 0);
}

/* The pages of another file may come from a file system of the guest, which need not answer. */
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
		{ "only_memory_files_are_mapped", only_memory_files_are_mapped },
	};

	return vtest_main(argc, argv, cases, sizeof(cases) / sizeof(cases[0]));
}
