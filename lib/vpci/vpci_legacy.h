/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VPCI_LEGACY_H
#define VPCI_LEGACY_H

/**
 * @file
 * The variant virtio-legacy: a VF shown as a transitional virtio-net function.
 *
 * It overrides the ids and the class in the configuration header, the I/O Space bit of the Command
 * register, BAR 0, and reset. BAR 0 is an I/O BAR with the legacy registers (virtio 1.4 4.1.4.10).
 * An access becomes one administration command of the owner per register that it covers. A doorbell
 * is a write to the VF at the place that LEGACY_NOTIFY_INFO names, without a command. The bytes of
 * a MAC address are collected until the last one is written. A modern driver uses the other BARs of
 * the VF, which are passed through.
 *
 * For x86 only: a legacy driver cannot negotiate the barriers of the platform (virtio 1.4 6.3).
 */

#include <stdatomic.h>

#include "virtio/vio_admin_legacy.h"
#include "vpci.h"

#define VPCI_LEGACY_BAR0 64 /**< Bytes: 24 of header, 12 of configuration, a power of two. */

/**
 * The owner of the PF, as commands for the legacy registers of its VFs. Each call waits for the
 * answer, in limited time, and returns 0, -EINVAL (this access is refused), or another -errno. The
 * owner may be lost and come back between two calls.
 */
struct vpci_legacy_ops {
	int (*read)(void *owner, uint16_t vf, enum vio_legacy_area area, uint8_t offset, void *data,
			size_t len);
	int (*write)(void *owner, uint16_t vf, enum vio_legacy_area area, uint8_t offset,
			const void *data, size_t len);
	/** @return number of doorbells, the best first; -EOPNOTSUPP: there is no such command. */
	int (*notify_info)(void *owner, uint16_t vf,
			struct vio_admin_doorbell out[VIRTIO_ADMIN_NOTIFY_ENTRIES]);
};

/** The VF and its owner, which has the commands. */
struct vpci_legacy_conf {
	const struct vpci_legacy_ops *ops;
	void *owner; /**< First argument of each. */
	uint16_t vf; /**< 1..NumVFs. */
	/** Becomes true when the guest shall be disconnected: an access that has begun sends no
	 * further command. NULL: never. */
	const atomic_bool *stop;
};

struct vpci_legacy_stats {
	uint64_t reads, writes; /**< Accesses to BAR 0, doorbells left out. */
	uint64_t doorbells; /**< Doorbells that were written to the VF. */
	uint64_t commands; /**< Commands to the owner, of any kind. */
	/** Commands and doorbells that failed: reads return ones, writes are dropped. */
	uint64_t failures;
	uint64_t refused; /**< Accesses past the end, or while I/O Space was off. */
};

struct vpci_legacy;

/**
 * Show a VF to a guest.
 *
 * @param backend  The VF; its BAR 0 is absent.
 * @param path     Socket of vfio-user, or NULL.
 * @param err      Out: error text.
 * @return 0, or -EOPNOTSUPP (the VF has a BAR 0), or as vpci_create().
 */
int vpci_legacy_create(const struct vpci_backend *backend, const struct vpci_legacy_conf *conf,
		const char *path, struct vpci_legacy **out, char *err, size_t err_len);
void vpci_legacy_destroy(struct vpci_legacy *legacy);

struct vpci_fn *vpci_legacy_fn(struct vpci_legacy *legacy);
const struct vpci_legacy_stats *vpci_legacy_stats(const struct vpci_legacy *legacy);
/**
 * Ask the owner for the doorbell, which takes a command; once, before the first message of a guest.
 * If the owner does not answer, it is asked again when the guest resets the VF.
 */
void vpci_legacy_doorbell_find(struct vpci_legacy *legacy);
/** Whether doorbells are written to the VF; else each is a command. */
bool vpci_legacy_has_doorbell(const struct vpci_legacy *legacy);

#endif /* VPCI_LEGACY_H */
