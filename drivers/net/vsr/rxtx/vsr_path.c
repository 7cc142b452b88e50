/* SPDX-License-Identifier: BSD-3-Clause
 * Copyright (c) 2026 The vsr authors
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cpuflags.h>
#include <rte_cycles.h>
#include <rte_kvargs.h>
#include <rte_vect.h>

#include "../base/vsr_dev.h"

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

static int
flag_off_parse(const char *key, const char *value, void *arg)
{
	bool *off = arg;

	if (value == NULL || (strcmp(value, "0") != 0 && strcmp(value, "1") != 0))
		return -EINVAL;
	*off = value[0] == '0';
	return 0;
}

/* A second is more than anybody can mean. */
static int
delay_parse(const char *key, const char *value, void *arg)
{
	unsigned long us_asked;
	uint32_t *us = arg;
	char *end;

	if (value == NULL || value[0] < '0' || value[0] > '9')
		return -EINVAL;
	errno = 0;
	us_asked = strtoul(value, &end, 10);
	*us = (uint32_t)us_asked;
	return errno != 0 || *end != '\0' || us_asked > US_PER_S ? -EINVAL : 0;
}

static int
rx_path_parse(const char *key, const char *value, void *arg)
{
	struct vsr_args *args = arg;

	for (const struct vsr_rx_path *p = vsr_rx_paths; value != NULL && p->name != NULL; p++)
		if (strcmp(p->name, value) == 0) {
			snprintf(args->rx_path, sizeof(args->rx_path), "%s", value);
			return 0;
		}
	return -EINVAL;
}

static int
tx_path_parse(const char *key, const char *value, void *arg)
{
	struct vsr_args *args = arg;

	for (const struct vsr_tx_path *p = vsr_tx_paths; value != NULL && p->name != NULL; p++)
		if (strcmp(p->name, value) == 0) {
			snprintf(args->tx_path, sizeof(args->tx_path), "%s", value);
			return 0;
		}
	return -EINVAL;
}

int
vsr_args_parse(struct vsr_dev *dev, const char *args)
{
	static const char *const keys[] = { "packed", "mrg_rxbuf", "in_order", "rx_path", "tx_path",
		"tx_db_delay_us", NULL };
	const struct {
		arg_handler_t parse;
		void *to;
	} handlers[] = {
		{ flag_off_parse, &dev->args.no_packed },
		{ flag_off_parse, &dev->args.no_mrg_rxbuf },
		{ flag_off_parse, &dev->args.no_in_order },
		{ rx_path_parse, &dev->args },
		{ tx_path_parse, &dev->args },
		{ delay_parse, &dev->args.tx_db_delay_us },
	};
	struct rte_kvargs *kvlist;
	int ret = 0;

	if (args == NULL || args[0] == '\0')
		return 0;
	kvlist = rte_kvargs_parse(args, keys);
	if (kvlist == NULL) {
		VSR_LOG(ERR, dev,
				"device arguments \"%s\" are not made of "
				"packed=, mrg_rxbuf=, in_order= (0 or 1), rx_path=, tx_path=, "
				"tx_db_delay_us=",
				args);
		return -EINVAL;
	}
	for (unsigned int i = 0; ret == 0 && keys[i] != NULL; i++) {
		ret = rte_kvargs_process(kvlist, keys[i], handlers[i].parse, handlers[i].to);
		if (ret != 0) {
			VSR_LOG(ERR, dev, "device argument %s has a bad value in \"%s\"", keys[i],
					args);
			ret = -EINVAL;
		}
	}
	rte_kvargs_free(kvlist);
	return ret;
}
