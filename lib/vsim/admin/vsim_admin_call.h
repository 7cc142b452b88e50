/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_ADMIN_CALL_H
#define VSIM_ADMIN_CALL_H

/**
 * @file
 * An administration command that is being carried out. Everything runs with the NIC's lock held.
 * virtio 1.4 2.12, 2.13.
 */

#include "vsim/core/vsim_fn.h"

#define VSIM_ADMIN_BYTES 16384 /**< Of a command's data, and of a result, that are looked at. */
#define VSIM_ADMIN_PENDING 256 /**< Commands under way per function. */
#define VSIM_ADMIN_OBJS 32 /**< Resource objects, all types together. */
#define VSIM_ADMIN_PARTS_LIMIT 16 /**< Objects of each kind in DEV_PARTS. */

/** A resource object. */
struct vsim_admin_obj {
	bool used;
	uint16_t type;
	uint32_t id;
	uint64_t member; /**< Number of the VF. */
	uint64_t generation; /**< Of the VF, when the object was made. */
	struct virtio_dev_parts_obj data;
};

struct vsim_admin_pending;

struct vsim_admin {
	uint64_t generation; /**< Of the owner, which lists, capabilities and objects belong to. */
	uint64_t in_use[VIRTIO_ADMIN_NB_GROUPS]; /**< Opcodes, by group. */
	struct virtio_dev_parts_cap driver_parts; /**< DEV_PARTS as the driver set it. */
	struct vsim_admin_obj objs[VSIM_ADMIN_OBJS];
	struct vsim_admin_pending *pending; /**< In the order in which they came. */
	unsigned int nb_pending;
	uint64_t next_due; /**< vsim_clock() at which to look at them again. */
	uint8_t result[VSIM_ADMIN_BYTES]; /**< Of the command that is being carried out. */
};

/** A command that is being carried out. */
struct vsim_admin_call {
	struct vsim_fn *owner;
	struct vsim_fn *member; /**< NULL for the group SELF, and for the lists. */
	uint16_t opcode, group;
	uint64_t member_id;
	const uint8_t *data; /**< Command specific data; what is not there reads as zero. */
	size_t data_len;
	uint8_t *result; /**< Zeroed. */
	size_t result_room, result_len; /**< result_len: bytes of it that count. */
	bool exact; /**< The result is not filled up to a multiple of eight. */
	uint16_t qualifier;
};

/** Carry one out. @return VIRTIO_ADMIN_STATUS_*; qualifier says more when it is not OK. */
typedef uint16_t (*vsim_admin_fn)(struct vsim_admin_call *call);

/** Copy from the command's data; zeros where there is none. */
void vsim_admin_data(const struct vsim_admin_call *call, size_t offset, void *buf, size_t len);
/** Add to the result. @return false when there is no room for all of it: nothing is added. */
bool vsim_admin_add(struct vsim_admin_call *call, const void *data, size_t len);
/** End with this status and qualifier. @return status. */
uint16_t vsim_admin_refuse(struct vsim_admin_call *call, uint16_t status, uint16_t qualifier);
/** A field of the command is wrong. @return VIRTIO_ADMIN_STATUS_EINVAL */
uint16_t vsim_admin_bad_field(struct vsim_admin_call *call);

#endif /* VSIM_ADMIN_CALL_H */
