/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VPCI_LEGACY_H
#define VPCI_LEGACY_H

/**
 * @file
 * The variant virtio-legacy: a VF shown as a transitional virtio-net function.
 *
 * It overrides the ids and the class in the configuration header, Command (the bit for I/O space
 * is its own), BAR 0, and reset. BAR 0 is an I/O BAR with the legacy registers (virtio 1.4
 * 4.1.4.10), each access of which is one administration command of the owner per register that
 * it touches; a doorbell is a store to where LEGACY_NOTIFY_INFO says, and no command. The bytes
 * of a MAC address are gathered until the last one. A modern driver uses the VF's own BARs and
 * meets none of this.
 *
 * Not for guests that take the device for software: no barriers of a platform can be negotiated
 * this way (virtio 1.4 6.3), so this is for x86.
 */

#include "virtio/vio_admin_legacy.h"
#include "vpci.h"

#define VPCI_LEGACY_BAR0 64 /**< Bytes: 24 of header, 12 of configuration, a power of two. */

/** Whose registers, and through whom. */
struct vpci_legacy_conf {
	struct vio_admin *admin; /**< Of the PF; the group VIO_SRIOV has been agreed upon. */
	/**
	 * For an owner that may bring its PF up anew, or lose it, meanwhile: keep it from that and
	 * say which engine it has, NULL for none, in which case the access fails; then let go. Each
	 * command stands between the two, nothing else does. NULL: admin is good all the time.
	 */
	struct vio_admin *(*hold)(void *owner);
	void (*release)(void *owner);
	void *owner; /**< First argument of both. */
	uint16_t vf; /**< 1..NumVFs. */
};

struct vpci_legacy_stats {
	uint64_t reads, writes; /**< Accesses to BAR 0, doorbells left out. */
	uint64_t doorbells; /**< That were stores. */
	uint64_t commands; /**< To the owner, whatever for. */
	uint64_t failures; /**< Of these: reads gave ones, writes were dropped. */
	uint64_t refused; /**< Accesses past the end, or while I/O space was off. */
};

struct vpci_legacy;

/**
 * Show a VF so.
 *
 * @param backend  The VF; its BAR 0 is absent.
 * @param path     Socket of vfio-user, or NULL.
 * @param err      Out: one sentence on failure: why this variant does not fit.
 * @return 0, or -EOPNOTSUPP (the owner lacks a command that is needed, or the VF has a BAR 0),
 *         or as vpci_create().
 */
int vpci_legacy_create(const struct vpci_backend *backend, const struct vpci_legacy_conf *conf,
		const char *path, struct vpci_legacy **legacy, char *err, size_t err_len);
void vpci_legacy_destroy(struct vpci_legacy *legacy);

struct vpci_fn *vpci_legacy_fn(struct vpci_legacy *legacy);
const struct vpci_legacy_stats *vpci_legacy_stats(const struct vpci_legacy *legacy);
/** Doorbells are stores; else each is a command, because no place for them could be used. */
bool vpci_legacy_has_doorbell(const struct vpci_legacy *legacy);

#endif /* VPCI_LEGACY_H */
