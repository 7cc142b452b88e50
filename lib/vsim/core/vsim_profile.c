/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/*
 * Profiles of NICs, names of features, and the features that a NIC offers: those of its profile,
 * changed by the user, within the prerequisites of the specification.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "vsim/core/vsim_profile.h"

#define F(bit) (UINT64_C(1) << (bit))

static_assert(VIRTIO_FEATURE_BITS == 128, "profiles are written as two words");

/* Every virtio 1.x device behind an IOMMU offers these. */
#define CORE (F(VIRTIO_F_VERSION_1) | F(VIRTIO_F_ACCESS_PLATFORM))
#define NET_CONFIG                                                            \
	(F(VIRTIO_NET_F_MAC) | F(VIRTIO_NET_F_STATUS) | F(VIRTIO_NET_F_MTU) | \
			F(VIRTIO_NET_F_SPEED_DUPLEX))
#define NET_CTRL                                                                             \
	(F(VIRTIO_NET_F_CTRL_VQ) | F(VIRTIO_NET_F_CTRL_RX) | F(VIRTIO_NET_F_CTRL_RX_EXTRA) | \
			F(VIRTIO_NET_F_CTRL_VLAN) | F(VIRTIO_NET_F_CTRL_MAC_ADDR) |          \
			F(VIRTIO_NET_F_MQ))
#define ALL                                                                                      \
	(CORE | NET_CONFIG | NET_CTRL | F(VIRTIO_NET_F_GUEST_ANNOUNCE) |                         \
			F(VIRTIO_NET_F_MRG_RXBUF) | F(VIRTIO_F_INDIRECT_DESC) |                  \
			F(VIRTIO_F_EVENT_IDX) | F(VIRTIO_F_RING_PACKED) | F(VIRTIO_F_IN_ORDER) | \
			F(VIRTIO_F_ORDER_PLATFORM) | F(VIRTIO_F_NOTIFICATION_DATA) |             \
			F(VIRTIO_F_NOTIF_CONFIG_DATA) | F(VIRTIO_F_RING_RESET) |                 \
			F(VIRTIO_F_ADMIN_VQ))

const struct vsim_features vsim_implemented = { { ALL } };

const struct vsim_profile vsim_profiles[] = {
	{
			.name = "full",
			.summary = "every feature the model implements",
			.subsys_vendor = VIRTIO_PCI_VENDOR_ID,
			.pf_subsys = 0x1100,
			.vf_subsys = 0x1100,
			.revision = 1,
			.features = { { ALL } },
	},
	{
			.name = "ifc",
			.summary = "like Intel virtio data path accelerators (8086:15fe, VFs 8086:001a)",
			.subsys_vendor = 0x8086,
			.pf_subsys = 0x15fe,
			.vf_subsys = 0x001a, /* DPDK's vdpa_ifc finds these VFs by it. */
			.revision = 1,
			.features = { { CORE | NET_CONFIG | NET_CTRL |
					F(VIRTIO_NET_F_GUEST_ANNOUNCE) | F(VIRTIO_NET_F_MRG_RXBUF) |
					F(VIRTIO_F_INDIRECT_DESC) | F(VIRTIO_F_RING_PACKED) |
					F(VIRTIO_F_ORDER_PLATFORM) } },
	},
	{
			.name = "bluefield",
			.summary = "like NVIDIA BlueField: packed, doorbells with data, no in_order",
			.subsys_vendor = VIRTIO_PCI_VENDOR_ID,
			.pf_subsys = 0x1041,
			.vf_subsys = 0x1041,
			.revision = 1,
			.features = { { CORE | NET_CONFIG | NET_CTRL | F(VIRTIO_NET_F_MRG_RXBUF) |
					F(VIRTIO_F_RING_PACKED) | F(VIRTIO_F_NOTIFICATION_DATA) |
					F(VIRTIO_F_ORDER_PLATFORM) | F(VIRTIO_F_RING_RESET) } },
	},
	{
			.name = "minimal",
			.summary = "split rings and nothing that can be left out",
			.subsys_vendor = VIRTIO_PCI_VENDOR_ID,
			.pf_subsys = 0x1100,
			.vf_subsys = 0x1100,
			.revision = 1,
			.features = { { CORE } },
	},
	{ .name = NULL },
};

static const char *const feature_names[VIRTIO_FEATURE_BITS] = {
#define NAME(bit, name) [bit] = name,
	VIRTIO_FEATURE_NAMES(NAME)
#undef NAME
};

const struct vsim_profile *
vsim_profile_find(const char *name)
{
	for (const struct vsim_profile *p = vsim_profiles; p->name != NULL; p++)
		if (strcmp(p->name, name) == 0)
			return p;
	return NULL;
}

int
vsim_feature_find(const char *name)
{
	for (int bit = 0; bit < VIRTIO_FEATURE_BITS; bit++)
		if (feature_names[bit] != NULL && strcmp(feature_names[bit], name) == 0)
			return bit;
	return -1;
}

const char *
vsim_feature_name(unsigned int bit)
{
	return bit < VIRTIO_FEATURE_BITS ? feature_names[bit] : NULL;
}

#define ROW(bit, need) { bit, need },
struct need {
	uint8_t bit, need;
};

/* @return a feature of the set that lacks the one that a row names, or -1. */
static int
lacking(const struct vsim_features *set, const struct need *rows, size_t nb, unsigned int *needed)
{
	for (size_t i = 0; i < nb; i++) {
		if (!vsim_features_has(set, rows[i].bit) || vsim_features_has(set, rows[i].need))
			continue;
		*needed = rows[i].need;
		return rows[i].bit;
	}
	return -1;
}

/* @return a feature of the set that is of no use without one that the set lacks, or -1. */
static int
useless(const struct vsim_features *set, unsigned int *needed)
{
	static const struct need rows[] = { VIRTIO_FEATURE_WANTS(ROW) };

	return lacking(set, rows, sizeof(rows) / sizeof(rows[0]), needed);
}

int
vsim_features_unmet(const struct vsim_features *set, unsigned int *needed)
{
	static const struct need rows[] = { VIRTIO_FEATURE_NEEDS(ROW) };
	/* One of two prerequisites is enough. */
	static const struct {
		uint8_t bit, need, or_need;
	} either[] = {
		{ VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6 },
		{ VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6 },
		{ VIRTIO_NET_F_HASH_TUNNEL, VIRTIO_NET_F_RSS, VIRTIO_NET_F_HASH_REPORT },
	};

	int bit = lacking(set, rows, sizeof(rows) / sizeof(rows[0]), needed);

	if (bit >= 0)
		return bit;
	for (size_t i = 0; i < sizeof(either) / sizeof(either[0]); i++) {
		if (!vsim_features_has(set, either[i].bit) ||
				vsim_features_has(set, either[i].need) ||
				vsim_features_has(set, either[i].or_need))
			continue;
		*needed = either[i].need;
		return either[i].bit;
	}
	return -1;
}

/* Name of a feature in a message; "bit N" when the feature has no name. */
static const char *
bit_name(unsigned int bit, char buf[16])
{
	const char *name = vsim_feature_name(bit);

	if (name != NULL)
		return name;
	snprintf(buf, 16, "bit %u", bit);
	return buf;
}

/* format has one or two %s, for the names of a and b. */
static int
refuse(char *err, size_t err_len, const char *format, unsigned int a, unsigned int b)
{
	char name_a[16], name_b[16];

	snprintf(err, err_len, format, bit_name(a, name_a), bit_name(b, name_b));
	return -EINVAL;
}

int
vsim_features_resolve(const struct vsim_nic_conf *conf, struct vsim_features *vf,
		struct vsim_features *pf, char *err, size_t err_len)
{
	unsigned int needed = 0;
	int bit;

	*vf = conf->profile->features;
	for (unsigned int i = 0; i < VIRTIO_FEATURE_BITS; i++) {
		bool on = vsim_features_has(&conf->on, i), off = vsim_features_has(&conf->off, i);

		if (on && off)
			return refuse(err, err_len, "feature %s is switched both on and off", i, 0);
		if (on && i == VIRTIO_F_SR_IOV && conf->total_vfs == 0)
			return refuse(err, err_len, "feature %s needs VFs, and this NIC has none",
					i, 0);
		if (on && i != VIRTIO_F_SR_IOV && !vsim_features_has(&vsim_implemented, i))
			return refuse(err, err_len,
					"feature %s is not implemented by the simulated NIC", i, 0);
		if (off && i == VIRTIO_F_VERSION_1)
			return refuse(err, err_len, "feature %s cannot be switched off", i, 0);
		if (i == VIRTIO_F_SR_IOV)
			continue;
		if (on || off)
			vsim_features_put(vf, i, on);
	}

	while ((bit = vsim_features_unmet(vf, &needed)) >= 0 || (bit = useless(vf, &needed)) >= 0) {
		if (vsim_features_has(&conf->on, bit))
			return refuse(err, err_len, "feature %s needs %s, which is not offered",
					bit, needed);
		vsim_features_put(vf, bit, false);
	}

	*pf = *vf;
	/* Only the owner has admin queues. */
	vsim_features_put(vf, VIRTIO_F_ADMIN_VQ, false);
	vsim_features_put(pf, VIRTIO_F_SR_IOV,
			conf->total_vfs > 0 && !vsim_features_has(&conf->off, VIRTIO_F_SR_IOV));
	return 0;
}

enum virtio_rule
vsim_features_broken_rule(const struct vsim_features *accepted, const struct vsim_features *offered)
{
	unsigned int needed;

	if (vsim_features_has(accepted, VIRTIO_F_SR_IOV) &&
			!vsim_features_has(offered, VIRTIO_F_SR_IOV))
		return VIRTIO_RULE_SR_IOV;
	for (size_t i = 0; i < sizeof(accepted->w) / sizeof(accepted->w[0]); i++)
		if (accepted->w[i] & ~offered->w[i])
			return VIRTIO_RULE_ACCEPTED_FEATURES;
	if (!vsim_features_has(accepted, VIRTIO_F_VERSION_1))
		return VIRTIO_RULE_VERSION_1;
	if (vsim_features_unmet(accepted, &needed) >= 0)
		return VIRTIO_RULE_ACCEPTED_FEATURES;
	return VIRTIO_RULE_NONE;
}
