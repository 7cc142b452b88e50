/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_STATUS_H
#define VSIM_STATUS_H

/**
 * @file
 * Status register, negotiation, reset and stop of the virtio device. Under the lock.
 */

#include "vsim/core/vsim_fn.h"

/** The driver wrote device_status. */
void vsim_status_write(struct vsim_fn *fn, uint8_t value);
/** The device lives: start all queues that are enabled. */
void vsim_fn_driver_ok(struct vsim_fn *fn);
/** By DEV_MODE_SET. */
void vsim_fn_stop(struct vsim_fn *fn, bool stopped);
/** Reset of the virtio device: all but PCI. Queues are gone when it returns. */
void vsim_fn_virtio_reset(struct vsim_fn *fn);
/** Queue qi back to its values after reset; not running any more. */
void vsim_queue_cfg_reset(struct vsim_fn *fn, uint16_t qi);
/** Device configuration as it is after reset: permanent MAC, link, limits. */
void vsim_net_config_reset(struct vsim_fn *fn);

#endif /* VSIM_STATUS_H */
