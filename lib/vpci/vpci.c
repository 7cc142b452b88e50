/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* A function shown to a guest: passes everything through that a variant does not override. */

#include <errno.h>
#include <linux/vfio.h>
#include <stdlib.h>
#include <string.h>

#include "vpci.h"

struct vpci_fn {
	struct vpci_backend backend;
	const struct vpci_variant *variant;
	void *arg;
	struct vuser_server *server;
	bool connected[VUSER_MAX_VECTORS]; /**< MSI-X vectors. */
	unsigned int nb_connected;
};

const struct vpci_variant vpci_plain = { .name = "plain" };

/* ------------------------------------------------------------------ access without the variant */

int
vpci_dev_read(struct vpci_fn *fn, unsigned int region, uint64_t offset, void *data, size_t len)
{
	return fn->backend.ops->region_read(fn->backend.dev, region, offset, data, len);
}

int
vpci_dev_write(struct vpci_fn *fn, unsigned int region, uint64_t offset, const void *data,
		size_t len)
{
	return fn->backend.ops->region_write(fn->backend.dev, region, offset, data, len);
}

const struct vuser_device_info *
vpci_dev_info(const struct vpci_fn *fn)
{
	return &fn->backend.info;
}

unsigned int
vpci_nb_vectors_connected(const struct vpci_fn *fn)
{
	return fn->nb_connected;
}

/* ------------------------------------------------------------------ registers */

/* Find the range that contains the offset, or NULL; cut *len at the next border of a range. */
static const struct vpci_range *
range_at(const struct vpci_fn *fn, unsigned int region, uint64_t offset, size_t *len)
{
	const struct vpci_range *r = fn->variant->ranges;

	for (; r != NULL && r->len != 0; r++) {
		if (r->region != region || offset >= r->offset + r->len)
			continue;
		if (offset >= r->offset) {
			if (*len > r->offset + r->len - offset)
				*len = r->offset + r->len - offset;
			return r;
		}
		/* This range begins later; a nearer one may follow in the list. */
		if (*len > r->offset - offset)
			*len = r->offset - offset;
	}
	return NULL;
}

static int
op_region_read(void *dev, unsigned int region, uint64_t offset, void *data, size_t len)
{
	struct vpci_fn *fn = dev;
	uint8_t *to = data;
	int ret = 0;

	while (ret == 0 && len != 0) {
		size_t part = len;
		const struct vpci_range *r = range_at(fn, region, offset, &part);

		ret = r != NULL && r->read != NULL ? r->read(fn->arg, offset, to, part) :
						     vpci_dev_read(fn, region, offset, to, part);
		offset += part;
		to += part;
		len -= part;
	}
	return ret;
}

static int
op_region_write(void *dev, unsigned int region, uint64_t offset, const void *data, size_t len)
{
	struct vpci_fn *fn = dev;
	const uint8_t *from = data;
	int ret = 0;

	while (ret == 0 && len != 0) {
		size_t part = len;
		const struct vpci_range *r = range_at(fn, region, offset, &part);

		ret = r != NULL && r->write != NULL ?
				r->write(fn->arg, offset, from, part) :
				vpci_dev_write(fn, region, offset, from, part);
		offset += part;
		from += part;
		len -= part;
	}
	return ret;
}

/* ------------------------------------------------------------------ passed through */

static int
op_irq_set_fds(void *dev, unsigned int index, uint32_t start, uint32_t count, const int *fds)
{
	struct vpci_fn *fn = dev;
	int ret = fn->backend.ops->irq_set_fds(fn->backend.dev, index, start, count, fds);

	for (uint32_t i = 0; ret == 0 && index == VFIO_PCI_MSIX_IRQ_INDEX && i < count; i++) {
		bool *connected = &fn->connected[start + i];

		fn->nb_connected += (fds[i] >= 0) - *connected;
		*connected = fds[i] >= 0;
	}
	return ret;
}

static int
op_irq_trigger(void *dev, unsigned int index, uint32_t start, uint32_t count)
{
	struct vpci_fn *fn = dev;

	return fn->backend.ops->irq_trigger(fn->backend.dev, index, start, count);
}

static int
op_dma_map(void *dev, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	struct vpci_fn *fn = dev;

	return fn->backend.ops->dma_map(fn->backend.dev, iova, size, prot, fd, offset);
}

static int
op_dma_unmap(void *dev, uint64_t iova, uint64_t size)
{
	struct vpci_fn *fn = dev;

	return fn->backend.ops->dma_unmap(fn->backend.dev, iova, size);
}

static int
op_reset(void *dev)
{
	struct vpci_fn *fn = dev;

	if (fn->variant->reset != NULL)
		fn->variant->reset(fn->arg);
	return fn->backend.ops->reset(fn->backend.dev);
}

static void
op_released(void *dev)
{
	struct vpci_fn *fn = dev;

	if (fn->variant->reset != NULL)
		fn->variant->reset(fn->arg);
	memset(fn->connected, 0, sizeof(fn->connected));
	fn->nb_connected = 0;
	fn->backend.ops->released(fn->backend.dev);
}

static const struct vuser_device_ops ops = {
	.region_read = op_region_read,
	.region_write = op_region_write,
	.irq_set_fds = op_irq_set_fds,
	.irq_trigger = op_irq_trigger,
	.dma_map = op_dma_map,
	.dma_unmap = op_dma_unmap,
	.reset = op_reset,
	.released = op_released,
};

/* ------------------------------------------------------------------ create, destroy */

/*
 * A guest maps nothing of a function. The descriptor of a region is the VFIO device itself: who has
 * a copy of it can ring doorbells, reset the function and keep it in use after the guest has left.
 * Neither a copy nor a mapping can be taken back. So every access is a message.
 */
static void
mappings_remove(struct vuser_device_info *info)
{
	for (unsigned int i = 0; i < VUSER_MAX_REGIONS; i++) {
		info->regions[i].flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
		info->regions[i].fd = -1;
		info->regions[i].nb_sparse = 0;
	}
}

/* Check that ranges lie in their regions, and do not overlap each other. */
static bool
ranges_sound(const struct vpci_range *ranges, const struct vuser_device_info *info)
{
	for (const struct vpci_range *r = ranges; r != NULL && r->len != 0; r++) {
		const struct vuser_region *region;

		if (r->region >= VUSER_MAX_REGIONS)
			return false;
		region = &info->regions[r->region];
		if (r->offset > region->size || r->len > region->size - r->offset)
			return false;
		for (const struct vpci_range *o = ranges; o != r; o++)
			if (o->region == r->region && r->offset < o->offset + o->len &&
					o->offset < r->offset + r->len)
				return false;
	}
	return true;
}

int
vpci_create(const struct vpci_backend *backend, const struct vpci_variant *variant, void *arg,
		const char *path, struct vpci_fn **out)
{
	struct vuser_device_info info = backend->info;
	struct vpci_fn *fn = calloc(1, sizeof(*fn));

	if (fn == NULL)
		return -ENOMEM;
	*out = fn;
	fn->backend = *backend;
	fn->variant = variant;
	fn->arg = arg;
	if (variant->shape != NULL)
		variant->shape(arg, &info);
	mappings_remove(&info);
	errno = EINVAL;
	if (ranges_sound(variant->ranges, &info))
		fn->server = vuser_server_create(path, &info, &ops, fn);
	if (fn->server != NULL)
		return 0;
	free(fn);
	*out = NULL;
	return -errno;
}

void
vpci_destroy(struct vpci_fn *fn)
{
	if (fn == NULL)
		return;
	vuser_server_destroy(fn->server);
	free(fn);
}

struct vuser_server *
vpci_server(struct vpci_fn *fn)
{
	return fn->server;
}
