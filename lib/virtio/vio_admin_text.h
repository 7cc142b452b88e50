/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_ADMIN_TEXT_H
#define VIO_ADMIN_TEXT_H

/**
 * @file
 * What a device answers, in errno and in words.
 */

#include <stdint.h>

#define VIO_ADMIN_WHY_MAX 160

/** What went wrong last in a call of this thread on any device: one sentence, never NULL. */
const char *vio_admin_why(void);

/** errno of a status, negative; 0 for OK, -EINVAL for one that is not defined. */
int vio_admin_status_errno(uint16_t status);
/** "OK", "EINVAL", ...; NULL when it is not defined. */
const char *vio_admin_status_name(uint16_t status);
/** "invalid member", ...; NULL when it is not defined. */
const char *vio_admin_qualifier_text(uint16_t qualifier);
/** "list_query", ...; NULL when it is not defined. */
const char *vio_admin_opcode_name(uint16_t opcode);
/** Opcode of that name, or -1. */
int vio_admin_opcode_find(const char *name);

/** Note what vio_admin_why() says. @return error, for `return vio_admin_fail(...)`. */
int vio_admin_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* VIO_ADMIN_TEXT_H */
