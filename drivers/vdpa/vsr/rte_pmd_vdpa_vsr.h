/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef RTE_PMD_VDPA_VSR_H
#define RTE_PMD_VDPA_VSR_H

/**
 * @file
 * Functions of vdpa_vsr for applications, in addition to rte_vdpa.
 *
 * A device is named by its PCI address ("0000:01:00.1"), as in rte_vdpa_find_device_by_name(). All
 * functions may be called from any thread, also while a guest comes or goes. They take a lock for
 * some microseconds, and never wait for a device or for a guest.
 */

#include <stdbool.h>
#include <stdint.h>

#include <rte_compat.h>

#ifdef __cplusplus
extern "C" {
#endif

/** How packets travel between a guest and its VF. */
enum rte_pmd_vdpa_vsr_mode {
	RTE_PMD_VDPA_VSR_NONE, /**< Not at all: there is no guest, or the VF cannot serve it. */
	RTE_PMD_VDPA_VSR_DIRECT, /**< The VF works on the queues of the guest. */
	RTE_PMD_VDPA_VSR_RELAY, /**< The driver moves descriptors between guest and VF. */
};

/** How doorbells of a guest reach the VF, or interrupts of the VF the guest. */
enum rte_pmd_vdpa_vsr_signal {
	RTE_PMD_VDPA_VSR_OFF, /**< Not at all: the queue does not run, or the guest wants none. */
	RTE_PMD_VDPA_VSR_MAPPED, /**< By the hardware alone: mapped page, or MSI-X eventfd. */
	RTE_PMD_VDPA_VSR_RELAYED, /**< Through a thread of this process. */
};

#define RTE_PMD_VDPA_VSR_TEXT 192 /**< Bytes of a reason, with its terminator. */

/** A device and its guest. */
struct rte_pmd_vdpa_vsr_info {
	enum rte_pmd_vdpa_vsr_mode wanted; /**< DIRECT or RELAY. */
	enum rte_pmd_vdpa_vsr_mode running;
	/** One sentence: why running is not wanted. "" if it is, or if there is no guest. */
	char reason[RTE_PMD_VDPA_VSR_TEXT];
	int vid; /**< Number of the guest in rte_vhost; -1: no guest. */
	uint16_t max_pairs; /**< Queue pairs of the VF. */
	uint16_t nb_pairs; /**< Queue pairs that the guest has enabled. */
	uint16_t nb_queues; /**< Queues that run, RX and TX together. */
	bool link_up; /**< As last reported by the VF; true if it does not say. */
	bool packed; /**< Rings of the guest. */
	bool logging; /**< The guest is being migrated. */
	uint8_t mac[6]; /**< Of the VF; zero: it has none. */
	uint16_t mtu; /**< Of the VF, bytes; 0: it does not say. */
	uint32_t speed; /**< Mb/s; UINT32_MAX: unknown. */
	/** Feature bits 0 to 63 (virtio 1.4 5.1.3, 6). */
	uint64_t features_device; /**< What the VF offers. */
	uint64_t features_offered; /**< What a guest is offered. */
	uint64_t features_guest; /**< What the guest accepted; 0: no guest. */
	uint64_t features_vf; /**< What was negotiated with the VF for this guest. */
	/* Counters since the probe. */
	uint64_t nb_attached; /**< Times that a guest began to run. */
	uint64_t nb_repaired; /**< Times that the VF was reset while its guest stayed. */
	uint64_t nb_slow_resets; /**< Resets that VFIO had to end. */
};

/** A queue of a guest. */
struct rte_pmd_vdpa_vsr_queue_info {
	bool running; /**< The VF, or the relay, serves the queue. */
	bool enabled; /**< Enabled by the guest. */
	uint16_t size; /**< Descriptors. */
	/** Next buffer that is used: free-running index (split), or slot with the wrap counter in
	 * bit 15 (packed). As of the last stop if the queue is direct. */
	uint16_t position;
	enum rte_pmd_vdpa_vsr_signal doorbell, interrupt;
	uint64_t nb_doorbells; /**< Doorbells that this process rang. */
	uint64_t nb_interrupts; /**< Interrupts that this process delivered. */
	uint64_t nb_buffers; /**< Buffers that were relayed. */
};

enum rte_pmd_vdpa_vsr_event {
	/** The kernel wants the VF back (unbind, removal of VFs): detach the guest and remove the
	 * device. The VF stays in use until then. */
	RTE_PMD_VDPA_VSR_EVENT_REMOVE,
	/** The running mode, or the reason, has changed. */
	RTE_PMD_VDPA_VSR_EVENT_MODE,
	/** Link, MTU, speed or MAC address of the VF have changed. */
	RTE_PMD_VDPA_VSR_EVENT_CONFIG,
	/** The VF needed a reset, and was reset while its guest stayed. */
	RTE_PMD_VDPA_VSR_EVENT_REPAIRED,
};

/**
 * Called by the control thread of the driver, without a lock. It must return soon, and must neither
 * detach a guest nor remove a device itself.
 */
typedef void (*rte_pmd_vdpa_vsr_event_fn)(const char *name, enum rte_pmd_vdpa_vsr_event event,
		void *arg);

/**
 * Set the one callback for events of all devices; NULL: none. After the call returns, the callback
 * that was set before is not called any more, unless the call was made by it.
 */
__rte_experimental void rte_pmd_vdpa_vsr_event_set(rte_pmd_vdpa_vsr_event_fn fn, void *arg);

/**
 * Get the state of a device and of its guest.
 * @return 0, or -ENODEV: there is no such device of vdpa_vsr.
 */
__rte_experimental int rte_pmd_vdpa_vsr_info_get(const char *name,
		struct rte_pmd_vdpa_vsr_info *info);

/**
 * Get the state of a queue. RX queue of pair n: 2 * n, TX queue: 2 * n + 1.
 * @return 0, -ENODEV (no such device), or -EINVAL (the device has no such queue).
 */
__rte_experimental int rte_pmd_vdpa_vsr_queue_info_get(const char *name, uint16_t queue,
		struct rte_pmd_vdpa_vsr_queue_info *info);

/**
 * Set the wanted mode, also while a guest runs. The change takes effect as soon as no buffer is
 * lost by it: the event RTE_PMD_VDPA_VSR_EVENT_MODE says when.
 * @return 0, -ENODEV (no such device), or -EINVAL (neither DIRECT nor RELAY).
 */
__rte_experimental int rte_pmd_vdpa_vsr_mode_set(const char *name,
		enum rte_pmd_vdpa_vsr_mode wanted);

#ifdef __cplusplus
}
#endif

#endif /* RTE_PMD_VDPA_VSR_H */
