/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
/* What sysfs does to a function by itself: reset, and raw configuration space. */
#include <errno.h>
#include <linux/vfio.h>

#include "../core/host_fn.h"
#include "../core/host_lock.h"
#include "../function/host_pci.h"

int
host_dev_reset(struct host *host, const char *bdf)
{
	struct host_dev *dev;
	int ret;

	dev = host_lock_dev(host, bdf);
	ret = dev == NULL ? -ENODEV : host_pci_reset(host, dev);
	host_unlock(host);
	return ret;
}

static int
config_move(struct host *host, const char *bdf, uint64_t offset, void *in, const void *out,
		size_t len)
{
	struct host_dev *dev;
	uint64_t size;
	int ret = 0;

	dev = host_lock_dev(host, bdf);
	size = dev == NULL ? 0 : dev->regions[VFIO_PCI_CONFIG_REGION_INDEX].size;
	if (dev == NULL)
		ret = -ENODEV;
	else if (offset > size || len > size - offset)
		ret = -EINVAL;
	else if (len != 0 && in != NULL)
		ret = host_fn_read(dev, VFIO_PCI_CONFIG_REGION_INDEX, offset, in, len);
	else if (len != 0)
		ret = host_fn_write(dev, VFIO_PCI_CONFIG_REGION_INDEX, offset, out, len);
	host_unlock(host);
	return ret;
}

int
host_config_read(struct host *host, const char *bdf, uint64_t offset, void *data, size_t len)
{
	return config_move(host, bdf, offset, data, NULL, len);
}

int
host_config_write(struct host *host, const char *bdf, uint64_t offset, const void *data, size_t len)
{
	return config_move(host, bdf, offset, NULL, data, len);
}
