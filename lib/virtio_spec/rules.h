/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIRTIO_SPEC_RULES_H
#define VIRTIO_SPEC_RULES_H

/**
 * @file
 * Rules of virtio 1.4 for drivers that the simulated NIC checks.
 *
 * A rule has a number of this project, shown as "C029", and the section and title in which the
 * specification demands it. doc/spec_map.rst lists where each rule is checked and tested. Numbers
 * never change; the gaps are rules for devices and rules that a device cannot observe.
 */

/** RULE(name, number, section, title, what the rule demands). */
/* clang-format off */
#define VIRTIO_RULES(RULE) \
	RULE(NATURAL_WIDTH, 5, "4.1.3.1", \
		"Driver Requirements: PCI Device Layout", \
		"A register is accessed at its natural width and alignment.") \
	RULE(CAP_READ_ONLY, 10, "4.1.4.1", \
		"Driver Requirements: Virtio Structure PCI Capabilities", \
		"No byte of a virtio capability is written, except in PCI_CFG.") \
	RULE(ENABLE_NOT_ZERO, 20, "4.1.4.3.2", \
		"Driver Requirements: Common configuration structure layout", \
		"0 is never written to queue_enable.") \
	RULE(ENABLE_LAST, 21, "4.1.4.3.2", \
		"Driver Requirements: Common configuration structure layout", \
		"All other fields of a queue are written before queue_enable.") \
	RULE(RESET_WAIT, 22, "4.1.4.3.2", \
		"Driver Requirements: Common configuration structure layout", \
		"After a reset the driver waits until device_status reads 0.") \
	RULE(QUEUE_RESET_WAIT, 23, "4.1.4.3.2", \
		"Driver Requirements: Common configuration structure layout", \
		"After a queue reset the driver waits until queue_reset reads 0.") \
	RULE(QUEUE_SIZE, 24, "4.1.4.3.2", \
		"Driver Requirements: Common configuration structure layout", \
		"The size of a split ring is a power of two, the size of a packed ring is " \
		"not 0.") \
	RULE(READ_ONLY, 26, "4.1.4.3.2", \
		"Driver Requirements: Common configuration structure layout", \
		"Read-only fields of the common configuration are not written.") \
	RULE(DOORBELL_WIDTH, 29, "4.1.5.2.1", \
		"Driver Requirements: Available Buffer Notifications", \
		"A doorbell has 32 bits with NOTIFICATION_DATA, 16 bits without.") \
	RULE(DOORBELL_QUEUE, 30, "4.1.5.2.1", \
		"Driver Requirements: Available Buffer Notifications", \
		"With NOTIF_CONFIG_DATA a doorbell contains queue_notif_config_data, " \
		"otherwise the index of the queue.") \
	RULE(DOORBELL_POSITION, 31, "2.8.16", \
		"Driver Requirements: The Virtqueue Descriptor Table", \
		"The position in a doorbell is that of the first descriptor that is not " \
		"available yet.") \
	RULE(PCI_CFG_RANGE, 35, "4.1.4.9.2", \
		"Driver Requirements: PCI configuration access capability", \
		"An access by PCI_CFG is aligned and inside the range of another capability.") \
	RULE(VECTOR_READ_BACK, 39, "4.1.5.1.2.2", \
		"Driver Requirements: MSI-X Vector Configuration", \
		"A vector is read back after it was written.") \
	RULE(VECTOR_RANGE, 40, "4.1.5.1.2.2", \
		"Driver Requirements: MSI-X Vector Configuration", \
		"No event is mapped to a vector past the end of the table.") \
	RULE(INIT_ORDER, 44, "3.1.1", \
		"Driver Requirements: Device Initialization", \
		"The steps of the initialisation come in their order.") \
	RULE(FEATURES_REFUSED, 45, "3.1.1", \
		"Driver Requirements: Device Initialization", \
		"The driver stops if FEATURES_OK reads back as clear.") \
	RULE(DOORBELL_EARLY, 46, "3.1.1", \
		"Driver Requirements: Device Initialization", \
		"No doorbell is rung before DRIVER_OK.") \
	RULE(CONFIG_EARLY, 47, "3.1.1", \
		"Driver Requirements: Device Initialization", \
		"The device configuration is not written before FEATURES_OK.") \
	RULE(STATUS_BITS, 48, "2.1.1", \
		"Driver Requirements: Device Status Field", \
		"A status bit is cleared only by a reset, and after FAILED a reset comes " \
		"first.") \
	RULE(ACCEPTED_FEATURES, 52, "2.2.1", \
		"Driver Requirements: Feature Bits", \
		"Only offered features are accepted, and only with the features that they " \
		"need.") \
	RULE(CONFIG_FIELD, 57, "2.5.1", \
		"Driver Requirements: Device Configuration Space", \
		"A field of the configuration is read only if its feature is offered.") \
	RULE(VERSION_1, 65, "6.1", \
		"Driver Requirements: Reserved Feature Bits", \
		"VERSION_1 is accepted.") \
	RULE(SR_IOV, 69, "6.1", \
		"Driver Requirements: Reserved Feature Bits", \
		"SR_IOV is not accepted by a function without an SR-IOV capability.") \
	RULE(VF_ENABLE_EARLY, 70, "6.1", \
		"Driver Requirements: Reserved Feature Bits", \
		"VF Enable is not set before SR_IOV was negotiated and FEATURES_OK was " \
		"seen.") \
	RULE(RING_ALIGNMENT, 72, "2.7.1", \
		"Driver Requirements: Virtqueues", \
		"The parts of a queue have their alignment (split: 2.7, packed: " \
		"2.8.10.1).") \
	RULE(READABLE_FIRST, 73, "2.7.4.2", \
		"Driver Requirements: Message Framing", \
		"Readable descriptors come before writable ones (packed: 2.8.17).") \
	RULE(CHAIN, 76, "2.7.5.2", \
		"Driver Requirements: The Virtqueue Descriptor Table", \
		"A chain stays in its table, has no loop, no more descriptors than the " \
		"queue, and at most 2^32 bytes.") \
	RULE(CHAIN_IN_ORDER, 77, "2.7.5.2", \
		"Driver Requirements: The Virtqueue Descriptor Table", \
		"With IN_ORDER the descriptors of a chain are next to each other.") \
	RULE(INDIRECT, 78, "2.7.5.3.1", \
		"Driver Requirements: Indirect Descriptors", \
		"INDIRECT is used only if negotiated, never nested, never with NEXT.") \
	RULE(AVAIL_INDEX, 80, "2.7.6.1", \
		"Driver Requirements: The Virtqueue Available Ring", \
		"The available index never decreases.") \
	RULE(PACKED_LIST, 92, "2.8.17", \
		"Driver Requirements: Scatter-Gather Support", \
		"A list of a packed ring fits the queue.") \
	RULE(PACKED_INDIRECT, 93, "2.8.19", \
		"Driver Requirements: Indirect Descriptors", \
		"In a table of a packed ring only WRITE is set, and no table is part of a " \
		"list.") \
	RULE(CONFIG_WRITE, 96, "5.1.4.2", \
		"Driver Requirements: Device configuration layout", \
		"The configuration of a network device is not written.") \
	RULE(FRAME_LENGTH, 98, "5.1.4.2", \
		"Driver Requirements: Device configuration layout", \
		"With MTU no frame is longer than the MTU.") \
	RULE(NUM_BUFFERS, 99, "5.1.9.2.1", \
		"Driver Requirements: Packet Transmission", \
		"num_buffers of a packet to send is 0.") \
	RULE(TX_OFFLOAD, 100, "5.1.9.2.1", \
		"Driver Requirements: Packet Transmission", \
		"A packet to send uses only negotiated offloads.") \
	RULE(TX_FLAGS, 101, "5.1.9.2.1", \
		"Driver Requirements: Packet Transmission", \
		"DATA_VALID and RSC_INFO are not set in a packet to send.") \
	RULE(RX_BUFFER, 105, "5.1.9.3.1", \
		"Driver Requirements: Setting Up Receive Buffers", \
		"With MRG_RXBUF a receive buffer has space for the header.") \
	RULE(RX_MODE, 110, "5.1.9.5.1.2", \
		"Driver Requirements: Packet Receive Filtering", \
		"A command for a receive mode is sent only with its feature.") \
	RULE(MAC_TABLES, 112, "5.1.9.5.2.2", \
		"Driver Requirements: Setting MAC Address Filtering", \
		"MAC_TABLE_SET carries both tables with their counts.") \
	RULE(QUEUE_PAIRS, 116, "5.1.9.5.6.1", \
		"Driver Requirements: Automatic receive steering in multiqueue mode", \
		"The number of queue pairs is between 1 and the maximum, and the queues " \
		"are configured first.") \
	RULE(LIST_USE_FIRST, 134, "2.12.1.6", \
		"Driver Requirements: Group administration commands", \
		"LIST_USE ends with OK before any other command of its group.") \
	RULE(LIST_USE, 135, "2.12.1.6", \
		"Driver Requirements: Group administration commands", \
		"LIST_USE is sent while no command is pending, and names only reported " \
		"commands.") \
	RULE(VF_ENABLE_PENDING, 137, "2.12.1.6", \
		"Driver Requirements: Group administration commands", \
		"VF Enable stays set while commands for VFs are pending.") \
	RULE(CAPABILITY, 153, "2.12.1.2.5", \
		"Driver Requirements: Device and driver capabilities", \
		"A capability is set before objects that depend on it, with values up to " \
		"those of the device, and not changed while objects exist.") \
	RULE(OBJECT_ID, 155, "2.12.1.3.6", \
		"Driver Requirements: Device resource objects", \
		"An object has an id below the limit that no other object of its type " \
		"has.") \
	RULE(STOP_FIRST, 158, "2.12.1.4.4.2", \
		"Driver Requirements: Device parts", \
		"A device is stopped before its parts are written.")

/** Rules by name; the value is the number. */
enum virtio_rule {
	VIRTIO_RULE_NONE = 0, /**< No rule is broken. */
#define VIRTIO_RULE(name, number, section, title, text) VIRTIO_RULE_##name = number,
	VIRTIO_RULES(VIRTIO_RULE)
#undef VIRTIO_RULE
	VIRTIO_RULE_END, /**< Above all numbers. */
};
/* clang-format on */

#endif /* VIRTIO_SPEC_RULES_H */
