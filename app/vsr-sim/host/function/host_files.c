/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Open files of programs (containers, groups, devices), and their last close.
 *
 * Rules and errno values are those of drivers/vfio in Linux 6.1.
 */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "base/base_clock.h"

#include "../core/host_cfg.h"
#include "../core/host_irq.h"
#include "../core/host_lock.h"
#include "host_files.h"
#include "host_pci.h"

int
host_memfile(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, (off_t)HOST_NB_REGIONS << 40) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---------------------------------------------------------------- open file descriptions */

int
host_open_new(struct host *host, int watch, struct host_open *open_file)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", watch);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* Skip a byte that a program has locked itself. */
	for (unsigned int tries = 0; tries < 16; tries++) {
		lock.l_start = host->next_byte++;
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			open_file->byte = lock.l_start;
			pthread_cond_broadcast(&host->wake);
			return fd;
		}
	}
	close(fd);
	return -EBUSY;
}

static bool
open_alive(int watch, const struct host_open *open_file)
{
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_len = 1,
		.l_start = open_file->byte };

	return fcntl(watch, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---------------------------------------------------------------- last closes */

/* As vfio_pci_core_disable(): stop interrupts and DMA, then reset, which restores SR-IOV. */
static void
device_last_close(struct host *host, struct host_fn *fn)
{
	uint16_t command;

	host_irq_disable_all(fn);
	command = host_cfg_read(fn, PCI_CFG_COMMAND, 2);
	host_cfg_write(fn, PCI_CFG_COMMAND, 2, command & ~PCI_COMMAND_BUS_MASTER);
	host_pci_reset(host, fn);
}

void
host_container_detach(struct host *host, struct host_container *container, struct host_fn *fn)
{
	if (container->iommu != 0)
		host_iommu_detach(container, fn);
	fn->container = NULL;
	container->nb_remote -= fn->remote != NULL;
	/* Without groups a container has no IOMMU: a program can choose one again. */
	if (--container->nb_groups == 0) {
		host_iommu_free(host, container);
		container->iommu = 0;
	}
}

static void
group_last_close(struct host *host, struct host_fn *fn)
{
	if (fn->container != NULL)
		host_container_detach(host, fn->container, fn);
	close(fn->group_fd);
	fn->group_fd = -1;
}

bool
host_fn_in_use(struct host *host, struct host_fn *fn)
{
	const unsigned int before = fn->nb_open;

	for (unsigned int i = 0; i < fn->nb_open;) {
		if (open_alive(fn->mem_fd, &fn->opens[i]))
			i++;
		else
			fn->opens[i] = fn->opens[--fn->nb_open];
	}
	if (before != 0 && fn->nb_open == 0)
		device_last_close(host, fn);
	/* An open device keeps its group open, also after the group's own descriptor was closed. */
	if (fn->group_fd >= 0 && fn->nb_open == 0 && !open_alive(fn->group_fd, &fn->group_open))
		group_last_close(host, fn);
	return fn->nb_open != 0;
}

bool
host_files_reap(struct host *host)
{
	bool any = false;

	for (struct host_fn *fn = NULL; (fn = host_next(host, fn)) != NULL;) {
		if ((fn->nb_open != 0 || fn->group_fd >= 0) &&
				(fn->remote == NULL || host_try_remote(host)))
			host_fn_in_use(host, fn);
		any |= fn->nb_open != 0 || fn->group_fd >= 0;
	}
	for (struct host_container **at = &host->containers; *at != NULL;) {
		struct host_container *container = *at;

		/* Groups keep their container, also after its descriptor was closed. */
		if (container->nb_groups != 0 || open_alive(container->fd, &container->open)) {
			at = &container->next;
			any = true;
			continue;
		}
		*at = container->next;
		host_iommu_free(host, container);
		close(container->fd);
		free(container);
	}
	return any;
}

void
host_files_cut(struct host *host, struct host_fn *fn)
{
	if (fn->nb_open != 0) {
		fn->nb_open = 0;
		device_last_close(host, fn);
	}
	if (fn->group_fd >= 0)
		group_last_close(host, fn);
}

void
host_files_free(struct host *host)
{
	while (host->containers != NULL) {
		struct host_container *container = host->containers;

		host->containers = container->next;
		host_iommu_free(host, container);
		close(container->fd);
		free(container);
	}
}

struct host_object
host_lookup(struct host *host, ino_t ino)
{
	struct host_object object = { .kind = HOST_KIND_NONE };

	for (size_t i = 0; i < host->nb_fns; i++) {
		struct host_fn *fn = host->fns[i];

		if (fn->mem_ino == ino && fn->nb_open != 0)
			object.kind = HOST_KIND_DEVICE;
		else if (fn->group_fd >= 0 && fn->group_ino == ino)
			object.kind = HOST_KIND_GROUP;
		else
			continue;
		object.fn = fn;
		return object;
	}
	for (struct host_container *c = host->containers; c != NULL; c = c->next)
		if (c->ino == ino) {
			object.kind = HOST_KIND_CONTAINER;
			object.container = c;
		}
	return object;
}

/* ---------------------------------------------------------------- waiting for the last close */

void
host_request_release(struct host_fn *fn)
{
	if (fn->requested_ms == 0)
		fn->requested_ms = base_now_ms();
	if (fn->req_fd >= 0)
		host_irq_signal(fn->req_fd);
}

bool
host_wait_unused(struct host *host, struct host_fn *fn)
{
	const struct timespec step = { .tv_nsec = 5000000 };
	bool unused;

	for (unsigned int n = 0;; n++) {
		unused = !host_fn_in_use(host, fn);
		if (unused ||
				(fn->requested_ms != 0 &&
						base_now_ms() - fn->requested_ms >= HOST_REMOVE_MS))
			break;
		/* Repeat once a second, for a program that was too busy to read the first one. */
		if (n % 200 == 0)
			host_request_release(fn);
		host_pause(host, &step);
	}
	fn->requested_ms = 0;
	return unused;
}
