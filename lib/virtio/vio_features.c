/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Names and prerequisites of feature bits. */

#include <stdio.h>
#include <string.h>

#include "vio_features.h"

static const char *const names[VIRTIO_FEATURE_BITS] = {
#define VIO_NAME(bit, name) [bit] = name,
	VIRTIO_FEATURE_NAMES(VIO_NAME)
#undef VIO_NAME
};

static const struct {
	uint8_t bit, needs;
} prerequisites[] = {
#define VIO_NEED(bit, needs) { bit, needs },
	VIRTIO_FEATURE_NEEDS(VIO_NEED) VIRTIO_FEATURE_WANTS(VIO_NEED)
#undef VIO_NEED
};

/* Bits that need one of two others (virtio 1.4 5.1.3.1). */
static const struct {
	uint8_t bit, one, other;
} either[] = {
	{ VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_TSO6 },
	{ VIRTIO_NET_F_HOST_ECN, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6 },
	{ VIRTIO_NET_F_RSC_EXT, VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_HOST_TSO6 },
	{ VIRTIO_NET_F_HASH_TUNNEL, VIRTIO_NET_F_RSS, VIRTIO_NET_F_HASH_REPORT },
};

#define NB(a) (sizeof(a) / sizeof((a)[0]))

const char *
vio_feature_name(unsigned int bit)
{
	return bit < NB(names) ? names[bit] : NULL;
}

struct vio_features
vio_features_close(struct vio_features *set)
{
	const struct vio_features before = *set;
	struct vio_features last;

	do {
		last = *set;
		for (size_t i = 0; i < NB(prerequisites); i++)
			if (!vio_features_has(set, prerequisites[i].needs))
				vio_features_del(set, prerequisites[i].bit);
		for (size_t i = 0; i < NB(either); i++)
			if (!vio_features_has(set, either[i].one) &&
					!vio_features_has(set, either[i].other))
				vio_features_del(set, either[i].bit);
	} while (memcmp(&last, set, sizeof(last)) != 0);
	return vio_features_minus(&before, set);
}

void
vio_features_format(const struct vio_features *set, char *buf, size_t buf_len)
{
	size_t used = 0;

	if (buf_len == 0)
		return;
	buf[0] = '\0';
	for (unsigned int bit = 0; bit < VIRTIO_FEATURE_BITS; bit++) {
		char name[40];
		size_t len;

		if (!vio_features_has(set, bit))
			continue;
		if (names[bit] != NULL)
			snprintf(name, sizeof(name), "%s%s", used == 0 ? "" : " ", names[bit]);
		else
			snprintf(name, sizeof(name), "%sbit%u", used == 0 ? "" : " ", bit);
		len = strlen(name);
		if (used + len >= buf_len)
			return;
		memcpy(buf + used, name, len + 1);
		used += len;
	}
	if (used == 0)
		snprintf(buf, buf_len, "none");
}
