/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_REGS_H
#define VSIM_REGS_H

/**
 * @file
 * What the files of the register half share. Everything here is called with the NIC's lock held,
 * unless it says otherwise.
 */

#include "vsim/core/vsim_fn.h"

/** Count a rare event: any thread. */
static inline void
vsim_fn_count(uint64_t *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_RELAXED);
}

/* ------------------------------------------------------- common configuration, vsim_regs.c */

/**
 * One register: exactly this offset and width. No write function means read-only: writing it
 * breaks C026. 64-bit fields are two registers, as the driver has to use them (virtio 1.4
 * 4.1.3.1 "Driver Requirements: PCI Device Layout").
 */
struct vsim_reg {
	const char *name; /**< As in the specification, for traces and tests. */
	uint16_t offset; /**< Bytes into its structure. */
	uint8_t width; /**< Bytes: 1, 2 or 4. */
	uint32_t (*read)(struct vsim_fn *fn);
	void (*write)(struct vsim_fn *fn, uint32_t value);
};

/** The common configuration structure, in order of offsets. */
extern const struct vsim_reg vsim_common_regs[];
extern const size_t vsim_nb_common_regs;

/** Queues there are with the features in force (all offered ones before FEATURES_OK). */
uint16_t vsim_fn_nb_queues(const struct vsim_fn *fn);

/** First admin queue: behind all others that a driver could have. VSIM_MAX_QUEUES: none. */
uint16_t vsim_fn_admin_index(const struct vsim_fn *fn);
uint16_t vsim_fn_nb_admin_queues(const struct vsim_fn *fn);

/* ---------------------------------------------------------------- BAR, vsim_bar.c */

/** A field of the device configuration, and the feature that makes it exist. */
struct vsim_net_field {
	const char *name;
	uint16_t offset;
	uint8_t width; /**< Width of one access; mac is bytes. */
	uint8_t count;
	int feature, or_feature; /**< Either offered; -1: none needed. */
};
extern const struct vsim_net_field vsim_net_fields[];
extern const size_t vsim_nb_net_fields;

/**
 * One access to the BAR, whoever makes it: the memory BAR, the window in configuration space,
 * later a tunnel. len is 1, 2, 4 or 8.
 * @return as vsim_fn_read() and vsim_fn_write().
 */
int vsim_bar_read(struct vsim_fn *fn, uint64_t offset, void *data, size_t len);
int vsim_bar_write(struct vsim_fn *fn, uint64_t offset, const void *data, size_t len);

/** The function mask went, or an entry was unmasked: send what is pending. */
void vsim_msix_flush(struct vsim_fn *fn);

/* ---------------------------------------------------------------- status, vsim_status.c */

/** The driver wrote device_status. */
void vsim_status_write(struct vsim_fn *fn, uint8_t value);
/** A slow reset of the function is still going on. */
bool vsim_fn_resetting(const struct vsim_fn *fn);
/** Vector of an event as the driver writes it; *unread: it owes a read of it. @return the value
 * that sticks. */
uint16_t vsim_vector_written(struct vsim_fn *fn, uint16_t value, bool *unread);
/** The device lives: start all queues that are enabled. */
void vsim_fn_driver_ok(struct vsim_fn *fn);
/** The words of all queues are not rung. */
void vsim_legacy_doorbells_idle(struct vsim_fn *fn);
/** By DEV_MODE_SET. */
void vsim_fn_stop(struct vsim_fn *fn, bool stopped);
/** Reset of the virtio device: all but PCI. Queues are gone when it returns. */
void vsim_fn_virtio_reset(struct vsim_fn *fn);
/** Queue qi back to its values after reset; not running any more. */
void vsim_queue_cfg_reset(struct vsim_fn *fn, uint16_t qi);
/** Device configuration as it is after reset: permanent MAC, link, limits. */
void vsim_net_config_reset(struct vsim_fn *fn);
/** Device configuration changed: count generations and tell the driver. From the function's
 * worker or under the lock. */
void vsim_fn_config_changed(struct vsim_fn *fn);
/**
 * What is wrong with a set of accepted features.
 * @return 0, or the number of the rule that it breaks.
 */
unsigned int vsim_features_broken_rule(const struct vsim_features *accepted,
		const struct vsim_features *offered);

/* ---------------------------------------------------------------- legacy, vsim_legacy.c */

/** Which registers of a legacy driver. */
enum vsim_legacy_area { VSIM_LEGACY_COMMON, VSIM_LEGACY_DEVICE };

/**
 * One access to the legacy registers of a function, by whatever way. It has to lie in one field.
 * Little-endian. Writes to a register of several bytes that does something (frame number, notify,
 * mac) take effect with its last byte.
 * @return 0, -EINVAL (not in one field, or not there), or -EBUSY (a modern driver has the
 *         function, and the access is not a reset).
 */
int vsim_legacy_read(struct vsim_fn *fn, enum vsim_legacy_area area, uint32_t offset, void *data,
		size_t len);
int vsim_legacy_write(struct vsim_fn *fn, enum vsim_legacy_area area, uint32_t offset,
		const void *data, size_t len);
/** Bytes of the header now: with MSI-X it is longer. */
uint32_t vsim_legacy_header_len(const struct vsim_fn *fn);
/** Bytes of device configuration that the features of a legacy driver show. */
uint32_t vsim_legacy_config_len(const struct vsim_fn *fn);

/* The alternatives, vsim_legacy_alt.c: accesses to their registers, relative to their start. */
uint32_t vsim_legacy_window_read(struct vsim_fn *fn, uint32_t offset, size_t len);
void vsim_legacy_window_write(struct vsim_fn *fn, uint32_t offset, uint32_t value, size_t len);
#define VSIM_LEGACY_WINDOW_LEN 64
uint32_t vsim_legacy_pair_read(struct vsim_fn *fn, uint32_t offset);
void vsim_legacy_pair_write(struct vsim_fn *fn, uint32_t offset, uint32_t value);
#define VSIM_LEGACY_PAIR_LEN 8

/* ---------------------------------------------------------------- admin queues, vsim_admin.c */

/** For a function that offers ADMIN_VQ. @return NULL: out of memory. */
struct vsim_admin *vsim_admin_create(void);
void vsim_admin_free(struct vsim_admin *admin);
/** The owner was reset: lists, capabilities and objects are gone. */
void vsim_admin_reset(struct vsim_fn *fn);
/** VF Enable is about to change: the group of VFs ceases, or begins anew. */
void vsim_admin_vfs_changed(struct vsim_fn *fn);

/* ---------------------------------------------------------------- features, vsim_profile.c */

/** Features that the model implements; a PF with VFs has SR_IOV on top. */
extern const struct vsim_features vsim_implemented;
/** The first feature of the set that lacks a prerequisite; *needed gets one that would do.
 * @return its bit, or -1. Pure. */
int vsim_features_unmet(const struct vsim_features *set, unsigned int *needed);
/** What VFs and PF offer with this configuration. @return 0, or -EINVAL with a sentence. Pure. */
int vsim_features_resolve(const struct vsim_nic_conf *conf, struct vsim_features *vf,
		struct vsim_features *pf, char *err, size_t err_len);

/* ---------------------------------------------------------------- PCI, vsim_config.c */

/** Lay out configuration space of PF and VFs; needs conf, nb_vectors, bar_size, doorbell bytes. */
void vsim_config_build(struct vsim_nic *nic, uint64_t doorbell_len);
/** Configuration space to its values after a power-up, or after a function level reset. */
/** It has the SR-IOV capability: a PF that can have VFs. */
bool vsim_fn_has_sriov(const struct vsim_fn *fn);
void vsim_config_reset(struct vsim_fn *fn, bool power_up);
int vsim_config_read(struct vsim_fn *fn, uint64_t offset, void *data, size_t len);
int vsim_config_write(struct vsim_fn *fn, uint64_t offset, const void *data, size_t len);

/* ---------------------------------------------------------------- NIC, vsim_nic.c */

/** Make VFs 1..n exist, or none. @return 0, -ENOMEM, -EMFILE (then none exist). */
int vsim_nic_vfs_set(struct vsim_nic *nic, uint16_t n);
/** Function level reset. */
void vsim_fn_flr(struct vsim_fn *fn);

/* ---------------------------------------------------------------- RX filter, vsim_filter.c */

/** One writer at a time: the function's worker, or the holder of the lock. */
struct vsim_rx_filter;
struct vsim_rx_filter *vsim_filter_create(void);
/** As after reset, with the function's own MAC address and accepted features. */
void vsim_filter_reset(struct vsim_fn *fn);
/** command is VIRTIO_NET_CTRL_RX_*. @return false: no such mode. */
bool vsim_filter_set_mode(struct vsim_fn *fn, uint8_t command, bool on);
void vsim_filter_set_own_mac(struct vsim_fn *fn, const uint8_t mac[6]);
/** Entries that a MAC table holds; with more of a kind, all of that kind are let in. */
#define VSIM_FILTER_MACS 64
/** Replace both tables; entries are 6 bytes each, behind one another. Only the first
 * VSIM_FILTER_MACS are looked at. */
void vsim_filter_set_macs(struct vsim_fn *fn, const uint8_t *unicast, size_t nb_unicast,
		const uint8_t *multicast, size_t nb_multicast);
/** @return false: no such VLAN. */
bool vsim_filter_set_vlan(struct vsim_fn *fn, uint16_t vid, bool on);

#endif /* VSIM_REGS_H */
