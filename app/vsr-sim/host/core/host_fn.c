/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * What the host asks of the functions on its bus, and the locks around it.
 *
 * A function of this process answers under host->lock. One of another process may need this host
 * to answer (vsrd shows a VF that it has open here, and reaches its PF through this host too), so
 * the lock is let go meanwhile. What is done with such functions is kept in turn by another lock,
 * remote_lock, which is taken before the first and not let go: nothing else changes them, the
 * container that they are in, or its maps.
 */
#include <errno.h>
#include <linux/vfio.h>
#include <time.h>

#include "../host_priv.h"

/* This thread has remote_lock. */
static _Thread_local bool remote_held;

/* ---------------------------------------------------------------- locks */

bool
host_drop_remote(struct host *host)
{
	const bool held = remote_held;

	remote_held = false;
	if (held)
		pthread_mutex_unlock(&host->remote_lock);
	return held;
}

void
host_lock(struct host *host, bool remote)
{
	if (remote)
		pthread_mutex_lock(&host->remote_lock);
	remote_held = remote;
	pthread_mutex_lock(&host->lock);
}

void
host_unlock(struct host *host)
{
	pthread_mutex_unlock(&host->lock);
	host_drop_remote(host);
}

struct host_dev *
host_lock_dev(struct host *host, const char *bdf)
{
	struct host_dev *dev;

	host_lock(host, false);
	dev = host_find(host, bdf);
	if (dev == NULL || dev->remote == NULL)
		return dev;
	host_unlock(host);
	host_lock(host, true);
	return host_find(host, bdf);
}

bool
host_try_remote(struct host *host)
{
	/* Against the order of the two, but it does not wait. */
	remote_held = remote_held || pthread_mutex_trylock(&host->remote_lock) == 0;
	return remote_held;
}

void
host_pause(struct host *host, const struct timespec *pause)
{
	const bool remote = remote_held;

	host_unlock(host);
	nanosleep(pause, NULL);
	host_lock(host, remote);
}

/* ---------------------------------------------------------------- functions */

static void
let_go(const struct host_dev *dev)
{
	if (dev->remote != NULL)
		pthread_mutex_unlock(&dev->remote->lock);
}

static void
take_back(const struct host_dev *dev)
{
	if (dev->remote != NULL)
		pthread_mutex_lock(&dev->remote->lock);
}

int
host_fn_read(struct host_dev *dev, unsigned int region, uint64_t offset, void *data, size_t len)
{
	int ret;

	let_go(dev);
	ret = vuser_client_region_read(dev->client, region, offset, data, len);
	take_back(dev);
	return ret;
}

int
host_fn_write(struct host_dev *dev, unsigned int region, uint64_t offset, const void *data,
		size_t len)
{
	int ret;

	let_go(dev);
	ret = vuser_client_region_write(dev->client, region, offset, data, len);
	take_back(dev);
	return ret;
}

int
host_fn_irq_set_fds(struct host_dev *dev, unsigned int index, uint32_t start, uint32_t count,
		const int *fds)
{
	int ret;

	let_go(dev);
	ret = vuser_client_irq_set_fds(dev->client, index, start, count, fds);
	take_back(dev);
	return ret;
}

int
host_fn_irq_trigger(struct host_dev *dev, unsigned int index, uint32_t vector)
{
	int ret;

	let_go(dev);
	ret = vuser_client_irq_trigger(dev->client, index, vector, 1);
	take_back(dev);
	return ret;
}

int
host_fn_dma_map(struct host_dev *dev, uint64_t iova, uint64_t size, int prot, int fd,
		uint64_t offset)
{
	int ret;

	let_go(dev);
	ret = vuser_client_dma_map(dev->client, iova, size, prot, fd, offset);
	take_back(dev);
	return ret;
}

int
host_fn_dma_unmap(struct host_dev *dev, uint64_t iova, uint64_t size)
{
	int ret;

	let_go(dev);
	ret = vuser_client_dma_unmap(dev->client, iova, size);
	take_back(dev);
	return ret;
}

int
host_fn_reset(struct host_dev *dev)
{
	int ret;

	let_go(dev);
	ret = vuser_client_reset(dev->client);
	take_back(dev);
	return ret;
}

static int
fn_ask(struct host_dev *dev)
{
	uint32_t nb_regions, nb_irqs;
	int ret = vuser_client_device_info(dev->client, &dev->flags, &nb_regions, &nb_irqs);

	for (unsigned int r = 0; ret == 0 && r < HOST_NB_REGIONS; r++)
		ret = vuser_client_region_info(dev->client, r, &dev->regions[r]);
	/* REQ is the system's own: the function is not asked. */
	for (unsigned int i = 0; ret == 0 && i < VFIO_PCI_REQ_IRQ_INDEX && i < nb_irqs; i++)
		ret = vuser_client_irq_info(dev->client, i, &dev->irqs[i]);
	return ret;
}

int
host_fn_connect(struct host_dev *dev, struct vuser_server *server, const char *path)
{
	int ret = 0;

	let_go(dev);
	dev->client = server != NULL ? vuser_client_attach(server) :
				       vuser_client_connect(path, HOST_REMOTE_MS);
	if (dev->client == NULL)
		ret = -errno;
	else
		ret = fn_ask(dev);
	take_back(dev);
	return ret;
}
