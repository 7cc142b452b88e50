/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_IRQ_H
#define VSIM_IRQ_H

/**
 * @file
 * Interrupts of a function: MSI-X vectors and the ISR. From its worker or under the lock.
 */

#include "vsim/core/vsim_fn.h"

/** The driver masked the vector, in its table entry or for the whole function. A vector that was
 * never connected starts masked; vsim_fn_irq_set() clears and sets the bit by
 * vsim_msix_connect(), as the operating system's MSI-X code would through the table. */
bool vsim_msix_masked(const struct vsim_fn *fn, uint16_t vector);
/** An eventfd was connected to the vector, or taken away. */
void vsim_msix_connect(struct vsim_fn *fn, uint16_t vector, bool connected);
/** The function mask went, or an entry was unmasked: send what is pending. */
void vsim_msix_flush(struct vsim_fn *fn);

/** Signal a vector (VIRTIO_MSI_NO_VECTOR: nothing); masked ones stay pending (msix_pba). */
void vsim_irq_raise(struct vsim_fn *fn, uint16_t vector);
/** The driver wants to know of used buffers of a queue (call_needed said so). */
void vsim_irq_queue(struct vsim_fn *fn, uint16_t qi);

/** MSI-X is in use: enabled by register, or, as under VFIO, by connecting a vector. */
VSIM_INLINE bool
vsim_msix_on(const struct vsim_fn *fn)
{
	const uint8_t *ctrl = &fn->config[fn->nic->layout[fn->index > 0].msix + PCI_MSIX_CTRL];

	return fn->nb_irq_fds > 0 || (ctrl[1] << 8 & PCI_MSIX_CTRL_ENABLE);
}

/** Nobody could be told: no vector while MSI-X is on (virtio 1.4 4.1.5.1.2). */
VSIM_INLINE bool
vsim_irq_no_vector(const struct vsim_fn *fn, uint16_t qi)
{
	return fn->queue_cfg[qi].vector == VIRTIO_MSI_NO_VECTOR && vsim_msix_on(fn);
}

#endif /* VSIM_IRQ_H */
