/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIRTIO_SPEC_PCI_H
#define VIRTIO_SPEC_PCI_H

/**
 * @file
 * virtio over PCI: identities, vendor capabilities, common configuration, doorbells, and the
 * few PCI and SR-IOV registers that a virtio function needs.
 *
 * virtio 1.4 4.1 "Virtio Over PCI Bus"; PCI Express Base Specification for the rest.
 */

#include "wire.h"

/* Identity, virtio 1.4 4.1.2 "PCI Device Discovery" */
#define VIRTIO_PCI_VENDOR_ID 0x1af4
#define VIRTIO_PCI_DEVICE_ID_NET 0x1041
#define VIRTIO_PCI_DEVICE_ID_NET_TRANSITIONAL 0x1000

/* Capability types, virtio 1.4 4.1.4 "Virtio Structure PCI Capabilities" */
#define VIRTIO_PCI_CAP_COMMON_CFG 1
#define VIRTIO_PCI_CAP_NOTIFY_CFG 2
#define VIRTIO_PCI_CAP_ISR_CFG 3
#define VIRTIO_PCI_CAP_DEVICE_CFG 4
#define VIRTIO_PCI_CAP_PCI_CFG 5
#define VIRTIO_PCI_CAP_SHARED_MEMORY_CFG 8
#define VIRTIO_PCI_CAP_VENDOR_CFG 9

struct virtio_pci_cap {
	uint8_t cap_vndr; /**< PCI_CAP_ID_VNDR. */
	uint8_t cap_next;
	uint8_t cap_len; /**< Length of the whole capability, with extra data. */
	uint8_t cfg_type;
	uint8_t bar; /**< 0..5, other values are reserved. */
	uint8_t id;
	uint8_t padding[2];
	virtio_le32 offset; /**< Offset in the BAR, bytes. */
	virtio_le32 length; /**< Bytes; may be larger than the known structure. */
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_pci_cap, 16);
VIRTIO_WIRE_FIELD(virtio_pci_cap, cap_vndr, 0, 1);
VIRTIO_WIRE_FIELD(virtio_pci_cap, cap_next, 1, 1);
VIRTIO_WIRE_FIELD(virtio_pci_cap, cap_len, 2, 1);
VIRTIO_WIRE_FIELD(virtio_pci_cap, cfg_type, 3, 1);
VIRTIO_WIRE_FIELD(virtio_pci_cap, bar, 4, 1);
VIRTIO_WIRE_FIELD(virtio_pci_cap, id, 5, 1);
VIRTIO_WIRE_FIELD(virtio_pci_cap, padding, 6, 2);
VIRTIO_WIRE_FIELD(virtio_pci_cap, offset, 8, 4);
VIRTIO_WIRE_FIELD(virtio_pci_cap, length, 12, 4);

struct virtio_pci_notify_cap {
	struct virtio_pci_cap cap;
	virtio_le32 notify_off_multiplier; /**< Bytes per unit of queue_notify_off. */
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_pci_notify_cap, 20);
VIRTIO_WIRE_FIELD(virtio_pci_notify_cap, cap, 0, 16);
VIRTIO_WIRE_FIELD(virtio_pci_notify_cap, notify_off_multiplier, 16, 4);

struct virtio_pci_cfg_cap {
	struct virtio_pci_cap cap;
	uint8_t pci_cfg_data[4];
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_pci_cfg_cap, 20);
VIRTIO_WIRE_FIELD(virtio_pci_cfg_cap, cap, 0, 16);
VIRTIO_WIRE_FIELD(virtio_pci_cfg_cap, pci_cfg_data, 16, 4);

/** virtio 1.4 4.1.4.3 "Common configuration structure layout". */
struct virtio_pci_common_cfg {
	virtio_le32 device_feature_select;
	virtio_le32 device_feature;
	virtio_le32 driver_feature_select;
	virtio_le32 driver_feature;
	virtio_le16 config_msix_vector;
	virtio_le16 num_queues;
	uint8_t device_status;
	uint8_t config_generation;
	virtio_le16 queue_select;
	virtio_le16 queue_size;
	virtio_le16 queue_msix_vector;
	virtio_le16 queue_enable;
	virtio_le16 queue_notify_off;
	virtio_le64 queue_desc;
	virtio_le64 queue_driver;
	virtio_le64 queue_device;
	virtio_le16 queue_notif_config_data; /**< With VIRTIO_F_NOTIF_CONFIG_DATA. */
	virtio_le16 queue_reset; /**< With VIRTIO_F_RING_RESET. */
	virtio_le16 admin_queue_index; /**< With VIRTIO_F_ADMIN_VQ. */
	virtio_le16 admin_queue_num; /**< With VIRTIO_F_ADMIN_VQ. */
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_pci_common_cfg, 64);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, device_feature_select, 0, 4);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, device_feature, 4, 4);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, driver_feature_select, 8, 4);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, driver_feature, 12, 4);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, config_msix_vector, 16, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, num_queues, 18, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, device_status, 20, 1);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, config_generation, 21, 1);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_select, 22, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_size, 24, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_msix_vector, 26, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_enable, 28, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_notify_off, 30, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_desc, 32, 8);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_driver, 40, 8);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_device, 48, 8);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_notif_config_data, 56, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, queue_reset, 58, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, admin_queue_index, 60, 2);
VIRTIO_WIRE_FIELD(virtio_pci_common_cfg, admin_queue_num, 62, 2);

/** Vector number that means "no interrupt", virtio 1.4 4.1.5.1.2 "MSI-X Vector Configuration". */
#define VIRTIO_MSI_NO_VECTOR 0xffff

/* ISR status, virtio 1.4 4.1.4.5 "ISR status capability" */
#define VIRTIO_PCI_ISR_QUEUE 0x01
#define VIRTIO_PCI_ISR_CONFIG 0x02

/* Device status, virtio 1.4 2.1 "Device Status Field" */
#define VIRTIO_STATUS_ACKNOWLEDGE 0x01
#define VIRTIO_STATUS_DRIVER 0x02
#define VIRTIO_STATUS_DRIVER_OK 0x04
#define VIRTIO_STATUS_FEATURES_OK 0x08
#define VIRTIO_STATUS_SUSPEND 0x10
#define VIRTIO_STATUS_NEEDS_RESET 0x40
#define VIRTIO_STATUS_FAILED 0x80

/* 32-bit doorbell, virtio 1.4 4.1.5.2 "Available Buffer Notifications" */
#define VIRTIO_NOTIFY_NEXT_OFF_SHIFT 16
#define VIRTIO_NOTIFY_NEXT_WRAP_SHIFT 31

/* PCI configuration space (PCI Express Base Specification 7.5) */
#define PCI_CFG_VENDOR_ID 0x00
#define PCI_CFG_DEVICE_ID 0x02
#define PCI_CFG_COMMAND 0x04
#define PCI_CFG_STATUS 0x06
#define PCI_CFG_REVISION 0x08
#define PCI_CFG_CLASS 0x09 /**< Three bytes: interface, sub-class, base class. */
#define PCI_CFG_HEADER_TYPE 0x0e
#define PCI_CFG_BAR0 0x10
#define PCI_CFG_SUBSYS_VENDOR_ID 0x2c
#define PCI_CFG_SUBSYS_ID 0x2e
#define PCI_CFG_CAP_PTR 0x34
#define PCI_CFG_INTERRUPT_PIN 0x3d
#define PCI_CFG_EXT_CAPS 0x100
#define PCI_CFG_SIZE 256
#define PCI_CFG_EXT_SIZE 4096

#define PCI_COMMAND_IO_SPACE 0x0001
#define PCI_COMMAND_MEM_SPACE 0x0002
#define PCI_COMMAND_BUS_MASTER 0x0004
#define PCI_COMMAND_INTX_OFF 0x0400
#define PCI_STATUS_INTX 0x0008
#define PCI_STATUS_CAPS 0x0010

#define PCI_CAPABILITY_VENDOR 0x09
#define PCI_CAPABILITY_EXPRESS 0x10
#define PCI_CAPABILITY_MSIX 0x11
#define PCI_EXT_CAPABILITY_ARI 0x000e
#define PCI_EXT_CAPABILITY_SRIOV 0x0010
#define PCI_EXT_CAPABILITY_PASID 0x001b

#define PCI_CLASS_ETHERNET 0x020000

/* PASID extended capability (PCI Express Base Specification 7.8.9) */
#define PCI_PASID_CAP 0x04
#define PCI_PASID_CAP_EXEC 0x0002
#define PCI_PASID_CAP_PRIV 0x0004
#define PCI_PASID_CAP_WIDTH_SHIFT 8 /**< Five bits: Max PASID Width. */
#define PCI_PASID_CTRL 0x06
#define PCI_PASID_CTRL_ENABLE 0x0001
#define PCI_PASID_CTRL_EXEC 0x0002
#define PCI_PASID_CTRL_PRIV 0x0004

/* MSI-X capability and table entry (PCI Express Base Specification 7.7.2) */
#define PCI_MSIX_CTRL 2 /**< Message Control; bits 10:0 are the table size minus one. */
#define PCI_MSIX_CTRL_FUNCTION_MASK 0x4000
#define PCI_MSIX_CTRL_ENABLE 0x8000
#define PCI_MSIX_TABLE 4
#define PCI_MSIX_PBA 8
#define PCI_MSIX_CAP_LEN 12
#define PCI_MSIX_ENTRY_LEN 16
#define PCI_MSIX_ENTRY_CTRL 12
#define PCI_MSIX_ENTRY_MASKED 0x1

/** SR-IOV extended capability (PCI Express Base Specification 9.3.3). */
struct pci_sriov_cap {
	virtio_le32 header; /**< Id, version, next. */
	virtio_le32 capabilities;
	virtio_le16 control;
	virtio_le16 status;
	virtio_le16 initial_vfs;
	virtio_le16 total_vfs;
	virtio_le16 num_vfs; /**< Writable only while VF Enable is 0. */
	uint8_t function_link;
	uint8_t reserved0;
	virtio_le16 first_vf_offset; /**< Routing id of VF 1 minus that of the PF. */
	virtio_le16 vf_stride;
	virtio_le16 reserved1;
	virtio_le16 vf_device_id;
	virtio_le32 supported_page_sizes;
	virtio_le32 system_page_size;
	virtio_le32 vf_bar[6];
	virtio_le32 migration_state_array;
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(pci_sriov_cap, 64);
VIRTIO_WIRE_FIELD(pci_sriov_cap, header, 0x00, 4);
VIRTIO_WIRE_FIELD(pci_sriov_cap, capabilities, 0x04, 4);
VIRTIO_WIRE_FIELD(pci_sriov_cap, control, 0x08, 2);
VIRTIO_WIRE_FIELD(pci_sriov_cap, status, 0x0a, 2);
VIRTIO_WIRE_FIELD(pci_sriov_cap, initial_vfs, 0x0c, 2);
VIRTIO_WIRE_FIELD(pci_sriov_cap, total_vfs, 0x0e, 2);
VIRTIO_WIRE_FIELD(pci_sriov_cap, num_vfs, 0x10, 2);
VIRTIO_WIRE_FIELD(pci_sriov_cap, function_link, 0x12, 1);
VIRTIO_WIRE_FIELD(pci_sriov_cap, reserved0, 0x13, 1);
VIRTIO_WIRE_FIELD(pci_sriov_cap, first_vf_offset, 0x14, 2);
VIRTIO_WIRE_FIELD(pci_sriov_cap, vf_stride, 0x16, 2);
VIRTIO_WIRE_FIELD(pci_sriov_cap, reserved1, 0x18, 2);
VIRTIO_WIRE_FIELD(pci_sriov_cap, vf_device_id, 0x1a, 2);
VIRTIO_WIRE_FIELD(pci_sriov_cap, supported_page_sizes, 0x1c, 4);
VIRTIO_WIRE_FIELD(pci_sriov_cap, system_page_size, 0x20, 4);
VIRTIO_WIRE_FIELD(pci_sriov_cap, vf_bar, 0x24, 24);
VIRTIO_WIRE_FIELD(pci_sriov_cap, migration_state_array, 0x3c, 4);

#define PCI_SRIOV_CTRL_VF_ENABLE 0x0001
#define PCI_SRIOV_CTRL_VF_MSE 0x0008
#define PCI_SRIOV_CTRL_ARI 0x0010

#endif /* VIRTIO_SPEC_PCI_H */
