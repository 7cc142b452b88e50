/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIRTIO_SPEC_ADMIN_H
#define VIRTIO_SPEC_ADMIN_H

/**
 * @file
 * Administration commands: layout of the command and of the answer, by opcode.
 *
 * virtio 1.4 2.12 "Device groups", 2.12.1 "Group administration commands", 2.13 "Administration
 * Virtqueues". A command is a header and data, which the device reads; the answer is a header and
 * a result, which the device writes. Where the specification contradicts itself, a comment here
 * names the choice.
 */

#include "wire.h"

/* Groups */
#define VIRTIO_ADMIN_GROUP_SELF 0 /**< The owner itself; member 0. */
#define VIRTIO_ADMIN_GROUP_SRIOV 1 /**< The VFs of a PF; members 1..NumVFs. */
#define VIRTIO_ADMIN_NB_GROUPS 2

/* Opcodes */
#define VIRTIO_ADMIN_LIST_QUERY 0x00
#define VIRTIO_ADMIN_LIST_USE 0x01
#define VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE 0x02
#define VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ 0x03
#define VIRTIO_ADMIN_LEGACY_DEV_CFG_WRITE 0x04
#define VIRTIO_ADMIN_LEGACY_DEV_CFG_READ 0x05
#define VIRTIO_ADMIN_LEGACY_NOTIFY_INFO 0x06
#define VIRTIO_ADMIN_CAP_ID_LIST_QUERY 0x07
#define VIRTIO_ADMIN_DEVICE_CAP_GET 0x08
#define VIRTIO_ADMIN_DRIVER_CAP_SET 0x09
#define VIRTIO_ADMIN_RESOURCE_OBJ_CREATE 0x0a
/* The table of opcodes and the sections of these two commands exchange their numbers; the
 * numbers here are those of the table. */
#define VIRTIO_ADMIN_RESOURCE_OBJ_QUERY 0x0b
#define VIRTIO_ADMIN_RESOURCE_OBJ_MODIFY 0x0c
#define VIRTIO_ADMIN_RESOURCE_OBJ_DESTROY 0x0d
#define VIRTIO_ADMIN_DEV_PARTS_METADATA_GET 0x0e
#define VIRTIO_ADMIN_DEV_PARTS_GET 0x0f
#define VIRTIO_ADMIN_DEV_PARTS_SET 0x10
#define VIRTIO_ADMIN_DEV_MODE_SET 0x11
#define VIRTIO_ADMIN_NB_OPCODES 0x12

/** Every opcode, as X(opcode macro, "name" on command lines). */
#define VIRTIO_ADMIN_OPCODE_NAMES(X)                                       \
	X(VIRTIO_ADMIN_LIST_QUERY, "list_query")                           \
	X(VIRTIO_ADMIN_LIST_USE, "list_use")                               \
	X(VIRTIO_ADMIN_LEGACY_COMMON_CFG_WRITE, "legacy_common_cfg_write") \
	X(VIRTIO_ADMIN_LEGACY_COMMON_CFG_READ, "legacy_common_cfg_read")   \
	X(VIRTIO_ADMIN_LEGACY_DEV_CFG_WRITE, "legacy_dev_cfg_write")       \
	X(VIRTIO_ADMIN_LEGACY_DEV_CFG_READ, "legacy_dev_cfg_read")         \
	X(VIRTIO_ADMIN_LEGACY_NOTIFY_INFO, "legacy_notify_info")           \
	X(VIRTIO_ADMIN_CAP_ID_LIST_QUERY, "cap_id_list_query")             \
	X(VIRTIO_ADMIN_DEVICE_CAP_GET, "device_cap_get")                   \
	X(VIRTIO_ADMIN_DRIVER_CAP_SET, "driver_cap_set")                   \
	X(VIRTIO_ADMIN_RESOURCE_OBJ_CREATE, "resource_obj_create")         \
	X(VIRTIO_ADMIN_RESOURCE_OBJ_QUERY, "resource_obj_query")           \
	X(VIRTIO_ADMIN_RESOURCE_OBJ_MODIFY, "resource_obj_modify")         \
	X(VIRTIO_ADMIN_RESOURCE_OBJ_DESTROY, "resource_obj_destroy")       \
	X(VIRTIO_ADMIN_DEV_PARTS_METADATA_GET, "dev_parts_metadata_get")   \
	X(VIRTIO_ADMIN_DEV_PARTS_GET, "dev_parts_get")                     \
	X(VIRTIO_ADMIN_DEV_PARTS_SET, "dev_parts_set")                     \
	X(VIRTIO_ADMIN_DEV_MODE_SET, "dev_mode_set")

/* Sets of opcodes, as in the bitmaps of LIST_QUERY and LIST_USE */
#define VIRTIO_ADMIN_LIST_BASIC UINT64_C(0x3) /**< In use after a reset. */
#define VIRTIO_ADMIN_LIST_LEGACY UINT64_C(0x3c) /**< All four or none. */
#define VIRTIO_ADMIN_LIST_NOTIFY_INFO UINT64_C(0x40) /**< Only with the four of LIST_LEGACY. */
#define VIRTIO_ADMIN_LIST_CAPS UINT64_C(0x380) /**< All three or none. */
#define VIRTIO_ADMIN_LIST_OBJS UINT64_C(0x3c00) /**< All four or none. */
#define VIRTIO_ADMIN_LIST_PARTS UINT64_C(0x3c000) /**< All four or none, and only with objects. */
#define VIRTIO_ADMIN_LIST_ALL UINT64_C(0x3ffff)

/* Status: errno numbers of Linux. The text uses EEXIST, which the table of the specification
 * lacks. */
#define VIRTIO_ADMIN_STATUS_OK 0
#define VIRTIO_ADMIN_STATUS_ENXIO 6
#define VIRTIO_ADMIN_STATUS_EAGAIN 11
#define VIRTIO_ADMIN_STATUS_ENOMEM 12
#define VIRTIO_ADMIN_STATUS_EBUSY 16
#define VIRTIO_ADMIN_STATUS_EEXIST 17
#define VIRTIO_ADMIN_STATUS_EINVAL 22
#define VIRTIO_ADMIN_STATUS_ENOSPC 28

/* Qualifier: the reason of a status that is not OK */
#define VIRTIO_ADMIN_QUALIFIER_OK 0
#define VIRTIO_ADMIN_QUALIFIER_INVALID_COMMAND 1
#define VIRTIO_ADMIN_QUALIFIER_INVALID_OPCODE 2
#define VIRTIO_ADMIN_QUALIFIER_INVALID_FIELD 3
#define VIRTIO_ADMIN_QUALIFIER_INVALID_GROUP 4
#define VIRTIO_ADMIN_QUALIFIER_INVALID_MEMBER 5
#define VIRTIO_ADMIN_QUALIFIER_NORESOURCE 6
#define VIRTIO_ADMIN_QUALIFIER_TRYAGAIN 7

/** Header of a command; the data of the command follows. */
struct virtio_admin_cmd_hdr {
	virtio_le16 opcode;
	virtio_le16 group_type;
	uint8_t reserved[12];
	virtio_le64 group_member_id;
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_admin_cmd_hdr, 24);
VIRTIO_WIRE_FIELD(virtio_admin_cmd_hdr, opcode, 0, 2);
VIRTIO_WIRE_FIELD(virtio_admin_cmd_hdr, group_type, 2, 2);
VIRTIO_WIRE_FIELD(virtio_admin_cmd_hdr, reserved, 4, 12);
VIRTIO_WIRE_FIELD(virtio_admin_cmd_hdr, group_member_id, 16, 8);

/** Header of the answer; the result of the command follows. */
struct virtio_admin_cmd_answer {
	virtio_le16 status;
	virtio_le16 status_qualifier;
	uint8_t reserved[4];
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_admin_cmd_answer, 8);
VIRTIO_WIRE_FIELD(virtio_admin_cmd_answer, status, 0, 2);
VIRTIO_WIRE_FIELD(virtio_admin_cmd_answer, status_qualifier, 2, 2);
VIRTIO_WIRE_FIELD(virtio_admin_cmd_answer, reserved, 4, 4);

/* ---------------------------------------------------------------- legacy registers, 0x02..0x06 */

/** Data of a legacy write; the bytes to write follow. Data of a read is only the offset, one
 * byte. */
struct virtio_admin_legacy_wr {
	uint8_t offset;
	uint8_t reserved[7];
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_admin_legacy_wr, 8);
VIRTIO_WIRE_FIELD(virtio_admin_legacy_wr, offset, 0, 1);
VIRTIO_WIRE_FIELD(virtio_admin_legacy_wr, reserved, 1, 7);

#define VIRTIO_ADMIN_NOTIFY_ENTRIES 4 /**< The last entry is the end mark, so three can be used. */
#define VIRTIO_ADMIN_NOTIFY_END 0
#define VIRTIO_ADMIN_NOTIFY_OWNER 1 /**< A BAR of the PF. */
#define VIRTIO_ADMIN_NOTIFY_MEMBER 2 /**< A BAR of the VF itself. */

/** One entry of the result of LEGACY_NOTIFY_INFO. */
struct virtio_admin_notify_info {
	uint8_t flags; /**< VIRTIO_ADMIN_NOTIFY_*. */
	uint8_t bar; /**< 1..5. */
	uint8_t reserved[6];
	virtio_le64 offset; /**< Even; in a BAR of VFs: relative to the part of the VF. */
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_admin_notify_info, 16);
VIRTIO_WIRE_FIELD(virtio_admin_notify_info, flags, 0, 1);
VIRTIO_WIRE_FIELD(virtio_admin_notify_info, bar, 1, 1);
VIRTIO_WIRE_FIELD(virtio_admin_notify_info, reserved, 2, 6);
VIRTIO_WIRE_FIELD(virtio_admin_notify_info, offset, 8, 8);

/* ---------------------------------------------------------------- capabilities, 0x07..0x09 */

#define VIRTIO_ADMIN_CAP_DEV_PARTS 0x0000
#define VIRTIO_ADMIN_CAP_FF_RESOURCE 0x0800
#define VIRTIO_ADMIN_CAP_FF_SELECTOR 0x0801
#define VIRTIO_ADMIN_CAP_FF_ACTION 0x0802
#define VIRTIO_ADMIN_NB_CAPS 0x1000

/** Data of DEVICE_CAP_GET; start of the data of DRIVER_CAP_SET, before the capability. */
struct virtio_admin_cap_hdr {
	virtio_le16 id;
	uint8_t reserved[6];
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_admin_cap_hdr, 8);
VIRTIO_WIRE_FIELD(virtio_admin_cap_hdr, id, 0, 2);
VIRTIO_WIRE_FIELD(virtio_admin_cap_hdr, reserved, 2, 6);

/** The capability DEV_PARTS. */
struct virtio_dev_parts_cap {
	uint8_t get_limit; /**< Largest number of objects of kind GET. */
	uint8_t set_limit;
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_dev_parts_cap, 2);
VIRTIO_WIRE_FIELD(virtio_dev_parts_cap, get_limit, 0, 1);
VIRTIO_WIRE_FIELD(virtio_dev_parts_cap, set_limit, 1, 1);

/* ---------------------------------------------------------------- resource objects, 0x0a..0x0d */

#define VIRTIO_ADMIN_OBJ_DEV_PARTS 0x000
#define VIRTIO_ADMIN_OBJ_FF_GROUP 0x200
#define VIRTIO_ADMIN_OBJ_FF_CLASSIFIER 0x201
#define VIRTIO_ADMIN_OBJ_FF_RULE 0x202

/** Start of the data of every command on an object. */
struct virtio_admin_obj_hdr {
	virtio_le16 type;
	uint8_t reserved[2];
	virtio_le32 id;
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_admin_obj_hdr, 8);
VIRTIO_WIRE_FIELD(virtio_admin_obj_hdr, type, 0, 2);
VIRTIO_WIRE_FIELD(virtio_admin_obj_hdr, reserved, 2, 2);
VIRTIO_WIRE_FIELD(virtio_admin_obj_hdr, id, 4, 4);

/** Data of CREATE, QUERY and MODIFY; in CREATE and MODIFY the data of the object follows. */
struct virtio_admin_obj_cmd {
	struct virtio_admin_obj_hdr hdr;
	virtio_le64 flags; /**< Zero. */
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_admin_obj_cmd, 16);
VIRTIO_WIRE_FIELD(virtio_admin_obj_cmd, hdr, 0, 8);
VIRTIO_WIRE_FIELD(virtio_admin_obj_cmd, flags, 8, 8);

#define VIRTIO_DEV_PARTS_OBJ_GET 0
#define VIRTIO_DEV_PARTS_OBJ_SET 1

/** Data of an object of type DEV_PARTS. */
struct virtio_dev_parts_obj {
	uint8_t kind; /**< VIRTIO_DEV_PARTS_OBJ_*. */
	uint8_t reserved[7];
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_dev_parts_obj, 8);
VIRTIO_WIRE_FIELD(virtio_dev_parts_obj, kind, 0, 1);
VIRTIO_WIRE_FIELD(virtio_dev_parts_obj, reserved, 1, 7);

/* ---------------------------------------------------------------- device parts, 0x0e..0x11 */

/** Data of DEV_PARTS_METADATA_GET and DEV_PARTS_GET; in DEV_PARTS_GET, headers of parts may
 * follow. */
struct virtio_dev_parts_cmd {
	struct virtio_admin_obj_hdr hdr;
	uint8_t type; /**< VIRTIO_DEV_PARTS_METADATA_* or VIRTIO_DEV_PARTS_GET_*. */
	uint8_t reserved[7];
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_dev_parts_cmd, 16);
VIRTIO_WIRE_FIELD(virtio_dev_parts_cmd, hdr, 0, 8);
VIRTIO_WIRE_FIELD(virtio_dev_parts_cmd, type, 8, 1);
VIRTIO_WIRE_FIELD(virtio_dev_parts_cmd, reserved, 9, 7);

#define VIRTIO_DEV_PARTS_METADATA_SIZE 0
#define VIRTIO_DEV_PARTS_METADATA_COUNT 1
#define VIRTIO_DEV_PARTS_METADATA_LIST 2
#define VIRTIO_DEV_PARTS_GET_SELECTED 0
#define VIRTIO_DEV_PARTS_GET_ALL 1

/** Result of DEV_PARTS_METADATA_GET; headers follow for LIST. */
struct virtio_dev_parts_metadata {
	virtio_le32 value; /**< Bytes for SIZE, else number of parts. */
	virtio_le32 reserved;
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_dev_parts_metadata, 8);
VIRTIO_WIRE_FIELD(virtio_dev_parts_metadata, value, 0, 4);
VIRTIO_WIRE_FIELD(virtio_dev_parts_metadata, reserved, 4, 4);

#define VIRTIO_DEV_PART_DEV_FEATURES 0x100
#define VIRTIO_DEV_PART_DRV_FEATURES 0x101
#define VIRTIO_DEV_PART_PCI_COMMON_CFG 0x102
#define VIRTIO_DEV_PART_DEVICE_STATUS 0x103
#define VIRTIO_DEV_PART_VQ_CFG 0x104
#define VIRTIO_DEV_PART_VQ_NOTIFY_CFG 0x105
#define VIRTIO_DEV_PART_NET_CVQ_CFG 0x200
#define VIRTIO_DEV_PART_F_OPTIONAL 1

/** Header of a part; the value follows, without padding. */
struct virtio_dev_part_hdr {
	virtio_le16 type;
	uint8_t flags;
	uint8_t reserved;
	uint8_t selector[8]; /**< Which part of this type, for instance the queue. */
	virtio_le32 length; /**< Bytes of the value. */
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_dev_part_hdr, 16);
VIRTIO_WIRE_FIELD(virtio_dev_part_hdr, type, 0, 2);
VIRTIO_WIRE_FIELD(virtio_dev_part_hdr, flags, 2, 1);
VIRTIO_WIRE_FIELD(virtio_dev_part_hdr, reserved, 3, 1);
VIRTIO_WIRE_FIELD(virtio_dev_part_hdr, selector, 4, 8);
VIRTIO_WIRE_FIELD(virtio_dev_part_hdr, length, 12, 4);

/** Value of VIRTIO_DEV_PART_VQ_CFG. */
struct virtio_dev_part_vq_cfg {
	virtio_le16 queue_size;
	virtio_le16 vector;
	virtio_le16 enabled;
	virtio_le16 reserved;
	virtio_le64 queue_desc;
	virtio_le64 queue_driver;
	virtio_le64 queue_device;
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_dev_part_vq_cfg, 32);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_cfg, queue_size, 0, 2);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_cfg, vector, 2, 2);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_cfg, enabled, 4, 2);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_cfg, reserved, 6, 2);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_cfg, queue_desc, 8, 8);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_cfg, queue_driver, 16, 8);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_cfg, queue_device, 24, 8);

/** Value of VIRTIO_DEV_PART_VQ_NOTIFY_CFG. */
struct virtio_dev_part_vq_notify {
	virtio_le16 queue_notify_off;
	virtio_le16 queue_notif_config_data;
	uint8_t reserved[4];
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_dev_part_vq_notify, 8);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_notify, queue_notify_off, 0, 2);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_notify, queue_notif_config_data, 2, 2);
VIRTIO_WIRE_FIELD(virtio_dev_part_vq_notify, reserved, 4, 4);

#define VIRTIO_DEV_MODE_STOPPED 1 /**< Flag of DEV_MODE_SET, one byte; 0: run. */

#endif /* VIRTIO_SPEC_ADMIN_H */
