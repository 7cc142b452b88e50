/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A guest comes, changes and goes. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "virtio/vio_err.h"
#include "guest/vdpa_vhost.h"
#include "run/vdpa_memory.h"
#include "run/vdpa_run.h"
#include "run/vdpa_shadow.h"
#include "vdpa_control.h"
#include "vdpa_guest.h"
#include "vdpa_notify.h"

/* A front end that does not say when its guest is complete sets up further queues after the guest
 * was ready with the first two. */
#define COMPLETE_NS UINT64_C(20000000)
/* A queue is disabled and enabled again when its descriptors change: do not tell the VF. */
#define PAIRS_NS UINT64_C(5000000)

enum {
	SET_MEM_TABLE = 5,
	SET_LOG_BASE = 6,
	SET_VRING_NUM = 8,
	SET_VRING_ADDR = 9,
	SET_VRING_BASE = 10,
	SET_VRING_KICK = 12,
	SET_VRING_CALL = 13
};

static bool
is_packed(const struct vdpa_dev *dev)
{
	return vdpa_guest_has(dev, VIRTIO_F_RING_PACKED);
}

static void
due_in(struct vdpa_dev *dev, uint64_t ns)
{
	dev->due_ns = vio_now_ns() + ns;
}

/* ------------------------------------------------------------------ copies */

static void
forget(struct vdpa_dev *dev)
{
	for (unsigned int i = 0; i < vdpa_nb_queues(dev); i++)
		vdpa_ring_clear(&dev->queues[i].ring);
	vdpa_regions_free(&dev->guest);
}

static int
ring_copy(struct vdpa_dev *dev, int vid, unsigned int index)
{
	struct vdpa_ring now = { .kick_fd = -1, .call_fd = -1 };
	int ret;

	ret = vdpa_vhost_ring(vid, &dev->guest, (uint16_t)index, is_packed(dev), &now);
	return ret != 0 ? ret : vdpa_run_ring_set(dev, &dev->queues[index], &now);
}

static int
rings_copy(struct vdpa_dev *dev, int vid)
{
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < vdpa_nb_queues(dev); i++)
		ret = ring_copy(dev, vid, i);
	return ret;
}

/* ------------------------------------------------------------------ begin and end */

int
vdpa_guest_ready(struct vdpa_dev *dev, int vid)
{
	int ret;

	if (dev->state != VDPA_IDLE)
		return dev->vid == vid ? 0 : -EBUSY;
	dev->features = vdpa_vhost_features(vid);
	dev->logging = vdpa_vhost_logs(dev->features);
	dev->find_end_ns = 0;
	dev->complete = vdpa_vhost_says_complete(vid);
	ret = vdpa_vhost_memory(vid, &dev->guest);
	if (ret == 0)
		ret = rings_copy(dev, vid);
	if (ret != 0) {
		VDPA_LOG(ERR, dev->name, "cannot use the queues of the guest: %s", strerror(-ret));
		forget(dev);
		return ret;
	}
	dev->vid = vid;
	dev->state = VDPA_WAITING;
	dev->reason[0] = '\0';
	dev->due_ns = 0;
	if (!dev->complete)
		due_in(dev, COMPLETE_NS);
	vdpa_control_wake();
	return 0;
}

static void
positions_save(const struct vdpa_dev *dev, int vid)
{
	for (unsigned int i = 0; i < vdpa_nb_queues(dev); i++)
		if (dev->queues[i].ring.set_up)
			vdpa_vhost_base_set(vid, (uint16_t)i, dev->queues[i].ring.base);
}

void
vdpa_guest_stop(struct vdpa_dev *dev, int vid, bool gone)
{
	if (dev->state == VDPA_IDLE || dev->vid != vid)
		return;
	if (dev->state == VDPA_RUNNING && dev->memory_changing && !gone) {
		vdpa_run_pause(dev);
		dev->state = VDPA_PAUSED;
		return;
	}
	vdpa_notify_wait(dev);
	if (dev->state == VDPA_RUNNING || dev->state == VDPA_PAUSED) {
		vdpa_run_stop(dev, dev->state == VDPA_RUNNING);
		positions_save(dev, vid);
		vdpa_event_add(dev, RTE_PMD_VDPA_VSR_EVENT_MODE);
	}
	vdpa_memory_unmap(dev);
	vdpa_shadow_forget(dev);
	forget(dev);
	dev->logging = dev->log_changing = false;
	dev->state = VDPA_IDLE;
	dev->vid = -1;
	dev->features = 0;
	dev->reason[0] = '\0';
	dev->repairing = false;
	vdpa_control_wake();
}

/* ------------------------------------------------------------------ changes */

static void
fail(struct vdpa_dev *dev, int vid, const char *err)
{
	VDPA_LOG(ERR, dev->name, "%s", err);
	vdpa_guest_stop(dev, vid, true);
}

void
vdpa_guest_ring(struct vdpa_dev *dev, int vid, unsigned int index)
{
	if (dev->vid != vid || (dev->state != VDPA_WAITING && dev->state != VDPA_RUNNING))
		return;
	if (ring_copy(dev, vid, index) != 0) {
		fail(dev, vid, "cannot use a descriptor of the guest");
		return;
	}
	if (dev->state == VDPA_RUNNING)
		due_in(dev, PAIRS_NS);
	else if (!dev->complete)
		due_in(dev, COMPLETE_NS);
	vdpa_control_wake();
}

static void
memory_changed(struct vdpa_dev *dev, int vid)
{
	struct vdpa_regions now;
	int ret;

	ret = vdpa_vhost_memory(vid, &now);
	if (ret == 0)
		ret = vdpa_memory_change(dev, &now);
	if (ret == 0)
		ret = rings_copy(dev, vid);
	if (ret == 0)
		ret = vdpa_run_resume(dev);
	dev->state = VDPA_RUNNING;
	if (ret != 0)
		fail(dev, vid, vio_err());
	vdpa_control_wake();
}

void
vdpa_guest_features(struct vdpa_dev *dev, int vid)
{
	const bool was = dev->logging;

	if (dev->vid != vid)
		return;
	dev->features = vdpa_vhost_features(vid);
	dev->logging = vdpa_vhost_logs(dev->features);
	if (was == dev->logging)
		return;
	/* After the answer, no page may be written that is not logged: the VF stops here, and the
	 * relay begins when the control thread comes to it. */
	if (dev->logging && dev->state == VDPA_RUNNING && vdpa_run_mode(dev) != 0) {
		vdpa_run_stop(dev, true);
		dev->state = VDPA_WAITING;
		dev->due_ns = 0;
	}
	dev->mode_changed = true;
	vdpa_control_wake();
}

/* The log is unmapped, and mapped elsewhere. */
static void
log_replaced(struct vdpa_dev *dev, int vid, bool done)
{
	if (dev->vid != vid || dev->state != VDPA_RUNNING || dev->log_changing == !done)
		return;
	dev->log_changing = !done;
	if (!done)
		vdpa_run_pause(dev);
	else if (vdpa_run_resume(dev) != 0)
		fail(dev, vid, vio_err());
}

void
vdpa_guest_message_begin(struct vdpa_dev *dev, int vid, uint32_t request)
{
	dev->memory_changing = request == SET_MEM_TABLE;
	/* The last change of the memory has failed. */
	if (dev->state == VDPA_PAUSED)
		vdpa_guest_stop(dev, vid, true);
	log_replaced(dev, vid, request != SET_LOG_BASE);
}

void
vdpa_guest_message_done(struct vdpa_dev *dev, int vid, uint32_t request, uint32_t index)
{
	dev->memory_changing = false;
	if (dev->vid != vid)
		return;
	switch (request) {
	case SET_MEM_TABLE:
		if (dev->state == VDPA_PAUSED)
			memory_changed(dev, vid);
		break;
	case SET_LOG_BASE:
		log_replaced(dev, vid, true);
		break;
	case SET_VRING_KICK:
	case SET_VRING_CALL:
		index &= 0xff; /* VHOST_USER_VRING_IDX_MASK */
		/* fall through */
	case SET_VRING_NUM:
	case SET_VRING_ADDR:
	case SET_VRING_BASE:
		if (index < vdpa_nb_queues(dev))
			vdpa_guest_ring(dev, vid, index);
		break;
	default:
		break;
	}
}
