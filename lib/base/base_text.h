/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

/**
 * @file
 * Text from outside: names of processes and files, words of clients, errors that quote them.
 *
 * Such bytes need not be UTF-8, and can have control sequences for the terminal of the reader.
 * Every text passes base_text_clean() before it gets into JSON, into a log or onto a terminal.
 */

#include <stddef.h>

/**
 * Copy a text as valid UTF-8 without control characters. Each byte that does not belong to a
 * printable character is written as \xNN. A text that is clean does not change.
 *
 * The copy ends before the first character or \xNN that does not fit.
 *
 * @param out   Out: the copy, always terminated; must not overlap text.
 * @param size  Bytes of out, at least 1.
 * @return bytes of the copy without its terminator.
 */
size_t base_text_clean(char *out, size_t size, const char *text);

/** Number of characters of a clean text. */
size_t base_text_width(const char *text);

/** Bytes of the first characters of a clean text, at most max characters. */
size_t base_text_cut(const char *text, size_t max);

#endif /* BASE_TEXT_H */
