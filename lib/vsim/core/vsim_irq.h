/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_IRQ_H
#define VSIM_IRQ_H

/**
 * @file
 * Interrupts of a function: MSI-X vectors and the ISR register. Call these functions in the worker
 * of the function or with the lock held.
 */

#include "vsim/core/vsim_fn.h"

/** The vector is masked, in its table entry or by the function mask. A vector starts masked;
 * vsim_msix_connect() changes the bit as the MSI-X code of an operating system does through the
 * table. */
bool vsim_msix_masked(const struct vsim_fn *fn, uint16_t vector);
/** An eventfd was connected to the vector, or disconnected. */
void vsim_msix_connect(struct vsim_fn *fn, uint16_t vector, bool connected);
/** The function or a vector may have been unmasked: raise the pending interrupts. */
void vsim_msix_flush(struct vsim_fn *fn);

/** Raise the interrupt of a vector (VIRTIO_MSI_NO_VECTOR: none); if the vector is masked, the
 * interrupt stays pending (msix_pba). */
void vsim_irq_raise(struct vsim_fn *fn, uint16_t vector);
/** Raise the interrupt of a queue, when the driver asked for one (irq_needed). */
void vsim_irq_queue(struct vsim_fn *fn, uint16_t qi);

/** MSI-X is in use: enabled by its register, or, as under VFIO, by a connected vector. */
VSIM_INLINE bool
vsim_msix_on(const struct vsim_fn *fn)
{
	const uint8_t *ctrl = &fn->config[fn->nic->layout[fn->index > 0].msix + PCI_MSIX_CTRL];

	return fn->nb_irq_fds > 0 || (ctrl[1] << 8 & PCI_MSIX_CTRL_ENABLE);
}

/** The queue cannot interrupt: MSI-X is on and the queue has no vector (virtio 1.4 4.1.5.1.2). */
VSIM_INLINE bool
vsim_irq_no_vector(const struct vsim_fn *fn, uint16_t qi)
{
	return fn->queue_cfg[qi].vector == VIRTIO_MSI_NO_VECTOR && vsim_msix_on(fn);
}

#endif /* VSIM_IRQ_H */
