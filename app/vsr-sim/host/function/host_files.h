/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_FILES_H
#define VSR_SIM_HOST_FILES_H

/**
 * @file
 * Open files of programs (containers, groups, devices), and their last close.
 *
 * A container, a group or a device is a memory file; requests name it by its inode. Each open by a
 * program creates an open file description of that file. Before the host sends the descriptor, it
 * locks one byte through this description, and then closes its own copy. The kernel keeps the lock
 * until the last duplicate (in any process) and the last mapping of the description are gone. The
 * host tests the lock through another description: no program has to report a close.
 */

#include "../core/host_bus.h"
#include "../core/host_iommu.h"

#define HOST_REAP_MS 20

/**
 * A memory file with room for all regions at region << 40. @return descriptor, or -1 with errno.
 */
int host_memfile(const char *name);
/**
 * Open a memory file for a program.
 * @param watch      Descriptor of the file that the host keeps.
 * @param open_file  Out: the lock by which the host sees that the description is still open.
 * @return the descriptor for the program, or -errno.
 */
int host_open_new(struct host *host, int watch, struct host_open *open_file);
void host_container_detach(struct host *host, struct host_container *container, struct host_fn *fn);
/** Handle last closes of all functions and containers. @return whether any is still open. */
bool host_files_reap(struct host *host);
/** Handle the last close of one function. @return whether its device is open. */
bool host_fn_in_use(struct host *host, struct host_fn *fn);
/** Close the device and the group of a function, also while programs have them open. */
void host_files_cut(struct host *host, struct host_fn *fn);
/** Free all containers. */
void host_files_free(struct host *host);

enum host_kind { HOST_KIND_NONE, HOST_KIND_CONTAINER, HOST_KIND_GROUP, HOST_KIND_DEVICE };
struct host_object {
	enum host_kind kind;
	struct host_container *container;
	struct host_fn *fn; /**< Of a group or device. */
};
/** The open file that an inode of mem_dev stands for now. */
struct host_object host_lookup(struct host *host, ino_t ino);

/** Request the users of a function to release it: signal the REQ interrupt. */
void host_request_release(struct host_fn *fn);
/**
 * Wait until a function is unused, at most HOST_REMOVE_MS after the first request to release it.
 * Releases host->lock meanwhile: fn->removing must keep the function from being opened and freed.
 * @return whether it is unused.
 */
bool host_wait_unused(struct host *host, struct host_fn *fn);

#endif /* VSR_SIM_HOST_FILES_H */
