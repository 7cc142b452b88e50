/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_TOKEN_H
#define VSR_SIM_HOST_TOKEN_H

/**
 * @file
 * VF tokens: who may open a VF, or a PF whose VFs are in use.
 */

#include "../core/host_bus.h"

/** A new random VF token. */
void host_token_new(uint8_t token[16]);
/** As vfio_pci_core_match(): "0000:01:00.1", or with " vf_token=UUID" behind it. */
int host_token_name_check(struct host *host, struct host_fn *fn, const char *name);

#endif /* VSR_SIM_HOST_TOKEN_H */
