/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_SYSFS_H
#define VSR_COMMON_SYSFS_H

/**
 * @file
 * PCI functions as sysfs shows them, of the kernel or of the simulated host. A file with an
 * unexpected content is an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base_bdf.h"

#define SYSFS_DRIVER_LEN 32
#define SYSFS_MAX_VFS 65535

/** A PCI function. */
struct sysfs_fn {
	char bdf[BASE_BDF_LEN];
	uint16_t vendor, device, subsys_vendor, subsys;
	char driver[SYSFS_DRIVER_LEN]; /**< Bound driver; empty: none. */
	int group; /**< IOMMU group; -1: none. */
	char pf[BASE_BDF_LEN]; /**< PF of a VF; else empty. */
	unsigned int vf; /**< Number of a VF, from 1, as sysfs_list() sets it; else 0. */
	bool has_sriov;
	unsigned int total_vfs, num_vfs;
};

/** Whether the function, PF or VF, is a virtio network device. */
bool sysfs_fn_is_virtio_net(const struct sysfs_fn *fn);

/**
 * Read a function; fn->vf stays 0.
 * @return 0, -ENODEV (no such function), -EIO (a file has an unexpected content), or the error of
 *         reading.
 */
int sysfs_fn_read(const char *sysfs, const char *bdf, struct sysfs_fn *fn);

/**
 * List all virtio network functions, sorted by address.
 * @param out  Out: an array to free(), NULL when there are none.
 * @return number of functions, -ENOENT (no bus/pci/devices), -ENOMEM, or the error of reading.
 */
int sysfs_list(const char *sysfs, struct sysfs_fn **out);

/** Address of VF number vf (from 1) of a PF. @return 0 or -ENOENT. */
int sysfs_vf_bdf(const char *sysfs, const char *pf, unsigned int vf, char bdf[BASE_BDF_LEN]);

/** Write sriov_numvfs. @return 0 or -errno of the kernel. */
int sysfs_num_vfs_set(const char *sysfs, const char *pf, unsigned int num_vfs);

#endif /* VSR_COMMON_SYSFS_H */
