/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_PF_H
#define VSR_COMMON_PF_H

/**
 * @file
 * The rules for owners of a PF: when VFs may be created and destroyed. vsrd follows them, and so
 * does vsrctl when no daemon runs.
 *
 * Every function returns 0, or -errno with the error text in *err.
 */

#include "virtio/vio_dev.h"
#include "virtio/vio_vfio.h"

#include "holders.h"
#include "idtable.h"
#include "sysfs.h"
#include "token.h"
#include "daemon/err.h"

#define PF_MAX_USERS 256

/** Paths and rules of this machine. */
struct pf_host {
	const char *sysfs; /**< Root of sysfs. */
	const char *run_dir; /**< Folder of token files and of the daemon's socket. */
	struct idtable ids;
	/** Called with a sentence for the log that is not part of a refusal; may be NULL. */
	void (*note)(const char *sentence);
};

/** Set $VSR_SYSFS or /sys, $VSR_RUN_DIR or /run/vsr, an empty table, no note(). */
void pf_host_init(struct pf_host *host);

/**
 * Find the PF of that address and check that it can have VFs: a virtio network device with SR-IOV,
 * bound to vfio-pci, in an IOMMU group.
 */
int pf_find(const struct pf_host *host, const char *name, struct sysfs_fn *fn, struct err *err);

/** Open a function through VFIO. @param token  VF token, for the PF and its VFs; NULL: none. */
int pf_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
		struct vio_vfio *vfio, struct err *err);

/** Reset the device and negotiate these features, as vio_dev_negotiate(). */
int pf_negotiate(const struct sysfs_fn *fn, struct vio_dev *dev, const struct vio_features *wanted,
		struct err *err);

/**
 * Check that VFs may be enabled after this negotiation: the device has accepted VIRTIO_F_SR_IOV
 * (virtio 1.4 6 "Reserved Feature Bits"), or the id table permits it.
 * @return 0, -EPERM (forbidden by the table), or -EOPNOTSUPP (the bit is not offered).
 */
int pf_sriov_allowed(const struct pf_host *host, const struct sysfs_fn *fn,
		const struct vio_dev *dev, struct err *err);

/** Parse a decimal number of VFs, 1 to what the PF can have. @return 0, -EINVAL or -ERANGE. */
int pf_count_parse(const struct sysfs_fn *fn, const char *text, unsigned int *count,
		struct err *err);

/** Check that the PF has no VFs. @return 0 or -EEXIST. */
int pf_has_no_vfs(const struct pf_host *host, const struct sysfs_fn *fn, struct err *err);

/**
 * Check that nobody uses a VF of the PF.
 * @param then   What to do when the users are gone, for the error text.
 * @param users  Out: up to PF_MAX_USERS users. @param nb_users  Out: their number.
 * @return 0, -EBUSY, or -errno of the search.
 */
int pf_check_unused(const struct pf_host *host, const struct sysfs_fn *fn, const char *then,
		struct vf_user *users, size_t *nb_users, struct err *err);

/** Path of the token file of a PF. @return 0 or -ENAMETOOLONG. */
int pf_token_file(const struct pf_host *host, const struct sysfs_fn *fn, char *path, size_t len,
		struct err *err);

/** Store the token, then create VFs. The PF is open, and pf_sriov_allowed() returned 0. */
int pf_vfs_enable(const struct pf_host *host, const struct sysfs_fn *fn, unsigned int count,
		const char *token, struct err *err);

/** Destroy all VFs. pf_check_unused() returned 0. */
int pf_vfs_disable(const struct pf_host *host, const struct sysfs_fn *fn, struct err *err);

#endif /* VSR_COMMON_PF_H */
