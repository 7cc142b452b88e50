/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_PRIV_H
#define VSR_SIM_HOST_PRIV_H

/**
 * @file
 * What the files of the simulated host share.
 *
 *   host.c         the bus: functions come and go
 *   host_fn.c      what is asked of functions, and the locks around it
 *   host_driver.c  drivers, and what sysfs lets one say about them
 *   host_sriov.c   VFs come and go
 *   host_pci.c     configuration space, placing of BARs, reset with save and restore
 *   host_vfio.c    containers, groups and devices as open files; tokens; last close
 *   host_iommu.c   DMA maps of a container
 *   host_device.c  ioctls of a device
 *   host_config.c  configuration space as vfio-pci shows it
 *   host_serve.c   the socket of preloaded processes
 *
 * Everything here is called with host->lock held, which is why no name says so. Where it is about
 * a function of another process (or a container with one), host->remote_lock is held too, and the
 * first is let go while that process is asked: see host_fn.c.
 *
 * Open files. A program gets an open file description of its own of a memory file (its inode is
 * the name by which requests speak of it). Before it is handed out, the host takes an open file
 * description lock on one byte through it and closes its own copy: the lock lives exactly as long
 * as the last duplicate, in whatever process, or the last mapping of it. Asking for the lock by
 * another description tells whether it is still open; no program has to report a close.
 */

#include <pthread.h>
#include <sys/types.h>

#include "host.h"
#include "virtio_spec/pci.h"

#define HOST_NB_REGIONS VUSER_MAX_REGIONS
#define HOST_MAX_OPENS 64 /**< Device descriptions handed out of one function. */
#define HOST_MAX_IDS 16
#define HOST_MAX_MAPS 65535 /**< Of one container, as Linux' dma_entry_limit. */
#define HOST_REAP_MS 20

/** An open file description that was handed out. */
struct host_open {
	off_t byte; /**< Locked by it. */
};

/** A file that holds DMA memory; shared by all pieces that lie in it. */
struct host_file {
	struct host_file *next;
	unsigned int refs;
	int fd;
	int access; /**< O_RDONLY, O_WRONLY or O_RDWR. */
	dev_t dev;
	ino_t ino;
};

struct host_piece {
	uint64_t size;
	uint64_t offset; /**< Into the file. */
	struct host_file *file;
};

/** What one VFIO_IOMMU_MAP_DMA mapped. */
struct host_map {
	uint64_t iova, size;
	int prot;
	size_t nb_pieces;
	struct host_piece *pieces; /**< Without gap, together size bytes. */
};

struct host_container {
	struct host_container *next;
	int fd; /**< Memory file that is its name; no lock of its own. */
	ino_t ino;
	struct host_open open;
	int iommu; /**< VFIO_TYPE1_IOMMU, VFIO_TYPE1v2_IOMMU, or 0. */
	unsigned int nb_groups;
	unsigned int nb_remote; /**< Of these, of functions of another process. */
	struct host_map **maps; /**< By iova. */
	size_t nb_maps, max_maps;
};

/** A memory BAR as the bus has it. */
struct host_bar {
	uint64_t start, size;
	uint32_t bits; /**< Low bits of the register. */
	bool upper; /**< Second half of a 64-bit BAR. */
};

struct host_dev {
	/* bus */
	char bdf[HOST_BDF_LEN];
	uint32_t key; /**< Order on the bus. */
	struct host_dev *pf; /**< NULL: not a VF. */
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

struct host_server;

struct host {
	pthread_mutex_t remote_lock; /**< See host_fn.c; taken before lock. */
	pthread_mutex_t lock;
	pthread_mutex_t sriov_lock; /**< One change of VFs at a time; taken before lock. */
	struct host_dev *devs[HOST_MAX_DEVS]; /**< In bus order. */
	size_t nb_devs;
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
	struct host_server *server;
};

/** A line on stderr, as a kernel log: "vsr-sim: WHO: ...". */
void host_log(const char *who, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---------------------------------------------------------------- host.c */

struct host_dev *host_find(struct host *host, const char *bdf);
/** VFs of a PF that are on the bus, in order: the one after prev (NULL: the first). */
struct host_dev *host_next_vf(struct host *host, const struct host_dev *pf,
		const struct host_dev *prev);

/** Raise the REQ interrupt of whoever uses the function. */
void host_ask_to_leave(struct host_dev *dev);
/**
 * Wait until nobody uses a function, for HOST_REMOVE_MS from the first time its users were asked.
 * Drops host->lock meanwhile: dev->removing must keep the function from being opened and freed.
 * @return whether it is unused.
 */
bool host_wait_unused(struct host *host, struct host_dev *dev);

/** The function after prev on the bus (NULL: the first), or NULL; others may come and go. */
struct host_dev *host_next(struct host *host, const struct host_dev *prev);

/* ---------------------------------------------------------------- host_fn.c */

#define HOST_REMOTE_MS 8000 /**< Another process must have answered; less than a preload waits. */

/** Take host->lock; remote: and before it the lock for functions of another process. */
void host_lock(struct host *host, bool remote);
/** Let go of what host_lock() took. */
void host_unlock(struct host *host);
/** Take what a request about this function needs, and host_unlock() in any case. @return it. */
struct host_dev *host_lock_dev(struct host *host, const char *bdf);
/** With host->lock held: have the other too, if nobody has it now. */
bool host_try_remote(struct host *host);
/** Let go of that alone. @return whether there was something to let go of. */
bool host_drop_remote(struct host *host);
/** Let others go on for a while. */
void host_pause(struct host *host, const struct timespec *pause);

/** As vuser_client_*() of the same name, with host->lock let go for a remote function. */
int host_fn_read(struct host_dev *dev, unsigned int region, uint64_t offset, void *data,
		size_t len);
int host_fn_write(struct host_dev *dev, unsigned int region, uint64_t offset, const void *data,
		size_t len);
int host_fn_irq_set_fds(struct host_dev *dev, unsigned int index, uint32_t start, uint32_t count,
		const int *fds);
int host_fn_irq_trigger(struct host_dev *dev, unsigned int index, uint32_t vector);
int host_fn_dma_map(struct host_dev *dev, uint64_t iova, uint64_t size, int prot, int fd,
		uint64_t offset);
int host_fn_dma_unmap(struct host_dev *dev, uint64_t iova, uint64_t size);
int host_fn_reset(struct host_dev *dev);
/** Connect, and ask what it is made of: client, flags, regions (with descriptors) and irqs. */
int host_fn_connect(struct host_dev *dev, struct vuser_server *server, const char *path);

/* ---------------------------------------------------------------- host_driver.c */

/** Bind an unbound function to the driver that matches, if any. */
void host_driver_probe(struct host *host, struct host_dev *dev);

/* ---------------------------------------------------------------- host_sriov.c */

/** Write NumVFs and VF Enable. */
void host_sriov_registers(struct host_dev *pf, uint16_t num_vfs);
bool host_any_vf_open(struct host *host, const struct host_dev *pf);
/** VFs that are about to go cannot be opened any more. */
void host_vfs_closing(struct host *host, const struct host_dev *pf, bool closing);
/** The VFs of a PF leave the bus, then VF Enable is cleared. With sriov_lock, without lock. */
int host_vfs_off(struct host *host, const char *pf_bdf);

/* ---------------------------------------------------------------- host_pci.c */

uint32_t host_cfg_read(struct host_dev *dev, unsigned int offset, unsigned int width);
void host_cfg_write(struct host_dev *dev, unsigned int offset, unsigned int width, uint32_t value);
/** Find capabilities, place BARs. */
int host_pci_setup(struct host *host, struct host_dev *dev);
/** Function level reset; what the system keeps through one is put back (for a PF the VFs too). */
int host_pci_reset(struct host *host, struct host_dev *dev);

/* ---------------------------------------------------------------- host_vfio.c */

int host_memfile(const char *name);
/** A new random VF token. */
void host_token_new(uint8_t token[16]);
/** Do what last closes left to do. @return whether anything is still open anywhere. */
bool host_reap(struct host *host);
/** The same for one function. @return whether a device description of it is open. */
bool host_dev_in_use(struct host *host, struct host_dev *dev);
/** The function leaves the bus: forget its group and descriptions, whoever holds them. */
void host_vfio_cut(struct host *host, struct host_dev *dev);
/** Nobody may hold what it frees. */
void host_vfio_free(struct host *host);

enum host_kind { HOST_KIND_NONE, HOST_KIND_CONTAINER, HOST_KIND_GROUP, HOST_KIND_DEVICE };
struct host_object {
	enum host_kind kind;
	struct host_container *container;
	struct host_dev *dev; /**< Of a group or device. */
};
/** What an inode of mem_dev is now. */
struct host_object host_lookup(struct host *host, ino_t ino);

/** Each returns a new descriptor for the program, or -errno. */
int host_container_open(struct host *host);
int host_group_open(struct host *host, unsigned int number);
/** name as in VFIO_GROUP_GET_DEVICE_FD, ended by 0. */
int host_device_open(struct host *host, struct host_dev *dev, const char *name);

/** @param value  The third argument of ioctl(2), where it is no pointer. */
int host_container_ioctl(struct host *host, struct host_container *container, unsigned long cmd,
		uint64_t value, void *data, size_t len, size_t *out_len);
int host_group_ioctl(struct host *host, struct host_dev *dev, unsigned long cmd, uint64_t value,
		void *data, size_t len, size_t *out_len);

/* ---------------------------------------------------------------- host_iommu.c */

/** What VFIO_IOMMU_MAP_DMA asks is allowed: 0, -EINVAL, -EEXIST, -ENOSPC. */
struct vfio_iommu_type1_dma_map;
int host_iommu_check(const struct host_container *container,
		const struct vfio_iommu_type1_dma_map *arg);
/** Add a map, which the container then owns, and let every function of it see the memory. */
int host_iommu_map(struct host *host, struct host_container *container, struct host_map *map);
/** VFIO_IOMMU_UNMAP_DMA. @return 0 with *unmapped bytes, or -errno. */
int host_iommu_unmap(struct host *host, struct host_container *container, uint64_t iova,
		uint64_t size, bool all, uint64_t *unmapped);
/** Show a function all maps of its container; those it has already are fine. */
int host_iommu_attach(struct host_container *container, struct host_dev *dev);
void host_iommu_detach(struct host_container *container, struct host_dev *dev);
/** Forget all maps; no function may be attached. */
void host_iommu_free(struct host *host, struct host_container *container);
int host_iommu_info(const struct host_container *container, void *data, size_t len,
		size_t *out_len);
/** The file of a descriptor, which is borrowed; NULL: no memory or descriptors. */
struct host_file *host_file_get(struct host *host, int fd);
void host_file_put(struct host *host, struct host_file *file);
/** Free a map that no container has. */
void host_map_free(struct host *host, struct host_map *map);

/* ---------------------------------------------------------------- host_device.c */

/** fds: of the message, borrowed; SET_IRQS names them by number. */
int host_device_ioctl(struct host *host, struct host_dev *dev, unsigned long cmd, void *data,
		size_t len, size_t *out_len, const int *fds, unsigned int nb_fds);
/** Bytes moved or -errno. */
int host_device_read(struct host_dev *dev, uint64_t offset, void *data, size_t len);
int host_device_write(struct host *host, struct host_dev *dev, uint64_t offset, const void *data,
		size_t len);
/** Raise an event descriptor of a program; never blocks. */
int host_signal(int fd);
/** Disconnect all interrupts and their descriptors. */
void host_device_irqs_off(struct host_dev *dev);
/** MSI-X table and enable bit, as the system programs them for nb_vectors. */
void host_device_msix_program(struct host_dev *dev);

/* ---------------------------------------------------------------- host_config.c */

/** Start of a use by a program: nothing is written yet. */
void host_config_init(struct host_dev *dev);
int host_config_view_read(struct host_dev *dev, uint64_t offset, uint8_t *data, size_t len);
int host_config_view_write(struct host *host, struct host_dev *dev, uint64_t offset,
		const uint8_t *data, size_t len);

#endif /* VSR_SIM_HOST_PRIV_H */
