/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_DEV_H
#define VDPA_DEV_H

/**
 * @file
 * A VF of this driver with its guest, and the list of all of them.
 *
 * A device has one lock, which is held for single steps and never while anything is waited for that
 * may take longer than VDPA_STOP_US. The thread of rte_vhost, the control thread and applications
 * take it. The data thread does not: it uses a queue only between vdpa_data_add() and
 * vdpa_data_del().
 */

#include <pthread.h>
#include <sys/queue.h>

#include "virtio/vio_cmdq.h"
#include "virtio/vio_dev.h"
#include "virtio/vio_vfio.h"
#include "../ring/vdpa_takeover.h"
#include "vdpa_args.h"
#include "vdpa_log.h"
#include "vdpa_watch.h"

#define VDPA_NAME_LEN 32
#define VDPA_PAIRS_MAX 128 /**< Most queue pairs of a guest in rte_vhost. */
/* Not virtio_spec/net.h: rte_vhost.h, which some files need, has the structures of Linux. */
#define VDPA_CONFIG_BYTES 28 /**< Bytes of the configuration space that guests see. */
#define VDPA_REASON_LEN 192
#define VDPA_CMDQ_SIZE 4 /**< Descriptors of the control queue. */
#define VDPA_CMDQ_DEPTH 2 /**< Commands at a time. */
#define VDPA_CMDQ_SLOT 64 /**< Bytes of a command and its answer, at most. */
/** Longest wait for the end of a reset while the guest waits: then the IOMMU stops the VF. */
#define VDPA_STOP_US 100000

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

/** A region of guest memory. */
struct vdpa_region {
	uint64_t gpa, size; /**< Guest physical address, bytes. */
	uint8_t *va; /**< Where this process has it mapped. */
	uint64_t dev, ino, offset; /**< The file, and the place in it. */
};

struct vdpa_regions {
	struct vdpa_region *at;
	unsigned int nb;
};

/** A ring as the guest has set it up. Copied in the thread of rte_vhost. */
struct vdpa_ring {
	bool set_up; /**< The guest has given addresses and a kick descriptor. */
	uint16_t size; /**< Descriptors. */
	uint64_t desc, driver, device; /**< Guest physical addresses. */
	uint8_t *desc_va, *driver_va, *device_va;
	int kick_fd, call_fd; /**< Copies of our own; -1: none. */
	uint16_t base; /**< Index (split), or slot and wrap counter in bit 15 (packed). */
};

/** A queue of a guest. */
struct vdpa_queue {
	struct vdpa_dev *dev;
	uint16_t index; /**< In the VF as well. */
	bool enabled; /**< By the guest. */
	bool running; /**< The VF has the queue. */
	struct vdpa_ring ring;
	struct vdpa_watch kick; /**< The guest rings the doorbell. */
	struct vdpa_watch intr; /**< Relayed interrupts: the VF raises one. */
	struct vio_doorbell doorbell;
	uint16_t vector; /**< MSI-X, or VIRTIO_MSI_NO_VECTOR. */
	bool intr_relayed;
	struct vio_virtq *shadow; /**< NULL: the queue is direct, or does not run. */
	struct vdpa_relay *relay; /**< With shadow. */
	int intr_fd; /**< Event descriptor: interrupts of the VF for a relayed queue. */
	struct vdpa_takeover from; /**< Where the relay is going to begin. */
	bool found; /**< from is set. */
	atomic_uint relay_says; /**< VDPA_RELAY_* bits for the control thread. */
	bool notify_refused; /**< The front end did not map it. */
	bool notified; /**< The doorbell is mapped into the guest. */
	uint16_t position; /**< At the last stop. */
	uint16_t rung_at; /**< Position of the guest at its last doorbell; data thread. */
	uint64_t nb_doorbells, nb_interrupts, nb_buffers;
};

enum vdpa_state {
	VDPA_IDLE, /**< No guest, or not a complete one. */
	VDPA_WAITING, /**< The guest is ready, the VF is not. */
	VDPA_MAPPING, /**< Its memory is being mapped. */
	VDPA_RUNNING, /**< The VF works for the guest. */
	VDPA_PAUSED, /**< The same, but the memory of the guest is changing. */
	VDPA_FAILED, /**< The VF cannot serve this guest: see reason. */
};

struct vdpa_dev {
	TAILQ_ENTRY(vdpa_dev) next; /**< In the list of devices, with its lock held. */
	unsigned int refs; /**< Users of this structure, with the lock of the list held. */
	char name[VDPA_NAME_LEN]; /**< PCI address. */
	struct rte_vdpa_device *vdpa;
	const char *sysfs_root;
	struct vio_features device; /**< What the VF offers; constant. */
	uint16_t max_pairs; /**< Constant. */
	struct vdpa_args args;

	pthread_mutex_t lock; /**< For everything below. */
	struct vio_vfio vfio;
	struct vio_dev vio;
	bool gone; /**< The VF does not answer, or could not be opened again. */
	struct vdpa_config config; /**< As last read. */
	int config_fd; /**< Event descriptor: the configuration of the VF changed. */
	int shared_fd; /**< Event descriptor of a vector that serves several queues. */
	struct vdpa_watch shared;
	int request_fd; /**< Event descriptor: the kernel wants the VF back. */
	uint64_t reset_end_ns; /**< When a reset that goes on is given up. */
	void *memory; /**< For the control queue. */
	size_t memory_len;
	void *shadow_memory; /**< For the shadow rings of relayed queues; NULL: none. */
	size_t shadow_len;
	uint64_t own_iova; /**< The lowest bus address of memory of this process; 0: none. */

	enum vdpa_state state;
	char reason[VDPA_REASON_LEN];
	int vid; /**< Guest; -1: none. */
	uint64_t features; /**< Accepted by the guest. */
	bool memory_changing; /**< The front end is changing the memory just now. */
	uint64_t repaired_ns; /**< Time of the last repair. */
	pthread_cond_t notified; /**< notifying has become false. */
	bool notifying; /**< The front end is being asked to map a doorbell. */
	bool leaving; /**< The guest is about to go. */
	bool repairing; /**< The VF was reset while the guest stayed. */
	bool complete; /**< The front end has said that the guest is complete. */
	bool logging; /**< Written pages are to be logged: only the relay can do that. */
	bool relayed; /**< Queues are relayed, at least until each comes to its start. */
	bool mode_changed; /**< The wanted mode, or the logging, is another one than before. */
	bool disorder; /**< The VF was seen to use buffers out of order. */
	bool log_changing; /**< The relay pauses, because its log is being replaced. */
	uint64_t find_end_ns; /**< Deadline of the search for positions; 0: not begun. */
	struct vdpa_mem mem; /**< Memory of the guest, for the relay. */
	uint64_t due_ns; /**< When the next step of WAITING, or of the pairs, is due; 0: now. */
	struct vdpa_regions guest; /**< Memory of the guest as it is. */
	struct vdpa_regions mapped; /**< As the IOMMU has it. */
	unsigned int map_i; /**< Next region of `guest` to map. */
	uint64_t map_done; /**< Bytes of it that are mapped. */
	struct vdpa_queue *queues; /**< 2 * max_pairs. */
	struct vio_cmdq cmdq;
	bool has_cmdq;
	bool cmd_dead; /**< The VF does not answer. */
	bool outdated; /**< The guest has other rings than the VF. */
	int cmd_slot; /**< Pending control command; -1: none. */
	uint64_t cmd_end_ns;
	bool promisc_set;
	uint16_t pairs_asked, pairs_set;
	unsigned int events; /**< Bits by enum rte_pmd_vdpa_vsr_event, to be reported. */
	uint64_t nb_attached, nb_repaired, nb_slow_resets;
};

/** Allocate a device without opening it. @return the device, or NULL. */
struct vdpa_dev *vdpa_dev_create(const char *name, const char *sysfs_root);
/** Free a device that is closed and not in the list. */
void vdpa_dev_free(struct vdpa_dev *dev);

/**
 * Open the VF behind dev->name, with dev->args, and read what it offers. The VF is reset
 * afterwards.
 * @return 0, or as vio_vfio_open(), vio_dev_negotiate() and vio_dev_config_read(), or -ENOMEM;
 *         vio_err() explains why.
 */
int vdpa_dev_open(struct vdpa_dev *dev);
/** Close and open the VF, which ends a reset that does not end by itself. The lock is held.
 * @return as vio_vfio_open(). */
int vdpa_dev_reopen(struct vdpa_dev *dev);
void vdpa_dev_close(struct vdpa_dev *dev);

/** Whole pages that VFIO can map for DMA, zeroed: shared, because the simulated IOMMU maps only
 * files. Freed by munmap(). @return NULL: no memory. */
void *vdpa_pages_get(size_t len);

/** Read the configuration space of the VF into dev->config. The lock is held. @return 0 or
 * -ETIMEDOUT. */
int vdpa_dev_config_read(struct vdpa_dev *dev);

/** Accepted by the guest. */
static inline bool
vdpa_guest_has(const struct vdpa_dev *dev, unsigned int bit)
{
	return (dev->features >> bit & 1) != 0;
}

static inline unsigned int
vdpa_nb_queues(const struct vdpa_dev *dev)
{
	return 2u * dev->max_pairs;
}

/* The list. A device that was found stays allocated until vdpa_dev_put(). */
void vdpa_dev_list_add(struct vdpa_dev *dev);
/** Remove a device from the list, and wait until nobody uses it. */
void vdpa_dev_list_del(struct vdpa_dev *dev);
struct vdpa_dev *vdpa_dev_get(const struct rte_vdpa_device *vdpa);
struct vdpa_dev *vdpa_dev_get_name(const char *name);
/** The device after `dev` in the list, which is put; NULL: the first one. */
struct vdpa_dev *vdpa_dev_get_next(struct vdpa_dev *dev);
void vdpa_dev_put(struct vdpa_dev *dev);

#endif /* VDPA_DEV_H */
