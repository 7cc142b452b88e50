/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Profiles of the simulated NIC, and the features that they offer. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test/fixture/vsim_fixture.h"
#include "vsim/core/vsim_profile.h"

#define NB(array) (sizeof(array) / sizeof((array)[0]))

static void
every_profile_satisfies_its_prerequisites(void)
{
	unsigned int needed, count = 0;

	for (const struct vsim_profile *p = vsim_profiles; p->name != NULL; p++, count++) {
		VTEST_EQ(vsim_features_unmet(&p->features, &needed), -1);
		VTEST(vsim_features_has(&p->features, VIRTIO_F_VERSION_1));
		VTEST(vsim_features_has(&p->features, VIRTIO_F_ACCESS_PLATFORM));
		VTEST(!vsim_features_has(&p->features, VIRTIO_F_SR_IOV));
		for (size_t w = 0; w < NB(p->features.w); w++)
			VTEST((p->features.w[w] & ~vsim_implemented.w[w]) == 0);
		/* virtio 1.4 4.1.2.1: what a device without a legacy interface should show. */
		VTEST(p->revision >= 1);
		VTEST(p->pf_subsys >= 0x40);
		/* The VFs of ifc have an id of real NICs, by which DPDK's vdpa_ifc finds them. */
		VTEST(p->vf_subsys >= 0x40 || strcmp(p->name, "ifc") == 0);
		VTEST(vsim_profile_find(p->name) == p);
	}
	VTEST_EQ(count, 4);
	VTEST(vsim_profile_find("nothing") == NULL);
}

static void
bluefield_lacks_in_order_and_event_idx(void)
{
	const struct vsim_features *f = &vsim_profile_find("bluefield")->features;

	VTEST(!vsim_features_has(f, VIRTIO_F_IN_ORDER));
	VTEST(!vsim_features_has(f, VIRTIO_F_EVENT_IDX));
	VTEST(vsim_features_has(f, VIRTIO_F_RING_PACKED));
	VTEST(vsim_features_has(f, VIRTIO_F_NOTIFICATION_DATA));
	VTEST(vsim_features_has(f, VIRTIO_NET_F_MQ));
}

static void
features_have_names_both_ways(void)
{
	VTEST_EQ(vsim_feature_find("mrg_rxbuf"), VIRTIO_NET_F_MRG_RXBUF);
	VTEST_EQ(vsim_feature_find("ipsec"), 70);
	VTEST_EQ(vsim_feature_find("csum"), 0);
	VTEST_EQ(vsim_feature_find("nothing"), -1);
	VTEST(vsim_feature_name(42) == NULL);
	VTEST(vsim_feature_name(4000) == NULL);
	for (unsigned int bit = 0; bit < VIRTIO_FEATURE_BITS; bit++) {
		const char *name = vsim_feature_name(bit);

		VTEST(name == NULL || vsim_feature_find(name) == (int)bit);
	}
}

static void
prerequisites_are_found_one_by_one(void)
{
	const struct {
		struct vsim_features set;
		int bit;
	} rows[] = {
		{ FEATURES(VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_MQ), -1 },
		{ FEATURES(VIRTIO_NET_F_MQ), VIRTIO_NET_F_MQ },
		{ FEATURES(VIRTIO_NET_F_HOST_ECN), VIRTIO_NET_F_HOST_ECN },
		{ FEATURES(VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM), -1 },
		{ FEATURES(VIRTIO_NET_F_HOST_TSO6), VIRTIO_NET_F_HOST_TSO6 },
		{ FEATURES(VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_RSS_CONTEXT),
				VIRTIO_NET_F_RSS_CONTEXT },
		{ FEATURES(VIRTIO_NET_F_CTRL_VQ, VIRTIO_NET_F_HASH_TUNNEL),
				VIRTIO_NET_F_HASH_TUNNEL },
	};
	unsigned int needed;

	for (size_t i = 0; i < NB(rows); i++)
		VTEST_EQ(vsim_features_unmet(&rows[i].set, &needed), rows[i].bit);
}

static void
features_switch_on_and_off(void)
{
	const struct vsim_features none = { { 0 } };
	const struct {
		const char *profile;
		struct vsim_features on, off;
		uint16_t total_vfs;
		const char *error; /* part of the error text; NULL: no error */
		int has, has_not; /* offered, not offered by the PF; -1: not checked */
	} rows[] = {
		{ "minimal", FEATURES(VIRTIO_NET_F_MAC), none, 4, NULL, VIRTIO_NET_F_MAC, -1 },
		{ "full", none, FEATURES(VIRTIO_NET_F_CTRL_VQ), 4, NULL, VIRTIO_NET_F_MAC,
				VIRTIO_NET_F_MQ },
		{ "full", none, FEATURES(VIRTIO_F_SR_IOV), 4, NULL, VIRTIO_NET_F_MAC,
				VIRTIO_F_SR_IOV },
		{ "full", none, none, 0, NULL, VIRTIO_NET_F_MAC, VIRTIO_F_SR_IOV },
		{ "full", FEATURES(VIRTIO_F_SR_IOV), none, 4, NULL, VIRTIO_F_SR_IOV, -1 },
		{ "full", FEATURES(VIRTIO_F_SR_IOV), none, 0, "needs VFs", -1, -1 },
		{ "full", FEATURES(VIRTIO_NET_F_MQ), FEATURES(VIRTIO_NET_F_CTRL_VQ), 4,
				"mq needs ctrl_vq", -1, -1 },
		{ "minimal", FEATURES(VIRTIO_NET_F_CTRL_RX), none, 4, "ctrl_rx needs ctrl_vq", -1,
				-1 },
		{ "minimal", FEATURES(VIRTIO_F_ADMIN_VQ), none, 4, NULL, VIRTIO_F_ADMIN_VQ, -1 },
		{ "minimal", none, none, 4, NULL, -1, VIRTIO_F_ADMIN_VQ },
		{ "full", FEATURES(42), none, 4, "bit 42 is not implemented", -1, -1 },
		{ "full", none, FEATURES(VIRTIO_F_VERSION_1), 4, "version_1 cannot", -1, -1 },
		{ "full", FEATURES(VIRTIO_NET_F_MAC), FEATURES(VIRTIO_NET_F_MAC), 4,
				"both on and off", -1, -1 },
	};

	for (size_t i = 0; i < NB(rows); i++) {
		struct vsim_nic_conf conf = fixture_conf(rows[i].profile);
		char err[256] = "";
		struct vsim_nic *nic;

		conf.on = rows[i].on;
		conf.off = rows[i].off;
		conf.total_vfs = rows[i].total_vfs;
		errno = 0;
		nic = vsim_nic_create(&conf, err, sizeof(err));
		if (rows[i].error != NULL) {
			VTEST(nic == NULL);
			VTEST_EQ(errno, EINVAL);
			if (strstr(err, rows[i].error) == NULL)
				fprintf(stderr, "said: %s\n", err);
			VTEST(strstr(err, rows[i].error) != NULL);
			continue;
		}
		VTEST(nic != NULL);
		if (rows[i].has >= 0)
			VTEST(vsim_features_has(&nic->fns[0]->offered, rows[i].has));
		if (rows[i].has_not >= 0)
			VTEST(!vsim_features_has(&nic->fns[0]->offered, rows[i].has_not));
		vsim_nic_destroy(nic);
	}
}

static void
bad_configurations_are_refused_in_a_sentence(void)
{
	for (int i = 0; i < 11; i++) {
		struct vsim_nic_conf conf = fixture_conf("full");
		char err[256] = "";

		switch (i) {
		case 0:
			conf.profile = NULL;
			break;
		case 1:
			conf.total_vfs = 257;
			break;
		case 2:
			conf.queue_pairs = 0;
			break;
		case 3:
			conf.queue_pairs = VSIM_MAX_QUEUE_PAIRS + 1;
			break;
		case 4:
			conf.queue_size = 1;
			break;
		case 5:
			conf.queue_size = 100;
			break;
		case 6:
			conf.mtu = 67;
			break;
		case 7:
			conf.speed = 0x80000000;
			break;
		case 8:
			conf.mac[0] = 0x01;
			break;
		case 9:
			conf.workers = 0;
			break;
		case 10:
			conf.workers = VSIM_MAX_WORKERS + 1;
			break;
		}
		errno = 0;
		VTEST(vsim_nic_create(&conf, err, sizeof(err)) == NULL);
		VTEST_EQ(errno, EINVAL);
		VTEST(err[0] != '\0' && strchr(err, '\n') == NULL);
	}
}

static const struct vtest_case cases[] = {
	{ "every_profile_satisfies_its_prerequisites", every_profile_satisfies_its_prerequisites },
	{ "bluefield_lacks_in_order_and_event_idx", bluefield_lacks_in_order_and_event_idx },
	{ "features_have_names_both_ways", features_have_names_both_ways },
	{ "prerequisites_are_found_one_by_one", prerequisites_are_found_one_by_one },
	{ "features_switch_on_and_off", features_switch_on_and_off },
	{ "bad_configurations_are_refused_in_a_sentence",
			bad_configurations_are_refused_in_a_sentence },
};

int
main(int argc, char **argv)
{
	return vtest_main(argc, argv, cases, NB(cases));
}
