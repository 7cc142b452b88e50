/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef COMMON_COMPAT_H
#define COMMON_COMPAT_H

/**
 * @file
 * Differences between the versions of DPDK that the drivers support, and nothing else.
 */

#include <ethdev_driver.h>
#include <rte_version.h>

/* clang-format off */

/* Since 25.11 the counters per queue have a structure of their own. */
#if RTE_VERSION >= RTE_VERSION_NUM(25, 11, 0, 0)
/** Arguments of a stats_get operation; stats and qstats are names of its arguments. */
#define VSR_STATS_GET_ARGS(eth_dev, stats, qstats) \
	(struct rte_eth_dev *eth_dev, struct rte_eth_stats *stats, \
			struct eth_queue_stats *qstats)
/** Structure for the counters per queue; may be NULL. */
#define VSR_QSTATS(stats, qstats) (qstats)
#else
#define VSR_STATS_GET_ARGS(eth_dev, stats, qstats) \
	(struct rte_eth_dev *eth_dev, struct rte_eth_stats *stats)
#define VSR_QSTATS(stats, qstats) (stats)
#endif

/* clang-format on */

#endif /* COMMON_COMPAT_H */
