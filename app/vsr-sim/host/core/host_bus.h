/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_BUS_H
#define VSR_SIM_HOST_BUS_H

/**
 * @file
 * The bus: the state of the simulated host and of the functions on it, and look-ups.
 *
 * Lock rule of all private functions of host/: host->lock is held by the caller. A function whose
 * name or comment says otherwise is an exception. A request about a function of another process (or
 * a container with such a function) also holds host->remote_lock, see host_lock.h.
 */

#include <pthread.h>
#include <sys/types.h>

#include "../host.h"
#include "virtio_spec/pci.h"

#define HOST_NB_REGIONS VUSER_MAX_REGIONS
#define HOST_MAX_OPENS 64 /**< Device descriptions handed out of one function. */
#define HOST_MAX_IDS 16

struct base_server;
struct host_container;
struct host_file;

/** An open file description that was handed out. */
struct host_open {
	off_t byte; /**< Locked by it. */
};

/** A memory BAR as the bus has it. */
struct host_bar {
	uint64_t start, size;
	uint32_t bits; /**< Low bits of the register. */
	bool upper; /**< Second half of a 64-bit BAR. */
};

struct host_fn {
	/* bus */
	char bdf[HOST_BDF_LEN];
	uint32_t key; /**< Order on the bus. */
	struct host_fn *pf; /**< NULL: not a VF. */
	uint16_t vf_index;
	struct host_ids ids;
	enum host_driver driver;
	char driver_override[32];
	bool removing; /**< A thread waits for its users to go: no new opens, pointer stays good. */
	uint64_t asked_ms; /**< When its users were first asked to leave; 0: not asked. */
	bool closing; /**< VF that is about to be removed: no new opens. */
	bool no_autoprobe; /**< VFs of this PF match no driver but by their override. */

	/* the function */
	struct vuser_client *client;
	struct host *remote; /**< For a function of another process: its host. Else NULL. */
	uint32_t flags; /**< VFIO_DEVICE_FLAGS_*. */
	struct vuser_region regions[HOST_NB_REGIONS]; /**< fd is always -1. */
	struct vuser_irq irqs[VUSER_MAX_IRQS];
	struct host_bar bars[6];
	struct host_bar vf_bars[6]; /**< Of all VFs; size is that of one. */
	uint16_t msix_cap, express_cap, sriov_cap; /**< Offsets, 0: none. */
	uint64_t msix_table; /**< Offset in its BAR. */
	unsigned int msix_bar;
	uint16_t sriov_totalvfs, sriov_numvfs, sriov_offset, sriov_stride, sriov_vf_device;
	uint8_t vf_token[16]; /**< Of a PF bound to vfio-pci. */

	/* VFIO: the group, which is this function alone */
	int group;
	int group_fd; /**< As host_container.fd; -1: not open. */
	ino_t group_ino;
	struct host_open group_open;
	struct host_container *container;

	/* VFIO: the device */
	int mem_fd; /**< The file that programs get; no lock of its own. */
	ino_t mem_ino;
	struct host_open opens[HOST_MAX_OPENS];
	unsigned int nb_open;
	uint32_t nb_vectors; /**< MSI-X vectors enabled. */
	int req_fd, err_fd; /**< Event descriptors, -1: none. */
	uint32_t bar_regs[6]; /**< BARs as the program wrote them. */
	bool bars_written;
	bool vf_memory; /**< Memory Space bit of a VF, which has none of its own. */
	uint8_t irq_line;
	uint8_t cap_at[PCI_CFG_SIZE / 4]; /**< Capability id of each word of the header area. */
	uint8_t cap_start[PCI_CFG_SIZE / 4]; /**< Where that capability starts. */
};

struct host_id_match {
	enum host_driver driver;
	uint16_t vendor, device;
};

struct host {
	pthread_mutex_t remote_lock; /**< See host_fn.c; taken before lock. */
	pthread_mutex_t lock;
	pthread_mutex_t sriov_lock; /**< One change of VFs at a time; taken before lock. */
	struct host_fn *fns[HOST_MAX_FNS]; /**< In bus order. */
	size_t nb_fns;
	struct host_id_match ids[HOST_MAX_IDS];
	unsigned int nb_ids;
	uint64_t next_address; /**< Of the memory window. */
	uint64_t next_port; /**< Of I/O ports. */
	struct host_container *containers;
	struct host_file *files;
	dev_t mem_dev; /**< Where memory files live. */
	off_t next_byte;
	host_vfs_sync vfs_sync;
	void *vfs_sync_arg;
	pthread_t reaper;
	pthread_cond_t wake; /**< Something is open, or quit. */
	bool quit;
	struct base_server *server; /**< Of preloaded processes; NULL: not started. */
};

/** A line on stderr, as a kernel log: "vsr-sim: WHO: ...". */
void host_log(const char *who, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** The order on the bus of an address in its full form. 0 or -EINVAL. */
int host_bdf_key(const char *bdf, uint32_t *key);
/** The lowest number of an IOMMU group that no function has. */
int host_free_group(const struct host *host);

struct host_fn *host_find(struct host *host, const char *bdf);
/** The one function of an IOMMU group. */
struct host_fn *host_find_group(struct host *host, uint64_t group);
/** The function after prev on the bus (NULL: the first), or NULL; others may come and go. */
struct host_fn *host_next(struct host *host, const struct host_fn *prev);
/** VFs of a PF that are on the bus, in order: the one after prev (NULL: the first). */
struct host_fn *host_next_vf(struct host *host, const struct host_fn *pf,
		const struct host_fn *prev);

#endif /* VSR_SIM_HOST_BUS_H */
