/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_STATS_H
#define VSR_STATS_H

/**
 * @file
 * Basic and extended statistics.
 */

#include "../../../common_compat.h"
#include "../base/vsr_dev.h"

int vsr_stats_get VSR_STATS_GET_ARGS(eth_dev, stats, qstats);
int vsr_stats_reset(struct rte_eth_dev *eth_dev);
int vsr_xstats_get(struct rte_eth_dev *eth_dev, struct rte_eth_xstat *xstats, unsigned int n);
int vsr_xstats_get_names(struct rte_eth_dev *eth_dev, struct rte_eth_xstat_name *names,
		unsigned int n);

#endif /* VSR_STATS_H */
