/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VDPA_PMDINFO_H
#define VDPA_PMDINFO_H

/**
 * @file
 * Device arguments, for dpdk-pmdinfo.py.
 */

#define VDPA_PARAMS                                                           \
	"class=vdpa vf_token=<uuid> host_notifier=<0|1> mode=<direct|relay> " \
	"reset_timeout_ms=<1-600000>"

#endif /* VDPA_PMDINFO_H */
