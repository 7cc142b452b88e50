/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_KEEP_H
#define VSRD_OWNER_KEEP_H

/**
 * @file
 * Descriptors of a PF that outlive the process: container, group, device, and the file with the
 * memory of its queues.
 */

#include "owner_types.h"
#include "daemon/fdstore.h"

/**
 * Give the keeper those descriptors of a PF that it was not given, and wait until it has them.
 * Warns otherwise; if the keeper is only slow, pf->keep_again is set.
 */
void owner_keep(struct owner_pf *pf);
/** Whether all descriptors were sent: a keeper that reads its messages has them. */
bool owner_is_sent(const struct owner_pf *pf);
/** Let the keeper close the descriptors of a PF. */
void owner_forget(const struct owner_pf *pf);

/**
 * Give up the memory of queues and the admin queue of a device that may still use them, because its
 * reset has not ended: first the IOMMU takes the memory away from the device. The next negotiation
 * that succeeds makes new memory. If the IOMMU does not, the memory is neither freed nor used again
 * before owner_memory_unmap() succeeds or the PF is closed.
 */
void owner_memory_drop(struct owner_pf *pf);

/**
 * Remove all DMA maps, and free memory that was dropped while this was not possible. The caller has
 * no memory that is in use.
 * @return 0 or -errno, with vio_err().
 */
int owner_memory_unmap(struct owner_pf *pf);
/** Free memory that was dropped. The container of the PF is closed, or has no map. */
void owner_memory_left_free(struct owner_pf *pf);

/** Whether a descriptor of this PF was kept. */
bool owner_has_kept(const struct fdstore *store, const char *bdf);
/**
 * Take over the kept descriptors of pf->fn.
 * @return false: one is missing or cannot be used; all are closed, in the keeper too.
 */
bool owner_take_kept(struct owner_pf *pf, struct fdstore *store);

#endif /* VSRD_OWNER_KEEP_H */
