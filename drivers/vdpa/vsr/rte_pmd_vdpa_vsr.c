/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Functions of this driver that applications may call directly. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/vdpa_dev.h"
#include "base/vdpa_features.h"
#include "rte_pmd_vdpa_vsr.h"
#include "run/vdpa_run.h"
#include "run/vdpa_shadow.h"
#include "vdpa_control.h"

void
rte_pmd_vdpa_vsr_event_set(rte_pmd_vdpa_vsr_event_fn fn, void *arg)
{
	vdpa_control_events(fn, arg);
}

static struct vdpa_dev *
dev_lock(const char *name)
{
	struct vdpa_dev *dev = vdpa_dev_get_name(name);

	if (dev != NULL)
		pthread_mutex_lock(&dev->lock);
	return dev;
}

static void
dev_unlock(struct vdpa_dev *dev)
{
	pthread_mutex_unlock(&dev->lock);
	vdpa_dev_put(dev);
}

static bool
runs(const struct vdpa_dev *dev)
{
	return dev->state == VDPA_RUNNING || dev->state == VDPA_PAUSED;
}

static enum rte_pmd_vdpa_vsr_mode
running(const struct vdpa_dev *dev)
{
	if (!runs(dev))
		return RTE_PMD_VDPA_VSR_NONE;
	return vdpa_run_is_relayed(dev) ? RTE_PMD_VDPA_VSR_RELAY : RTE_PMD_VDPA_VSR_DIRECT;
}

int
rte_pmd_vdpa_vsr_info_get(const char *name, struct rte_pmd_vdpa_vsr_info *info)
{
	struct vdpa_dev *dev = dev_lock(name);

	if (dev == NULL)
		return -ENODEV;
	*info = (struct rte_pmd_vdpa_vsr_info){
		.wanted = dev->args.relay ? RTE_PMD_VDPA_VSR_RELAY : RTE_PMD_VDPA_VSR_DIRECT,
		.running = running(dev),
		.vid = dev->vid,
		.max_pairs = dev->max_pairs,
		.link_up = dev->config.link_up,
		.packed = vdpa_guest_has(dev, VIRTIO_F_RING_PACKED),
		.logging = dev->logging,
		.mtu = dev->config.mtu,
		.speed = dev->config.speed,
		.features_device = dev->device.w[0],
		.features_offered = vdpa_features_offered(&dev->device),
		.features_guest = dev->features,
		.features_vf = runs(dev) ? dev->vio.accepted.w[0] : 0,
		.nb_attached = dev->nb_attached,
		.nb_repaired = dev->nb_repaired,
		.nb_slow_resets = dev->nb_slow_resets,
	};
	for (unsigned int i = 0; i < vdpa_nb_queues(dev); i++)
		info->nb_queues += dev->queues[i].running;
	info->nb_pairs = runs(dev) ? dev->pairs_set : 0;
	snprintf(info->reason, sizeof(info->reason), "%s", dev->reason);
	memcpy(info->mac, dev->config.mac, sizeof(info->mac));
	dev_unlock(dev);
	return 0;
}

static enum rte_pmd_vdpa_vsr_signal
interrupt_of(const struct vdpa_queue *queue)
{
	if (!queue->running || queue->ring.call_fd < 0)
		return RTE_PMD_VDPA_VSR_OFF;
	return queue->intr_relayed || queue->relay != NULL ? RTE_PMD_VDPA_VSR_RELAYED :
							     RTE_PMD_VDPA_VSR_MAPPED;
}

static enum rte_pmd_vdpa_vsr_signal
doorbell_of(const struct vdpa_queue *queue)
{
	if (!queue->running)
		return RTE_PMD_VDPA_VSR_OFF;
	return queue->notified ? RTE_PMD_VDPA_VSR_MAPPED : RTE_PMD_VDPA_VSR_RELAYED;
}

int
rte_pmd_vdpa_vsr_queue_info_get(const char *name, uint16_t queue,
		struct rte_pmd_vdpa_vsr_queue_info *info)
{
	struct vdpa_dev *dev = dev_lock(name);
	int ret = -EINVAL;

	if (dev == NULL)
		return -ENODEV;
	if (queue < vdpa_nb_queues(dev)) {
		const struct vdpa_queue *q = &dev->queues[queue];

		*info = (struct rte_pmd_vdpa_vsr_queue_info){
			.running = q->running,
			.enabled = q->enabled,
			.size = q->ring.size,
			.position = q->relay != NULL ? vdpa_shadow_position(q) : q->position,
			.doorbell = doorbell_of(q),
			.interrupt = interrupt_of(q),
			.nb_doorbells = __atomic_load_n(&q->nb_doorbells, __ATOMIC_RELAXED),
			.nb_interrupts = __atomic_load_n(&q->nb_interrupts, __ATOMIC_RELAXED),
			.nb_buffers = vdpa_shadow_buffers(q),
		};
		ret = 0;
	}
	dev_unlock(dev);
	return ret;
}

int
rte_pmd_vdpa_vsr_mode_set(const char *name, enum rte_pmd_vdpa_vsr_mode wanted)
{
	struct vdpa_dev *dev = dev_lock(name);
	int ret = 0;

	if (dev == NULL)
		return -ENODEV;
	if (wanted == RTE_PMD_VDPA_VSR_DIRECT || wanted == RTE_PMD_VDPA_VSR_RELAY) {
		dev->args.relay = wanted == RTE_PMD_VDPA_VSR_RELAY;
		dev->mode_changed = true;
		vdpa_control_wake();
	} else {
		ret = -EINVAL;
	}
	dev_unlock(dev);
	return ret;
}
