/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The commands that a server handles: a table with one function per command. */

/*
 * A function checks the request, calls the device, and fills the payload of the reply. It returns
 * 0, or the -errno that the client gets instead. It is called only with at least min_len bytes of
 * payload and at most max_fds descriptors, which are closed afterwards.
 */

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/base_eventfd.h"

#include "vuser_priv.h"

struct handler {
	int (*run)(struct vuser_server *server, const struct vuser_msg *req,
			struct vuser_msg *reply);
	size_t min_len;
	unsigned int max_fds;
};

/* ---------------------------------------------------------------- description of the device */

static int
handle_version(struct vuser_server *server, const struct vuser_msg *req, struct vuser_msg *reply)
{
	struct vuser_version version;
	uint16_t minor;
	int ret;

	if (server->negotiated)
		return -EINVAL;
	memcpy(&version, req->data, sizeof(version));
	ret = vuser_version_limits(req->data + sizeof(version), req->len - sizeof(version),
			&server->peer);
	if (ret == 0 && version.major != VUSER_PROTO_MAJOR)
		ret = -EINVAL;
	if (ret == 0) {
		minor = version.minor < VUSER_PROTO_MINOR ? version.minor : VUSER_PROTO_MINOR;
		ret = vuser_version_put(reply, minor,
				server->info.max_maps != 0 ? server->info.max_maps :
							     VUSER_MAX_MAPS);
	}
	/* "closes the connection if it cannot support the advertised version" */
	if (ret != 0)
		server->hang_up = true;
	else
		server->negotiated = true;
	return ret;
}

static int
handle_device_info(struct vuser_server *server, const struct vuser_msg *req,
		struct vuser_msg *reply)
{
	struct vuser_dev_info info;
	int ret;

	memcpy(&info, req->data, sizeof(info));
	if (info.argsz < sizeof(info))
		return -EINVAL;
	ret = vuser_msg_resize(reply, sizeof(info));
	if (ret != 0)
		return ret;
	info.argsz = sizeof(info);
	info.flags = server->info.flags;
	info.nb_regions = VUSER_MAX_REGIONS;
	info.nb_irqs = VUSER_MAX_IRQS;
	memcpy(reply->data, &info, sizeof(info));
	return 0;
}

/* Append the list of mappable areas to the region info in the reply. */
static void
put_sparse(uint8_t *data, const struct vuser_region *region)
{
	const struct vfio_region_info_cap_sparse_mmap cap = {
		.header = { .id = VFIO_REGION_INFO_CAP_SPARSE_MMAP, .version = 1 },
		.nr_areas = region->nb_sparse,
	};

	memcpy(data, &cap, sizeof(cap));
	data += sizeof(cap);
	for (unsigned int i = 0; i < region->nb_sparse; i++) {
		const struct vfio_region_sparse_mmap_area area = {
			.offset = region->sparse[i].offset,
			.size = region->sparse[i].size,
		};

		memcpy(data, &area, sizeof(area));
		data += sizeof(area);
	}
}

static int
handle_region_info(struct vuser_server *server, const struct vuser_msg *req,
		struct vuser_msg *reply)
{
	const struct vuser_region *region;
	struct vfio_region_info info;
	size_t need = sizeof(info);
	bool mappable, whole;
	int ret;

	memcpy(&info, req->data, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VUSER_MAX_REGIONS)
		return -EINVAL;
	region = &server->info.regions[info.index];

	/* A client that takes no descriptors cannot map the region. */
	mappable = (region->flags & VFIO_REGION_INFO_FLAG_MMAP) != 0 && server->peer.max_fds != 0;
	if (mappable && region->nb_sparse != 0)
		need += sizeof(struct vfio_region_info_cap_sparse_mmap) +
				region->nb_sparse * sizeof(struct vfio_region_sparse_mmap_area);
	/* A client with too small a buffer gets the size and sends the request again. */
	whole = info.argsz >= need;
	ret = vuser_msg_resize(reply, whole ? need : sizeof(info));
	if (ret != 0)
		return ret;

	info.argsz = (uint32_t)need;
	info.flags = region->flags & (VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE);
	info.cap_offset = 0;
	info.size = region->size;
	info.offset = 0;
	if (mappable) {
		info.flags |= VFIO_REGION_INFO_FLAG_MMAP;
		info.offset = region->fd_offset;
		if (need > sizeof(info) && whole) {
			info.flags |= VFIO_REGION_INFO_FLAG_CAPS;
			info.cap_offset = sizeof(info);
			put_sparse(reply->data + sizeof(info), region);
		}
		if (whole) {
			reply->fds[0] = region->fd;
			reply->nb_fds = 1;
		}
	}
	memcpy(reply->data, &info, sizeof(info));
	return 0;
}

/* No region has ioeventfds or ioregionfds: the list is empty. */
static int
handle_region_io_fds(struct vuser_server *server, const struct vuser_msg *req,
		struct vuser_msg *reply)
{
	struct vuser_io_fds io_fds;
	int ret;

	memcpy(&io_fds, req->data, sizeof(io_fds));
	if (io_fds.argsz < sizeof(io_fds) || io_fds.flags != 0 || io_fds.count != 0 ||
			io_fds.index >= VUSER_MAX_REGIONS)
		return -EINVAL;
	ret = vuser_msg_resize(reply, sizeof(io_fds));
	if (ret != 0)
		return ret;
	io_fds.argsz = sizeof(io_fds);
	memcpy(reply->data, &io_fds, sizeof(io_fds));
	return 0;
}

static int
handle_irq_info(struct vuser_server *server, const struct vuser_msg *req, struct vuser_msg *reply)
{
	struct vfio_irq_info info;
	int ret;

	memcpy(&info, req->data, sizeof(info));
	if (info.argsz < sizeof(info) || info.index >= VUSER_MAX_IRQS)
		return -EINVAL;
	ret = vuser_msg_resize(reply, sizeof(info));
	if (ret != 0)
		return ret;
	info.argsz = sizeof(info);
	info.flags = server->info.irqs[info.index].flags;
	info.count = server->info.irqs[info.index].count;
	memcpy(reply->data, &info, sizeof(info));
	return 0;
}

/* ---------------------------------------------------------------- registers */

/* Read the fixed part of an access into *access and check it against the region. */
static int
check_access(const struct vuser_server *server, const struct vuser_msg *req, uint32_t flag,
		struct vuser_region_access *access)
{
	const struct vuser_region *region;

	memcpy(access, req->data, sizeof(*access));
	if (access->region >= VUSER_MAX_REGIONS)
		return -EINVAL;
	region = &server->info.regions[access->region];
	if (access->count == 0 || access->count > VUSER_MAX_DATA || access->count > region->size ||
			access->offset > region->size - access->count ||
			(region->flags & flag) == 0)
		return -EINVAL;
	return 0;
}

static int
handle_region_read(struct vuser_server *server, const struct vuser_msg *req,
		struct vuser_msg *reply)
{
	struct vuser_region_access access;
	int ret;

	ret = check_access(server, req, VFIO_REGION_INFO_FLAG_READ, &access);
	if (ret != 0)
		return ret;
	if (access.count > server->peer.max_data)
		return -EINVAL;
	ret = vuser_msg_resize(reply, sizeof(access) + access.count);
	if (ret != 0)
		return ret;
	memcpy(reply->data, &access, sizeof(access));
	return server->ops->region_read(server->dev, access.region, access.offset,
			reply->data + sizeof(access), access.count);
}

static int
handle_region_write(struct vuser_server *server, const struct vuser_msg *req,
		struct vuser_msg *reply)
{
	struct vuser_region_access access;
	int ret;

	ret = check_access(server, req, VFIO_REGION_INFO_FLAG_WRITE, &access);
	if (ret != 0)
		return ret;
	if (req->len != sizeof(access) + access.count)
		return -EINVAL;
	ret = vuser_msg_resize(reply, sizeof(access));
	if (ret != 0)
		return ret;
	memcpy(reply->data, &access, sizeof(access));
	return server->ops->region_write(server->dev, access.region, access.offset,
			req->data + sizeof(access), access.count);
}

static int
handle_reset(struct vuser_server *server, const struct vuser_msg *req, struct vuser_msg *reply)
{
	if ((server->info.flags & VFIO_DEVICE_FLAGS_RESET) == 0)
		return -EINVAL;
	return server->ops->reset(server->dev);
}

/* ---------------------------------------------------------------- memory */

/* Check that the range is page aligned and does not wrap. */
static bool
range_is_bad(uint64_t start, uint64_t size)
{
	return size == 0 || start + size < start || ((start | size) & (VUSER_PAGE_SIZE - 1)) != 0;
}

static int
handle_dma_map(struct vuser_server *server, const struct vuser_msg *req, struct vuser_msg *reply)
{
	const uint32_t known = VUSER_DMA_READ_OK | VUSER_DMA_WRITE_OK | VUSER_DMA_BY_MMAP;
	struct vuser_dma_map map;
	int prot = PROT_NONE;

	memcpy(&map, req->data, sizeof(map));
	if (map.argsz < sizeof(map) || (map.flags & ~known) != 0 ||
			range_is_bad(map.iova, map.size) || map.size > INT64_MAX ||
			map.offset > INT64_MAX - map.size ||
			(map.offset & (VUSER_PAGE_SIZE - 1)) != 0)
		return -EINVAL;
	if ((map.flags & VUSER_DMA_READ_OK) != 0)
		prot |= PROT_READ;
	if ((map.flags & VUSER_DMA_WRITE_OK) != 0)
		prot |= PROT_WRITE;
	if (prot == PROT_NONE)
		return -EINVAL;
	/* Memory without a descriptor would need DMA_READ and DMA_WRITE, which we do not use. */
	if (req->nb_fds == 0)
		return -ENOTSUP;
	return server->ops->dma_map(server->dev, map.iova, map.size, prot, req->fds[0], map.offset);
}

static int
handle_dma_unmap(struct vuser_server *server, const struct vuser_msg *req, struct vuser_msg *reply)
{
	struct vuser_dma_unmap unmap;
	int ret;

	memcpy(&unmap, req->data, sizeof(unmap));
	if (unmap.argsz < sizeof(unmap))
		return -EINVAL;
	if ((unmap.flags & VFIO_DMA_UNMAP_FLAG_GET_DIRTY_BITMAP) != 0)
		return -ENOTSUP;
	ret = vuser_msg_resize(reply, sizeof(unmap));
	if (ret != 0)
		return ret;
	memcpy(reply->data, &unmap, sizeof(unmap));

	if (unmap.flags == VFIO_DMA_UNMAP_FLAG_ALL) {
		if (unmap.iova != 0 || unmap.size != 0)
			return -EINVAL;
		/* No map contains the last byte of the address space, since its end would wrap. */
		ret = server->ops->dma_unmap(server->dev, 0, UINT64_MAX);
		return ret == -ENOENT ? 0 : ret;
	}
	if (unmap.flags != 0 || range_is_bad(unmap.iova, unmap.size))
		return -EINVAL;
	return server->ops->dma_unmap(server->dev, unmap.iova, unmap.size);
}

/* ---------------------------------------------------------------- interrupts */

/* Disconnect count vectors, in parts, since the device takes a list. */
static int
irqs_disconnect(struct vuser_server *server, uint32_t index, uint32_t start, uint32_t count)
{
	int none[64];
	int ret = 0;

	memset(none, 0xff, sizeof(none)); /* all are -1 */
	while (count != 0 && ret == 0) {
		uint32_t turn = count < 64 ? count : 64;

		ret = server->ops->irq_set_fds(server->dev, index, start, turn, none);
		start += turn;
		count -= turn;
	}
	return ret;
}

/* Trigger the vectors with a nonzero byte in the list; one call per run of neighbours. */
static int
irqs_trigger_bools(struct vuser_server *server, const struct vfio_irq_set *set,
		const uint8_t *bools)
{
	uint32_t i = 0;
	int ret;

	while (i < set->count) {
		uint32_t first = i;

		while (i < set->count && bools[i] != 0)
			i++;
		if (i != first) {
			ret = server->ops->irq_trigger(server->dev, set->index, set->start + first,
					i - first);
			if (ret != 0)
				return ret;
		}
		i++;
	}
	return 0;
}

/*
 * Linux refuses other descriptors too, but only one by one: a device that has changed some of its
 * vectors by then, or keeps the descriptors for a later call, would lose vectors that work.
 */
static bool
fds_are_eventfds(const struct vuser_msg *req)
{
	for (unsigned int i = 0; i < req->nb_fds; i++) {
		if (!base_is_eventfd(req->fds[i]))
			return false;
	}
	return true;
}

/* Check the rules of linux/vfio.h for VFIO_DEVICE_SET_IRQS that hold for every index. */
static int
check_irq_set(const struct vuser_server *server, const struct vuser_msg *req,
		const struct vfio_irq_set *set)
{
	const uint32_t data = set->flags & VFIO_IRQ_SET_DATA_TYPE_MASK;
	const uint32_t action = set->flags & VFIO_IRQ_SET_ACTION_TYPE_MASK;
	uint32_t total;

	if (set->argsz < sizeof(*set) || set->index >= VUSER_MAX_IRQS ||
			(set->flags &
					~(VFIO_IRQ_SET_DATA_TYPE_MASK |
							VFIO_IRQ_SET_ACTION_TYPE_MASK)) != 0)
		return -EINVAL;
	total = server->info.irqs[set->index].count;
	if (set->start >= total || set->count > total - set->start)
		return -EINVAL;
	if (action != VFIO_IRQ_SET_ACTION_MASK && action != VFIO_IRQ_SET_ACTION_UNMASK &&
			action != VFIO_IRQ_SET_ACTION_TRIGGER)
		return -EINVAL;
	/* Count 0 is valid only as "DATA_NONE/ACTION_TRIGGER with count 0": disable the index. */
	if (set->count == 0 &&
			(set->start != 0 || data != VFIO_IRQ_SET_DATA_NONE ||
					action != VFIO_IRQ_SET_ACTION_TRIGGER))
		return -EINVAL;
	switch (data) {
	case VFIO_IRQ_SET_DATA_NONE:
		return req->nb_fds != 0 ? -EINVAL : 0;
	case VFIO_IRQ_SET_DATA_BOOL:
		return req->nb_fds != 0 || req->len - sizeof(*set) < set->count ? -EINVAL : 0;
	case VFIO_IRQ_SET_DATA_EVENTFD:
		/* One descriptor per vector, or no descriptor: disconnect. */
		if (req->nb_fds != 0 && req->nb_fds != set->count)
			return -EINVAL;
		return fds_are_eventfds(req) ? 0 : -EINVAL;
	default:
		return -EINVAL;
	}
}

static int
handle_set_irqs(struct vuser_server *server, const struct vuser_msg *req, struct vuser_msg *reply)
{
	struct vfio_irq_set set;
	int ret;

	memcpy(&set, req->data, sizeof(set));
	ret = check_irq_set(server, req, &set);
	if (ret != 0)
		return ret;
	/* As the kernel answers for an index that VFIO cannot mask (MSI, MSI-X). */
	if ((set.flags & VFIO_IRQ_SET_ACTION_TRIGGER) == 0)
		return -ENOTTY;

	switch (set.flags & VFIO_IRQ_SET_DATA_TYPE_MASK) {
	case VFIO_IRQ_SET_DATA_NONE:
		if (set.count == 0)
			return irqs_disconnect(server, set.index, 0,
					server->info.irqs[set.index].count);
		return server->ops->irq_trigger(server->dev, set.index, set.start, set.count);
	case VFIO_IRQ_SET_DATA_BOOL:
		return irqs_trigger_bools(server, &set, req->data + sizeof(set));
	default:
		if (req->nb_fds == 0)
			return irqs_disconnect(server, set.index, set.start, set.count);
		return server->ops->irq_set_fds(server->dev, set.index, set.start, set.count,
				req->fds);
	}
}

/* ---------------------------------------------------------------- dispatch */

static const struct handler handlers[] = {
	[VUSER_VERSION] = { handle_version, sizeof(struct vuser_version), 0 },
	[VUSER_DMA_MAP] = { handle_dma_map, sizeof(struct vuser_dma_map), 1 },
	[VUSER_DMA_UNMAP] = { handle_dma_unmap, sizeof(struct vuser_dma_unmap), 0 },
	[VUSER_DEVICE_GET_INFO] = { handle_device_info, sizeof(struct vuser_dev_info), 0 },
	[VUSER_DEVICE_GET_REGION_INFO] = { handle_region_info, sizeof(struct vfio_region_info), 0 },
	[VUSER_DEVICE_GET_REGION_IO_FDS] = { handle_region_io_fds, sizeof(struct vuser_io_fds), 0 },
	[VUSER_DEVICE_GET_IRQ_INFO] = { handle_irq_info, sizeof(struct vfio_irq_info), 0 },
	[VUSER_DEVICE_SET_IRQS] = { handle_set_irqs, sizeof(struct vfio_irq_set), VUSER_MAX_FDS },
	[VUSER_REGION_READ] = { handle_region_read, sizeof(struct vuser_region_access), 0 },
	[VUSER_REGION_WRITE] = { handle_region_write, sizeof(struct vuser_region_access), 0 },
	[VUSER_DEVICE_RESET] = { handle_reset, 0, 0 },
};

static int
dispatch(struct vuser_server *server, const struct vuser_msg *req, struct vuser_msg *reply)
{
	const struct handler *handler;

	if ((req->hdr.flags & VUSER_FLAG_TYPE_MASK) != VUSER_FLAG_TYPE_COMMAND)
		return -EINVAL;
	if (req->hdr.command >= sizeof(handlers) / sizeof(handlers[0]) ||
			handlers[req->hdr.command].run == NULL)
		return -ENOTSUP;
	handler = &handlers[req->hdr.command];
	if (!server->negotiated && req->hdr.command != VUSER_VERSION)
		return -EINVAL;
	if (req->len < handler->min_len || req->nb_fds > handler->max_fds || req->fds_lost)
		return -EINVAL;
	return handler->run(server, req, reply);
}

bool
vuser_handle(struct vuser_server *server, struct vuser_msg *req, struct vuser_msg *reply)
{
	const bool wanted = (req->hdr.flags & VUSER_FLAG_NO_REPLY) == 0;
	int ret;

	vuser_msg_clear(reply);
	ret = dispatch(server, req, reply);
	vuser_msg_close_fds(req);

	reply->hdr.msg_id = req->hdr.msg_id;
	reply->hdr.command = req->hdr.command;
	reply->hdr.flags = VUSER_FLAG_TYPE_REPLY;
	if (ret != 0) {
		/* "If an error occurs, the reply message must only include the reply header." */
		reply->len = 0;
		reply->nb_fds = 0;
		reply->hdr.flags |= VUSER_FLAG_ERROR;
		reply->hdr.error = (uint32_t)-ret;
	}
	reply->hdr.size = (uint32_t)(sizeof(reply->hdr) + reply->len);
	return wanted;
}
