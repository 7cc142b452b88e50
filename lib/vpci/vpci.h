/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VPCI_H
#define VPCI_H

/**
 * @file
 * A PCI function shown to a guest: a core that passes everything through, and variants that
 * override exactly what they must.
 *
 * The core knows no device. It stands between whoever has the function (a VMM, by vfio-user) and
 * the function itself (the backend), which has the same operations. A variant names ranges of
 * registers and serves those; every byte beside them reaches the function. Variants are compiled
 * against this header alone.
 *
 * One thread at a time per function.
 */

#include "vfio_user/vuser.h"

/** The function itself: its operations, and what it is made of. */
struct vpci_backend {
	const struct vuser_device_ops *ops;
	void *dev; /**< First argument of each. */
	struct vuser_device_info info; /**< Descriptors are borrowed and outlive the core. */
};

/** The function as it is shown. */
struct vpci_fn;

/** Registers that a variant serves. Accesses are cut at its ends, so they lie inside. */
struct vpci_range {
	unsigned int region;
	uint64_t offset, len;
	/** Offsets count from the start of the region. NULL: the function's own. */
	int (*read)(void *variant, uint64_t offset, void *data, size_t len);
	int (*write)(void *variant, uint64_t offset, const void *data, size_t len);
};

/** What a variant is. All pointers may be NULL but name. */
struct vpci_variant {
	const char *name;
	const struct vpci_range *ranges; /**< Ended by len 0; they do not overlap. */
	/** Change what the function is made of, as the guest sees it. */
	void (*shape)(void *variant, struct vuser_device_info *info);
	/** Before a reset of the function, and before the guest's things are dropped when it
	 * leaves: state that the variant keeps starts anew. */
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
 * @param fn       Out: set before the variant is asked anything.
 * @return 0, -EINVAL (ranges outside of their regions, or overlapping), -ENOMEM, or as
 *         vuser_server_create().
 */
int vpci_create(const struct vpci_backend *backend, const struct vpci_variant *variant, void *arg,
		const char *path, struct vpci_fn **fn);
/** Send the guest away and free all; the function itself stays. NULL is fine. */
void vpci_destroy(struct vpci_fn *fn);

/** The server that the guest talks to. */
struct vuser_server *vpci_server(struct vpci_fn *fn);

/* ------------------------------------------------------------------ for variants */

/** Access the function itself, past all variants. */
int vpci_dev_read(struct vpci_fn *fn, unsigned int region, uint64_t offset, void *data, size_t len);
int vpci_dev_write(struct vpci_fn *fn, unsigned int region, uint64_t offset, const void *data,
		size_t len);
/** What the function itself is made of. */
const struct vuser_device_info *vpci_dev_info(const struct vpci_fn *fn);
/** MSI-X vectors that the guest has connected to something. */
unsigned int vpci_nb_vectors_connected(const struct vpci_fn *fn);

#endif /* VPCI_H */
