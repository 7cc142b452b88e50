/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VIO_ERR_H
#define VIO_ERR_H

/**
 * @file
 * Error text: one sentence that explains why a function of this library failed.
 *
 * No function of this library logs. A function that fails returns -errno, and where its errno does
 * not say everything, sets the error text of the calling thread. Each thread has its own text, so
 * that several may fail at once.
 */

#define VIO_ERR_MAX 256 /**< Bytes, including the terminating zero. */

/** Error text of the last failure in this thread, without newline; "" before the first one. The
 * next failure overwrites it. */
const char *vio_err(void);

/** Set the error text. @return ret, for `return vio_fail(-EINVAL, ...)`. */
int vio_fail(int ret, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif /* VIO_ERR_H */
