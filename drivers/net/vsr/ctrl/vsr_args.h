/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_ARGS_H
#define VSR_ARGS_H

/**
 * @file
 * Device arguments.
 */

#include "../base/vsr_dev.h"

/** Take device arguments apart. @return 0, or -EINVAL (logged). */
int vsr_args_parse(struct vsr_dev *dev, const char *args);

#endif /* VSR_ARGS_H */
