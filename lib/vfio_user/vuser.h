/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VUSER_H
#define VUSER_H

/**
 * @file
 * The vfio-user protocol, version 0.1, as specified by docs/interop/vfio-user.rst of QEMU:
 * a PCI device offered by one process (the server) to another (the client) over a UNIX socket.
 *
 * This library moves messages and descriptors. It does not depend on virtio, on the simulator or
 * on DPDK. Region and interrupt numbers are those of linux/vfio.h (VFIO_PCI_*_INDEX).
 * Neither side trusts the other: every length is checked before use, and every bad message gets
 * one error reply. The worst that a peer can cause is the loss of its own connection.
 *
 * Not thread safe: one thread at a time per server (with its in-process client) and per client.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VUSER_MAX_REGIONS 9 /**< VFIO_PCI_NUM_REGIONS. */
#define VUSER_MAX_IRQS 5 /**< VFIO_PCI_NUM_IRQS. */
#define VUSER_MAX_SPARSE 8 /**< Mappable areas of one region. */
#define VUSER_MAX_FDS 16 /**< Descriptors per message; QEMU accepts no more. */
#define VUSER_MAX_DATA (1u << 20) /**< Bytes of payload in one region access. */
#define VUSER_MAX_MAPS 65535u /**< DMA maps; QEMU accepts no larger promise. */
#define VUSER_MAX_VECTORS 2048 /**< Per interrupt index; MSI-X has no more. */

/** An area of a region that a client may map: bytes from the start of the region, page aligned. */
struct vuser_area {
	uint64_t offset;
	uint64_t size;
};

/** One region of the device; size 0 means absent. */
struct vuser_region {
	uint64_t size; /**< Bytes. */
	uint32_t flags; /**< VFIO_REGION_INFO_FLAG_READ, _WRITE, _MMAP. */
	int fd; /**< File of the mappable areas, or -1. Borrowed. */
	uint64_t fd_offset; /**< Offset in fd of byte 0 of the region. */
	unsigned int nb_sparse; /**< 0: all of the region may be mapped (with _MMAP). */
	struct vuser_area sparse[VUSER_MAX_SPARSE];
};

/** One interrupt index of the device; count 0 means absent. */
struct vuser_irq {
	uint32_t flags; /**< VFIO_IRQ_INFO_EVENTFD, _MASKABLE, _AUTOMASKED, _NORESIZE. */
	uint32_t count;
};

/** The regions and interrupts of a device. */
struct vuser_device_info {
	uint32_t flags; /**< VFIO_DEVICE_FLAGS_RESET, _PCI. */
	uint32_t max_maps; /**< DMA maps that the device can hold for sure; 0: VUSER_MAX_MAPS. */
	struct vuser_region regions[VUSER_MAX_REGIONS];
	struct vuser_irq irqs[VUSER_MAX_IRQS];
};

/**
 * The operations of a device. They are called by vuser_server_process() or by an in-process client,
 * in the thread of the caller, one at a time per device. Ranges were checked against struct
 * vuser_device_info before. Each operation returns 0, or an -errno that is sent to the client. All
 * operations are required.
 */
struct vuser_device_ops {
	/** Read len bytes (1..VUSER_MAX_DATA) at offset of a region. */
	int (*region_read)(void *dev, unsigned int region, uint64_t offset, void *data, size_t len);
	/** Write len bytes (1..VUSER_MAX_DATA) at offset of a region. */
	int (*region_write)(void *dev, unsigned int region, uint64_t offset, const void *data,
			size_t len);
	/**
	 * Connect vectors start..start+count-1 of an index to event descriptors, which are eventfds
	 * for sure; fds[i] -1 disconnects a vector. Descriptors are borrowed: duplicate those that
	 * are kept. count is 1 or more; a long list of a client may come in several calls, in
	 * order.
	 */
	int (*irq_set_fds)(void *dev, unsigned int index, uint32_t start, uint32_t count,
			const int *fds);
	/** Trigger the vectors from software (VFIO_IRQ_SET_ACTION_TRIGGER with NONE or BOOL). */
	int (*irq_trigger)(void *dev, unsigned int index, uint32_t start, uint32_t count);
	/**
	 * Map size bytes of the client's memory at bus address iova: the file fd (borrowed) from
	 * offset on. prot is PROT_READ and/or PROT_WRITE. -EEXIST: the range overlaps a map.
	 */
	int (*dma_map)(void *dev, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset);
	/**
	 * Remove the maps inside the range; returns when the device does not use them any more.
	 * iova 0 with size UINT64_MAX: all maps.
	 * -ENOENT: there is no map; -EINVAL: the range contains a part of a map only.
	 */
	int (*dma_unmap)(void *dev, uint64_t iova, uint64_t size);
	/** Function level reset; DMA mappings and interrupt descriptors stay. */
	int (*reset)(void *dev);
	/**
	 * The client is gone: remove its DMA maps and interrupt descriptors, and reset. Not called
	 * for a client that left before the version was negotiated.
	 */
	void (*released)(void *dev);
};

/* ---------------------------------------------------------------- server */

struct vuser_server;

/**
 * Offer a device on a UNIX socket.
 *
 * @param path  Socket to listen on, as base_listen(). NULL: no socket, only vuser_client_attach()
 *              reaches the device.
 * @param info  Copied.
 * @param ops   Kept by reference.
 * @param dev   First argument of every operation.
 * @return the server, or NULL with errno: EADDRINUSE (a process listens there, or the file is not a
 *         socket), ENAMETOOLONG, ENOMEM, EINVAL (info exceeds the limits above, or an operation is
 *         missing), or an error of socket(2), bind(2), listen(2) or epoll_create(2).
 */
struct vuser_server *vuser_server_create(const char *path, const struct vuser_device_info *info,
		const struct vuser_device_ops *ops, void *dev);

/** A descriptor that is readable when vuser_server_process() has work; -1 without a socket. */
int vuser_server_fd(const struct vuser_server *server);

/**
 * Accept a client, receive what has arrived, and answer each complete message. Never blocks: a part
 * of a message is kept until the rest arrives, and nothing is received from a client that does not
 * read its replies. One client at a time: a second client gets EBUSY and is disconnected.
 */
void vuser_server_process(struct vuser_server *server);

/**
 * Replace the file of a region's mappable areas; for released(), so that what the last client got
 * leads nowhere. fd is borrowed, as in struct vuser_region; -1: the region cannot be mapped any
 * more.
 */
void vuser_server_region_fd(struct vuser_server *server, unsigned int region, int fd);

/** Whether a client (of either kind) is connected. */
bool vuser_server_busy(const struct vuser_server *server);

/** Disconnect the client, if any (released() is called), and free the server. NULL: nothing. */
void vuser_server_destroy(struct vuser_server *server);

/* ---------------------------------------------------------------- client */

struct vuser_client;

/**
 * Connect to a device and negotiate the version.
 *
 * @param timeout_ms  Deadline of this and of every later request, milliseconds.
 * @return the client, or NULL with errno: ECONNREFUSED, ENOENT, ENAMETOOLONG, ETIMEDOUT, EPROTO
 *         (not vfio-user, no common version, or the connection broke), EBUSY (another client is
 *         connected), ENOMEM.
 */
struct vuser_client *vuser_client_connect(const char *path, unsigned int timeout_ms);

/**
 * Use a device of the same process, without socket or thread: each request calls the message
 * handler of the server in the thread of the caller.
 *
 * @return the client, or NULL with errno EBUSY or ENOMEM.
 */
struct vuser_client *vuser_client_attach(struct vuser_server *server);

/** Disconnect and free the client. The server resets the device. NULL: nothing. */
void vuser_client_close(struct vuser_client *client);

/*
 * Requests. Each returns 0 or -errno: the answer of the device, or
 *   -ECONNRESET  the peer is gone (all later requests fail in this way too),
 *   -ETIMEDOUT   no answer in time; the connection is dead,
 *   -EPROTO      the answer was malformed; the connection is dead,
 *   -EIO         refused without a reason,
 *   -EINVAL      an argument is out of range; nothing was sent,
 *   -EBADF       a descriptor to send is not open; nothing was sent.
 */

/** Read the kind of the device, and its numbers of regions and interrupts. */
int vuser_client_device_info(struct vuser_client *client, uint32_t *flags, uint32_t *nb_regions,
		uint32_t *nb_irqs);

/**
 * Read the description of a region. out->fd is -1, or a descriptor that the caller closes.
 */
int vuser_client_region_info(struct vuser_client *client, unsigned int region,
		struct vuser_region *out);

int vuser_client_irq_info(struct vuser_client *client, unsigned int index, struct vuser_irq *out);

int vuser_client_region_read(struct vuser_client *client, unsigned int region, uint64_t offset,
		void *data, size_t len);
int vuser_client_region_write(struct vuser_client *client, unsigned int region, uint64_t offset,
		const void *data, size_t len);

/** As struct vuser_device_ops.irq_set_fds; count 0 with start 0 disconnects the whole index. */
int vuser_client_irq_set_fds(struct vuser_client *client, unsigned int index, uint32_t start,
		uint32_t count, const int *fds);
int vuser_client_irq_trigger(struct vuser_client *client, unsigned int index, uint32_t start,
		uint32_t count);

int vuser_client_dma_map(struct vuser_client *client, uint64_t iova, uint64_t size, int prot,
		int fd, uint64_t offset);
int vuser_client_dma_unmap(struct vuser_client *client, uint64_t iova, uint64_t size);
int vuser_client_reset(struct vuser_client *client);

#endif /* VUSER_H */
