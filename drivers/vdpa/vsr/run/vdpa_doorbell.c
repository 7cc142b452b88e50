/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Pass on doorbells and interrupts. */

#include <rte_common.h>
#include <rte_io.h>

#include "virtio/vio_virtq.h"

#include "base/vdpa_signal.h"
#include "vdpa_doorbell.h"

static void
count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

static bool
is_avail(const struct pvirtq_desc *desc, uint16_t slot)
{
	return (vio_load16(&desc[slot].flags) & VIRTQ_DESC_F_AVAIL) != 0;
}

/*
 * Packed: slots before the position of the guest have the AVAIL flag of its lap, the others that of
 * the lap before. The device does not change this flag. So the slot where the flag changes is found
 * by halves, however far the guest came since the last doorbell.
 */
static uint16_t
packed_position(struct vdpa_queue *queue)
{
	const struct pvirtq_desc *desc = (const void *)queue->ring.desc_va;
	const uint16_t size = queue->ring.size;
	const bool lap = is_avail(desc, 0);
	uint16_t low = 1, high = size;

	while (low < high) {
		const uint16_t middle = (uint16_t)((low + high) / 2);

		if (is_avail(desc, middle) == lap)
			low = (uint16_t)(middle + 1);
		else
			high = middle;
	}
	/* All slots are of one lap: the next one is slot 0 of the other lap. */
	if (low == size)
		return lap ? 0 : 1u << RING_EVENT_WRAP_SHIFT;
	return (uint16_t)(low | (lap ? 1u << RING_EVENT_WRAP_SHIFT : 0));
}

/* What NOTIFICATION_DATA adds: where the guest makes the next buffer available (virtio 1.4
 * 2.7.22, 2.8.20). The guest does not say it, but its memory does. */
static uint16_t
position(struct vdpa_queue *queue)
{
	if (vio_dev_has(&queue->dev->vio, VIRTIO_F_RING_PACKED))
		return packed_position(queue);
	return vio_load16(&((const struct virtq_avail *)(const void *)queue->ring.driver_va)->idx);
}

/* Buffers or slots from one position to a later one. */
static uint32_t
distance(const struct vdpa_queue *queue, uint16_t from, uint16_t to)
{
	const uint32_t size = queue->ring.size, slot = (1u << RING_EVENT_WRAP_SHIFT) - 1;
	uint32_t way;

	if (!vio_dev_has(&queue->dev->vio, VIRTIO_F_RING_PACKED))
		return (uint16_t)(to - from);
	way = (to & slot) + size - (from & slot);
	return (from ^ to) >> RING_EVENT_WRAP_SHIFT != 0 ? way : way - size;
}

static void
ring(struct vdpa_queue *queue, uint16_t at)
{
	const bool with_data = vio_dev_has(&queue->dev->vio, VIRTIO_F_NOTIFICATION_DATA);
	uint32_t value = queue->doorbell.id;

	if (with_data)
		value |= (uint32_t)at << 16;
	count(&queue->nb_doorbells);
	if (queue->doorbell.addr == NULL)
		vio_write(queue->dev->vio.t, VIO_NOTIFY, queue->doorbell.offset, with_data ? 4 : 2,
				value);
	else if (with_data)
		rte_write32(rte_cpu_to_le_32(value), queue->doorbell.addr);
	else
		rte_write16(rte_cpu_to_le_16((uint16_t)value), queue->doorbell.addr);
}

void
vdpa_doorbell_ring(struct vdpa_queue *queue)
{
	ring(queue,
			vio_dev_has(&queue->dev->vio, VIRTIO_F_NOTIFICATION_DATA) ?
					position(queue) :
					0);
}

void
vdpa_doorbell_count(struct vdpa_queue *queue)
{
	count(&queue->nb_doorbells);
}

void
vdpa_interrupt_raise(struct vdpa_queue *queue)
{
	if (queue->ring.call_fd >= 0 && vdpa_signal(queue->ring.call_fd))
		count(&queue->nb_interrupts);
}

bool
vdpa_on_kick(struct vdpa_watch *watch)
{
	struct vdpa_queue *queue = container_of(watch, struct vdpa_queue, kick);
	const uint16_t at = position(queue);
	const uint32_t nb = distance(queue, queue->rung_at, at), size = queue->ring.size;

	ring(queue, at);
	/* A guest may name any position. */
	watch->load = nb < VDPA_BULK ? 0 :
			nb >= size   ? VDPA_LOAD_FULL :
				       (uint16_t)(nb * VDPA_LOAD_FULL / size + 1);
	queue->rung_at = at;
	return false;
}
