/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_VECTOR_H
#define VSIM_VECTOR_H

/**
 * @file
 * The registers that map an event to an MSI-X vector, the same for modern and legacy drivers.
 *
 * Call these functions with the lock held. @spec virtio 1.4 4.1.5.1.2 MSI-X Vector Configuration
 */

#include "vsim/core/vsim_fn.h"

/** Read the vector of configuration changes. */
uint16_t vsim_config_vector_read(struct vsim_fn *fn);
/** Write the vector of configuration changes. A vector beyond the table becomes "no vector". */
void vsim_config_vector_write(struct vsim_fn *fn, uint16_t value);
/** Read the vector of a queue. @param cfg  NULL: there is no such queue. */
uint16_t vsim_queue_vector_read(struct vsim_queue_cfg *cfg);
/** Write the vector of a queue, as vsim_config_vector_write(). */
void vsim_queue_vector_write(struct vsim_fn *fn, struct vsim_queue_cfg *cfg, uint16_t value);

#endif /* VSIM_VECTOR_H */
