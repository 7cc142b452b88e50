/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The PCI core of the simulated kernel: find capabilities, place BARs, reset, enable SR-IOV.
 *
 * PCI Express Base Specification 7.5, 7.7 and 9.3.3.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <stddef.h>

#include "../core/host_cfg.h"
#include "../core/host_fn.h"
#include "../core/host_iommu.h"
#include "../core/host_irq.h"
#include "host_pci.h"

#define PCI_BAR_IO 1u
#define EXPRESS_DEVCAP 4
#define EXPRESS_DEVCAP_FLR 0x10000000u
#define SRIOV_FIELD(name) (offsetof(struct pci_sriov_cap, name))

/* ---------------------------------------------------------------- enumeration */

static void
find_capabilities(struct host_fn *fn)
{
	unsigned int at;

	at = (host_cfg_read(fn, PCI_CFG_STATUS, 2) & PCI_STATUS_CAPS) != 0 ?
			host_cfg_read(fn, PCI_CFG_CAP_PTR, 1) & 0xfc :
			0;
	/* A chain with a loop ends after as many hops as there are words. */
	for (unsigned int hops = 0; at >= 0x40 && hops < PCI_CFG_SIZE / 4; hops++) {
		const uint32_t word = host_cfg_read(fn, at, 4);
		const uint8_t id = word & 0xff;
		unsigned int len = 4;

		if (id == PCI_CAPABILITY_VENDOR) {
			len = (word >> 16) & 0xff;
		} else if (id == PCI_CAPABILITY_MSIX) {
			fn->msix_cap = at;
			len = PCI_MSIX_CAP_LEN;
		} else if (id == PCI_CAPABILITY_EXPRESS) {
			fn->express_cap = at;
			len = 0x3c;
		}
		for (unsigned int w = at / 4; w < (at + len + 3) / 4 && w < PCI_CFG_SIZE / 4; w++) {
			fn->cap_at[w] = id;
			fn->cap_start[w] = at;
		}
		at = (word >> 8) & 0xfc;
	}
	at = fn->regions[VFIO_PCI_CONFIG_REGION_INDEX].size > PCI_CFG_EXT_CAPS ? PCI_CFG_EXT_CAPS :
										 0;
	for (unsigned int hops = 0; at >= PCI_CFG_EXT_CAPS && hops < PCI_CFG_EXT_SIZE / 4; hops++) {
		const uint32_t word = host_cfg_read(fn, at, 4);

		if (word == 0 || word == UINT32_MAX)
			break;
		if ((word & 0xffff) == PCI_EXT_CAPABILITY_SRIOV)
			fn->sriov_cap = at;
		at = (word >> 20) & 0xffc;
	}
}

/* Allocate addresses of the memory window, naturally aligned. */
static uint64_t
take_addresses(struct host *host, uint64_t align, uint64_t len)
{
	uint64_t start;

	if (align < 4096)
		align = 4096;
	start = (host->next_address + align - 1) & ~(align - 1);
	host->next_address = start + len;
	return start;
}

static uint64_t
take_ports(struct host *host, uint64_t len)
{
	const uint64_t start = (host->next_port + len - 1) & ~(len - 1);

	host->next_port = start + len;
	return start;
}

static void
write_bar(struct host_fn *fn, unsigned int regs, const struct host_bar *bars)
{
	for (unsigned int i = 0; i < 6; i++) {
		if (bars[i].size == 0)
			continue;
		host_cfg_write(fn, regs + 4 * i, 4, (uint32_t)bars[i].start);
		if ((bars[i].bits & 6) == 4 && i < 5)
			host_cfg_write(fn, regs + 4 * i + 4, 4, bars[i].start >> 32);
	}
}

/* Find the sizes of BARs by writing ones (7.5.1.2.1), then restore the registers. */
static void
size_bars(struct host_fn *fn, unsigned int regs, struct host_bar *bars)
{
	for (unsigned int i = 0; i < 6; i++) {
		const uint32_t old = host_cfg_read(fn, regs + 4 * i, 4);
		uint64_t mask;
		uint32_t low_bits;

		host_cfg_write(fn, regs + 4 * i, 4, UINT32_MAX);
		mask = host_cfg_read(fn, regs + 4 * i, 4);
		host_cfg_write(fn, regs + 4 * i, 4, old);
		low_bits = (mask & 1) != 0 ? mask & 3 : mask & 0xf;
		if (mask == 0 || mask == UINT32_MAX)
			continue;
		bars[i].bits = low_bits;
		mask &= ~(uint64_t)((low_bits & 1) != 0 ? 3 : 0xf);
		if ((low_bits & 7) == 4 && i < 5) {
			const uint32_t old_high = host_cfg_read(fn, regs + 4 * i + 4, 4);

			host_cfg_write(fn, regs + 4 * i + 4, 4, UINT32_MAX);
			mask |= (uint64_t)host_cfg_read(fn, regs + 4 * i + 4, 4) << 32;
			host_cfg_write(fn, regs + 4 * i + 4, 4, old_high);
			bars[i].size = ~mask + 1;
			bars[i + 1].upper = true;
			i++;
		} else {
			bars[i].size = (uint32_t)(~mask + 1);
		}
	}
}

static void
place_bars(struct host *host, struct host_fn *fn)
{
	uint16_t command = PCI_COMMAND_MEM_SPACE;

	host_cfg_write(fn, PCI_CFG_COMMAND, 2, 0);
	size_bars(fn, PCI_CFG_BAR0, fn->bars);
	for (unsigned int i = 0; i < 6; i++) {
		struct host_bar *bar = &fn->bars[i];

		if (bar->size == 0)
			continue;
		if ((bar->bits & PCI_BAR_IO) != 0)
			command |= PCI_COMMAND_IO_SPACE;
		bar->start = (bar->bits & PCI_BAR_IO) != 0 ?
				take_ports(host, bar->size) :
				take_addresses(host, bar->size, bar->size);
	}
	write_bar(fn, PCI_CFG_BAR0, fn->bars);
	host_cfg_write(fn, PCI_CFG_COMMAND, 2, command);
}

/* The BARs of a VF follow from the SR-IOV capability of its PF (9.3.3.14). */
static void
place_vf_bars(struct host *host, struct host_fn *fn)
{
	for (unsigned int i = 0; i < 6; i++) {
		const struct host_bar *all = &fn->pf->vf_bars[i];

		fn->bars[i] = *all;
		if (all->size != 0)
			fn->bars[i].start = all->start + (fn->vf_index - 1) * all->size;
		else if (fn->regions[i].size != 0)
			fn->bars[i] = (struct host_bar){ .bits = 0xc,
				.size = fn->regions[i].size,
				.start = take_addresses(host, fn->regions[i].size,
						fn->regions[i].size) };
	}
}

static void
read_sriov(struct host *host, struct host_fn *fn)
{
	const unsigned int cap = fn->sriov_cap;

	fn->sriov_totalvfs = host_cfg_read(fn, cap + SRIOV_FIELD(total_vfs), 2);
	fn->sriov_offset = host_cfg_read(fn, cap + SRIOV_FIELD(first_vf_offset), 2);
	fn->sriov_stride = host_cfg_read(fn, cap + SRIOV_FIELD(vf_stride), 2);
	fn->sriov_vf_device = host_cfg_read(fn, cap + SRIOV_FIELD(vf_device_id), 2);
	/* VFs that an earlier user enabled are not on this bus: disable them. */
	host_cfg_write(fn, cap + SRIOV_FIELD(control), 2, 0);
	size_bars(fn, cap + SRIOV_FIELD(vf_bar), fn->vf_bars);
	for (unsigned int i = 0; i < 6; i++)
		if (fn->vf_bars[i].size != 0)
			fn->vf_bars[i].start = take_addresses(host, fn->vf_bars[i].size,
					fn->vf_bars[i].size * fn->sriov_totalvfs);
	write_bar(fn, cap + SRIOV_FIELD(vf_bar), fn->vf_bars);
}

int
host_pci_setup(struct host *host, struct host_fn *fn)
{
	if (fn->regions[VFIO_PCI_CONFIG_REGION_INDEX].size < PCI_CFG_SIZE) {
		host_log(fn->bdf, "no PCI configuration space");
		return -ENOTSUP;
	}
	find_capabilities(fn);
	if (fn->msix_cap != 0) {
		const uint32_t table = host_cfg_read(fn, fn->msix_cap + PCI_MSIX_TABLE, 4);

		fn->msix_bar = table & 7;
		fn->msix_table = table & ~7u;
	}
	if (fn->pf != NULL) {
		fn->sriov_cap = 0; /* PCIe 9.3.1: a VF has no SR-IOV capability. */
		place_vf_bars(host, fn);
		return 0;
	}
	place_bars(host, fn);
	if (fn->sriov_cap != 0)
		read_sriov(host, fn);
	return 0;
}

/* ---------------------------------------------------------------- SR-IOV */

void
host_pci_sriov_registers(struct host_fn *pf, uint16_t num_vfs)
{
	if (pf->sriov_cap == 0)
		return;
	/* NumVFs can be written only while VF Enable is 0 (9.3.3.7). */
	host_cfg_write(pf, pf->sriov_cap + offsetof(struct pci_sriov_cap, control), 2, 0);
	host_cfg_write(pf, pf->sriov_cap + offsetof(struct pci_sriov_cap, num_vfs), 2, num_vfs);
	if (num_vfs != 0)
		host_cfg_write(pf, pf->sriov_cap + offsetof(struct pci_sriov_cap, control), 2,
				PCI_SRIOV_CTRL_VF_ENABLE | PCI_SRIOV_CTRL_VF_MSE |
						PCI_SRIOV_CTRL_ARI);
}

/* ---------------------------------------------------------------- reset */

static bool
can_reset(struct host_fn *fn)
{
	return (fn->flags & VFIO_DEVICE_FLAGS_RESET) != 0 ||
			(fn->express_cap != 0 &&
					(host_cfg_read(fn, fn->express_cap + EXPRESS_DEVCAP, 4) &
							EXPRESS_DEVCAP_FLR) != 0);
}

int
host_pci_reset(struct host *host, struct host_fn *fn)
{
	const uint16_t command = host_cfg_read(fn, PCI_CFG_COMMAND, 2);
	int ret;

	if (!can_reset(fn))
		return -ENOTTY;
	ret = host_fn_reset(fn);
	if (ret != 0)
		return ret;
	if (fn->pf == NULL)
		write_bar(fn, PCI_CFG_BAR0, fn->bars);
	if (fn->sriov_cap != 0) {
		write_bar(fn, fn->sriov_cap + SRIOV_FIELD(vf_bar), fn->vf_bars);
		/* The FLR of the PF cleared VF Enable (9.3.3.3.1), which removed the VFs with their
		 * state. Bring them back; the DMA maps of their containers are still valid. */
		if (fn->sriov_numvfs != 0)
			host_pci_sriov_registers(fn, fn->sriov_numvfs);
		for (struct host_fn *vf = NULL; (vf = host_next_vf(host, fn, vf)) != NULL;)
			if (vf->container != NULL)
				host_iommu_attach(vf->container, vf);
	}
	host_cfg_write(fn, PCI_CFG_COMMAND, 2, command);
	host_irq_msix_program(fn);
	return 0;
}
