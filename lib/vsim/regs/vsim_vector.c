/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The registers that map an event to an MSI-X vector. */

#include "virtio_spec/pci.h"
#include "vsim/core/vsim_event.h"
#include "vsim/regs/vsim_vector.h"

/* The driver writes the vector of an event. *unread: the driver has to read the register back.
 * @return the value that the register takes. */
static uint16_t
vector_written(struct vsim_fn *fn, uint16_t value, bool *unread)
{
	if (*unread)
		vsim_fn_violation(fn, VIRTIO_RULE_VECTOR_READ_BACK);
	*unread = value != VIRTIO_MSI_NO_VECTOR;
	if (value == VIRTIO_MSI_NO_VECTOR || value < fn->nic->nb_vectors)
		return value;
	vsim_fn_violation(fn, VIRTIO_RULE_VECTOR_RANGE);
	return VIRTIO_MSI_NO_VECTOR;
}

uint16_t
vsim_config_vector_read(struct vsim_fn *fn)
{
	fn->config_vector_unread = false;
	return fn->config_vector;
}

void
vsim_config_vector_write(struct vsim_fn *fn, uint16_t value)
{
	fn->config_vector = vector_written(fn, value, &fn->config_vector_unread);
}

uint16_t
vsim_queue_vector_read(struct vsim_queue_cfg *cfg)
{
	if (cfg == NULL)
		return VIRTIO_MSI_NO_VECTOR;
	cfg->vector_unread = false;
	return cfg->vector;
}

void
vsim_queue_vector_write(struct vsim_fn *fn, struct vsim_queue_cfg *cfg, uint16_t value)
{
	cfg->vector = vector_written(fn, value, &cfg->vector_unread);
}
