/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VUSER_H
#define VUSER_H

/**
 * @file
 * The vfio-user protocol, version 0.1, as the QEMU project's docs/interop/vfio-user.rst has it:
 * a PCI device offered by one process (the server) to another (the client) over a UNIX socket.
 *
 * This library moves messages and descriptors. It knows nothing of virtio, of simulated NICs or
 * of DPDK. Region and interrupt numbers are those of linux/vfio.h (VFIO_PCI_*_INDEX).
 * Neither side trusts the other: every length is bounded before use, every bad message gets one
 * error reply, and a peer can at worst lose its own connection.
 *
 * Not thread safe: one thread at a time per server (with its in-process client) and per client.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VUSER_MAX_REGIONS 9 /**< VFIO_PCI_NUM_REGIONS. */
#define VUSER_MAX_IRQS 5 /**< VFIO_PCI_NUM_IRQS. */
#define VUSER_MAX_SPARSE 8 /**< Mappable areas of one region. */
#define VUSER_MAX_FDS 16 /**< Descriptors with one message (QEMU takes no more). */
#define VUSER_MAX_DATA (1u << 20) /**< Bytes of payload in one region access. */
#define VUSER_MAX_VECTORS 2048 /**< Of one interrupt index (MSI-X has no more). */

/** A part of a region that a client may map, in bytes from the region's start; page aligned. */
struct vuser_area {
	uint64_t offset;
	uint64_t size;
};

/** One region of the device; size 0 means absent. */
struct vuser_region {
	uint64_t size; /**< Bytes. */
	uint32_t flags; /**< VFIO_REGION_INFO_FLAG_READ, _WRITE, _MMAP. */
	int fd; /**< Memory behind the mappable parts, or -1. Borrowed. */
	uint64_t fd_offset; /**< Where byte 0 of the region stands in fd. */
	unsigned int nb_sparse; /**< 0: all of the region may be mapped (with _MMAP). */
	struct vuser_area sparse[VUSER_MAX_SPARSE];
};

/** One interrupt index of the device; count 0 means absent. */
struct vuser_irq {
	uint32_t flags; /**< VFIO_IRQ_INFO_EVENTFD, _MASKABLE, _AUTOMASKED, _NORESIZE. */
	uint32_t count;
};

/** What a device is made of. */
struct vuser_device_info {
	uint32_t flags; /**< VFIO_DEVICE_FLAGS_RESET, _PCI. */
	struct vuser_region regions[VUSER_MAX_REGIONS];
	struct vuser_irq irqs[VUSER_MAX_IRQS];
};

/**
 * What a device does. All calls come from the thread in vuser_server_process() (or from the
 * caller of an in-process client), one at a time per device. Ranges were checked against
 * struct vuser_device_info before the call. Each returns 0 or -errno, which goes to the client.
 * All are required.
 */
struct vuser_device_ops {
	/** Read len bytes (1..VUSER_MAX_DATA) at offset of a region. */
	int (*region_read)(void *dev, unsigned int region, uint64_t offset, void *data, size_t len);
	/** Write len bytes (1..VUSER_MAX_DATA) at offset of a region. */
	int (*region_write)(void *dev, unsigned int region, uint64_t offset, const void *data,
			size_t len);
	/**
	 * Connect vectors start..start+count-1 of an index to event descriptors; fds[i] -1
	 * disconnects. Descriptors are borrowed: dup what is kept. count is 1 or more; a client's
	 * long list may come in several calls, in order.
	 */
	int (*irq_set_fds)(void *dev, unsigned int index, uint32_t start, uint32_t count,
			const int *fds);
	/** Trigger the vectors from software (VFIO_IRQ_SET_ACTION_TRIGGER with NONE or BOOL). */
	int (*irq_trigger)(void *dev, unsigned int index, uint32_t start, uint32_t count);
	/**
	 * Memory of the client, size bytes at bus address iova, is fd at offset (borrowed).
	 * prot is PROT_READ and/or PROT_WRITE. -EEXIST when the range overlaps a mapped one.
	 */
	int (*dma_map)(void *dev, uint64_t iova, uint64_t size, int prot, int fd, uint64_t offset);
	/**
	 * Forget what is mapped inside the range; returns only when nothing uses it any more.
	 * iova 0 with size UINT64_MAX stands for all there is.
	 * -ENOENT when nothing is mapped there, -EINVAL when a mapping would be cut in two.
	 */
	int (*dma_unmap)(void *dev, uint64_t iova, uint64_t size);
	/** Function level reset; DMA mappings and interrupt descriptors stay. */
	int (*reset)(void *dev);
	/**
	 * The client is gone: drop its DMA mappings and interrupt descriptors, reset. Not called
	 * for one that left before it agreed on the version.
	 */
	void (*released)(void *dev);
};

/* ---------------------------------------------------------------- server */

struct vuser_server;

/**
 * Offer a device on a UNIX socket.
 *
 * @param path  Socket to listen on; a stale one (nobody listens) is replaced. NULL: no socket,
 *              only vuser_client_attach() reaches the device.
 * @param info  Copied.
 * @param ops   Kept by reference.
 * @param dev   First argument of every operation.
 * @return the server, or NULL with errno: EADDRINUSE (somebody listens there, or the file is not a
 *         socket), ENAMETOOLONG, ENOMEM, EINVAL (info breaks the limits above, an operation is
 *         missing), or what socket(2), bind(2), listen(2) and epoll_create(2) say.
 */
struct vuser_server *vuser_server_create(const char *path, const struct vuser_device_info *info,
		const struct vuser_device_ops *ops, void *dev);

/** A descriptor that polls readable when vuser_server_process() has work; -1 without a socket. */
int vuser_server_fd(const struct vuser_server *server);

/**
 * Accept a client, take in what has arrived and answer each complete message. Never blocks: half
 * a message is kept until the rest comes, and a client that does not read its replies is not read
 * from either. One client at a time: a second one is told EBUSY and disconnected.
 */
void vuser_server_process(struct vuser_server *server);

/** Whether a client (of either kind) is connected. */
bool vuser_server_busy(const struct vuser_server *server);

/** Disconnect the client, if any (its released() runs), and free all. NULL is fine. */
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
 * Use a device of this same process, without socket or thread: each request runs the server's
 * own message handler in the caller's thread.
 *
 * @return the client, or NULL with errno EBUSY or ENOMEM.
 */
struct vuser_client *vuser_client_attach(struct vuser_server *server);

/** Disconnect and free. The server resets the device. NULL is fine. */
void vuser_client_close(struct vuser_client *client);

/*
 * Requests. Each returns 0 or -errno: the device's own answer, or
 *   -ECONNRESET  the peer is gone (all later requests say so too),
 *   -ETIMEDOUT   no answer in time; the connection is dead,
 *   -EPROTO      the answer was malformed; the connection is dead,
 *   -EIO         refused without a reason,
 *   -EINVAL      an argument is out of range; nothing was sent,
 *   -EBADF       a descriptor to send is not open; nothing was sent.
 */

/** Ask what the device is. */
int vuser_client_device_info(struct vuser_client *client, uint32_t *flags, uint32_t *nb_regions,
		uint32_t *nb_irqs);

/**
 * Ask about one region. out->fd is a descriptor of the caller's own (close it), or -1.
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
