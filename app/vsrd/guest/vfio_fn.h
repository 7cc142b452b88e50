/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_VFDEV_H
#define VSRD_VFDEV_H

/**
 * @file
 * A VF opened through VFIO for a guest: what a guest does to the function it sees goes to the
 * kernel's. Memory of the guest is mapped in a container that this VF has to itself, so that the
 * IOMMU lets the VF reach that memory and none besides; it is never read or written here.
 *
 * One thread at a time per VF.
 */

#include "common/pf.h"
#include "vpci/vpci.h"

#define VFDEV_MAX_MAPS 4096 /**< Of one guest: one VF must not use up what a process can map. */

struct vfdev;

/**
 * Open the VF with the token of its PF.
 * @return 0, or -errno as pf_open(), with why.
 */
int vfdev_open(const struct pf_host *host, const struct sysfs_fn *fn, const char *token,
		struct vfdev **out, struct why *why);
/** Give it back: its interrupts and maps end, and it is reset by its last close. NULL is fine. */
void vfdev_close(struct vfdev *vfdev);

/** It as the function behind a bridge; good until vfdev_close(). */
struct vpci_backend vfdev_backend(struct vfdev *vfdev);

/** Polls readable when the system wants the VF back; -1: nobody will tell. */
int vfdev_request_fd(const struct vfdev *vfdev);

#endif /* VSRD_VFDEV_H */
