/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_PATH_H
#define VSR_PATH_H

/**
 * @file
 * The path table: all variants of the bursts, and the choice between them.
 */

#include "../base/vsr_dev.h"

/** A variant of the RX burst; a row of vsr_path_list.h. */
struct vsr_rx_path {
	const char *name;
	eth_rx_burst_t burst;
	bool packed; /**< For packed rings; else for split rings. */
	bool mergeable; /**< Receives packets that span several buffers. */
	bool single; /**< Serves devices without mergeable buffers. */
	uint16_t simd; /**< Bits of the vectors that it needs; 0: none. */
};

/** A variant of the TX burst; a row of vsr_path_list.h. */
struct vsr_tx_path {
	const char *name;
	eth_tx_burst_t burst;
	bool packed; /**< For packed rings; else for split rings. */
	uint16_t simd; /**< Bits of the vectors that it needs; 0: none. */
};

/** All paths in this build, the best first; the last row has the name NULL. */
extern const struct vsr_rx_path vsr_rx_paths[];
extern const struct vsr_tx_path vsr_tx_paths[];

/** True if the processor has vectors of so many bits (0, 256 or 512) and the application allows
 * them (--force-max-simd-bitwidth). */
bool vsr_simd_fits(uint16_t simd);
/** Set rx_path and tx_path of the port. @return 0, or -EINVAL: a forced path does not fit. */
int vsr_path_choose(struct vsr_dev *dev);

#endif /* VSR_PATH_H */
