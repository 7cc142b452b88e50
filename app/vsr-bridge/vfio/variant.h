/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_VARIANT_H
#define BRIDGE_VARIANT_H

/**
 * @file
 * The ways to show a VF on a vfio-user socket. Each is a row of one table, chosen by its name.
 *
 * create() and destroy() are called by one thread, begin() and count() by the thread of the guest.
 */

#include <stdatomic.h>

#include "base/base_bdf.h"
#include "daemon/err.h"
#include "vpci/vpci.h"

#define VARIANT_COUNTERS 8

/** A VF, and the way to its owner. */
struct variant_vf {
	char pf[BASE_BDF_LEN], bdf[BASE_BDF_LEN];
	unsigned int number; /**< From 1. */
	const char *vsrd; /**< Socket of vsrd. */
	/** Why the PF has no commands for legacy registers; empty: it has. For create() only. */
	const char *refusal;
	const atomic_bool *stop; /**< Becomes true: the guest must leave, accesses end early. */
};

/** What a variant has made. */
struct shown;

struct variant {
	const char *name;
	/** Show the VF. @param path  Of the socket. @return 0, or -errno with a sentence. */
	int (*create)(const struct variant_vf *vf, const struct vpci_backend *backend,
			const char *path, struct shown **out, struct err *err);
	/** Disconnect the guest, and free everything. */
	void (*destroy)(struct shown *shown);
	struct vpci_fn *(*fn)(struct shown *shown);
	/** What takes time, before the first message of a guest. */
	void (*begin)(struct shown *shown);
	const char *const *counters; /**< Their names; ends with NULL. */
	void (*count)(struct shown *shown, uint64_t counters[VARIANT_COUNTERS]);
	/** Whether doorbells are written to the VF; else each is a command to its owner. */
	bool (*doorbell)(struct shown *shown);
};

/** Find a variant. @return NULL with a sentence: there is none of this name. */
const struct variant *variant_find(const char *name, struct err *err);

#endif /* BRIDGE_VARIANT_H */
