/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSIM_CTRL_H
#define VSIM_CTRL_H

/**
 * @file
 * The control queue. Call these functions in the worker of the function only.
 */

#include "vsim/ring/vsim_chain.h"

/** Serve the control queue, after its doorbell was rung.
 * @return true: the bound of one round was reached, and the queue needs another. */
bool vsim_ctrl_run(struct vsim_fn *fn, struct vsim_queue *q);

#endif /* VSIM_CTRL_H */
