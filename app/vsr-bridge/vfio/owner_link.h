/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_OWNER_LINK_H
#define BRIDGE_OWNER_LINK_H

/**
 * @file
 * vsrd as the owner behind a VF that is shown with legacy registers: each command is a call on a
 * connection of its own, because vsrd has a limited number of places for clients. vsrd may end and
 * start again at any time.
 *
 * A call waits 10 seconds at most. While vsrd is away, the first call waits up to two seconds for
 * the next vsrd; the calls after a call that failed in this way do not wait.
 *
 * One thread per link; all links together have a limited number of calls at a time.
 */

#include <stdatomic.h>

#include "base/base_bdf.h"
#include "vpci/vpci_legacy.h"

struct owner_link {
	const char *path; /**< Socket of vsrd. */
	char pf[BASE_BDF_LEN];
	const atomic_bool *stop; /**< Becomes true: no further call is tried. */
	bool away; /**< The last call has not reached vsrd. */
};

/** Commands for a VF; the owner is a struct owner_link. */
extern const struct vpci_legacy_ops owner_link_ops;

#endif /* BRIDGE_OWNER_LINK_H */
