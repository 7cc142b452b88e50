/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* Text from outside, made valid and printable. */

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base_text.h"

/* Decode one character. @return its bytes, or 0: not UTF-8. */
static size_t
decode(const unsigned char *text, uint32_t *code)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	const size_t len = text[0] < 0x80 ? 1 :
			text[0] >= 0xf0   ? 4 :
			text[0] >= 0xe0   ? 3 :
			text[0] >= 0xc0   ? 2 :
					    0;

	if (len <= 1) {
		*code = text[0];
		return len;
	}
	*code = text[0] & (0x7fu >> len);
	for (size_t i = 1; i < len; i++) { /* the terminator is no continuation */
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		*code = *code << 6 | (text[i] & 0x3f);
	}
	/* Overlong, surrogate, or above the last character. */
	if (*code < least[len] || (*code >= 0xd800 && *code < 0xe000) || *code > 0x10ffff)
		return 0;
	return len;
}

/* Controls, and characters that break lines or turn the direction of what follows. */
static bool
is_printable(uint32_t code)
{
	return code >= 0x20 && (code < 0x7f || code >= 0xa0) && code != 0x2028 && code != 0x2029 &&
			code != 0x200e && code != 0x200f && code != 0x061c && code != 0xfeff &&
			!(code >= 0x202a && code <= 0x202e) && !(code >= 0x2066 && code <= 0x2069);
}

size_t
base_text_clean(char *out, size_t size, const char *text)
{
	const unsigned char *in = (const unsigned char *)text;
	size_t at = 0;

	while (*in != '\0') {
		uint32_t code;
		const size_t len = decode(in, &code);

		if (len != 0 && is_printable(code)) {
			if (at + len >= size)
				break;
			memcpy(out + at, in, len);
			at += len;
			in += len;
			continue;
		}
		if (at + 4 >= size)
			break;
		snprintf(out + at, 5, "\\x%02x", *in++);
		at += 4;
	}
	out[at] = '\0';
	return at;
}

size_t
base_text_width(const char *text)
{
	size_t width = 0;

	for (; *text != '\0'; text++)
		width += ((unsigned char)*text & 0xc0) != 0x80;
	return width;
}

size_t
base_text_cut(const char *text, size_t max)
{
	size_t at = 0;

	for (; text[at] != '\0'; at++)
		if (((unsigned char)text[at] & 0xc0) != 0x80 && max-- == 0)
			break;
	return at;
}
