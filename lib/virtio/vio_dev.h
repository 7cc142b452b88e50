/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_DEV_H
#define VIO_DEV_H

/**
 * @file
 * Initialize, configure and reset a virtio device.
 *
 * The functions are in the order of virtio 1.4 3.1.1 "Driver Requirements: Device Initialization";
 * the step of that list is named at each. Every wait ends at a deadline. Needs no EAL. One thread
 * at a time per device. On failure vio_err() explains why.
 */

#include "virtio_spec/pci.h"
#include "vio_features.h"
#include "vio_transport.h"

#define VIO_DEV_TIMEOUT_US 2000000 /**< Timeout of a reset, of the device or of a queue. */
#define VIO_DEV_SLOW_US 2000000 /**< A slow reset takes longer than this. */

/** One device; set up by vio_dev_init(). */
struct vio_dev {
	struct vio_transport *t;
	struct vio_features offered; /**< Offered by the device at the last negotiation. */
	struct vio_features accepted; /**< Negotiated. */
	uint16_t num_queues; /**< Virtqueues without admin queues; valid after negotiation. */
	uint16_t admin_index; /**< First admin queue, with ADMIN_VQ. */
	uint16_t num_admin; /**< Admin queues; 0 without ADMIN_VQ or if invalid. */
	uint32_t timeout_us; /**< Of a reset, of the device or of a queue; may be changed. */
	/** A reset was begun and is not finished: the device may access all memory that it was ever
	 * given. No queue memory may be freed or used again. */
	bool resetting;
	uint32_t slow_us; /**< A reset that takes longer than this is slow; may be changed. */
	/** Called once in each slow reset that is still waited for; may be NULL. */
	void (*on_slow_reset)(void *arg);
	void *on_slow_reset_arg;
};

/** The feature was negotiated. */
static inline bool
vio_dev_has(const struct vio_dev *dev, unsigned int bit)
{
	return vio_features_has(&dev->accepted, bit);
}

/** At the last negotiation the device offered SR_IOV without an SR-IOV capability: a fault of the
 * device. The driver does not accept the feature (virtio 1.4 6.1, 6.2 "Reserved Feature Bits"). */
static inline bool
vio_dev_sriov_stray(const struct vio_dev *dev)
{
	return !dev->t->sriov && vio_features_has(&dev->offered, VIRTIO_F_SR_IOV);
}

/** Initialise the structure. The transport must outlive it. Accesses no register. */
void vio_dev_init(struct vio_dev *dev, struct vio_transport *t);

/** Read the device status; 0xff if the device is gone. */
uint8_t vio_dev_status(struct vio_dev *dev);

/**
 * Step 1: reset the device and wait for the end of the reset. Afterwards it accesses no memory.
 * After a timeout, a later call waits for the device again.
 * @return 0, -ETIMEDOUT (dev->resetting is set), or -ENODEV (all registers read as ones).
 */
int vio_dev_reset(struct vio_dev *dev);

/** Step 1 for a thread that may not wait: begin a reset. */
void vio_dev_reset_begin(struct vio_dev *dev);
/** @return 0: the reset has ended; -EAGAIN: not yet; -ENODEV as vio_dev_reset(). */
int vio_dev_reset_check(struct vio_dev *dev);

/**
 * Steps 1 to 6: reset, ACKNOWLEDGE, DRIVER, agree on features, FEATURES_OK.
 *
 * @param wanted  Bits to accept when offered; left out are bits without their
 *                prerequisites, and bits whose registers the device lacks.
 * @param needed  Bits that the device must offer, in addition to VIRTIO_F_VERSION_1; may be NULL.
 * @return 0, -ETIMEDOUT or -ENODEV as vio_dev_reset(), -EOPNOTSUPP (a needed bit is not
 *         offered), or -ECONNREFUSED (the device cleared FEATURES_OK). In the last two cases
 *         the FAILED bit is set.
 */
int vio_dev_negotiate(struct vio_dev *dev, const struct vio_features *wanted,
		const struct vio_features *needed);

/** Steps 2 to 6, after a reset. @return as vio_dev_negotiate(), which does step 1 as well. */
int vio_dev_agree(struct vio_dev *dev, const struct vio_features *wanted,
		const struct vio_features *needed);

/** A field of the device configuration, read at its natural width. */
struct vio_config_field {
	uint16_t offset; /**< In the region, and in the structure that is filled. */
	uint8_t width; /**< 1, 2 or 4 bytes. */
	uint8_t count; /**< Elements. */
	int feature; /**< Offered bit without which the field does not exist; -1: none. */
};

/**
 * Read fields of the device configuration consistently (virtio 1.4 2.5.1). Fields whose feature is
 * not offered, or that the device lacks, are not read.
 *
 * @param out  Out: each field at its offset, little-endian as on the wire.
 * @return 0, or -ETIMEDOUT: the configuration changed during every try.
 */
int vio_dev_config_read(struct vio_dev *dev, const struct vio_config_field *fields,
		size_t nb_fields, void *out);

/** Largest size of a queue in descriptors; 0: no such queue. Call only before the queue is set
 * up. */
uint16_t vio_dev_queue_max(struct vio_dev *dev, uint16_t queue);

/** Parameters of a queue. */
struct vio_queue_setup {
	uint16_t size; /**< Descriptors. */
	uint16_t vector; /**< MSI-X vector or VIRTIO_MSI_NO_VECTOR. */
	uint64_t desc, driver, device; /**< Bus addresses of the three areas. */
};

/** Doorbell of a queue: its address, and the value to write. */
struct vio_doorbell {
	volatile void *addr; /**< NULL: not mapped, write through the transport. */
	uint32_t offset; /**< In region VIO_NOTIFY. */
	uint16_t id; /**< Queue index, or value chosen by the device (NOTIF_CONFIG_DATA). */
};

/**
 * Step 7: set up a queue and enable it; also after a queue reset. The caller has zeroed the memory
 * and keeps it until a reset.
 *
 * @param doorbell  Out.
 * @return 0, -ENOENT (no such queue), -EINVAL (size), -ENOSPC (the device refused the vector),
 *         -EPROTO (the doorbell is outside of its region, or the device refused the size).
 */
int vio_dev_queue_setup(struct vio_dev *dev, uint16_t queue, const struct vio_queue_setup *setup,
		struct vio_doorbell *doorbell);

/**
 * Reset a queue (virtio 1.4 2.6.1 "Virtqueue Reset"). Afterwards the device does not access its
 * memory.
 * @return 0, -EOPNOTSUPP (RING_RESET not negotiated), -ETIMEDOUT, or -ENODEV.
 */
int vio_dev_queue_reset(struct vio_dev *dev, uint16_t queue);

/**
 * Step 7: set the vector for configuration changes.
 * @return 0, or -ENOSPC: the device refused the vector.
 */
int vio_dev_config_vector(struct vio_dev *dev, uint16_t vector);

/** Step 8: set DRIVER_OK. Doorbells are allowed from here on. */
void vio_dev_driver_ok(struct vio_dev *dev);

/** Set FAILED: the driver has given up on the device. */
void vio_dev_fail(struct vio_dev *dev);

#endif /* VIO_DEV_H */
