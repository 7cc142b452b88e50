/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_H
#define VSR_SIM_HOST_H

/**
 * @file
 * The part of a Linux kernel that vsr-sim plays: PCI functions, drivers bound to them, IOMMU
 * groups, vfio-pci with its containers, VF tokens and resets.
 *
 * host.c holds the state and the rules; host_sysfs.c shows it as a FUSE tree; host_vfio.c answers
 * the requests of preloaded processes. All of them reach the NIC as clients of lib/vfio_user
 * only. Every function returns 0 or the -errno a Linux kernel would give.
 *
 * Threads: one lock (host->lock) around everything; each function below takes it, so none may be
 * called with it held unless its name ends in _locked.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vfio_user/vuser.h"

#define HOST_BDF_LEN 16 /**< "0000:01:00.0" and its end. */
#define HOST_MAX_DEVS 512

/** A driver of the simulated kernel; a function may be bound to one of them. */
enum host_driver {
	HOST_DRIVER_NONE,
	HOST_DRIVER_VFIO_PCI,
	HOST_DRIVER_VIRTIO_PCI, /**< Stands for any kernel driver: binds, does nothing. */
};

/** "vfio-pci", "virtio-pci", or NULL for none. */
const char *host_driver_name(enum host_driver driver);
/** The driver of that name, or -EINVAL. */
int host_driver_find(const char *name);

struct host;

struct host *host_create(void);
void host_destroy(struct host *host);

/* ---------------------------------------------------------------- functions on the bus */

/**
 * Put a function on the bus, as PCI enumeration does: reads its configuration space, gives it an
 * IOMMU group of its own. A PF is bound to vfio-pci at once; a VF under a vfio-pci PF gets
 * driver_override=vfio-pci and is bound, as Linux does.
 *
 * @param pf_bdf   NULL for a PF or a plain function.
 * @param vf_index 1..NumVFs for a VF, else 0.
 * @param ids      What a VF's own registers do not say (they read 0xffff).
 * @param server   Function of this process, or NULL.
 * @param path     vfio-user socket of a function of another process, or NULL.
 */
struct host_ids {
	uint16_t vendor, device, subsys_vendor, subsys;
	uint8_t revision;
	uint32_t class_code;
};
int host_dev_add(struct host *host, const char *bdf, const char *pf_bdf, uint16_t vf_index,
		const struct host_ids *ids, struct vuser_server *server, const char *path);

/** Surprise-free removal: users are asked to let go (REQ interrupt), then cut off. */
int host_dev_remove(struct host *host, const char *bdf);

/** What sysfs shows of a function: a copy, taken under the lock. */
struct host_dev_info {
	char bdf[HOST_BDF_LEN];
	char pf_bdf[HOST_BDF_LEN]; /**< Empty for a PF. */
	uint16_t vf_index;
	struct host_ids ids;
	int group;
	enum host_driver driver;
	char driver_override[32];
	bool has_sriov;
	uint16_t sriov_totalvfs, sriov_numvfs, sriov_offset, sriov_stride, sriov_vf_device;
	uint64_t bar_start[6], bar_size[6], bar_flags[6]; /**< As in the resource file. */
	unsigned int nb_open; /**< VFIO device descriptors alive now. */
};
int host_dev_info(struct host *host, const char *bdf, struct host_dev_info *out);
/** Names of all functions in bus order; at most max are written. @return how many there are. */
size_t host_dev_list(struct host *host, char (*out)[HOST_BDF_LEN], size_t max);

/* What writing to sysfs does. */
int host_driver_bind(struct host *host, const char *bdf, enum host_driver driver);
int host_driver_unbind(struct host *host, const char *bdf, enum host_driver driver);
/** "" or "(null)" clears. */
int host_driver_override_set(struct host *host, const char *bdf, const char *name);
int host_drivers_probe(struct host *host, const char *bdf);
/** All errors of the kernel's sriov_numvfs, see the guide. */
int host_sriov_numvfs_set(struct host *host, const char *bdf, uint16_t num_vfs);
int host_dev_reset(struct host *host, const char *bdf);
/** Raw configuration space as root sees it through sysfs (no VFIO filtering). */
int host_config_read(struct host *host, const char *bdf, uint64_t offset, void *data, size_t len);
int host_config_write(struct host *host, const char *bdf, uint64_t offset, const void *data,
		size_t len);

/** How the host asks its owner to make num_vfs VFs of a PF exist (0: none). Called without the
 * host's lock after the SR-IOV registers were written; calls host_dev_add()/_remove(). */
typedef int (*host_vfs_sync)(void *arg, const char *pf_bdf, uint16_t num_vfs);
void host_on_vfs_sync(struct host *host, host_vfs_sync fn, void *arg);

/* ---------------------------------------------------------------- VFIO, host_vfio.c */

/**
 * Serve the requests of preloaded processes on a UNIX socket: one thread per connection, all
 * joined by host_vfio_stop().
 */
int host_vfio_start(struct host *host, const char *socket_path);
void host_vfio_stop(struct host *host);

#endif /* VSR_SIM_HOST_H */
