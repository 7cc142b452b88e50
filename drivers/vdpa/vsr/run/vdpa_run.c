/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Start and stop a VF on the queues of its guest. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_common.h>

#include "virtio/vio_ctrl.h"
#include "virtio/vio_err.h"
#include "../base/vdpa_features.h"
#include "../guest/vdpa_vhost.h"
#include "../thread/vdpa_data.h"
#include "vdpa_doorbell.h"
#include "vdpa_memory.h"
#include "vdpa_run.h"

#define CONFIG_VECTOR 0

#define FOREACH_QUEUE(queue, dev)                      \
	for (struct vdpa_queue *queue = (dev)->queues; \
			queue < (dev)->queues + vdpa_nb_queues(dev); queue++)

static bool
is_packed(const struct vdpa_dev *dev)
{
	return vdpa_guest_has(dev, VIRTIO_F_RING_PACKED);
}

/* ------------------------------------------------------------------ interrupts */

/*
 * Vector 0 is for the configuration, then each queue has one. If the VF has too few, the last
 * vector serves all further queues, and the data thread raises their interrupts.
 */
static void
vectors_choose(struct vdpa_dev *dev)
{
	const unsigned int last = dev->vio.t->nb_vectors - 1u, first = RTE_MIN(last, 1u);
	unsigned int next = first, nb = 0;

	FOREACH_QUEUE(queue, dev)
	nb += queue->ring.set_up;
	FOREACH_QUEUE(queue, dev)
	{
		if (!queue->ring.set_up)
			continue;
		queue->vector = (uint16_t)RTE_MIN(next, last);
		queue->intr_relayed = queue->vector == last && first + nb > last + 1;
		next++;
	}
}

static bool
on_shared(struct vdpa_watch *watch)
{
	struct vdpa_dev *dev = container_of(watch, struct vdpa_dev, shared);

	FOREACH_QUEUE(queue, dev)
	if (queue->running && queue->intr_relayed)
		vdpa_interrupt_raise(queue);
	return false;
}

/* A write to the descriptor of a guest must not wait. */
static int
call_fd_check(struct vdpa_queue *queue)
{
	if (queue->ring.call_fd < 0 || !queue->intr_relayed)
		return 0;
	if (fcntl(queue->ring.call_fd, F_SETFL, O_NONBLOCK) != 0)
		return vio_fail(-errno, "cannot use the call descriptor of queue %u", queue->index);
	return 0;
}

static int
vectors_connect(struct vdpa_dev *dev)
{
	const uint16_t nb = (uint16_t)RTE_MIN(dev->vio.t->nb_vectors, vdpa_nb_queues(dev) + 1);
	int *fds = malloc(nb * sizeof(*fds));
	int ret = 0;

	if (fds == NULL)
		return vio_fail(-ENOMEM, "no memory");
	for (uint16_t i = 0; i < nb; i++)
		fds[i] = -1;
	fds[CONFIG_VECTOR] = dev->config_fd;
	FOREACH_QUEUE(queue, dev)
	{
		if (!queue->ring.set_up)
			continue;
		fds[queue->vector] = queue->intr_relayed ? dev->shared_fd : queue->ring.call_fd;
		if (ret == 0)
			ret = call_fd_check(queue);
	}
	if (ret == 0)
		ret = vio_vfio_vectors_set(&dev->vfio, 0, fds, nb);
	free(fds);
	return ret;
}

/* ------------------------------------------------------------------ start */

/* No register of a VF sets a position: it starts at the beginning of a ring. */
static int
rings_check(struct vdpa_dev *dev)
{
	const uint16_t start = is_packed(dev) ? 1u << RING_EVENT_WRAP_SHIFT : 0;
	bool any = false;

	FOREACH_QUEUE(queue, dev)
	{
		if (!queue->ring.set_up)
			continue;
		any = true;
		if (queue->ring.base != start)
			return vio_fail(-EBUSY,
					"queue %u goes on at position 0x%x, and a VF starts at the "
					"beginning of a ring",
					queue->index, queue->ring.base);
	}
	return any ? 0 : vio_fail(-EINVAL, "the guest has set up no queue");
}

static int
features_agree(struct vdpa_dev *dev)
{
	struct vio_features wanted, needed;
	int ret;

	ret = vdpa_features_for_vf(dev->features, &wanted, &needed);
	if (ret != 0)
		return ret;
	/* Values that a guest does not write into a doorbell. */
	if (!dev->args.host_notifier) {
		vio_features_add(&wanted, VIRTIO_F_NOTIFICATION_DATA);
		vio_features_add(&wanted, VIRTIO_F_NOTIF_CONFIG_DATA);
	}
	return vio_dev_agree(&dev->vio, &wanted, &needed);
}

static int
queue_start(struct vdpa_dev *dev, struct vdpa_queue *queue)
{
	const struct vio_queue_setup setup = {
		.size = queue->ring.size,
		.vector = queue->vector,
		.desc = queue->ring.desc,
		.driver = queue->ring.driver,
		.device = queue->ring.device,
	};
	const uint16_t max = vio_dev_queue_max(&dev->vio, queue->index);
	int ret;

	if (setup.size > max)
		return vio_fail(-ENOTSUP, "queue %u has %u descriptors, and the VF takes %u",
				queue->index, setup.size, max);
	ret = vio_dev_queue_setup(&dev->vio, queue->index, &setup, &queue->doorbell);
	if (ret != 0)
		return ret;
	return 0;
}

/* virtio 1.4 5.1.2: the control queue follows all pairs that the device has. */
static int
cmdq_start(struct vdpa_dev *dev)
{
	const bool mq = vio_dev_has(&dev->vio, VIRTIO_NET_F_MQ);
	struct vio_virtq_conf conf = {
		.name = dev->name,
		.index = mq ? 2 * dev->config.max_pairs : 2,
		.size = VDPA_CMDQ_SIZE,
		.socket = SOCKET_ID_ANY,
		.mem = dev->memory,
	};
	int ret;

	if (!vio_dev_has(&dev->vio, VIRTIO_NET_F_CTRL_VQ))
		return 0;
	ret = vdpa_memory_map_own(dev, dev->memory, dev->memory_len, &conf.iova);
	if (ret != 0)
		return ret;
	ret = vio_cmdq_create(&dev->cmdq, &dev->vio, &conf, VDPA_CMDQ_DEPTH, VDPA_CMDQ_SLOT);
	if (ret != 0)
		return vio_fail(ret, "no memory for the control queue");
	dev->has_cmdq = true;
	return vio_virtq_enable(dev->cmdq.vq, &dev->vio, VIRTIO_MSI_NO_VECTOR);
}

static int
queues_start(struct vdpa_dev *dev)
{
	int ret = 0;

	vectors_choose(dev);
	ret = vectors_connect(dev);
	if (ret == 0 && dev->vio.t->nb_vectors > 1)
		ret = vio_dev_config_vector(&dev->vio, CONFIG_VECTOR);
	FOREACH_QUEUE(queue, dev)
	if (ret == 0 && queue->ring.set_up)
		ret = queue_start(dev, queue);
	return ret == 0 ? cmdq_start(dev) : ret;
}

static int
watches_add(struct vdpa_dev *dev)
{
	bool shared = false;
	int ret = 0;

	FOREACH_QUEUE(queue, dev)
	{
		if (ret != 0 || !queue->running)
			continue;
		shared = shared || queue->intr_relayed;
		queue->kick.fn = vdpa_on_kick;
		ret = vdpa_data_add(&queue->kick, queue->ring.kick_fd);
	}
	dev->shared.fn = on_shared;
	if (ret == 0 && shared)
		ret = vdpa_data_add(&dev->shared, dev->shared_fd);
	return ret == 0 ? 0 :
			  vio_fail(ret, "cannot watch the descriptors of the guest: %s",
					  strerror(-ret));
}

static void
watches_del(struct vdpa_dev *dev)
{
	FOREACH_QUEUE(queue, dev)
	vdpa_data_del(&queue->kick);
	vdpa_data_del(&dev->shared);
	vdpa_data_wait();
}

/* The guest may have rung before anybody watched. */
static void
doorbells_ring(struct vdpa_dev *dev)
{
	FOREACH_QUEUE(queue, dev)
	if (queue->running)
		vdpa_doorbell_ring(queue);
}

int
vdpa_run_start(struct vdpa_dev *dev)
{
	int ret;

	dev->cmd_slot = -1;
	dev->cmd_dead = dev->outdated = dev->promisc_set = false;
	dev->pairs_set = 1; /* virtio 1.4 5.1.9.5.5: after a reset */
	ret = rings_check(dev);
	if (ret != 0)
		return ret;
	ret = features_agree(dev);
	if (ret == 0)
		ret = queues_start(dev);
	if (ret == 0)
		ret = vio_vfio_bus_master(&dev->vfio);
	if (ret == 0)
		ret = vdpa_dev_config_read(dev);
	if (ret != 0) {
		vdpa_run_stop(dev, false);
		return ret;
	}
	FOREACH_QUEUE(queue, dev)
	queue->running = queue->ring.set_up;
	vio_dev_driver_ok(&dev->vio);
	/* Before the watches: NOTIFICATION_DATA has one thread at a time. */
	doorbells_ring(dev);
	ret = watches_add(dev);
	if (ret != 0)
		vdpa_run_stop(dev, true);
	return ret;
}

/* ------------------------------------------------------------------ stop */

/* Split: the index of the device in memory. The VF uses nothing any more. */
static void
position_save(struct vdpa_dev *dev, struct vdpa_queue *queue)
{
	const struct virtq_used *used = (const void *)queue->ring.device_va;

	if (is_packed(dev))
		return;
	queue->position = vio_load16(&used->idx);
	queue->ring.base = queue->position;
}

static void
reset_wait(struct vdpa_dev *dev)
{
	struct vio_deadline deadline = vio_deadline_in(VDPA_STOP_US);

	vio_dev_reset_begin(&dev->vio);
	dev->reset_end_ns = vio_now_ns() + (uint64_t)dev->args.reset_timeout_ms * 1000000;
	while (vio_dev_reset_check(&dev->vio) == -EAGAIN && vio_wait(dev->vio.t, &deadline))
		;
}

void
vdpa_run_stop(struct vdpa_dev *dev, bool touch)
{
	watches_del(dev);
	if (dev->vfio.device >= 0) {
		reset_wait(dev);
		vio_vfio_vectors_off(&dev->vfio);
	}
	vdpa_memory_unmap(dev);
	FOREACH_QUEUE(queue, dev)
	{
		if (queue->running && touch)
			position_save(dev, queue);
		queue->running = false;
	}
	if (dev->has_cmdq)
		vio_cmdq_free(&dev->cmdq);
	dev->has_cmdq = false;
	dev->cmd_slot = -1;
}

/* ------------------------------------------------------------------ changes while it runs */

void
vdpa_run_pause(struct vdpa_dev *dev)
{
	watches_del(dev);
}

int
vdpa_run_resume(struct vdpa_dev *dev)
{
	doorbells_ring(dev);
	return watches_add(dev);
}

/* Close descriptors that the new ring does not have any more. */
static void
ring_replace(struct vdpa_queue *queue, struct vdpa_ring *now)
{
	vdpa_ring_clear(&queue->ring);
	queue->ring = *now;
	*now = (struct vdpa_ring){ .kick_fd = -1, .call_fd = -1 };
}

static bool
same_place(const struct vdpa_ring *a, const struct vdpa_ring *b)
{
	return a->size == b->size && a->desc == b->desc && a->driver == b->driver &&
			a->device == b->device;
}

int
vdpa_run_ring_set(struct vdpa_dev *dev, struct vdpa_queue *queue, struct vdpa_ring *now)
{
	const bool shared = dev->shared.fd >= 0;
	int ret = 0;

	if (dev->state == VDPA_RUNNING && queue->running != now->set_up)
		dev->outdated = true;
	if (!queue->running) {
		ring_replace(queue, now);
		return 0;
	}
	if (!now->set_up || !same_place(&queue->ring, now)) {
		dev->outdated = true; /* The VF still has the old one. */
		vdpa_ring_clear(now);
		return 0;
	}
	if (dev->state == VDPA_PAUSED) {
		ring_replace(queue, now);
		return 0;
	}
	vdpa_data_del(&queue->kick);
	vdpa_data_del(&dev->shared);
	vdpa_data_wait();
	ring_replace(queue, now);
	ret = call_fd_check(queue);
	if (ret == 0 && !queue->intr_relayed)
		ret = vio_vfio_vectors_set(&dev->vfio, queue->vector, &queue->ring.call_fd, 1);
	/* What came between the old descriptors and the new ones. */
	vdpa_doorbell_ring(queue);
	vdpa_interrupt_raise(queue);
	if (ret == 0)
		ret = vdpa_data_add(&queue->kick, queue->ring.kick_fd);
	if (ret == 0 && shared)
		ret = vdpa_data_add(&dev->shared, dev->shared_fd);
	return ret;
}

/* ------------------------------------------------------------------ control commands */

/* Queue pairs from the first one on that the guest has enabled. The VF never has none. */
static uint16_t
pairs_enabled(const struct vdpa_dev *dev)
{
	uint16_t nb = 0;

	while (nb < dev->max_pairs && dev->queues[2 * nb].running && dev->queues[2 * nb].enabled &&
			dev->queues[2 * nb + 1].running && dev->queues[2 * nb + 1].enabled)
		nb++;
	return RTE_MAX(nb, 1);
}

static void
command_answered(struct vdpa_dev *dev, int ret)
{
	const bool was_promisc = !dev->promisc_set;

	if (ret != 0)
		VDPA_LOG(ERR, dev->name, "the VF refuses to set %s: %s",
				was_promisc ? "promiscuous mode" : "the number of queue pairs",
				strerror(-ret));
	if (was_promisc)
		dev->promisc_set = true;
	else
		dev->pairs_set = dev->pairs_asked;
	if (ret == 0 || ret == -EPERM || ret == -EPROTO)
		return;
	/* -EIO: the queue is broken. */
	dev->cmd_dead = true;
}

/* @return true if the answer is still to come. */
static bool
command_pending(struct vdpa_dev *dev)
{
	int ret;

	if (dev->cmd_slot < 0)
		return false;
	ret = vio_ctrl_answer(&dev->cmdq, dev->cmd_slot);
	if (ret == -EAGAIN && vio_now_ns() < dev->cmd_end_ns)
		return true;
	if (ret == -EAGAIN) {
		if (!vio_cmdq_leave(&dev->cmdq, dev->cmd_slot, 0))
			return true; /* It came just now. */
		ret = -ETIMEDOUT;
	}
	dev->cmd_slot = -1;
	command_answered(dev, ret);
	return false;
}

/* @return slot of the next command, or -EALREADY. */
static int
command_next(struct vdpa_dev *dev, uint64_t *due_ns)
{
	uint16_t nb_pairs;

	/* The front end keeps the guest's filters, so the VF must receive all. */
	if (!dev->promisc_set) {
		if (vio_dev_has(&dev->vio, VIRTIO_NET_F_CTRL_RX))
			return vio_ctrl_promisc_post(&dev->cmdq, true);
		dev->promisc_set = true;
	}
	nb_pairs = pairs_enabled(dev);
	if (nb_pairs == dev->pairs_set || !vio_dev_has(&dev->vio, VIRTIO_NET_F_MQ))
		return -EALREADY;
	if (dev->due_ns > vio_now_ns()) {
		*due_ns = dev->due_ns;
		return -EALREADY;
	}
	dev->pairs_asked = nb_pairs;
	return vio_ctrl_mq_pairs_post(&dev->cmdq, nb_pairs);
}

uint64_t
vdpa_run_commands(struct vdpa_dev *dev)
{
	uint64_t due_ns = UINT64_MAX;

	if (!dev->has_cmdq || dev->cmd_dead)
		return due_ns;
	while (!command_pending(dev)) {
		const int slot = command_next(dev, &due_ns);

		if (slot == -EALREADY)
			return due_ns;
		if (slot < 0)
			command_answered(dev, slot);
		dev->cmd_slot = slot < 0 ? -1 : slot;
		dev->cmd_end_ns = vio_now_ns() + VDPA_COMMAND_NS;
		if (dev->cmd_dead)
			return due_ns;
	}
	return 0;
}
