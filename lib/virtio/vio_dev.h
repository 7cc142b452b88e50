/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_DEV_H
#define VIO_DEV_H

/**
 * @file
 * The life of a virtio device, seen by its driver.
 *
 * Functions stand in the order of virtio 1.4 3.1.1 "Driver Requirements: Device Initialization";
 * the step of that list is named at each. Every wait ends at a deadline. Needs no EAL. One thread
 * at a time per device. On failure vio_err() explains why.
 */

#include "virtio_spec/pci.h"
#include "vio_features.h"
#include "vio_transport.h"

#define VIO_DEV_TIMEOUT_US 2000000 /**< For a reset of the device or of a queue. */

/** One device; set up by vio_dev_init(). */
struct vio_dev {
	struct vio_transport *t;
	struct vio_features offered; /**< By the device, as of the last negotiation. */
	struct vio_features accepted; /**< What both agreed on. */
	uint16_t num_queues; /**< Without admin queues; known after negotiation. */
	uint16_t admin_index; /**< First admin queue, with ADMIN_VQ. */
	uint16_t num_admin; /**< Admin queues; 0 without ADMIN_VQ, or if their numbers cannot be. */
	uint32_t timeout_us;
};

/** The feature was negotiated. */
static inline bool
vio_dev_has(const struct vio_dev *dev, unsigned int bit)
{
	return vio_features_has(&dev->accepted, bit);
}

/** It offers SR_IOV and has no SR-IOV capability: a faulty device, whose offer is never accepted
 * (virtio 1.4 6.1, 6.2 "Reserved Feature Bits"). As of the last negotiation. */
static inline bool
vio_dev_sriov_stray(const struct vio_dev *dev)
{
	return !dev->t->sriov && vio_features_has(&dev->offered, VIRTIO_F_SR_IOV);
}

/** Start with this transport, which must outlive the device. Touches no register. */
void vio_dev_init(struct vio_dev *dev, struct vio_transport *t);

/** Device status as it reads now, 0xff when the device is gone. */
uint8_t vio_dev_status(struct vio_dev *dev);

/**
 * Step 1: reset the device and wait until it is reset. Afterwards it touches no memory.
 * @return 0, -ETIMEDOUT, or -ENODEV (registers read ones).
 */
int vio_dev_reset(struct vio_dev *dev);

/**
 * Steps 1 to 6: reset, ACKNOWLEDGE, DRIVER, agree on features, FEATURES_OK.
 *
 * @param wanted  Bits to accept when offered; those without their prerequisites, and those whose
 *                registers the device does not show, are left out.
 * @param needed  Bits without which there is no point in going on; VIRTIO_F_VERSION_1 always is.
 *                NULL: nothing else.
 * @return 0, -ETIMEDOUT or -ENODEV as vio_dev_reset(), -EOPNOTSUPP (a needed bit is not
 *         offered), or -ECONNREFUSED (FEATURES_OK did not stick). On the last two the
 *         FAILED bit is set.
 */
int vio_dev_negotiate(struct vio_dev *dev, const struct vio_features *wanted,
		const struct vio_features *needed);

/** A field of the device configuration, read at its natural width. */
struct vio_config_field {
	uint16_t offset; /**< Into the region and into the structure filled in alike. */
	uint8_t width; /**< 1, 2 or 4 bytes. */
	uint8_t count; /**< Elements. */
	int feature; /**< Offered bit that makes it exist; -1: always there. */
};

/**
 * Read fields of the device configuration so that they belong together (virtio 1.4 2.5.1).
 * Fields whose feature is not offered, or that lie behind the device's end, are left alone.
 *
 * @param out  Gets each field at its offset, little-endian as on the wire.
 * @return 0, or -ETIMEDOUT when the configuration never held still.
 */
int vio_dev_config_read(struct vio_dev *dev, const struct vio_config_field *fields,
		size_t nb_fields, void *out);

/** Largest size of a queue in descriptors, 0: no such queue. Only before it is set up. */
uint16_t vio_dev_queue_max(struct vio_dev *dev, uint16_t queue);

/** What a queue is told at set-up. */
struct vio_queue_setup {
	uint16_t size; /**< Descriptors. */
	uint16_t vector; /**< MSI-X vector or VIRTIO_MSI_NO_VECTOR. */
	uint64_t desc, driver, device; /**< Bus addresses of the three areas. */
};

/** Where the doorbell of a queue is, and what to write there. */
struct vio_doorbell {
	volatile void *addr; /**< NULL: write through the transport. */
	uint32_t offset; /**< Into VIO_NOTIFY. */
	uint16_t id; /**< Queue index, or what the device chose (NOTIF_CONFIG_DATA). */
};

/**
 * Step 7: tell the device about a queue and enable it. The memory is zeroed and stays until
 * reset. Also after a queue reset.
 *
 * @param doorbell  Out.
 * @return 0, -ENOENT (no such queue), -EINVAL (size), -ENOSPC (the device refused the vector),
 *         -EPROTO (doorbell outside of its region, or the size did not stick).
 */
int vio_dev_queue_setup(struct vio_dev *dev, uint16_t queue, const struct vio_queue_setup *setup,
		struct vio_doorbell *doorbell);

/**
 * Take a queue back (virtio 1.4 2.6.1 "Virtqueue Reset"); the device touches its memory no more.
 * @return 0, -EOPNOTSUPP (RING_RESET not negotiated), -ETIMEDOUT, or -ENODEV.
 */
int vio_dev_queue_reset(struct vio_dev *dev, uint16_t queue);

/**
 * Step 7: vector for configuration changes.
 * @return 0, or -ENOSPC when the device refused it.
 */
int vio_dev_config_vector(struct vio_dev *dev, uint16_t vector);

/** Step 8: the device is live; doorbells are allowed from here on. */
void vio_dev_driver_ok(struct vio_dev *dev);

/** Tell the device that the driver has given up. */
void vio_dev_fail(struct vio_dev *dev);

#endif /* VIO_DEV_H */
