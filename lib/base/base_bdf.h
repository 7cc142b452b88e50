/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_BDF_H
#define BASE_BDF_H

/**
 * @file
 * Addresses of PCI functions as text: domain, bus, device and function, "DDDD:BB:DD.F".
 */

#include <stdint.h>

#define BASE_BDF_LEN 16 /**< Room for "0000:01:00.0" and its terminator. */

struct base_bdf {
	uint16_t domain;
	uint16_t rid; /**< Routing id: bus << 8 | device << 3 | function. */
};

/**
 * Parse an address. The domain may be left out and is then 0.
 * @return 0, or -EINVAL when the text is not exactly one address.
 */
int base_bdf_parse(const char *text, struct base_bdf *bdf);

/** Write the full form: four, two, two and one digits in lower case. */
void base_bdf_format(struct base_bdf bdf, char text[BASE_BDF_LEN]);

/**
 * Write the full form of an address given as text: "0000:01:00.0" for "1:0.0".
 * @return 0 or -EINVAL.
 */
int base_bdf_expand(const char *text, char full[BASE_BDF_LEN]);

#endif /* BASE_BDF_H */
