/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_PMDINFO_H
#define VSR_PMDINFO_H

/**
 * @file
 * Driver information for dpdk-pmdinfo.py.
 *
 * DPDK's own build generates this string with a script, but DPDK does not install that script.
 * vsr_pci.c checks at build time that these numbers are those of its PCI table.
 */

#include "rxtx/vsr_path_list.h"

#define VSR_KMODS "* vfio-pci"
#define VSR_PARAMS                                                                      \
	"rx_path=" VSR_RX_NAMES " tx_path=" VSR_TX_NAMES " tx_db_delay_us=<0-1000000> " \
	"packed=<0|1> mrg_rxbuf=<0|1> in_order=<0|1> reset_timeout_ms=<1-600000>"

/* In decimal, since JSON has no hexadecimal numbers. */
#define VSR_PMDINFO_VENDOR 6900
#define VSR_PMDINFO_DEVICE 4161
#define VSR_PMDINFO_DEVICE_TRANSITIONAL 4096
#define VSR_PMDINFO_ANY 65535

#define VSR_PMDINFO_STR(x) VSR_PMDINFO_STR_(x)
#define VSR_PMDINFO_STR_(x) #x
/* clang-format off */
#define VSR_PMDINFO_ID(device)                                                        \
	"[" VSR_PMDINFO_STR(VSR_PMDINFO_VENDOR) ", " VSR_PMDINFO_STR(device) ", "     \
	VSR_PMDINFO_STR(VSR_PMDINFO_ANY) ", " VSR_PMDINFO_STR(VSR_PMDINFO_ANY) "]"

#define VSR_PMDINFO                                                                   \
	"PMD_INFO_STRING= {\"name\": \"net_vsr\", \"params\": \"" VSR_PARAMS          \
	"\", \"kmod\": \"" VSR_KMODS "\", \"pci_ids\": ["                             \
	VSR_PMDINFO_ID(VSR_PMDINFO_DEVICE) ", "                                       \
	VSR_PMDINFO_ID(VSR_PMDINFO_DEVICE_TRANSITIONAL) "]}"
/* clang-format on */

#endif /* VSR_PMDINFO_H */
