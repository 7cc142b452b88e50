/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_MEMORY_H
#define VDPA_MEMORY_H

/**
 * @file
 * The memory of a guest in the IOMMU: bus address = guest physical address. The lock of the device
 * is held. On failure vio_err() explains why.
 */

#include "../base/vdpa_dev.h"

/**
 * Map the next part of dev->guest. Mapping pins the pages, which takes long for much memory, so it
 * is done in parts.
 * @return 0: all is mapped; -EAGAIN: call again; or the errno of the system call.
 */
int vdpa_memory_map_step(struct vdpa_dev *dev);

/**
 * The memory of a running guest has changed to `now`: unmap what it lost, map what it got.
 * @param now  Belongs to the device afterwards, also after an error.
 * @return 0 or the errno of a system call.
 */
int vdpa_memory_change(struct vdpa_dev *dev, struct vdpa_regions *now);

/** Unmap all. Afterwards the VF reaches no memory, whatever it does. */
void vdpa_memory_unmap(struct vdpa_dev *dev);

/**
 * Map memory of this process at addresses that are not memory of the guest, below those of earlier
 * calls.
 * @param iova  Out.
 * @return 0, -ENOSPC (no such addresses), or the errno of the system call.
 */
int vdpa_memory_map_own(struct vdpa_dev *dev, void *addr, uint64_t len, uint64_t *iova);

#endif /* VDPA_MEMORY_H */
