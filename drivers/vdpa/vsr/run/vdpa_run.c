/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Start and stop a VF on the queues of its guest. */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_common.h>

#include "virtio/vio_ctrl.h"
#include "virtio/vio_err.h"
#include "../base/vdpa_features.h"
#include "../guest/vdpa_vhost.h"
#include "../thread/vdpa_data.h"
#include "vdpa_doorbell.h"
#include "../ring/vdpa_relay.h"
#include "vdpa_memory.h"
#include "vdpa_run.h"
#include "vdpa_shadow.h"

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

	bool again = false;

	FOREACH_QUEUE(queue, dev)
	{
		if (!queue->running || !queue->intr_relayed)
			continue;
		if (queue->relay != NULL)
			again |= vdpa_shadow_round(queue);
		else
			vdpa_interrupt_raise(queue);
	}
	return again;
}

/* A write to the descriptor of a guest must not wait. */
static int
call_fd_check(struct vdpa_queue *queue)
{
	if (queue->ring.call_fd < 0)
		return 0;
	if (fcntl(queue->ring.call_fd, F_SETFL, O_NONBLOCK) != 0)
		return vio_fail(-errno, "cannot use the call descriptor of queue %u", queue->index);
	return 0;
}

/* What the vector of a queue signals. */
static int
vector_fd(const struct vdpa_queue *queue)
{
	if (queue->intr_relayed)
		return queue->dev->shared_fd;
	return queue->relay != NULL ? queue->intr_fd : queue->ring.call_fd;
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
		fds[queue->vector] = vector_fd(queue);
		if (ret == 0)
			ret = call_fd_check(queue);
	}
	if (ret == 0)
		ret = vio_vfio_vectors_set(&dev->vfio, 0, fds, nb);
	free(fds);
	return ret;
}

/* ------------------------------------------------------------------ start */

static bool
at_start(const struct vdpa_dev *dev, const struct vdpa_queue *queue)
{
	const uint16_t start = VDPA_RING_START(is_packed(dev));

	return queue->from.used == start && queue->from.avail == start && queue->from.nb_out == 0;
}

/*
 * Choose how to begin. No register of a VF sets a position: it starts at the beginning of a ring.
 * @return 0, -EAGAIN (as vdpa_shadow_find()), or another errno.
 */
static int
mode_choose(struct vdpa_dev *dev, bool last)
{
	bool any = false;
	int ret;

	ret = vdpa_shadow_find(dev, last);
	if (ret != 0)
		return ret;
	dev->relayed = dev->args.relay || dev->logging;
	FOREACH_QUEUE(queue, dev)
	{
		any = any || queue->ring.set_up;
		dev->relayed = dev->relayed || (queue->ring.set_up && !at_start(dev, queue));
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

/* Memory for the shadow rings of all queues. */
static int
shadow_memory_get(struct vdpa_dev *dev, uint64_t *iova)
{
	size_t bytes = 0;

	FOREACH_QUEUE(queue, dev)
	bytes += vdpa_shadow_bytes(dev, queue);
	dev->shadow_len = RTE_MAX(rte_align64pow2(bytes), (size_t)sysconf(_SC_PAGESIZE));
	dev->shadow_memory = vdpa_pages_get(dev->shadow_len);
	if (dev->shadow_memory == NULL)
		return vio_fail(-ENOMEM, "no memory for shadow rings");
	return vdpa_memory_map_own(dev, dev->shadow_memory, dev->shadow_len, iova);
}

static void
shadow_memory_put(struct vdpa_dev *dev)
{
	if (dev->shadow_memory != NULL)
		munmap(dev->shadow_memory, dev->shadow_len);
	dev->shadow_memory = NULL;
}

static int
shadows_start(struct vdpa_dev *dev)
{
	uint64_t iova = 0;
	size_t done = 0;
	int ret;

	ret = shadow_memory_get(dev, &iova);
	FOREACH_QUEUE(queue, dev)
	{
		if (ret != 0 || !queue->ring.set_up)
			continue;
		ret = vdpa_shadow_start(dev, queue, (uint8_t *)dev->shadow_memory + done,
				iova + done);
		done += vdpa_shadow_bytes(dev, queue);
	}
	return ret;
}

static int
directs_start(struct vdpa_dev *dev)
{
	int ret = 0;

	FOREACH_QUEUE(queue, dev)
	if (ret == 0 && queue->ring.set_up)
		ret = queue_start(dev, queue);
	return ret;
}

static int
queues_start(struct vdpa_dev *dev)
{
	int ret = 0;

	vectors_choose(dev);
	if (dev->vio.t->nb_vectors > 1)
		ret = vio_dev_config_vector(&dev->vio, CONFIG_VECTOR);
	if (ret == 0)
		ret = dev->relayed ? shadows_start(dev) : directs_start(dev);
	vdpa_shadow_forget(dev);
	/* The shadows have the descriptors for their vectors. */
	if (ret == 0)
		ret = vectors_connect(dev);
	return ret == 0 ? cmdq_start(dev) : ret;
}

static int
queue_watch(struct vdpa_queue *queue)
{
	int ret;

	queue->kick.fn = queue->relay != NULL ? vdpa_on_shadow_kick : vdpa_on_kick;
	ret = vdpa_data_add(&queue->kick, queue->ring.kick_fd);
	if (ret != 0 || queue->relay == NULL)
		return ret;
	queue->intr.fn = vdpa_on_shadow_intr;
	ret = vdpa_data_add(&queue->intr, queue->intr_fd);
	/* The first round. */
	if (ret == 0)
		eventfd_write(queue->intr_fd, 1);
	return ret;
}

static void
queue_unwatch(struct vdpa_queue *queue)
{
	vdpa_data_del(&queue->kick);
	vdpa_data_del(&queue->intr);
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
		ret = queue_watch(queue);
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
	queue_unwatch(queue);
	vdpa_data_del(&dev->shared);
	vdpa_data_wait();
}

/* The guest may have rung before anybody watched. */
static void
doorbells_ring(struct vdpa_dev *dev)
{
	FOREACH_QUEUE(queue, dev)
	if (queue->running && queue->relay == NULL)
		vdpa_doorbell_ring(queue);
}

int
vdpa_run_start(struct vdpa_dev *dev, bool last)
{
	int ret;

	dev->cmd_slot = -1;
	dev->cmd_dead = dev->outdated = dev->promisc_set = dev->mode_changed = false;
	dev->pairs_set = 1; /* virtio 1.4 5.1.9.5.5: after a reset */
	ret = mode_choose(dev, last);
	if (ret != 0) {
		if (ret != -EAGAIN)
			vdpa_shadow_forget(dev);
		return ret;
	}
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

/* Where the VF came in a ring that it used directly. The VF uses nothing any more. */
static void
position_save(struct vdpa_queue *queue)
{
	if (vdpa_shadow_locate(queue, &queue->position))
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
		if (queue->relay != NULL || queue->shadow != NULL)
			vdpa_shadow_stop(queue, touch && queue->running);
		else if (queue->running && touch)
			position_save(queue);
		queue->running = false;
	}
	shadow_memory_put(dev);
	dev->relayed = false;
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
	queue_unwatch(queue);
	vdpa_data_del(&dev->shared);
	vdpa_data_wait();
	ring_replace(queue, now);
	ret = call_fd_check(queue);
	if (ret == 0 && !queue->intr_relayed && queue->relay == NULL)
		ret = vio_vfio_vectors_set(&dev->vfio, queue->vector, &queue->ring.call_fd, 1);
	/* What came between the old descriptors and the new ones. */
	if (queue->relay == NULL)
		vdpa_doorbell_ring(queue);
	vdpa_interrupt_raise(queue);
	if (ret == 0)
		ret = queue_watch(queue);
	if (ret == 0 && shared)
		ret = vdpa_data_add(&dev->shared, dev->shared_fd);
	return ret;
}

/* ------------------------------------------------------------------ relayed queues */

static bool
wants_direct(const struct vdpa_dev *dev)
{
	return !dev->args.relay && !dev->logging;
}

/* The relay of a queue has come to the start of the ring: give the ring to the VF. */
static int
queue_to_direct(struct vdpa_dev *dev, struct vdpa_queue *queue)
{
	const uint32_t timeout_us = dev->vio.timeout_us;
	int ret;

	dev->vio.timeout_us = VDPA_STOP_US;
	ret = vio_dev_queue_reset(&dev->vio, queue->index);
	dev->vio.timeout_us = timeout_us;
	if (ret != 0)
		return ret;
	if ((vdpa_relay_suspend(queue->relay) & VDPA_RELAY_INTERRUPT) != 0)
		vdpa_interrupt_raise(queue);
	vdpa_relay_leave(queue->relay);
	vdpa_shadow_stop(queue, false);
	queue->position = queue->ring.base = VDPA_RING_START(is_packed(dev));
	ret = queue_start(dev, queue);
	if (ret == 0 && !queue->intr_relayed)
		ret = vio_vfio_vectors_set(&dev->vfio, queue->vector, &queue->ring.call_fd, 1);
	if (ret != 0)
		return ret;
	vdpa_doorbell_ring(queue);
	vdpa_interrupt_raise(queue);
	return 0;
}

bool
vdpa_run_is_relayed(const struct vdpa_dev *dev)
{
	FOREACH_QUEUE(queue, (struct vdpa_dev *)(uintptr_t)dev)
	if (queue->running && queue->relay != NULL)
		return true;
	return false;
}

/* Queues that are at their start, while the data thread does not run. */
static int
starts_use(struct vdpa_dev *dev)
{
	int ret = 0;

	FOREACH_QUEUE(queue, dev)
	if (ret == 0 && queue->running && queue->relay != NULL && wants_direct(dev) &&
			vdpa_relay_at_start(queue->relay))
		ret = queue_to_direct(dev, queue);
	return ret;
}

int
vdpa_run_relays(struct vdpa_dev *dev)
{
	const bool had = vdpa_run_is_relayed(dev);
	unsigned int news = 0;
	int ret;

	if (!had)
		return 0;
	FOREACH_QUEUE(queue, dev)
	{
		const unsigned int says = atomic_exchange(&queue->relay_says, 0);

		if ((says & VDPA_RELAY_GUEST_BROKEN) != 0)
			return vio_fail(-EPROTO, "queue %u: %s", queue->index,
					vdpa_relay_error(queue->relay));
		news |= says;
	}
	if ((news & VDPA_RELAY_VF_BROKEN) != 0)
		return -EIO;
	if ((news & VDPA_RELAY_AT_START) == 0)
		return 0;
	watches_del(dev);
	ret = starts_use(dev);
	if (ret == 0)
		ret = vdpa_run_resume(dev);
	if (ret == 0 && !vdpa_run_is_relayed(dev))
		ret = 1;
	return ret;
}

int
vdpa_run_mode(struct vdpa_dev *dev)
{
	dev->mode_changed = false;
	if (!wants_direct(dev))
		FOREACH_QUEUE(queue, dev)
	if (queue->running && queue->relay == NULL)
		return -EAGAIN;
	watches_del(dev);
	vdpa_shadow_memory(dev);
	FOREACH_QUEUE(queue, dev)
	if (queue->running && queue->relay != NULL)
		vdpa_relay_stop_at_start(queue->relay,
				wants_direct(dev) && vdpa_shadow_can_end(dev));
	return vdpa_run_resume(dev);
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
