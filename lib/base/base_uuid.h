/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_UUID_H
#define BASE_UUID_H

/**
 * @file
 * UUIDs (RFC 4122) as text, such as "f81d4fae-7dec-41d0-a765-00a0c91e6bf6", and as 16 bytes.
 */

#include <stdint.h>

#define BASE_UUID_LEN 36 /**< Characters of the text, without its terminator. */

/**
 * Parse the UUID at the start of a text. The caller checks what follows its 36 characters.
 * @return 0 or -EINVAL.
 */
int base_uuid_parse(const char *text, uint8_t uuid[16]);

/** Write a UUID in lower case. */
void base_uuid_format(const uint8_t uuid[16], char text[BASE_UUID_LEN + 1]);

/** Make a random UUID (version 4). @return 0, or the error of getrandom(2). */
int base_uuid_make(uint8_t uuid[16]);

#endif /* BASE_UUID_H */
