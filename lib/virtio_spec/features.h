/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIRTIO_SPEC_FEATURES_H
#define VIRTIO_SPEC_FEATURES_H

/**
 * @file
 * Feature bit numbers (never masks) of the transport and of the network device.
 *
 * virtio 1.4 6 "Reserved Feature Bits", 5.1.3 "Feature bits" of the network device.
 * Numbers reach 70, so a set of features needs more than 64 bits.
 */

/** Number of bits of a feature set: four 32-bit windows of the common configuration. */
#define VIRTIO_FEATURE_BITS 128

/* Transport, virtio 1.4 6 "Reserved Feature Bits" */
#define VIRTIO_F_NOTIFY_ON_EMPTY 24 /**< Legacy only. */
#define VIRTIO_F_ANY_LAYOUT 27 /**< Legacy only. */
#define VIRTIO_F_INDIRECT_DESC 28
#define VIRTIO_F_EVENT_IDX 29
#define VIRTIO_F_VERSION_1 32
#define VIRTIO_F_ACCESS_PLATFORM 33
#define VIRTIO_F_RING_PACKED 34
#define VIRTIO_F_IN_ORDER 35
#define VIRTIO_F_ORDER_PLATFORM 36
#define VIRTIO_F_SR_IOV 37
#define VIRTIO_F_NOTIFICATION_DATA 38
#define VIRTIO_F_NOTIF_CONFIG_DATA 39
#define VIRTIO_F_RING_RESET 40
#define VIRTIO_F_ADMIN_VQ 41
#define VIRTIO_F_SUSPEND 43

/* Network device, virtio 1.4 5.1.3 "Feature bits" */
#define VIRTIO_NET_F_CSUM 0
#define VIRTIO_NET_F_GUEST_CSUM 1
#define VIRTIO_NET_F_CTRL_GUEST_OFFLOADS 2
#define VIRTIO_NET_F_MTU 3
#define VIRTIO_NET_F_MAC 5
#define VIRTIO_NET_F_GUEST_TSO4 7
#define VIRTIO_NET_F_GUEST_TSO6 8
#define VIRTIO_NET_F_GUEST_ECN 9
#define VIRTIO_NET_F_GUEST_UFO 10
#define VIRTIO_NET_F_HOST_TSO4 11
#define VIRTIO_NET_F_HOST_TSO6 12
#define VIRTIO_NET_F_HOST_ECN 13
#define VIRTIO_NET_F_HOST_UFO 14
#define VIRTIO_NET_F_MRG_RXBUF 15
#define VIRTIO_NET_F_STATUS 16
#define VIRTIO_NET_F_CTRL_VQ 17
#define VIRTIO_NET_F_CTRL_RX 18
#define VIRTIO_NET_F_CTRL_VLAN 19
#define VIRTIO_NET_F_CTRL_RX_EXTRA 20
#define VIRTIO_NET_F_GUEST_ANNOUNCE 21
#define VIRTIO_NET_F_MQ 22
#define VIRTIO_NET_F_CTRL_MAC_ADDR 23
#define VIRTIO_NET_F_DEVICE_STATS 50
#define VIRTIO_NET_F_HASH_TUNNEL 51
#define VIRTIO_NET_F_VQ_NOTF_COAL 52
#define VIRTIO_NET_F_NOTF_COAL 53
#define VIRTIO_NET_F_GUEST_USO4 54
#define VIRTIO_NET_F_GUEST_USO6 55
#define VIRTIO_NET_F_HOST_USO 56
#define VIRTIO_NET_F_HASH_REPORT 57
#define VIRTIO_NET_F_GUEST_HDRLEN 59
#define VIRTIO_NET_F_RSS 60
#define VIRTIO_NET_F_RSC_EXT 61
#define VIRTIO_NET_F_STANDBY 62
#define VIRTIO_NET_F_SPEED_DUPLEX 63
#define VIRTIO_NET_F_RSS_CONTEXT 64
#define VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO 65
#define VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM 66
#define VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO 67
#define VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM 68
#define VIRTIO_NET_F_OUT_NET_HEADER 69
#define VIRTIO_NET_F_IPSEC 70

/**
 * Every bit with a name, as X(bit number macro, "lower-case name" on command lines). Driver and
 * simulator take names for command lines, logs and tables from this list.
 */
#define VIRTIO_FEATURE_NAMES(X)                                                \
	X(VIRTIO_NET_F_CSUM, "csum")                                           \
	X(VIRTIO_NET_F_GUEST_CSUM, "guest_csum")                               \
	X(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, "ctrl_guest_offloads")             \
	X(VIRTIO_NET_F_MTU, "mtu")                                             \
	X(VIRTIO_NET_F_MAC, "mac")                                             \
	X(VIRTIO_NET_F_GUEST_TSO4, "guest_tso4")                               \
	X(VIRTIO_NET_F_GUEST_TSO6, "guest_tso6")                               \
	X(VIRTIO_NET_F_GUEST_ECN, "guest_ecn")                                 \
	X(VIRTIO_NET_F_GUEST_UFO, "guest_ufo")                                 \
	X(VIRTIO_NET_F_HOST_TSO4, "host_tso4")                                 \
	X(VIRTIO_NET_F_HOST_TSO6, "host_tso6")                                 \
	X(VIRTIO_NET_F_HOST_ECN, "host_ecn")                                   \
	X(VIRTIO_NET_F_HOST_UFO, "host_ufo")                                   \
	X(VIRTIO_NET_F_MRG_RXBUF, "mrg_rxbuf")                                 \
	X(VIRTIO_NET_F_STATUS, "status")                                       \
	X(VIRTIO_NET_F_CTRL_VQ, "ctrl_vq")                                     \
	X(VIRTIO_NET_F_CTRL_RX, "ctrl_rx")                                     \
	X(VIRTIO_NET_F_CTRL_VLAN, "ctrl_vlan")                                 \
	X(VIRTIO_NET_F_CTRL_RX_EXTRA, "ctrl_rx_extra")                         \
	X(VIRTIO_NET_F_GUEST_ANNOUNCE, "guest_announce")                       \
	X(VIRTIO_NET_F_MQ, "mq")                                               \
	X(VIRTIO_NET_F_CTRL_MAC_ADDR, "ctrl_mac_addr")                         \
	X(VIRTIO_F_NOTIFY_ON_EMPTY, "notify_on_empty")                         \
	X(VIRTIO_F_ANY_LAYOUT, "any_layout")                                   \
	X(VIRTIO_F_INDIRECT_DESC, "indirect_desc")                             \
	X(VIRTIO_F_EVENT_IDX, "event_idx")                                     \
	X(VIRTIO_F_VERSION_1, "version_1")                                     \
	X(VIRTIO_F_ACCESS_PLATFORM, "access_platform")                         \
	X(VIRTIO_F_RING_PACKED, "ring_packed")                                 \
	X(VIRTIO_F_IN_ORDER, "in_order")                                       \
	X(VIRTIO_F_ORDER_PLATFORM, "order_platform")                           \
	X(VIRTIO_F_SR_IOV, "sr_iov")                                           \
	X(VIRTIO_F_NOTIFICATION_DATA, "notification_data")                     \
	X(VIRTIO_F_NOTIF_CONFIG_DATA, "notif_config_data")                     \
	X(VIRTIO_F_RING_RESET, "ring_reset")                                   \
	X(VIRTIO_F_ADMIN_VQ, "admin_vq")                                       \
	X(VIRTIO_F_SUSPEND, "suspend")                                         \
	X(VIRTIO_NET_F_DEVICE_STATS, "device_stats")                           \
	X(VIRTIO_NET_F_HASH_TUNNEL, "hash_tunnel")                             \
	X(VIRTIO_NET_F_VQ_NOTF_COAL, "vq_notf_coal")                           \
	X(VIRTIO_NET_F_NOTF_COAL, "notf_coal")                                 \
	X(VIRTIO_NET_F_GUEST_USO4, "guest_uso4")                               \
	X(VIRTIO_NET_F_GUEST_USO6, "guest_uso6")                               \
	X(VIRTIO_NET_F_HOST_USO, "host_uso")                                   \
	X(VIRTIO_NET_F_HASH_REPORT, "hash_report")                             \
	X(VIRTIO_NET_F_GUEST_HDRLEN, "guest_hdrlen")                           \
	X(VIRTIO_NET_F_RSS, "rss")                                             \
	X(VIRTIO_NET_F_RSC_EXT, "rsc_ext")                                     \
	X(VIRTIO_NET_F_STANDBY, "standby")                                     \
	X(VIRTIO_NET_F_SPEED_DUPLEX, "speed_duplex")                           \
	X(VIRTIO_NET_F_RSS_CONTEXT, "rss_context")                             \
	X(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, "guest_udp_tunnel_gso")           \
	X(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, "guest_udp_tunnel_gso_csum") \
	X(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, "host_udp_tunnel_gso")             \
	X(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM, "host_udp_tunnel_gso_csum")   \
	X(VIRTIO_NET_F_OUT_NET_HEADER, "out_net_header")                       \
	X(VIRTIO_NET_F_IPSEC, "ipsec")

/**
 * Prerequisites between features, as X(bit, needed bit): virtio 1.4 5.1.3.1 "Feature bit
 * requirements". If a bit has several rows, all bits are needed. GUEST_ECN and HOST_ECN need one
 * of two bits and are not listed.
 */
#define VIRTIO_FEATURE_NEEDS(X)                                                      \
	X(VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM)                          \
	X(VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM)                          \
	X(VIRTIO_NET_F_GUEST_UFO, VIRTIO_NET_F_GUEST_CSUM)                           \
	X(VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_CSUM)                          \
	X(VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_GUEST_CSUM)                          \
	X(VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM)                                 \
	X(VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM)                                 \
	X(VIRTIO_NET_F_HOST_UFO, VIRTIO_NET_F_CSUM)                                  \
	X(VIRTIO_NET_F_HOST_USO, VIRTIO_NET_F_CSUM)                                  \
	X(VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ)                                \
	X(VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_VQ)                              \
	X(VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ)                         \
	X(VIRTIO_NET_F_MQ, VIRTIO_NET_F_CTRL_VQ)                                     \
	X(VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ)                          \
	X(VIRTIO_NET_F_HASH_TUNNEL, VIRTIO_NET_F_CTRL_VQ)                            \
	X(VIRTIO_NET_F_VQ_NOTF_COAL, VIRTIO_NET_F_CTRL_VQ)                           \
	X(VIRTIO_NET_F_NOTF_COAL, VIRTIO_NET_F_CTRL_VQ)                              \
	X(VIRTIO_NET_F_RSS, VIRTIO_NET_F_CTRL_VQ)                                    \
	X(VIRTIO_NET_F_RSS_CONTEXT, VIRTIO_NET_F_CTRL_VQ)                            \
	X(VIRTIO_NET_F_RSS_CONTEXT, VIRTIO_NET_F_RSS)                                \
	X(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, VIRTIO_NET_F_GUEST_TSO4)                \
	X(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, VIRTIO_NET_F_GUEST_TSO6)                \
	X(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, VIRTIO_NET_F_GUEST_USO4)                \
	X(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO, VIRTIO_NET_F_GUEST_USO6)                \
	X(VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO_CSUM, VIRTIO_NET_F_GUEST_UDP_TUNNEL_GSO) \
	X(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, VIRTIO_NET_F_HOST_TSO4)                  \
	X(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, VIRTIO_NET_F_HOST_TSO6)                  \
	X(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO, VIRTIO_NET_F_HOST_USO)                   \
	X(VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO_CSUM, VIRTIO_NET_F_HOST_UDP_TUNNEL_GSO)

/** Features that are of no use without another one, as X(bit, bit that it needs). For two of them
 * virtio 1.4 5.1.4.2 says that a driver SHOULD NOT accept them alone. */
#define VIRTIO_FEATURE_WANTS(X)                                   \
	X(VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_VQ) \
	X(VIRTIO_NET_F_CTRL_RX_EXTRA, VIRTIO_NET_F_CTRL_VQ)       \
	X(VIRTIO_NET_F_DEVICE_STATS, VIRTIO_NET_F_CTRL_VQ)        \
	X(VIRTIO_NET_F_HASH_REPORT, VIRTIO_NET_F_CTRL_VQ)

#endif /* VIRTIO_SPEC_FEATURES_H */
