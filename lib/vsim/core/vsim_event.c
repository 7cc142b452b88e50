/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Events that a function reports: violations, NEEDS_RESET, changes of its configuration. virtio
 * 1.4 2.1.1, 2.5, 4.1.5.
 */

#include "vsim/core/vsim_event.h"
#include "vsim/core/vsim_clock.h"
#include "vsim/core/vsim_irq.h"

void
vsim_fn_violation(struct vsim_fn *fn, enum virtio_rule rule)
{
	vsim_fn_count(&fn->counters->violations[rule]);
}

void
vsim_notify_config(struct vsim_fn *fn)
{
	/* virtio 1.4 3.1.1: no notification before DRIVER_OK. */
	if (!(fn->status & VIRTIO_STATUS_DRIVER_OK))
		return;
	/* virtio 1.4 2.12.1.4: a stopped device raises no interrupt until it runs again. */
	fn->config_pending = fn->stopped;
	if (fn->stopped)
		return;
	/* virtio 1.4 4.1.4.5.1: the ISR bit is set before the notification, MSI-X or not. */
	fn->isr |= VIRTIO_PCI_ISR_CONFIG;
	vsim_fn_count(&fn->counters->config_interrupts);
	vsim_irq_raise(fn, fn->config_vector);
}

void
vsim_fn_broken(struct vsim_fn *fn)
{
	if (fn->status & VIRTIO_STATUS_NEEDS_RESET)
		return;
	fn->status |= VIRTIO_STATUS_NEEDS_RESET;
	vsim_notify_config(fn);
}

void
vsim_fn_config_changed(struct vsim_fn *fn)
{
	fn->config_stale = true;
	vsim_notify_config(fn);
}

bool
vsim_fn_resetting(const struct vsim_fn *fn)
{
	return fn->reset_end != 0 && (int64_t)(vsim_clock() - fn->reset_end) < 0;
}
