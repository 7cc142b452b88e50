/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * PCI configuration space of PF and VFs: a byte image, a mask of what is writable, and the few
 * writes that do something: BAR sizing falls out of the mask, MSI-X control, function level
 * reset, the PCI_CFG window, and SR-IOV. PCI Express Base Specification 7.5 and 9.3,
 * virtio 1.4 4.1.4.
 */

#include <errno.h>
#include <string.h>

#include "vsim/regs/vsim_regs.h"

/* Where the capabilities stand */
#define AT_MSIX 0x40
#define AT_EXPRESS 0x50
#define AT_COMMON 0x90
#define AT_NOTIFY 0xa0
#define AT_ISR 0xb4
#define AT_DEVICE 0xc4
#define AT_WINDOW 0xd4
#define AT_ARI PCI_CFG_EXT_CAPS
#define AT_SRIOV 0x140
#define AT_PASID 0x180

/* PCI Express capability, PCI Express Base Specification 7.5.3 */
#define EXPRESS_LEN 0x3c
#define EXPRESS_FLAGS 0x02
#define EXPRESS_VERSION_2 0x0002
#define EXPRESS_DEVCAP 0x04
#define EXPRESS_DEVCAP_ROLE_ERRORS 0x00008000u
#define EXPRESS_DEVCAP_FLR 0x10000000u
#define EXPRESS_DEVCTL 0x08
#define EXPRESS_DEVCTL_FLR 0x8000
#define EXPRESS_LNKCAP 0x0c
#define EXPRESS_LNKSTA 0x12
#define EXPRESS_GEN4_X16 0x104 /* Speed 16 GT/s, width 16, as both link registers have them. */

#define BAR_64BIT 0x4
#define EXT_CAP(id, version, next) \
	((uint32_t)(id) | (uint32_t)(version) << 16 | (uint32_t)(next) << 20)
#define ARI_LEN 8

static void
put16(uint8_t *p, uint16_t value)
{
	value = htole16(value);
	memcpy(p, &value, sizeof(value));
}

static void
put32(uint8_t *p, uint32_t value)
{
	value = htole32(value);
	memcpy(p, &value, sizeof(value));
}

static uint16_t
get16(const uint8_t *p)
{
	uint16_t value;

	memcpy(&value, p, sizeof(value));
	return le16toh(value);
}

static uint32_t
get32(const uint8_t *p)
{
	uint32_t value;

	memcpy(&value, p, sizeof(value));
	return le32toh(value);
}

/* ---------------------------------------------------------------- layout */

static void
put_header(struct vsim_cfg_layout *l, const struct vsim_nic *nic, bool vf)
{
	const struct vsim_profile *profile = nic->conf.profile;
	uint8_t *c = l->image;

	/* A VF has no ids of its own: PCI Express 9.3.4.1.1. */
	put16(&c[PCI_CFG_VENDOR_ID], vf ? 0xffff : VIRTIO_PCI_VENDOR_ID);
	put16(&c[PCI_CFG_DEVICE_ID], vf ? 0xffff : VIRTIO_PCI_DEVICE_ID_NET);
	put16(&c[PCI_CFG_STATUS], PCI_STATUS_CAPS);
	c[PCI_CFG_REVISION] = profile->revision;
	c[PCI_CFG_CLASS] = PCI_CLASS_ETHERNET & 0xff;
	put16(&c[PCI_CFG_CLASS + 1], PCI_CLASS_ETHERNET >> 8);
	put16(&c[PCI_CFG_SUBSYS_VENDOR_ID], profile->subsys_vendor);
	put16(&c[PCI_CFG_SUBSYS_ID], vf ? profile->vf_subsys : profile->pf_subsys);
	c[PCI_CFG_CAP_PTR] = AT_MSIX;

	put16(&l->writable[PCI_CFG_COMMAND], PCI_COMMAND_BUS_MASTER);
	if (vf)
		return;
	put16(&l->writable[PCI_CFG_COMMAND],
			PCI_COMMAND_BUS_MASTER | PCI_COMMAND_MEM_SPACE | PCI_COMMAND_INTX_OFF);
	put32(&c[PCI_CFG_BAR0 + 4 * VSIM_BAR], BAR_64BIT);
	put32(&l->writable[PCI_CFG_BAR0 + 4 * VSIM_BAR], ~(uint32_t)(nic->bar_size - 1));
	put32(&l->writable[PCI_CFG_BAR0 + 4 * VSIM_BAR + 4], UINT32_MAX);
	l->writable[PCI_CFG_INTERRUPT_PIN - 1] = 0xff; /* Interrupt Line: software's scratch. */
}

static void
put_virtio_cap(uint8_t *at, uint8_t next, uint8_t cap_len, uint8_t type, uint32_t offset,
		uint32_t length)
{
	struct virtio_pci_cap cap = {
		.cap_vndr = PCI_CAPABILITY_VENDOR,
		.cap_next = next,
		.cap_len = cap_len,
		.cfg_type = type,
		.bar = VSIM_BAR,
		.offset = htole32(offset),
		.length = htole32(length),
	};

	memcpy(at, &cap, sizeof(cap));
}

static void
put_caps(struct vsim_cfg_layout *l, const struct vsim_nic *nic, uint64_t doorbell_len)
{
	uint8_t *c = l->image;

	l->msix = AT_MSIX;
	c[AT_MSIX] = PCI_CAPABILITY_MSIX;
	c[AT_MSIX + 1] = AT_EXPRESS;
	put16(&c[AT_MSIX + PCI_MSIX_CTRL], nic->nb_vectors - 1);
	put16(&l->writable[AT_MSIX + PCI_MSIX_CTRL],
			PCI_MSIX_CTRL_ENABLE | PCI_MSIX_CTRL_FUNCTION_MASK);
	put32(&c[AT_MSIX + PCI_MSIX_TABLE], VSIM_REG_MSIX_TABLE | VSIM_BAR);
	put32(&c[AT_MSIX + PCI_MSIX_PBA], VSIM_REG_MSIX_PBA | VSIM_BAR);

	l->express = AT_EXPRESS;
	c[AT_EXPRESS] = PCI_CAPABILITY_EXPRESS;
	c[AT_EXPRESS + 1] = AT_COMMON;
	put16(&c[AT_EXPRESS + EXPRESS_FLAGS], EXPRESS_VERSION_2);
	put32(&c[AT_EXPRESS + EXPRESS_DEVCAP], EXPRESS_DEVCAP_ROLE_ERRORS | EXPRESS_DEVCAP_FLR);
	put16(&l->writable[AT_EXPRESS + EXPRESS_DEVCTL], 0x7fff);
	put32(&c[AT_EXPRESS + EXPRESS_LNKCAP], EXPRESS_GEN4_X16);
	put16(&c[AT_EXPRESS + EXPRESS_LNKSTA], EXPRESS_GEN4_X16);

	put_virtio_cap(&c[AT_COMMON], AT_NOTIFY, sizeof(struct virtio_pci_cap),
			VIRTIO_PCI_CAP_COMMON_CFG, VSIM_REG_COMMON,
			sizeof(struct virtio_pci_common_cfg));
	put_virtio_cap(&c[AT_NOTIFY], AT_ISR, sizeof(struct virtio_pci_notify_cap),
			VIRTIO_PCI_CAP_NOTIFY_CFG, VSIM_BAR_DOORBELLS, doorbell_len);
	put32(&c[AT_NOTIFY + offsetof(struct virtio_pci_notify_cap, notify_off_multiplier)],
			VSIM_NOTIFY_MULTIPLIER);
	put_virtio_cap(&c[AT_ISR], AT_DEVICE, sizeof(struct virtio_pci_cap), VIRTIO_PCI_CAP_ISR_CFG,
			VSIM_REG_ISR, 1);
	put_virtio_cap(&c[AT_DEVICE], AT_WINDOW, sizeof(struct virtio_pci_cap),
			VIRTIO_PCI_CAP_DEVICE_CFG, VSIM_REG_DEVICE,
			sizeof(struct virtio_net_config));

	l->window = AT_WINDOW;
	put_virtio_cap(&c[AT_WINDOW], 0, sizeof(struct virtio_pci_cfg_cap), VIRTIO_PCI_CAP_PCI_CFG,
			0, 0);
	c[AT_WINDOW + offsetof(struct virtio_pci_cap, bar)] = 0;
	l->writable[AT_WINDOW + offsetof(struct virtio_pci_cap, bar)] = 0xff;
	memset(&l->writable[AT_WINDOW + offsetof(struct virtio_pci_cap, offset)], 0xff, 12);
}

static_assert(AT_MSIX + PCI_MSIX_CAP_LEN <= AT_EXPRESS, "MSI-X overlaps PCI Express");
static_assert(AT_EXPRESS + EXPRESS_LEN <= AT_COMMON, "PCI Express overlaps virtio");
static_assert(AT_COMMON + sizeof(struct virtio_pci_cap) <= AT_NOTIFY, "common overlaps notify");
static_assert(AT_NOTIFY + sizeof(struct virtio_pci_notify_cap) <= AT_ISR, "notify overlaps ISR");
static_assert(AT_ISR + sizeof(struct virtio_pci_cap) <= AT_DEVICE, "ISR overlaps device");
static_assert(AT_DEVICE + sizeof(struct virtio_pci_cap) <= AT_WINDOW, "device overlaps window");
static_assert(AT_WINDOW + sizeof(struct virtio_pci_cfg_cap) <= PCI_CFG_SIZE, "window too long");
static_assert(AT_ARI + ARI_LEN <= AT_SRIOV, "ARI overlaps SR-IOV");
static_assert(AT_SRIOV + sizeof(struct pci_sriov_cap) <= AT_PASID, "SR-IOV overlaps PASID");

/* The PF's alone: VFs share its setting. */
static void
put_pasid(struct vsim_cfg_layout *l, uint8_t width)
{
	put32(&l->image[AT_PASID], EXT_CAP(PCI_EXT_CAPABILITY_PASID, 1, 0));
	put16(&l->image[AT_PASID + PCI_PASID_CAP],
			width << PCI_PASID_CAP_WIDTH_SHIFT | PCI_PASID_CAP_EXEC |
					PCI_PASID_CAP_PRIV);
	put16(&l->writable[AT_PASID + PCI_PASID_CTRL],
			PCI_PASID_CTRL_ENABLE | PCI_PASID_CTRL_EXEC | PCI_PASID_CTRL_PRIV);
}

static void
put_ext_caps(struct vsim_cfg_layout *l, const struct vsim_nic *nic, bool vf)
{
	bool sriov = !vf && nic->conf.total_vfs > 0;
	uint16_t pasid = !vf && nic->conf.pasid_width > 0 ? AT_PASID : 0;
	struct pci_sriov_cap cap = {
		.header = htole32(EXT_CAP(PCI_EXT_CAPABILITY_SRIOV, 1, pasid)),
		.initial_vfs = htole16(nic->conf.total_vfs),
		.total_vfs = htole16(nic->conf.total_vfs),
		/* VF n is n routing ids behind the PF: 256 of them fit behind any bus. */
		.first_vf_offset = htole16(1),
		.vf_stride = htole16(1),
		.vf_device_id = htole16(VIRTIO_PCI_DEVICE_ID_NET),
		.supported_page_sizes = htole32(1),
		.system_page_size = htole32(1),
	};

	/* More than eight functions need ARI. */
	put32(&l->image[AT_ARI], EXT_CAP(PCI_EXT_CAPABILITY_ARI, 1, sriov ? AT_SRIOV : pasid));
	if (pasid != 0)
		put_pasid(l, nic->conf.pasid_width);
	if (!sriov)
		return;
	l->sriov = AT_SRIOV;
	cap.vf_bar[VSIM_BAR] = htole32(BAR_64BIT);
	memcpy(&l->image[AT_SRIOV], &cap, sizeof(cap));
	put16(&l->writable[AT_SRIOV + offsetof(struct pci_sriov_cap, control)],
			PCI_SRIOV_CTRL_VF_ENABLE | PCI_SRIOV_CTRL_VF_MSE | PCI_SRIOV_CTRL_ARI);
	put16(&l->writable[AT_SRIOV + offsetof(struct pci_sriov_cap, num_vfs)], 0xffff);
	put32(&l->writable[AT_SRIOV + offsetof(struct pci_sriov_cap, vf_bar) + 4 * VSIM_BAR],
			~(uint32_t)(nic->bar_size - 1));
	put32(&l->writable[AT_SRIOV + offsetof(struct pci_sriov_cap, vf_bar) + 4 * VSIM_BAR + 4],
			UINT32_MAX);
}

void
vsim_config_build(struct vsim_nic *nic, uint64_t doorbell_len)
{
	for (unsigned int vf = 0; vf < 2; vf++) {
		struct vsim_cfg_layout *l = &nic->layout[vf];

		memset(l, 0, sizeof(*l));
		put_header(l, nic, vf);
		put_caps(l, nic, doorbell_len);
		put_ext_caps(l, nic, vf);
	}
}

static const struct vsim_cfg_layout *
layout_of(const struct vsim_fn *fn)
{
	return &fn->nic->layout[fn->index > 0];
}

bool
vsim_fn_has_sriov(const struct vsim_fn *fn)
{
	return layout_of(fn)->sriov != 0;
}

void
vsim_config_reset(struct vsim_fn *fn, bool power_up)
{
	uint8_t command[2], bars[24], vf_bars[24];
	const struct vsim_cfg_layout *l = layout_of(fn);
	uint8_t *vf_bar = &fn->config[AT_SRIOV + offsetof(struct pci_sriov_cap, vf_bar)];

	memcpy(command, &fn->config[PCI_CFG_COMMAND], sizeof(command));
	memcpy(bars, &fn->config[PCI_CFG_BAR0], sizeof(bars));
	memcpy(vf_bars, vf_bar, sizeof(vf_bars));
	memcpy(fn->config, l->image, sizeof(fn->config));
	if (!power_up) {
		memcpy(&fn->config[PCI_CFG_COMMAND], command, sizeof(command));
		memcpy(&fn->config[PCI_CFG_BAR0], bars, sizeof(bars));
		if (l->sriov != 0)
			memcpy(vf_bar, vf_bars, sizeof(vf_bars));
	}
	memset(fn->msix_table, 0, sizeof(fn->msix_table));
	memset(fn->msix_pba, 0, sizeof(fn->msix_pba));
	for (uint16_t v = 0; v < VSIM_MAX_VECTORS; v++)
		vsim_msix_connect(fn, v, fn->irq_fd[v] >= 0);
}

/* ---------------------------------------------------------------- PCI_CFG window */

/* The access that the window stands for. @return its length, 0 when it must not be made. */
static size_t
window_access(struct vsim_fn *fn, uint64_t *offset)
{
	const uint8_t *w = &fn->config[layout_of(fn)->window];
	uint8_t bar = w[offsetof(struct virtio_pci_cap, bar)];
	uint32_t off = get32(&w[offsetof(struct virtio_pci_cap, offset)]);
	uint32_t len = get32(&w[offsetof(struct virtio_pci_cap, length)]);
	const struct {
		uint32_t start;
		uint64_t len;
	} ranges[] = {
		{ VSIM_REG_COMMON, sizeof(struct virtio_pci_common_cfg) },
		{ VSIM_REG_ISR, 1 },
		{ VSIM_REG_DEVICE, sizeof(struct virtio_net_config) },
		{ VSIM_BAR_DOORBELLS, fn->mem_size },
	};

	/* Nobody aimed it: someone reads all of configuration space, and may. */
	if (len == 0)
		return 0;
	if ((len == 1 || len == 2 || len == 4) && off % len == 0 && bar == VSIM_BAR) {
		for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
			if (off < ranges[i].start || off - ranges[i].start + len > ranges[i].len)
				continue;
			*offset = off;
			return len;
		}
	}
	vsim_fn_violation(fn, 35);
	return 0;
}

static void
window_read(struct vsim_fn *fn)
{
	uint8_t *data = &fn->config[layout_of(fn)->window + sizeof(struct virtio_pci_cap)];
	uint64_t offset;
	size_t len = window_access(fn, &offset);

	memset(data, 0, 4);
	if (len != 0)
		vsim_bar_read(fn, offset, data, len);
}

static void
window_write(struct vsim_fn *fn)
{
	uint8_t *data = &fn->config[layout_of(fn)->window + sizeof(struct virtio_pci_cap)];
	uint64_t offset;
	size_t len = window_access(fn, &offset);

	if (len != 0)
		vsim_bar_write(fn, offset, data, len);
}

/* ---------------------------------------------------------------- SR-IOV */

static void
sriov_control_written(struct vsim_fn *fn, uint16_t old)
{
	uint8_t *cap = &fn->config[layout_of(fn)->sriov];
	uint8_t *control = &cap[offsetof(struct pci_sriov_cap, control)];
	bool enable = get16(control) & PCI_SRIOV_CTRL_VF_ENABLE;
	uint16_t num_vfs = get16(&cap[offsetof(struct pci_sriov_cap, num_vfs)]);

	if (enable == !!(old & PCI_SRIOV_CTRL_VF_ENABLE))
		return;
	if (!enable) {
		vsim_nic_vfs_set(fn->nic, 0);
		return;
	}
	if (!fn->sriov_permitted)
		vsim_fn_violation(fn, 70);
	if (vsim_nic_vfs_set(fn->nic, num_vfs) < 0)
		put16(control, get16(control) & ~PCI_SRIOV_CTRL_VF_ENABLE);
}

/* PCI Express 9.3.3.7: not while VF Enable is set, and not beyond TotalVFs. */
static void
sriov_num_vfs_written(struct vsim_fn *fn, uint16_t old)
{
	uint8_t *cap = &fn->config[layout_of(fn)->sriov];
	uint8_t *num_vfs = &cap[offsetof(struct pci_sriov_cap, num_vfs)];

	if ((get16(&cap[offsetof(struct pci_sriov_cap, control)]) & PCI_SRIOV_CTRL_VF_ENABLE) ||
			get16(num_vfs) > fn->nic->conf.total_vfs)
		put16(num_vfs, old);
}

/* ---------------------------------------------------------------- access */

static bool
overlaps(uint64_t offset, size_t len, uint64_t start, size_t start_len)
{
	return offset < start + start_len && start < offset + len;
}

int
vsim_config_read(struct vsim_fn *fn, uint64_t offset, void *data, size_t len)
{
	uint64_t window_data = layout_of(fn)->window + sizeof(struct virtio_pci_cap);

	if (offset >= PCI_CFG_EXT_SIZE || len > PCI_CFG_EXT_SIZE - offset)
		return -EINVAL;
	if (overlaps(offset, len, window_data, 4))
		window_read(fn);
	memcpy(data, &fn->config[offset], len);
	return 0;
}

/* The bytes from..to of one aligned dword. */
static void
dword_write(struct vsim_fn *fn, uint16_t at, unsigned int from, unsigned int to,
		const uint8_t *data)
{
	const struct vsim_cfg_layout *l = layout_of(fn);
	uint32_t old = get32(&fn->config[at]);
	unsigned int device_control = l->express + EXPRESS_DEVCTL;
	bool any = false, flr = false;

	for (unsigned int i = from; i < to; i++) {
		uint8_t mask = l->writable[at + i], value = data[i - from];

		any = any || mask != 0;
		fn->config[at + i] = (fn->config[at + i] & ~mask) | (value & mask);
		/* Initiate Function Level Reset reads 0, so the mask dropped it. */
		if (at + i == device_control + 1)
			flr = value & (EXPRESS_DEVCTL_FLR >> 8);
	}
	if (!any && at >= AT_COMMON && at < AT_WINDOW + sizeof(struct virtio_pci_cfg_cap))
		vsim_fn_violation(fn, 10);

	if (at == l->msix)
		vsim_msix_flush(fn);
	if (at == l->window + sizeof(struct virtio_pci_cap))
		window_write(fn);
	if (l->sriov != 0 && at == l->sriov + offsetof(struct pci_sriov_cap, control))
		sriov_control_written(fn, old & 0xffff);
	if (l->sriov != 0 && at == l->sriov + offsetof(struct pci_sriov_cap, num_vfs))
		sriov_num_vfs_written(fn, old & 0xffff);
	if (flr)
		vsim_fn_flr(fn);
}

int
vsim_config_write(struct vsim_fn *fn, uint64_t offset, const void *data, size_t len)
{
	const uint8_t *bytes = data;

	if (offset >= PCI_CFG_EXT_SIZE || len > PCI_CFG_EXT_SIZE - offset)
		return -EINVAL;
	while (len > 0) {
		unsigned int from = offset % 4, n = 4 - from;

		if (n > len)
			n = len;
		dword_write(fn, offset - from, from, from + n, bytes);
		offset += n;
		bytes += n;
		len -= n;
	}
	return 0;
}
