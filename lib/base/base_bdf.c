/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Addresses of PCI functions as text. */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base_bdf.h"

int
base_bdf_parse(const char *text, struct base_bdf *bdf)
{
	unsigned int domain, bus, device, function;
	int end = -1;

	/* sscanf() also takes spaces, signs and "0x". */
	if (text[strspn(text, "0123456789abcdefABCDEF:.")] != '\0')
		return -EINVAL;
	if (sscanf(text, "%4x:%2x:%2x.%1x%n", &domain, &bus, &device, &function, &end) != 4 ||
			text[end] != '\0') {
		domain = 0;
		if (sscanf(text, "%2x:%2x.%1x%n", &bus, &device, &function, &end) != 3 ||
				text[end] != '\0')
			return -EINVAL;
	}
	if (device > 31 || function > 7)
		return -EINVAL;
	bdf->domain = (uint16_t)domain;
	bdf->rid = (uint16_t)(bus << 8 | device << 3 | function);
	return 0;
}

void
base_bdf_format(struct base_bdf bdf, char text[BASE_BDF_LEN])
{
	snprintf(text, BASE_BDF_LEN, "%04x:%02x:%02x.%x", bdf.domain, bdf.rid >> 8,
			bdf.rid >> 3 & 31, bdf.rid & 7u);
}

int
base_bdf_expand(const char *text, char full[BASE_BDF_LEN])
{
	struct base_bdf bdf;
	const int ret = base_bdf_parse(text, &bdf);

	if (ret == 0)
		base_bdf_format(bdf, full);
	return ret;
}
