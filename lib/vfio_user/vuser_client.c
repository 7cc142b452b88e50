/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The requests of a client: each sends one message and checks one reply. */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "vuser_link.h"

/* Size of a region info with its capabilities. */
#define REGION_INFO_ARGSZ 1024
#define MAX_OF_AN_INDEX 65536 /* most vectors per index that any server has */

/* ---------------------------------------------------------------- description of the device */

int
vuser_client_device_info(struct vuser_client *client, uint32_t *flags, uint32_t *nb_regions,
		uint32_t *nb_irqs)
{
	struct vuser_dev_info info = { .argsz = sizeof(info) };
	int ret;

	ret = vuser_link_begin(client, VUSER_DEVICE_GET_INFO, sizeof(info));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &info, sizeof(info));
	ret = vuser_link_exchange(client, sizeof(info), 0);
	if (ret != 0)
		return ret;
	memcpy(&info, client->reply.data, sizeof(info));
	*flags = info.flags;
	*nb_regions = info.nb_regions;
	*nb_irqs = info.nb_irqs;
	return 0;
}

/* Parse the sparse capability at offset at of the payload. @return false: it is malformed. */
static bool
get_sparse(const uint8_t *data, size_t len, size_t at, struct vuser_region *out)
{
	struct vfio_region_info_cap_sparse_mmap cap;
	struct vfio_region_sparse_mmap_area area;

	if (len - at < sizeof(cap))
		return false;
	memcpy(&cap, data + at, sizeof(cap));
	at += sizeof(cap);
	if (cap.nr_areas > VUSER_MAX_SPARSE || len - at < cap.nr_areas * sizeof(area))
		return false;
	for (uint32_t i = 0; i < cap.nr_areas; i++, at += sizeof(area)) {
		memcpy(&area, data + at, sizeof(area));
		if (area.size > out->size || area.offset > out->size - area.size)
			return false;
		out->sparse[i].offset = area.offset;
		out->sparse[i].size = area.size;
	}
	out->nb_sparse = cap.nr_areas;
	return true;
}

/* Parse the capabilities of a region info; their offsets increase. @return false: malformed. */
static bool
get_region_caps(const uint8_t *data, size_t len, size_t at, struct vuser_region *out)
{
	struct vfio_info_cap_header cap;
	size_t end = sizeof(struct vfio_region_info);

	while (at != 0) {
		if (at < end || at > len || len - at < sizeof(cap))
			return false;
		memcpy(&cap, data + at, sizeof(cap));
		if (cap.id == VFIO_REGION_INFO_CAP_SPARSE_MMAP && !get_sparse(data, len, at, out))
			return false;
		end = at + sizeof(cap);
		at = cap.next;
	}
	return true;
}

int
vuser_client_region_info(struct vuser_client *client, unsigned int region, struct vuser_region *out)
{
	struct vfio_region_info info = { .argsz = REGION_INFO_ARGSZ, .index = region };
	int ret;

	ret = vuser_link_begin(client, VUSER_DEVICE_GET_REGION_INFO, sizeof(info));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &info, sizeof(info));
	ret = vuser_link_exchange(client, sizeof(info), 1);
	if (ret != 0)
		return ret;
	memcpy(&info, client->reply.data, sizeof(info));
	memset(out, 0, sizeof(*out));
	out->size = info.size;
	out->flags = info.flags &
			(VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE |
					VFIO_REGION_INFO_FLAG_MMAP);
	out->fd_offset = info.offset;
	out->fd = -1;
	if (info.index != region ||
			((info.flags & VFIO_REGION_INFO_FLAG_CAPS) != 0 &&
					!get_region_caps(client->reply.data, client->reply.len,
							info.cap_offset, out)))
		return vuser_link_malformed(client);

	/*
	 * The MMAP flag is valid only with a descriptor, and only if all capabilities did fit: the
	 * missing ones may name the only areas that can be mapped.
	 */
	if (info.argsz > REGION_INFO_ARGSZ)
		out->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	if (client->reply.nb_fds == 0)
		out->flags &= ~VFIO_REGION_INFO_FLAG_MMAP;
	else if ((out->flags & VFIO_REGION_INFO_FLAG_MMAP) == 0)
		vuser_msg_close_fds(&client->reply);
	else
		out->fd = client->reply.fds[0];
	return 0;
}

int
vuser_client_irq_info(struct vuser_client *client, unsigned int index, struct vuser_irq *out)
{
	struct vfio_irq_info info = { .argsz = sizeof(info), .index = index };
	int ret;

	ret = vuser_link_begin(client, VUSER_DEVICE_GET_IRQ_INFO, sizeof(info));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &info, sizeof(info));
	ret = vuser_link_exchange(client, sizeof(info), 0);
	if (ret != 0)
		return ret;
	memcpy(&info, client->reply.data, sizeof(info));
	if (info.index != index)
		return vuser_link_malformed(client);
	out->flags = info.flags;
	out->count = info.count;
	return 0;
}

/* ---------------------------------------------------------------- registers */

/* Send one access, of at most client->peer.max_data bytes. */
static int
access_once(struct vuser_client *client, enum vuser_command command,
		const struct vuser_region_access *want, void *in, const void *out)
{
	const size_t out_len = out != NULL ? want->count : 0;
	const size_t in_len = in != NULL ? want->count : 0;
	struct vuser_region_access got;
	int ret;

	ret = vuser_link_begin(client, command, sizeof(*want) + out_len);
	if (ret != 0)
		return ret;
	memcpy(client->req.data, want, sizeof(*want));
	if (out_len != 0)
		memcpy(client->req.data + sizeof(*want), out, out_len);
	ret = vuser_link_exchange(client, sizeof(got) + in_len, 0);
	if (ret != 0)
		return ret;
	memcpy(&got, client->reply.data, sizeof(got));
	if (got.region != want->region || got.offset != want->offset || got.count != want->count ||
			client->reply.len != sizeof(got) + in_len)
		return vuser_link_malformed(client);
	if (in_len != 0)
		memcpy(in, client->reply.data + sizeof(got), in_len);
	return 0;
}

/* Send an access of any length, in parts if the server limits the length. */
static int
access_all(struct vuser_client *client, enum vuser_command command, unsigned int region,
		uint64_t offset, void *in, const void *out, size_t len)
{
	int ret = 0;

	if (len == 0 || len > VUSER_MAX_DATA || offset + len < offset)
		return -EINVAL;
	for (size_t done = 0; done < len && ret == 0;) {
		size_t left = len - done;
		const struct vuser_region_access want = {
			.offset = offset + done,
			.region = region,
			.count = left < client->peer.max_data ? (uint32_t)left :
								client->peer.max_data,
		};

		ret = access_once(client, command, &want, in != NULL ? (uint8_t *)in + done : NULL,
				out != NULL ? (const uint8_t *)out + done : NULL);
		done += want.count;
	}
	return ret;
}

int
vuser_client_region_read(struct vuser_client *client, unsigned int region, uint64_t offset,
		void *data, size_t len)
{
	return access_all(client, VUSER_REGION_READ, region, offset, data, NULL, len);
}

int
vuser_client_region_write(struct vuser_client *client, unsigned int region, uint64_t offset,
		const void *data, size_t len)
{
	return access_all(client, VUSER_REGION_WRITE, region, offset, NULL, data, len);
}

int
vuser_client_reset(struct vuser_client *client)
{
	int ret = vuser_link_begin(client, VUSER_DEVICE_RESET, 0);

	return ret != 0 ? ret : vuser_link_exchange(client, 0, 0);
}

/* ---------------------------------------------------------------- interrupts */

static int
set_irqs(struct vuser_client *client, const struct vfio_irq_set *set, const int *fds,
		unsigned int nb_fds)
{
	int ret = vuser_link_begin(client, VUSER_DEVICE_SET_IRQS, sizeof(*set));

	if (ret != 0)
		return ret;
	memcpy(client->req.data, set, sizeof(*set));
	if (nb_fds != 0)
		memcpy(client->req.fds, fds, nb_fds * sizeof(*fds));
	client->req.nb_fds = nb_fds;
	return vuser_link_exchange(client, 0, 0);
}

int
vuser_client_irq_set_fds(struct vuser_client *client, unsigned int index, uint32_t start,
		uint32_t count, const int *fds)
{
	struct vfio_irq_set set = { .argsz = sizeof(set), .index = index, .start = start };
	int ret = 0;

	if (count > MAX_OF_AN_INDEX || (count == 0 && start != 0))
		return -EINVAL;
	if (count == 0) {
		set.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER;
		return set_irqs(client, &set, NULL, 0);
	}
	/* A message has a descriptor for each of its vectors, or disconnects all of them. */
	set.flags = VFIO_IRQ_SET_DATA_EVENTFD | VFIO_IRQ_SET_ACTION_TRIGGER;
	for (uint32_t i = 0; i < count && ret == 0; i += set.count) {
		const bool connect = fds[i] >= 0;
		const uint32_t most = connect ? client->peer.max_fds : count;

		if (most == 0)
			return -EINVAL;
		set.start = start + i;
		set.count = 0;
		while (i + set.count < count && set.count < most &&
				(fds[i + set.count] >= 0) == connect)
			set.count++;
		ret = set_irqs(client, &set, fds + i, connect ? set.count : 0);
	}
	return ret;
}

int
vuser_client_irq_trigger(struct vuser_client *client, unsigned int index, uint32_t start,
		uint32_t count)
{
	const struct vfio_irq_set set = {
		.argsz = sizeof(set),
		.flags = VFIO_IRQ_SET_DATA_NONE | VFIO_IRQ_SET_ACTION_TRIGGER,
		.index = index,
		.start = start,
		.count = count,
	};

	return count == 0 ? -EINVAL : set_irqs(client, &set, NULL, 0);
}

/* ---------------------------------------------------------------- memory */

int
vuser_client_dma_map(struct vuser_client *client, uint64_t iova, uint64_t size, int prot, int fd,
		uint64_t offset)
{
	struct vuser_dma_map map = {
		.argsz = sizeof(map),
		.offset = offset,
		.iova = iova,
		.size = size,
	};
	int ret;

	if (fd < 0 || size == 0 || (prot & ~(PROT_READ | PROT_WRITE)) != 0 || prot == 0)
		return -EINVAL;
	if ((prot & PROT_READ) != 0)
		map.flags |= VUSER_DMA_READ_OK;
	if ((prot & PROT_WRITE) != 0)
		map.flags |= VUSER_DMA_WRITE_OK;
	ret = vuser_link_begin(client, VUSER_DMA_MAP, sizeof(map));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &map, sizeof(map));
	client->req.fds[0] = fd;
	client->req.nb_fds = 1;
	return vuser_link_exchange(client, 0, 0);
}

int
vuser_client_dma_unmap(struct vuser_client *client, uint64_t iova, uint64_t size)
{
	const struct vuser_dma_unmap unmap = { .argsz = sizeof(unmap), .iova = iova, .size = size };
	int ret;

	ret = vuser_link_begin(client, VUSER_DMA_UNMAP, sizeof(unmap));
	if (ret != 0)
		return ret;
	memcpy(client->req.data, &unmap, sizeof(unmap));
	return vuser_link_exchange(client, 0, 0);
}
