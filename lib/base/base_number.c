/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Numbers that users write. */

#include <errno.h>

#include "base_number.h"

/* @return the value of a digit, or 99. */
static unsigned int
digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	c |= 0x20; /* lower case */
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 99;
}

static int
parse(const char *text, unsigned int base, uint64_t max, uint64_t *value)
{
	uint64_t number = 0;
	int ret = 0;

	if (*text == '\0')
		return -EINVAL;
	for (; *text != '\0'; text++) {
		const unsigned int d = digit(*text);

		if (d >= base)
			return -EINVAL;
		if (d > max || number > (max - d) / base)
			ret = -ERANGE; /* unless the rest is no number */
		else
			number = number * base + d;
	}
	if (ret == 0)
		*value = number;
	return ret;
}

int
base_number_parse(const char *text, uint64_t max, uint64_t *value)
{
	return parse(text, 10, max, value);
}

int
base_number_parse_any(const char *text, uint64_t max, uint64_t *value)
{
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		return parse(text + 2, 16, max, value);
	return parse(text, 10, max, value);
}

int
base_number_parse_octal(const char *text, uint64_t max, uint64_t *value)
{
	return parse(text, 8, max, value);
}
