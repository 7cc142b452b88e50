/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Requests of the host to one function on its bus. */

#include <errno.h>
#include <linux/vfio.h>

#include "host_fn.h"
#include "host_lock.h"

int
host_fn_read(struct host_fn *fn, unsigned int region, uint64_t offset, void *data, size_t len)
{
	int ret;

	host_lock_release(fn);
	ret = vuser_client_region_read(fn->client, region, offset, data, len);
	host_lock_retake(fn);
	return ret;
}

int
host_fn_write(struct host_fn *fn, unsigned int region, uint64_t offset, const void *data,
		size_t len)
{
	int ret;

	host_lock_release(fn);
	ret = vuser_client_region_write(fn->client, region, offset, data, len);
	host_lock_retake(fn);
	return ret;
}

int
host_fn_irq_set_fds(struct host_fn *fn, unsigned int index, uint32_t start, uint32_t count,
		const int *fds)
{
	int ret;

	host_lock_release(fn);
	ret = vuser_client_irq_set_fds(fn->client, index, start, count, fds);
	host_lock_retake(fn);
	return ret;
}

int
host_fn_irq_trigger(struct host_fn *fn, unsigned int index, uint32_t vector)
{
	int ret;

	host_lock_release(fn);
	ret = vuser_client_irq_trigger(fn->client, index, vector, 1);
	host_lock_retake(fn);
	return ret;
}

int
host_fn_dma_map(struct host_fn *fn, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset)
{
	int ret;

	host_lock_release(fn);
	ret = vuser_client_dma_map(fn->client, iova, size, prot, fd, offset);
	host_lock_retake(fn);
	return ret;
}

int
host_fn_dma_unmap(struct host_fn *fn, uint64_t iova, uint64_t size)
{
	int ret;

	host_lock_release(fn);
	ret = vuser_client_dma_unmap(fn->client, iova, size);
	host_lock_retake(fn);
	return ret;
}

int
host_fn_reset(struct host_fn *fn)
{
	int ret;

	host_lock_release(fn);
	ret = vuser_client_reset(fn->client);
	host_lock_retake(fn);
	return ret;
}

static int
fn_describe(struct host_fn *fn)
{
	uint32_t nb_regions, nb_irqs;
	int ret = vuser_client_device_info(fn->client, &fn->flags, &nb_regions, &nb_irqs);

	for (unsigned int r = 0; ret == 0 && r < HOST_NB_REGIONS; r++)
		ret = vuser_client_region_info(fn->client, r, &fn->regions[r]);
	/* The host provides the REQ interrupt itself. */
	for (unsigned int i = 0; ret == 0 && i < VFIO_PCI_REQ_IRQ_INDEX && i < nb_irqs; i++)
		ret = vuser_client_irq_info(fn->client, i, &fn->irqs[i]);
	return ret;
}

int
host_fn_connect(struct host_fn *fn, struct vuser_server *server, const char *path)
{
	int ret = 0;

	host_lock_release(fn);
	fn->client = server != NULL ? vuser_client_attach(server) :
				      vuser_client_connect(path, HOST_REMOTE_MS);
	if (fn->client == NULL)
		ret = -errno;
	else
		ret = fn_describe(fn);
	host_lock_retake(fn);
	return ret;
}
