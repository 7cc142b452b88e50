/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_RELAY_H
#define VDPA_RELAY_H

/**
 * @file
 * Move the descriptors of one queue between the ring of a guest and a queue of a VF.
 *
 * The VF works on a ring of this process, the shadow ring. The buffers stay where they are, in the
 * memory of the guest: the VF has it mapped at its guest physical addresses. The two rings may have
 * different layouts and sizes.
 *
 * Nothing here waits or allocates after vdpa_relay_start(). One thread at a time per relay; it
 * calls vdpa_relay_poll() whenever the guest has rung the doorbell or the VF has raised its
 * interrupt:
 *
 *   do {
 *           ret = vdpa_relay_poll(relay, 256);
 *           if (ret & VDPA_RELAY_DOORBELL)
 *                   vdpa_relay_doorbell(relay);
 *           if (ret & VDPA_RELAY_INTERRUPT)
 *                   ... write to the call eventfd of the guest ...
 *   } while ((ret & VDPA_RELAY_MORE) || vdpa_relay_arm(relay));
 *
 * A thread that serves several relays polls each in turn instead, and calls vdpa_relay_arm() for a
 * relay only when it has nothing more to do.
 *
 * Buffers go back to the guest in the order in which the VF used them: the buffers of a merged
 * packet have to stay in their order (virtio 1.4 5.1.9.4). A guest that has accepted IN_ORDER
 * therefore needs a VF with IN_ORDER. All that the VF shows as used at one time is shown to the
 * guest at one time, because drivers expect to find all buffers of a merged packet.
 */

#include "vdpa_gring.h"
#include "vdpa_takeover.h"

/** What a poll has found; several at once. */
#define VDPA_RELAY_MORE 1u /**< The budget is used up: poll again. */
#define VDPA_RELAY_DOORBELL 2u /**< Ring the doorbell of the VF: vdpa_relay_doorbell(). */
#define VDPA_RELAY_INTERRUPT 4u /**< Raise the interrupt of the guest. */
#define VDPA_RELAY_AT_START 8u /**< vdpa_relay_stop_at_start() has come to its end. */
/** The guest broke its queue, see vdpa_relay_error(). The relay does nothing more until
 * vdpa_relay_start(). */
#define VDPA_RELAY_GUEST_BROKEN 16u
/** The VF broke its queue: reset it, then vdpa_relay_suspend() and vdpa_relay_resume(). */
#define VDPA_RELAY_VF_BROKEN 32u
#define VDPA_RELAY_BULK 64u /**< VDPA_RELAY_BULK_MIN buffers or more went either way. */

#define VDPA_RELAY_BULK_MIN 8u /**< As VDPA_BULK of the data thread. */

struct vdpa_relay;

/** Counters since the creation. */
struct vdpa_relay_stats {
	uint64_t nb_buffers; /**< Given back to the guest. */
	uint64_t nb_again; /**< Given to the VF a second time, after a takeover or a resume. */
	uint64_t nb_empty; /**< Given back with length 0, unused. */
	/** Times that the VF used a buffer before an older one: from then on, the VF is known to
	 * work out of order (VDPA_ORDER_NONE). */
	uint64_t nb_disorder;
	uint64_t nb_violations; /**< Times that the guest broke its queue. */
};

/**
 * Allocate a relay for a ring of up to `size` descriptors and a shadow ring of up to vf_size.
 * @return the relay, or NULL: no memory, or a size that no ring has.
 */
struct vdpa_relay *vdpa_relay_create(uint16_t size, uint16_t vf_size);

/** Free it. Does nothing for NULL. */
void vdpa_relay_free(struct vdpa_relay *r);

/**
 * Begin to relay.
 *
 * @param ring  Ring of the guest, at most `size` descriptors.
 * @param mem  Memory of the guest; stays in use. Its members may be changed between two calls, for
 *             example to switch logging on or off.
 * @param vf  Empty shadow ring, at most vf_size descriptors, enabled in the VF or about to be.
 *            Created with lists, and not used by anybody else from here on.
 * @param from  Where to go on; its list belongs to the relay afterwards, also after an error.
 * @return 0, -EINVAL (ring, size, or IN_ORDER of the guest only) or -EFAULT (the ring is not in
 *         guest memory).
 */
int vdpa_relay_start(struct vdpa_relay *r, const struct vdpa_gring_conf *ring,
		const struct vdpa_mem *mem, struct vio_virtq *vf, struct vdpa_takeover *from);

/**
 * Give all buffers back that the VF has used, at most as many as the shadow ring has, and give up
 * to `budget` buffers to the VF.
 * @return VDPA_RELAY_* bits.
 */
unsigned int vdpa_relay_poll(struct vdpa_relay *r, unsigned int budget);

/**
 * Nothing is left to do: ask guest and VF for a doorbell and an interrupt.
 * @return true if there is something to do after all: poll.
 */
bool vdpa_relay_arm(struct vdpa_relay *r);

/** Ring the doorbell of the VF. */
void vdpa_relay_doorbell(struct vdpa_relay *r);

/**
 * The VF, or its queue, was reset: give what it had used until then back to the guest, and take
 * nothing more. To be called before the shadow ring is emptied or freed, because the VF has sent
 * or filled these buffers.
 * @return VDPA_RELAY_INTERRUPT, or 0.
 */
unsigned int vdpa_relay_suspend(struct vdpa_relay *r);

/**
 * After vdpa_relay_suspend(), if the relay is about to end: buffers that the VF has left behind
 * newer ones go back to the guest with length 0. So vdpa_relay_position() is exact.
 * @return VDPA_RELAY_INTERRUPT, or 0.
 */
unsigned int vdpa_relay_settle(struct vdpa_relay *r);

/**
 * Go on after vdpa_relay_suspend(), with the shadow ring that is empty again (vio_virtq_init()), or
 * with another one: all outstanding buffers go to the VF once more, oldest first. To be followed by
 * a poll.
 * @return 0 or -EINVAL: the relay is not suspended, or the buffers do not fit this shadow ring.
 */
int vdpa_relay_resume(struct vdpa_relay *r, struct vio_virtq *vf);

/**
 * Take no buffer behind the start of the ring, so that the queue runs empty exactly there; or go
 * on. A packed ring passes its start if a chain lies across it, and tries the next time. What a
 * guest without buffers in the VF loses meanwhile is up to the wire: an RX queue receives nothing
 * between its last buffer and the change to direct mode.
 */
void vdpa_relay_stop_at_start(struct vdpa_relay *r, bool stop);

/** True if nothing is outstanding and the ring is at its start: a VF can begin with it. */
bool vdpa_relay_at_start(const struct vdpa_relay *r);

/** Leave the ring of the guest to a VF. It is told to ring doorbells, as with a fresh device. */
void vdpa_relay_leave(struct vdpa_relay *r);

/**
 * Position to save (VHOST_USER_GET_VRING_BASE), after vdpa_relay_settle(): all before it is used,
 * and nothing behind it. Buffers that were in the VF are behind it.
 */
uint16_t vdpa_relay_position(const struct vdpa_relay *r);

/** Buffers (split) or slots (packed) that the guest made available and did not get back. */
uint16_t vdpa_relay_nb_out(const struct vdpa_relay *r);

/** One sentence: why the guest broke its queue; NULL: it did not. */
const char *vdpa_relay_error(const struct vdpa_relay *r);

/** Read the counters; any thread, values may be a little old. */
void vdpa_relay_stats(const struct vdpa_relay *r, struct vdpa_relay_stats *stats);

#endif /* VDPA_RELAY_H */
