/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_FEATURES_H
#define VIO_FEATURES_H

/**
 * @file
 * Sets of feature bits.
 *
 * Bit numbers reach 70 (virtio 1.4 5.1.3), so a set does not fit one word. A set is a structure, so
 * that it cannot be confused with a bit number. Functions take bit numbers (VIRTIO_F_*,
 * VIRTIO_NET_F_*), never masks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "virtio_spec/features.h"

/** Set of the 128 bits that the common configuration has. */
struct vio_features {
	uint64_t w[VIRTIO_FEATURE_BITS / 64];
};

/** True if the bit is in the set; false for a number past the last bit. */
static inline bool
vio_features_has(const struct vio_features *set, unsigned int bit)
{
	return bit < VIRTIO_FEATURE_BITS && (set->w[bit / 64] >> (bit % 64) & 1) != 0;
}

/** Add a bit. */
static inline void
vio_features_add(struct vio_features *set, unsigned int bit)
{
	if (bit < VIRTIO_FEATURE_BITS)
		set->w[bit / 64] |= UINT64_C(1) << (bit % 64);
}

/** Remove a bit. */
static inline void
vio_features_del(struct vio_features *set, unsigned int bit)
{
	if (bit < VIRTIO_FEATURE_BITS)
		set->w[bit / 64] &= ~(UINT64_C(1) << (bit % 64));
}

/** Bits of a that are not in b. */
static inline struct vio_features
vio_features_minus(const struct vio_features *a, const struct vio_features *b)
{
	struct vio_features r;

	for (size_t i = 0; i < VIRTIO_FEATURE_BITS / 64; i++)
		r.w[i] = a->w[i] & ~b->w[i];
	return r;
}

/** True if the set has no bit. */
static inline bool
vio_features_empty(const struct vio_features *set)
{
	uint64_t any = 0;

	for (size_t i = 0; i < VIRTIO_FEATURE_BITS / 64; i++)
		any |= set->w[i];
	return any == 0;
}

/** The set of the listed bit numbers; use VIO_FEATURES(). */
static inline struct vio_features
vio_features_of(const uint8_t *bits, size_t nb_bits)
{
	struct vio_features r = { { 0 } };

	for (size_t i = 0; i < nb_bits; i++)
		vio_features_add(&r, bits[i]);
	return r;
}

/** The set of one or more bit numbers: VIO_FEATURES(VIRTIO_NET_F_MAC, VIRTIO_F_VERSION_1). */
#define VIO_FEATURES(...) \
	vio_features_of((const uint8_t[]){ __VA_ARGS__ }, sizeof((const uint8_t[]){ __VA_ARGS__ }))

/** Name of a bit ("mrg_rxbuf"), or NULL if it has none. */
const char *vio_feature_name(unsigned int bit);

/**
 * Remove bits that lack a prerequisite, until none does (virtio 1.4 5.1.3.1).
 * @return the removed bits.
 */
struct vio_features vio_features_close(struct vio_features *set);

/**
 * Write the names of a set, separated by spaces, unknown bits as "bitN"; "none" for no bit.
 * The text is always terminated, and cut after a name if it does not fit.
 */
void vio_features_format(const struct vio_features *set, char *buf, size_t buf_len);

#endif /* VIO_FEATURES_H */
