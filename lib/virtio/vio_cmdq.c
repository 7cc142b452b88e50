/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Requests over a command queue, several outstanding at once. */

#include <stdio.h>
#include <string.h>

#include <rte_errno.h>
#include <rte_malloc.h>

#include "vio_cmdq.h"
#include "vio_virtq_packed.h"
#include "vio_virtq_split.h"

/* ------------------------------------------------------------------ create, initialise, free */

static uint32_t
slot_len(uint32_t slot_bytes)
{
	return RTE_ALIGN_CEIL(slot_bytes, RTE_CACHE_LINE_SIZE);
}

size_t
vio_cmdq_bytes(uint16_t size, bool packed, uint16_t depth, uint32_t slot_bytes)
{
	return vio_virtq_bytes(size, packed) + (size_t)slot_len(slot_bytes) * depth;
}

/* The slots follow the ring, or are a memory zone of their own. */
static int
slots_place(struct vio_cmdq *cmdq, const struct vio_virtq_conf *conf)
{
	const size_t at = vio_virtq_bytes(conf->size, cmdq->vq->packed);
	char name[RTE_MEMZONE_NAMESIZE];

	if (conf->mem != NULL) {
		cmdq->mem = (uint8_t *)conf->mem + at;
		cmdq->iova = conf->iova + at;
		return 0;
	}
	snprintf(name, sizeof(name), "%sc", conf->name);
	cmdq->mz = rte_memzone_reserve_aligned(name, (size_t)cmdq->slot_bytes * cmdq->depth,
			conf->socket, RTE_MEMZONE_IOVA_CONTIG, RTE_CACHE_LINE_SIZE);
	if (cmdq->mz == NULL)
		return -ENOMEM;
	cmdq->mem = cmdq->mz->addr;
	cmdq->iova = cmdq->mz->iova;
	return 0;
}

int
vio_cmdq_create(struct vio_cmdq *cmdq, struct vio_dev *dev, const struct vio_virtq_conf *conf,
		uint16_t depth, uint32_t slot_bytes)
{
	struct vio_virtq_conf vq_conf = *conf;
	int ret;

	memset(cmdq, 0, sizeof(*cmdq));
	rte_spinlock_init(&cmdq->lock);
	cmdq->timeout_us = VIO_CMDQ_TIMEOUT_US;
	cmdq->slot_bytes = slot_len(slot_bytes);
	/* One descriptor to send, one to receive. */
	cmdq->depth = RTE_MIN(depth, conf->size / 2);
	if (cmdq->depth == 0)
		return -EINVAL;
	cmdq->slots = rte_zmalloc_socket("vio_cmdq", sizeof(*cmdq->slots) * cmdq->depth,
			RTE_CACHE_LINE_SIZE, conf->socket);
	if (cmdq->slots == NULL)
		return -ENOMEM;
	vq_conf.lists = true;
	cmdq->vq = vio_virtq_create(dev, &vq_conf);
	if (cmdq->vq == NULL) {
		vio_cmdq_free(cmdq);
		return -rte_errno;
	}
	ret = slots_place(cmdq, conf);
	if (ret != 0)
		vio_cmdq_free(cmdq);
	return ret;
}

void
vio_cmdq_init(struct vio_cmdq *cmdq, struct vio_dev *dev)
{
	vio_virtq_init(cmdq->vq, dev);
	memset(cmdq->slots, 0, sizeof(*cmdq->slots) * cmdq->depth);
	cmdq->outstanding = cmdq->left = 0;
	cmdq->dead = false;
}

void
vio_cmdq_free(struct vio_cmdq *cmdq)
{
	rte_memzone_free(cmdq->mz);
	vio_virtq_free(cmdq->vq);
	rte_free(cmdq->slots);
	cmdq->mz = NULL;
	cmdq->mem = NULL;
	cmdq->vq = NULL;
	cmdq->slots = NULL;
}

/* ------------------------------------------------------------------ bytes */

static size_t
total(const struct iovec *iov, unsigned int nb)
{
	size_t len = 0;

	for (unsigned int i = 0; i < nb; i++)
		len += iov[i].iov_len;
	return len;
}

static uint8_t *
gather(uint8_t *to, const struct iovec *iov, unsigned int nb)
{
	for (unsigned int i = 0; i < nb; i++) {
		if (iov[i].iov_len != 0)
			memcpy(to, iov[i].iov_base, iov[i].iov_len);
		to += iov[i].iov_len;
	}
	return to;
}

static void
scatter(const struct iovec *iov, unsigned int nb, const uint8_t *from, size_t len)
{
	for (unsigned int i = 0; i < nb && len != 0; i++) {
		const size_t part = RTE_MIN(len, iov[i].iov_len);

		if (part != 0)
			memcpy(iov[i].iov_base, from, part);
		from += part;
		len -= part;
	}
}

/* Memory of a slot: the request, then the answer. */
static uint8_t *
memory_of(const struct vio_cmdq *cmdq, int slot)
{
	return cmdq->mem + (size_t)cmdq->slot_bytes * (unsigned int)slot;
}

/* ------------------------------------------------------------------ ring; with the lock held */

static __rte_always_inline void
ring_post(struct vio_cmdq *cmdq, int slot, const struct vio_ring_ops *const ring)
{
	struct vio_cmdq_slot *s = &cmdq->slots[slot];
	const uint64_t iova = cmdq->iova + (uint64_t)cmdq->slot_bytes * (unsigned int)slot;
	const struct vio_seg segs[] = {
		{ .iova = iova, .len = s->out_len },
		{ .iova = iova + s->out_len, .len = s->in_len },
	};

	ring->post_list(cmdq->vq, segs, RTE_DIM(segs), 1, s);
	ring->publish(cmdq->vq);
	if (ring->doorbell_needed(cmdq->vq))
		ring->doorbell_ring(cmdq->vq);
}

static __rte_always_inline void
ring_reap(struct vio_cmdq *cmdq, const struct vio_ring_ops *const ring)
{
	struct vio_cmdq_slot *s;
	uint32_t len = 0;

	while ((s = ring->reap(cmdq->vq, &len)) != NULL) {
		cmdq->heard_ns = vio_now_ns();
		s->used_len = RTE_MIN(len, s->in_len);
		if (s->state != VIO_CMDQ_LEFT) {
			s->state = VIO_CMDQ_ANSWERED;
			continue;
		}
		s->state = VIO_CMDQ_FREE;
		cmdq->left--;
		cmdq->outstanding--;
	}
}

static void
reap(struct vio_cmdq *cmdq)
{
	if (cmdq->vq->packed)
		ring_reap(cmdq, &vio_ring_packed);
	else
		ring_reap(cmdq, &vio_ring_split);
}

static int
free_slot(const struct vio_cmdq *cmdq)
{
	for (int i = 0; i < cmdq->depth; i++)
		if (cmdq->slots[i].state == VIO_CMDQ_FREE)
			return i;
	return -ENOBUFS;
}

/* ------------------------------------------------------------------ step by step */

int
vio_cmdq_post(struct vio_cmdq *cmdq, const struct iovec *out, unsigned int nb_out,
		const struct iovec *in, unsigned int nb_in)
{
	const size_t out_len = total(out, nb_out), in_len = total(in, nb_in);
	int slot = -EIO;

	if (out_len == 0 || in_len == 0 || out_len + in_len > cmdq->slot_bytes)
		return -EINVAL;
	rte_spinlock_lock(&cmdq->lock);
	if (!cmdq->dead && !cmdq->vq->broken)
		slot = free_slot(cmdq);
	if (slot >= 0) {
		cmdq->slots[slot] = (struct vio_cmdq_slot){ .state = VIO_CMDQ_POSTED,
			.posted_ns = vio_now_ns(),
			.out_len = (uint32_t)out_len,
			.in_len = (uint32_t)in_len };
		if (cmdq->outstanding++ == 0)
			cmdq->heard_ns = cmdq->slots[slot].posted_ns;
		cmdq->nb_requests++;
		/* Copy the caller's answer buffer, so that bytes that the device does not write
		 * keep their value even if the used length is unknown (virtio 1.4 2.7.9). */
		gather(gather(memory_of(cmdq, slot), out, nb_out), in, nb_in);
		if (cmdq->vq->packed)
			ring_post(cmdq, slot, &vio_ring_packed);
		else
			ring_post(cmdq, slot, &vio_ring_split);
	}
	rte_spinlock_unlock(&cmdq->lock);
	return slot;
}

int
vio_cmdq_poll(struct vio_cmdq *cmdq, int slot)
{
	int ret = 0;

	rte_spinlock_lock(&cmdq->lock);
	if (cmdq->slots[slot].state != VIO_CMDQ_ANSWERED && !cmdq->dead)
		reap(cmdq);
	if (cmdq->slots[slot].state == VIO_CMDQ_ANSWERED)
		ret = 1;
	else if (cmdq->dead || cmdq->vq->broken)
		ret = -EIO;
	rte_spinlock_unlock(&cmdq->lock);
	return ret;
}

int
vio_cmdq_take(struct vio_cmdq *cmdq, int slot, const struct iovec *in, unsigned int nb_in)
{
	struct vio_cmdq_slot *s = &cmdq->slots[slot];
	const uint32_t len = s->used_len;

	/* An answered slot belongs to the caller until it is free: no lock needed. */
	scatter(in, nb_in, memory_of(cmdq, slot) + s->out_len, len);
	rte_spinlock_lock(&cmdq->lock);
	s->state = VIO_CMDQ_FREE;
	cmdq->outstanding--;
	rte_spinlock_unlock(&cmdq->lock);
	return (int)len;
}

bool
vio_cmdq_leave(struct vio_cmdq *cmdq, int slot, uint64_t silence_ns)
{
	bool gone;

	rte_spinlock_lock(&cmdq->lock);
	if (!cmdq->dead)
		reap(cmdq);
	gone = cmdq->slots[slot].state != VIO_CMDQ_ANSWERED;
	if (gone) {
		cmdq->slots[slot].state = VIO_CMDQ_LEFT;
		cmdq->left++;
		cmdq->nb_timeouts++;
		cmdq->dead = cmdq->dead || vio_now_ns() - cmdq->heard_ns >= silence_ns;
	}
	rte_spinlock_unlock(&cmdq->lock);
	return gone;
}

unsigned int
vio_cmdq_left(struct vio_cmdq *cmdq, uint64_t silence_ns)
{
	const uint64_t now = vio_now_ns();
	unsigned int left;

	rte_spinlock_lock(&cmdq->lock);
	if (!cmdq->dead && cmdq->left != 0)
		reap(cmdq);
	left = cmdq->left;
	for (unsigned int i = 0; left != 0 && i < cmdq->depth; i++)
		if (cmdq->slots[i].state == VIO_CMDQ_LEFT &&
				now - cmdq->slots[i].posted_ns >= silence_ns)
			cmdq->dead = true;
	rte_spinlock_unlock(&cmdq->lock);
	return left;
}

/* ------------------------------------------------------------------ all at once */

int
vio_cmdq_exec(struct vio_cmdq *cmdq, const struct iovec *out, unsigned int nb_out,
		const struct iovec *in, unsigned int nb_in)
{
	struct vio_deadline deadline = vio_deadline_in(cmdq->timeout_us);
	int slot, ret;

	while ((slot = vio_cmdq_post(cmdq, out, nb_out, in, nb_in)) == -ENOBUFS)
		if (!vio_wait(cmdq->vq->t, &deadline))
			return -ETIMEDOUT;
	if (slot < 0)
		return slot;
	while ((ret = vio_cmdq_poll(cmdq, slot)) == 0)
		if (!vio_wait(cmdq->vq->t, &deadline) && vio_cmdq_leave(cmdq, slot, 0))
			return -ETIMEDOUT;
	return ret < 0 ? ret : vio_cmdq_take(cmdq, slot, in, nb_in);
}
