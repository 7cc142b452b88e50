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
 * host.c holds the state and the rules, host_vfio.c answers the requests of preloaded processes;
 * ../sysfs shows it as a FUSE tree. All of them reach the NIC as clients of lib/vfio_user
 * only. Every function returns 0 or the -errno a Linux kernel would give.
 *
 * Threads: one lock (host->lock) around everything; each function below takes it, so none may be
 * called with it held. Operations of a vuser device of this process run with it held: they must
 * not call back into the host. It is let go while a function of another process is asked.
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
	HOST_DRIVER_VIRTIO_PCI, /**< Stands for any kernel driver: binds, does nothing. */
};

/** "vfio-pci", "virtio-pci", or NULL for none. */
const char *host_driver_name(enum host_driver driver);
/** The driver of that name, or -EINVAL. */
int host_driver_find(const char *name);

struct host;

/** NULL with errno ENOMEM, EMFILE or EAGAIN (no thread). */
struct host *host_create(void);
/** Takes every function off the bus without asking, frees all. host_vfio_stop() comes first.
 * NULL is fine. */
void host_destroy(struct host *host);

/** vuser_server_process() for a server whose in-process client is this host, under its lock. */
void host_server_process(struct host *host, struct vuser_server *server);

/* ---------------------------------------------------------------- functions on the bus */

/**
 * Put a function on the bus, as PCI enumeration does: reads its configuration space, places its
 * BARs, gives it an IOMMU group of its own. A PF gets driver_override=vfio-pci and is bound to it
 * at once (as driverctl would); so does a VF under a vfio-pci PF, as Linux does. Any other VF is
 * bound to the driver that matches.
 *
 * The host is the one client of the function until host_fn_remove(). A function whose regions
 * can be mapped must have them in one memory file at offset (region << 40), as linux/vfio.h
 * numbers the offsets of a device descriptor: that file is what programs get as the descriptor.
 *
 * The function level reset of a PF takes its VFs away and the host brings them back at once, all
 * inside one call: the servers of VFs stay, and must bear requests in between.
 *
 * @param pf_bdf   NULL for a PF or a plain function.
 * @param vf_index 1..NumVFs for a VF, else 0.
 * @param ids      What a VF's own registers do not say (they read 0xffff). NULL: its registers
 *                 say who it is.
 * @param server   Function of this process, or NULL.
 * @param path     vfio-user socket of a function of another process, or NULL. Such a function
 *                 cannot be mapped: programs reach its registers by system calls. Its process
 *                 may use this host to answer, and has some seconds for each request.
 * @return 0; -EINVAL (name, or neither server nor path); -EEXIST (name); -ENODEV (no such PF);
 *         -ENOSPC (HOST_MAX_FNS); -ENOTSUP (memory laid out otherwise; said on stderr); -EBUSY
 *         (the server has a client); -ENOMEM; or what the function answered.
 */
struct host_ids {
	uint16_t vendor, device, subsys_vendor, subsys;
	uint8_t revision;
	uint32_t class_code;
};
int host_fn_add(struct host *host, const char *bdf, const char *pf_bdf, uint16_t vf_index,
		const struct host_ids *ids, struct vuser_server *server, const char *path);

/**
 * Surprise-free removal: users are asked to let go (REQ interrupt), and after HOST_REMOVE_MS cut
 * off: their later requests get ENODEV. VFs of a PF go first, by the callback. When it returns,
 * the host has left the function's server.
 * @return 0, -ENODEV, or -EBUSY (another thread is at it).
 */
int host_fn_remove(struct host *host, const char *bdf);
#define HOST_REMOVE_MS 3000

/** What sysfs shows of a function: a copy, taken under the lock. */
struct host_fn_info {
	char bdf[HOST_BDF_LEN];
	char pf_bdf[HOST_BDF_LEN]; /**< Empty for a PF. */
	uint16_t vf_index;
	struct host_ids ids;
	int group;
	enum host_driver driver;
	char driver_override[32];
	bool has_sriov;
	bool sriov_autoprobe; /**< VFs match drivers by their ids too, not by override only. */
	uint16_t sriov_totalvfs, sriov_numvfs, sriov_offset, sriov_stride, sriov_vf_device;
	uint64_t bar_start[6], bar_size[6], bar_flags[6]; /**< As in the resource file. */
	unsigned int nb_open; /**< VFIO device descriptors alive now. */
	bool remote; /**< It is a function of another process. */
};
int host_fn_info(struct host *host, const char *bdf, struct host_fn_info *out);
/** Names of all functions in bus order; at most max are written. @return how many there are. */
size_t host_fn_list(struct host *host, char (*out)[HOST_BDF_LEN], size_t max);
/** The one function of an IOMMU group. 0 or -ENODEV. */
int host_group_fn(struct host *host, int group, char out[HOST_BDF_LEN]);
/**
 * Address of VF n (from 1) of a PF: routing id PF + offset + (n - 1) * stride, carries into the bus
 * number included (PCI Express Base Specification 9.2.1.2 "VF Discovery").
 * @return false when no bus number is left for the VF.
 */
bool host_vf_bdf(const struct host_fn_info *pf, unsigned int n, char out[HOST_BDF_LEN]);

/* What writing to sysfs does. All: -ENODEV when there is no such function. */

/** -ENODEV: the driver does not match (driver_override, new_id); -EBUSY: bound already, or
 * vfio-pci on a PF that has VFs. */
int host_driver_bind(struct host *host, const char *bdf, enum host_driver driver);
/** -ENODEV: not bound to this driver; -EBUSY: still open after HOST_REMOVE_MS (Linux waits for
 * ever). VFs of a PF go first, as with vfio-pci: -EBUSY at once when one is open. */
int host_driver_unbind(struct host *host, const char *bdf, enum host_driver driver);
/** "" or "(null)" clears; -EINVAL: too long. */
int host_driver_override_set(struct host *host, const char *bdf, const char *name);
/** Bind an unbound function to the driver that matches, if any. */
int host_drivers_probe(struct host *host, const char *bdf);
/** Let a driver match these ids, and bind it to all functions that now match and have none.
 * @return 0, -EEXIST (matched already), -EINVAL (no such driver), -ENOMEM. */
int host_driver_new_id(struct host *host, enum host_driver driver, uint16_t vendor,
		uint16_t device);
/** Undo it; bound functions stay bound. -ENODEV: these ids were not given. */
int host_driver_remove_id(struct host *host, enum host_driver driver, uint16_t vendor,
		uint16_t device);
/** The kernel's sriov_drivers_autoprobe; -ENOENT no SR-IOV capability. */
int host_sriov_autoprobe_set(struct host *host, const char *bdf, bool on);
/**
 * As the kernel's sriov_numvfs, in its order: -ENOENT no SR-IOV capability; -ERANGE more than
 * TotalVFs; 0 when nothing changes; -ENOENT no driver, or one without SR-IOV; -EBUSY VFs exist
 * and num_vfs is neither 0 nor their number; -EBUSY num_vfs is 0 and a VF is open. Then what the
 * callback says.
 */
int host_sriov_numvfs_set(struct host *host, const char *bdf, uint16_t num_vfs);
/** Function level reset, configuration kept; -ENOTTY when the function cannot. */
int host_sysfs_reset(struct host *host, const char *bdf);
/** Raw configuration space as root sees it through sysfs (no VFIO filtering). */
int host_config_read(struct host *host, const char *bdf, uint64_t offset, void *data, size_t len);
int host_config_write(struct host *host, const char *bdf, uint64_t offset, const void *data,
		size_t len);

/**
 * How the host asks its owner to put num_vfs VFs of a PF on the bus (0: none), by
 * host_fn_add()/_remove(). Called without the host's lock: for VFs to come after the SR-IOV
 * registers were written, for VFs to go before VF Enable is cleared. Returns 0 or -errno; after
 * an error no VF may be left on the bus. One call at a time.
 */
typedef int (*host_vfs_sync)(void *arg, const char *pf_bdf, uint16_t num_vfs);
void host_on_vfs_sync(struct host *host, host_vfs_sync sync, void *arg);

/* ---------------------------------------------------------------- VFIO, host_vfio.c */

/**
 * Serve the requests of preloaded processes on a UNIX socket (host_proto.h): one thread per
 * connection, all joined by host_vfio_stop(). Raises the limit of open files as far as it may:
 * every file that holds DMA memory of a program is kept open.
 *
 * @param socket_path  Goes into VSR_SIM_HOST of programs; a stale one is replaced.
 * @return 0; -EADDRINUSE (somebody serves there); -ENAMETOOLONG; or what socket(2), bind(2),
 *         listen(2) and pthread_create(3) say.
 */
int host_vfio_start(struct host *host, const char *socket_path);
/** Programs see the simulated kernel vanish. Fine when not started. */
void host_vfio_stop(struct host *host);

#endif /* VSR_SIM_HOST_H */
