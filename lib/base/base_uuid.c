/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* UUIDs as text and as bytes. */

#include <errno.h>
#include <stdbool.h>
#include <sys/random.h>

#include "base_hex.h"
#include "base_uuid.h"

static bool
dash_precedes(unsigned int byte)
{
	return byte == 4 || byte == 6 || byte == 8 || byte == 10;
}

int
base_uuid_parse(const char *text, uint8_t uuid[16])
{
	for (unsigned int i = 0; i < 16; i++) {
		int high, low;

		if (dash_precedes(i) && *text++ != '-')
			return -EINVAL;
		high = base_hex_digit(text[0]);
		low = high < 0 ? -1 : base_hex_digit(text[1]);
		if (low < 0)
			return -EINVAL;
		uuid[i] = (uint8_t)(high << 4 | low);
		text += 2;
	}
	return 0;
}

void
base_uuid_format(const uint8_t uuid[16], char text[BASE_UUID_LEN + 1])
{
	for (unsigned int i = 0; i < 16; i++) {
		if (dash_precedes(i))
			*text++ = '-';
		base_hex_format(&uuid[i], 1, text);
		text += 2;
	}
}

int
base_uuid_make(uint8_t uuid[16])
{
	/* Requests of up to 256 bytes are never answered in part. */
	if (getrandom(uuid, 16, 0) != 16)
		return -errno;
	uuid[6] = (uuid[6] & 0x0f) | 0x40; /* version 4 */
	uuid[8] = (uuid[8] & 0x3f) | 0x80; /* variant 1 */
	return 0;
}
