/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_HEX_H
#define BASE_HEX_H

/**
 * @file
 * Bytes as pairs of hexadecimal digits.
 */

#include <stddef.h>
#include <stdint.h>

/** @return 0 to 15, or -1 when the character is no hexadecimal digit. */
int base_hex_digit(char c);

/**
 * Parse text that holds nothing but pairs of digits.
 * @param data  Out: at most max bytes; undefined on error.
 * @return number of bytes, or -EINVAL: not pairs of digits, or more than max bytes.
 */
int base_hex_parse(const char *text, uint8_t *data, size_t max);

/** Write bytes as digits in lower case; text has room for 2 * len + 1 characters. */
void base_hex_format(const uint8_t *data, size_t len, char *text);

#endif /* BASE_HEX_H */
