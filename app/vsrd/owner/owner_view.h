/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSRD_OWNER_VIEW_H
#define VSRD_OWNER_VIEW_H

/**
 * @file
 * What clients see of a PF, whatever runs on it meanwhile. No function waits for a device, except
 * that owner_publish() reads the device status.
 */

#include "owner_types.h"

/** Make the view of a PF up to date. The caller is inside its gate. */
void owner_publish(struct owner_pf *pf);

/** The view of place i, 0 to OWNER_MAX_PFS - 1. @return false: it is not used. */
bool owner_view_at(struct owner *owner, unsigned int i, struct owner_view *view);

#endif /* VSRD_OWNER_VIEW_H */
