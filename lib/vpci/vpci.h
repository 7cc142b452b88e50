/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VPCI_H
#define VPCI_H

/**
 * @file
 * A PCI function shown to a guest: a core that passes all accesses through, and variants that
 * override some of them.
 *
 * The core is independent of the kind of device. It connects a client of vfio-user (a VMM) to the
 * function itself (the backend), which has the same operations. A variant handles ranges of
 * registers; all other accesses go to the backend. A variant needs no other header than this one.
 *
 * The guest gets no descriptor and maps nothing, since neither could be taken back when it leaves.
 *
 * One thread at a time per function.
 */

#include "vfio_user/vuser.h"

/** The function itself: its operations, regions and interrupts. */
struct vpci_backend {
	const struct vuser_device_ops *ops;
	void *dev; /**< First argument of each. */
	struct vuser_device_info info; /**< The guest sees it without descriptors and maps. */
};

/** The function as shown to the guest. */
struct vpci_fn;

/** Registers that a variant handles. Accesses are split at the borders of the range. */
struct vpci_range {
	unsigned int region;
	uint64_t offset, len;
	/** The offset is from the start of the region. NULL: access the backend. */
	int (*read)(void *variant, uint64_t offset, void *data, size_t len);
	int (*write)(void *variant, uint64_t offset, const void *data, size_t len);
};

/** A variant. All pointers except name may be NULL. */
struct vpci_variant {
	const char *name;
	const struct vpci_range *ranges; /**< The last one has len 0; they do not overlap. */
	/** Change the regions and interrupts that the guest sees. */
	void (*shape)(void *variant, struct vuser_device_info *info);
	/** Reset the state of the variant: before a reset of the function, and when the guest
	 * disconnects. */
	void (*reset)(void *variant);
};

/** The variant that overrides nothing. */
extern const struct vpci_variant vpci_plain;

/**
 * Show a function.
 *
 * @param backend  Copied; its dev outlives the result.
 * @param variant  Kept by reference.
 * @param arg      First argument of the variant's functions.
 * @param path     Socket of vfio-user, or NULL: only vuser_client_attach() reaches it.
 * @param out      The function: set before any function of the variant is called.
 * @return 0, -EINVAL (ranges overlap or exceed their regions), -ENOMEM, or as
 *         vuser_server_create().
 */
int vpci_create(const struct vpci_backend *backend, const struct vpci_variant *variant, void *arg,
		const char *path, struct vpci_fn **out);
/** Disconnect the guest and free the bridge; the backend stays open. NULL: nothing. */
void vpci_destroy(struct vpci_fn *fn);

/** The vfio-user server of the guest. */
struct vuser_server *vpci_server(struct vpci_fn *fn);

/* ------------------------------------------------------------------ for variants */

/** Access the backend directly. */
int vpci_dev_read(struct vpci_fn *fn, unsigned int region, uint64_t offset, void *data, size_t len);
int vpci_dev_write(struct vpci_fn *fn, unsigned int region, uint64_t offset, const void *data,
		size_t len);
/** Regions and interrupts of the backend. */
const struct vuser_device_info *vpci_dev_info(const struct vpci_fn *fn);
/** Number of MSI-X vectors that the guest has connected. */
unsigned int vpci_nb_vectors_connected(const struct vpci_fn *fn);

#endif /* VPCI_H */
