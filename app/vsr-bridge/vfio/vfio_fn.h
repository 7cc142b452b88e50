/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_VFIO_FN_H
#define BRIDGE_VFIO_FN_H

/**
 * @file
 * A VF opened through VFIO for a guest: the backend of a bridge of lib/vpci. Accesses of the guest
 * are passed to the kernel. The VF has a container of its own, in which the guest's memory is
 * mapped, so that the IOMMU lets the VF reach that memory only. This process never reads or writes
 * the guest's memory. What the guest uses of this process is bounded (budget.h).
 *
 * One thread at a time per VF.
 */

#include "common/pf.h"
#include "vpci/vpci.h"

struct vfio_fn;

/**
 * Open the VF with the token of its PF.
 * @return 0, or as pf_open() and budget_admit().
 */
int vfio_fn_open(const struct pf_host *host, const struct sysfs_fn *vf, const char *token,
		struct vfio_fn **out, struct err *err);
/** Close the VF: interrupts and maps are removed, and the kernel resets it. NULL is allowed. */
void vfio_fn_close(struct vfio_fn *vfio_fn);

/** The VF as a backend of lib/vpci; valid until vfio_fn_close(). */
struct vpci_backend vfio_fn_backend(struct vfio_fn *vfio_fn);

/** Event descriptor: readable when the kernel requests the VF back. -1: not supported. */
int vfio_fn_request_fd(const struct vfio_fn *vfio_fn);

/** What the guest has mapped now. */
void vfio_fn_memory(const struct vfio_fn *vfio_fn, unsigned int *nb_maps, uint64_t *bytes);

#endif /* BRIDGE_VFIO_FN_H */
