/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_ADMIN_TEXT_H
#define VIO_ADMIN_TEXT_H

/**
 * @file
 * Names of opcodes, statuses and qualifiers, and the errno of a status.
 */

#include <stdint.h>

/** -errno of a status; 0 for OK, -EINVAL for an undefined status. */
int vio_admin_status_errno(uint16_t status);
/** "OK", "EINVAL", ...; NULL for an undefined status. */
const char *vio_admin_status_name(uint16_t status);
/** "no such member", ...; NULL for an undefined qualifier. */
const char *vio_admin_qualifier_text(uint16_t qualifier);
/** "list_query", ...; NULL for an undefined opcode. */
const char *vio_admin_opcode_name(uint16_t opcode);
/** Opcode of that name, or -1: there is none. */
int vio_admin_opcode_find(const char *name);

#endif /* VIO_ADMIN_TEXT_H */
