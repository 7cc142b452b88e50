/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <stdio.h>
#include <string.h>

#include <rte_errno.h>

#include "vio_cmdq.h"
#include "vio_virtq_packed.h"
#include "vio_virtq_split.h"

int
vio_cmdq_create(struct vio_cmdq *cmdq, struct vio_dev *dev, const struct vio_virtq_conf *conf)
{
	char name[RTE_MEMZONE_NAMESIZE];

	memset(cmdq, 0, sizeof(*cmdq));
	rte_spinlock_init(&cmdq->lock);
	cmdq->timeout_us = VIO_CMDQ_TIMEOUT_US;
	if (conf->size < 2) /* one descriptor to send, one to receive */
		return -EINVAL;
	cmdq->vq = vio_virtq_create(dev, conf);
	if (cmdq->vq == NULL)
		return -rte_errno;
	snprintf(name, sizeof(name), "%sc", conf->name);
	cmdq->mz = rte_memzone_reserve_aligned(name, VIO_CMDQ_BYTES, conf->socket,
			RTE_MEMZONE_IOVA_CONTIG, RTE_CACHE_LINE_SIZE);
	if (cmdq->mz == NULL) {
		vio_cmdq_free(cmdq);
		return -ENOMEM;
	}
	return 0;
}

void
vio_cmdq_init(struct vio_cmdq *cmdq, struct vio_dev *dev)
{
	vio_virtq_init(cmdq->vq, dev);
	cmdq->dead = false;
}

void
vio_cmdq_free(struct vio_cmdq *cmdq)
{
	rte_memzone_free(cmdq->mz);
	vio_virtq_free(cmdq->vq);
	cmdq->mz = NULL;
	cmdq->vq = NULL;
}

/* Post one request, wait for its end. The memory holds the request, then room for the answer. */
static __rte_always_inline int
roundtrip(struct vio_cmdq *cmdq, uint32_t out_len, uint32_t in_len,
		const struct vio_ring_ops *const ring)
{
	struct vio_deadline deadline = vio_deadline_in(cmdq->timeout_us);
	const struct vio_seg segs[] = {
		{ .iova = cmdq->mz->iova, .len = out_len },
		{ .iova = cmdq->mz->iova + out_len, .len = in_len },
	};
	uint32_t len = 0;

	ring->post_list(cmdq->vq, segs, RTE_DIM(segs), 1, cmdq);
	ring->publish(cmdq->vq);
	if (ring->kick_needed(cmdq->vq))
		ring->kick(cmdq->vq);
	while (ring->reap(cmdq->vq, &len) == NULL) {
		if (cmdq->vq->broken)
			return -EIO;
		if (!vio_wait(cmdq->vq->t, &deadline)) {
			cmdq->dead = true;
			cmdq->nb_timeouts++;
			return -ETIMEDOUT;
		}
	}
	return (int)RTE_MIN(len, in_len);
}

static size_t
total(const struct iovec *iov, unsigned int nb)
{
	size_t len = 0;

	for (unsigned int i = 0; i < nb; i++)
		len += iov[i].iov_len;
	return len;
}

static void
scatter(const struct iovec *in, unsigned int nb_in, const uint8_t *from, size_t len)
{
	for (unsigned int i = 0; i < nb_in && len != 0; i++) {
		const size_t part = RTE_MIN(len, in[i].iov_len);

		memcpy(in[i].iov_base, from, part);
		from += part;
		len -= part;
	}
}

int
vio_cmdq_exec(struct vio_cmdq *cmdq, const struct iovec *out, unsigned int nb_out,
		const struct iovec *in, unsigned int nb_in)
{
	const size_t out_len = total(out, nb_out), in_len = total(in, nb_in);
	uint8_t *memory, *to;
	int ret;

	if (out_len == 0 || in_len == 0 || out_len + in_len > VIO_CMDQ_BYTES)
		return -EINVAL;
	rte_spinlock_lock(&cmdq->lock);
	if (cmdq->dead || cmdq->vq->broken) {
		ret = -EIO;
		goto unlock;
	}
	memory = to = cmdq->mz->addr;
	for (unsigned int i = 0; i < nb_out; i++) {
		if (out[i].iov_len != 0)
			memcpy(to, out[i].iov_base, out[i].iov_len);
		to += out[i].iov_len;
	}
	/* Ones are an error in every answer there is: what the device leaves out has failed. */
	memset(to, 0xff, in_len);
	cmdq->nb_requests++;
	ret = cmdq->vq->packed ? roundtrip(cmdq, out_len, in_len, &vio_ring_packed) :
			roundtrip(cmdq, out_len, in_len, &vio_ring_split);
	if (ret > 0)
		scatter(in, nb_in, memory + out_len, (size_t)ret);
unlock:
	rte_spinlock_unlock(&cmdq->lock);
	return ret;
}
