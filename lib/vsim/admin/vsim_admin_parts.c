/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Device parts: the state of a VF as a sequence of typed parts. Parts are read while the VF runs
 * or is stopped, and written while it is stopped. virtio 1.4 2.12.1.4.
 *
 * One function walks all parts in their order and calls a function for each part: to count it,
 * list it, send it, or compare it with what the driver wrote. Settings of the control queue are
 * not parts here. The position in a split ring is not a part either: the device keeps no buffer
 * across a stop, so the position is the used index in memory. No part has the position in a packed
 * ring, or the buffers that a device with shuffled completions has taken out of a ring, so parts
 * that enable such a ring cannot be written.
 */

#include <string.h>

#include "vsim/admin/vsim_admin_parts.h"
#include "vsim/admin/vsim_admin_objs.h"
#include "vsim/core/vsim_event.h"
#include "vsim/core/vsim_profile.h"
#include "vsim/regs/vsim_regs.h"
#include "vsim/regs/vsim_status.h"
#include "vsim/ring/vsim_queue.h"

struct part {
	uint16_t type;
	bool fixed; /**< The part is compared, never applied. */
	uint8_t flags;
	uint8_t selector[8];
	uint8_t value[32];
	uint32_t len;
};

/** @return false: stop the walk. */
typedef bool (*part_fn)(void *arg, const struct part *part);

/* ---------------------------------------------------------------- the parts of a VF */

static struct part
part_make(uint16_t type, const void *value, uint32_t len)
{
	struct part part = { .type = type, .len = len };

	memcpy(part.value, value, len);
	return part;
}

static struct part
features_part(uint16_t type, const struct vsim_features *f)
{
	const virtio_le64 words[] = { htole64(f->w[0]), htole64(f->w[1]) };
	struct part part = part_make(type, words, sizeof(words));

	if (type == VIRTIO_DEV_PART_DEV_FEATURES) {
		part.flags = VIRTIO_DEV_PART_F_OPTIONAL;
		part.fixed = true;
	}
	return part;
}

/* Registers of the common configuration that belong to no queue and have no part of their own. */
static const struct {
	uint8_t offset, width;
	bool fixed;
} common[] = {
#define AT(field)                                      \
	offsetof(struct virtio_pci_common_cfg, field), \
			sizeof(((struct virtio_pci_common_cfg *)0)->field)
	{ AT(device_feature_select), false },
	{ AT(driver_feature_select), false },
	{ AT(config_msix_vector), false },
	{ AT(num_queues), true },
	{ AT(queue_select), false },
#undef AT
};

static const struct vsim_reg *
common_reg(uint16_t offset)
{
	for (size_t i = 0; i < vsim_nb_common_regs; i++)
		if (vsim_common_regs[i].offset == offset)
			return &vsim_common_regs[i];
	return NULL;
}

static bool
common_parts(struct vsim_fn *fn, part_fn each, void *arg)
{
	for (size_t i = 0; i < sizeof(common) / sizeof(common[0]); i++) {
		virtio_le32 value = htole32(common_reg(common[i].offset)->read(fn));
		struct part part = part_make(VIRTIO_DEV_PART_PCI_COMMON_CFG, &value,
				common[i].width);

		part.selector[0] = common[i].offset;
		part.fixed = common[i].fixed;
		if (!each(arg, &part))
			return false;
	}
	return true;
}

static bool
queue_parts(struct vsim_fn *fn, uint16_t type, part_fn each, void *arg)
{
	for (uint16_t qi = 0; qi < vsim_fn_nb_queues(fn); qi++) {
		const struct vsim_queue_cfg *cfg = &fn->queue_cfg[qi];
		const struct virtio_dev_part_vq_cfg vq = {
			.queue_size = htole16(cfg->size),
			.vector = htole16(cfg->vector),
			.enabled = htole16(cfg->enabled),
			.queue_desc = htole64(cfg->desc),
			.queue_driver = htole64(cfg->driver),
			.queue_device = htole64(cfg->device),
		};
		const struct virtio_dev_part_vq_notify notify = {
			.queue_notify_off = htole16(vsim_queue_notify_off(fn->nic, qi)),
			.queue_notif_config_data = htole16(vsim_queue_notif_data(qi)),
		};
		struct part part = type == VIRTIO_DEV_PART_VQ_CFG ?
				part_make(type, &vq, sizeof(vq)) :
				part_make(type, &notify, sizeof(notify));

		part.selector[0] = qi;
		part.selector[1] = qi >> 8;
		part.fixed = type == VIRTIO_DEV_PART_VQ_NOTIFY_CFG;
		if (!each(arg, &part))
			return false;
	}
	return true;
}

static bool
parts_walk(struct vsim_fn *fn, part_fn each, void *arg)
{
	struct part offered = features_part(VIRTIO_DEV_PART_DEV_FEATURES, &fn->offered);
	struct part driver = features_part(VIRTIO_DEV_PART_DRV_FEATURES, &fn->driver);
	struct part status = part_make(VIRTIO_DEV_PART_DEVICE_STATUS, &fn->status, 1);

	return each(arg, &offered) && each(arg, &driver) && common_parts(fn, each, arg) &&
			each(arg, &status) && queue_parts(fn, VIRTIO_DEV_PART_VQ_CFG, each, arg) &&
			queue_parts(fn, VIRTIO_DEV_PART_VQ_NOTIFY_CFG, each, arg);
}

static struct virtio_dev_part_hdr
header_of(const struct part *part)
{
	struct virtio_dev_part_hdr hdr = {
		.type = htole16(part->type),
		.flags = part->flags,
		.length = htole32(part->len),
	};

	memcpy(hdr.selector, part->selector, sizeof(hdr.selector));
	return hdr;
}

/* ---------------------------------------------------------------- reading */

struct reader {
	struct vsim_admin_call *call;
	uint32_t count, bytes;
	bool full;
};

static bool
count_part(void *arg, const struct part *part)
{
	struct reader *r = arg;

	r->count++;
	r->bytes += sizeof(struct virtio_dev_part_hdr) + part->len;
	return true;
}

static bool
list_part(void *arg, const struct part *part)
{
	struct virtio_dev_part_hdr hdr = header_of(part);
	struct reader *r = arg;

	r->full = !vsim_admin_add(r->call, &hdr, sizeof(hdr));
	return !r->full;
}

static bool
send_part(void *arg, const struct part *part)
{
	struct virtio_dev_part_hdr hdr = header_of(part);
	struct reader *r = arg;

	r->full = r->call->result_room - r->call->result_len < sizeof(hdr) + part->len ||
			!vsim_admin_add(r->call, &hdr, sizeof(hdr)) ||
			!vsim_admin_add(r->call, part->value, part->len);
	return !r->full;
}

/* Send the part if the command names it; unknown parts are skipped (virtio 1.4 2.12.1.4.3.2). */
static bool
send_named_part(void *arg, const struct part *part)
{
	const struct vsim_admin_call *call = ((struct reader *)arg)->call;
	const size_t start = sizeof(struct virtio_dev_parts_cmd);
	struct virtio_dev_part_hdr hdr;

	for (size_t at = start; at + sizeof(hdr) <= call->data_len; at += sizeof(hdr)) {
		vsim_admin_data(call, at, &hdr, sizeof(hdr));
		if (le16toh(hdr.type) == part->type &&
				memcmp(hdr.selector, part->selector, sizeof(hdr.selector)) == 0)
			return send_part(arg, part);
	}
	return true;
}

/* Does the command name an object of this kind? */
static bool
object_is(struct vsim_admin_call *call, uint8_t kind)
{
	const struct vsim_admin_obj *obj;
	struct virtio_admin_obj_hdr hdr;

	vsim_admin_data(call, 0, &hdr, sizeof(hdr));
	obj = vsim_admin_obj_find(call->owner, le16toh(hdr.type), le32toh(hdr.id), call->member_id);
	return obj != NULL && obj->type == VIRTIO_ADMIN_OBJ_DEV_PARTS && obj->data.kind == kind;
}

static uint16_t
no_object(struct vsim_admin_call *call)
{
	return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_ENXIO,
			VIRTIO_ADMIN_QUALIFIER_INVALID_FIELD);
}

static uint16_t
no_room(struct vsim_admin_call *call)
{
	return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_ENOMEM,
			VIRTIO_ADMIN_QUALIFIER_NORESOURCE);
}

uint16_t
vsim_admin_metadata_get(struct vsim_admin_call *call)
{
	struct reader r = { .call = call };
	struct virtio_dev_parts_metadata metadata = { 0 };
	struct virtio_dev_parts_cmd cmd;

	vsim_admin_data(call, 0, &cmd, sizeof(cmd));
	if (!object_is(call, VIRTIO_DEV_PARTS_OBJ_GET))
		return no_object(call);
	if (cmd.type > VIRTIO_DEV_PARTS_METADATA_LIST)
		return vsim_admin_bad_field(call);
	parts_walk(call->member, count_part, &r);
	metadata.value = htole32(cmd.type == VIRTIO_DEV_PARTS_METADATA_SIZE ? r.bytes : r.count);
	if (!vsim_admin_add(call, &metadata, sizeof(metadata)))
		return no_room(call);
	if (cmd.type == VIRTIO_DEV_PARTS_METADATA_LIST)
		parts_walk(call->member, list_part, &r);
	return r.full ? no_room(call) : VIRTIO_ADMIN_STATUS_OK;
}

uint16_t
vsim_admin_parts_get(struct vsim_admin_call *call)
{
	struct reader r = { .call = call };
	struct virtio_dev_parts_cmd cmd;

	vsim_admin_data(call, 0, &cmd, sizeof(cmd));
	if (!object_is(call, VIRTIO_DEV_PARTS_OBJ_GET))
		return no_object(call);
	if (cmd.type > VIRTIO_DEV_PARTS_GET_ALL)
		return vsim_admin_bad_field(call);
	parts_walk(call->member, cmd.type == VIRTIO_DEV_PARTS_GET_ALL ? send_part : send_named_part,
			&r);
	/* The used length is the exact length, without padding. */
	call->exact = true;
	return r.full ? no_room(call) : VIRTIO_ADMIN_STATUS_OK;
}

/* ---------------------------------------------------------------- writing */

/* The new state of a VF; applied when all parts are valid. */
struct writer {
	struct vsim_fn *fn;
	struct virtio_dev_part_hdr hdr; /**< Header as the driver wrote it. */
	const uint8_t *value;
	bool known, wrong;
	struct vsim_features driver;
	uint8_t status;
	uint16_t config_vector, queue_select;
	uint32_t device_select, driver_select;
	struct vsim_queue_cfg queue_cfg[VSIM_MAX_QUEUES];
};

static uint64_t
le_value(const uint8_t *value, size_t len)
{
	uint64_t v = 0;

	for (size_t i = len; i-- > 0;)
		v = v << 8 | value[i];
	return v;
}

static void
common_apply(struct writer *w, const struct part *part)
{
	uint32_t v = le_value(w->value, part->len);

	switch (part->selector[0]) {
	case offsetof(struct virtio_pci_common_cfg, device_feature_select):
		w->device_select = v;
		break;
	case offsetof(struct virtio_pci_common_cfg, driver_feature_select):
		w->driver_select = v;
		break;
	case offsetof(struct virtio_pci_common_cfg, config_msix_vector):
		w->config_vector = v;
		w->wrong |= v != VIRTIO_MSI_NO_VECTOR && v >= w->fn->nic->nb_vectors;
		break;
	case offsetof(struct virtio_pci_common_cfg, queue_select):
		w->queue_select = v;
		break;
	}
}

static void
queue_apply(struct writer *w, const struct part *part)
{
	const uint16_t qi = le_value(part->selector, 2);
	struct vsim_queue_cfg *cfg = &w->queue_cfg[qi];
	struct virtio_dev_part_vq_cfg vq;

	memcpy(&vq, w->value, sizeof(vq));
	*cfg = (struct vsim_queue_cfg){
		.size = le16toh(vq.queue_size),
		.vector = le16toh(vq.vector),
		.enabled = le16toh(vq.enabled) != 0,
		.desc = le64toh(vq.queue_desc),
		.driver = le64toh(vq.queue_driver),
		.device = le64toh(vq.queue_device),
	};
	w->wrong |= cfg->size == 0 || cfg->size > w->fn->nic->conf.queue_size ||
			(cfg->vector != VIRTIO_MSI_NO_VECTOR &&
					cfg->vector >= w->fn->nic->nb_vectors);
}

/* If this is the part that the driver wrote, check it and store its value in the writer. */
static bool
match_part(void *arg, const struct part *part)
{
	struct writer *w = arg;

	if (le16toh(w->hdr.type) != part->type ||
			memcmp(w->hdr.selector, part->selector, sizeof(part->selector)) != 0)
		return true;
	w->known = true;
	w->wrong |= le32toh(w->hdr.length) != part->len;
	if (w->wrong)
		return false;
	if (part->fixed) {
		w->wrong = memcmp(w->value, part->value, part->len) != 0;
		return false;
	}
	switch (part->type) {
	case VIRTIO_DEV_PART_DRV_FEATURES:
		w->driver.w[0] = le_value(w->value, 8);
		w->driver.w[1] = le_value(w->value + 8, 8);
		break;
	case VIRTIO_DEV_PART_PCI_COMMON_CFG:
		common_apply(w, part);
		break;
	case VIRTIO_DEV_PART_DEVICE_STATUS:
		w->status = w->value[0];
		break;
	case VIRTIO_DEV_PART_VQ_CFG:
		queue_apply(w, part);
		break;
	}
	return false;
}

/* The place of the device in the rings of these features is in no part. */
static bool
place_unknown(const struct writer *w, bool negotiated)
{
	if (negotiated && vsim_features_has(&w->driver, VIRTIO_F_RING_PACKED))
		return true;
	return w->fn->nic->conf.shuffled_completions &&
			!(negotiated && vsim_features_has(&w->driver, VIRTIO_F_IN_ORDER));
}

/* Check the features together with the queues that they enable. */
static bool
features_match(struct writer *w)
{
	const bool negotiated = w->status & VIRTIO_STATUS_FEATURES_OK;

	if (negotiated &&
			vsim_features_broken_rule(&w->driver, &w->fn->offered) != VIRTIO_RULE_NONE)
		return false;
	for (uint16_t qi = 0; qi < VSIM_MAX_QUEUES; qi++)
		if (w->queue_cfg[qi].enabled && place_unknown(w, negotiated))
			return false;
	return true;
}

static bool
parse(struct writer *w, const struct vsim_admin_call *call)
{
	size_t at = sizeof(struct virtio_admin_obj_hdr);

	/* Fewer bytes than a header are padding. */
	while (at + sizeof(w->hdr) <= call->data_len) {
		vsim_admin_data(call, at, &w->hdr, sizeof(w->hdr));
		at += sizeof(w->hdr);
		if (le32toh(w->hdr.length) > call->data_len - at)
			return false;
		w->value = call->data + at;
		w->known = false;
		parts_walk(w->fn, match_part, w);
		if (w->wrong || (!w->known && !(w->hdr.flags & VIRTIO_DEV_PART_F_OPTIONAL)))
			return false;
		at += le32toh(w->hdr.length);
	}
	return features_match(w);
}

uint16_t
vsim_admin_parts_set(struct vsim_admin_call *call)
{
	struct vsim_fn *fn = call->member;
	struct writer w = {
		.fn = fn,
		.driver = fn->driver,
		.status = fn->status,
		.config_vector = fn->config_vector,
		.queue_select = fn->queue_select,
		.device_select = fn->device_feature_select,
		.driver_select = fn->driver_feature_select,
	};

	memcpy(w.queue_cfg, fn->queue_cfg, sizeof(w.queue_cfg));
	if (!object_is(call, VIRTIO_DEV_PARTS_OBJ_SET))
		return no_object(call);
	if (!fn->stopped) {
		vsim_fn_violation(call->owner, VIRTIO_RULE_STOP_FIRST);
		return vsim_admin_refuse(call, VIRTIO_ADMIN_STATUS_EINVAL,
				VIRTIO_ADMIN_QUALIFIER_INVALID_COMMAND);
	}
	if (call->data_len > VSIM_ADMIN_BYTES)
		return no_room(call);
	if (!parse(&w, call))
		return vsim_admin_bad_field(call);
	fn->driver = w.driver;
	fn->accepted = w.status & VIRTIO_STATUS_FEATURES_OK ? w.driver :
							      (struct vsim_features){ { 0 } };
	fn->status = w.status;
	fn->config_vector = w.config_vector;
	fn->queue_select = w.queue_select;
	fn->device_feature_select = w.device_select;
	fn->driver_feature_select = w.driver_select;
	memcpy(fn->queue_cfg, w.queue_cfg, sizeof(fn->queue_cfg));
	/* The queues are activated again when the VF runs again. */
	for (uint16_t qi = 0; qi < VSIM_MAX_QUEUES; qi++)
		vsim_queue_deactivate(fn, qi);
	fn->restored = true;
	return VIRTIO_ADMIN_STATUS_OK;
}

uint16_t
vsim_admin_mode_set(struct vsim_admin_call *call)
{
	uint8_t flags;

	vsim_admin_data(call, 0, &flags, sizeof(flags));
	if (flags & ~VIRTIO_DEV_MODE_STOPPED)
		return vsim_admin_bad_field(call);
	vsim_fn_stop(call->member, flags & VIRTIO_DEV_MODE_STOPPED);
	return VIRTIO_ADMIN_STATUS_OK;
}
