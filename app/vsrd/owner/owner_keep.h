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
#include "vsrd/core/fdstore.h"

/** Have the descriptors of a PF kept; warn of the consequence when nobody keeps them. */
void owner_keep(struct owner_pf *pf);
/** Have none of its descriptors kept any more. */
void owner_forget(const struct owner_pf *pf);

/** Whether any descriptor of this PF was kept. */
bool owner_has_kept(const struct fdstore *store, const char *bdf);
/**
 * Take over the descriptors of pf->fn that were kept. When one of them is missing or cannot be
 * used, none is taken, and they are not kept any more.
 */
bool owner_take_kept(struct owner_pf *pf, struct fdstore *store);

#endif /* VSRD_OWNER_KEEP_H */
