/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_PF_H
#define VSR_COMMON_PF_H

/**
 * @file
 * The rules of an owner of a PF: when VFs may be made, when they may go, and who stands in the
 * way. vsrd and vsrctl (where no daemon runs) obey the same ones.
 *
 * Every function returns 0 or -errno with one sentence in *why.
 */

#include "virtio/vio_dev.h"
#include "virtio/vio_vfio.h"

#include "holders.h"
#include "idtable.h"
#include "sysfs.h"
#include "token.h"
#include "why.h"

#define PF_MAX_USERS 256

/** Where things stand on this machine. */
struct pf_host {
	const char *sysfs; /**< Root of sysfs. */
	const char *run_dir; /**< Folder of token files and of the daemon's socket. */
	struct idtable ids;
	/** Told what people should find in a log and no refusal says; a sentence. */
	void (*note)(const char *sentence);
};

/** $VSR_SYSFS or /sys; $VSR_RUN_DIR or /run/vsr. No table, no notes. */
void pf_host_init(struct pf_host *host);

/**
 * The PF of that name, when VFs can be made of it: a virtio network device with SR-IOV, bound to
 * vfio-pci, in an IOMMU group.
 */
int pf_find(const struct pf_host *host, const char *name, struct sysfs_fn *fn, struct why *why);

/** Open it through VFIO with its token, which then is the token of its VFs; NULL: none. */
int pf_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
		struct vio_vfio *vfio, struct why *why);

/** Reset the device and agree on these features, as vio_dev_negotiate(). */
int pf_negotiate(const struct sysfs_fn *fn, struct vio_dev *dev, const struct vio_features *wanted,
		struct why *why);

/**
 * VF Enable may be set after this negotiation (virtio 1.4 6 "Reserved Feature Bits": only when
 * VIRTIO_F_SR_IOV was accepted and FEATURES_OK stuck), or by the word of the id table.
 * @return 0, -EPERM (forbidden by the table), or -EOPNOTSUPP (the bit is not offered).
 */
int pf_sriov_allowed(const struct pf_host *host, const struct sysfs_fn *fn,
		const struct vio_dev *dev, struct why *why);

/** A number of VFs that this PF can have: a decimal number in text. @return 0, -EINVAL, -ERANGE. */
int pf_count_parse(const struct sysfs_fn *fn, const char *text, unsigned int *count,
		struct why *why);

/** @return 0, or -EEXIST: it has VFs, which stay as they are. */
int pf_has_no_vfs(const struct pf_host *host, const struct sysfs_fn *fn, struct why *why);

/**
 * Nobody uses a VF of it.
 * @param users  Out: PF_MAX_USERS who do. @param nb_users  Out.
 * @return 0, or -EBUSY with the users named.
 */
int pf_unused(const struct pf_host *host, const struct sysfs_fn *fn, const char *then,
		struct vf_user *users, size_t *nb_users, struct why *why);

/** Where its token is kept. @return 0 or -ENAMETOOLONG. */
int pf_token_file(const struct pf_host *host, const struct sysfs_fn *fn, char *path, size_t len,
		struct why *why);

/** Keep the token, then write sriov_numvfs; the PF is open and pf_sriov_allowed() said yes. */
int pf_vfs_enable(const struct pf_host *host, const struct sysfs_fn *fn, unsigned int count,
		const char *token, struct why *why);

/** Write 0 to sriov_numvfs; pf_unused() said yes. */
int pf_vfs_disable(const struct pf_host *host, const struct sysfs_fn *fn, struct why *why);

#endif /* VSR_COMMON_PF_H */
