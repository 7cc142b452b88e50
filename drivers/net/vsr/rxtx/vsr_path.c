/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */

/* The path table, and the choice of a path for a port. */

#include <errno.h>
#include <string.h>

#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "vsr_path.h"
#include "vsr_rx.h"
#include "vsr_tx.h"
#include "vsr_vec.h"

#define LAYOUT_packed true
#define LAYOUT_split false

#define RX_PATH(name, layout, mergeable, single, simd) \
	{ #name, vsr_rx_##name, LAYOUT_##layout, mergeable, single, simd },
#define TX_PATH(name, layout, simd) { #name, vsr_tx_##name, LAYOUT_##layout, simd },

/* clang-format off */
const struct vsr_rx_path vsr_rx_paths[] = {
#ifdef VSR_HAVE_AVX512
	VSR_RX_AVX512(RX_PATH, )
#endif
#ifdef VSR_HAVE_AVX2
	VSR_RX_AVX2(RX_PATH, )
#endif
	VSR_RX_SCALAR(RX_PATH, )
	{ .name = NULL },
};

const struct vsr_tx_path vsr_tx_paths[] = {
#ifdef VSR_HAVE_AVX512
	VSR_TX_AVX512(TX_PATH, )
#endif
#ifdef VSR_HAVE_AVX2
	VSR_TX_AVX2(TX_PATH, )
#endif
	VSR_TX_SCALAR(TX_PATH, )
	{ .name = NULL },
};
/* clang-format on */

bool
vsr_simd_fits(uint16_t simd)
{
	if (simd > rte_vect_get_max_simd_bitwidth())
		return false;
#if defined(VSR_HAVE_AVX2)
	if (simd == 256)
		return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX2) == 1;
	if (simd == 512)
		return rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512F) == 1 &&
				rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512BW) == 1 &&
				rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512DQ) == 1 &&
				rte_cpu_get_flag_enabled(RTE_CPUFLAG_AVX512VL) == 1;
#endif
	return simd == 0;
}

static uint16_t
simd_most(void)
{
	return vsr_simd_fits(512) ? 512 : vsr_simd_fits(256) ? 256 : 0;
}

/* The path supports the negotiated ring layout and receive buffers. */
static bool
rx_fits(const struct vsr_dev *dev, const struct vsr_rx_path *path)
{
	return path->packed == vsr_has(dev, VIRTIO_F_RING_PACKED) &&
			(vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF) ? path->mergeable : path->single) &&
			vsr_simd_fits(path->simd);
}

static bool
tx_fits(const struct vsr_dev *dev, const struct vsr_tx_path *path)
{
	return path->packed == vsr_has(dev, VIRTIO_F_RING_PACKED) && vsr_simd_fits(path->simd);
}

/* No path is forced, or this one. */
static bool
named(const char *wanted, const char *name)
{
	return wanted[0] == '\0' || strcmp(wanted, name) == 0;
}

int
vsr_path_choose(struct vsr_dev *dev)
{
	const struct vsr_rx_path *rx = vsr_rx_paths;
	const struct vsr_tx_path *tx = vsr_tx_paths;

	while (rx->name != NULL && !(named(dev->args.rx_path, rx->name) && rx_fits(dev, rx)))
		rx++;
	while (tx->name != NULL && !(named(dev->args.tx_path, tx->name) && tx_fits(dev, tx)))
		tx++;
	if (rx->name == NULL || tx->name == NULL) {
		VSR_LOG(ERR, dev,
				"%s=%s does not fit what was negotiated with the device "
				"(%s rings, mergeable buffers %s, vectors of %u bits)",
				rx->name == NULL ? "rx_path" : "tx_path",
				rx->name == NULL ? dev->args.rx_path : dev->args.tx_path,
				vsr_has(dev, VIRTIO_F_RING_PACKED) ? "packed" : "split",
				vsr_has(dev, VIRTIO_NET_F_MRG_RXBUF) ? "on" : "off", simd_most());
		return -EINVAL;
	}
	dev->rx_path = rx;
	dev->tx_path = tx;
	return 0;
}
