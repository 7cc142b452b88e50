/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_SYSFS_H
#define VSR_COMMON_SYSFS_H

/**
 * @file
 * PCI functions as sysfs shows them; the same for the kernel's tree and the simulated one.
 *
 * Values are checked here: a file that does not hold what it should is an error, never a guess.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base_bdf.h"

#define SYSFS_DRIVER_LEN 32
#define SYSFS_MAX_VFS 65535

/** One function. */
struct sysfs_fn {
	char bdf[BASE_BDF_LEN];
	uint16_t vendor, device, subsys_vendor, subsys;
	char driver[SYSFS_DRIVER_LEN]; /**< Bound driver; empty when none. */
	int group; /**< IOMMU group, -1 when it has none. */
	char pf[BASE_BDF_LEN]; /**< Of a VF: its PF. Else empty. */
	unsigned int vf; /**< Of a VF: its number, from 1; see sysfs_list(). Else 0. */
	bool has_sriov;
	unsigned int total_vfs, num_vfs;
};

/** A virtio network device, PF or VF. */
bool sysfs_fn_is_virtio_net(const struct sysfs_fn *fn);

/**
 * Read a function; fn->vf stays 0.
 * @return 0, -ENODEV when there is no such function, -EIO when a file of it makes no sense, or
 *         the error of reading it.
 */
int sysfs_fn_read(const char *sysfs, const char *bdf, struct sysfs_fn *fn);

/**
 * All virtio network functions in the order of their addresses.
 * @param out  Out: an array to free(), NULL when there are none.
 * @return how many, or -ENOENT when there is no bus/pci/devices, -ENOMEM, or the error of reading.
 */
int sysfs_list(const char *sysfs, struct sysfs_fn **out);

/** Address of VF number vf (from 1) of a PF. @return 0, -ENOENT when there is none (yet). */
int sysfs_vf_bdf(const char *sysfs, const char *pf, unsigned int vf, char bdf[BASE_BDF_LEN]);

/** Write sriov_numvfs. @return 0 or -errno as the kernel gave it. */
int sysfs_num_vfs_set(const char *sysfs, const char *pf, unsigned int num_vfs);

#endif /* VSR_COMMON_SYSFS_H */
