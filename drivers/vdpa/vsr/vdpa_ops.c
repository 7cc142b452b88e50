/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The operations that rte_vhost calls, most of them in its one thread for the messages of all
 * guests. */

#include <errno.h>
#include <string.h>

#include "base/vdpa_features.h"
#include "vdpa_ops.h"

RTE_LOG_REGISTER(vdpa_logtype, pmd.vdpa.vsr, NOTICE);

#define CONFIG_BYTES_MAX 256 /* Room in a message of vhost-user. */
#define PROTO(name) (UINT64_C(1) << VHOST_USER_PROTOCOL_F_##name)

/* rte_vhost counts pairs. */
static int
op_get_queue_num(struct rte_vdpa_device *vdpa, uint32_t *queue_num)
{
	const struct vdpa_dev *dev = vdpa_dev_find(vdpa);

	if (dev == NULL)
		return -ENODEV;
	*queue_num = dev->max_pairs;
	vdpa_dev_list_unlock();
	return 0;
}

static int
op_get_features(struct rte_vdpa_device *vdpa, uint64_t *features)
{
	const struct vdpa_dev *dev = vdpa_dev_find(vdpa);

	if (dev == NULL)
		return -ENODEV;
	*features = vdpa_features_offered(&dev->device);
	vdpa_dev_list_unlock();
	return 0;
}

static int
op_get_protocol_features(struct rte_vdpa_device *vdpa, uint64_t *features)
{
	*features = PROTO(MQ) | PROTO(LOG_SHMFD) | PROTO(REPLY_ACK) | PROTO(NET_MTU) |
			PROTO(SLAVE_REQ) | PROTO(SLAVE_SEND_FD) | PROTO(HOST_NOTIFIER) |
			PROTO(CONFIG) | PROTO(STATUS);
	return 0;
}

/* rte_vhost does not check the size, which the front end chose. */
static int
op_get_config(int vid, uint8_t *config, uint32_t size)
{
	struct vdpa_dev *dev;

	if (size > CONFIG_BYTES_MAX)
		return -EINVAL;
	dev = vdpa_dev_find(rte_vhost_get_vdpa_device(vid));
	if (dev == NULL)
		return -ENODEV;
	memset(config, 0, size);
	memcpy(config, dev->config.raw, RTE_MIN(size, VDPA_CONFIG_BYTES));
	vdpa_dev_list_unlock();
	return 0;
}

/* A guest changes no field: its MAC address belongs to the front end. */
static int
op_set_config(int vid, uint8_t *config, uint32_t offset, uint32_t size, uint32_t flags)
{
	return -EOPNOTSUPP;
}

static int
op_get_dev_type(struct rte_vdpa_device *vdpa, uint32_t *type)
{
	*type = RTE_VHOST_VDPA_DEVICE_TYPE_NET;
	return 0;
}

static int
op_dev_conf(int vid)
{
	return -EOPNOTSUPP;
}

static int
op_dev_close(int vid)
{
	return 0;
}

static int
op_set_vring_state(int vid, int vring, int state)
{
	return 0;
}

static int
op_set_features(int vid)
{
	return 0;
}

struct rte_vdpa_dev_ops vdpa_ops = {
	.get_queue_num = op_get_queue_num,
	.get_features = op_get_features,
	.get_protocol_features = op_get_protocol_features,
	.dev_conf = op_dev_conf,
	.dev_close = op_dev_close,
	.set_vring_state = op_set_vring_state,
	.set_features = op_set_features,
	.get_config = op_get_config,
	.set_config = op_set_config,
	.get_dev_type = op_get_dev_type,
};
