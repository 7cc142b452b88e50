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

#endif /* VIO_ADMIN_TEXT_H */
