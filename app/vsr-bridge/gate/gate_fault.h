/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef GATE_FAULT_H
#define GATE_FAULT_H

/**
 * @file
 * Faults on memory that a front end shares. A front end can truncate its file at any time; an
 * access of this process beyond the new end raises SIGBUS. The page is then replaced by one of this
 * process, so that the access goes on, and the file is noted, so that its guest can be ended.
 */

#include "gate_check.h"

#define GATE_FAULT_FILES 16384

/**
 * Handle SIGBUS in this process from now on. A fault on a file that was not added is handled as
 * before.
 * @return an event descriptor that is readable after a fault, or -errno. The next call returns the
 *         same.
 */
int gate_fault_start(void);

/**
 * Expect faults on a file. Any thread.
 * @return a number for gate_fault_remove() and gate_fault_seen(), or -ENOSPC.
 */
int gate_fault_add(const struct gate_file *file);
/** Do not expect faults any more; nobody has a map of the file. No effect for a negative number. */
void gate_fault_remove(int number);
/** Whether a page of the file was replaced. */
bool gate_fault_seen(int number);

#endif /* GATE_FAULT_H */
