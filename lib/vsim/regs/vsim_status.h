/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_STATUS_H
#define VSIM_STATUS_H

/**
 * @file
 * Status register, negotiation, reset and stop of the virtio device; the check of a vector. Call
 * these functions with the lock held.
 */

#include "vsim/core/vsim_fn.h"

/** The driver wrote device_status. */
void vsim_status_write(struct vsim_fn *fn, uint8_t value);
/** Set DRIVER_OK and activate all enabled queues. */
void vsim_fn_driver_ok(struct vsim_fn *fn);
/** DEV_MODE_SET: stop the function, or let it run again. */
void vsim_fn_stop(struct vsim_fn *fn, bool stopped);
/** Reset the virtio device, not the PCI registers. No queue runs when the call returns. */
void vsim_fn_virtio_reset(struct vsim_fn *fn);
/** Reset the registers of queue qi, which must not run. */
void vsim_queue_cfg_reset(struct vsim_fn *fn, uint16_t qi);
/** Reset the device configuration: permanent MAC address, link, limits. */
void vsim_net_config_reset(struct vsim_fn *fn);

#endif /* VSIM_STATUS_H */
