/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 *
 * The bus of the simulated kernel: functions, the drivers bound to them, and their life.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/vfio.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "host_priv.h"

#define CONNECT_MS 3000
/* Where the simulated machine has room for BARs: far above what RAM would take. */
#define MEMORY_WINDOW UINT64_C(0x382000000000)

static const char *const driver_names[] = {
	[HOST_DRIVER_VFIO_PCI] = "vfio-pci",
	[HOST_DRIVER_VIRTIO_PCI] = "virtio-pci",
};

void
host_log(const char *who, const char *format, ...)
{
	char line[256];
	va_list args;

	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	fprintf(stderr, "vsr-sim: %s: %s\n", who, line);
}

const char *
host_driver_name(enum host_driver driver)
{
	return driver == HOST_DRIVER_NONE ? NULL : driver_names[driver];
}

int
host_driver_find(const char *name)
{
	for (int d = HOST_DRIVER_VFIO_PCI; d <= HOST_DRIVER_VIRTIO_PCI; d++)
		if (strcmp(name, driver_names[d]) == 0)
			return d;
	return -EINVAL;
}

/* ---------------------------------------------------------------- life of the host */

static void *
reaper_main(void *arg)
{
	struct host *host = arg;
	struct timespec until;

	pthread_mutex_lock(&host->lock);
	while (!host->quit) {
		if (!host_reap(host)) {
			pthread_cond_wait(&host->wake, &host->lock);
			continue;
		}
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += HOST_REAP_MS * 1000000;
		if (until.tv_nsec >= 1000000000) {
			until.tv_nsec -= 1000000000;
			until.tv_sec++;
		}
		pthread_cond_timedwait(&host->wake, &host->lock, &until);
	}
	pthread_mutex_unlock(&host->lock);
	return NULL;
}

struct host *
host_create(void)
{
	struct host *host = calloc(1, sizeof(*host));
	pthread_condattr_t attr;
	sigset_t all, old;
	struct stat st;
	int fd, ret;

	if (host == NULL)
		return NULL;
	fd = host_memfile("vsr-host");
	if (fd < 0 || fstat(fd, &st) != 0) {
		ret = errno;
		if (fd >= 0)
			close(fd);
		free(host);
		errno = ret;
		return NULL;
	}
	close(fd);
	host->mem_dev = st.st_dev;
	host->next_address = MEMORY_WINDOW;
	host->next_byte = (off_t)1 << 62;
	pthread_mutex_init(&host->lock, NULL);
	pthread_mutex_init(&host->sriov_lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&host->wake, &attr);
	pthread_condattr_destroy(&attr);

	/* Signals are for the threads of the owner. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&host->reaper, NULL, reaper_main, host);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret != 0) {
		free(host);
		errno = ret;
		return NULL;
	}
	return host;
}

static void
dev_free(struct host_dev *dev)
{
	vuser_client_close(dev->client);
	if (dev->mem_fd >= 0)
		close(dev->mem_fd);
	free(dev);
}

/* Take a function off the bus; whoever has it open has lost it. */
static void
dev_drop(struct host *host, struct host_dev *dev)
{
	host_vfio_cut(host, dev);
	for (size_t i = 0; i < host->nb_devs; i++) {
		if (host->devs[i] == dev) {
			host->nb_devs--;
			memmove(&host->devs[i], &host->devs[i + 1],
					(host->nb_devs - i) * sizeof(host->devs[0]));
			break;
		}
	}
	dev_free(dev);
}

void
host_destroy(struct host *host)
{
	if (host == NULL)
		return;
	host_vfio_stop(host);
	pthread_mutex_lock(&host->lock);
	host->quit = true;
	pthread_cond_broadcast(&host->wake);
	pthread_mutex_unlock(&host->lock);
	pthread_join(host->reaper, NULL);

	/* VFs before their PF. */
	pthread_mutex_lock(&host->lock);
	for (size_t i = host->nb_devs; i > 0; i--)
		if (host->devs[i - 1]->pf != NULL)
			dev_drop(host, host->devs[i - 1]);
	while (host->nb_devs > 0)
		dev_drop(host, host->devs[0]);
	host_vfio_free(host);
	pthread_mutex_unlock(&host->lock);
	pthread_cond_destroy(&host->wake);
	pthread_mutex_destroy(&host->sriov_lock);
	pthread_mutex_destroy(&host->lock);
	free(host);
}

void
host_server_process(struct host *host, struct vuser_server *server)
{
	pthread_mutex_lock(&host->lock);
	vuser_server_process(server);
	pthread_mutex_unlock(&host->lock);
}

/* ---------------------------------------------------------------- functions */

static int
bdf_key(const char *bdf, uint32_t *key)
{
	unsigned int domain, bus, slot, function;
	int end = 0;

	if (strlen(bdf) >= HOST_BDF_LEN ||
			sscanf(bdf, "%4x:%2x:%2x.%1x%n", &domain, &bus, &slot, &function, &end) != 4 ||
			bdf[end] != '\0' || slot > 31 || function > 7)
		return -EINVAL;
	*key = domain << 16 | bus << 8 | slot << 3 | function;
	return 0;
}

struct host_dev *
host_find(struct host *host, const char *bdf)
{
	for (size_t i = 0; i < host->nb_devs; i++)
		if (strcmp(host->devs[i]->bdf, bdf) == 0)
			return host->devs[i];
	return NULL;
}

struct host_dev *
host_next_vf(struct host *host, const struct host_dev *pf, const struct host_dev *prev)
{
	for (size_t i = 0; i < host->nb_devs; i++)
		if (host->devs[i]->pf == pf && (prev == NULL || host->devs[i]->key > prev->key))
			return host->devs[i];
	return NULL;
}

static int
free_group(const struct host *host)
{
	for (int group = 1;; group++) {
		bool taken = false;

		for (size_t i = 0; i < host->nb_devs && !taken; i++)
			taken = host->devs[i]->group == group;
		if (!taken)
			return group;
	}
}

/* The one memory file of a function, of which programs get descriptions; else a file of its own,
 * which nothing can be mapped of. */
static int
dev_memory(struct host *host, struct host_dev *dev)
{
	struct stat st, first = { .st_ino = 0 };
	struct vuser_region region;
	int ret;

	for (unsigned int r = 0; r < HOST_NB_REGIONS; r++) {
		bool good;

		ret = vuser_client_region_info(dev->client, r, &region);
		if (ret != 0)
			return ret;
		dev->regions[r] = region;
		dev->regions[r].fd = -1;
		if (region.fd < 0) {
			dev->regions[r].flags &= ~(uint32_t)VFIO_REGION_INFO_FLAG_MMAP;
			continue;
		}
		good = fstat(region.fd, &st) == 0 && st.st_dev == host->mem_dev &&
				region.fd_offset == (uint64_t)r << 40 &&
				(first.st_ino == 0 || st.st_ino == first.st_ino);
		if (good && first.st_ino == 0) {
			first = st;
			dev->mem_fd = region.fd;
			continue;
		}
		close(region.fd);
		if (!good) {
			host_log(dev->bdf, "region %u can be mapped, but is not at offset %u << 40 of "
					"one memory file of the function: cannot be shown by VFIO", r, r);
			return -ENOTSUP;
		}
	}
	if (dev->mem_fd < 0) {
		dev->mem_fd = host_memfile(dev->bdf);
		if (dev->mem_fd < 0 || fstat(dev->mem_fd, &first) != 0)
			return -errno;
	}
	dev->mem_ino = first.st_ino;
	return 0;
}

static int
dev_connect(struct host *host, struct host_dev *dev, struct vuser_server *server, const char *path)
{
	uint32_t nb_regions, nb_irqs;
	int ret;

	dev->client = server != NULL ? vuser_client_attach(server) :
			vuser_client_connect(path, CONNECT_MS);
	if (dev->client == NULL)
		return -errno;
	ret = vuser_client_device_info(dev->client, &dev->flags, &nb_regions, &nb_irqs);
	if (ret == 0)
		ret = dev_memory(host, dev);
	/* REQ is the system's own: the function is not asked. */
	for (unsigned int i = 0; ret == 0 && i < VFIO_PCI_REQ_IRQ_INDEX && i < nb_irqs; i++)
		ret = vuser_client_irq_info(dev->client, i, &dev->irqs[i]);
	if (ret == 0)
		ret = host_pci_setup(host, dev);
	return ret;
}

/* ---------------------------------------------------------------- drivers */

/* Whether a driver takes the function: an override names the only one that may. */
static bool
driver_matches(const struct host *host, const struct host_dev *dev, enum host_driver driver)
{
	if (dev->driver_override[0] != '\0')
		return strcmp(dev->driver_override, driver_names[driver]) == 0;
	if (dev->pf != NULL && dev->pf->no_autoprobe)
		return false;
	for (unsigned int i = 0; i < host->nb_ids; i++)
		if (host->ids[i].driver == driver && host->ids[i].vendor == dev->ids.vendor &&
				host->ids[i].device == dev->ids.device)
			return true;
	return driver == HOST_DRIVER_VIRTIO_PCI && dev->ids.vendor == VIRTIO_PCI_VENDOR_ID;
}

static int
driver_attach(struct host *host, struct host_dev *dev, enum host_driver driver)
{
	if (dev->driver != HOST_DRIVER_NONE)
		return -EBUSY;
	if (driver == HOST_DRIVER_VFIO_PCI) {
		/* vfio-pci cannot tell who uses VFs that are there already. */
		if (dev->sriov_numvfs != 0)
			return -EBUSY;
		if (dev->sriov_cap != 0)
			host_token_new(dev->vf_token);
	}
	dev->driver = driver;
	return 0;
}

static void
driver_probe(struct host *host, struct host_dev *dev)
{
	for (int d = HOST_DRIVER_VFIO_PCI; d <= HOST_DRIVER_VIRTIO_PCI; d++)
		if (dev->driver == HOST_DRIVER_NONE && driver_matches(host, dev, d))
			driver_attach(host, dev, d);
}

int
host_dev_add(struct host *host, const char *bdf, const char *pf_bdf, uint16_t vf_index,
		const struct host_ids *ids, struct vuser_server *server, const char *path)
{
	struct host_dev *dev;
	size_t at = 0;
	uint32_t key;
	int ret;

	if (bdf_key(bdf, &key) != 0 || (server == NULL) == (path == NULL))
		return -EINVAL;
	dev = calloc(1, sizeof(*dev));
	if (dev == NULL)
		return -ENOMEM;
	snprintf(dev->bdf, sizeof(dev->bdf), "%s", bdf);
	dev->key = key;
	dev->ids = *ids;
	dev->vf_index = vf_index;
	dev->mem_fd = dev->group_fd = dev->req_fd = dev->err_fd = -1;

	pthread_mutex_lock(&host->lock);
	if (pf_bdf != NULL)
		dev->pf = host_find(host, pf_bdf);
	if (host_find(host, bdf) != NULL)
		ret = -EEXIST;
	else if (host->nb_devs == HOST_MAX_DEVS)
		ret = -ENOSPC;
	else if (pf_bdf != NULL && dev->pf == NULL)
		ret = -ENODEV;
	else
		ret = dev_connect(host, dev, server, path);
	if (ret != 0) {
		dev_free(dev);
		pthread_mutex_unlock(&host->lock);
		return ret;
	}
	dev->group = free_group(host);
	while (at < host->nb_devs && host->devs[at]->key < key)
		at++;
	memmove(&host->devs[at + 1], &host->devs[at],
			(host->nb_devs - at) * sizeof(host->devs[0]));
	host->devs[at] = dev;
	host->nb_devs++;
	if (dev->pf == NULL || dev->pf->driver == HOST_DRIVER_VFIO_PCI)
		snprintf(dev->driver_override, sizeof(dev->driver_override), "%s",
				driver_names[HOST_DRIVER_VFIO_PCI]);
	driver_probe(host, dev);
	pthread_mutex_unlock(&host->lock);
	return 0;
}

/* Ask the users of a function to let go, and wait for it, with the lock dropped in between.
 * dev->removing keeps it from being opened again and from going away. */
static bool
dev_wait_unused(struct host *host, struct host_dev *dev)
{
	const struct timespec step = { .tv_nsec = 5000000 };

	for (unsigned int ms = 0; host_dev_in_use(host, dev); ms += 5) {
		if (ms >= HOST_REMOVE_MS)
			return false;
		if (dev->req_fd >= 0 && ms % 1000 == 0)
			host_signal(dev->req_fd);
		pthread_mutex_unlock(&host->lock);
		nanosleep(&step, NULL);
		pthread_mutex_lock(&host->lock);
	}
	return true;
}

/* VFs that are about to go cannot be opened any more. */
static void
vfs_closing(struct host *host, const struct host_dev *pf, bool closing)
{
	for (struct host_dev *vf = NULL; (vf = host_next_vf(host, pf, vf)) != NULL;)
		vf->closing = closing;
}

/* The VFs of a PF leave the bus, then VF Enable is cleared. Under sriov_lock, without lock. */
static int
vfs_off(struct host *host, const char *pf_bdf)
{
	struct host_dev *pf;
	int ret = host->vfs_sync != NULL ? host->vfs_sync(host->vfs_sync_arg, pf_bdf, 0) : 0;

	pthread_mutex_lock(&host->lock);
	pf = host_find(host, pf_bdf);
	if (pf != NULL && ret == 0) {
		host_sriov_registers(pf, 0);
		pf->sriov_numvfs = 0;
	} else if (pf != NULL) {
		vfs_closing(host, pf, false);
	}
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_dev_remove(struct host *host, const char *bdf)
{
	struct host_dev *dev;
	bool is_pf;
	int ret = 0;

	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev == NULL || dev->removing) {
		pthread_mutex_unlock(&host->lock);
		return dev == NULL ? -ENODEV : -EBUSY;
	}
	dev->removing = true;
	is_pf = dev->sriov_cap != 0;
	pthread_mutex_unlock(&host->lock);

	if (is_pf) {
		pthread_mutex_lock(&host->sriov_lock);
		if (dev->sriov_numvfs != 0)
			ret = vfs_off(host, bdf);
		pthread_mutex_unlock(&host->sriov_lock);
		if (ret != 0)
			host_log(bdf, "its VFs could not be taken away: %s", strerror(-ret));
	}
	pthread_mutex_lock(&host->lock);
	if (!dev_wait_unused(host, dev))
		host_log(bdf, "still open %u s after its removal was asked for: cut off",
				HOST_REMOVE_MS / 1000);
	for (struct host_dev *vf = NULL; (vf = host_next_vf(host, dev, vf)) != NULL;)
		vf->pf = NULL;
	dev_drop(host, dev);
	pthread_mutex_unlock(&host->lock);
	return 0;
}

int
host_dev_info(struct host *host, const char *bdf, struct host_dev_info *out)
{
	struct host_dev *dev;

	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev == NULL) {
		pthread_mutex_unlock(&host->lock);
		return -ENODEV;
	}
	host_dev_in_use(host, dev);
	memset(out, 0, sizeof(*out));
	memcpy(out->bdf, dev->bdf, sizeof(out->bdf));
	if (dev->pf != NULL)
		memcpy(out->pf_bdf, dev->pf->bdf, sizeof(out->pf_bdf));
	out->vf_index = dev->vf_index;
	out->ids = dev->ids;
	out->group = dev->group;
	out->driver = dev->driver;
	memcpy(out->driver_override, dev->driver_override, sizeof(out->driver_override));
	out->has_sriov = dev->sriov_cap != 0;
	out->sriov_autoprobe = !dev->no_autoprobe;
	out->sriov_totalvfs = dev->sriov_totalvfs;
	out->sriov_numvfs = dev->sriov_numvfs;
	out->sriov_offset = dev->sriov_offset;
	out->sriov_stride = dev->sriov_stride;
	out->sriov_vf_device = dev->sriov_vf_device;
	for (unsigned int i = 0; i < 6; i++) {
		const struct host_bar *bar = &dev->bars[i];

		if (bar->size == 0)
			continue;
		out->bar_start[i] = bar->start;
		out->bar_size[i] = bar->size;
		/* IORESOURCE_SIZEALIGN, then the kind: _IO; or _MEM, _MEM_64 and _PREFETCH. */
		out->bar_flags[i] = 0x40000 | bar->bits;
		if (bar->bits & 1)
			out->bar_flags[i] |= 0x100;
		else
			out->bar_flags[i] |= 0x200 | ((bar->bits & 4) != 0 ? 0x100000 : 0) |
					((bar->bits & 8) != 0 ? 0x2000 : 0);
	}
	out->nb_open = dev->nb_open;
	pthread_mutex_unlock(&host->lock);
	return 0;
}

size_t
host_dev_list(struct host *host, char (*out)[HOST_BDF_LEN], size_t max)
{
	size_t nb;

	pthread_mutex_lock(&host->lock);
	nb = host->nb_devs;
	for (size_t i = 0; i < nb && i < max; i++)
		memcpy(out[i], host->devs[i]->bdf, HOST_BDF_LEN);
	pthread_mutex_unlock(&host->lock);
	return nb;
}

int
host_group_dev(struct host *host, int group, char out[HOST_BDF_LEN])
{
	int ret = -ENODEV;

	pthread_mutex_lock(&host->lock);
	for (size_t i = 0; i < host->nb_devs; i++) {
		if (host->devs[i]->group == group) {
			memcpy(out, host->devs[i]->bdf, HOST_BDF_LEN);
			ret = 0;
		}
	}
	pthread_mutex_unlock(&host->lock);
	return ret;
}

/* ---------------------------------------------------------------- writes to sysfs */

int
host_driver_bind(struct host *host, const char *bdf, enum host_driver driver)
{
	struct host_dev *dev;
	int ret = -ENODEV;

	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev != NULL && !dev->removing && driver != HOST_DRIVER_NONE &&
			driver_matches(host, dev, driver))
		ret = driver_attach(host, dev, driver);
	pthread_mutex_unlock(&host->lock);
	return ret;
}

static bool
any_vf_open(struct host *host, const struct host_dev *pf)
{
	for (struct host_dev *vf = NULL; (vf = host_next_vf(host, pf, vf)) != NULL;)
		if (host_dev_in_use(host, vf))
			return true;
	return false;
}

int
host_driver_unbind(struct host *host, const char *bdf, enum host_driver driver)
{
	struct host_dev *dev;
	bool vfs;
	int ret = 0;

	pthread_mutex_lock(&host->sriov_lock);
	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev == NULL || dev->driver != driver || driver == HOST_DRIVER_NONE)
		ret = -ENODEV;
	else if (dev->removing || any_vf_open(host, dev))
		ret = -EBUSY;
	if (ret != 0) {
		pthread_mutex_unlock(&host->lock);
		pthread_mutex_unlock(&host->sriov_lock);
		return ret;
	}
	dev->removing = true;
	vfs_closing(host, dev, true);
	vfs = dev->sriov_numvfs != 0;
	pthread_mutex_unlock(&host->lock);
	if (vfs)
		ret = vfs_off(host, bdf);
	pthread_mutex_unlock(&host->sriov_lock);

	pthread_mutex_lock(&host->lock);
	if (ret == 0 && dev_wait_unused(host, dev)) {
		/* A group of which no device is open is let go with the driver. */
		host_vfio_cut(host, dev);
		dev->driver = HOST_DRIVER_NONE;
	} else if (ret == 0) {
		ret = -EBUSY;
	}
	dev->removing = false;
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_driver_override_set(struct host *host, const char *bdf, const char *name)
{
	struct host_dev *dev;
	int ret = 0;

	if (strcmp(name, "(null)") == 0)
		name = "";
	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev == NULL)
		ret = -ENODEV;
	else if (strlen(name) >= sizeof(dev->driver_override))
		ret = -EINVAL;
	else
		snprintf(dev->driver_override, sizeof(dev->driver_override), "%s", name);
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_drivers_probe(struct host *host, const char *bdf)
{
	struct host_dev *dev;

	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev != NULL && !dev->removing)
		driver_probe(host, dev);
	pthread_mutex_unlock(&host->lock);
	return dev == NULL ? -ENODEV : 0;
}

int
host_driver_new_id(struct host *host, enum host_driver driver, uint16_t vendor, uint16_t device)
{
	int ret = 0;

	if (driver == HOST_DRIVER_NONE)
		return -EINVAL;
	pthread_mutex_lock(&host->lock);
	for (unsigned int i = 0; i < host->nb_ids; i++)
		if (host->ids[i].driver == driver && host->ids[i].vendor == vendor &&
				host->ids[i].device == device)
			ret = -EEXIST;
	if (ret == 0 && host->nb_ids == HOST_MAX_IDS)
		ret = -ENOMEM;
	if (ret == 0) {
		host->ids[host->nb_ids++] = (struct host_id_match){ driver, vendor, device };
		for (size_t i = 0; i < host->nb_devs; i++)
			if (!host->devs[i]->removing && driver_matches(host, host->devs[i], driver))
				driver_attach(host, host->devs[i], driver);
	}
	pthread_mutex_unlock(&host->lock);
	return ret;
}

int
host_driver_remove_id(struct host *host, enum host_driver driver, uint16_t vendor, uint16_t device)
{
	int ret = -ENODEV;

	pthread_mutex_lock(&host->lock);
	for (unsigned int i = 0; i < host->nb_ids; i++) {
		if (host->ids[i].driver != driver || host->ids[i].vendor != vendor ||
				host->ids[i].device != device)
			continue;
		host->ids[i] = host->ids[--host->nb_ids];
		ret = 0;
		break;
	}
	pthread_mutex_unlock(&host->lock);
	return ret;
}

/* ---------------------------------------------------------------- SR-IOV */

int
host_sriov_autoprobe_set(struct host *host, const char *bdf, bool on)
{
	struct host_dev *dev;
	int ret = 0;

	pthread_mutex_lock(&host->lock);
	dev = host_find(host, bdf);
	if (dev == NULL)
		ret = -ENODEV;
	else if (dev->sriov_cap == 0)
		ret = -ENOENT;
	else
		dev->no_autoprobe = !on;
	pthread_mutex_unlock(&host->lock);
	return ret;
}

void
host_on_vfs_sync(struct host *host, host_vfs_sync fn, void *arg)
{
	pthread_mutex_lock(&host->lock);
	host->vfs_sync = fn;
	host->vfs_sync_arg = arg;
	pthread_mutex_unlock(&host->lock);
}

/* The checks of the kernel's sriov_numvfs_store() and of vfio-pci, in their order. @return 1: go on. */
static int
sriov_check(struct host *host, struct host_dev *pf, uint16_t num_vfs)
{
	if (pf == NULL)
		return -ENODEV;
	if (pf->sriov_cap == 0)
		return -ENOENT;
	if (num_vfs > pf->sriov_totalvfs)
		return -ERANGE;
	if (num_vfs == pf->sriov_numvfs)
		return 0;
	if (pf->driver != HOST_DRIVER_VFIO_PCI)
		return -ENOENT;
	if (pf->removing)
		return -EBUSY;
	if (num_vfs == 0 ? any_vf_open(host, pf) : pf->sriov_numvfs != 0)
		return -EBUSY;
	return 1;
}

int
host_sriov_numvfs_set(struct host *host, const char *bdf, uint16_t num_vfs)
{
	struct host_dev *pf;
	int ret;

	pthread_mutex_lock(&host->sriov_lock);
	pthread_mutex_lock(&host->lock);
	pf = host_find(host, bdf);
	ret = sriov_check(host, pf, num_vfs);
	if (ret == 1 && num_vfs != 0) {
		host_sriov_registers(pf, num_vfs);
		pf->sriov_numvfs = num_vfs;
	} else if (ret == 1) {
		vfs_closing(host, pf, true);
	}
	pthread_mutex_unlock(&host->lock);
	if (ret == 1 && num_vfs == 0) {
		ret = vfs_off(host, bdf);
	} else if (ret == 1) {
		ret = host->vfs_sync != NULL ?
				host->vfs_sync(host->vfs_sync_arg, bdf, num_vfs) : 0;
		if (ret != 0) {
			host_log(bdf, "cannot make %u VFs: %s", num_vfs, strerror(-ret));
			vfs_off(host, bdf);
		}
	}
	pthread_mutex_unlock(&host->sriov_lock);
	return ret;
}
