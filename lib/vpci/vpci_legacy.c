/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The variant virtio-legacy: a VF shown as a transitional virtio-net function. */

#include <errno.h>
#include <linux/vfio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_byteorder.h>

#include "virtio_spec/legacy.h"
#include "virtio_spec/pci.h"
#include "vpci_legacy.h"

#define CONFIG VFIO_PCI_CONFIG_REGION_INDEX
#define BAR_IO 1u /* Lowest bit of an I/O BAR */
#define MAC_LEN 6
#define AT(field) offsetof(struct virtio_legacy_hdr, field)

struct vpci_legacy {
	struct vpci_fn *fn;
	struct vpci_legacy_conf conf;
	struct vpci_legacy_stats stats;
	bool io_on; /**< I/O Space bit of the Command register. */
	uint32_t bar0; /**< As written by the guest. */
	uint16_t msix; /**< Offset of the capability; 0: none. */
	uint8_t mac[MAC_LEN]; /**< Bytes written so far; mac_have says which. */
	uint8_t mac_have;
	bool given_up; /* The rest of the access is not sent to the owner. */
	/* Doorbell of the VF: a place in a BAR, or absent (commands). */
	bool doorbell_asked; /**< The owner has answered. */
	bool has_doorbell;
	uint8_t doorbell_bar;
	uint64_t doorbell_offset;
};

/* ------------------------------------------------------------------ doorbells */

/* The owner and the device are not trusted: a doorbell is at an even place in a BAR of this VF. */
static bool
doorbell_usable(const struct vpci_legacy *l, const struct vio_admin_doorbell *d)
{
	uint64_t size;

	if (!d->member || d->bar > VFIO_PCI_BAR5_REGION_INDEX || d->offset % 2 != 0)
		return false;
	size = vpci_dev_info(l->fn)->regions[d->bar].size;
	return size >= 2 && d->offset <= size - 2;
}

void
vpci_legacy_doorbell_find(struct vpci_legacy *l)
{
	struct vio_admin_doorbell doorbells[VIRTIO_ADMIN_NOTIFY_ENTRIES];
	const int nb = l->conf.ops->notify_info(l->conf.owner, l->conf.vf, doorbells);

	if (nb != -EOPNOTSUPP) { /* else nothing was sent */
		l->stats.commands++;
		l->stats.failures += nb < 0;
	}
	l->doorbell_asked = nb >= 0 || nb == -EOPNOTSUPP || nb == -EINVAL;
	for (int i = 0; i < nb && !l->has_doorbell; i++) {
		l->has_doorbell = doorbell_usable(l, &doorbells[i]);
		l->doorbell_bar = doorbells[i].bar;
		l->doorbell_offset = doorbells[i].offset;
	}
}

bool
vpci_legacy_has_doorbell(const struct vpci_legacy *l)
{
	return l->has_doorbell;
}

/* By the kernel, not by a store to a mapped page: the guest may have put the VF into D3hot. Then
 * the kernel refuses the write, while a store would end this process with SIGBUS. */
static void
doorbell_ring(struct vpci_legacy *l, const uint8_t data[2])
{
	l->stats.doorbells++;
	l->stats.failures += vpci_dev_write(l->fn, l->doorbell_bar, l->doorbell_offset, data, 2) !=
			0;
}

/* ------------------------------------------------------------------ BAR 0 */

/* While the guest uses MSI-X, the header has the two vectors. */
static bool
msix_on(struct vpci_legacy *l)
{
	uint8_t control[2] = { 0, 0 };

	if (vpci_nb_vectors_connected(l->fn) != 0)
		return true;
	if (l->msix == 0)
		return false;
	vpci_dev_read(l->fn, CONFIG, l->msix + PCI_MSIX_CTRL, control, sizeof(control));
	return (control[1] << 8 & PCI_MSIX_CTRL_ENABLE) != 0;
}

/** A register, or the part of it that an access covers. */
struct reg_part {
	enum vio_legacy_area area;
	uint32_t start; /**< Offset of the register. */
	uint8_t offset;
	size_t len;
};

/* Find the register at an offset, and how many of len bytes are in it. @return false: none. */
static bool
part_at(uint32_t header_len, uint32_t offset, size_t len, struct reg_part *p)
{
	uint32_t end;
	int start;

	p->area = offset < header_len ? VIO_LEGACY_COMMON : VIO_LEGACY_NET;
	if (p->area == VIO_LEGACY_NET)
		offset -= header_len;
	start = vio_admin_legacy_field(p->area, offset, &end);
	p->len = 1;
	if (start < 0)
		return false;
	p->start = (uint32_t)start;
	p->offset = (uint8_t)offset;
	p->len = RTE_MIN(len, (size_t)(end - offset));
	return true;
}

static void
command_done(struct vpci_legacy *l, int ret)
{
	l->stats.commands++;
	l->stats.failures += ret != 0;
	l->given_up = ret != 0 && ret != -EINVAL;
}

/* A device that is slow is slow for each register: an access sends no further command after one
 * that failed for another reason than its contents. So an access has an end in time. */
static void
access_begin(struct vpci_legacy *l)
{
	l->given_up = false;
}

static bool
access_goes_on(struct vpci_legacy *l)
{
	if (l->conf.stop != NULL && *l->conf.stop)
		l->given_up = true;
	l->stats.failures += l->given_up;
	return !l->given_up;
}

static int
part_ask(struct vpci_legacy *l, const struct reg_part *p, uint8_t *data)
{
	int ret;

	if (!access_goes_on(l))
		return -ECANCELED;
	ret = l->conf.ops->read(l->conf.owner, l->conf.vf, p->area, p->offset, data, p->len);
	command_done(l, ret);
	return ret;
}

static void
part_read(struct vpci_legacy *l, const struct reg_part *p, uint8_t *data)
{
	const int ret = part_ask(l, p, data);

	if (ret != 0)
		memset(data, 0xff, p->len);
	/* Bytes of the MAC address that are not sent yet read as written. */
	for (size_t i = 0; p->area == VIO_LEGACY_NET && i < p->len; i++)
		if (p->offset + i < MAC_LEN && (l->mac_have & 1u << (p->offset + i)))
			data[i] = l->mac[p->offset + i];
}

static void
part_send(struct vpci_legacy *l, const struct reg_part *p, const uint8_t *data)
{
	if (access_goes_on(l))
		command_done(l,
				l->conf.ops->write(l->conf.owner, l->conf.vf, p->area, p->offset,
						data, p->len));
}

/* Old drivers write their MAC address byte by byte, in order. Send it as one command, so that the
 * device never has a part of it (virtio 1.4 5.1.4.3). A last byte alone is sent alone. */
static void
mac_write(struct vpci_legacy *l, const struct reg_part *p, const uint8_t *data)
{
	static const struct reg_part whole = { .area = VIO_LEGACY_NET, .len = MAC_LEN };

	memcpy(&l->mac[p->offset], data, p->len);
	l->mac_have |= (uint8_t)(((1u << p->len) - 1) << p->offset);
	if (!(l->mac_have & 1u << (MAC_LEN - 1)))
		return;
	if (l->mac_have == (1u << MAC_LEN) - 1)
		part_send(l, &whole, l->mac);
	else
		part_send(l, p, data);
	l->mac_have = 0;
}

static void
part_write(struct vpci_legacy *l, const struct reg_part *p, const uint8_t *data)
{
	if (p->area == VIO_LEGACY_NET && p->start == 0) {
		mac_write(l, p, data);
		return;
	}
	if (p->area == VIO_LEGACY_COMMON && p->start == AT(queue_notify) && p->len == 2 &&
			vpci_legacy_has_doorbell(l)) {
		doorbell_ring(l, data);
		return;
	}
	part_send(l, p, data);
	if (p->area == VIO_LEGACY_COMMON && p->start == AT(device_status) && data[0] == 0) {
		l->mac_have = 0; /* the reset drops these bytes */
		/* Drivers begin with a reset, before they ring a doorbell. */
		if (!l->doorbell_asked && !l->given_up)
			vpci_legacy_doorbell_find(l);
	}
}

static int
bar0_read(void *arg, uint64_t offset, void *data, size_t len)
{
	struct vpci_legacy *l = arg;
	const uint32_t header_len = msix_on(l) ? VIRTIO_LEGACY_HDR_LEN_MSIX : VIRTIO_LEGACY_HDR_LEN;
	struct reg_part p;

	memset(data, 0xff, len);
	access_begin(l);
	l->stats.reads++;
	for (size_t done = 0; done < len; done += p.len) {
		if (part_at(header_len, (uint32_t)(offset + done), len - done, &p) && l->io_on)
			part_read(l, &p, (uint8_t *)data + done);
		else
			l->stats.refused++;
	}
	return 0;
}

static int
bar0_write(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct vpci_legacy *l = arg;
	const uint32_t header_len = msix_on(l) ? VIRTIO_LEGACY_HDR_LEN_MSIX : VIRTIO_LEGACY_HDR_LEN;
	const uint64_t doorbells = l->stats.doorbells;
	struct reg_part p;

	access_begin(l);
	for (size_t done = 0; done < len; done += p.len) {
		if (part_at(header_len, (uint32_t)(offset + done), len - done, &p) && l->io_on)
			part_write(l, &p, (const uint8_t *)data + done);
		else
			l->stats.refused++;
	}
	l->stats.writes += doorbells == l->stats.doorbells;
	return 0;
}

/* ------------------------------------------------------------------ configuration header */

/* virtio 1.4 4.1.2: ids of a transitional network device. */
static const uint8_t header[] = {
	[PCI_CFG_VENDOR_ID] = VIRTIO_PCI_VENDOR_ID & 0xff,
	VIRTIO_PCI_VENDOR_ID >> 8,
	[PCI_CFG_DEVICE_ID] = 0x00,
	0x10,
	[PCI_CFG_REVISION] = 0,
	[PCI_CFG_CLASS] = 0,
	0,
	PCI_CLASS_ETHERNET >> 16,
	[PCI_CFG_SUBSYS_VENDOR_ID] = VIRTIO_PCI_VENDOR_ID & 0xff,
	VIRTIO_PCI_VENDOR_ID >> 8,
	[PCI_CFG_SUBSYS_ID] = 1,
	0,
};

static int
id_read(void *arg, uint64_t offset, void *data, size_t len)
{
	memcpy(data, &header[offset], len);
	return 0;
}

static int
id_write(void *arg, uint64_t offset, const void *data, size_t len)
{
	return 0; /* Read-only in all functions. */
}

static int
command_read(void *arg, uint64_t offset, void *data, size_t len)
{
	struct vpci_legacy *l = arg;
	int ret = vpci_dev_read(l->fn, CONFIG, offset, data, len);

	if (offset == PCI_CFG_COMMAND) {
		uint8_t *low = data;

		*low = (uint8_t)((*low & ~PCI_COMMAND_IO_SPACE) |
				(l->io_on ? PCI_COMMAND_IO_SPACE : 0));
	}
	return ret;
}

static int
command_write(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct vpci_legacy *l = arg;
	uint8_t bytes[2];

	memcpy(bytes, data, len);
	if (offset == PCI_CFG_COMMAND) {
		l->io_on = bytes[0] & PCI_COMMAND_IO_SPACE;
		bytes[0] &= (uint8_t)~PCI_COMMAND_IO_SPACE;
	}
	return vpci_dev_write(l->fn, CONFIG, offset, bytes, len);
}

static int
bar_read(void *arg, uint64_t offset, void *data, size_t len)
{
	const struct vpci_legacy *l = arg;
	const uint32_t value = rte_cpu_to_le_32(l->bar0 | BAR_IO);

	memcpy(data, (const uint8_t *)&value + (offset - PCI_CFG_BAR0), len);
	return 0;
}

/* Bits below the size stay zero, so that the guest can detect the size. */
static int
bar_write(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct vpci_legacy *l = arg;
	uint32_t value = rte_cpu_to_le_32(l->bar0);

	memcpy((uint8_t *)&value + (offset - PCI_CFG_BAR0), data, len);
	l->bar0 = rte_le_to_cpu_32(value) & ~(uint32_t)(VPCI_LEGACY_BAR0 - 1);
	return 0;
}

/* ------------------------------------------------------------------ the variant */

static void
shape(void *arg, struct vuser_device_info *info)
{
	info->regions[VFIO_PCI_BAR0_REGION_INDEX] = (struct vuser_region){
		.size = VPCI_LEGACY_BAR0,
		.flags = VFIO_REGION_INFO_FLAG_READ | VFIO_REGION_INFO_FLAG_WRITE,
		.fd = -1,
	};
}

static void
reset(void *arg)
{
	struct vpci_legacy *l = arg;

	l->io_on = false;
	l->bar0 = 0;
	l->mac_have = 0;
}

static const struct vpci_range ranges[] = {
	{ VFIO_PCI_BAR0_REGION_INDEX, 0, VPCI_LEGACY_BAR0, bar0_read, bar0_write },
	{ CONFIG, PCI_CFG_VENDOR_ID, 4, id_read, id_write },
	{ CONFIG, PCI_CFG_COMMAND, 2, command_read, command_write },
	{ CONFIG, PCI_CFG_REVISION, 4, id_read, id_write },
	{ CONFIG, PCI_CFG_BAR0, 4, bar_read, bar_write },
	{ CONFIG, PCI_CFG_SUBSYS_VENDOR_ID, 4, id_read, id_write },
	{ .len = 0 },
};

static const struct vpci_variant variant = {
	.name = "virtio-legacy",
	.ranges = ranges,
	.shape = shape,
	.reset = reset,
};

/* ------------------------------------------------------------------ create, destroy */

/* The list of capabilities is not trusted: limit the steps. */
static uint16_t
msix_find(struct vpci_fn *fn)
{
	uint8_t at = 0, head[2];

	vpci_dev_read(fn, CONFIG, PCI_CFG_CAP_PTR, &at, 1);
	for (int i = 0; i < 48 && at >= 0x40; i++) {
		if (vpci_dev_read(fn, CONFIG, at & ~3u, head, sizeof(head)) != 0)
			return 0;
		if (head[0] == PCI_CAPABILITY_MSIX)
			return at & ~3u;
		at = head[1];
	}
	return 0;
}

int
vpci_legacy_create(const struct vpci_backend *backend, const struct vpci_legacy_conf *conf,
		const char *path, struct vpci_legacy **out, char *err, size_t err_len)
{
	struct vpci_legacy *l;
	int ret;

	if (backend->info.regions[VFIO_PCI_BAR0_REGION_INDEX].size != 0) {
		snprintf(err, err_len,
				"VF %u has a BAR 0 of its own, so it cannot be shown with legacy registers",
				conf->vf);
		return -EOPNOTSUPP;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL) {
		snprintf(err, err_len, "out of memory");
		return -ENOMEM;
	}
	l->conf = *conf;
	ret = vpci_create(backend, &variant, l, path, &l->fn);
	if (ret != 0) {
		snprintf(err, err_len, "cannot show VF %u on %s: %s", conf->vf,
				path != NULL ? path : "no socket", strerror(-ret));
		free(l);
		return ret;
	}
	l->msix = msix_find(l->fn);
	*out = l;
	return 0;
}

void
vpci_legacy_destroy(struct vpci_legacy *l)
{
	if (l == NULL)
		return;
	vpci_destroy(l->fn);
	free(l);
}

struct vpci_fn *
vpci_legacy_fn(struct vpci_legacy *l)
{
	return l->fn;
}

const struct vpci_legacy_stats *
vpci_legacy_stats(const struct vpci_legacy *l)
{
	return &l->stats;
}
