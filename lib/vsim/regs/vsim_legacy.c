/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The legacy registers of a function: a table of fields, with their read and write functions. For
 * a driver that uses them the function is a legacy device: 32 feature bits, no FEATURES_OK,
 * contiguous split rings, queues that run before DRIVER_OK. virtio 1.4 4.1.4.10, 2.7.2, 2.12.1.1.
 */

#include <errno.h>
#include <string.h>

#include "vsim/regs/vsim_legacy.h"
#include "vsim/core/vsim_irq.h"
#include "vsim/core/vsim_event.h"
#include "vsim/core/vsim_profile.h"
#include "vsim/data/vsim_filter.h"
#include "vsim/regs/vsim_status.h"
#include "vsim/regs/vsim_vector.h"
#include "vsim/ring/vsim_queue.h"

/* Status bits that a legacy driver may set; it does not use FEATURES_OK. */
#define LEGACY_STATUS                                                                 \
	(VIRTIO_STATUS_ACKNOWLEDGE | VIRTIO_STATUS_DRIVER | VIRTIO_STATUS_DRIVER_OK | \
			VIRTIO_STATUS_FAILED)

/* ---------------------------------------------------------------- features */

/* virtio 1.4 6.3: a transitional device offers ANY_LAYOUT. */
static uint32_t
offered(const struct vsim_fn *fn)
{
	return (uint32_t)fn->offered.w[0] | 1u << VIRTIO_F_ANY_LAYOUT;
}

static uint32_t
device_features_read(struct vsim_fn *fn)
{
	return offered(fn);
}

static uint32_t
driver_features_read(struct vsim_fn *fn)
{
	return (uint32_t)fn->driver.w[0];
}

/* A legacy driver cannot be refused: invalid features are removed and counted. */
static void
driver_features_write(struct vsim_fn *fn, uint32_t value)
{
	struct vsim_features *accepted = &fn->accepted;
	unsigned int needed;
	int bit;

	if (fn->status & VIRTIO_STATUS_DRIVER_OK) {
		if (value & ~(uint32_t)fn->driver.w[0]) /* new features */
			vsim_fn_violation(fn, VIRTIO_RULE_INIT_ORDER);
		return;
	}
	if (value & ~offered(fn))
		vsim_fn_violation(fn, VIRTIO_RULE_ACCEPTED_FEATURES);
	fn->driver = (struct vsim_features){ { value } };
	*accepted = (struct vsim_features){ { value & offered(fn) } };
	while ((bit = vsim_features_unmet(accepted, &needed)) >= 0) {
		vsim_fn_violation(fn, VIRTIO_RULE_ACCEPTED_FEATURES);
		vsim_features_put(accepted, bit, false);
	}
	fn->legacy_regs.negotiated = true;
	vsim_filter_reset(fn);
}

/* ---------------------------------------------------------------- queues */

static struct vsim_queue_cfg *
selected(struct vsim_fn *fn)
{
	return fn->queue_select < vsim_fn_nb_queues(fn) ? &fn->queue_cfg[fn->queue_select] : NULL;
}

static uint32_t
queue_address_read(struct vsim_fn *fn)
{
	const struct vsim_queue_cfg *cfg = selected(fn);

	return cfg != NULL && cfg->enabled ? cfg->desc >> VIRTIO_LEGACY_PAGE_SHIFT : 0;
}

/* This register enables and disables a queue; there is no queue_enable. */
static void
queue_address_write(struct vsim_fn *fn, uint32_t pfn)
{
	struct vsim_queue_cfg *cfg = selected(fn);
	uint64_t base = (uint64_t)pfn << VIRTIO_LEGACY_PAGE_SHIFT;

	if (cfg == NULL)
		return;
	/* A driver that has not written features by now uses none. */
	fn->legacy_regs.negotiated = true;
	vsim_queue_deactivate(fn, fn->queue_select);
	cfg->enabled = pfn != 0;
	cfg->desc = base;
	cfg->driver = base + VIRTQ_DESC_BYTES(cfg->size);
	cfg->device = base + VIRTIO_LEGACY_USED_OFFSET(cfg->size);
	if (pfn != 0 && vsim_queue_activate(fn, fn->queue_select) < 0)
		vsim_fn_broken(fn);
}

static uint32_t
queue_size_read(struct vsim_fn *fn)
{
	const struct vsim_queue_cfg *cfg = selected(fn);

	return cfg != NULL ? cfg->size : 0;
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
	fn->legacy_regs.pfn = 0;
}

static uint32_t
queue_notify_read(struct vsim_fn *fn)
{
	return 0; /* The specification defines no value. */
}

static void
queue_notify_write(struct vsim_fn *fn, uint32_t value)
{
	if (value < vsim_fn_nb_queues(fn))
		vsim_doorbell_ring(fn, vsim_queue_doorbell_offset(fn->nic, value), value,
				sizeof(uint16_t));
}

/* ---------------------------------------------------------------- status, interrupts */

static uint32_t
device_status_read(struct vsim_fn *fn)
{
	return fn->status;
}

static void
device_status_write(struct vsim_fn *fn, uint32_t value)
{
	uint8_t step = value & LEGACY_STATUS & ~fn->status;

	if (value == 0) {
		vsim_status_write(fn, 0);
		/* For a legacy driver the reset is complete with the write, without a read. */
		fn->reset_unread = false;
		return;
	}
	if (fn->status & LEGACY_STATUS & ~value)
		vsim_fn_violation(fn, VIRTIO_RULE_STATUS_BITS);
	fn->status |= step;
	if (step & VIRTIO_STATUS_DRIVER_OK) {
		fn->legacy_regs.negotiated = true;
		vsim_fn_driver_ok(fn);
	}
}

static uint32_t
isr_read(struct vsim_fn *fn)
{
	uint8_t isr = fn->isr;

	fn->isr = 0;
	return isr;
}

static uint32_t
config_vector_read(struct vsim_fn *fn)
{
	return vsim_config_vector_read(fn);
}

static void
config_vector_write(struct vsim_fn *fn, uint32_t value)
{
	vsim_config_vector_write(fn, value);
}

static uint32_t
queue_vector_read(struct vsim_fn *fn)
{
	return vsim_queue_vector_read(selected(fn));
}

static void
queue_vector_write(struct vsim_fn *fn, uint32_t value)
{
	struct vsim_queue_cfg *cfg = selected(fn);

	if (cfg != NULL)
		vsim_queue_vector_write(fn, cfg, value);
}

/* ---------------------------------------------------------------- the header as a table */

/* When a write of a part of a field takes effect. */
enum effect {
	EFFECT_EACH, /**< With each write; the other bytes are kept. */
	EFFECT_LAST, /**< With the last byte; earlier bytes are stored. */
	EFFECT_FIRST, /**< With the first byte; missing bytes are zero. */
};

static const struct field {
	uint8_t offset, width;
	enum effect effect;
	uint32_t (*read)(struct vsim_fn *fn);
	void (*write)(struct vsim_fn *fn, uint32_t value);
} header[] = {
#define AT(field) \
	offsetof(struct virtio_legacy_hdr, field), sizeof(((struct virtio_legacy_hdr *)0)->field)
	{ AT(device_features), EFFECT_EACH, device_features_read, NULL },
	{ AT(driver_features), EFFECT_EACH, driver_features_read, driver_features_write },
	{ AT(queue_address), EFFECT_LAST, queue_address_read, queue_address_write },
	{ AT(queue_size), EFFECT_EACH, queue_size_read, NULL },
	{ AT(queue_select), EFFECT_EACH, queue_select_read, queue_select_write },
	{ AT(queue_notify), EFFECT_FIRST, queue_notify_read, queue_notify_write },
	{ AT(device_status), EFFECT_EACH, device_status_read, device_status_write },
	{ AT(isr), EFFECT_EACH, isr_read, NULL },
	{ AT(config_vector), EFFECT_EACH, config_vector_read, config_vector_write },
	{ AT(queue_vector), EFFECT_EACH, queue_vector_read, queue_vector_write },
#undef AT
};

uint32_t
vsim_legacy_header_len(const struct vsim_fn *fn)
{
	return vsim_msix_on(fn) ? VIRTIO_LEGACY_HDR_LEN_MSIX : VIRTIO_LEGACY_HDR_LEN;
}

static const struct field *
header_field(const struct vsim_fn *fn, uint32_t offset, size_t len)
{
	if (len == 0 || len > 4 || offset + len > vsim_legacy_header_len(fn))
		return NULL;
	for (size_t i = 0; i < sizeof(header) / sizeof(header[0]); i++) {
		const struct field *f = &header[i];

		if (offset >= f->offset && offset + len <= (size_t)f->offset + f->width)
			return f;
	}
	return NULL;
}

static int
header_read(struct vsim_fn *fn, uint32_t offset, void *data, size_t len)
{
	const struct field *f = header_field(fn, offset, len);
	virtio_le32 value;

	if (f == NULL)
		return -EINVAL;
	value = htole32(f->read(fn));
	memcpy(data, (const uint8_t *)&value + (offset - f->offset), len);
	return 0;
}

static void
header_write(struct vsim_fn *fn, const struct field *f, uint32_t offset, const void *data,
		size_t len)
{
	virtio_le32 value = 0;

	if (f->write == NULL)
		return;
	if (f->effect == EFFECT_EACH && len != f->width)
		value = htole32(f->read(fn));
	else if (f->effect == EFFECT_LAST)
		value = htole32(fn->legacy_regs.pfn);
	memcpy((uint8_t *)&value + (offset - f->offset), data, len);
	if (f->effect == EFFECT_LAST)
		fn->legacy_regs.pfn = le32toh(value);
	if ((f->effect == EFFECT_LAST && offset + len != (size_t)f->offset + f->width) ||
			(f->effect == EFFECT_FIRST && offset != f->offset))
		return;
	f->write(fn, le32toh(value));
}

/* ---------------------------------------------------------------- device configuration */

static const struct {
	uint8_t start, end;
	int feature; /**< The field exists if the feature is offered; -1: always. */
} config_fields[] = {
	{ offsetof(struct virtio_net_config, mac), 6, -1 },
	{ offsetof(struct virtio_net_config, status), 8, VIRTIO_NET_F_STATUS },
	{ offsetof(struct virtio_net_config, max_virtqueue_pairs), 10, VIRTIO_NET_F_MQ },
	{ offsetof(struct virtio_net_config, mtu), VIRTIO_LEGACY_NET_CONFIG_LEN, VIRTIO_NET_F_MTU },
};
#define NB_CONFIG_FIELDS (sizeof(config_fields) / sizeof(config_fields[0]))

uint32_t
vsim_legacy_config_len(const struct vsim_fn *fn)
{
	uint32_t len = 0;

	for (size_t i = 0; i < NB_CONFIG_FIELDS; i++)
		if (config_fields[i].feature < 0 ||
				vsim_features_has(&fn->offered, config_fields[i].feature))
			len = config_fields[i].end;
	return len;
}

static bool
in_config_field(const struct vsim_fn *fn, uint32_t offset, size_t len)
{
	if (len == 0 || offset + len > vsim_legacy_config_len(fn))
		return false;
	for (size_t i = 0; i < NB_CONFIG_FIELDS; i++)
		if (offset >= config_fields[i].start && offset + len <= config_fields[i].end)
			return true;
	return false;
}

static int
config_read(struct vsim_fn *fn, uint32_t offset, uint8_t *data, size_t len)
{
	if (!in_config_field(fn, offset, len))
		return -EINVAL;
	memcpy(data, (const uint8_t *)&fn->net_config + offset, len);
	/* Written bytes read back at once, while the address in use changes with the last byte. */
	for (size_t i = 0; i < len && offset + i < sizeof(fn->legacy_regs.mac) && fn->legacy; i++)
		data[i] = fn->legacy_regs.mac[offset + i];
	return 0;
}

/* Old drivers have no other way to set their address, and write it byte by byte. The address
 * takes effect with the last byte, so that the filter never uses a mixture (virtio 1.4 5.1.4.3). */
static void
config_write(struct vsim_fn *fn, uint32_t offset, const uint8_t *data, size_t len)
{
	uint8_t *mac = fn->legacy_regs.mac;

	if (offset >= sizeof(fn->legacy_regs.mac))
		return;
	memcpy(&mac[offset], data, len);
	if (offset + len < sizeof(fn->legacy_regs.mac))
		return;
	vsim_filter_set_own_mac(fn, mac);
	if (vsim_features_has(&fn->offered, VIRTIO_NET_F_MAC) &&
			memcmp(fn->net_config.mac, mac, sizeof(fn->net_config.mac)) != 0) {
		memcpy(fn->net_config.mac, mac, sizeof(fn->net_config.mac));
		fn->config_stale = true;
	}
}

/* ---------------------------------------------------------------- access */

int
vsim_legacy_read(struct vsim_fn *fn, enum vsim_legacy_area area, uint32_t offset, void *data,
		size_t len)
{
	vsim_fn_count(&fn->counters->legacy_accesses);
	return area == VSIM_LEGACY_COMMON ? header_read(fn, offset, data, len) :
					    config_read(fn, offset, data, len);
}

/* Does the write show that the driver is a legacy driver? Not if it selects a queue, rings a
 * doorbell or resets. */
static bool
decides(enum vsim_legacy_area area, uint32_t offset, const void *data, size_t len)
{
	if (area == VSIM_LEGACY_DEVICE)
		return true;
	switch (offset) {
	case offsetof(struct virtio_legacy_hdr, queue_select):
	case offsetof(struct virtio_legacy_hdr, queue_notify):
		return false;
	case offsetof(struct virtio_legacy_hdr, device_status):
		return len != 1 || *(const uint8_t *)data != 0;
	default:
		return true;
	}
}

int
vsim_legacy_write(struct vsim_fn *fn, enum vsim_legacy_area area, uint32_t offset, const void *data,
		size_t len)
{
	const struct field *f = NULL;

	vsim_fn_count(&fn->counters->legacy_accesses);
	if (area == VSIM_LEGACY_COMMON) {
		f = header_field(fn, offset, len);
		if (f == NULL)
			return -EINVAL;
	} else if (!in_config_field(fn, offset, len)) {
		return -EINVAL;
	}
	if (vsim_fn_resetting(fn))
		return 0; /* A function in reset ignores writes. */
	if (decides(area, offset, data, len) && !fn->legacy) {
		if (fn->status & VIRTIO_STATUS_FEATURES_OK)
			return -EBUSY;
		fn->legacy = true;
		memcpy(fn->legacy_regs.mac, fn->net_config.mac, sizeof(fn->legacy_regs.mac));
	}
	if (f != NULL)
		header_write(fn, f, offset, data, len);
	else
		config_write(fn, offset, data, len);
	return 0;
}
