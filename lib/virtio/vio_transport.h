/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_TRANSPORT_H
#define VIO_TRANSPORT_H

/**
 * @file
 * How the driver side reaches the registers of one virtio function.
 *
 * Four regions, as the vendor capabilities name them (virtio 1.4 4.1.4), read and written at
 * natural width, and the address of a doorbell where it is mapped. Implementations: mapped BARs
 * (vio_pci.h), VFIO reads and writes without EAL (vio_vfio.h), and whatever a test brings.
 * Not for bursts; one thread at a time per function.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <rte_pause.h>

/** What a vendor capability points at. */
enum vio_region {
	VIO_COMMON, /**< struct virtio_pci_common_cfg. */
	VIO_ISR, /**< One byte. */
	VIO_DEVICE, /**< Configuration of the device type. */
	VIO_NOTIFY, /**< Doorbells. */
	VIO_NB_REGIONS,
};

struct vio_transport;

struct vio_transport_ops {
	/** Read 1, 2 or 4 bytes, inside the region and aligned: the caller has checked. */
	uint32_t (*read)(struct vio_transport *t, enum vio_region region, uint32_t offset,
			unsigned int width);
	/** Write 1, 2 or 4 bytes, checked likewise. */
	void (*write)(struct vio_transport *t, enum vio_region region, uint32_t offset,
			unsigned int width, uint32_t value);
	/** Address of a doorbell, offset into VIO_NOTIFY; NULL: not mapped, use write(). */
	volatile void *(*doorbell)(struct vio_transport *t, uint32_t offset);
	/** Called over and over while the driver waits for the device; NULL: sleep instead. */
	void (*idle)(struct vio_transport *t);
};

/** One function; embedded first in what an implementation keeps. */
struct vio_transport {
	const struct vio_transport_ops *ops;
	uint32_t len[VIO_NB_REGIONS]; /**< Bytes; 0: the region is absent. */
	uint32_t notify_multiplier; /**< Bytes per unit of queue_notify_off. */
	uint16_t nb_vectors; /**< MSI-X vectors; 0: none. */
	bool sriov; /**< It has an SR-IOV capability: a PF. */
};

static inline bool
vio_in_region(const struct vio_transport *t, enum vio_region region, uint32_t offset,
		unsigned int width)
{
	return offset % width == 0 && (uint64_t)offset + width <= t->len[region];
}

/** Read a register; all ones outside of the region, as a bus would say. */
static inline uint32_t
vio_read(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width)
{
	if (!vio_in_region(t, region, offset, width))
		return UINT32_MAX >> (32 - 8 * width);
	return t->ops->read(t, region, offset, width);
}

/** Write a register; nothing happens outside of the region. */
static inline void
vio_write(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
	if (vio_in_region(t, region, offset, width))
		t->ops->write(t, region, offset, width, value);
}

/** A moment after which waiting ends. */
struct vio_deadline {
	uint64_t end_ns; /**< CLOCK_MONOTONIC. */
	unsigned int rounds;
};

static inline uint64_t
vio_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static inline struct vio_deadline
vio_deadline_in(uint32_t timeout_us)
{
	return (struct vio_deadline){ .end_ns = vio_now_ns() + (uint64_t)timeout_us * 1000 };
}

/**
 * Pass a little time: `while (!done) if (!vio_wait(t, &deadline)) return -ETIMEDOUT;`
 * Spins at first, for answers that come at once, then sleeps.
 * @return false when the deadline has passed.
 */
static inline bool
vio_wait(struct vio_transport *t, struct vio_deadline *deadline)
{
	if (vio_now_ns() >= deadline->end_ns)
		return false;
	if (t->ops->idle != NULL)
		t->ops->idle(t);
	else if (deadline->rounds++ < 200)
		rte_pause();
	else
		usleep(20);
	return true;
}

#endif /* VIO_TRANSPORT_H */
