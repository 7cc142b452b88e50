/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_EVENT_H
#define VSIM_EVENT_H

/**
 * @file
 * Events that a function reports: violations, NEEDS_RESET, changes of its configuration.
 */

#include "vsim/core/vsim_fn.h"

/** The driver broke a rule: count the violation. */
void vsim_fn_violation(struct vsim_fn *fn, enum virtio_rule rule);
/** An error that needs a reset: set NEEDS_RESET and raise the configuration interrupt. In the
 * worker of the function or under the lock. The queues stay allocated until the reset, because
 * the caller may still use one; workers skip a function with NEEDS_RESET. */
void vsim_fn_broken(struct vsim_fn *fn);
/** Raise the configuration interrupt; if the function is stopped, when it runs again. */
void vsim_notify_config(struct vsim_fn *fn);
/** Device configuration changed: a new config_generation, and the configuration interrupt. In the
 * worker of the function or under the lock. */
void vsim_fn_config_changed(struct vsim_fn *fn);

/** A slow reset of the function is still going on. */
bool vsim_fn_resetting(const struct vsim_fn *fn);

#endif /* VSIM_EVENT_H */
