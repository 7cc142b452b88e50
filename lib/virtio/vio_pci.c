/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Find the virtio registers of a PCI function, and access mapped ones. */

#include <errno.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_io.h>

#include "virtio_spec/pci.h"
#include "vio_err.h"
#include "vio_pci.h"

/* Most entries that fit in the space after the header, 4-byte aligned. */
#define NB_CAPS_MAX ((PCI_CFG_SIZE - 64) / 4)
#define NB_EXT_CAPS_MAX ((PCI_CFG_EXT_SIZE - PCI_CFG_EXT_CAPS) / 8)

static const struct {
	const char *name;
	uint32_t min_len; /* of a usable region */
	bool must; /* virtio 1.4 4.1.4.3.1, 4.1.4.4.1, 4.1.4.5.1 */
} kinds[VIO_NB_REGIONS] = {
	[VIO_COMMON] = { "common configuration",
			offsetof(struct virtio_pci_common_cfg, queue_notif_config_data), true },
	[VIO_ISR] = { "ISR", 1, true },
	[VIO_DEVICE] = { "device configuration", 1, false },
	[VIO_NOTIFY] = { "notification", 2, true },
};

/* Region of a capability type; -1 for a reserved type, to be skipped (virtio 1.4 4.1.4.1). */
static int
region_of(uint8_t cfg_type)
{
	switch (cfg_type) {
	case VIRTIO_PCI_CAP_COMMON_CFG:
		return VIO_COMMON;
	case VIRTIO_PCI_CAP_NOTIFY_CFG:
		return VIO_NOTIFY;
	case VIRTIO_PCI_CAP_ISR_CFG:
		return VIO_ISR;
	case VIRTIO_PCI_CAP_DEVICE_CFG:
		return VIO_DEVICE;
	default:
		return -1;
	}
}

static int
vendor_cap_read(vio_pci_cfg_read read_cfg, void *arg, uint32_t pos,
		const uint64_t bar_len[VIO_PCI_BARS], struct vio_pci_layout *layout)
{
	struct virtio_pci_notify_cap cap;
	size_t want = sizeof(cap.cap);
	uint32_t offset, len;
	int region, ret;

	if (pos + want > PCI_CFG_SIZE)
		return 0;
	ret = read_cfg(arg, pos, &cap.cap, sizeof(cap.cap));
	if (ret != 0)
		return ret;
	region = region_of(cap.cap.cfg_type);
	if (region == VIO_NOTIFY)
		want = sizeof(cap);
	/* Skip a capability that is too short or exceeds the space. A longer one is fine (virtio
	 * 1.4 4.1.4.1). */
	if (region < 0 || cap.cap.cap_len < want || pos + want > PCI_CFG_SIZE)
		return 0;
	offset = rte_le_to_cpu_32(cap.cap.offset);
	len = rte_le_to_cpu_32(cap.cap.length);
	if (cap.cap.bar >= VIO_PCI_BARS || len < kinds[region].min_len ||
			(uint64_t)offset + len > bar_len[cap.cap.bar] ||
			(region == VIO_COMMON && offset % 4 != 0) ||
			(region == VIO_DEVICE && offset % 4 != 0) ||
			(region == VIO_NOTIFY && offset % 2 != 0))
		return 0;
	if (layout->place[region].len != 0)
		return 0; /* the best one comes first */
	if (region == VIO_NOTIFY) {
		ret = read_cfg(arg, pos + sizeof(cap.cap), &cap.notify_off_multiplier,
				sizeof(cap.notify_off_multiplier));
		if (ret != 0)
			return ret;
		layout->notify_multiplier = rte_le_to_cpu_32(cap.notify_off_multiplier);
	}
	layout->place[region] = (struct vio_pci_place){ cap.cap.bar, offset, len };
	return 0;
}

static int
caps_read(vio_pci_cfg_read read_cfg, void *arg, const uint64_t bar_len[VIO_PCI_BARS],
		struct vio_pci_layout *layout, bool *virtio_seen)
{
	virtio_le16 status, ctrl;
	uint8_t pos, head[4];
	int ret;

	ret = read_cfg(arg, PCI_CFG_STATUS, &status, sizeof(status));
	if (ret != 0 || (rte_le_to_cpu_16(status) & PCI_STATUS_CAPS) == 0)
		return ret;
	ret = read_cfg(arg, PCI_CFG_CAP_PTR, &pos, 1);
	for (int i = 0; ret == 0 && i < NB_CAPS_MAX; i++) {
		pos &= 0xfc;
		if (pos < 64)
			return 0;
		ret = read_cfg(arg, pos, head, sizeof(head));
		if (ret != 0)
			return ret;
		if (head[0] == PCI_CAPABILITY_VENDOR) {
			*virtio_seen = true;
			ret = vendor_cap_read(read_cfg, arg, pos, bar_len, layout);
		} else if (head[0] == PCI_CAPABILITY_MSIX) {
			memcpy(&ctrl, head + PCI_MSIX_CTRL, sizeof(ctrl));
			layout->nb_vectors = (rte_le_to_cpu_16(ctrl) & 0x7ff) + 1;
		}
		pos = head[1];
	}
	return ret;
}

/* False also if the extended space cannot be read. */
static bool
sriov_find(vio_pci_cfg_read read_cfg, void *arg)
{
	uint32_t pos = PCI_CFG_EXT_CAPS;

	for (int i = 0; i < NB_EXT_CAPS_MAX && pos >= PCI_CFG_EXT_CAPS; i++) {
		virtio_le32 raw;
		uint32_t head;

		if (read_cfg(arg, pos, &raw, sizeof(raw)) != 0)
			return false;
		head = rte_le_to_cpu_32(raw);
		if (head == 0 || head == UINT32_MAX)
			return false;
		if ((head & 0xffff) == PCI_EXT_CAPABILITY_SRIOV)
			return true;
		pos = (head >> 20) & 0xffc;
	}
	return false;
}

int
vio_pci_layout_read(vio_pci_cfg_read read_cfg, void *arg, const uint64_t bar_len[VIO_PCI_BARS],
		struct vio_pci_layout *layout)
{
	bool virtio_seen = false;
	int ret;

	memset(layout, 0, sizeof(*layout));
	ret = caps_read(read_cfg, arg, bar_len, layout, &virtio_seen);
	if (ret != 0)
		return vio_fail(ret, "cannot read PCI configuration space: %s", strerror(-ret));
	if (!virtio_seen)
		return vio_fail(-ENODEV, "no virtio capability: a legacy device");
	for (int i = 0; i < VIO_NB_REGIONS; i++)
		if (kinds[i].must && layout->place[i].len == 0)
			return vio_fail(-EPROTO, "no usable %s capability", kinds[i].name);
	layout->sriov = sriov_find(read_cfg, arg);
	return 0;
}

static uint32_t
pci_read(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width)
{
	volatile uint8_t *at = ((struct vio_pci *)t)->base[region] + offset;

	switch (width) {
	case 1:
		return rte_read8(at);
	case 2:
		return rte_le_to_cpu_16(rte_read16(at));
	default:
		return rte_le_to_cpu_32(rte_read32(at));
	}
}

static void
pci_write(struct vio_transport *t, enum vio_region region, uint32_t offset, unsigned int width,
		uint32_t value)
{
	volatile uint8_t *at = ((struct vio_pci *)t)->base[region] + offset;

	switch (width) {
	case 1:
		rte_write8((uint8_t)value, at);
		break;
	case 2:
		rte_write16(rte_cpu_to_le_16((uint16_t)value), at);
		break;
	default:
		rte_write32(rte_cpu_to_le_32(value), at);
		break;
	}
}

static volatile void *
pci_doorbell(struct vio_transport *t, uint32_t offset)
{
	return ((struct vio_pci *)t)->base[VIO_NOTIFY] + offset;
}

static const struct vio_transport_ops pci_ops = {
	.read = pci_read,
	.write = pci_write,
	.doorbell = pci_doorbell,
};

int
vio_pci_init(struct vio_pci *pci, const struct vio_pci_layout *layout,
		void *const bar[VIO_PCI_BARS])
{
	memset(pci, 0, sizeof(*pci));
	pci->t.ops = &pci_ops;
	pci->t.notify_multiplier = layout->notify_multiplier;
	pci->t.nb_vectors = layout->nb_vectors;
	pci->t.sriov = layout->sriov;
	for (int i = 0; i < VIO_NB_REGIONS; i++) {
		const struct vio_pci_place *place = &layout->place[i];

		if (place->len == 0)
			continue;
		if (bar[place->bar] == NULL)
			return -EINVAL;
		pci->t.len[i] = place->len;
		pci->base[i] = (volatile uint8_t *)bar[place->bar] + place->offset;
	}
	return 0;
}
