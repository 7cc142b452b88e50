/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_ARGS_H
#define VSR_ARGS_H

/**
 * @file
 * Parse the device arguments of a port.
 */

#include "../base/vsr_dev.h"

/** Parse args, "rx_path=...,packed=0" or NULL, into dev->args. @return 0, or -EINVAL (logged). */
int vsr_args_parse(struct vsr_dev *dev, const char *args);

#endif /* VSR_ARGS_H */
