/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_DEV_H
#define VDPA_DEV_H

/**
 * @file
 * A VF of this driver, and the list of all of them.
 */

#include <pthread.h>
#include <sys/queue.h>

#include "virtio/vio_dev.h"
#include "virtio/vio_vfio.h"
#include "vdpa_args.h"
#include "vdpa_log.h"

#define VDPA_NAME_LEN 32
#define VDPA_PAIRS_MAX 128 /**< Most queue pairs of a guest in rte_vhost. */
/* Not virtio_spec/net.h: rte_vhost.h, which some files need, has the structures of Linux. */
#define VDPA_CONFIG_BYTES 28 /**< Bytes of the configuration space that guests see. */

struct rte_vdpa_device;

/** Configuration space of a VF. */
struct vdpa_config {
	uint8_t raw[VDPA_CONFIG_BYTES]; /**< As on the wire. */
	uint8_t mac[6];
	bool link_up; /**< True if the VF does not say. */
	uint16_t mtu; /**< 0: the VF does not say. */
	uint16_t max_pairs;
	uint32_t speed; /**< Mb/s; UINT32_MAX: unknown. */
};

struct vdpa_dev {
	TAILQ_ENTRY(vdpa_dev) next; /**< In the list of devices, with its lock held. */
	char name[VDPA_NAME_LEN]; /**< PCI address. */
	struct rte_vdpa_device *vdpa;
	struct vdpa_args args;
	struct vio_vfio vfio;
	struct vio_dev vio;
	struct vio_features device; /**< What the VF offers. */
	struct vdpa_config config; /**< As last read. */
	uint16_t max_pairs;
};

/**
 * Open the VF behind dev->name, with dev->args, and read what it offers. The VF is reset
 * afterwards.
 * @return 0, or as vio_vfio_open(), vio_dev_negotiate() and vio_dev_config_read(); vio_err()
 *         explains why.
 */
int vdpa_dev_open(struct vdpa_dev *dev, const char *sysfs_root);
void vdpa_dev_close(struct vdpa_dev *dev);

/** Read the configuration space of the VF into dev->config. @return 0 or -ETIMEDOUT. */
int vdpa_dev_config_read(struct vdpa_dev *dev);

void vdpa_dev_list_add(struct vdpa_dev *dev);
void vdpa_dev_list_del(struct vdpa_dev *dev);
/** Find a device. @return the device with the lock of the list held, or NULL without it. */
struct vdpa_dev *vdpa_dev_find(const struct rte_vdpa_device *vdpa);
struct vdpa_dev *vdpa_dev_find_name(const char *name);
void vdpa_dev_list_unlock(void);

#endif /* VDPA_DEV_H */
