/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_SHOW_H
#define VSR_COMMON_SHOW_H

/**
 * @file
 * Functions as JSON, for the answers of vsrd and for vsrctl without a daemon. Each function returns
 * a new reference, or NULL when out of memory.
 */

#include <jansson.h>

#include "pf.h"

/** A text that may have bytes from outside, such as a path, as a JSON string. */
json_t *show_text(const char *text);

/** "pf", "vf" or "function". */
const char *show_kind(const struct sysfs_fn *fn);

/** pci, kind, vendor, device, subsystem_vendor, subsystem_device, driver, iommu_group, ... */
json_t *show_fn(const struct sysfs_fn *fn);

/** Array of vf, pci, driver, iommu_group, users (array of pid, name), assigned. */
json_t *show_vfs(const struct pf_host *host, const struct sysfs_fn *pf);

/** Array of vf, pci, pid (null when /proc does not show the process), name. */
json_t *show_users(const struct vf_user *users, size_t nb_users);

/** Result of a creation of VFs: pf, num_vfs, token, token_file, testpmd_option, vfs. */
json_t *show_created(const struct pf_host *host, const struct sysfs_fn *pf, unsigned int count,
		const char *token);

#endif /* VSR_COMMON_SHOW_H */
