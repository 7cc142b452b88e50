/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The operations that rte_vhost calls, most of them in its one thread for the messages of all
 * guests. */

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/vdpa_features.h"
#include "vdpa_guest.h"
#include "vdpa_notify.h"
#include "vdpa_ops.h"

RTE_LOG_REGISTER(vdpa_logtype, pmd.vdpa.vsr, NOTICE);

#define CONFIG_BYTES_MAX 256 /* Room in a message of vhost-user. */
#define PROTO(name) (UINT64_C(1) << VHOST_USER_PROTOCOL_F_##name)

/* ------------------------------------------------------------------ what the device is */

/* rte_vhost counts pairs. */
static int
op_get_queue_num(struct rte_vdpa_device *vdpa, uint32_t *queue_num)
{
	struct vdpa_dev *dev = vdpa_dev_get(vdpa);

	if (dev == NULL)
		return -ENODEV;
	*queue_num = dev->max_pairs;
	vdpa_dev_put(dev);
	return 0;
}

static int
op_get_features(struct rte_vdpa_device *vdpa, uint64_t *features)
{
	struct vdpa_dev *dev = vdpa_dev_get(vdpa);

	if (dev == NULL)
		return -ENODEV;
	*features = vdpa_features_offered(&dev->device);
	vdpa_dev_put(dev);
	return 0;
}

static int
op_get_protocol_features(struct rte_vdpa_device *vdpa, uint64_t *features)
{
	*features = PROTO(MQ) | PROTO(REPLY_ACK) | PROTO(NET_MTU) | PROTO(SLAVE_REQ) |
			PROTO(SLAVE_SEND_FD) | PROTO(HOST_NOTIFIER) | PROTO(CONFIG) |
			PROTO(STATUS) | PROTO(LOG_SHMFD);
	return 0;
}

static int
op_get_dev_type(struct rte_vdpa_device *vdpa, uint32_t *type)
{
	*type = RTE_VHOST_VDPA_DEVICE_TYPE_NET;
	return 0;
}

/* ------------------------------------------------------------------ a guest */

/* The device of a guest, locked; NULL: none. */
static struct vdpa_dev *
dev_lock(int vid)
{
	struct vdpa_dev *dev = vdpa_dev_get(rte_vhost_get_vdpa_device(vid));

	if (dev != NULL)
		pthread_mutex_lock(&dev->lock);
	return dev;
}

static void
dev_unlock(struct vdpa_dev *dev)
{
	pthread_mutex_unlock(&dev->lock);
	vdpa_dev_put(dev);
}

/* rte_vhost does not check the size, which the front end chose. */
static int
op_get_config(int vid, uint8_t *config, uint32_t size)
{
	struct vdpa_dev *dev;

	if (size > CONFIG_BYTES_MAX)
		return -EINVAL;
	dev = dev_lock(vid);
	if (dev == NULL)
		return -ENODEV;
	memset(config, 0, size);
	memcpy(config, dev->config.raw, RTE_MIN(size, VDPA_CONFIG_BYTES));
	dev_unlock(dev);
	return 0;
}

/* A guest changes no field: its MAC address belongs to the front end. */
static int
op_set_config(int vid, uint8_t *config, uint32_t offset, uint32_t size, uint32_t flags)
{
	return -EOPNOTSUPP;
}

static int
op_dev_conf(int vid)
{
	struct vdpa_dev *dev = dev_lock(vid);
	int ret;

	if (dev == NULL)
		return -ENODEV;
	ret = vdpa_guest_ready(dev, vid);
	dev_unlock(dev);
	return ret;
}

static int
op_dev_close(int vid)
{
	struct vdpa_dev *dev = dev_lock(vid);

	if (dev == NULL)
		return -ENODEV;
	vdpa_guest_stop(dev, vid, false);
	dev_unlock(dev);
	return 0;
}

/* The connection ends. */
static int
op_dev_cleanup(int vid)
{
	struct vdpa_dev *dev = dev_lock(vid);

	if (dev == NULL)
		return -ENODEV;
	vdpa_guest_stop(dev, vid, true);
	for (unsigned int i = 0; dev->vid < 0 && i < vdpa_nb_queues(dev); i++)
		dev->queues[i].enabled = false;
	dev_unlock(dev);
	return 0;
}

static int
op_set_vring_state(int vid, int vring, int state)
{
	struct vdpa_dev *dev;

	dev = dev_lock(vid);
	if (dev == NULL)
		return -ENODEV;
	if (vring >= 0 && (unsigned int)vring < vdpa_nb_queues(dev)) {
		dev->queues[vring].enabled = state != 0;
		vdpa_guest_ring(dev, vid, (unsigned int)vring);
	}
	dev_unlock(dev);
	return 0;
}

/* Called while a front end is asked to map a doorbell. */
static int
op_get_vfio_device_fd(int vid)
{
	struct vdpa_dev *dev = dev_lock(vid);
	int fd;

	if (dev == NULL)
		return -ENODEV;
	fd = dev->args.host_notifier ? dev->vfio.device : -ENOTSUP;
	dev_unlock(dev);
	return fd;
}

static int
op_get_notify_area(int vid, int qid, uint64_t *offset, uint64_t *size)
{
	struct vdpa_dev *dev = dev_lock(vid);
	int ret = -ENOTSUP;

	if (dev == NULL)
		return -ENODEV;
	if (qid >= 0 && (unsigned int)qid < vdpa_nb_queues(dev) &&
			vdpa_notify_page(dev, &dev->queues[qid], offset))
		ret = 0;
	*size = (uint64_t)sysconf(_SC_PAGESIZE);
	dev_unlock(dev);
	return ret;
}

/* ------------------------------------------------------------------ its messages */

/* As VhostUserMsg of rte_vhost begins. The layout is that of the protocol. */
struct message {
	uint32_t request, flags, size;
	uint32_t index; /* In messages about rings; else anything. */
};

static enum rte_vhost_msg_result
on_message_begin(int vid, void *msg)
{
	const struct message *m = msg;
	struct vdpa_dev *dev = dev_lock(vid);

	if (dev != NULL) {
		vdpa_guest_message_begin(dev, vid, m->request);
		dev_unlock(dev);
	}
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static enum rte_vhost_msg_result
on_message_done(int vid, void *msg)
{
	const struct message *m = msg;
	struct vdpa_dev *dev = dev_lock(vid);

	if (dev != NULL) {
		vdpa_guest_message_done(dev, vid, m->request, m->index);
		dev_unlock(dev);
	}
	return RTE_VHOST_MSG_RESULT_NOT_HANDLED;
}

static const struct rte_vhost_user_extern_ops message_ops = {
	.pre_msg_handle = on_message_begin,
	.post_msg_handle = on_message_done,
};

/* The first operation for a guest: no guest runs without features. */
static int
op_set_features(int vid)
{
	struct vdpa_dev *dev = dev_lock(vid);

	if (dev == NULL)
		return -ENODEV;
	vdpa_guest_features(dev, vid);
	dev_unlock(dev);
	return rte_vhost_extern_callback_register(vid, &message_ops, NULL);
}

/* ------------------------------------------------------------------ counters */

static const char *const stat_names[] = { "doorbells", "interrupts", "relayed_buffers" };

static int
op_get_stats_names(struct rte_vdpa_device *vdpa, struct rte_vdpa_stat_name *names,
		unsigned int size)
{
	for (unsigned int i = 0; names != NULL && i < RTE_MIN(size, RTE_DIM(stat_names)); i++)
		snprintf(names[i].name, sizeof(names[i].name), "%s", stat_names[i]);
	return RTE_DIM(stat_names);
}

static uint64_t *
stat_of(struct vdpa_queue *queue, unsigned int i)
{
	uint64_t *const counters[] = { &queue->nb_doorbells, &queue->nb_interrupts,
		&queue->nb_buffers };

	return counters[i];
}

static int
op_get_stats(struct rte_vdpa_device *vdpa, int qid, struct rte_vdpa_stat *stats, unsigned int n)
{
	struct vdpa_dev *dev = vdpa_dev_get(vdpa);
	int ret = -EINVAL;

	if (dev == NULL)
		return -ENODEV;
	if (qid >= 0 && (unsigned int)qid < vdpa_nb_queues(dev)) {
		ret = (int)RTE_MIN(n, RTE_DIM(stat_names));
		for (int i = 0; i < ret; i++)
			stats[i] = (struct rte_vdpa_stat){ .id = (uint64_t)i,
				.value = __atomic_load_n(stat_of(&dev->queues[qid],
									 (unsigned int)i),
						__ATOMIC_RELAXED) };
	}
	vdpa_dev_put(dev);
	return ret;
}

static int
op_reset_stats(struct rte_vdpa_device *vdpa, int qid)
{
	struct vdpa_dev *dev = vdpa_dev_get(vdpa);
	int ret = -EINVAL;

	if (dev == NULL)
		return -ENODEV;
	if (qid >= 0 && (unsigned int)qid < vdpa_nb_queues(dev)) {
		for (unsigned int i = 0; i < RTE_DIM(stat_names); i++)
			__atomic_store_n(stat_of(&dev->queues[qid], i), 0, __ATOMIC_RELAXED);
		ret = 0;
	}
	vdpa_dev_put(dev);
	return ret;
}

struct rte_vdpa_dev_ops vdpa_ops = {
	.get_queue_num = op_get_queue_num,
	.get_features = op_get_features,
	.get_protocol_features = op_get_protocol_features,
	.dev_conf = op_dev_conf,
	.dev_close = op_dev_close,
	.dev_cleanup = op_dev_cleanup,
	.set_vring_state = op_set_vring_state,
	.set_features = op_set_features,
	.get_stats_names = op_get_stats_names,
	.get_stats = op_get_stats,
	.reset_stats = op_reset_stats,
	.get_vfio_device_fd = op_get_vfio_device_fd,
	.get_notify_area = op_get_notify_area,
	.get_config = op_get_config,
	.set_config = op_set_config,
	.get_dev_type = op_get_dev_type,
};
