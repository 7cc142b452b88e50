/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Layout of the configuration space of PF and VFs: capabilities, values after a reset, writable
 * bits. PCI Express Base Specification 7.5 and 9.3, virtio 1.4 4.1.4.
 */

#include <string.h>

#include "vsim/regs/vsim_config_layout.h"
#include "vsim/core/vsim_irq.h"

/* Offsets of the capabilities */
#define AT_MSIX 0x40
#define AT_EXPRESS 0x50
#define AT_COMMON VSIM_CONFIG_VIRTIO
#define AT_NOTIFY 0xa0
#define AT_ISR 0xb4
#define AT_DEVICE 0xc4
#define AT_WINDOW VSIM_CONFIG_WINDOW
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
#define EXPRESS_LNKCAP 0x0c
#define EXPRESS_LNKSTA 0x12
#define EXPRESS_GEN4_X16 0x104 /* Speed 16 GT/s, width 16, in both link registers. */

#define BAR_64BIT 0x4
#define EXT_CAP(id, version, next) \
	((uint32_t)(id) | (uint32_t)(version) << 16 | (uint32_t)(next) << 20)
#define ARI_LEN 8

static void
put_header(struct vsim_cfg_layout *l, const struct vsim_nic *nic, bool vf)
{
	const struct vsim_profile *profile = nic->conf.profile;
	uint8_t *c = l->image;

	/* In a VF these registers read ones: PCI Express 9.3.4.1.1. */
	vsim_cfg_put16(&c[PCI_CFG_VENDOR_ID], vf ? 0xffff : VIRTIO_PCI_VENDOR_ID);
	vsim_cfg_put16(&c[PCI_CFG_DEVICE_ID], vf ? 0xffff : VIRTIO_PCI_DEVICE_ID_NET);
	vsim_cfg_put16(&c[PCI_CFG_STATUS], PCI_STATUS_CAPS);
	c[PCI_CFG_REVISION] = profile->revision;
	c[PCI_CFG_CLASS] = PCI_CLASS_ETHERNET & 0xff;
	vsim_cfg_put16(&c[PCI_CFG_CLASS + 1], PCI_CLASS_ETHERNET >> 8);
	vsim_cfg_put16(&c[PCI_CFG_SUBSYS_VENDOR_ID], profile->subsys_vendor);
	vsim_cfg_put16(&c[PCI_CFG_SUBSYS_ID], vf ? profile->vf_subsys : profile->pf_subsys);
	c[PCI_CFG_CAP_PTR] = AT_MSIX;

	vsim_cfg_put16(&l->writable[PCI_CFG_COMMAND], PCI_COMMAND_BUS_MASTER);
	if (vf)
		return;
	vsim_cfg_put16(&l->writable[PCI_CFG_COMMAND],
			PCI_COMMAND_BUS_MASTER | PCI_COMMAND_MEM_SPACE | PCI_COMMAND_INTX_OFF);
	vsim_cfg_put32(&c[PCI_CFG_BAR0 + 4 * VSIM_BAR], BAR_64BIT);
	vsim_cfg_put32(&l->writable[PCI_CFG_BAR0 + 4 * VSIM_BAR], ~(uint32_t)(nic->bar_size - 1));
	vsim_cfg_put32(&l->writable[PCI_CFG_BAR0 + 4 * VSIM_BAR + 4], UINT32_MAX);
	/* Interrupt Line: a register for software only. */
	l->writable[PCI_CFG_INTERRUPT_PIN - 1] = 0xff;
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
	vsim_cfg_put16(&c[AT_MSIX + PCI_MSIX_CTRL], nic->nb_vectors - 1);
	vsim_cfg_put16(&l->writable[AT_MSIX + PCI_MSIX_CTRL],
			PCI_MSIX_CTRL_ENABLE | PCI_MSIX_CTRL_FUNCTION_MASK);
	vsim_cfg_put32(&c[AT_MSIX + PCI_MSIX_TABLE], VSIM_REG_MSIX_TABLE | VSIM_BAR);
	vsim_cfg_put32(&c[AT_MSIX + PCI_MSIX_PBA], VSIM_REG_MSIX_PBA | VSIM_BAR);

	l->express = AT_EXPRESS;
	c[AT_EXPRESS] = PCI_CAPABILITY_EXPRESS;
	c[AT_EXPRESS + 1] = AT_COMMON;
	vsim_cfg_put16(&c[AT_EXPRESS + EXPRESS_FLAGS], EXPRESS_VERSION_2);
	vsim_cfg_put32(&c[AT_EXPRESS + EXPRESS_DEVCAP],
			EXPRESS_DEVCAP_ROLE_ERRORS | EXPRESS_DEVCAP_FLR);
	vsim_cfg_put16(&l->writable[AT_EXPRESS + VSIM_EXPRESS_DEVCTL], 0x7fff);
	vsim_cfg_put32(&c[AT_EXPRESS + EXPRESS_LNKCAP], EXPRESS_GEN4_X16);
	vsim_cfg_put16(&c[AT_EXPRESS + EXPRESS_LNKSTA], EXPRESS_GEN4_X16);

	put_virtio_cap(&c[AT_COMMON], AT_NOTIFY, sizeof(struct virtio_pci_cap),
			VIRTIO_PCI_CAP_COMMON_CFG, VSIM_REG_COMMON,
			sizeof(struct virtio_pci_common_cfg));
	put_virtio_cap(&c[AT_NOTIFY], AT_ISR, sizeof(struct virtio_pci_notify_cap),
			VIRTIO_PCI_CAP_NOTIFY_CFG, VSIM_BAR_DOORBELLS, doorbell_len);
	vsim_cfg_put32(&c[AT_NOTIFY +
				       offsetof(struct virtio_pci_notify_cap,
						       notify_off_multiplier)],
			vsim_notify_multiplier(nic));
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

/* Only the PF has the capability: VFs share its setting. */
static void
put_pasid(struct vsim_cfg_layout *l, uint8_t width)
{
	vsim_cfg_put32(&l->image[AT_PASID], EXT_CAP(PCI_EXT_CAPABILITY_PASID, 1, 0));
	vsim_cfg_put16(&l->image[AT_PASID + PCI_PASID_CAP],
			width << PCI_PASID_CAP_WIDTH_SHIFT | PCI_PASID_CAP_EXEC |
					PCI_PASID_CAP_PRIV);
	vsim_cfg_put16(&l->writable[AT_PASID + PCI_PASID_CTRL],
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
		/* The routing id of VF n is that of the PF plus n. */
		.first_vf_offset = htole16(1),
		.vf_stride = htole16(1),
		.vf_device_id = htole16(VIRTIO_PCI_DEVICE_ID_NET),
		.supported_page_sizes = htole32(1),
		.system_page_size = htole32(1),
	};

	/* More than eight functions need ARI. */
	vsim_cfg_put32(&l->image[AT_ARI],
			EXT_CAP(PCI_EXT_CAPABILITY_ARI, 1, sriov ? AT_SRIOV : pasid));
	if (pasid != 0)
		put_pasid(l, nic->conf.pasid_width);
	if (!sriov)
		return;
	l->sriov = AT_SRIOV;
	cap.vf_bar[VSIM_BAR] = htole32(BAR_64BIT);
	memcpy(&l->image[AT_SRIOV], &cap, sizeof(cap));
	vsim_cfg_put16(&l->writable[AT_SRIOV + offsetof(struct pci_sriov_cap, control)],
			PCI_SRIOV_CTRL_VF_ENABLE | PCI_SRIOV_CTRL_VF_MSE | PCI_SRIOV_CTRL_ARI);
	vsim_cfg_put16(&l->writable[AT_SRIOV + offsetof(struct pci_sriov_cap, num_vfs)], 0xffff);
	vsim_cfg_put32(&l->writable[AT_SRIOV + offsetof(struct pci_sriov_cap, vf_bar) +
				       4 * VSIM_BAR],
			~(uint32_t)(nic->bar_size - 1));
	vsim_cfg_put32(&l->writable[AT_SRIOV + offsetof(struct pci_sriov_cap, vf_bar) +
				       4 * VSIM_BAR + 4],
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

void
vsim_config_reset(struct vsim_fn *fn, bool power_up)
{
	uint8_t command[2], bars[24], vf_bars[24];
	const struct vsim_cfg_layout *l = vsim_fn_layout(fn);
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
