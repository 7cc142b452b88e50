/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The common configuration structure as a table: one row per register, with its read and write
 * functions. virtio 1.4 4.1.4.3.
 */

#include "vsim/regs/vsim_regs.h"
#include "vsim/core/vsim_event.h"
#include "vsim/regs/vsim_status.h"
#include "vsim/regs/vsim_vector.h"
#include "vsim/ring/vsim_queue.h"

/* @return the queue of queue_select, or NULL. */
static struct vsim_queue_cfg *
selected(struct vsim_fn *fn)
{
	uint16_t qi = fn->queue_select, admin = vsim_fn_admin_index(fn);

	if (qi < vsim_fn_nb_queues(fn) || (qi >= admin && qi - admin < vsim_fn_nb_admin_queues(fn)))
		return &fn->queue_cfg[qi];
	return NULL;
}

/* As selected(), before a write to a field of the queue: fields are written after FEATURES_OK
 * and before queue_enable. */
static struct vsim_queue_cfg *
selected_for_setup(struct vsim_fn *fn)
{
	struct vsim_queue_cfg *cfg = selected(fn);

	if (!(fn->status & VIRTIO_STATUS_FEATURES_OK))
		vsim_fn_violation(fn, VIRTIO_RULE_INIT_ORDER);
	if (cfg != NULL && cfg->enabled)
		vsim_fn_violation(fn, VIRTIO_RULE_ENABLE_LAST);
	return cfg;
}

/* ---------------------------------------------------------------- features and status */

static uint32_t
features_window(const struct vsim_features *f, uint32_t select)
{
	if (select >= VIRTIO_FEATURE_BITS / 32)
		return 0;
	return (uint32_t)(f->w[select / 2] >> (select % 2 * 32));
}

static uint32_t
device_feature_select_read(struct vsim_fn *fn)
{
	return fn->device_feature_select;
}

static void
device_feature_select_write(struct vsim_fn *fn, uint32_t value)
{
	fn->device_feature_select = value;
}

static uint32_t
device_feature_read(struct vsim_fn *fn)
{
	struct vsim_features shown = fn->offered;

	if (fn->nic->fault.stray_sr_iov && !vsim_fn_has_sriov(fn))
		vsim_features_put(&shown, VIRTIO_F_SR_IOV, true);
	return features_window(&shown, fn->device_feature_select);
}

static uint32_t
driver_feature_select_read(struct vsim_fn *fn)
{
	return fn->driver_feature_select;
}

static void
driver_feature_select_write(struct vsim_fn *fn, uint32_t value)
{
	fn->driver_feature_select = value;
}

static uint32_t
driver_feature_read(struct vsim_fn *fn)
{
	return features_window(&fn->driver, fn->driver_feature_select);
}

static void
driver_feature_write(struct vsim_fn *fn, uint32_t value)
{
	uint32_t select = fn->driver_feature_select;
	unsigned int shift = select % 2 * 32;

	if (fn->status & VIRTIO_STATUS_FEATURES_OK) {
		/* 3.1.1: no new features; the same ones, or fewer, are not new. */
		if (value & ~features_window(&fn->driver, select))
			vsim_fn_violation(fn, VIRTIO_RULE_INIT_ORDER);
		return;
	}
	if (!(fn->status & VIRTIO_STATUS_DRIVER))
		vsim_fn_violation(fn, VIRTIO_RULE_INIT_ORDER);
	if (select >= VIRTIO_FEATURE_BITS / 32) {
		/* No feature with such a number is offered. */
		if (value != 0)
			vsim_fn_violation(fn, VIRTIO_RULE_ACCEPTED_FEATURES);
		return;
	}
	fn->driver.w[select / 2] &= ~(UINT64_C(0xffffffff) << shift);
	fn->driver.w[select / 2] |= (uint64_t)value << shift;
}

static uint32_t
device_status_read(struct vsim_fn *fn)
{
	fn->status_reread = true;
	/* virtio 1.4 4.1.4.3.1: zero means that the reset is complete. */
	if (vsim_fn_resetting(fn))
		return fn->reset_status;
	fn->reset_unread = false;
	return fn->status;
}

static void
device_status_write(struct vsim_fn *fn, uint32_t value)
{
	vsim_status_write(fn, value);
}

static uint32_t
config_generation_read(struct vsim_fn *fn)
{
	/* The value changes only with a read, so that 256 changes do not look like none. */
	if (fn->config_stale)
		fn->config_generation++;
	fn->config_stale = false;
	return fn->config_generation;
}

/* ---------------------------------------------------------------- vectors */

static uint32_t
config_msix_vector_read(struct vsim_fn *fn)
{
	return vsim_config_vector_read(fn);
}

static void
config_msix_vector_write(struct vsim_fn *fn, uint32_t value)
{
	vsim_config_vector_write(fn, value);
}

static uint32_t
queue_msix_vector_read(struct vsim_fn *fn)
{
	return vsim_queue_vector_read(selected(fn));
}

static void
queue_msix_vector_write(struct vsim_fn *fn, uint32_t value)
{
	struct vsim_queue_cfg *cfg = selected(fn);

	if (cfg == NULL)
		return;
	/* Only mapping is part of the set-up; unmapping is right at any time. */
	if (value != VIRTIO_MSI_NO_VECTOR)
		selected_for_setup(fn);
	vsim_queue_vector_write(fn, cfg, value);
}

/* ---------------------------------------------------------------- queues */

static uint32_t
num_queues_read(struct vsim_fn *fn)
{
	return vsim_fn_queues_offered(fn);
}

static uint32_t
queue_select_read(struct vsim_fn *fn)
{
	return fn->queue_select;
}

static void
queue_select_write(struct vsim_fn *fn, uint32_t value)
{
	fn->queue_select = value;
}

static uint32_t
queue_size_read(struct vsim_fn *fn)
{
	const struct vsim_queue_cfg *cfg = selected(fn);

	return cfg != NULL ? cfg->size : 0;
}

static void
queue_size_write(struct vsim_fn *fn, uint32_t value)
{
	struct vsim_queue_cfg *cfg = selected_for_setup(fn);
	bool packed = vsim_features_has(&fn->accepted, VIRTIO_F_RING_PACKED);

	if (cfg == NULL || cfg->enabled)
		return;
	if (value == 0 || (!packed && (value & (value - 1)) != 0)) {
		vsim_fn_violation(fn, VIRTIO_RULE_QUEUE_SIZE);
		return;
	}
	/* No rule forbids a larger value; the register keeps what the device can do. */
	if (value <= fn->nic->conf.queue_size)
		cfg->size = value;
}

static uint32_t
queue_enable_read(struct vsim_fn *fn)
{
	const struct vsim_queue_cfg *cfg = selected(fn);

	return cfg != NULL && cfg->enabled;
}

static void
queue_enable_write(struct vsim_fn *fn, uint32_t value)
{
	struct vsim_queue_cfg *cfg = selected(fn);

	if (value == 0)
		vsim_fn_violation(fn, VIRTIO_RULE_ENABLE_NOT_ZERO);
	if (value != 1)
		return;
	if (!(fn->status & VIRTIO_STATUS_FEATURES_OK)) {
		/* Ring layout and number of queues are not decided yet, so no queue can run. */
		vsim_fn_violation(fn, VIRTIO_RULE_INIT_ORDER);
		return;
	}
	if (cfg == NULL || cfg->enabled)
		return;
	if (cfg->reset_unread) {
		vsim_fn_violation(fn, VIRTIO_RULE_QUEUE_RESET_WAIT);
		cfg->reset_unread = false;
	}
	cfg->enabled = true;
	if ((fn->status & VIRTIO_STATUS_DRIVER_OK) && vsim_queue_activate(fn, fn->queue_select) < 0)
		vsim_fn_broken(fn);
}

static uint32_t
queue_notify_off_read(struct vsim_fn *fn)
{
	return selected(fn) != NULL ? vsim_queue_notify_off(fn->nic, fn->queue_select) : 0;
}

static uint32_t
queue_notif_config_data_read(struct vsim_fn *fn)
{
	if (selected(fn) == NULL || !vsim_features_has(&fn->offered, VIRTIO_F_NOTIF_CONFIG_DATA))
		return 0;
	return vsim_queue_notif_data(fn->queue_select);
}

static uint32_t
queue_reset_read(struct vsim_fn *fn)
{
	struct vsim_queue_cfg *cfg = selected(fn);

	if (cfg != NULL)
		cfg->reset_unread = false;
	return 0; /* The reset is complete when the write of queue_reset returns. */
}

static void
queue_reset_write(struct vsim_fn *fn, uint32_t value)
{
	struct vsim_queue_cfg *cfg = selected(fn);

	if (value != 1 || cfg == NULL || !cfg->enabled ||
			!vsim_features_has(&fn->accepted, VIRTIO_F_RING_RESET))
		return;
	if (cfg->vector_unread)
		vsim_fn_violation(fn, VIRTIO_RULE_VECTOR_READ_BACK);
	vsim_queue_deactivate(fn, fn->queue_select);
	vsim_queue_cfg_reset(fn, fn->queue_select);
	cfg->reset_unread = true;
}

/* Functions for both halves of a 64-bit address. */
#define ADDRESS_HALVES(field, member)                                                \
	static uint32_t field##_lo_read(struct vsim_fn *fn)                          \
	{                                                                            \
		const struct vsim_queue_cfg *cfg = selected(fn);                     \
		return cfg != NULL ? (uint32_t)cfg->member : 0;                      \
	}                                                                            \
	static uint32_t field##_hi_read(struct vsim_fn *fn)                          \
	{                                                                            \
		const struct vsim_queue_cfg *cfg = selected(fn);                     \
		return cfg != NULL ? (uint32_t)(cfg->member >> 32) : 0;              \
	}                                                                            \
	static void field##_lo_write(struct vsim_fn *fn, uint32_t value)             \
	{                                                                            \
		struct vsim_queue_cfg *cfg = selected_for_setup(fn);                 \
		if (cfg != NULL && !cfg->enabled)                                    \
			cfg->member = (cfg->member & ~UINT64_C(0xffffffff)) | value; \
	}                                                                            \
	static void field##_hi_write(struct vsim_fn *fn, uint32_t value)             \
	{                                                                            \
		struct vsim_queue_cfg *cfg = selected_for_setup(fn);                 \
		if (cfg != NULL && !cfg->enabled)                                    \
			cfg->member = (uint32_t)cfg->member | (uint64_t)value << 32; \
	}

ADDRESS_HALVES(queue_desc, desc)
ADDRESS_HALVES(queue_driver, driver)
ADDRESS_HALVES(queue_device, device)

static uint32_t
admin_queue_index_read(struct vsim_fn *fn)
{
	return vsim_fn_nb_admin_queues(fn) > 0 ? vsim_fn_admin_index(fn) : 0;
}

static uint32_t
admin_queue_num_read(struct vsim_fn *fn)
{
	return vsim_fn_nb_admin_queues(fn);
}

/* 4.1.4.3.2 does not name these two among the registers that must not be written. */
static void
admin_queue_write_ignored(struct vsim_fn *fn, uint32_t value)
{
}

/* ---------------------------------------------------------------- the table */

#define OFF(field) offsetof(struct virtio_pci_common_cfg, field)
#define LEN(field) sizeof(((struct virtio_pci_common_cfg *)0)->field)
#define RW(field)                                                           \
	{                                                                   \
#field, OFF(field), LEN(field), field##_read, field##_write \
	}
#define RO(field)                                                  \
	{                                                          \
#field, OFF(field), LEN(field), field##_read, NULL \
	}
#define RO_UNJUDGED(field)                                                              \
	{                                                                               \
#field, OFF(field), LEN(field), field##_read, admin_queue_write_ignored \
	}
#define RW64(field)                                                                \
	{ #field "_lo", OFF(field), 4, field##_lo_read, field##_lo_write },        \
	{                                                                          \
#field "_hi", OFF(field) + 4, 4, field##_hi_read, field##_hi_write \
	}

const struct vsim_reg vsim_common_regs[] = {
	RW(device_feature_select),
	RO(device_feature),
	RW(driver_feature_select),
	RW(driver_feature),
	RW(config_msix_vector),
	RO(num_queues),
	RW(device_status),
	RO(config_generation),
	RW(queue_select),
	RW(queue_size),
	RW(queue_msix_vector),
	RW(queue_enable),
	RO(queue_notify_off),
	RW64(queue_desc),
	RW64(queue_driver),
	RW64(queue_device),
	RO(queue_notif_config_data),
	RW(queue_reset),
	RO_UNJUDGED(admin_queue_index),
	RO_UNJUDGED(admin_queue_num),
};
const size_t vsim_nb_common_regs = sizeof(vsim_common_regs) / sizeof(vsim_common_regs[0]);
