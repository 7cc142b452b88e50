/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_BUS_H
#define VSR_SIM_HOST_BUS_H

/**
 * @file
 * The bus: the state of the simulated host and of its functions, and look-ups of a function.
 *
 * The caller of a private function of host/ holds host->lock, unless the comment of that function
 * says otherwise. A caller that handles a function of another process, or a container with such
 * a function, also holds host->remote_lock (see host_lock.h).
 */

#include <pthread.h>
#include <sys/types.h>

#include "../host.h"
#include "virtio_spec/pci.h"

#define HOST_NB_REGIONS VUSER_MAX_REGIONS
#define HOST_MAX_OPENS 64 /**< Open device descriptions of one function. */
#define HOST_MAX_IDS 16

struct base_server;
struct host_container;
struct host_file;

/** An open file description of a program (see host_files.h). */
struct host_open {
	off_t byte; /**< The byte that the description has locked. */
};

/** A BAR as placed on the bus. */
struct host_bar {
	uint64_t start, size;
	uint32_t bits; /**< Low bits of the register: kind of the BAR. */
	bool upper; /**< This register is the second half of a 64-bit BAR. */
};

struct host_fn {
	/* bus */
	char bdf[HOST_BDF_LEN];
	uint32_t key; /**< Position on the bus: functions are sorted by key. */
	struct host_fn *pf; /**< Of a VF; NULL for other functions. */
	uint16_t vf_index;
	struct host_ids ids;
	enum host_driver driver;
	char driver_override[32];
	bool removing; /**< A thread waits until it is unused: no new opens, nobody frees it. */
	uint64_t requested_ms; /**< Time of the first request to release the function; 0: none. */
	bool closing; /**< The VF is about to be removed: no new opens. */
	bool no_autoprobe; /**< A VF of this PF is bound by its driver_override only. */

	/* the function */
	struct vuser_client *client;
	struct host *remote; /**< This host, for a function of another process; else NULL. */
	uint32_t flags; /**< VFIO_DEVICE_FLAGS_*. */
	struct vuser_region regions[HOST_NB_REGIONS]; /**< fd is always -1. */
	struct vuser_irq irqs[VUSER_MAX_IRQS];
	struct host_bar bars[6];
	struct host_bar vf_bars[6]; /**< Of all VFs together; size is the size of one VF's BAR. */
	uint16_t msix_cap, express_cap, sriov_cap; /**< Offsets; 0: no such capability. */
	uint64_t msix_table; /**< Offset of the table in the BAR msix_bar. */
	unsigned int msix_bar;
	uint16_t sriov_totalvfs, sriov_numvfs, sriov_offset, sriov_stride, sriov_vf_device;
	uint8_t vf_token[16]; /**< Of a PF bound to vfio-pci. */

	/* VFIO: the group, which has this function only */
	int group;
	int group_fd; /**< As host_container.fd; -1: not open. */
	ino_t group_ino;
	struct host_open group_open;
	struct host_container *container;

	/* VFIO: the device */
	int mem_fd; /**< Memory file of the device, never locked through this descriptor. */
	ino_t mem_ino;
	struct host_open opens[HOST_MAX_OPENS];
	unsigned int nb_open;
	uint32_t nb_vectors; /**< MSI-X vectors enabled. */
	int req_fd, err_fd; /**< Event descriptors; -1: none. */
	uint32_t bar_regs[6]; /**< BARs as the program wrote them. */
	bool bars_written;
	bool vf_memory; /**< Memory Space bit that a VF shows; its own register has none. */
	uint8_t irq_line;
	uint8_t cap_at[PCI_CFG_SIZE / 4]; /**< Capability id of each word of the first 256 bytes. */
	uint8_t cap_start[PCI_CFG_SIZE / 4]; /**< Offset of that capability. */
};

struct host_id_match {
	enum host_driver driver;
	uint16_t vendor, device;
};

struct host {
	pthread_mutex_t remote_lock; /**< See host_lock.h; taken before lock. */
	pthread_mutex_t lock;
	pthread_mutex_t sriov_lock; /**< Serialises changes of VFs; taken before lock. */
	struct host_fn *fns[HOST_MAX_FNS]; /**< In bus order. */
	size_t nb_fns;
	struct host_id_match ids[HOST_MAX_IDS];
	unsigned int nb_ids;
	uint64_t next_address; /**< Next free address of the memory window. */
	uint64_t next_port; /**< Next free I/O port. */
	struct host_container *containers;
	struct host_file *files;
	dev_t mem_dev; /**< Device number of all memory files. */
	off_t next_byte;
	host_vfs_sync vfs_sync;
	void *vfs_sync_arg;
	pthread_t reaper;
	pthread_cond_t wake; /**< Signals that a file was opened, or quit. */
	bool quit;
	struct base_server *server; /**< Serves preloaded processes; NULL: not started. */
};

/** Write a line to stderr, like a kernel log: "vsr-sim: SUBJECT: ...". */
void host_log(const char *subject, const char *format, ...) __attribute__((format(printf, 2, 3)));

/** Position on the bus of an address. @return 0, or -EINVAL: not an address in full form. */
int host_bdf_key(const char *text, uint32_t *key);
/** The lowest number of an IOMMU group that no function has. */
int host_free_group(const struct host *host);

struct host_fn *host_find(struct host *host, const char *bdf);
/** The function of an IOMMU group, or NULL. */
struct host_fn *host_find_group(struct host *host, uint64_t group);
/**
 * The function after prev on the bus (prev NULL: the first), or NULL at the end. Functions may be
 * added and removed between two calls.
 */
struct host_fn *host_next(struct host *host, const struct host_fn *prev);
/** The VF of a PF after prev on the bus (prev NULL: the first), or NULL at the end. */
struct host_fn *host_next_vf(struct host *host, const struct host_fn *pf,
		const struct host_fn *prev);

#endif /* VSR_SIM_HOST_BUS_H */
