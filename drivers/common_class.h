/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef COMMON_CLASS_H
#define COMMON_CLASS_H

/**
 * @file
 * The device argument class=, by which the drivers of one PCI id know whose device it is.
 *
 * class=net, the default, is a device of net_vsr, class=vdpa one of vdpa_vsr. Any other value is an
 * error, which net_vsr reports, as the driver that has the devices by default.
 */

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <rte_devargs.h>
#include <rte_kvargs.h>

#define VSR_CLASS_KEY "class"
#define VSR_CLASS_NET "net"
#define VSR_CLASS_VDPA "vdpa"

/** Check the value of class= in a driver that takes devices of class=net. @return 0 or -EINVAL. */
static inline int
vsr_class_net_parse(const char *key, const char *value, void *arg)
{
	(void)key;
	(void)arg;
	return value != NULL && strcmp(value, VSR_CLASS_NET) == 0 ? 0 : -EINVAL;
}

/** True if the device is of class=vdpa. The arguments need not be valid otherwise. */
static inline bool
vsr_class_is_vdpa(const struct rte_devargs *devargs)
{
	struct rte_kvargs *kvlist;
	const char *value;
	bool is_vdpa;

	if (devargs == NULL || devargs->args == NULL)
		return false;
	kvlist = rte_kvargs_parse(devargs->args, NULL);
	if (kvlist == NULL)
		return false;
	value = rte_kvargs_get(kvlist, VSR_CLASS_KEY);
	is_vdpa = value != NULL && strcmp(value, VSR_CLASS_VDPA) == 0;
	rte_kvargs_free(kvlist);
	return is_vdpa;
}

#endif /* COMMON_CLASS_H */
