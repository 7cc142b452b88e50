/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_H
#define VSR_SIM_HOST_H

/**
 * @file
 * The simulated host: the parts of a Linux kernel that a PCI function needs. PCI functions, drivers
 * bound to them, IOMMU groups, vfio-pci with its containers, VF tokens and resets.
 *
 * host_serve.c serves preloaded processes; ../sysfs shows the host as a FUSE file system. The host
 * uses functions through lib/vfio_user only. Unless its comment says otherwise, a function below
 * returns 0 or the -errno that a Linux kernel returns.
 *
 * The sources, lowest floor first:
 *
 *   core/      the bus, locks, requests to a function, DMA maps, interrupts
 *   function/  one function: set-up and reset, open files and their last close, VF tokens
 *   driver/    drivers, SR-IOV, and the rest of sysfs
 *   vfio/      ioctls, reads and writes of programs
 *   .          adding and removing functions; the server
 *
 * Threads: any. Each function below takes host->lock, so a caller must not hold it. Operations of
 * a vuser device of this process run with host->lock held: they must not call the host. The lock is
 * released during a request to a function of another process (core/host_lock.h).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/base_bdf.h"
#include "vfio_user/vuser.h"

#define HOST_BDF_LEN BASE_BDF_LEN
#define HOST_MAX_FNS 512

/** A driver of the simulated kernel; a function may be bound to one of them. */
enum host_driver {
	HOST_DRIVER_NONE,
	HOST_DRIVER_VFIO_PCI,
	HOST_DRIVER_VIRTIO_PCI, /**< Represents any kernel driver: it binds and does nothing. */
};

/** "vfio-pci", "virtio-pci", or NULL for HOST_DRIVER_NONE. */
const char *host_driver_name(enum host_driver driver);
/** @return the driver (enum host_driver) of a name, or -EINVAL. */
int host_driver_find(const char *name);

struct host;

/** @return the host, or NULL with errno ENOMEM, EMFILE or EAGAIN (no thread). */
struct host *host_create(void);
/**
 * Remove all functions at once, without a request to their users, and free the host. The caller has
 * called host_vfio_stop(). NULL: no effect.
 */
void host_destroy(struct host *host);

/** Call vuser_server_process() under host->lock, for a server whose client is this host. */
void host_server_process(struct host *host, struct vuser_server *server);

/* ---------------------------------------------------------------- functions on the bus */

struct host_ids {
	uint16_t vendor, device, subsys_vendor, subsys;
	uint8_t revision;
	uint32_t class_code;
};

/**
 * Add a function to the bus, as PCI enumeration does: read its configuration space, place its BARs,
 * give it an IOMMU group of its own. A PF gets driver_override=vfio-pci and is bound to vfio-pci at
 * once, as driverctl does; so is a VF of a PF that is bound to vfio-pci, as in Linux. Any other VF
 * is bound to the driver that matches.
 *
 * The host is the only client of the function until host_fn_remove(). All regions of a function
 * that can be mapped must lie in one memory file, region r at offset (r << 40), the offsets of a
 * VFIO device descriptor: programs get this file as device descriptor.
 *
 * The function level reset of a PF removes its VFs, and the host creates them again before the
 * call returns. The servers of the VFs stay, and must accept requests meanwhile.
 *
 * @param pf_bdf   PF of a VF; NULL for other functions.
 * @param vf_index 1..NumVFs for a VF, else 0.
 * @param ids      Ids of a VF, whose own registers read 0xffff. NULL: read them from registers.
 * @param server   Server of a function of this process, or NULL.
 * @param path     vfio-user socket of a function of another process, or NULL. Such a function
 *                 cannot be mapped: programs access its registers by system calls. Its process
 *                 may use this host for its answer, and has HOST_REMOTE_MS per request.
 * @return 0, or
 *         -EINVAL   bdf is not a full address, or not exactly one of server and path is given,
 *         -EEXIST   the bus has a function of this address,
 *         -ENODEV   the bus has no such PF,
 *         -ENOSPC   there are HOST_MAX_FNS functions,
 *         -ENOTSUP  its regions are not laid out as above, or it has no configuration space
 *                   (logged to stderr),
 *         -EBUSY    the server has a client,
 *         -ENOMEM, or the error that the function returned.
 */
int host_fn_add(struct host *host, const char *bdf, const char *pf_bdf, uint16_t vf_index,
		const struct host_ids *ids, struct vuser_server *server, const char *path);

/**
 * Remove a function: request its users to release it (REQ interrupt), and close it after
 * HOST_REMOVE_MS in any case; their later requests get ENODEV. The callback host_vfs_sync removes
 * the VFs of a PF first. On return, the host is no longer a client of the function.
 * @return 0, -ENODEV, or -EBUSY: another thread is removing or unbinding it.
 */
int host_fn_remove(struct host *host, const char *bdf);
#define HOST_REMOVE_MS 3000

/** A copy of the state of a function. */
struct host_fn_info {
	char bdf[HOST_BDF_LEN];
	char pf_bdf[HOST_BDF_LEN]; /**< Empty for a PF. */
	uint16_t vf_index;
	struct host_ids ids;
	int group;
	enum host_driver driver;
	char driver_override[32];
	bool has_sriov;
	bool sriov_autoprobe; /**< VFs are bound by their ids too, not by driver_override only. */
	uint16_t sriov_totalvfs, sriov_numvfs, sriov_offset, sriov_stride, sriov_vf_device;
	uint64_t bar_start[6], bar_size[6], bar_flags[6]; /**< As in sysfs' file "resource". */
	unsigned int nb_open; /**< Open VFIO device descriptions. */
	bool remote; /**< The function is of another process. */
};
int host_fn_info(struct host *host, const char *bdf, struct host_fn_info *out);
/** Addresses of all functions in bus order, at most max. @return number of functions on the bus. */
size_t host_fn_list(struct host *host, char (*out)[HOST_BDF_LEN], size_t max);
/** Address of the only function of an IOMMU group. @return 0 or -ENODEV. */
int host_group_fn(struct host *host, int group, char out[HOST_BDF_LEN]);
/**
 * Address of VF n (from 1) of a PF: routing id PF + offset + (n - 1) * stride, carries into the bus
 * number included (PCI Express Base Specification 9.2.1.2 "VF Discovery").
 * @return false when no bus number is left for the VF.
 */
bool host_vf_bdf(const struct host_fn_info *pf, unsigned int n, char out[HOST_BDF_LEN]);

/* Writes to sysfs. Each returns -ENODEV when the bus has no such function. */

/**
 * Bind a function.
 * @return 0; -ENODEV: the driver does not match (driver_override, new_id); -EBUSY: the function is
 *         bound, or the driver is vfio-pci and the function a PF with VFs.
 */
int host_driver_bind(struct host *host, const char *bdf, enum host_driver driver);
/**
 * Unbind a function. The VFs of a PF are removed first, as by vfio-pci.
 * @return 0; -ENODEV: not bound to this driver; -EBUSY: a VF is open, or the function is still open
 *         after HOST_REMOVE_MS (Linux waits without limit).
 */
int host_driver_unbind(struct host *host, const char *bdf, enum host_driver driver);
/** "" or "(null)" clears the override. @return 0; -EINVAL: too long. */
int host_driver_override_set(struct host *host, const char *bdf, const char *name);
/** Bind an unbound function to the first driver that matches, if any. */
int host_drivers_probe(struct host *host, const char *bdf);
/**
 * Add ids to a driver, and bind the driver to all unbound functions that it now matches.
 * @return 0, -EEXIST (the driver has these ids), -EINVAL (no driver), -ENOMEM (too many ids).
 */
int host_driver_new_id(struct host *host, enum host_driver driver, uint16_t vendor,
		uint16_t device);
/** Remove ids; bound functions stay bound. @return 0; -ENODEV: the driver has no such ids. */
int host_driver_remove_id(struct host *host, enum host_driver driver, uint16_t vendor,
		uint16_t device);
/** sriov_drivers_autoprobe. @return 0; -ENOENT: no SR-IOV capability. */
int host_sriov_autoprobe_set(struct host *host, const char *bdf, bool on);
/**
 * sriov_numvfs: create or remove VFs. Checks, in the order of Linux:
 * @return -ENOENT  no SR-IOV capability,
 *         -ERANGE  more than TotalVFs,
 *         0        there are num_vfs VFs already,
 *         -ENOENT  no driver, or a driver without SR-IOV,
 *         -EBUSY   the function is being removed,
 *         -EBUSY   VFs exist and num_vfs is not 0, or num_vfs is 0 and a VF is open,
 *         or the result of the callback host_vfs_sync.
 */
int host_sriov_numvfs_set(struct host *host, const char *bdf, uint16_t num_vfs);
/** Function level reset; configuration is restored. @return 0; -ENOTTY: no reset. */
int host_sysfs_reset(struct host *host, const char *bdf);
/**
 * Raw configuration space, without the emulation of vfio-pci. @return 0, -EINVAL (range) or -EIO.
 */
int host_config_read(struct host *host, const char *bdf, uint64_t offset, void *data, size_t len);
int host_config_write(struct host *host, const char *bdf, uint64_t offset, const void *data,
		size_t len);

/**
 * Callback of the host's user: make the bus have num_vfs VFs of a PF, by host_fn_add() and
 * host_fn_remove(). Called without host->lock, one call at a time; for new VFs after the SR-IOV
 * registers were written, for removal before VF Enable is cleared.
 * @return 0 or -errno; after an error no VF of the PF is on the bus.
 */
typedef int (*host_vfs_sync)(void *arg, const char *pf_bdf, uint16_t num_vfs);
void host_on_vfs_sync(struct host *host, host_vfs_sync sync, void *arg);

/* ---------------------------------------------------------------- VFIO */

/**
 * Serve preloaded processes on a UNIX socket (host_proto.h), with one thread per connection. Raises
 * the limit of open files: the host keeps every file of DMA memory open.
 *
 * @param socket_path  The value of VSR_SIM_HOST for programs; a stale socket is replaced.
 * @return 0, or an error of base_server_start(): -EADDRINUSE, -ENAMETOOLONG, ...
 */
int host_vfio_start(struct host *host, const char *socket_path);
/** Stop the server: programs lose the simulated host. No effect when it was not started. */
void host_vfio_stop(struct host *host);

#endif /* VSR_SIM_HOST_H */
