/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_IRQ_H
#define VSR_SIM_HOST_IRQ_H

/**
 * @file
 * Interrupts of a function.
 */

#include "host_bus.h"

/** Number of interrupts at a VFIO index. */
uint32_t host_irq_count(const struct host_fn *fn, uint32_t index);
/** VFIO_DEVICE_SET_IRQS. fds: of the message, borrowed; data names them by number, -1: none. */
int host_irq_set(struct host_fn *fn, const uint8_t *data, size_t len, const int *fds,
		unsigned int nb_fds);
/** Raise an event descriptor of a program; never blocks. */
int host_signal(int fd);
/** Disconnect all interrupts and their descriptors. */
void host_device_irqs_off(struct host_fn *fn);
/** MSI-X table and enable bit, as the system programs them for nb_vectors. */
void host_device_msix_program(struct host_fn *fn);

#endif /* VSR_SIM_HOST_IRQ_H */
