/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_TRANSPORT_H
#define VIO_TRANSPORT_H

/**
 * @file
 * Access to the registers of one virtio function.
 *
 * A transport reads and writes the four regions of the vendor capabilities (virtio 1.4 4.1.4) at
 * natural width, and gives the address of a mapped doorbell. Implementations: mapped BARs
 * (vio_pci.h), VFIO reads and writes without EAL (vio_vfio.h), and the transports of tests.
 * Not for bursts; one thread at a time per function.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <rte_pause.h>

/** Region of registers, one per type of vendor capability. */
enum vio_region {
	VIO_COMMON, /**< struct virtio_pci_common_cfg. */
	VIO_ISR, /**< One byte. */
	VIO_DEVICE, /**< Configuration of the device type. */
	VIO_NOTIFY, /**< Doorbells. */
	VIO_NB_REGIONS,
};

struct vio_transport;

struct vio_transport_ops {
	/** Read 1, 2 or 4 bytes; the caller has checked region and alignment. */
	uint32_t (*read)(struct vio_transport *t, enum vio_region region, uint32_t offset,
			unsigned int width);
	/** Write 1, 2 or 4 bytes; the caller has checked region and alignment. */
	void (*write)(struct vio_transport *t, enum vio_region region, uint32_t offset,
			unsigned int width, uint32_t value);
	/** Address of a doorbell, offset into VIO_NOTIFY; NULL: not mapped, use write(). */
	volatile void *(*doorbell)(struct vio_transport *t, uint32_t offset);
	/** Called repeatedly while the driver waits for the device; NULL: sleep instead. */
	void (*idle)(struct vio_transport *t);
};

/** One function; the first member of the structure of an implementation. */
struct vio_transport {
	const struct vio_transport_ops *ops;
	uint32_t len[VIO_NB_REGIONS]; /**< Bytes; 0: the region is absent. */
	uint32_t notify_multiplier; /**< Bytes per unit of queue_notify_off. */
	uint16_t nb_vectors; /**< MSI-X vectors; 0: none. */
	bool sriov; /**< The function has an SR-IOV capability: it is a PF. */
};

static inline bool
vio_in_region(const struct vio_transport *t, enum vio_region region, uint32_t offset,
		unsigned int width)
{
	return offset % width == 0 && (uint64_t)offset + width <= t->len[region];
}

/** Read a register; all ones outside of the region, as on a PCI bus. */
static inline uint32_t
vio_read(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width)
{
	if (!vio_in_region(t, region, offset, width))
		return UINT32_MAX >> (32 - 8 * width);
	return t->ops->read(t, region, offset, width);
}

/** Write a register; ignored outside of the region. */
static inline void
vio_write(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
	if (vio_in_region(t, region, offset, width))
		t->ops->write(t, region, offset, width, value);
}

/** Time at which a wait ends. */
struct vio_deadline {
	uint64_t end_ns; /**< CLOCK_MONOTONIC. */
	unsigned int rounds; /**< Calls of vio_wait() so far. */
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
 * Wait a little: `while (!done) if (!vio_wait(t, &deadline)) return -ETIMEDOUT;`
 * Spins at first, since most answers come at once, then sleeps.
 * @return false if the deadline has passed.
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
