/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_TAKEOVER_H
#define VDPA_TAKEOVER_H

/**
 * @file
 * Where to go on with a ring that a VF has used directly.
 *
 * No register of a VF tells how far it came. The VF has been reset, so only the guest still writes
 * to the ring, and only behind what is available already. This file reads the ring, writes nothing
 * and needs nothing but the ring: doc/relay.rst has the rules, and what they cannot find.
 */

#include "vdpa_gring.h"

/** What is known of the order in which the VF used buffers. */
enum vdpa_order {
	/** IN_ORDER was accepted; one used entry can stand for several buffers. */
	VDPA_ORDER_PROMISED,
	/** Nothing is known. It counts as in order, unless the ring shows the opposite. */
	VDPA_ORDER_ASSUMED,
	/** The VF is known to use buffers out of order. */
	VDPA_ORDER_NONE,
};

/** A buffer that the guest waits for. */
struct vdpa_held {
	uint16_t id; /**< Head (split) or buffer id (packed). */
	uint16_t at; /**< Descriptor that begins the buffer: head (split) or slot (packed). */
	uint16_t nb_descs; /**< As in struct vdpa_chain. */
};

/** How to go on. */
struct vdpa_takeover {
	uint16_t avail, used; /**< Positions, as vdpa_gring_init() takes them. */
	uint16_t nb_out; /**< Buffers (split) or slots (packed) between the two. */
	/** Of these: buffers to give to the VF again before all that are available from `avail` on,
	 * oldest first. */
	uint16_t nb_again;
	/** Of these: buffers to use with length 0, because their descriptors were overwritten, or
	 * because the VF has left them behind newer ones. They are in `held` behind the others. */
	uint16_t nb_empty;
	bool disorder; /**< The ring shows that the VF used buffers out of order. */
	struct vdpa_held *held; /**< NULL if nb_again and nb_empty are 0. */
};

/**
 * Find out how to go on. The VF, or its queue, must have been reset.
 *
 * @param err  Out: one sentence if the return value is not 0.
 * @return 0; -EAGAIN: the ring is not clear now, because the guest is writing descriptors, or
 *         because it has not yet taken back what was used: raise its interrupt, and call again
 *         until a deadline; -ENODATA: the ring does not say where the VF was, now and later;
 *         -EPROTO: no driver and no device leave such a ring; -EINVAL (size); -EFAULT (the ring is
 *         not in guest memory); -ENOMEM.
 */
int vdpa_takeover_find(struct vdpa_takeover *to, const struct vdpa_gring_conf *conf,
		const struct vdpa_mem *mem, enum vdpa_order order, const char **err);

/**
 * Can this be a position before which all buffers are used, and behind which none is? A position
 * that was saved at an orderly stop is; one that is older is not.
 * @param position  As in struct vdpa_takeover.
 */
bool vdpa_takeover_fits(const struct vdpa_gring_conf *conf, const struct vdpa_mem *mem,
		uint16_t position);

/** Go on at this position, where nothing was outstanding or all from there on is. */
void vdpa_takeover_at(struct vdpa_takeover *to, uint16_t position);

/** Free the list. */
void vdpa_takeover_free(struct vdpa_takeover *to);

#endif /* VDPA_TAKEOVER_H */
