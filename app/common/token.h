/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_TOKEN_H
#define VSR_COMMON_TOKEN_H

/**
 * @file
 * VF tokens and the files that store them. vfio-pci requires the token of the PF from a process
 * that opens a VF of that PF.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/base_uuid.h"

#define TOKEN_LEN (BASE_UUID_LEN + 1) /**< Room for a token and its terminator. */

/**
 * Parse a UUID and write it in lower case. All zeros are refused: VFIO treats them as no token.
 * @return 0 or -EINVAL.
 */
int token_parse(const char *text, char token[TOKEN_LEN]);

/** Make a random token (RFC 4122 version 4). @return 0 or the error of getrandom(2). */
int token_make(char token[TOKEN_LEN]);

/** Path of the token file of a PF: RUN_DIR/BDF.token. @return 0 or -ENAMETOOLONG. */
int token_path(const char *run_dir, const char *bdf, char *path, size_t path_len);

/**
 * Store a token in a file with mode 0600; create its folder, with mode 0700, if it does not exist.
 * On failure the file is as before.
 * @return 0 or -errno.
 */
int token_store(const char *path, const char *token);

/**
 * Read a token file.
 * @return 0, -ENOENT, -EINVAL (the file has no token), or -errno.
 */
int token_load(const char *path, char token[TOKEN_LEN]);

/** Remove a token file, if it exists. */
void token_drop(const char *path);

#endif /* VSR_COMMON_TOKEN_H */
