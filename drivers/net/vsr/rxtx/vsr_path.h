/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#ifndef VSR_PATH_H
#define VSR_PATH_H

/**
 * @file
 * The variants of the bursts, and the choice between them.
 */

#include "../base/vsr_dev.h"

/** A variant of the RX burst. */
struct vsr_rx_path {
	const char *name;
	eth_rx_burst_t burst;
	bool packed; /**< Layout of the ring. */
	bool mergeable; /**< Takes packets in several buffers. */
	bool single; /**< Takes a device without mergeable buffers. */
	uint16_t simd; /**< Bits of the vectors it needs; 0: none. */
};

/** A variant of the TX burst. */
struct vsr_tx_path {
	const char *name;
	eth_tx_burst_t burst;
	bool packed; /**< Layout of the ring. */
	uint16_t simd; /**< Bits of the vectors it needs; 0: none. */
};

/** All variants, ended by a NULL name; best first. */
extern const struct vsr_rx_path vsr_rx_paths[];
extern const struct vsr_tx_path vsr_tx_paths[];

/** The processor has vectors of so many bits (0, 256 or 512), and the application lets drivers
 * use them (--force-max-simd-bitwidth). */
bool vsr_simd_fits(uint16_t simd);
/** Choose dev->rx_path and tx_path. @return 0, or -EINVAL (a forced row does not fit, logged). */
int vsr_path_choose(struct vsr_dev *dev);

#endif /* VSR_PATH_H */
