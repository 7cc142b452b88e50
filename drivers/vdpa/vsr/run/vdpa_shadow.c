/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Relayed queues of a device. */

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <rte_common.h>
#include <rte_errno.h>

#include "virtio/vio_err.h"
#include "../guest/vdpa_vhost.h"
#include "../ring/vdpa_relay.h"
#include "vdpa_doorbell.h"
#include "vdpa_shadow.h"

#define BUDGET 256

/* ------------------------------------------------------------------ memory of the guest */

static void *
memory_find(void *arg, uint64_t gpa, uint64_t *len)
{
	const struct vdpa_dev *dev = arg;

	for (unsigned int i = 0; i < dev->guest.nb; i++) {
		const struct vdpa_region *r = &dev->guest.at[i];

		if (gpa < r->gpa || gpa - r->gpa >= r->size)
			continue;
		*len = RTE_MIN(*len, r->size - (gpa - r->gpa));
		return r->va + (gpa - r->gpa);
	}
	return NULL;
}

static void
memory_written(void *arg, uint64_t gpa, uint64_t len)
{
	const struct vdpa_dev *dev = arg;

	vdpa_vhost_log(dev->vid, gpa, len);
}

void
vdpa_shadow_memory(struct vdpa_dev *dev)
{
	dev->mem = (struct vdpa_mem){ .find = memory_find,
		.written = dev->logging ? memory_written : NULL,
		.arg = dev };
}

/* ------------------------------------------------------------------ where to go on */

static struct vdpa_gring_conf
conf_of(const struct vdpa_dev *dev, const struct vdpa_queue *queue)
{
	return (struct vdpa_gring_conf){
		.size = queue->ring.size,
		.packed = vdpa_guest_has(dev, VIRTIO_F_RING_PACKED),
		.event_idx = vdpa_guest_has(dev, VIRTIO_F_EVENT_IDX),
		.indirect = vdpa_guest_has(dev, VIRTIO_F_INDIRECT_DESC),
		.in_order = vdpa_guest_has(dev, VIRTIO_F_IN_ORDER),
		.write = queue->index % 2 == 0,
		.desc = queue->ring.desc,
		.driver = queue->ring.driver,
		.device = queue->ring.device,
	};
}

static enum vdpa_order
order_of(const struct vdpa_dev *dev)
{
	if (vdpa_guest_has(dev, VIRTIO_F_IN_ORDER))
		return VDPA_ORDER_PROMISED;
	return dev->disorder ? VDPA_ORDER_NONE : VDPA_ORDER_ASSUMED;
}

/*
 * A ring that does not say where the VF was can still go on where the front end says. The front
 * end repeats what it got at an orderly stop; after a kill it may give an older position, which the
 * ring contradicts. A ring that shows that the VF worked out of order fits no position.
 */
static bool
position_given(struct vdpa_queue *queue, const struct vdpa_gring_conf *conf, int ret)
{
	const struct vdpa_dev *dev = queue->dev;

	if (order_of(dev) == VDPA_ORDER_NONE || (ret == -EAGAIN && conf->packed))
		return false;
	if (!vdpa_takeover_fits(conf, &dev->mem, queue->ring.base))
		return false;
	vdpa_takeover_at(&queue->from, queue->ring.base);
	return true;
}

static int
queue_find(struct vdpa_dev *dev, struct vdpa_queue *queue, bool last)
{
	const struct vdpa_gring_conf conf = conf_of(dev, queue);
	const char *err = "its ring is not clear";
	int ret;

	ret = vdpa_takeover_find(&queue->from, &conf, &dev->mem, order_of(dev), &err);
	if (ret == -EAGAIN && !last) {
		vdpa_interrupt_raise(queue);
		return ret;
	}
	if (ret == -EAGAIN || ret == -ENODATA)
		ret = position_given(queue, &conf, ret) ? 0 : -ENODATA;
	if (ret != 0)
		return vio_fail(ret, "queue %u cannot go on: %s", queue->index, err);
	dev->disorder = dev->disorder || queue->from.disorder;
	queue->found = true;
	return 0;
}

bool
vdpa_shadow_locate(struct vdpa_queue *queue, uint16_t *position)
{
	const struct vdpa_gring_conf conf = conf_of(queue->dev, queue);
	struct vdpa_takeover from = { 0 };
	const char *err;
	int ret;

	vdpa_shadow_memory(queue->dev);
	ret = vdpa_takeover_find(&from, &conf, &queue->dev->mem, order_of(queue->dev), &err);
	if (ret != 0)
		return false;
	/* Buffers that are outstanding before this position too are found at the next start. */
	queue->dev->disorder = queue->dev->disorder || from.disorder;
	*position = from.used;
	vdpa_takeover_free(&from);
	return true;
}

int
vdpa_shadow_find(struct vdpa_dev *dev, bool last)
{
	int ret = 0;

	vdpa_shadow_memory(dev);
	for (unsigned int i = 0; i < vdpa_nb_queues(dev); i++) {
		struct vdpa_queue *queue = &dev->queues[i];
		int one = 0;

		if (queue->ring.set_up && !queue->found)
			one = queue_find(dev, queue, last);
		if (one != 0 && one != -EAGAIN)
			return one;
		ret = one != 0 ? one : ret;
	}
	return ret;
}

void
vdpa_shadow_forget(struct vdpa_dev *dev)
{
	for (unsigned int i = 0; i < vdpa_nb_queues(dev); i++) {
		struct vdpa_queue *queue = &dev->queues[i];

		if (queue->found)
			vdpa_takeover_free(&queue->from);
		queue->found = false;
	}
}

/* ------------------------------------------------------------------ start and stop */

static uint16_t
shadow_size(const struct vdpa_dev *dev, const struct vdpa_queue *queue)
{
	return RTE_MIN(queue->ring.size,
			vio_dev_queue_max((struct vio_dev *)(uintptr_t)&dev->vio, queue->index));
}

size_t
vdpa_shadow_bytes(const struct vdpa_dev *dev, const struct vdpa_queue *queue)
{
	if (!queue->ring.set_up)
		return 0;
	return vio_virtq_bytes(shadow_size(dev, queue),
			vio_dev_has(&dev->vio, VIRTIO_F_RING_PACKED));
}

int
vdpa_shadow_start(struct vdpa_dev *dev, struct vdpa_queue *queue, void *mem, uint64_t iova)
{
	const struct vdpa_gring_conf conf = conf_of(dev, queue);
	const struct vio_virtq_conf vq_conf = {
		.name = dev->name,
		.index = queue->index,
		.size = shadow_size(dev, queue),
		.socket = SOCKET_ID_ANY,
		.lists = true,
		.mem = mem,
		.iova = iova,
	};
	int ret;

	queue->shadow = vio_virtq_create(&dev->vio, &vq_conf);
	if (queue->shadow == NULL)
		return vio_fail(-rte_errno, "no shadow ring of %u descriptors for queue %u",
				vq_conf.size, queue->index);
	queue->relay = vdpa_relay_create(conf.size, vq_conf.size);
	if (queue->intr_fd < 0)
		queue->intr_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->relay == NULL || queue->intr_fd < 0)
		return vio_fail(-ENOMEM, "no memory for a relay");
	if (!queue->found)
		vdpa_takeover_at(&queue->from, VDPA_RING_START(conf.packed));
	queue->found = false;
	ret = vdpa_relay_start(queue->relay, &conf, &dev->mem, queue->shadow, &queue->from);
	if (ret != 0)
		return vio_fail(ret, "queue %u cannot be relayed: %s", queue->index,
				strerror(-ret));
	vdpa_relay_stop_at_start(queue->relay,
			!dev->args.relay && !dev->logging && vdpa_shadow_can_end(dev));
	atomic_store(&queue->relay_says, 0);
	return vio_virtq_enable(queue->shadow, &dev->vio, queue->vector);
}

void
vdpa_shadow_stop(struct vdpa_queue *queue, bool touch)
{
	struct vdpa_relay_stats stats;
	unsigned int ret = 0;

	if (queue->relay != NULL) {
		if (touch) {
			ret = vdpa_relay_suspend(queue->relay);
			ret |= vdpa_relay_settle(queue->relay);
			queue->position = vdpa_relay_position(queue->relay);
			queue->ring.base = queue->position;
		}
		if ((ret & VDPA_RELAY_INTERRUPT) != 0)
			vdpa_interrupt_raise(queue);
		vdpa_relay_stats(queue->relay, &stats);
		queue->nb_buffers += stats.nb_buffers;
		queue->dev->disorder = queue->dev->disorder || stats.nb_disorder != 0;
	}
	vdpa_relay_free(queue->relay);
	vio_virtq_free(queue->shadow);
	queue->relay = NULL;
	queue->shadow = NULL;
	if (queue->intr_fd >= 0)
		close(queue->intr_fd);
	queue->intr_fd = -1;
}

uint16_t
vdpa_shadow_position(const struct vdpa_queue *queue)
{
	return vdpa_relay_position(queue->relay);
}

uint64_t
vdpa_shadow_buffers(const struct vdpa_queue *queue)
{
	struct vdpa_relay_stats stats = { 0 };

	if (queue->relay != NULL)
		vdpa_relay_stats(queue->relay, &stats);
	return queue->nb_buffers + stats.nb_buffers;
}

/* ------------------------------------------------------------------ data thread */

/* What the control thread has to do something about. */
#define TO_CONTROL (VDPA_RELAY_AT_START | VDPA_RELAY_GUEST_BROKEN | VDPA_RELAY_VF_BROKEN)

bool
vdpa_shadow_round(struct vdpa_queue *queue)
{
	const unsigned int ret = vdpa_relay_poll(queue->relay, BUDGET);
	const unsigned int news = ret & TO_CONTROL;

	if ((ret & VDPA_RELAY_DOORBELL) != 0) {
		vdpa_relay_doorbell(queue->relay);
		vdpa_doorbell_count(queue);
	}
	if ((ret & VDPA_RELAY_INTERRUPT) != 0)
		vdpa_interrupt_raise(queue);
	if (news != 0 && (atomic_fetch_or(&queue->relay_says, news) & news) != news)
		eventfd_write(queue->dev->config_fd, 1); /* wakes the control thread */
	/* With more to do there is nothing to wait for. Else a relay has time: it is slower than a
	 * guest that fills its ring in a pause. */
	queue->kick.load = queue->intr.load = (ret & (VDPA_RELAY_BULK | VDPA_RELAY_MORE)) ==
			VDPA_RELAY_BULK;
	return (ret & VDPA_RELAY_MORE) != 0 || vdpa_relay_arm(queue->relay);
}

bool
vdpa_on_shadow_kick(struct vdpa_watch *watch)
{
	return vdpa_shadow_round(container_of(watch, struct vdpa_queue, kick));
}

bool
vdpa_on_shadow_intr(struct vdpa_watch *watch)
{
	return vdpa_shadow_round(container_of(watch, struct vdpa_queue, intr));
}
