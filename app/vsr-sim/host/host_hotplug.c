/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Functions are added to and removed from the bus; the host is created and destroyed. */

#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/base_clock.h"

#include "core/host_cfg.h"
#include "core/host_fn.h"
#include "core/host_lock.h"
#include "driver/host_driver.h"
#include "driver/host_sriov.h"
#include "function/host_files.h"
#include "function/host_pci.h"

/* Addresses for BARs: far above any RAM. */
#define MEMORY_WINDOW UINT64_C(0x382000000000)
#define PORT_WINDOW 0xc000

/* ---------------------------------------------------------------- host */

static void *
reaper_main(void *arg)
{
	struct host *host = arg;
	struct timespec until;

	host_lock(host, false);
	while (!host->quit) {
		bool any = host_files_reap(host);

		/* A file may have been opened while host->lock was released. */
		any |= host_drop_remote(host);
		if (!any) {
			pthread_cond_wait(&host->wake, &host->lock);
			continue;
		}
		until = base_deadline(HOST_REAP_MS);
		pthread_cond_timedwait(&host->wake, &host->lock, &until);
	}
	host_unlock(host);
	return NULL;
}

struct host *
host_create(void)
{
	struct host *host = calloc(1, sizeof(*host));
	pthread_condattr_t attr;
	sigset_t all, old;
	struct stat st;
	int fd, ret;

	if (host == NULL)
		return NULL;
	fd = host_memfile("vsr-host");
	if (fd < 0 || fstat(fd, &st) != 0) {
		ret = errno;
		if (fd >= 0)
			close(fd);
		free(host);
		errno = ret;
		return NULL;
	}
	close(fd);
	host->mem_dev = st.st_dev;
	host->next_address = MEMORY_WINDOW;
	host->next_port = PORT_WINDOW;
	host->next_byte = (off_t)1 << 62;
	pthread_mutex_init(&host->remote_lock, NULL);
	pthread_mutex_init(&host->lock, NULL);
	pthread_mutex_init(&host->sriov_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&host->wake, &attr);
	pthread_condattr_destroy(&attr);

	/* Signals are handled by the threads of the caller. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&host->reaper, NULL, reaper_main, host);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret != 0) {
		free(host);
		errno = ret;
		return NULL;
	}
	return host;
}

static void
fn_free(struct host_fn *fn)
{
	vuser_client_close(fn->client);
	if (fn->mem_fd >= 0)
		close(fn->mem_fd);
	free(fn);
}

/* Remove a function from the bus, also while programs have it open. */
static void
fn_drop(struct host *host, struct host_fn *fn)
{
	host_files_cut(host, fn);
	for (size_t i = 0; i < host->nb_fns; i++) {
		if (host->fns[i] == fn) {
			host->nb_fns--;
			memmove(&host->fns[i], &host->fns[i + 1],
					(host->nb_fns - i) * sizeof(host->fns[0]));
			break;
		}
	}
	fn_free(fn);
}

void
host_destroy(struct host *host)
{
	if (host == NULL)
		return;
	pthread_mutex_lock(&host->lock);
	host->quit = true;
	pthread_cond_broadcast(&host->wake);
	pthread_mutex_unlock(&host->lock);
	pthread_join(host->reaper, NULL);

	/* VFs first, then their PF. */
	host_lock(host, true);
	for (size_t i = host->nb_fns; i > 0; i--)
		if (host->fns[i - 1]->pf != NULL)
			fn_drop(host, host->fns[i - 1]);
	while (host->nb_fns > 0)
		fn_drop(host, host->fns[0]);
	host_files_free(host);
	host_unlock(host);
	pthread_cond_destroy(&host->wake);
	pthread_mutex_destroy(&host->remote_lock);
	pthread_mutex_destroy(&host->sriov_lock);
	pthread_mutex_destroy(&host->lock);
	free(host);
}

void
host_server_process(struct host *host, struct vuser_server *server)
{
	pthread_mutex_lock(&host->lock);
	vuser_server_process(server);
	pthread_mutex_unlock(&host->lock);
}

/* ---------------------------------------------------------------- functions */

/*
 * Keep the memory file of a region that can be mapped, which must be the only one of the function
 * (first: its inode, 0 before it is found).
 * @return 0 or -ENOTSUP.
 */
static int
region_memory(struct host *host, struct host_fn *fn, unsigned int r, struct stat *first)
{
	struct vuser_region *region = &fn->regions[r];
	const int fd = region->fd;
	struct stat st;

	region->fd = -1;
	if (fd < 0 || fn->remote != NULL) {
		/* The preload traps accesses to memory files of this process only. Registers of a
		 * function of another process are accessed by system calls. */
		region->flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
		if (fd >= 0)
			close(fd);
		return 0;
	}
	if (fstat(fd, &st) == 0 && st.st_dev == host->mem_dev &&
			region->fd_offset == (uint64_t)r << 40 &&
			(first->st_ino == 0 || st.st_ino == first->st_ino)) {
		if (first->st_ino == 0)
			fn->mem_fd = fd;
		else
			close(fd);
		*first = st;
		return 0;
	}
	close(fd);
	host_log(fn->bdf,
			"region %u can be mapped, but not at offset %u << 40 of the function's only "
			"memory file, as VFIO requires: function not added",
			r, r);
	return -ENOTSUP;
}

/* Find the memory file that programs get, or create a file of which nothing can be mapped. */
static int
fn_memory(struct host *host, struct host_fn *fn)
{
	struct stat first = { .st_ino = 0 };
	int ret = 0;

	for (unsigned int r = 0; r < HOST_NB_REGIONS; r++) {
		const int one = region_memory(host, fn, r, &first);

		ret = ret != 0 ? ret : one;
	}
	if (ret != 0)
		return ret;
	if (fn->mem_fd < 0) {
		fn->mem_fd = host_memfile(fn->bdf);
		if (fn->mem_fd < 0 || fstat(fn->mem_fd, &first) != 0)
			return -errno;
	}
	fn->mem_ino = first.st_ino;
	return 0;
}

/* Read the ids of a function from its registers. */
static void
fn_identify(struct host_fn *fn)
{
	const uint32_t id = host_cfg_read(fn, PCI_CFG_VENDOR_ID, 4);
	const uint32_t class = host_cfg_read(fn, PCI_CFG_REVISION, 4);
	const uint32_t subsys = host_cfg_read(fn, PCI_CFG_SUBSYS_VENDOR_ID, 4);

	fn->ids = (struct host_ids){ .vendor = id & 0xffff,
		.device = id >> 16,
		.subsys_vendor = subsys & 0xffff,
		.subsys = subsys >> 16,
		.revision = class & 0xff,
		.class_code = class >> 8 };
}

static int
fn_connect(struct host *host, struct host_fn *fn, struct vuser_server *server, const char *path)
{
	int ret = host_fn_connect(fn, server, path);

	/* Regions that were read before an error have descriptors too. */
	if (ret == 0)
		ret = fn_memory(host, fn);
	else
		for (unsigned int r = 0; r < HOST_NB_REGIONS; r++)
			if (fn->regions[r].fd >= 0)
				close(fn->regions[r].fd);
	if (ret == 0)
		ret = host_pci_setup(host, fn);
	return ret;
}

int
host_fn_add(struct host *host, const char *bdf, const char *pf_bdf, uint16_t vf_index,
		const struct host_ids *ids, struct vuser_server *server, const char *path)
{
	struct host_fn *fn;
	size_t at = 0;
	uint32_t key;
	int ret;

	if (host_bdf_key(bdf, &key) != 0 || (server == NULL) == (path == NULL))
		return -EINVAL;
	fn = calloc(1, sizeof(*fn));
	if (fn == NULL)
		return -ENOMEM;
	snprintf(fn->bdf, sizeof(fn->bdf), "%s", bdf);
	fn->key = key;
	if (ids != NULL)
		fn->ids = *ids;
	fn->vf_index = vf_index;
	fn->remote = path != NULL ? host : NULL;
	fn->mem_fd = fn->group_fd = fn->req_fd = fn->err_fd = -1;
	for (unsigned int r = 0; r < HOST_NB_REGIONS; r++)
		fn->regions[r].fd = -1;

	host_lock(host, path != NULL);
	if (pf_bdf != NULL)
		fn->pf = host_find(host, pf_bdf);
	if (host_find(host, bdf) != NULL)
		ret = -EEXIST;
	else if (pf_bdf != NULL && fn->pf == NULL)
		ret = -ENODEV;
	else
		ret = fn_connect(host, fn, server, path);
	if (ret == 0 && ids == NULL)
		fn_identify(fn);
	/* host->lock may have been released: check again. */
	if (ret == 0 && host_find(host, bdf) != NULL)
		ret = -EEXIST;
	if (ret == 0 && host->nb_fns == HOST_MAX_FNS)
		ret = -ENOSPC;
	if (ret != 0) {
		fn_free(fn);
		host_unlock(host);
		return ret;
	}
	fn->group = host_free_group(host);
	while (at < host->nb_fns && host->fns[at]->key < key)
		at++;
	memmove(&host->fns[at + 1], &host->fns[at], (host->nb_fns - at) * sizeof(host->fns[0]));
	host->fns[at] = fn;
	host->nb_fns++;
	if (fn->pf == NULL || fn->pf->driver == HOST_DRIVER_VFIO_PCI)
		snprintf(fn->driver_override, sizeof(fn->driver_override), "%s",
				host_driver_name(HOST_DRIVER_VFIO_PCI));
	host_driver_probe(host, fn);
	host_unlock(host);
	return 0;
}

int
host_fn_remove(struct host *host, const char *bdf)
{
	struct host_fn *fn;
	bool is_pf, remote;
	int ret = 0;

	fn = host_lock_fn(host, bdf);
	if (fn == NULL || fn->removing) {
		host_unlock(host);
		return fn == NULL ? -ENODEV : -EBUSY;
	}
	fn->removing = true;
	is_pf = fn->sriov_cap != 0;
	remote = fn->remote != NULL;
	/* Request all functions at once, so that their timeouts run in parallel. */
	host_request_release(fn);
	host_sriov_set_closing(host, fn, true);
	for (struct host_fn *vf = NULL; (vf = host_next_vf(host, fn, vf)) != NULL;)
		host_request_release(vf);
	host_unlock(host);

	if (is_pf) {
		pthread_mutex_lock(&host->sriov_lock);
		if (fn->sriov_numvfs != 0)
			ret = host_sriov_remove_vfs(host, bdf);
		pthread_mutex_unlock(&host->sriov_lock);
		if (ret != 0)
			host_log(bdf, "cannot remove its VFs: %s", strerror(-ret));
	}
	host_lock(host, remote);
	if (!host_wait_unused(host, fn))
		host_log(bdf, "still open %u s after the request to release it: closed by force",
				HOST_REMOVE_MS / 1000);
	for (struct host_fn *vf = NULL; (vf = host_next_vf(host, fn, vf)) != NULL;)
		vf->pf = NULL;
	fn_drop(host, fn);
	host_unlock(host);
	return 0;
}

int
host_fn_info(struct host *host, const char *bdf, struct host_fn_info *out)
{
	struct host_fn *fn;

	pthread_mutex_lock(&host->lock);
	fn = host_find(host, bdf);
	if (fn == NULL) {
		pthread_mutex_unlock(&host->lock);
		return -ENODEV;
	}
	/* A reader of sysfs must not wait for another process: the reaper handles its functions. */
	if (fn->remote == NULL)
		host_fn_in_use(host, fn);
	memset(out, 0, sizeof(*out));
	memcpy(out->bdf, fn->bdf, sizeof(out->bdf));
	if (fn->pf != NULL)
		memcpy(out->pf_bdf, fn->pf->bdf, sizeof(out->pf_bdf));
	out->vf_index = fn->vf_index;
	out->ids = fn->ids;
	out->group = fn->group;
	out->driver = fn->driver;
	memcpy(out->driver_override, fn->driver_override, sizeof(out->driver_override));
	out->has_sriov = fn->sriov_cap != 0;
	out->sriov_autoprobe = !fn->no_autoprobe;
	out->sriov_totalvfs = fn->sriov_totalvfs;
	out->sriov_numvfs = fn->sriov_numvfs;
	out->sriov_offset = fn->sriov_offset;
	out->sriov_stride = fn->sriov_stride;
	out->sriov_vf_device = fn->sriov_vf_device;
	for (unsigned int i = 0; i < 6; i++) {
		const struct host_bar *bar = &fn->bars[i];

		if (bar->size == 0)
			continue;
		out->bar_start[i] = bar->start;
		out->bar_size[i] = bar->size;
		/* IORESOURCE_SIZEALIGN, then IORESOURCE_IO, or _MEM with _MEM_64 and _PREFETCH. */
		out->bar_flags[i] = 0x40000 | bar->bits;
		if (bar->bits & 1)
			out->bar_flags[i] |= 0x100;
		else
			out->bar_flags[i] |= 0x200 | ((bar->bits & 4) != 0 ? 0x100000 : 0) |
					((bar->bits & 8) != 0 ? 0x2000 : 0);
	}
	out->nb_open = fn->nb_open;
	out->remote = fn->remote != NULL;
	pthread_mutex_unlock(&host->lock);
	return 0;
}
