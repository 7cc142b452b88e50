/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Reset and raw configuration space of a function, for sysfs. */

#include <errno.h>
#include <linux/vfio.h>

#include "../core/host_fn.h"
#include "../core/host_lock.h"
#include "../function/host_pci.h"

int
host_sysfs_reset(struct host *host, const char *bdf)
{
	struct host_fn *fn;
	int ret;

	fn = host_lock_fn(host, bdf);
	ret = fn == NULL ? -ENODEV : host_pci_reset(host, fn);
	host_unlock(host);
	return ret;
}

static int
config_move(struct host *host, const char *bdf, uint64_t offset, void *in, const void *out,
		size_t len)
{
	struct host_fn *fn;
	uint64_t size;
	int ret = 0;

	fn = host_lock_fn(host, bdf);
	size = fn == NULL ? 0 : fn->regions[VFIO_PCI_CONFIG_REGION_INDEX].size;
	if (fn == NULL)
		ret = -ENODEV;
	else if (offset > size || len > size - offset)
		ret = -EINVAL;
	else if (len != 0 && in != NULL)
		ret = host_fn_read(fn, VFIO_PCI_CONFIG_REGION_INDEX, offset, in, len);
	else if (len != 0)
		ret = host_fn_write(fn, VFIO_PCI_CONFIG_REGION_INDEX, offset, out, len);
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
