/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * VFIO's open files: containers, groups (one function each) and devices, VF tokens, and what the
 * last close of each does. Rules and errno values are those of Linux 6.1's drivers/vfio.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../host_priv.h"

#define UUID_LEN 36
#define TOKEN_ARG "vf_token="

int
host_memfile(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC);

	if (fd >= 0 && ftruncate(fd, (off_t)HOST_NB_REGIONS << 40) != 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* ---------------------------------------------------------------- open file descriptions */

/* A description of a memory file for a program, with a lock that tells how long it lives. */
static int
open_new(struct host *host, int watch, struct host_open *open_file)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_len = 1 };
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", watch);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	/* A program may have locked bytes of its own accord: take another. */
	for (unsigned int tries = 0; tries < 16; tries++) {
		lock.l_start = host->next_byte++;
		if (fcntl(fd, F_OFD_SETLK, &lock) == 0) {
			open_file->byte = lock.l_start;
			pthread_cond_broadcast(&host->wake);
			return fd;
		}
	}
	close(fd);
	return -EBUSY;
}

static bool
open_alive(int watch, const struct host_open *open_file)
{
	struct flock lock = { .l_type = F_WRLCK,
		.l_whence = SEEK_SET,
		.l_len = 1,
		.l_start = open_file->byte };

	return fcntl(watch, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

/* ---------------------------------------------------------------- last closes */

/* As vfio_pci_core_disable(): quiet, then reset; SR-IOV is put back by the reset. */
static void
device_last_close(struct host *host, struct host_dev *dev)
{
	uint16_t command;

	host_device_irqs_off(dev);
	command = host_cfg_read(dev, PCI_CFG_COMMAND, 2);
	host_cfg_write(dev, PCI_CFG_COMMAND, 2, command & ~PCI_COMMAND_BUS_MASTER);
	host_pci_reset(host, dev);
}

static void
container_detach(struct host *host, struct host_container *container, struct host_dev *dev)
{
	if (container->iommu != 0)
		host_iommu_detach(container, dev);
	dev->container = NULL;
	container->nb_remote -= dev->remote != NULL;
	/* The last group takes the IOMMU with it: a container can start anew. */
	if (--container->nb_groups == 0) {
		host_iommu_free(host, container);
		container->iommu = 0;
	}
}

static void
group_last_close(struct host *host, struct host_dev *dev)
{
	if (dev->container != NULL)
		container_detach(host, dev->container, dev);
	close(dev->group_fd);
	dev->group_fd = -1;
}

bool
host_dev_in_use(struct host *host, struct host_dev *dev)
{
	const unsigned int before = dev->nb_open;

	for (unsigned int i = 0; i < dev->nb_open;) {
		if (open_alive(dev->mem_fd, &dev->opens[i]))
			i++;
		else
			dev->opens[i] = dev->opens[--dev->nb_open];
	}
	if (before != 0 && dev->nb_open == 0)
		device_last_close(host, dev);
	/* An open device keeps its group, whether or not the group's own descriptor is. */
	if (dev->group_fd >= 0 && dev->nb_open == 0 && !open_alive(dev->group_fd, &dev->group_open))
		group_last_close(host, dev);
	return dev->nb_open != 0;
}

bool
host_reap(struct host *host)
{
	bool any = false;

	for (struct host_dev *dev = NULL; (dev = host_next(host, dev)) != NULL;) {
		if ((dev->nb_open != 0 || dev->group_fd >= 0) &&
				(dev->remote == NULL || host_try_remote(host)))
			host_dev_in_use(host, dev);
		any |= dev->nb_open != 0 || dev->group_fd >= 0;
	}
	for (struct host_container **at = &host->containers; *at != NULL;) {
		struct host_container *container = *at;

		/* Its groups keep a container whose descriptor is closed. */
		if (container->nb_groups != 0 || open_alive(container->fd, &container->open)) {
			at = &container->next;
			any = true;
			continue;
		}
		*at = container->next;
		host_iommu_free(host, container);
		close(container->fd);
		free(container);
	}
	return any;
}

void
host_vfio_cut(struct host *host, struct host_dev *dev)
{
	if (dev->nb_open != 0) {
		dev->nb_open = 0;
		device_last_close(host, dev);
	}
	if (dev->group_fd >= 0)
		group_last_close(host, dev);
}

void
host_vfio_free(struct host *host)
{
	while (host->containers != NULL) {
		struct host_container *container = host->containers;

		host->containers = container->next;
		host_iommu_free(host, container);
		close(container->fd);
		free(container);
	}
}

struct host_object
host_lookup(struct host *host, ino_t ino)
{
	struct host_object object = { .kind = HOST_KIND_NONE };

	for (size_t i = 0; i < host->nb_devs; i++) {
		struct host_dev *dev = host->devs[i];

		if (dev->mem_ino == ino && dev->nb_open != 0)
			object.kind = HOST_KIND_DEVICE;
		else if (dev->group_fd >= 0 && dev->group_ino == ino)
			object.kind = HOST_KIND_GROUP;
		else
			continue;
		object.dev = dev;
		return object;
	}
	for (struct host_container *c = host->containers; c != NULL; c = c->next)
		if (c->ino == ino) {
			object.kind = HOST_KIND_CONTAINER;
			object.container = c;
		}
	return object;
}

/* ---------------------------------------------------------------- containers */

int
host_container_open(struct host *host)
{
	struct host_container *container = calloc(1, sizeof(*container));
	struct stat st;
	int fd;

	if (container == NULL)
		return -ENOMEM;
	container->fd = host_memfile("/dev/vfio/vfio");
	if (container->fd < 0 || fstat(container->fd, &st) != 0) {
		fd = -errno;
		free(container);
		return fd;
	}
	container->ino = st.st_ino;
	fd = open_new(host, container->fd, &container->open);
	if (fd < 0) {
		close(container->fd);
		free(container);
		return fd;
	}
	container->next = host->containers;
	host->containers = container;
	return fd;
}

static int
container_set_iommu(struct host *host, struct host_container *container, uint64_t type)
{
	/* vfio_ioctl_set_iommu(): a group first, and only once. */
	if (container->nb_groups == 0 || container->iommu != 0)
		return -EINVAL;
	if (type != VFIO_TYPE1_IOMMU && type != VFIO_TYPE1v2_IOMMU)
		return -ENODEV;
	container->iommu = type;
	return 0;
}

static int
container_unmap(struct host *host, struct host_container *container, void *data, size_t len,
		size_t *out_len)
{
	const uint32_t known = VFIO_DMA_UNMAP_FLAG_ALL;
	struct vfio_iommu_type1_dma_unmap arg;
	uint64_t unmapped;
	int ret;

	if (len < sizeof(arg))
		return -EINVAL;
	memcpy(&arg, data, sizeof(arg));
	if (arg.argsz < sizeof(arg) || (arg.flags & ~known) != 0)
		return -EINVAL;
	ret = host_iommu_unmap(host, container, arg.iova, arg.size,
			(arg.flags & VFIO_DMA_UNMAP_FLAG_ALL) != 0, &unmapped);
	if (ret != 0)
		return ret;
	arg.size = unmapped;
	memcpy(data, &arg, sizeof(arg));
	*out_len = sizeof(arg);
	return 0;
}

int
host_container_ioctl(struct host *host, struct host_container *container, unsigned long cmd,
		uint64_t value, void *data, size_t len, size_t *out_len)
{
	switch (cmd) {
	case VFIO_GET_API_VERSION:
		return VFIO_API_VERSION;
	case VFIO_CHECK_EXTENSION:
		return value == VFIO_TYPE1_IOMMU || value == VFIO_TYPE1v2_IOMMU ||
				value == VFIO_DMA_CC_IOMMU || value == VFIO_UNMAP_ALL;
	case VFIO_SET_IOMMU:
		return container_set_iommu(host, container, value);
	default:
		break;
	}
	/* What is left is the IOMMU's, and there is none before SET_IOMMU. */
	if (container->iommu == 0)
		return -EINVAL;
	switch (cmd) {
	case VFIO_IOMMU_GET_INFO:
		return host_iommu_info(container, data, len, out_len);
	case VFIO_IOMMU_UNMAP_DMA:
		return container_unmap(host, container, data, len, out_len);
	default:
		return -ENOTTY;
	}
}

/* ---------------------------------------------------------------- groups */

int
host_group_open(struct host *host, unsigned int number)
{
	struct host_dev *dev = NULL;
	char name[32];
	struct stat st;
	int fd;

	for (size_t i = 0; i < host->nb_devs && dev == NULL; i++)
		if (host->devs[i]->group >= 0 && (unsigned int)host->devs[i]->group == number)
			dev = host->devs[i];
	/* /dev/vfio/N is there while a function of group N is bound to vfio-pci. */
	if (dev == NULL || dev->driver != HOST_DRIVER_VFIO_PCI)
		return -ENOENT;
	if (dev->removing || dev->closing)
		return -ENODEV;
	host_dev_in_use(host, dev);
	if (dev->group_fd >= 0)
		return -EBUSY;
	/* What /proc/PID/fd of its users shows, as the preload has it: the file's name on Linux. */
	snprintf(name, sizeof(name), "/dev/vfio/%u", number);
	dev->group_fd = host_memfile(name);
	if (dev->group_fd < 0)
		return -errno;
	fd = fstat(dev->group_fd, &st) != 0 ? -errno :
					      open_new(host, dev->group_fd, &dev->group_open);
	if (fd < 0) {
		close(dev->group_fd);
		dev->group_fd = -1;
		return fd;
	}
	dev->group_ino = st.st_ino;
	return fd;
}

static int
group_status(const struct host_dev *dev, void *data, size_t len, size_t *out_len)
{
	struct vfio_group_status status;

	if (len < sizeof(status))
		return -EINVAL;
	memcpy(&status, data, sizeof(status));
	if (status.argsz < sizeof(status))
		return -EINVAL;
	/* One function only, which is bound to vfio-pci: always viable. */
	status.flags = VFIO_GROUP_FLAGS_VIABLE;
	if (dev->container != NULL)
		status.flags |= VFIO_GROUP_FLAGS_CONTAINER_SET;
	memcpy(data, &status, sizeof(status));
	*out_len = sizeof(status);
	return 0;
}

static int
group_set_container(struct host *host, struct host_dev *dev, ino_t ino)
{
	struct host_object object = host_lookup(host, ino);
	int ret;

	if (dev->container != NULL || object.kind != HOST_KIND_CONTAINER)
		return -EINVAL;
	/* First: it must not go, nor change, while a function of another process is asked. */
	object.container->nb_groups++;
	object.container->nb_remote += dev->remote != NULL;
	ret = object.container->iommu == 0 ? 0 : host_iommu_attach(object.container, dev);
	if (ret != 0) {
		object.container->nb_remote -= dev->remote != NULL;
		object.container->nb_groups--;
		return ret;
	}
	dev->container = object.container;
	return 0;
}

static int
group_unset_container(struct host *host, struct host_dev *dev)
{
	if (dev->container == NULL)
		return -EINVAL;
	if (host_dev_in_use(host, dev))
		return -EBUSY;
	/* The call above may have let go of it. */
	if (dev->container != NULL)
		container_detach(host, dev->container, dev);
	return 0;
}

int
host_group_ioctl(struct host *host, struct host_dev *dev, unsigned long cmd, uint64_t value,
		void *data, size_t len, size_t *out_len)
{
	switch (cmd) {
	case VFIO_GROUP_GET_STATUS:
		return group_status(dev, data, len, out_len);
	case VFIO_GROUP_SET_CONTAINER:
		return group_set_container(host, dev, value);
	case VFIO_GROUP_UNSET_CONTAINER:
		return group_unset_container(host, dev);
	default:
		return -ENOTTY;
	}
}

/* ---------------------------------------------------------------- devices and tokens */

void
host_token_new(uint8_t token[16])
{
	/* Never blocks once the system is up; a short answer cannot happen for 16 bytes. */
	if (getrandom(token, 16, 0) != 16)
		host_log("host", "no random numbers for a VF token");
	token[6] = (token[6] & 0x0f) | 0x40; /* RFC 4122: version 4 */
	token[8] = (token[8] & 0x3f) | 0x80; /* and variant 1. */
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int
uuid_parse(const char *text, uint8_t uuid[16])
{
	unsigned int n = 0;

	for (unsigned int i = 0; i < UUID_LEN; i++) {
		int high, low;

		if (i == 8 || i == 13 || i == 18 || i == 23) {
			if (text[i] != '-')
				return -EINVAL;
			continue;
		}
		high = hex_digit(text[i]);
		low = high < 0 ? -1 : hex_digit(text[i + 1]);
		if (low < 0)
			return -EINVAL;
		uuid[n++] = high << 4 | low;
		i++;
	}
	return 0;
}

static bool
token_users(struct host *host, const struct host_dev *pf)
{
	for (struct host_dev *vf = NULL; (vf = host_next_vf(host, pf, vf)) != NULL;)
		if (vf->driver == HOST_DRIVER_VFIO_PCI && host_dev_in_use(host, vf))
			return true;
	return false;
}

/* As vfio_pci_validate_vf_token(). token: NULL when none was given. */
static int
token_check(struct host *host, struct host_dev *dev, const uint8_t *token)
{
	const char *why = NULL;
	int ret = 0;

	if (dev->pf != NULL && dev->pf->driver == HOST_DRIVER_VFIO_PCI) {
		if (token == NULL)
			why = "VF token required to access device", ret = -EACCES;
		else if (memcmp(token, dev->pf->vf_token, 16) != 0)
			why = "incorrect VF token provided for device", ret = -EACCES;
	} else if (dev->pf != NULL) {
		if (token != NULL)
			why = "VF token incorrectly provided, PF not bound to vfio-pci",
			ret = -EINVAL;
	} else if (dev->sriov_cap != 0) {
		if (!token_users(host, dev)) {
			if (token != NULL)
				memcpy(dev->vf_token, token, 16);
		} else if (token == NULL) {
			why = "VF token required to access device", ret = -EACCES;
		} else if (memcmp(token, dev->vf_token, 16) != 0) {
			why = "incorrect VF token provided for device", ret = -EACCES;
		}
	} else if (token != NULL) {
		why = "VF token incorrectly provided, not a PF or VF", ret = -EINVAL;
	}
	if (why != NULL)
		host_log(dev->bdf, "%s", why);
	return ret;
}

/* As vfio_pci_core_match(): "0000:01:00.1", or with " vf_token=UUID" behind it. */
static int
name_check(struct host *host, struct host_dev *dev, const char *name)
{
	const size_t len = strlen(dev->bdf);
	uint8_t token[16];
	bool given = false;

	if (strncmp(name, dev->bdf, len) != 0 || (name[len] != '\0' && name[len] != ' '))
		return -ENODEV;
	for (name += len; *name != '\0';) {
		if (*name == ' ') {
			name++;
			continue;
		}
		if (given || strncmp(name, TOKEN_ARG, strlen(TOKEN_ARG)) != 0)
			return -EINVAL;
		name += strlen(TOKEN_ARG);
		if (strlen(name) < UUID_LEN || uuid_parse(name, token) != 0)
			return -EINVAL;
		given = true;
		name += UUID_LEN;
	}
	return token_check(host, dev, given ? token : NULL);
}

int
host_device_open(struct host *host, struct host_dev *dev, const char *name)
{
	int fd, ret;

	/* Work of an earlier last close comes first. */
	host_dev_in_use(host, dev);
	if (dev->removing || dev->closing)
		return -ENODEV;
	ret = name_check(host, dev, name);
	if (ret != 0)
		return ret;
	if (dev->container == NULL || dev->container->iommu == 0)
		return -EINVAL;
	if (dev->nb_open == HOST_MAX_OPENS)
		return -EMFILE;
	fd = open_new(host, dev->mem_fd, &dev->opens[dev->nb_open]);
	if (fd < 0)
		return fd;
	/* As vfio_pci_core_enable(): the first to open it gets it reset. */
	if (dev->nb_open++ == 0) {
		host_pci_reset(host, dev);
		host_config_init(dev);
	}
	return fd;
}
