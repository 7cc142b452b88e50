/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BASE_PATH_H
#define BASE_PATH_H

/**
 * @file
 * Folders and files that no other user may have made or can change.
 *
 * A process with privileges must not follow what another user left at a path: a link to elsewhere,
 * a folder whose files the other user replaces, a pipe that nobody writes. "Other user" means
 * neither root nor the user of this process.
 */

#include <stdbool.h>
#include <stddef.h>

/**
 * Open a folder. The last part of the path must not be a symbolic link.
 * @param create  Create the folder, with mode 0700, if it does not exist.
 * @return the folder, -ENOENT, -ENOTDIR for a link and any other file, -EPERM if the folder belongs
 *         to another user or others may write to it, or the error of a system call.
 */
int base_folder_open(const char *path, bool create);

/**
 * Open a file of an open folder to read it.
 * @return the file, -ENOENT, -ELOOP for a link, -EINVAL if it is no regular file, -EPERM if it
 *         belongs to another user or others may write to it, or the error of a system call.
 */
int base_file_open(int folder, const char *name);

/** Split a path at its last slash. @return 0, -EINVAL (no name), or -ENAMETOOLONG. */
int base_path_split(const char *path, char *folder, size_t folder_len, const char **name);

/** What an error of these functions means, for messages. */
const char *base_path_error(int ret);

#endif /* BASE_PATH_H */
