/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_VARIANT_LEGACY_H
#define BRIDGE_VARIANT_LEGACY_H

/**
 * @file
 * The variant legacy: a transitional function, whose legacy registers are those of the owner's
 * administration commands.
 */

#include "variant.h"

extern const struct variant variant_legacy;

#endif /* BRIDGE_VARIANT_LEGACY_H */
