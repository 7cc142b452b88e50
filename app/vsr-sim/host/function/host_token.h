/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_SIM_HOST_TOKEN_H
#define VSR_SIM_HOST_TOKEN_H

/**
 * @file
 * VF tokens: which programs may open a VF, or a PF whose VFs are in use.
 */

#include "../core/host_bus.h"

/** Make a random VF token. */
void host_token_new(uint8_t token[16]);
/**
 * Check the name that a program opens a device by: "0000:01:00.1" or
 * "0000:01:00.1 vf_token=UUID", as vfio_pci_core_match() does.
 * @return 0; -ENODEV: another function; -EINVAL: no such form, or a token where none is allowed;
 *         -EACCES: no token or the wrong one.
 */
int host_token_check(struct host *host, struct host_fn *fn, const char *name);

#endif /* VSR_SIM_HOST_TOKEN_H */
