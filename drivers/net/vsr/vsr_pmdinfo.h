/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_PMDINFO_H
#define VSR_PMDINFO_H

/**
 * @file
 * Device arguments, for dpdk-pmdinfo.py.
 */

#include "rxtx/vsr_path_list.h"

/* clang-format off */
#define VSR_PARAMS                                                                      \
	"class=net rx_path=" VSR_RX_NAMES " tx_path=" VSR_TX_NAMES                      \
	" tx_db_delay_us=<0-1000000> "                                                  \
	"packed=<0|1> mrg_rxbuf=<0|1> in_order=<0|1> reset_timeout_ms=<1-600000>"
/* clang-format on */

#endif /* VSR_PMDINFO_H */
