/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_COMMON_TOKEN_H
#define VSR_COMMON_TOKEN_H

/**
 * @file
 * VF tokens: the secret that vfio-pci asks for when a VF is opened whose PF it holds too, and the
 * file that keeps it for those who may know.
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/base_uuid.h"

#define TOKEN_LEN (BASE_UUID_LEN + 1) /**< Room for a token and its terminator. */

/**
 * A UUID as people write it, made lower case. All zeros is no token: VFIO takes it for none.
 * @return 0 or -EINVAL.
 */
int token_parse(const char *text, char token[TOKEN_LEN]);

/** A new random one (RFC 4122 version 4). @return 0 or the error of getrandom(2). */
int token_make(char token[TOKEN_LEN]);

/** Name of the file for a PF: RUN_DIR/BDF.token. @return 0 or -ENAMETOOLONG. */
int token_path(const char *run_dir, const char *bdf, char *path, size_t path_len);

/**
 * Keep a token in a file that its owner alone can read (0600, in a folder made 0700 if it is not
 * there). Either the whole file is there afterwards, or what was there before.
 * @return 0 or -errno.
 */
int token_store(const char *path, const char *token);

/**
 * Read one back.
 * @return 0, -ENOENT, -EINVAL (it holds no token), or -errno.
 */
int token_load(const char *path, char token[TOKEN_LEN]);

/** Remove the file; fine when there is none. */
void token_drop(const char *path);

#endif /* VSR_COMMON_TOKEN_H */
