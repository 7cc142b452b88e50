/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Bytes as pairs of hexadecimal digits. */

#include <errno.h>
#include <string.h>

#include "base_hex.h"

int
base_hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20; /* lower case */
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
base_hex_parse(const char *text, uint8_t *data, size_t max)
{
	const size_t len = strlen(text);

	if (len % 2 != 0 || len / 2 > max)
		return -EINVAL;
	for (size_t i = 0; i < len; i += 2) {
		const int high = base_hex_digit(text[i]), low = base_hex_digit(text[i + 1]);

		if (high < 0 || low < 0)
			return -EINVAL;
		data[i / 2] = (uint8_t)(high << 4 | low);
	}
	return (int)(len / 2);
}

void
base_hex_format(const uint8_t *data, size_t len, char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*text++ = digits[data[i] >> 4];
		*text++ = digits[data[i] & 15];
	}
	*text = '\0';
}
