/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_H
#define VSR_SIM_HOST_H

/**
 * @file
 * The part of a Linux kernel that vsr-sim plays: PCI functions, drivers bound to them, IOMMU
 * groups, vfio-pci with its containers, VF tokens and resets.
 *
 * host.c holds the state and the rules; host_sysfs.c shows it as a FUSE tree; host_vfio.c answers
 * the requests of preloaded processes. All of them reach the NIC as clients of lib/vfio_user
 * only. Every function returns 0 or the -errno a Linux kernel would give.
 *
 * Threads: one lock (host->lock) around everything; each function below takes it, so none may be
 * called with it held unless its name ends in _locked.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "vfio_user/vuser.h"

#define HOST_BDF_LEN 16 /**< "0000:01:00.0" and its end. */
#define HOST_TOKEN_LEN 37 /**< A UUID in text, and its end. */
#define HOST_MAX_DEVS 512

/** A driver of the simulated kernel; a function may be bound to one of them. */
enum host_driver {
	HOST_DRIVER_NONE,
	HOST_DRIVER_VFIO_PCI,
	HOST_DRIVER_VIRTIO_PCI, /**< Stands for any kernel driver: binds, does nothing. */
};

/** One open VFIO device: alive as long as its descriptor is, in whatever process. */
struct host_open {
	TAILQ_ENTRY(host_open) next;
	struct host_dev *dev;
	uint64_t id; /**< Never reused. */
	int watch_fd; /**< Another description of the same memory; asks for the lock below. */
	uint64_t lock_byte; /**< OFD lock held by the description handed out, gone at last close. */
	int32_t pid; /**< Of the process that opened it, for messages. */
};

/** One PCI function. */
struct host_dev {
	char bdf[HOST_BDF_LEN];
	bool is_pf;
	struct host_dev *pf; /**< Of a VF. */
	uint16_t vf_index; /**< 1.. for a VF, 0 for a PF. */
	int group; /**< IOMMU group number. */
	enum host_driver driver;
	char driver_override[32];
	struct vuser_client *client; /**< Connection to the function; NULL while another VMM has it. */
	struct vuser_server *server; /**< For functions of this process; NULL: reached by socket. */
	int mem_fd; /**< Memory of the function, VFIO region offsets. */
	char token[HOST_TOKEN_LEN]; /**< Of a PF bound to vfio-pci. */
	TAILQ_HEAD(, host_open) opens;
};

struct host;

#endif /* VSR_SIM_HOST_H */
