/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_FILES_H
#define VSR_SIM_HOST_FILES_H

/**
 * @file
 * Open files of programs, and their last close.
 *
 * Open files. A program gets an open file description of its own of a memory file (its inode is
 * the name by which requests speak of it). Before it is handed out, the host takes an open file
 * description lock on one byte through it and closes its own copy: the lock lives exactly as long
 * as the last duplicate, in whatever process, or the last mapping of it. Asking for the lock by
 * another description tells whether it is still open; no program has to report a close.
 */

#include "../core/host_bus.h"
#include "../core/host_iommu.h"

#define HOST_REAP_MS 20

int host_memfile(const char *name);
/** A description of a memory file for a program, with a lock that tells how long it lives. */
int host_open_new(struct host *host, int watch, struct host_open *open_file);
void host_container_detach(struct host *host, struct host_container *container, struct host_fn *fn);
/** Do what last closes left to do. @return whether anything is still open anywhere. */
bool host_reap(struct host *host);
/** The same for one function. @return whether a device description of it is open. */
bool host_fn_in_use(struct host *host, struct host_fn *fn);
/** The function leaves the bus: forget its group and descriptions, whoever holds them. */
void host_vfio_cut(struct host *host, struct host_fn *fn);
/** Nobody may hold what it frees. */
void host_vfio_free(struct host *host);

enum host_kind { HOST_KIND_NONE, HOST_KIND_CONTAINER, HOST_KIND_GROUP, HOST_KIND_DEVICE };
struct host_object {
	enum host_kind kind;
	struct host_container *container;
	struct host_fn *fn; /**< Of a group or device. */
};
/** What an inode of mem_dev is now. */
struct host_object host_lookup(struct host *host, ino_t ino);

/** Raise the REQ interrupt of whoever uses the function. */
void host_ask_to_leave(struct host_fn *fn);
/**
 * Wait until nobody uses a function, for HOST_REMOVE_MS from the first time its users were asked.
 * Drops host->lock meanwhile: fn->removing must keep the function from being opened and freed.
 * @return whether it is unused.
 */
bool host_wait_unused(struct host *host, struct host_fn *fn);

#endif /* VSR_SIM_HOST_FILES_H */
