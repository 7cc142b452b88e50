/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * Drivers of the simulated kernel: which function they take, and what sysfs lets a person say
 * about it. As Linux' drivers/base/bus.c, dd.c and drivers/pci/pci-driver.c.
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

/* Whether a driver takes the function: an override names the only one that may. */
static bool
driver_matches(const struct host *host, const struct host_dev *dev, enum host_driver driver)
{
	if (dev->driver_override[0] != '\0')
		return strcmp(dev->driver_override, driver_names[driver]) == 0;
	if (dev->pf != NULL && dev->pf->no_autoprobe)
		return false;
	for (unsigned int i = 0; i < host->nb_ids; i++)
		if (host->ids[i].driver == driver && host->ids[i].vendor == dev->ids.vendor &&
				host->ids[i].device == dev->ids.device)
			return true;
	return driver == HOST_DRIVER_VIRTIO_PCI && dev->ids.vendor == VIRTIO_PCI_VENDOR_ID;
}

static int
driver_attach(struct host *host, struct host_dev *dev, enum host_driver driver)
{
	if (dev->driver != HOST_DRIVER_NONE)
		return -EBUSY;
	if (driver == HOST_DRIVER_VFIO_PCI) {
		/* vfio-pci cannot tell who uses VFs that are there already. */
		if (dev->sriov_numvfs != 0)
			return -EBUSY;
		if (dev->sriov_cap != 0)
			host_token_new(dev->vf_token);
	}
	dev->driver = driver;
	return 0;
}

void
host_driver_probe(struct host *host, struct host_dev *dev)
{
	for (int d = HOST_DRIVER_VFIO_PCI; d <= HOST_DRIVER_VIRTIO_PCI; d++)
		if (dev->driver == HOST_DRIVER_NONE && driver_matches(host, dev, d))
			driver_attach(host, dev, d);
}

/* ---------------------------------------------------------------- writes to sysfs */

int
host_driver_bind(struct host *host, const char *bdf, enum host_driver driver)
{
	struct host_dev *dev;
	int ret = -ENODEV;

	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev != NULL && !dev->removing && driver != HOST_DRIVER_NONE &&
			driver_matches(host, dev, driver))
		ret = driver_attach(host, dev, driver);
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_driver_unbind(struct host *host, const char *bdf, enum host_driver driver)
{
	struct host_dev *dev;
	bool vfs, remote;
	int ret = 0;

	pthread_mutex_lock(&host->sriov_lock);
	dev = host_lock_dev(host, bdf);
	if (dev == NULL || dev->driver != driver || driver == HOST_DRIVER_NONE)
		ret = -ENODEV;
	else if (dev->removing || host_any_vf_open(host, dev))
		ret = -EBUSY;
	if (ret != 0) {
		host_unlock(host);
		pthread_mutex_unlock(&host->sriov_lock);
		return ret;
	}
	dev->removing = true;
	remote = dev->remote != NULL;
	host_vfs_closing(host, dev, true);
	vfs = dev->sriov_numvfs != 0;
	host_unlock(host);
	if (vfs)
		ret = host_vfs_off(host, bdf);
	pthread_mutex_unlock(&host->sriov_lock);

	host_lock(host, remote);
	if (ret == 0 && host_wait_unused(host, dev)) {
		/* A group of which no device is open is let go with the driver. */
		host_vfio_cut(host, dev);
		dev->driver = HOST_DRIVER_NONE;
	} else if (ret == 0) {
		ret = -EBUSY;
	}
	dev->removing = false;
	host_unlock(host);
	return ret;
}

int
host_driver_override_set(struct host *host, const char *bdf, const char *name)
{
	struct host_dev *dev;
	int ret = 0;

	if (strcmp(name, "(null)") == 0)
		name = "";
	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev == NULL)
		ret = -ENODEV;
	else if (strlen(name) >= sizeof(dev->driver_override))
		ret = -EINVAL;
	else
		snprintf(dev->driver_override, sizeof(dev->driver_override), "%s", name);
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_drivers_probe(struct host *host, const char *bdf)
{
	struct host_dev *dev;

	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev != NULL && !dev->removing)
		host_driver_probe(host, dev);
	pthread_mutex_unlock(&host->lock);
	return dev == NULL ? -ENODEV : 0;
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
		for (size_t i = 0; i < host->nb_devs; i++)
			if (!host->devs[i]->removing && driver_matches(host, host->devs[i], driver))
				driver_attach(host, host->devs[i], driver);
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
