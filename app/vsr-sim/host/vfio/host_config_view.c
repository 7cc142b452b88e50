/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Configuration space as vfio-pci shows it to a program, as in Linux' vfio_pci_config.c.
 *
 * The host emulates the registers that belong to the kernel (BARs, MSI-X enable, SR-IOV, ids of a
 * VF) and passes all other accesses on to the function.
 */

#include <errno.h>
#include <linux/vfio.h>
#include <string.h>

#include "../core/host_cfg.h"
#include "../function/host_pci.h"
#include "host_config_view.h"

#define REGION VFIO_PCI_CONFIG_REGION_INDEX
#define CFG_ROM 0x30
#define CFG_INTERRUPT_LINE 0x3c
#define CFG_HEADER_END 0x40
#define EXPRESS_DEVCTL 8
#define EXPRESS_DEVCTL_FLR 0x8000

/* Bits of the command register that a program may change. */
#define COMMAND_WRITABLE                                                         \
	(PCI_COMMAND_IO_SPACE | PCI_COMMAND_MEM_SPACE | PCI_COMMAND_BUS_MASTER | \
			PCI_COMMAND_INTX_OFF)

void
host_config_view_init(struct host_fn *fn)
{
	memset(fn->bar_regs, 0, sizeof(fn->bar_regs));
	for (unsigned int i = 0; i < 6; i++) {
		const struct host_bar *bar = &fn->bars[i];

		if (bar->upper && i > 0)
			fn->bar_regs[i] = fn->bars[i - 1].start >> 32;
		else if (bar->size != 0)
			fn->bar_regs[i] = (uint32_t)bar->start;
	}
	fn->vf_memory = true;
	fn->irq_line = 0;
}

/* The value of a BAR register: the written value, in the bits that its size makes writable. */
static uint32_t
bar_read(const struct host_fn *fn, unsigned int i)
{
	const struct host_bar *bar = &fn->bars[i];

	if (bar->upper && i > 0)
		return fn->bar_regs[i] & (uint32_t)(~(fn->bars[i - 1].size - 1) >> 32);
	if (bar->size == 0)
		return 0;
	return (fn->bar_regs[i] & (uint32_t) ~(bar->size - 1) & ~0xfu) | bar->bits;
}

/* One dword of the header: raw is the value of the function. */
static uint32_t
header_dword(const struct host_fn *fn, unsigned int offset, uint32_t raw)
{
	if (offset == PCI_CFG_VENDOR_ID && fn->pf != NULL)
		return fn->ids.vendor | (uint32_t)fn->ids.device << 16;
	if (offset == PCI_CFG_COMMAND && fn->pf != NULL)
		return (raw & ~(uint32_t)PCI_COMMAND_MEM_SPACE) |
				(fn->vf_memory ? PCI_COMMAND_MEM_SPACE : 0);
	if (offset >= PCI_CFG_BAR0 && offset < PCI_CFG_BAR0 + 24)
		return bar_read(fn, (offset - PCI_CFG_BAR0) / 4);
	if (offset == CFG_ROM)
		return 0;
	if (offset == CFG_INTERRUPT_LINE) {
		raw = (raw & ~UINT32_C(0xff)) | fn->irq_line;
		if (fn->irqs[VFIO_PCI_INTX_IRQ_INDEX].count == 0 || fn->pf != NULL)
			raw &= ~UINT32_C(0xff00);
	}
	return raw;
}

/* Width of one access of a processor. */
static size_t
chunk(uint64_t offset, size_t len)
{
	if (len >= 4 && (offset & 3) == 0)
		return 4;
	return len >= 2 && (offset & 1) == 0 ? 2 : 1;
}

int
host_config_view_read(struct host_fn *fn, uint64_t offset, uint8_t *data, size_t len)
{
	for (size_t done = 0, width; done < len; done += width) {
		const uint64_t at = offset + done;

		width = chunk(at, len - done);
		if (at < CFG_HEADER_END) {
			const uint32_t dword = header_dword(fn, at & ~3u,
					host_cfg_read(fn, at & ~3u, 4));

			for (size_t b = 0; b < width; b++)
				data[done + b] = dword >> (8 * ((at & 3) + b));
		} else {
			/* Keep the width: a read of a window into a BAR has side effects. */
			const uint32_t value = host_cfg_read(fn, at, width);

			for (size_t b = 0; b < width; b++)
				data[done + b] = value >> (8 * b);
		}
	}
	return len;
}

static void
command_write(struct host_fn *fn, uint64_t at, size_t width, uint32_t value)
{
	const unsigned int shift = 8 * (at - PCI_CFG_COMMAND);
	const uint32_t field = (width >= 2 ? 0xffff : 0xff) << shift;
	uint16_t command = host_cfg_read(fn, PCI_CFG_COMMAND, 2);

	value = (value << shift) & field & COMMAND_WRITABLE;
	command = (command & ~(field & COMMAND_WRITABLE)) | value;
	if (fn->pf != NULL) {
		if ((field & PCI_COMMAND_MEM_SPACE) != 0)
			fn->vf_memory = (value & PCI_COMMAND_MEM_SPACE) != 0;
		/* PCIe 9.3.4.1.3: VF MSE of the PF replaces this bit, which reads 0. */
		command &= ~PCI_COMMAND_MEM_SPACE;
	}
	host_cfg_write(fn, PCI_CFG_COMMAND, 2, command);
}

static int
header_write(struct host_fn *fn, uint64_t at, size_t width, uint32_t value)
{
	if (at == PCI_CFG_COMMAND || at == PCI_CFG_COMMAND + 1) {
		command_write(fn, at, width, value);
	} else if (at >= PCI_CFG_BAR0 && at < PCI_CFG_BAR0 + 24) {
		uint32_t *reg = &fn->bar_regs[(at - PCI_CFG_BAR0) / 4];
		const uint32_t mask = (width == 4 ? UINT32_MAX : (UINT32_C(1) << 8 * width) - 1)
				<< 8 * (at & 3);

		*reg = (*reg & ~mask) | ((value << 8 * (at & 3)) & mask);
	} else if (at == CFG_INTERRUPT_LINE) {
		fn->irq_line = value;
	}
	return 0;
}

static int
chunk_write(struct host *host, struct host_fn *fn, uint64_t at, size_t width, uint32_t value)
{
	uint8_t id, start;
	int ret;

	if (at < CFG_HEADER_END)
		return header_write(fn, at, width, value);
	if (at >= PCI_CFG_SIZE)
		return 0; /* Extended capabilities, above all SR-IOV, belong to the kernel. */
	id = fn->cap_at[at / 4];
	start = fn->cap_start[at / 4];
	if (id == PCI_CAPABILITY_VENDOR)
		host_cfg_write(fn, at, width, value);
	if (id == PCI_CAPABILITY_EXPRESS && at <= start + EXPRESS_DEVCTL + 1u &&
			at + width > start + EXPRESS_DEVCTL + 1u &&
			(value << 8 * (at - (start + EXPRESS_DEVCTL)) & EXPRESS_DEVCTL_FLR) != 0) {
		/* The program requests a function level reset: the host executes it. */
		ret = host_pci_reset(host, fn);
		return ret == -ENOTTY ? 0 : ret;
	}
	return 0;
}

int
host_config_view_write(struct host *host, struct host_fn *fn, uint64_t offset, const uint8_t *data,
		size_t len)
{
	for (size_t done = 0, width; done < len; done += width) {
		uint32_t value = 0;
		int ret;

		width = chunk(offset + done, len - done);
		for (size_t b = 0; b < width; b++)
			value |= (uint32_t)data[done + b] << (8 * b);
		ret = chunk_write(host, fn, offset + done, width, value);
		if (ret != 0)
			return done != 0 ? (int)done : ret;
	}
	return len;
}
