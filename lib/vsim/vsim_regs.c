/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The registers of the BAR: common configuration as a table of rows with one dispatcher, ISR,
 * device configuration, MSI-X table, doorbells by register access. virtio 1.4 4.1.4.
 */

#include <errno.h>
#include <string.h>

#include "vsim_regs.h"

uint16_t
vsim_fn_nb_queues(const struct vsim_fn *fn)
{
	uint16_t ctrl = vsim_fn_ctrl_index(fn);

	return ctrl == VSIM_MAX_QUEUES ? 2 * vsim_fn_queue_pairs(fn) : ctrl + 1;
}

/* The queue that queue_select points to, or NULL. */
static struct vsim_queue_cfg *
selected(struct vsim_fn *fn)
{
	return fn->queue_select < vsim_fn_nb_queues(fn) ? &fn->queue_cfg[fn->queue_select] : NULL;
}

/* The same before a write to one of its fields: queues are set up after FEATURES_OK (C044), and
 * all before queue_enable (C021). */
static struct vsim_queue_cfg *
selected_for_setup(struct vsim_fn *fn)
{
	struct vsim_queue_cfg *cfg = selected(fn);

	if (!(fn->status & VIRTIO_STATUS_FEATURES_OK))
		vsim_fn_violation(fn, 44);
	if (cfg != NULL && cfg->enabled)
		vsim_fn_violation(fn, 21);
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
	return features_window(&fn->offered, fn->device_feature_select);
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
		vsim_fn_violation(fn, 44);
		return;
	}
	if (!(fn->status & VIRTIO_STATUS_DRIVER))
		vsim_fn_violation(fn, 44);
	if (select >= VIRTIO_FEATURE_BITS / 32) {
		/* Beyond what the model stores nothing is offered. */
		if (value != 0)
			vsim_fn_violation(fn, 52);
		return;
	}
	fn->driver.w[select / 2] &= ~(UINT64_C(0xffffffff) << shift);
	fn->driver.w[select / 2] |= (uint64_t)value << shift;
}

static uint32_t
device_status_read(struct vsim_fn *fn)
{
	fn->status_reread = true;
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
	/* Counting only what a read can tell apart keeps 256 changes from looking like none. */
	if (fn->generation_stale)
		fn->generation++;
	fn->generation_stale = false;
	return fn->generation;
}

/* ---------------------------------------------------------------- vectors */

static uint16_t
vector_written(struct vsim_fn *fn, uint16_t value, bool *unread)
{
	if (*unread)
		vsim_fn_violation(fn, 39);
	*unread = value != VIRTIO_MSI_NO_VECTOR;
	if (value == VIRTIO_MSI_NO_VECTOR || value < fn->nic->nb_vectors)
		return value;
	vsim_fn_violation(fn, 40);
	return VIRTIO_MSI_NO_VECTOR;
}

static uint32_t
config_msix_vector_read(struct vsim_fn *fn)
{
	fn->config_vector_unread = false;
	return fn->config_vector;
}

static void
config_msix_vector_write(struct vsim_fn *fn, uint32_t value)
{
	fn->config_vector = vector_written(fn, value, &fn->config_vector_unread);
}

static uint32_t
queue_msix_vector_read(struct vsim_fn *fn)
{
	struct vsim_queue_cfg *cfg = selected(fn);

	if (cfg == NULL)
		return VIRTIO_MSI_NO_VECTOR;
	cfg->vector_unread = false;
	return cfg->vector;
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
	cfg->vector = vector_written(fn, value, &cfg->vector_unread);
}

/* ---------------------------------------------------------------- queues */

static uint32_t
num_queues_read(struct vsim_fn *fn)
{
	uint16_t pairs = vsim_features_has(&fn->offered, VIRTIO_NET_F_MQ) ? fn->nic->conf.queue_pairs
									  : 1;

	return 2 * pairs + vsim_features_has(&fn->offered, VIRTIO_NET_F_CTRL_VQ);
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
	if (value == 0 || value > fn->nic->conf.queue_size ||
			(!packed && (value & (value - 1)) != 0)) {
		vsim_fn_violation(fn, 24);
		return;
	}
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

	if (value != 1) {
		vsim_fn_violation(fn, 20);
		return;
	}
	if (!(fn->status & VIRTIO_STATUS_FEATURES_OK)) {
		/* Layout and queue count are not settled yet: nothing that could run. */
		vsim_fn_violation(fn, 44);
		return;
	}
	if (cfg == NULL || cfg->enabled)
		return;
	if (cfg->reset_unread) {
		vsim_fn_violation(fn, 23);
		cfg->reset_unread = false;
	}
	cfg->enabled = true;
	if ((fn->status & VIRTIO_STATUS_DRIVER_OK) && vsim_queue_activate(fn, fn->queue_select) < 0)
		vsim_fn_broken(fn);
}

static uint32_t
queue_notify_off_read(struct vsim_fn *fn)
{
	return selected(fn) != NULL ? vsim_queue_notify_off(fn->queue_select) : 0;
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

	if (cfg == NULL)
		return 0;
	cfg->reset_unread = false;
	return cfg->resetting;
}

static void
queue_reset_write(struct vsim_fn *fn, uint32_t value)
{
	struct vsim_queue_cfg *cfg = selected(fn);

	if (value != 1 || cfg == NULL || !cfg->enabled ||
			!vsim_features_has(&fn->accepted, VIRTIO_F_RING_RESET))
		return;
	if (cfg->vector_unread)
		vsim_fn_violation(fn, 39);
	vsim_queue_deactivate(fn, fn->queue_select);
	vsim_queue_cfg_reset(fn, fn->queue_select);
	cfg->reset_unread = true;
}

/* Halves of the three 64-bit addresses. */
#define ADDRESS_HALVES(field, member)                                                             \
	static uint32_t field##_lo_read(struct vsim_fn *fn)                                       \
	{                                                                                         \
		const struct vsim_queue_cfg *cfg = selected(fn);                                  \
		return cfg != NULL ? (uint32_t)cfg->member : 0;                                   \
	}                                                                                         \
	static uint32_t field##_hi_read(struct vsim_fn *fn)                                       \
	{                                                                                         \
		const struct vsim_queue_cfg *cfg = selected(fn);                                  \
		return cfg != NULL ? (uint32_t)(cfg->member >> 32) : 0;                           \
	}                                                                                         \
	static void field##_lo_write(struct vsim_fn *fn, uint32_t value)                          \
	{                                                                                         \
		struct vsim_queue_cfg *cfg = selected_for_setup(fn);                              \
		if (cfg != NULL && !cfg->enabled)                                                 \
			cfg->member = (cfg->member & ~UINT64_C(0xffffffff)) | value;              \
	}                                                                                         \
	static void field##_hi_write(struct vsim_fn *fn, uint32_t value)                          \
	{                                                                                         \
		struct vsim_queue_cfg *cfg = selected_for_setup(fn);                              \
		if (cfg != NULL && !cfg->enabled)                                                 \
			cfg->member = (uint32_t)cfg->member | (uint64_t)value << 32;              \
	}

ADDRESS_HALVES(queue_desc, desc)
ADDRESS_HALVES(queue_driver, driver)
ADDRESS_HALVES(queue_device, device)

/* No admin queue: virtio 1.4 4.1.4.3.1 lets both read anything, and 0 says "none". */
static uint32_t
admin_queue_read(struct vsim_fn *fn)
{
	return 0;
}

/* ---------------------------------------------------------------- the table */

#define OFF(field) offsetof(struct virtio_pci_common_cfg, field)
#define LEN(field) sizeof(((struct virtio_pci_common_cfg *)0)->field)
#define RW(field) {#field, OFF(field), LEN(field), field##_read, field##_write}
#define RO(field) {#field, OFF(field), LEN(field), field##_read, NULL}
#define RW64(field)                                                                               \
	{#field "_lo", OFF(field), 4, field##_lo_read, field##_lo_write},                         \
	{                                                                                         \
		#field "_hi", OFF(field) + 4, 4, field##_hi_read, field##_hi_write                \
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
	{"admin_queue_index", OFF(admin_queue_index), 2, admin_queue_read, NULL},
	{"admin_queue_num", OFF(admin_queue_num), 2, admin_queue_read, NULL},
};
const size_t vsim_nb_common_regs = sizeof(vsim_common_regs) / sizeof(vsim_common_regs[0]);

/* ---------------------------------------------------------------- device configuration */

#define FIELD(field, width, count, feature, or_feature) \
	{#field, offsetof(struct virtio_net_config, field), width, count, feature, or_feature}

const struct vsim_net_field vsim_net_fields[] = {
	FIELD(mac, 1, 6, -1, -1),
	FIELD(status, 2, 1, VIRTIO_NET_F_STATUS, -1),
	FIELD(max_virtqueue_pairs, 2, 1, VIRTIO_NET_F_MQ, VIRTIO_NET_F_RSS),
	FIELD(mtu, 2, 1, VIRTIO_NET_F_MTU, -1),
	FIELD(speed, 4, 1, VIRTIO_NET_F_SPEED_DUPLEX, -1),
	FIELD(duplex, 1, 1, VIRTIO_NET_F_SPEED_DUPLEX, -1),
	FIELD(rss_max_key_size, 1, 1, VIRTIO_NET_F_RSS, VIRTIO_NET_F_HASH_REPORT),
	FIELD(rss_max_indirection_table_length, 2, 1, VIRTIO_NET_F_RSS, -1),
	FIELD(supported_hash_types, 4, 1, VIRTIO_NET_F_RSS, VIRTIO_NET_F_HASH_REPORT),
	FIELD(supported_tunnel_types, 4, 1, VIRTIO_NET_F_HASH_TUNNEL, -1),
};
const size_t vsim_nb_net_fields = sizeof(vsim_net_fields) / sizeof(vsim_net_fields[0]);

/* Count what is wrong with an access to device configuration; it is served all the same, because
 * drivers that read byte by byte are many and old. */
static void
net_config_judge(struct vsim_fn *fn, uint32_t offset, size_t len, bool write)
{
	bool exact = false, conditional = false;

	for (size_t i = 0; i < vsim_nb_net_fields; i++) {
		const struct vsim_net_field *f = &vsim_net_fields[i];
		uint32_t end = f->offset + f->width * f->count;

		if (offset + len <= f->offset || offset >= end)
			continue;
		exact = exact || (len == f->width && (offset - f->offset) % f->width == 0);
		if (f->feature >= 0 && !vsim_features_has(&fn->offered, f->feature) &&
				(f->or_feature < 0 ||
						!vsim_features_has(&fn->offered, f->or_feature)))
			conditional = true;
	}
	if (!exact)
		vsim_fn_violation(fn, 5);
	if (!write && conditional)
		vsim_fn_violation(fn, 57);
	if (write)
		vsim_fn_violation(fn, 96);
	if (write && !(fn->status & VIRTIO_STATUS_FEATURES_OK))
		vsim_fn_violation(fn, 47);
}

static uint32_t
net_config_read(struct vsim_fn *fn, uint32_t offset, size_t len)
{
	uint32_t value = 0;

	net_config_judge(fn, offset, len, false);
	memcpy(&value, (const uint8_t *)&fn->net_config + offset, len);
	return le32toh(value);
}

/* ---------------------------------------------------------------- MSI-X */

bool
vsim_msix_masked(const struct vsim_fn *fn, uint16_t vector)
{
	const uint8_t *ctrl = &fn->config[fn->nic->layout[fn->index > 0].msix + PCI_MSIX_CTRL];

	if ((ctrl[0] | ctrl[1] << 8) & PCI_MSIX_CTRL_FUNCTION_MASK)
		return true;
	return fn->msix_table[vector * PCI_MSIX_ENTRY_LEN + PCI_MSIX_ENTRY_CTRL] &
			PCI_MSIX_ENTRY_MASKED;
}

void
vsim_msix_connect(struct vsim_fn *fn, uint16_t vector, bool connected)
{
	fn->msix_table[vector * PCI_MSIX_ENTRY_LEN + PCI_MSIX_ENTRY_CTRL] =
			connected ? 0 : PCI_MSIX_ENTRY_MASKED;
	if (!connected)
		fn->msix_pba[vector / 8] &= ~(1u << vector % 8);
}

void
vsim_msix_flush(struct vsim_fn *fn)
{
	for (uint16_t v = 0; v < fn->nic->nb_vectors; v++) {
		if (!(fn->msix_pba[v / 8] & (1u << v % 8)) || vsim_msix_masked(fn, v))
			continue;
		fn->msix_pba[v / 8] &= ~(1u << v % 8);
		vsim_irq_raise(fn, v);
	}
}

static void
msix_table_write(struct vsim_fn *fn, uint32_t offset, uint32_t value, size_t len)
{
	uint8_t *entry = &fn->msix_table[offset - offset % PCI_MSIX_ENTRY_LEN];

	value = htole32(value);
	memcpy(&fn->msix_table[offset], &value, len);
	/* All of Vector Control but the mask bit is reserved. */
	entry[PCI_MSIX_ENTRY_CTRL] &= PCI_MSIX_ENTRY_MASKED;
	memset(&entry[PCI_MSIX_ENTRY_CTRL + 1], 0, 3);
	vsim_msix_flush(fn);
}

/* ---------------------------------------------------------------- dispatch */

/* What stands at an offset of the BAR. */
enum place {
	PLACE_NOTHING,
	PLACE_MSIX_TABLE,
	PLACE_MSIX_PBA,
	PLACE_COMMON,
	PLACE_ISR,
	PLACE_DEVICE,
	PLACE_DOORBELL,
};

static enum place
bar_place(const struct vsim_fn *fn, uint64_t offset, uint32_t *rel)
{
	const struct {
		enum place place;
		uint32_t start;
		uint64_t len;
	} map[] = {
			{PLACE_MSIX_TABLE, VSIM_REG_MSIX_TABLE,
					(uint64_t)fn->nic->nb_vectors * PCI_MSIX_ENTRY_LEN},
			{PLACE_MSIX_PBA, VSIM_REG_MSIX_PBA, sizeof(fn->msix_pba)},
			{PLACE_COMMON, VSIM_REG_COMMON, sizeof(struct virtio_pci_common_cfg)},
			{PLACE_ISR, VSIM_REG_ISR, 1},
			{PLACE_DEVICE, VSIM_REG_DEVICE, sizeof(struct virtio_net_config)},
			{PLACE_DOORBELL, VSIM_BAR_DOORBELLS, fn->mem_size},
	};

	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++) {
		if (offset < map[i].start || offset - map[i].start >= map[i].len)
			continue;
		*rel = offset - map[i].start;
		return map[i].place;
	}
	return PLACE_NOTHING;
}

static const struct vsim_reg *
common_reg(struct vsim_fn *fn, uint32_t offset, size_t len)
{
	for (size_t i = 0; i < vsim_nb_common_regs; i++)
		if (vsim_common_regs[i].offset == offset && vsim_common_regs[i].width == len)
			return &vsim_common_regs[i];
	vsim_fn_violation(fn, 5);
	return NULL;
}

/* One access of 1, 2 or 4 aligned bytes inside the BAR. */
static int
access_read(struct vsim_fn *fn, uint64_t offset, uint32_t *value, size_t len)
{
	const struct vsim_reg *reg;
	uint32_t rel = 0, raw = 0;

	*value = 0;
	switch (bar_place(fn, offset, &rel)) {
	case PLACE_NOTHING:
		return 0;
	case PLACE_MSIX_TABLE:
		memcpy(&raw, &fn->msix_table[rel], len);
		*value = le32toh(raw);
		return 0;
	case PLACE_MSIX_PBA:
		memcpy(&raw, &fn->msix_pba[rel], len);
		*value = le32toh(raw);
		return 0;
	case PLACE_COMMON:
		reg = common_reg(fn, rel, len);
		if (reg == NULL)
			return -EINVAL;
		*value = reg->read(fn);
		return 0;
	case PLACE_ISR:
		if (len != 1) {
			vsim_fn_violation(fn, 5);
			return -EINVAL;
		}
		*value = fn->isr;
		fn->isr = 0;
		return 0;
	case PLACE_DEVICE:
		*value = net_config_read(fn, rel, len);
		return 0;
	case PLACE_DOORBELL:
		/* Write-only in the specification; the mapped page shows the same when idle. */
		*value = VSIM_DOORBELL_IDLE;
		return 0;
	}
	return 0;
}

static int
doorbell_write(struct vsim_fn *fn, uint32_t offset, uint32_t value, size_t len)
{
	if (len == 1) {
		vsim_fn_violation(fn, 29);
		return -EINVAL;
	}
	if (!(fn->status & VIRTIO_STATUS_DRIVER_OK)) {
		vsim_fn_violation(fn, 46);
		return 0;
	}
	vsim_queue_ring(fn, offset, value, len);
	return 0;
}

static int
access_write(struct vsim_fn *fn, uint64_t offset, uint32_t value, size_t len)
{
	const struct vsim_reg *reg;
	uint32_t rel = 0;

	switch (bar_place(fn, offset, &rel)) {
	case PLACE_NOTHING:
	case PLACE_MSIX_PBA:
		return 0;
	case PLACE_MSIX_TABLE:
		msix_table_write(fn, rel, value, len);
		return 0;
	case PLACE_COMMON:
		reg = common_reg(fn, rel, len);
		if (reg == NULL)
			return -EINVAL;
		if (reg->write == NULL)
			vsim_fn_violation(fn, 26);
		else
			reg->write(fn, value);
		return 0;
	case PLACE_ISR:
		return 0;
	case PLACE_DEVICE:
		net_config_judge(fn, rel, len, true);
		return 0;
	case PLACE_DOORBELL:
		return doorbell_write(fn, rel, value, len);
	}
	return 0;
}

/* Widths that no register has. */
static int
access_check(struct vsim_fn *fn, uint64_t offset, size_t len)
{
	enum place place;
	uint32_t rel;

	if (offset >= fn->nic->bar_size || len > fn->nic->bar_size - offset)
		return -EINVAL;
	place = bar_place(fn, offset, &rel);
	if ((len == 1 || len == 2 || len == 4) && offset % len == 0)
		return 0;
	if (place == PLACE_COMMON || place == PLACE_DEVICE || place == PLACE_ISR)
		vsim_fn_violation(fn, 5);
	return len == 8 && offset % 8 == 0 ? 0 : -EINVAL;
}

int
vsim_bar_read(struct vsim_fn *fn, uint64_t offset, void *data, size_t len)
{
	size_t part = len < 4 ? len : 4;
	int rc = access_check(fn, offset, len);

	vsim_fn_count(&fn->counters->register_reads);
	for (size_t done = 0; rc == 0 && done < len; done += part) {
		uint32_t value;

		rc = access_read(fn, offset + done, &value, part);
		value = htole32(value);
		memcpy((uint8_t *)data + done, &value, part);
	}
	if (rc < 0)
		memset(data, 0xff, len);
	return rc;
}

int
vsim_bar_write(struct vsim_fn *fn, uint64_t offset, const void *data, size_t len)
{
	size_t part = len < 4 ? len : 4;
	int rc = access_check(fn, offset, len);

	vsim_fn_count(&fn->counters->register_writes);
	for (size_t done = 0; rc == 0 && done < len; done += part) {
		uint32_t value = 0;

		memcpy(&value, (const uint8_t *)data + done, part);
		rc = access_write(fn, offset + done, le32toh(value), part);
	}
	return rc;
}
