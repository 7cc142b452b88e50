/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Open a VF, find what it offers, and keep the list of devices. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio/vio_ctrl.h"
#include "virtio/vio_err.h"
#include "virtio_spec/net.h"
#include "vdpa_dev.h"

static TAILQ_HEAD(, vdpa_dev) devices = TAILQ_HEAD_INITIALIZER(devices);
static pthread_mutex_t devices_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t devices_put = PTHREAD_COND_INITIALIZER;

/* ------------------------------------------------------------------ configuration space */

#define FIELD(field, width, count, feature)                                      \
	{                                                                        \
		offsetof(struct virtio_net_config, field), width, count, feature \
	}
static const struct vio_config_field fields[] = {
	FIELD(mac, 1, 6, VIRTIO_NET_F_MAC),
	FIELD(status, 2, 1, VIRTIO_NET_F_STATUS),
	FIELD(max_virtqueue_pairs, 2, 1, VIRTIO_NET_F_MQ),
	FIELD(mtu, 2, 1, VIRTIO_NET_F_MTU),
	FIELD(speed, 4, 1, VIRTIO_NET_F_SPEED_DUPLEX),
	FIELD(duplex, 1, 1, VIRTIO_NET_F_SPEED_DUPLEX),
};

static_assert(sizeof(struct virtio_net_config) == VDPA_CONFIG_BYTES, "configuration space");

int
vdpa_dev_config_read(struct vdpa_dev *dev)
{
	struct virtio_net_config config = {
		.status = rte_cpu_to_le_16(VIRTIO_NET_S_LINK_UP),
		.max_virtqueue_pairs = rte_cpu_to_le_16(1),
		.speed = rte_cpu_to_le_32(VIRTIO_NET_SPEED_UNKNOWN),
		.duplex = VIRTIO_NET_DUPLEX_UNKNOWN,
	};
	const int ret = vio_dev_config_read(&dev->vio, fields, RTE_DIM(fields), &config);

	if (ret != 0)
		return ret;
	memcpy(dev->config.raw, &config, sizeof(config));
	memcpy(dev->config.mac, config.mac, sizeof(config.mac));
	dev->config.link_up = (rte_le_to_cpu_16(config.status) & VIRTIO_NET_S_LINK_UP) != 0;
	dev->config.mtu = rte_le_to_cpu_16(config.mtu);
	dev->config.max_pairs = rte_le_to_cpu_16(config.max_virtqueue_pairs);
	dev->config.speed = rte_le_to_cpu_32(config.speed);
	return 0;
}

/* ------------------------------------------------------------------ open and close */

/* Queue pairs that the VF says it has, as far as it has the queues. */
static uint16_t
pairs_of(const struct vdpa_dev *dev)
{
	const uint16_t had = dev->vio.num_queues / 2;

	return RTE_MAX(RTE_MIN(RTE_MIN(dev->config.max_pairs, had), VDPA_PAIRS_MAX), 1);
}

static int
offer_read(struct vdpa_dev *dev)
{
	const struct vio_features wanted = VIO_FEATURES(VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ,
			VIRTIO_NET_F_STATUS, VIRTIO_NET_F_MAC, VIRTIO_NET_F_SPEED_DUPLEX);
	const struct vio_features needed = VIO_FEATURES(VIRTIO_F_ACCESS_PLATFORM);
	int ret;

	ret = vio_dev_negotiate(&dev->vio, &wanted, &needed);
	if (ret != 0)
		return ret;
	dev->device = dev->vio.offered;
	ret = vdpa_dev_config_read(dev);
	if (ret != 0)
		return ret;
	dev->max_pairs = pairs_of(dev);
	if (vio_dev_queue_max(&dev->vio, 0) == 0 || vio_dev_queue_max(&dev->vio, 1) == 0)
		return vio_fail(-EPROTO, "the device has no pair of queues");
	if (dev->vfio.t.nb_vectors == 0)
		return vio_fail(-ENOTSUP, "the device has no MSI-X");
	return 0;
}

void *
vdpa_pages_get(size_t len)
{
	const int fd = memfd_create("vdpa_vsr", MFD_CLOEXEC);
	void *pages = MAP_FAILED;

	if (fd >= 0 && ftruncate(fd, (off_t)len) == 0)
		pages = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd >= 0)
		close(fd);
	return pages == MAP_FAILED ? NULL : pages;
}

/* VFIO maps whole pages for DMA, and a guest can let the VF read and write all that is mapped. So
 * the control queue has pages of its own. */
static int
memory_create(struct vdpa_dev *dev)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t bytes = RTE_MAX(vio_cmdq_bytes(VDPA_CMDQ_SIZE, false, VDPA_CMDQ_DEPTH,
						     VDPA_CMDQ_SLOT),
			vio_cmdq_bytes(VDPA_CMDQ_SIZE, true, VDPA_CMDQ_DEPTH, VDPA_CMDQ_SLOT));

	dev->memory_len = RTE_MAX(rte_align64pow2(bytes), page);
	dev->memory = vdpa_pages_get(dev->memory_len);
	return dev->memory != NULL ? 0 : vio_fail(-ENOMEM, "no memory for a control queue");
}

static int
events_create(struct vdpa_dev *dev)
{
	dev->config_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dev->request_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	dev->shared_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (dev->config_fd < 0 || dev->request_fd < 0 || dev->shared_fd < 0)
		return vio_fail(-errno, "no event descriptor: %s", strerror(errno));
	return 0;
}

struct vdpa_dev *
vdpa_dev_create(const char *name, const char *sysfs_root)
{
	struct vdpa_dev *dev = calloc(1, sizeof(*dev));

	if (dev == NULL)
		return NULL;
	snprintf(dev->name, sizeof(dev->name), "%s", name);
	dev->sysfs_root = sysfs_root;
	dev->vfio.container = dev->vfio.group = dev->vfio.device = -1;
	dev->shared.fd = dev->shared_fd = -1;
	dev->config_fd = dev->request_fd = dev->vid = dev->cmd_slot = -1;
	pthread_mutex_init(&dev->lock, NULL);
	pthread_cond_init(&dev->notified, NULL);
	return dev;
}

void
vdpa_dev_free(struct vdpa_dev *dev)
{
	if (dev->memory != NULL)
		munmap(dev->memory, dev->memory_len);
	if (dev->config_fd >= 0)
		close(dev->config_fd);
	if (dev->request_fd >= 0)
		close(dev->request_fd);
	if (dev->shared_fd >= 0)
		close(dev->shared_fd);
	pthread_cond_destroy(&dev->notified);
	pthread_mutex_destroy(&dev->lock);
	free(dev->queues);
	free(dev);
}

static int
vfio_open(struct vdpa_dev *dev)
{
	const char *token = dev->args.vf_token[0] == '\0' ? NULL : dev->args.vf_token;
	int ret;

	ret = vio_vfio_open(&dev->vfio, dev->sysfs_root, dev->name, token);
	if (ret != 0)
		return ret;
	/* Without: doorbells are system calls. */
	vio_vfio_doorbells_map(&dev->vfio);
	/* Without: the kernel waits until the application ends. */
	vio_vfio_on_request(&dev->vfio, dev->request_fd);
	vio_dev_init(&dev->vio, &dev->vfio.t);
	return 0;
}

static int
queues_create(struct vdpa_dev *dev)
{
	dev->queues = calloc(vdpa_nb_queues(dev), sizeof(*dev->queues));
	if (dev->queues == NULL)
		return vio_fail(-ENOMEM, "no memory");
	for (unsigned int i = 0; i < vdpa_nb_queues(dev); i++)
		dev->queues[i] = (struct vdpa_queue){ .dev = dev,
			.index = (uint16_t)i,
			.ring = { .kick_fd = -1, .call_fd = -1 },
			.kick.fd = -1,
			.intr.fd = -1,
			.intr_fd = -1 };
	return 0;
}

int
vdpa_dev_open(struct vdpa_dev *dev)
{
	int ret;

	ret = events_create(dev);
	if (ret == 0)
		ret = memory_create(dev);
	if (ret == 0)
		ret = vfio_open(dev);
	if (ret != 0)
		return ret;
	dev->vio.timeout_us = dev->args.reset_timeout_ms * 1000;
	ret = offer_read(dev);
	if (ret == 0)
		ret = vio_dev_reset(&dev->vio);
	if (ret == 0)
		ret = queues_create(dev);
	if (ret != 0)
		vio_vfio_close(&dev->vfio);
	return ret;
}

int
vdpa_dev_reopen(struct vdpa_dev *dev)
{
	vio_vfio_close(&dev->vfio);
	return vfio_open(dev);
}

void
vdpa_dev_close(struct vdpa_dev *dev)
{
	vio_vfio_close(&dev->vfio);
}

/* ------------------------------------------------------------------ the list */

void
vdpa_dev_list_add(struct vdpa_dev *dev)
{
	pthread_mutex_lock(&devices_lock);
	TAILQ_INSERT_TAIL(&devices, dev, next);
	pthread_mutex_unlock(&devices_lock);
}

void
vdpa_dev_list_del(struct vdpa_dev *dev)
{
	pthread_mutex_lock(&devices_lock);
	TAILQ_REMOVE(&devices, dev, next);
	while (dev->refs != 0)
		pthread_cond_wait(&devices_put, &devices_lock);
	pthread_mutex_unlock(&devices_lock);
}

/* With the lock of the list held. */
static struct vdpa_dev *
held(struct vdpa_dev *dev)
{
	if (dev != NULL)
		dev->refs++;
	return dev;
}

static void
unheld(struct vdpa_dev *dev)
{
	if (--dev->refs == 0)
		pthread_cond_broadcast(&devices_put);
}

struct vdpa_dev *
vdpa_dev_get(const struct rte_vdpa_device *vdpa)
{
	struct vdpa_dev *dev;

	pthread_mutex_lock(&devices_lock);
	TAILQ_FOREACH(dev, &devices, next)
	if (dev->vdpa == vdpa && vdpa != NULL)
		break;
	held(dev);
	pthread_mutex_unlock(&devices_lock);
	return dev;
}

struct vdpa_dev *
vdpa_dev_get_name(const char *name)
{
	struct vdpa_dev *dev;

	pthread_mutex_lock(&devices_lock);
	TAILQ_FOREACH(dev, &devices, next)
	if (strcmp(dev->name, name) == 0)
		break;
	held(dev);
	pthread_mutex_unlock(&devices_lock);
	return dev;
}

struct vdpa_dev *
vdpa_dev_get_next(struct vdpa_dev *dev)
{
	struct vdpa_dev *after, *d;

	pthread_mutex_lock(&devices_lock);
	after = dev == NULL ? TAILQ_FIRST(&devices) : NULL;
	/* A device that was removed meanwhile ends the walk. */
	TAILQ_FOREACH(d, &devices, next)
	if (d == dev)
		after = TAILQ_NEXT(d, next);
	held(after);
	if (dev != NULL)
		unheld(dev);
	pthread_mutex_unlock(&devices_lock);
	return after;
}

void
vdpa_dev_put(struct vdpa_dev *dev)
{
	pthread_mutex_lock(&devices_lock);
	unheld(dev);
	pthread_mutex_unlock(&devices_lock);
}
