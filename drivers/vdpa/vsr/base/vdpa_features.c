/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Features between VF, front end and guest. */

#include <errno.h>

#include <rte_vhost.h>

#include "virtio/vio_err.h"
#include "vdpa_features.h"

/* What the VF does for the guest. */
static struct vio_features
served_by_vf(void)
{
	return VIO_FEATURES(VIRTIO_NET_F_CSUM, VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_MTU,
			VIRTIO_NET_F_MAC, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6,
			VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_UFO, VIRTIO_NET_F_HOST_TSO4,
			VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_UFO,
			VIRTIO_NET_F_MRG_RXBUF, VIRTIO_NET_F_STATUS, VIRTIO_NET_F_MQ,
			VIRTIO_NET_F_GUEST_USO4, VIRTIO_NET_F_GUEST_USO6, VIRTIO_NET_F_HOST_USO,
			VIRTIO_NET_F_GUEST_HDRLEN, VIRTIO_NET_F_SPEED_DUPLEX,
			VIRTIO_F_INDIRECT_DESC, VIRTIO_F_EVENT_IDX, VIRTIO_F_VERSION_1,
			VIRTIO_F_RING_PACKED, VIRTIO_F_IN_ORDER);
}

/* What the front end does alone: it has the control queue of the guest. A device of virtio 1.x
 * accepts any layout of buffers. GUEST_ANNOUNCE lets a guest announce itself after a migration. */
static struct vio_features
served_by_front_end(void)
{
	return VIO_FEATURES(VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VLAN,
			VIRTIO_NET_F_CTRL_RX_EXTRA, VIRTIO_NET_F_CTRL_MAC_ADDR,
			VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_F_ANY_LAYOUT);
}

uint64_t
vdpa_features_offered(const struct vio_features *device)
{
	const struct vio_features vf = served_by_vf(), front_end = served_by_front_end();

	/* The relay logs what a VF writes. */
	return (device->w[0] & vf.w[0]) | front_end.w[0] | UINT64_C(1) << VHOST_F_LOG_ALL |
			UINT64_C(1) << VHOST_USER_F_PROTOCOL_FEATURES;
}

int
vdpa_features_for_vf(uint64_t guest, struct vio_features *wanted, struct vio_features *needed)
{
	const struct vio_features vf = served_by_vf();
	/* The status has the link. The control queue sets promiscuous mode and queue pairs. */
	const struct vio_features own = VIO_FEATURES(VIRTIO_F_VERSION_1, VIRTIO_F_ACCESS_PLATFORM,
			VIRTIO_F_ORDER_PLATFORM, VIRTIO_F_RING_RESET, VIRTIO_NET_F_STATUS,
			VIRTIO_NET_F_MAC, VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_CTRL_RX,
			VIRTIO_NET_F_MQ, VIRTIO_NET_F_SPEED_DUPLEX);
	const struct vio_features always = VIO_FEATURES(VIRTIO_F_VERSION_1,
			VIRTIO_F_ACCESS_PLATFORM);

	*needed = (struct vio_features){ { guest & vf.w[0] } };
	if ((guest >> VIRTIO_F_VERSION_1 & 1) == 0 && (guest >> VIRTIO_NET_F_MRG_RXBUF & 1) == 0)
		return vio_fail(-EOPNOTSUPP,
				"a legacy guest without mergeable receive buffers has another "
				"packet header than the VF");
	for (size_t i = 0; i < VIRTIO_FEATURE_BITS / 64; i++) {
		wanted->w[i] = needed->w[i] | own.w[i];
		needed->w[i] |= always.w[i];
	}
	return 0;
}
