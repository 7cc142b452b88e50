/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef BRIDGE_METHODS_H
#define BRIDGE_METHODS_H

/**
 * @file
 * The methods of vsr-bridge.
 */

#include <time.h>

#include "daemon/server.h"

struct bridge {
	struct server *server;
	time_t started; /**< CLOCK_MONOTONIC, seconds. */
};

/** All methods; ends with a row without a name. */
extern const struct rpc_method bridge_methods[];

#endif /* BRIDGE_METHODS_H */
