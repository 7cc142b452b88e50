/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Open a VF, find what it offers, and keep the list of devices. */

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_common.h>

#include "virtio/vio_err.h"
#include "virtio_spec/net.h"
#include "vdpa_dev.h"

static TAILQ_HEAD(, vdpa_dev) devices = TAILQ_HEAD_INITIALIZER(devices);
static pthread_mutex_t devices_lock = PTHREAD_MUTEX_INITIALIZER;

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

static_assert(sizeof(struct virtio_net_config) == VDPA_CONFIG_BYTES, "configuration space");

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
	return 0;
}

int
vdpa_dev_open(struct vdpa_dev *dev, const char *sysfs_root)
{
	const char *token = dev->args.vf_token[0] == '\0' ? NULL : dev->args.vf_token;
	int ret;

	ret = vio_vfio_open(&dev->vfio, sysfs_root, dev->name, token);
	if (ret != 0)
		return ret;
	vio_dev_init(&dev->vio, &dev->vfio.t);
	dev->vio.timeout_us = dev->args.reset_timeout_ms * 1000;
	ret = offer_read(dev);
	if (ret == 0)
		ret = vio_dev_reset(&dev->vio);
	if (ret != 0)
		vio_vfio_close(&dev->vfio);
	return ret;
}

void
vdpa_dev_close(struct vdpa_dev *dev)
{
	vio_vfio_close(&dev->vfio);
}

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
	pthread_mutex_unlock(&devices_lock);
}

struct vdpa_dev *
vdpa_dev_find(const struct rte_vdpa_device *vdpa)
{
	struct vdpa_dev *dev;

	pthread_mutex_lock(&devices_lock);
	TAILQ_FOREACH(dev, &devices, next)
	if (dev->vdpa == vdpa)
		return dev;
	pthread_mutex_unlock(&devices_lock);
	return NULL;
}

struct vdpa_dev *
vdpa_dev_find_name(const char *name)
{
	struct vdpa_dev *dev;

	pthread_mutex_lock(&devices_lock);
	TAILQ_FOREACH(dev, &devices, next)
	if (strcmp(dev->name, name) == 0)
		return dev;
	pthread_mutex_unlock(&devices_lock);
	return NULL;
}

void
vdpa_dev_list_unlock(void)
{
	pthread_mutex_unlock(&devices_lock);
}
