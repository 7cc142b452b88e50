/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Drivers of the simulated kernel: which driver binds to a function, and the files of sysfs about
 * it.
 *
 * As Linux' drivers/base/bus.c, drivers/base/dd.c and drivers/pci/pci-driver.c.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "../core/host_lock.h"
#include "../function/host_files.h"
#include "../function/host_token.h"
#include "host_driver.h"
#include "host_sriov.h"

static const char *const driver_names[] = {
	[HOST_DRIVER_VFIO_PCI] = "vfio-pci",
	[HOST_DRIVER_VIRTIO_PCI] = "virtio-pci",
};

const char *
host_driver_name(enum host_driver driver)
{
	return driver == HOST_DRIVER_NONE ? NULL : driver_names[driver];
}

int
host_driver_find(const char *name)
{
	for (int d = HOST_DRIVER_VFIO_PCI; d <= HOST_DRIVER_VIRTIO_PCI; d++)
		if (strcmp(name, driver_names[d]) == 0)
			return d;
	return -EINVAL;
}

/* ---------------------------------------------------------------- drivers */

/* Whether a driver matches a function: driver_override names the only driver that may. */
static bool
driver_matches(const struct host *host, const struct host_fn *fn, enum host_driver driver)
{
	if (fn->driver_override[0] != '\0')
		return strcmp(fn->driver_override, driver_names[driver]) == 0;
	if (fn->pf != NULL && fn->pf->no_autoprobe)
		return false;
	for (unsigned int i = 0; i < host->nb_ids; i++)
		if (host->ids[i].driver == driver && host->ids[i].vendor == fn->ids.vendor &&
				host->ids[i].device == fn->ids.device)
			return true;
	return driver == HOST_DRIVER_VIRTIO_PCI && fn->ids.vendor == VIRTIO_PCI_VENDOR_ID;
}

static int
driver_attach(struct host *host, struct host_fn *fn, enum host_driver driver)
{
	if (fn->driver != HOST_DRIVER_NONE)
		return -EBUSY;
	if (driver == HOST_DRIVER_VFIO_PCI) {
		/* vfio-pci cannot control VFs that were created before. */
		if (fn->sriov_numvfs != 0)
			return -EBUSY;
		if (fn->sriov_cap != 0)
			host_token_new(fn->vf_token);
	}
	fn->driver = driver;
	return 0;
}

void
host_driver_probe(struct host *host, struct host_fn *fn)
{
	for (int d = HOST_DRIVER_VFIO_PCI; d <= HOST_DRIVER_VIRTIO_PCI; d++)
		if (fn->driver == HOST_DRIVER_NONE && driver_matches(host, fn, d))
			driver_attach(host, fn, d);
}

/* ---------------------------------------------------------------- writes to sysfs */

int
host_driver_bind(struct host *host, const char *bdf, enum host_driver driver)
{
	struct host_fn *fn;
	int ret = -ENODEV;

	pthread_mutex_lock(&host->lock);
	fn = host_find(host, bdf);
	if (fn != NULL && !fn->removing && driver != HOST_DRIVER_NONE &&
			driver_matches(host, fn, driver))
		ret = driver_attach(host, fn, driver);
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_driver_unbind(struct host *host, const char *bdf, enum host_driver driver)
{
	struct host_fn *fn;
	bool vfs, remote;
	int ret = 0;

	pthread_mutex_lock(&host->sriov_lock);
	fn = host_lock_fn(host, bdf);
	if (fn == NULL || fn->driver != driver || driver == HOST_DRIVER_NONE)
		ret = -ENODEV;
	else if (fn->removing || host_sriov_any_open(host, fn))
		ret = -EBUSY;
	if (ret != 0) {
		host_unlock(host);
		pthread_mutex_unlock(&host->sriov_lock);
		return ret;
	}
	fn->removing = true;
	remote = fn->remote != NULL;
	host_sriov_set_closing(host, fn, true);
	vfs = fn->sriov_numvfs != 0;
	host_unlock(host);
	if (vfs)
		ret = host_sriov_remove_vfs(host, bdf);
	pthread_mutex_unlock(&host->sriov_lock);

	host_lock(host, remote);
	if (ret == 0 && host_wait_unused(host, fn)) {
		/* A group without an open device ends with the driver. */
		host_files_cut(host, fn);
		fn->driver = HOST_DRIVER_NONE;
	} else if (ret == 0) {
		ret = -EBUSY;
	}
	fn->removing = false;
	host_unlock(host);
	return ret;
}

int
host_driver_override_set(struct host *host, const char *bdf, const char *name)
{
	struct host_fn *fn;
	int ret = 0;

	if (strcmp(name, "(null)") == 0)
		name = "";
	pthread_mutex_lock(&host->lock);
	fn = host_find(host, bdf);
	if (fn == NULL)
		ret = -ENODEV;
	else if (strlen(name) >= sizeof(fn->driver_override))
		ret = -EINVAL;
	else
		snprintf(fn->driver_override, sizeof(fn->driver_override), "%s", name);
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_drivers_probe(struct host *host, const char *bdf)
{
	struct host_fn *fn;

	pthread_mutex_lock(&host->lock);
	fn = host_find(host, bdf);
	if (fn != NULL && !fn->removing)
		host_driver_probe(host, fn);
	pthread_mutex_unlock(&host->lock);
	return fn == NULL ? -ENODEV : 0;
}

int
host_driver_new_id(struct host *host, enum host_driver driver, uint16_t vendor, uint16_t device)
{
	int ret = 0;

	if (driver == HOST_DRIVER_NONE)
		return -EINVAL;
	pthread_mutex_lock(&host->lock);
	for (unsigned int i = 0; i < host->nb_ids; i++)
		if (host->ids[i].driver == driver && host->ids[i].vendor == vendor &&
				host->ids[i].device == device)
			ret = -EEXIST;
	if (ret == 0 && host->nb_ids == HOST_MAX_IDS)
		ret = -ENOMEM;
	if (ret == 0) {
		host->ids[host->nb_ids++] = (struct host_id_match){ driver, vendor, device };
		for (size_t i = 0; i < host->nb_fns; i++)
			if (!host->fns[i]->removing && driver_matches(host, host->fns[i], driver))
				driver_attach(host, host->fns[i], driver);
	}
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_driver_remove_id(struct host *host, enum host_driver driver, uint16_t vendor, uint16_t device)
{
	int ret = -ENODEV;

	pthread_mutex_lock(&host->lock);
	for (unsigned int i = 0; i < host->nb_ids; i++) {
		if (host->ids[i].driver != driver || host->ids[i].vendor != vendor ||
				host->ids[i].device != device)
			continue;
		host->ids[i] = host->ids[--host->nb_ids];
		ret = 0;
		break;
	}
	pthread_mutex_unlock(&host->lock);
	return ret;
}
