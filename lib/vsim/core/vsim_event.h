/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_EVENT_H
#define VSIM_EVENT_H

/**
 * @file
 * What the device says by itself: rules that the driver broke, NEEDS_RESET, configuration changes.
 */

#include "vsim/core/vsim_fn.h"

/** The driver broke a rule: count the violation. */
void vsim_fn_violation(struct vsim_fn *fn, enum virtio_rule rule);
/** An error that needs a reset: set NEEDS_RESET and notify. From the function's worker or under
 * the lock. The queues stay allocated until the reset (the caller may be in the middle of one);
 * a worker leaves a function alone whose status has NEEDS_RESET. */
void vsim_fn_broken(struct vsim_fn *fn);
/** Device configuration changed: tell the driver; while stopped, later. */
void vsim_notify_config(struct vsim_fn *fn);
/** Device configuration changed: count generations and tell the driver. From the function's
 * worker or under the lock. */
void vsim_fn_config_changed(struct vsim_fn *fn);

/** A slow reset of the function is still going on. */
bool vsim_fn_resetting(const struct vsim_fn *fn);
/** Vector of an event as the driver writes it; *unread: it owes a read of it. @return the value
 * that sticks. */
uint16_t vsim_vector_written(struct vsim_fn *fn, uint16_t value, bool *unread);

#endif /* VSIM_EVENT_H */
