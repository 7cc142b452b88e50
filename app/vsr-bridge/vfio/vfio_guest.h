/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_VFIO_GUEST_H
#define BRIDGE_VFIO_GUEST_H

/**
 * @file
 * A VF shown to guests on a vfio-user socket, one guest at a time. A thread of its own has the VF
 * open: a slow access of one guest delays no other guest.
 *
 * The VF is open, and thus in use, from vfio_guest_start() to vfio_guest_end(), with or without a
 * guest. When the kernel requests the VF back, the thread closes it at once.
 */

#include <sys/types.h>

#include "base/base_listen.h"
#include "common/pf.h"

#include "variant.h"

struct vfio_guest;

/** Called by the thread of the guest; must not wait. */
enum vfio_guest_event {
	VFIO_GUEST_CONNECTED,
	VFIO_GUEST_LEFT,
	VFIO_GUEST_REVOKED, /**< The kernel took the VF back: end the guest. */
};

struct vfio_guest_conf {
	const struct pf_host *host;
	const struct variant *variant;
	struct variant_vf vf; /**< Without stop; vf.vsrd outlives the guest. */
	const char *token; /**< Of the PF; used by vfio_guest_start() only. */
	const char *path; /**< Socket, as it was asked for. */
	struct base_access access; /**< Who can connect controls the VF. */
	uid_t uid; /**< User who asked; as access_place(). */
	void (*event)(void *ctx, enum vfio_guest_event event);
	void *ctx;
};

/** What is known of a guest. */
struct vfio_guest_info {
	bool connected;
	uint64_t connections; /**< So far. */
	unsigned int maps; /**< Of the guest that is connected... */
	uint64_t bytes; /**< ...and their bytes. */
	bool doorbell; /**< As in struct variant. */
	uint64_t counters[VARIANT_COUNTERS];
};

/**
 * Open the VF, show it on its socket, and start its thread.
 * @return 0, or -errno with a sentence, and nothing is left: as vfio_fn_open(), access_place() and
 *         the variant.
 */
int vfio_guest_start(const struct vfio_guest_conf *conf, struct vfio_guest **out, struct err *err);
/** Tell the thread to end, without waiting. */
void vfio_guest_shut(struct vfio_guest *guest);
#define VFIO_GUEST_END_MS 15000 /**< Longest wait for an access that runs, and for the VF. */
/**
 * Disconnect the guest, close the VF, and free everything.
 * @return false: the thread has not ended in time; call again later.
 */
bool vfio_guest_end(struct vfio_guest *guest);

/** Any thread. */
void vfio_guest_info(struct vfio_guest *guest, struct vfio_guest_info *info);

#endif /* BRIDGE_VFIO_GUEST_H */
