/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Memory, set-up and release of a virtqueue. */

#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "vio_virtq.h"

/* Areas written by driver and device are on different cache lines. This alignment is more than
 * virtio 1.4 2.7 and 2.8 require. */
static size_t
area_end(size_t at, size_t len)
{
	return RTE_ALIGN_CEIL(at + len, VIO_VIRTQ_ALIGN);
}

static size_t
memory_layout(uint16_t size, bool packed, uint32_t *driver_at, uint32_t *device_at)
{
	const size_t event = sizeof(struct pvirtq_event_suppress);

	*driver_at = area_end(0, VIRTQ_DESC_BYTES(size));
	*device_at = area_end(*driver_at, packed ? event : VIRTQ_AVAIL_BYTES(size));
	return area_end(*device_at, packed ? event : VIRTQ_USED_BYTES(size));
}

size_t
vio_virtq_bytes(uint16_t size, bool packed)
{
	uint32_t driver_at, device_at;

	return memory_layout(size, packed, &driver_at, &device_at);
}

static void *
array_create(const char *type, size_t len, const struct vio_virtq_conf *conf)
{
	return rte_zmalloc_socket(type, len * conf->size, RTE_CACHE_LINE_SIZE, conf->socket);
}

struct vio_virtq *
vio_virtq_create(struct vio_dev *dev, const struct vio_virtq_conf *conf)
{
	struct vio_virtq *vq;
	size_t len;

	if (conf->size == 0 || conf->size > VIRTQ_SIZE_MAX ||
			(!vio_dev_has(dev, VIRTIO_F_RING_PACKED) &&
					!rte_is_power_of_2(conf->size))) {
		rte_errno = EINVAL;
		return NULL;
	}
	vq = rte_zmalloc_socket("vio_virtq", sizeof(*vq), RTE_CACHE_LINE_SIZE, conf->socket);
	if (vq == NULL)
		goto no_memory;
	vq->t = dev->t;
	vq->index = conf->index;
	vq->size = conf->size;
	vq->packed = vio_dev_has(dev, VIRTIO_F_RING_PACKED);
	vq->on_broken = conf->on_broken;
	vq->on_broken_arg = conf->on_broken_arg;
	vq->cookies = array_create("vio_cookies", sizeof(*vq->cookies), conf);
	if (conf->lists)
		vq->chains = array_create("vio_chains", sizeof(*vq->chains), conf);
	vq->free_ids = array_create("vio_free_ids", sizeof(*vq->free_ids), conf);
	if (vq->cookies == NULL || vq->free_ids == NULL || (conf->lists && vq->chains == NULL))
		goto no_memory;
	len = memory_layout(vq->size, vq->packed, &vq->driver_at, &vq->device_at);
	vq->mem = conf->mem;
	vq->iova = conf->iova;
	if (conf->mem == NULL) {
		vq->mz = rte_memzone_reserve_aligned(conf->name, len, conf->socket,
				RTE_MEMZONE_IOVA_CONTIG, VIO_VIRTQ_ALIGN);
		if (vq->mz == NULL)
			goto no_memory;
		vq->mem = vq->mz->addr;
		vq->iova = vq->mz->iova;
	}
	vio_virtq_init(vq, dev);
	return vq;

no_memory:
	vio_virtq_free(vq);
	rte_errno = ENOMEM;
	return NULL;
}

void
vio_virtq_init(struct vio_virtq *vq, const struct vio_dev *dev)
{
	uint8_t *base = vq->mem;

	memset(base, 0,
			vq->device_at +
					(vq->packed ? sizeof(struct pvirtq_event_suppress) :
						      VIRTQ_USED_BYTES(vq->size)));
	memset(vq->cookies, 0, sizeof(*vq->cookies) * vq->size);
	vq->desc = (struct virtq_desc *)base;
	vq->avail = (struct virtq_avail *)(base + vq->driver_at);
	vq->used = (struct virtq_used *)(base + vq->device_at);
	for (uint16_t i = 0; i < vq->size; i++)
		vq->free_ids[i] = i;
	vq->nb_free = vq->size;
	vq->id_head = vq->id_tail = 0;
	vq->nb_posted = vq->nb_unannounced = 0;
	vq->post_i = vq->publish_i = vq->reap_i = vq->used_seen = 0;
	vq->desc_i = vq->oldest = vq->drain_i = 0;
	vq->in_batch = vq->broken = false;
	vq->post_wrap = vq->reap_wrap = true;
	vq->in_order = vio_dev_has(dev, VIRTIO_F_IN_ORDER);
	vq->event_idx = vio_dev_has(dev, VIRTIO_F_EVENT_IDX);
	vq->order_platform = vio_dev_has(dev, VIRTIO_F_ORDER_PLATFORM);
	vq->notify_data = vio_dev_has(dev, VIRTIO_F_NOTIFICATION_DATA);
	if (vq->packed)
		vq->driver_event->flags = rte_cpu_to_le_16(RING_EVENT_FLAGS_DISABLE);
	else if (vq->event_idx)
		vq->avail->ring[vq->size] = rte_cpu_to_le_16(0x8000);
	else
		vq->avail->flags = rte_cpu_to_le_16(VIRTQ_AVAIL_F_NO_INTERRUPT);
}

int
vio_virtq_enable(struct vio_virtq *vq, struct vio_dev *dev, uint16_t vector)
{
	const struct vio_queue_setup setup = {
		.size = vq->size,
		.vector = vector,
		.desc = vq->iova,
		.driver = vq->iova + vq->driver_at,
		.device = vq->iova + vq->device_at,
	};
	struct vio_doorbell doorbell;
	int ret;

	ret = vio_dev_queue_setup(dev, vq->index, &setup, &doorbell);
	if (ret != 0)
		return ret;
	vq->doorbell = doorbell.addr;
	vq->doorbell_offset = doorbell.offset;
	vq->doorbell_id = doorbell.id;
	return 0;
}

void *
vio_virtq_drain(struct vio_virtq *vq)
{
	while (vq->drain_i < vq->size) {
		const uint16_t id = vq->drain_i++;
		uint16_t nb_descs;
		void *cookie = vio_cookie_take(vq, id, &nb_descs);

		if (cookie != NULL)
			return cookie;
	}
	return NULL;
}

void
vio_virtq_free(struct vio_virtq *vq)
{
	if (vq == NULL)
		return;
	rte_memzone_free(vq->mz);
	rte_free(vq->free_ids);
	rte_free(vq->chains);
	rte_free(vq->cookies);
	rte_free(vq);
}

void *
vio_virtq_break(struct vio_virtq *vq, const char *err)
{
	vq->broken = true;
	vq->nb_violations++;
	if (vq->on_broken != NULL)
		vq->on_broken(vq, vq->on_broken_arg, err);
	return NULL;
}

void
vio_virtq_doorbell_write(struct vio_virtq *vq, uint32_t value)
{
	/* Order the stores to the ring before the doorbell, on every path. */
	rte_io_wmb();
	vio_write(vq->t, VIO_NOTIFY, vq->doorbell_offset, vq->notify_data ? 4 : 2, value);
}
