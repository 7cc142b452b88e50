/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_IRQ_H
#define VSR_SIM_HOST_IRQ_H

/**
 * @file
 * Interrupts of a function: VFIO_DEVICE_SET_IRQS and the MSI-X table.
 */

#include "host_bus.h"

/** Number of interrupts at a VFIO index. */
uint32_t host_irq_count(const struct host_fn *fn, uint32_t index);
/**
 * VFIO_DEVICE_SET_IRQS.
 * @param data  struct vfio_irq_set, then its flags, or for event descriptors indices into fds
 *              (int32_t each, -1: none).
 * @param fds   Borrowed.
 */
int host_irq_set(struct host_fn *fn, const uint8_t *data, size_t len, const int *fds,
		unsigned int nb_fds);
/** Signal an event descriptor of a program; never blocks. */
int host_irq_signal(int fd);
/** Disable all interrupts and close their event descriptors. */
void host_irq_disable_all(struct host_fn *fn);
/** Write the MSI-X table and the enable bit for nb_vectors, as a kernel does. */
void host_irq_msix_program(struct host_fn *fn);

#endif /* VSR_SIM_HOST_IRQ_H */
