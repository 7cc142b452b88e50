/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_MODE_H
#define BRIDGE_MODE_H

/**
 * @file
 * The modes of guests on vhost-user: how a VF is opened, and who has the rings of the guest.
 */

#include "one.h"

struct mode {
	/** Device arguments to open the VF. */
	void (*args)(const struct guest *guest, const char *token, char *args, size_t size);
	/** The VF is open: let rte_vhost listen. @return 0, or -errno with a sentence. */
	int (*begin)(struct guest *guest, struct err *err);
	/** rte_vhost does not listen any more, and the VF will be closed. NULL: nothing to do. */
	void (*end)(struct guest *guest);
	/** The VF is closed. NULL: nothing to do. */
	void (*release)(struct guest *guest);
};

extern const struct mode guest_modes[GUEST_NB_MODES];

#endif /* BRIDGE_MODE_H */
