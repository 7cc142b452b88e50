/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIRTIO_SPEC_NET_H
#define VIRTIO_SPEC_NET_H

/**
 * @file
 * Network device: configuration space, packet header, control commands.
 *
 * virtio 1.4 5.1 "Network Device".
 */

#include "wire.h"

/** virtio 1.4 5.1.4 "Device configuration layout". */
struct virtio_net_config {
	uint8_t mac[6];
	virtio_le16 status; /**< With VIRTIO_NET_F_STATUS. */
	virtio_le16 max_virtqueue_pairs; /**< With MQ or RSS. */
	virtio_le16 mtu; /**< With VIRTIO_NET_F_MTU. */
	virtio_le32 speed; /**< Mb/s, with SPEED_DUPLEX. */
	uint8_t duplex; /**< With SPEED_DUPLEX. */
	uint8_t rss_max_key_size; /**< With RSS or HASH_REPORT. */
	virtio_le16 rss_max_indirection_table_length; /**< With RSS. */
	virtio_le32 supported_hash_types; /**< With RSS or HASH_REPORT. */
	virtio_le32 supported_tunnel_types; /**< With HASH_TUNNEL. */
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_net_config, 28);
VIRTIO_WIRE_FIELD(virtio_net_config, mac, 0, 6);
VIRTIO_WIRE_FIELD(virtio_net_config, status, 6, 2);
VIRTIO_WIRE_FIELD(virtio_net_config, max_virtqueue_pairs, 8, 2);
VIRTIO_WIRE_FIELD(virtio_net_config, mtu, 10, 2);
VIRTIO_WIRE_FIELD(virtio_net_config, speed, 12, 4);
VIRTIO_WIRE_FIELD(virtio_net_config, duplex, 16, 1);
VIRTIO_WIRE_FIELD(virtio_net_config, rss_max_key_size, 17, 1);
VIRTIO_WIRE_FIELD(virtio_net_config, rss_max_indirection_table_length, 18, 2);
VIRTIO_WIRE_FIELD(virtio_net_config, supported_hash_types, 20, 4);
VIRTIO_WIRE_FIELD(virtio_net_config, supported_tunnel_types, 24, 4);

#define VIRTIO_NET_S_LINK_UP 1
#define VIRTIO_NET_S_ANNOUNCE 2
#define VIRTIO_NET_SPEED_UNKNOWN 0xffffffffu
#define VIRTIO_NET_SPEED_MAX 0x7fffffffu
#define VIRTIO_NET_DUPLEX_HALF 0x00
#define VIRTIO_NET_DUPLEX_FULL 0x01
#define VIRTIO_NET_DUPLEX_UNKNOWN 0xff
#define VIRTIO_NET_MTU_MIN 68
#define VIRTIO_NET_QUEUE_PAIRS_MAX 0x8000

/**
 * Packet header in its longest form; shorter forms are its first 12, 20 or 24 bytes (virtio 1.4
 * 5.1.9 "Device Operation"). The features decide the length: 32 with OUT_NET_HEADER or IPSEC, else
 * 24 with a UDP tunnel GSO bit, else 20 with HASH_REPORT, else 12. Legacy devices without
 * MRG_RXBUF use 10.
 */
struct virtio_net_hdr {
	uint8_t flags;
	uint8_t gso_type;
	virtio_le16 hdr_len;
	virtio_le16 gso_size;
	virtio_le16 csum_start;
	virtio_le16 csum_offset;
	virtio_le16 num_buffers;
	virtio_le32 hash_value;
	virtio_le16 hash_report;
	virtio_le16 padding;
	virtio_le16 outer_th_offset;
	virtio_le16 inner_nh_offset;
	virtio_le16 outer_nh_offset;
	virtio_le32 resource_id;
	virtio_le16 resource_type;
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_net_hdr, 32);
VIRTIO_WIRE_FIELD(virtio_net_hdr, flags, 0, 1);
VIRTIO_WIRE_FIELD(virtio_net_hdr, gso_type, 1, 1);
VIRTIO_WIRE_FIELD(virtio_net_hdr, hdr_len, 2, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, gso_size, 4, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, csum_start, 6, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, csum_offset, 8, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, num_buffers, 10, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, hash_value, 12, 4);
VIRTIO_WIRE_FIELD(virtio_net_hdr, hash_report, 16, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, padding, 18, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, outer_th_offset, 20, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, inner_nh_offset, 22, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, outer_nh_offset, 24, 2);
VIRTIO_WIRE_FIELD(virtio_net_hdr, resource_id, 26, 4);
VIRTIO_WIRE_FIELD(virtio_net_hdr, resource_type, 30, 2);

#define VIRTIO_NET_HDR_LEN_LEGACY 10
#define VIRTIO_NET_HDR_LEN 12
#define VIRTIO_NET_HDR_LEN_HASH 20
#define VIRTIO_NET_HDR_LEN_TUNNEL 24
#define VIRTIO_NET_HDR_LEN_OUT 32
#define VIRTIO_NET_HDR_LEN_MAX 32
static_assert(offsetof(struct virtio_net_hdr, num_buffers) == VIRTIO_NET_HDR_LEN_LEGACY, "legacy");
static_assert(offsetof(struct virtio_net_hdr, hash_value) == VIRTIO_NET_HDR_LEN, "base");
static_assert(offsetof(struct virtio_net_hdr, outer_th_offset) == VIRTIO_NET_HDR_LEN_HASH, "hash");
static_assert(offsetof(struct virtio_net_hdr, outer_nh_offset) == VIRTIO_NET_HDR_LEN_TUNNEL,
		"tunnel");
static_assert(sizeof(struct virtio_net_hdr) == VIRTIO_NET_HDR_LEN_OUT, "out");

#define VIRTIO_NET_HDR_F_NEEDS_CSUM 1
#define VIRTIO_NET_HDR_F_DATA_VALID 2
#define VIRTIO_NET_HDR_F_RSC_INFO 4
#define VIRTIO_NET_HDR_F_UDP_TUNNEL_CSUM 8
#define VIRTIO_NET_HDR_GSO_NONE 0
#define VIRTIO_NET_HDR_GSO_TCPV4 1
#define VIRTIO_NET_HDR_GSO_UDP 3
#define VIRTIO_NET_HDR_GSO_TCPV6 4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV4 0x20
#define VIRTIO_NET_HDR_GSO_UDP_TUNNEL_IPV6 0x40
#define VIRTIO_NET_HDR_GSO_ECN 0x80

/* Control virtqueue, virtio 1.4 5.1.9.5 "Control Virtqueue" */
struct virtio_net_ctrl_hdr {
	uint8_t class;
	uint8_t command;
};
VIRTIO_WIRE_STRUCT(virtio_net_ctrl_hdr, 2);
VIRTIO_WIRE_FIELD(virtio_net_ctrl_hdr, class, 0, 1);
VIRTIO_WIRE_FIELD(virtio_net_ctrl_hdr, command, 1, 1);

#define VIRTIO_NET_OK 0
#define VIRTIO_NET_ERR 1

#define VIRTIO_NET_CTRL_RX 0
#define VIRTIO_NET_CTRL_RX_PROMISC 0
#define VIRTIO_NET_CTRL_RX_ALLMULTI 1
#define VIRTIO_NET_CTRL_RX_ALLUNI 2
#define VIRTIO_NET_CTRL_RX_NOMULTI 3
#define VIRTIO_NET_CTRL_RX_NOUNI 4
#define VIRTIO_NET_CTRL_RX_NOBCAST 5
#define VIRTIO_NET_CTRL_MAC 1
#define VIRTIO_NET_CTRL_MAC_TABLE_SET 0
#define VIRTIO_NET_CTRL_MAC_ADDR_SET 1
#define VIRTIO_NET_CTRL_VLAN 2
#define VIRTIO_NET_CTRL_VLAN_ADD 0
#define VIRTIO_NET_CTRL_VLAN_DEL 1
#define VIRTIO_NET_CTRL_ANNOUNCE 3
#define VIRTIO_NET_CTRL_ANNOUNCE_ACK 0
#define VIRTIO_NET_CTRL_MQ 4
#define VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET 0
#define VIRTIO_NET_CTRL_MQ_RSS_CONFIG 1
#define VIRTIO_NET_CTRL_MQ_HASH_CONFIG 2

struct virtio_net_ctrl_mq {
	virtio_le16 virtqueue_pairs;
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_net_ctrl_mq, 2);
VIRTIO_WIRE_FIELD(virtio_net_ctrl_mq, virtqueue_pairs, 0, 2);

/** One of the two tables of VIRTIO_NET_CTRL_MAC_TABLE_SET: unicast first, multicast second. */
struct virtio_net_ctrl_mac {
	virtio_le32 entries;
	uint8_t macs[][6];
} VIRTIO_WIRE_PACKED;
VIRTIO_WIRE_STRUCT(virtio_net_ctrl_mac, 4);

#endif /* VIRTIO_SPEC_NET_H */
