/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Interrupts of a function: vectors connected to eventfds, masks and pending bits of MSI-X. virtio
 * 1.4 4.1.5.
 */

#include <poll.h>
#include <unistd.h>

#include "vsim/core/vsim_irq.h"

bool
vsim_msix_masked(const struct vsim_fn *fn, uint16_t vector)
{
	const uint8_t *ctrl = &fn->config[fn->nic->layout[fn->index > 0].msix + PCI_MSIX_CTRL];

	if ((ctrl[0] | ctrl[1] << 8) & PCI_MSIX_CTRL_FUNCTION_MASK)
		return true;
	return fn->msix_table[vector * PCI_MSIX_ENTRY_LEN + PCI_MSIX_ENTRY_CTRL] &
			PCI_MSIX_ENTRY_MASKED;
}

static void
signal_fd(int fd)
{
	struct pollfd full = { .fd = fd, .events = POLLOUT };
	const uint64_t one = 1;

	/* A write to an eventfd at its limit would block, and the eventfd is readable anyway.
	 * Its flags belong to the driver, so it cannot be made non-blocking. */
	if (poll(&full, 1, 0) != 1 || !(full.revents & POLLOUT))
		return;
	if (write(fd, &one, sizeof(one)) < 0)
		return; /* No remedy: the driver polls or misses the interrupt. */
}

void
vsim_irq_raise(struct vsim_fn *fn, uint16_t vector)
{
	if (vector >= fn->nic->nb_vectors)
		return;
	if (vsim_msix_masked(fn, vector)) {
		fn->msix_pba[vector / 8] |= 1u << vector % 8;
		return;
	}
	if (fn->irq_fd[vector] >= 0)
		signal_fd(fn->irq_fd[vector]);
}

void
vsim_irq_queue(struct vsim_fn *fn, uint16_t qi)
{
	vsim_count(&fn->counters->queue[qi].interrupts, 1);
	if (!vsim_msix_on(fn)) {
		fn->isr |= VIRTIO_PCI_ISR_QUEUE; /* 4.1.4.5.1 */
		return;
	}
	vsim_irq_raise(fn, fn->queue_cfg[qi].vector);
}

void
vsim_msix_connect(struct vsim_fn *fn, uint16_t vector, bool connected)
{
	fn->msix_table[vector * PCI_MSIX_ENTRY_LEN + PCI_MSIX_ENTRY_CTRL] = connected ?
			0 :
			PCI_MSIX_ENTRY_MASKED;
	if (!connected)
		fn->msix_pba[vector / 8] &= ~(1u << vector % 8);
}

void
vsim_msix_flush(struct vsim_fn *fn)
{
	for (uint16_t v = 0; v < fn->nic->nb_vectors; v++) {
		if (!(fn->msix_pba[v / 8] & (1u << v % 8)) || vsim_msix_masked(fn, v))
			continue;
		fn->msix_pba[v / 8] &= ~(1u << v % 8);
		vsim_irq_raise(fn, v);
	}
}
