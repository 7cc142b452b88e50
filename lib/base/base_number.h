/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_NUMBER_H
#define BASE_NUMBER_H

/**
 * @file
 * Numbers that users write.
 *
 * A number has digits only: no sign, no space, nothing after it. Leading zeros mean nothing, so 010
 * is ten. A number above the limit is refused; it does not wrap.
 */

#include <stdint.h>

/** Parse a decimal number. @return 0, -EINVAL (no number), or -ERANGE (above max). */
int base_number_parse(const char *text, uint64_t max, uint64_t *value);
/** As base_number_parse(); a number after 0x is hexadecimal. */
int base_number_parse_any(const char *text, uint64_t max, uint64_t *value);
/** Parse an octal number, such as the mode of a file. */
int base_number_parse_octal(const char *text, uint64_t max, uint64_t *value);

#endif /* BASE_NUMBER_H */
