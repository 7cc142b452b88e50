/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_BDF_H
#define VSR_SIM_BDF_H

/**
 * @file
 * Names of functions on the bus: "DDDD:BB:DD.F" and the 16-bit routing id inside.
 */

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Domain and routing id (bus, device, function) of a name; the domain may be left out. */
struct bdf {
	uint16_t domain;
	uint16_t rid;
};

/** @return 0, or -EINVAL when the text is not a name (trailing characters count). */
static inline int
bdf_parse(const char *text, struct bdf *out)
{
	unsigned int domain = 0, bus, dev, fn;
	int end = -1;

	if (sscanf(text, "%4x:%2x:%2x.%1u%n", &domain, &bus, &dev, &fn, &end) != 4 || end < 0 ||
			text[end] != '\0') {
		domain = 0;
		end = -1;
		if (sscanf(text, "%2x:%2x.%1u%n", &bus, &dev, &fn, &end) != 3 || end < 0 ||
				text[end] != '\0')
			return -EINVAL;
	}
	if (dev > 31 || fn > 7)
		return -EINVAL;
	out->domain = (uint16_t)domain;
	out->rid = (uint16_t)(bus << 8 | dev << 3 | fn);
	return 0;
}

/** Write the full name; 13 bytes are enough. */
static inline void
bdf_format(struct bdf bdf, char *out, size_t len)
{
	snprintf(out, len, "%04x:%02x:%02x.%u", bdf.domain, bdf.rid >> 8, (bdf.rid >> 3) & 31,
			bdf.rid & 7u);
}

/**
 * Name of VF n (from 1) of a PF: routing id PF + offset + (n - 1) * stride, carries into the bus
 * number included (PCI Express Base Specification 9.2.1.2 "VF Discovery").
 * @return whether it still fits on the buses there are.
 */
static inline bool
bdf_of_vf(const char *pf, uint16_t offset, uint16_t stride, unsigned int n, char *out, size_t len)
{
	struct bdf bdf;
	uint32_t rid;

	if (bdf_parse(pf, &bdf) != 0)
		return false;
	rid = bdf.rid + (uint32_t)offset + (uint32_t)(n - 1) * stride;
	if (rid > UINT16_MAX)
		return false;
	bdf.rid = (uint16_t)rid;
	bdf_format(bdf, out, len);
	return true;
}

#endif /* VSR_SIM_BDF_H */
