/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <errno.h>
#include <string.h>

#include <rte_cpuflags.h>
#include <rte_vect.h>

#include "vsr_path.h"
#include "vsr_rx.h"
#include "vsr_tx.h"
#include "vsr_vec.h"

/* clang-format off: tables in columns. */
const struct vsr_rx_path vsr_rx_paths[] = {
/* name             burst                  packed mrg    single simd */
#ifdef VSR_HAVE_AVX512
	{ "packed_avx512", vsr_rx_packed_avx512, true, true, true, 512 },
	{ "split_avx512", vsr_rx_split_avx512, false, true, true, 512 },
#endif
#ifdef VSR_HAVE_AVX2
	{ "packed_avx2", vsr_rx_packed_avx2, true, true, true, 256 },
	{ "split_avx2", vsr_rx_split_avx2, false, true, true, 256 },
#endif
	{ "packed", vsr_rx_packed, true, false, true, 0 },
	{ "packed_mrg", vsr_rx_packed_mrg, true, true, false, 0 },
	{ "split", vsr_rx_split, false, false, true, 0 },
	{ "split_mrg", vsr_rx_split_mrg, false, true, false, 0 },
	{ NULL, NULL, false, false, false, 0 },
};

const struct vsr_tx_path vsr_tx_paths[] = {
/* name             burst                  packed simd */
#ifdef VSR_HAVE_AVX512
	{ "packed_avx512", vsr_tx_packed_avx512, true, 512 },
	{ "split_avx512", vsr_tx_split_avx512, false, 512 },
#endif
#ifdef VSR_HAVE_AVX2
	{ "packed_avx2", vsr_tx_packed_avx2, true, 256 },
	{ "split_avx2", vsr_tx_split_avx2, false, 256 },
#endif
	{ "packed", vsr_tx_packed, true, 0 },
	{ "split", vsr_tx_split, false, 0 },
	{ NULL, NULL, false, 0 },
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

/* A row must do what was negotiated: the ring has that layout, the packets come that way. */
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
