/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_ADMIN_PRIV_H
#define VIO_ADMIN_PRIV_H

/**
 * @file
 * What the files of the admin engine share: vio_admin.c moves commands, vio_admin_cmds.c is what
 * they say, vio_admin_text.c puts answers in words.
 */

#include "vio_admin.h"

/** Note what vio_admin_why() says. @return error, for `return vio_admin_fail(...)`. */
int vio_admin_fail(int error, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** The same from the answer of the device. @return its errno. */
int vio_admin_refused(const struct vio_admin_cmd *cmd);

#endif /* VIO_ADMIN_PRIV_H */
