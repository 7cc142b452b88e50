/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Accesses to the PCI configuration space of PF and VFs: a byte image, a mask of writable bits,
 * and the writes with an effect: MSI-X control, function level reset, the PCI_CFG window, and
 * SR-IOV. BAR sizing needs only the mask. PCI Express Base Specification 7.5 and 9.3, virtio 1.4
 * 4.1.4.
 */

#include <errno.h>
#include <string.h>

#include "vsim/nic/vsim_config.h"
#include "vsim/core/vsim_irq.h"
#include "vsim/core/vsim_event.h"
#include "vsim/nic/vsim_fns.h"
#include "vsim/regs/vsim_bar.h"
#include "vsim/regs/vsim_config_layout.h"

/* ---------------------------------------------------------------- PCI_CFG window */

/* The access that the window describes. @return its length; 0: no access. */
static size_t
window_access(struct vsim_fn *fn, uint64_t *offset)
{
	const uint8_t *w = &fn->config[vsim_fn_layout(fn)->window];
	uint8_t bar = w[offsetof(struct virtio_pci_cap, bar)];
	uint32_t off = vsim_cfg_get32(&w[offsetof(struct virtio_pci_cap, offset)]);
	uint32_t len = vsim_cfg_get32(&w[offsetof(struct virtio_pci_cap, length)]);
	const struct {
		uint32_t start;
		uint64_t len;
	} ranges[] = {
		{ VSIM_REG_COMMON, sizeof(struct virtio_pci_common_cfg) },
		{ VSIM_REG_ISR, 1 },
		{ VSIM_REG_DEVICE, sizeof(struct virtio_net_config) },
		{ VSIM_BAR_DOORBELLS, fn->mem_size },
	};

	/* The window was not set up: a program reads all of configuration space, which is
	 * allowed. */
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
	vsim_fn_violation(fn, VIRTIO_RULE_PCI_CFG_RANGE);
	return 0;
}

static void
window_read(struct vsim_fn *fn)
{
	uint8_t *data = &fn->config[vsim_fn_layout(fn)->window + sizeof(struct virtio_pci_cap)];
	uint64_t offset;
	size_t len = window_access(fn, &offset);

	memset(data, 0, 4);
	if (len != 0)
		vsim_bar_read(fn, offset, data, len);
}

static void
window_write(struct vsim_fn *fn)
{
	uint8_t *data = &fn->config[vsim_fn_layout(fn)->window + sizeof(struct virtio_pci_cap)];
	uint64_t offset;
	size_t len = window_access(fn, &offset);

	if (len != 0)
		vsim_bar_write(fn, offset, data, len);
}

/* ---------------------------------------------------------------- SR-IOV */

static void
sriov_control_written(struct vsim_fn *fn, uint16_t old)
{
	uint8_t *cap = &fn->config[vsim_fn_layout(fn)->sriov];
	uint8_t *control = &cap[offsetof(struct pci_sriov_cap, control)];
	bool enable = vsim_cfg_get16(control) & PCI_SRIOV_CTRL_VF_ENABLE;
	uint16_t num_vfs = vsim_cfg_get16(&cap[offsetof(struct pci_sriov_cap, num_vfs)]);

	if (enable == !!(old & PCI_SRIOV_CTRL_VF_ENABLE))
		return;
	if (!enable) {
		vsim_nic_vfs_set(fn->nic, 0);
		return;
	}
	if (!fn->sriov_permitted)
		vsim_fn_violation(fn, VIRTIO_RULE_VF_ENABLE_EARLY);
	if (vsim_nic_vfs_set(fn->nic, num_vfs) < 0)
		vsim_cfg_put16(control, vsim_cfg_get16(control) & ~PCI_SRIOV_CTRL_VF_ENABLE);
}

/* PCI Express 9.3.3.7: not while VF Enable is set, and not beyond TotalVFs. */
static void
sriov_num_vfs_written(struct vsim_fn *fn, uint16_t old)
{
	uint8_t *cap = &fn->config[vsim_fn_layout(fn)->sriov];
	uint8_t *num_vfs = &cap[offsetof(struct pci_sriov_cap, num_vfs)];

	if ((vsim_cfg_get16(&cap[offsetof(struct pci_sriov_cap, control)]) &
			    PCI_SRIOV_CTRL_VF_ENABLE) ||
			vsim_cfg_get16(num_vfs) > fn->nic->conf.total_vfs)
		vsim_cfg_put16(num_vfs, old);
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
	uint64_t window_data = vsim_fn_layout(fn)->window + sizeof(struct virtio_pci_cap);

	if (offset >= PCI_CFG_EXT_SIZE || len > PCI_CFG_EXT_SIZE - offset)
		return -EINVAL;
	if (overlaps(offset, len, window_data, 4))
		window_read(fn);
	memcpy(data, &fn->config[offset], len);
	return 0;
}

/* Write the bytes from..to of one aligned dword. */
static void
dword_write(struct vsim_fn *fn, uint16_t at, unsigned int from, unsigned int to,
		const uint8_t *data)
{
	const struct vsim_cfg_layout *l = vsim_fn_layout(fn);
	uint32_t old = vsim_cfg_get32(&fn->config[at]);
	unsigned int device_control = l->express + VSIM_EXPRESS_DEVCTL;
	bool any = false, flr = false;

	for (unsigned int i = from; i < to; i++) {
		uint8_t mask = l->writable[at + i], value = data[i - from];

		any = any || mask != 0;
		fn->config[at + i] = (fn->config[at + i] & ~mask) | (value & mask);
		/* Initiate Function Level Reset reads 0, so the mask does not contain it. */
		if (at + i == device_control + 1)
			flr = value & (VSIM_EXPRESS_DEVCTL_FLR >> 8);
	}
	if (!any && at >= VSIM_CONFIG_VIRTIO &&
			at < VSIM_CONFIG_WINDOW + sizeof(struct virtio_pci_cfg_cap))
		vsim_fn_violation(fn, VIRTIO_RULE_CAP_READ_ONLY);

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
