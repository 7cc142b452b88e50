/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * The BAR: offsets of the structures, and the dispatcher of accesses. The common configuration has
 * a table in vsim_regs.c; ISR, device configuration, MSI-X table and doorbells by register access
 * are here. virtio 1.4 4.1.4.
 */

#include <errno.h>
#include <string.h>

#include "vsim/regs/vsim_bar.h"
#include "vsim/core/vsim_irq.h"
#include "vsim/core/vsim_event.h"
#include "vsim/regs/vsim_legacy_alt.h"
#include "vsim/regs/vsim_regs.h"
#include "vsim/ring/vsim_queue.h"

/* ---------------------------------------------------------------- device configuration */

#define FIELD(field, width, count, feature, or_feature)                                   \
	{                                                                                 \
#field, offsetof(struct virtio_net_config, field), width, count, feature, \
				or_feature                                                \
	}

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

/* Count violations of an access to device configuration. The access is executed nevertheless,
 * because many old drivers read byte by byte. */
static void
net_config_check(struct vsim_fn *fn, uint32_t offset, size_t len, bool write)
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
		vsim_fn_violation(fn, VIRTIO_RULE_NATURAL_WIDTH);
	if (!write && conditional)
		vsim_fn_violation(fn, VIRTIO_RULE_CONFIG_FIELD);
	if (write)
		vsim_fn_violation(fn, VIRTIO_RULE_CONFIG_WRITE);
	if (write && !(fn->status & VIRTIO_STATUS_FEATURES_OK))
		vsim_fn_violation(fn, VIRTIO_RULE_CONFIG_EARLY);
}

static uint32_t
net_config_read(struct vsim_fn *fn, uint32_t offset, size_t len)
{
	uint32_t value = 0;

	net_config_check(fn, offset, len, false);
	memcpy(&value, (const uint8_t *)&fn->net_config + offset, len);
	return le32toh(value);
}

/* ---------------------------------------------------------------- MSI-X */

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

/* Structure at an offset of the BAR. */
enum place {
	PLACE_NOTHING,
	PLACE_MSIX_TABLE,
	PLACE_MSIX_PBA,
	PLACE_COMMON,
	PLACE_ISR,
	PLACE_DEVICE,
	PLACE_DOORBELL,
	PLACE_WINDOW,
	PLACE_PAIR,
};

static enum place
bar_place(const struct vsim_fn *fn, uint64_t offset, uint32_t *rel)
{
	const bool vf = fn->index > 0;
	const struct {
		enum place place;
		uint32_t start;
		uint64_t len;
	} map[] = {
		{ PLACE_MSIX_TABLE, VSIM_REG_MSIX_TABLE,
				(uint64_t)fn->nic->nb_vectors * PCI_MSIX_ENTRY_LEN },
		{ PLACE_MSIX_PBA, VSIM_REG_MSIX_PBA, sizeof(fn->msix_pba) },
		{ PLACE_COMMON, VSIM_REG_COMMON, sizeof(struct virtio_pci_common_cfg) },
		{ PLACE_ISR, VSIM_REG_ISR, 1 },
		{ PLACE_DEVICE, VSIM_REG_DEVICE, sizeof(struct virtio_net_config) },
		{ PLACE_DOORBELL, VSIM_BAR_DOORBELLS, fn->mem_size },
		{ PLACE_WINDOW, VSIM_REG_LEGACY_WINDOW,
				vf && fn->nic->conf.legacy_alt.window ? VSIM_LEGACY_WINDOW_LEN :
									0 },
		{ PLACE_PAIR, VSIM_REG_LEGACY_PAIR,
				vf && fn->nic->conf.legacy_alt.pair ? VSIM_LEGACY_PAIR_LEN : 0 },
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
	vsim_fn_violation(fn, VIRTIO_RULE_NATURAL_WIDTH);
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
			vsim_fn_violation(fn, VIRTIO_RULE_NATURAL_WIDTH);
			return -EINVAL;
		}
		*value = fn->isr;
		fn->isr = 0;
		return 0;
	case PLACE_DEVICE:
		*value = net_config_read(fn, rel, len);
		return 0;
	case PLACE_DOORBELL:
		/* Write-only in the specification; the mapped page reads the same value when
		 * idle. */
		*value = VSIM_DOORBELL_IDLE;
		return 0;
	case PLACE_WINDOW:
		*value = vsim_legacy_window_read(fn, rel, len);
		return 0;
	case PLACE_PAIR:
		if (len != 4)
			return -EINVAL;
		*value = vsim_legacy_pair_read(fn, rel);
		return 0;
	}
	return 0;
}

static int
doorbell_write(struct vsim_fn *fn, uint32_t offset, uint32_t value, size_t len)
{
	if (len == 1) {
		vsim_fn_violation(fn, VIRTIO_RULE_DOORBELL_WIDTH);
		return -EINVAL;
	}
	/* A doorbell on the page of the PF may belong to a VF, whose driver may be ready while
	 * the driver of the PF is not. */
	if (!(fn->status & VIRTIO_STATUS_DRIVER_OK) && !fn->legacy &&
			(fn->index > 0 ||
					offset < vsim_legacy_doorbell(fn->nic,
								 VSIM_LEGACY_OWNER_DOORBELLS))) {
		vsim_fn_violation(fn, VIRTIO_RULE_DOORBELL_EARLY);
		return 0;
	}
	vsim_doorbell_ring(fn, offset, value, len);
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
			vsim_fn_violation(fn, VIRTIO_RULE_READ_ONLY);
		else
			reg->write(fn, value);
		return 0;
	case PLACE_ISR:
		return 0;
	case PLACE_DEVICE:
		net_config_check(fn, rel, len, true);
		return 0;
	case PLACE_DOORBELL:
		return doorbell_write(fn, rel, value, len);
	case PLACE_WINDOW:
		vsim_legacy_window_write(fn, rel, value, len);
		return 0;
	case PLACE_PAIR:
		if (len != 4)
			return -EINVAL;
		vsim_legacy_pair_write(fn, rel, value);
		return 0;
	}
	return 0;
}

/* Check range and width. An access of 8 bytes is split later. */
static int
access_check(struct vsim_fn *fn, uint64_t offset, size_t len)
{
	enum place place;
	uint32_t rel;

	if (offset >= fn->nic->bar_size || len > fn->nic->bar_size - offset)
		return -EINVAL;
	if ((len == 1 || len == 2 || len == 4) && offset % len == 0)
		return 0;
	place = bar_place(fn, offset, &rel);
	if (place == PLACE_COMMON || place == PLACE_DEVICE || place == PLACE_ISR)
		vsim_fn_violation(fn, VIRTIO_RULE_NATURAL_WIDTH);
	return len == 8 && offset % 8 == 0 ? 0 : -EINVAL;
}

int
vsim_bar_read(struct vsim_fn *fn, uint64_t offset, void *data, size_t len)
{
	size_t part = len < 4 ? len : 4;
	int ret = access_check(fn, offset, len);

	vsim_fn_count(&fn->counters->register_reads);
	for (size_t done = 0; ret == 0 && done < len; done += part) {
		uint32_t value;

		ret = access_read(fn, offset + done, &value, part);
		value = htole32(value);
		memcpy((uint8_t *)data + done, &value, part);
	}
	if (ret < 0)
		memset(data, 0xff, len);
	return ret;
}

int
vsim_bar_write(struct vsim_fn *fn, uint64_t offset, const void *data, size_t len)
{
	size_t part = len < 4 ? len : 4;
	int ret = access_check(fn, offset, len);

	vsim_fn_count(&fn->counters->register_writes);
	for (size_t done = 0; ret == 0 && done < len; done += part) {
		uint32_t value = 0;

		memcpy(&value, (const uint8_t *)data + done, part);
		ret = access_write(fn, offset + done, le32toh(value), part);
	}
	return ret;
}
